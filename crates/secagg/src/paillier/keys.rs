//! Keys, encryption and decryption.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, U1024, U2048, U4096, Uint};
use crypto_primes::Flavor;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::montgomery::{Form, Modulus};
use crate::error::Error;

/// Bytes of a ciphertext.
pub(super) const CIPHERTEXT: usize = 512;
/// Bytes of a plaintext.
pub(super) const PLAINTEXT: usize = 256;
/// Bits of the random exponents: half of the modulus (section 4.2 of the paper).
const EXPONENT: usize = 1024;
/// Bits of an exponent that one table serves.
const WINDOW: usize = 7;
/// Tables.
const WINDOWS: usize = EXPONENT.div_ceil(WINDOW);

/// A public key: the modulus N and the base h^N mod N², where h = −x² for a random x.
#[derive(Clone, PartialEq, Eq)]
pub struct PaillierKey {
    n: Odd<U2048>,
    base: U4096,
}

impl PaillierKey {
    /// Bytes of a key.
    pub const BYTES: usize = PLAINTEXT + CIPHERTEXT;

    /// Its bytes: N, then the base, little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.n.to_le_bytes().as_ref(), self.base.to_le_bytes().as_ref()].concat()
    }

    /// # Errors
    /// [`Error::Malformed`] unless they are an odd number of 2048 bits and a smaller one than its square.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |what| Error::Malformed { message: "Paillier key", what };
        if bytes.len() != Self::BYTES {
            return Err(malformed("another length"));
        }
        let (n, base) = bytes.split_at(PLAINTEXT);
        let n: Option<Odd<U2048>> = U2048::from_le_slice(n).to_odd().into();
        let n = n.filter(|n| n.bits_vartime() == 2048).ok_or_else(|| malformed("not a modulus of 2048 bits"))?;
        let base = U4096::from_le_slice(base);
        if base >= square(&n) || base < U4096::from(2u64) {
            return Err(malformed("the base is not a residue"));
        }
        Ok(Self { n, base })
    }

    pub(super) fn n(&self) -> &Odd<U2048> {
        &self.n
    }

    /// The arithmetic modulo N².
    pub(super) fn ring(&self) -> FixedMontyParams<64> {
        // The square of an odd number is odd.
        FixedMontyParams::new_vartime(Odd::new(square(&self.n)).unwrap_or_default())
    }

    /// A ciphertext from its bytes: a number in [1, N²).
    pub(super) fn ciphertext(&self, bytes: &[u8; CIPHERTEXT]) -> Option<U4096> {
        let ciphertext = U4096::from_le_slice(bytes);
        (ciphertext < square(&self.n) && ciphertext != U4096::ZERO).then_some(ciphertext)
    }
}

fn square(n: &U2048) -> U4096 {
    n.concatenating_mul(n)
}

/// A public key with the tables that make encryption fast: 9.6 MB, made once per key.
pub struct Encryptor {
    key: PaillierKey,
    modulus: Modulus,
    /// Of each window, base^(digit · 2^(7·window)) for every digit.
    tables: Vec<[Form; 1 << WINDOW]>,
}

