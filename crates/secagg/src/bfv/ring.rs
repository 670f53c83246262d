//! Z_q[X]/(X^N + 1), where q is the product of three primes of 60 bits: what ciphertexts are made of.
//!
//! Polynomials are kept as their values at the roots of X^N + 1 modulo each prime, where sums and products are taken
//! element by element. Transforms: Longa and Naehrig 2016, "Speeding up the Number Theoretic Transform", algorithms 1 and 2.
//! No branch and no index depends on a coefficient.

use std::sync::OnceLock;

use rand_core::CryptoRng;
use zeroize::Zeroize;

/// The degree.
pub(super) const N: usize = 8192;
/// Primes that are 1 modulo 2N, and what their product is made of.
pub(super) const PRIMES: [u64; 3] = [0x0fff_ffff_ffff_c001, 0x0fff_ffff_fffe_8001, 0x0fff_ffff_fffd_8001];
/// A root of unity of order 2N modulo each.
const ROOTS: [u64; 3] = [527_760_526_715_669_589, 609_248_293_264_176_271, 353_405_849_166_470_586];
/// Bits of a residue.
const BITS: usize = 60;
/// Bytes of a polynomial.
pub(super) const BYTES: usize = PRIMES.len() * N * BITS / 8;

/// Arithmetic modulo one prime p < 2^60.
#[derive(Clone, Copy)]
pub(super) struct Modulus {
    pub(super) p: u64,
    /// −1/p modulo 2^64.
    negative_inverse: u64,
    /// 2^128 modulo p.
    square: u64,
}

impl Modulus {
    const fn new(p: u64) -> Self {
        let mut inverse = 1u64;
        let mut i = 0;
        while i < 6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
            i += 1;
        }
        let square = (u128::MAX % p as u128) as u64 + 1;
        Self { p, negative_inverse: inverse.wrapping_neg(), square }
    }

    /// x − p if that is no less than zero, for x < 2p.
    fn once(self, x: u64) -> u64 {
        let less = x.wrapping_sub(self.p);
        less.wrapping_add(self.p & (less >> 63).wrapping_neg())
    }

    /// x/2^64 modulo p, for x < 2^64·p.
    fn shrink(self, x: u128) -> u64 {
        let m = (x as u64).wrapping_mul(self.negative_inverse);
        self.once(((x + u128::from(m) * u128::from(self.p)) >> 64) as u64)
    }

    pub(super) fn mul(self, a: u64, b: u64) -> u64 {
        let shrunk = self.shrink(u128::from(a) * u128::from(b));
        self.shrink(u128::from(shrunk) * u128::from(self.square))
    }

    pub(super) fn add(self, a: u64, b: u64) -> u64 {
        self.once(a + b)
    }

    pub(super) fn sub(self, a: u64, b: u64) -> u64 {
        self.once(a + self.p - b)
    }

    /// A number below 2^123 in size, modulo p.
    pub(super) fn reduce(self, x: i128) -> u64 {
        let size = self.shrink(u128::from(self.shrink(x.unsigned_abs())) * u128::from(self.square));
        let sign = (x >> 127) as u64;
        // p − size if x is negative; size is 0 only where p − size would be p.
        self.once((size & !sign) | ((self.p - size) & sign))
    }

    pub(super) fn power(self, base: u64, mut exponent: u64) -> u64 {
        let (mut power, mut square) = (1, base);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = self.mul(power, square);
            }
            square = self.mul(square, square);
            exponent >>= 1;
        }
        power
    }

    pub(super) fn inverse(self, x: u64) -> u64 {
        self.power(x, self.p - 2)
    }
}

pub(super) const MODULI: [Modulus; 3] = [Modulus::new(PRIMES[0]), Modulus::new(PRIMES[1]), Modulus::new(PRIMES[2])];

/// A constant factor, and its quotient by p: for products without divisions (Shoup).
#[derive(Clone, Copy)]
struct Factor {
    value: u64,
    quotient: u64,
}

impl Factor {
    fn new(value: u64, p: u64) -> Self {
        Self { value, quotient: ((u128::from(value) << 64) / u128::from(p)) as u64 }
    }

    fn mul(self, x: u64, modulus: Modulus) -> u64 {
        let quotient = ((u128::from(self.quotient) * u128::from(x)) >> 64) as u64;
        modulus.once(self.value.wrapping_mul(x).wrapping_sub(quotient.wrapping_mul(modulus.p)))
    }
}