impl Encryptor {
    /// Makes the tables.
    ///
    /// Cost: 19,000 multiplications modulo N².
    #[must_use]
    pub fn new(key: PaillierKey) -> Self {
        let modulus = Modulus::new(&key.ring());
        let mut step = modulus.form(&key.base);
        let mut tables = Vec::with_capacity(WINDOWS);
        for _ in 0..WINDOWS {
            let mut table = [modulus.one(); 1 << WINDOW];
            for digit in 1..1 << WINDOW {
                table[digit] = modulus.mul(&table[digit - 1], &step);
            }
            step = modulus.mul(&table[(1 << WINDOW) - 1], &step);
            tables.push(table);
        }
        Self { key, modulus, tables }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PaillierKey {
        &self.key
    }

    pub(super) fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// (1 + mN)·base^α mod N², for a random α. Every table is read whole, so that time does not depend on α.
    ///
    /// Cost: 148 multiplications modulo N².
    pub(super) fn encrypt<R: CryptoRng + ?Sized>(&self, plaintext: &U2048, rng: &mut R) -> U4096 {
        let mut exponent = [0u8; EXPONENT / 8 + 8];
        rng.fill_bytes(&mut exponent[..EXPONENT / 8]);
        let mut blinding = self.modulus.one();
        for (window, table) in self.tables.iter().enumerate() {
            blinding = self.modulus.mul(&blinding, &look_up(table, digit(&exponent, window)));
        }
        exponent.zeroize();
        let message: U4096 = plaintext.concatenating_mul(self.key.n.as_ref());
        // The Montgomery product of a plain number and one in Montgomery form is plain.
        U4096::from_words(self.modulus.mul(message.wrapping_add(&U4096::ONE).as_words(), &blinding))
    }
}

/// The digit of a window; `exponent` has eight bytes more than its bits need.
fn digit(exponent: &[u8], window: usize) -> u64 {
    let bit = window * WINDOW;
    let mut word = [0; 8];
    word.copy_from_slice(&exponent[bit / 8..bit / 8 + 8]);
    (u64::from_le_bytes(word) >> (bit % 8)) & ((1 << WINDOW) - 1)
}

/// `table[digit]`, reading every entry, a few words of all of them at a time so that the sums stay in registers.
fn look_up(table: &[Form; 1 << WINDOW], digit: u64) -> Form {
    const BLOCK: usize = 16;
    let mut words = [0u64; 64];
    for (block, out) in words.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let mut sum = [0u64; BLOCK];
        for (i, entry) in table.iter().enumerate() {
            // All ones if i = digit: the difference minus one borrows only then.
            let mask = 0u64.wrapping_sub(((i as u64 ^ digit).wrapping_sub(1)) >> 63);
            let from = &entry[block * BLOCK..(block + 1) * BLOCK];
            sum.iter_mut().zip(from).for_each(|(sum, from)| *sum |= from & mask);
        }
        *out = sum;
    }
    words
}

/// A secret key. Wiped when dropped; it has no `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PaillierSecret {
    p: U1024,
    q: U1024,
    #[zeroize(skip)]
    key: PaillierKey,
}

impl PaillierSecret {
    /// A fresh key: two primes of 1024 bits that are 3 mod 4.
    ///
    /// Cost: about a second.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut prime = || -> U1024 {
            loop {
                let p: U1024 = crypto_primes::random_prime(rng, Flavor::Any, 1024);
                if p.as_words()[0] % 4 == 3 {
                    return p;
                }
            }
        };
        let (p, q, n) = loop {
            let (p, q) = (prime(), prime());
            let n: U2048 = p.concatenating_mul(&q);
            let n: Option<Odd<U2048>> = n.to_odd().into();
            if let Some(n) = n.filter(|n| p != q && n.bits_vartime() == 2048) {
                break (p, q, n);
            }
        };
        let modulus = FixedMontyParams::new(n);
        let x = FixedMontyForm::new(&uniform_below(&n, rng), &modulus);
        let h: U4096 = x.square().neg().retrieve().resize();
        let mut key = PaillierKey { n, base: h };
        key.base = FixedMontyForm::new(&h, &key.ring()).pow(n.as_ref()).retrieve();
        Self { p, q, key }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PaillierKey {
        self.key.clone()
    }

    /// Decrypts modulo p² and q² (Paillier 1999, section 7).
    ///
    /// Cost: two powers of 1024 bits modulo 2048 bits.
    pub(super) fn decrypt(&self, ciphertext: &U4096) -> U2048 {
        let modulo_p = residue(ciphertext, &self.p, &self.q);
        let modulo_q = residue(ciphertext, &self.q, &self.p);
        // m = m_p + p·((m_q − m_p)/p mod q)
        let q = odd(&self.q);
        let field = FixedMontyParams::new(q);
        let in_q = |number: &U1024| FixedMontyForm::new(&number.rem(q.as_nz_ref()), &field);
        let inverse = in_q(&self.p).invert().unwrap_or(FixedMontyForm::zero(&field));
        let difference = in_q(&modulo_q).sub(&in_q(&modulo_p)).mul(&inverse).retrieve();
        let wide: U2048 = self.p.concatenating_mul(&difference);
        wide.wrapping_add(&modulo_p.resize())
    }
}

/// The plaintext mod p: L(c^(p−1) mod p²) · (−q)^−1 mod p, where L(u) = (u − 1)/p.
fn residue(ciphertext: &U4096, p: &U1024, q: &U1024) -> U1024 {
    let square: U2048 = p.concatenating_mul(p);
    let square: Odd<U2048> = odd(&square);
    let ring = FixedMontyParams::new(square);
    let reduced = FixedMontyForm::new(&ciphertext.rem(square.as_nz_ref()), &ring);
    let power = reduced.pow(&p.wrapping_sub(&U1024::ONE)).retrieve();
    let p = odd(p);
    let (quotient, _) = power.wrapping_sub(&U2048::ONE).div_rem(p.as_nz_ref());
    let field = FixedMontyParams::new(p);
    let minus_q = FixedMontyForm::new(&q.rem(p.as_nz_ref()), &field).neg();
    let inverse = minus_q.invert().unwrap_or(FixedMontyForm::zero(&field));
    FixedMontyForm::new(&quotient.resize(), &field).mul(&inverse).retrieve()
}

/// A number known to be odd: a prime of a key, or its square.
fn odd<const LIMBS: usize>(number: &Uint<LIMBS>) -> Odd<Uint<LIMBS>> {
    Odd::new(*number).unwrap_or_default()
}

/// A uniform number below `bound`, which has its top bit set.
pub(super) fn uniform_below<R: CryptoRng + ?Sized>(bound: &Odd<U2048>, rng: &mut R) -> U2048 {
    loop {
        let mut bytes = [0; PLAINTEXT];
        rng.fill_bytes(&mut bytes);
        let number = U2048::from_le_slice(&bytes);
        if number < *bound.as_ref() && number != U2048::ZERO {
            return number;
        }
    }
}

/// (`a` − `b`) mod N.
pub(super) fn difference(key: &PaillierKey, a: &U2048, b: &U2048) -> U2048 {
    let n: &NonZero<U2048> = key.n().as_nz_ref();
    a.sub_mod(b, n)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn what_is_encrypted_decrypts_and_products_add() {
        let mut rng = seeded(1);
        let secret = PaillierSecret::generate(&mut rng);
        let key = PaillierKey::from_bytes(&secret.public().to_bytes()).unwrap();
        assert!(key == secret.public());
        let encryptor = Encryptor::new(key.clone());
        let ring = key.ring();
        let (a, b) = (uniform_below(key.n(), &mut rng), uniform_below(key.n(), &mut rng));
        let (x, y) = (encryptor.encrypt(&a, &mut rng), encryptor.encrypt(&b, &mut rng));
        assert!(secret.decrypt(&x) == a && secret.decrypt(&y) == b);
        assert!(encryptor.encrypt(&a, &mut rng) != x, "randomised");
        let product = FixedMontyForm::new(&x, &ring).mul(&FixedMontyForm::new(&y, &ring)).retrieve();
        assert!(secret.decrypt(&product) == a.add_mod(&b, key.n().as_nz_ref()));
        assert!(difference(&key, &a.add_mod(&b, key.n().as_nz_ref()), &b) == a);
        // The base is an N-th power: its plaintext is 0, whatever the exponent.
        assert!(secret.decrypt(&encryptor.encrypt(&U2048::ZERO, &mut rng)) == U2048::ZERO);
        assert!(PaillierKey::from_bytes(&[0; PaillierKey::BYTES]).is_err());
    }
}