/// Powers of a root, in the order in which transforms take them.
struct Tables {
    forward: Vec<Factor>,
    backward: Vec<Factor>,
    /// 1/N.
    scale: Factor,
}

fn tables() -> &'static [Tables; 3] {
    static TABLES: OnceLock<[Tables; 3]> = OnceLock::new();
    TABLES.get_or_init(|| {
        [0, 1, 2].map(|i| {
            let modulus = MODULI[i];
            let powers = |root: u64| {
                let reversed = |at: usize| (at as u32).reverse_bits() >> (32 - N.ilog2());
                (0..N).map(|at| Factor::new(modulus.power(root, u64::from(reversed(at))), modulus.p)).collect()
            };
            let scale = Factor::new(modulus.inverse(N as u64), modulus.p);
            Tables { forward: powers(ROOTS[i]), backward: powers(modulus.inverse(ROOTS[i])), scale }
        })
    })
}

/// Coefficients modulo a prime to values.
fn forward(row: &mut [u64], modulus: Modulus, tables: &Tables) {
    let (mut half, mut blocks) = (N / 2, 1);
    while half > 0 {
        for (block, factor) in row.chunks_exact_mut(2 * half).zip(&tables.forward[blocks..]) {
            let (low, high) = block.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                let product = factor.mul(*y, modulus);
                (*x, *y) = (modulus.add(*x, product), modulus.sub(*x, product));
            }
        }
        (half, blocks) = (half / 2, 2 * blocks);
    }
}

/// Values to coefficients modulo a prime.
fn backward(row: &mut [u64], modulus: Modulus, tables: &Tables) {
    let (mut half, mut blocks) = (1, N / 2);
    while blocks > 0 {
        for (block, factor) in row.chunks_exact_mut(2 * half).zip(&tables.backward[blocks..]) {
            let (low, high) = block.split_at_mut(half);
            for (x, y) in low.iter_mut().zip(high) {
                (*x, *y) = (modulus.add(*x, *y), factor.mul(modulus.sub(*x, *y), modulus));
            }
        }
        (half, blocks) = (2 * half, blocks / 2);
    }
    row.iter_mut().for_each(|x| *x = tables.scale.mul(*x, modulus));
}

/// A polynomial, as values. Wiped when dropped; it has no `Debug`.
#[derive(Clone)]
pub(super) struct Poly(Vec<u64>);

impl Drop for Poly {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl Poly {
    pub(super) fn zero() -> Self {
        Self(vec![0; PRIMES.len() * N])
    }

    /// From the residue modulo each prime, by its number, of each coefficient.
    pub(super) fn from_residues(residue: impl Fn(usize, usize) -> u64) -> Self {
        let mut poly = Self::zero();
        for (prime, (row, tables)) in poly.0.chunks_exact_mut(N).zip(tables()).enumerate() {
            row.iter_mut().enumerate().for_each(|(at, x)| *x = residue(prime, at));
            forward(row, MODULI[prime], tables);
        }
        poly
    }

    /// From coefficients below 2^123 in size; those that are missing are 0.
    pub(super) fn from_coefficients(coefficients: &[i128]) -> Self {
        Self::from_residues(|prime, at| MODULI[prime].reduce(coefficients.get(at).copied().unwrap_or(0)))
    }

    /// A uniformly random one.
    pub(super) fn uniform<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut poly = Self::zero();
        for (row, prime) in poly.0.chunks_exact_mut(N).zip(PRIMES) {
            for x in row {
                *x = loop {
                    let mut bytes = [0; 8];
                    rng.fill_bytes(&mut bytes);
                    let number = u64::from_le_bytes(bytes) >> (64 - BITS);
                    if number < prime {
                        break number;
                    }
                };
            }
        }
        poly
    }

    /// The residues of each coefficient, by prime.
    pub(super) fn residues(&self) -> zeroize::Zeroizing<Vec<u64>> {
        let mut rows = zeroize::Zeroizing::new(self.0.clone());
        for ((row, modulus), tables) in rows.chunks_exact_mut(N).zip(MODULI).zip(tables()) {
            backward(row, modulus, tables);
        }
        rows
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.each(other, Modulus::add);
    }

    pub(super) fn mul(&mut self, other: &Self) {
        self.each(other, Modulus::mul);
    }

    pub(super) fn negate(&mut self) {
        for (row, modulus) in self.0.chunks_exact_mut(N).zip(MODULI) {
            row.iter_mut().for_each(|x| *x = modulus.sub(0, *x));
        }
    }

    fn each(&mut self, other: &Self, operation: fn(Modulus, u64, u64) -> u64) {
        for ((row, others), modulus) in self.0.chunks_exact_mut(N).zip(other.0.chunks_exact(N)).zip(MODULI) {
            row.iter_mut().zip(others).for_each(|(x, y)| *x = operation(modulus, *x, *y));
        }
    }

    /// Appends its bytes: 60 bits for each value, in pairs of 15 bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (pairs, _) = self.0.as_chunks::<2>();
        for [first, second] in pairs {
            let pair = u128::from(*first) | u128::from(*second) << BITS;
            out.extend_from_slice(&pair.to_le_bytes()[..2 * BITS / 8]);
        }
    }

    /// What [`write`](Self::write) wrote; `None` for another length, or a value that is not below its prime.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (pairs, rest) = bytes.as_chunks::<{ 2 * BITS / 8 }>();
        if bytes.len() != BYTES || !rest.is_empty() {
            return None;
        }
        let mut values = Vec::with_capacity(PRIMES.len() * N);
        for pair in pairs {
            let mut padded = [0; 16];
            padded[..15].copy_from_slice(pair);
            let pair = u128::from_le_bytes(padded);
            values.extend([(pair & ((1 << BITS) - 1)) as u64, (pair >> BITS) as u64]);
        }
        let poly = Self(values);
        let below = |(row, prime): (&[u64], u64)| row.iter().all(|&value| value < prime);
        poly.0.chunks_exact(N).zip(PRIMES).all(below).then_some(poly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coefficients(poly: &Poly) -> Vec<i128> {
        let signed = |&x: &u64| if x > PRIMES[0] / 2 { i128::from(x) - i128::from(PRIMES[0]) } else { i128::from(x) };
        poly.residues()[..N].iter().map(signed).collect()
    }

    #[test]
    fn products_are_those_of_polynomials_modulo_x_to_the_n_plus_one() {
        let (mut sparse, mut other) = (vec![0i128; N], vec![0i128; N]);
        for (at, value) in [(0, 3), (1, -5), (4000, 7), (N - 1, 11)] {
            sparse[at] = value;
        }
        (0..N).for_each(|at| other[at] = (at as i128 * 37) % 101 - 50);
        let mut expected = vec![0i128; N];
        for (i, x) in sparse.iter().enumerate().filter(|(_, x)| **x != 0) {
            for (j, y) in other.iter().enumerate() {
                match i + j {
                    at if at < N => expected[at] += x * y,
                    at => expected[at - N] -= x * y,
                }
            }
        }
        let mut product = Poly::from_coefficients(&sparse);
        product.mul(&Poly::from_coefficients(&other));
        assert!(coefficients(&product) == expected);
        product.negate();
        product.add(&Poly::from_coefficients(&expected));
        assert!(coefficients(&product).iter().all(|&x| x == 0));
    }

    #[test]
    fn numbers_are_reduced_and_roots_have_their_order() {
        for (modulus, root) in MODULI.into_iter().zip(ROOTS) {
            assert_eq!(modulus.power(root, N as u64), modulus.p - 1);
            for x in [0, 1, -1, i128::from(modulus.p), -i128::from(modulus.p), (1 << 122) + 12345, -(1 << 122) - 1] {
                assert_eq!(i128::from(modulus.reduce(x)), x.rem_euclid(i128::from(modulus.p)), "{x}");
            }
        }
    }

    #[test]
    fn bytes_come_back_and_what_is_no_residue_is_refused() {
        let poly = Poly::uniform(&mut crate::testing::seeded(1));
        let mut bytes = vec![];
        poly.write(&mut bytes);
        assert_eq!(bytes.len(), BYTES);
        assert!(Poly::read(&bytes).is_some_and(|read| read.0 == poly.0));
        assert!(Poly::read(&bytes[1..]).is_none() && Poly::read(&[&bytes[..], &[0]].concat()).is_none());
        bytes[..8].fill(0xff);
        assert!(Poly::read(&bytes).is_none());
    }
}
