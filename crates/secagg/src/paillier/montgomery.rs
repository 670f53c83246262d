//! Multiplication modulo N², 4096 bits: all that encrypting and adding ciphertexts spend their time on.
//!
//! The finely integrated product scan of Koç, Acar, Kaliski 1996, "Analyzing and Comparing Montgomery Multiplication
//! Algorithms", takes a sixth less time than the general product of the big integer crate, which computes the rest. It
//! never branches or indexes on a value.

use crypto_bigint::U4096;
use crypto_bigint::modular::FixedMontyParams;

const WORDS: usize = 64;

/// A number in Montgomery form: x·2^4096 mod N².
pub(super) type Form = [u64; WORDS];

/// The modulus N².
#[derive(Clone)]
pub(super) struct Modulus {
    n: Form,
    /// −1/N² mod 2^64.
    negated_inverse: u64,
    one: Form,
    /// 2^8192 mod N².
    square: Form,
}

impl Modulus {
    pub(super) fn new(ring: &FixedMontyParams<WORDS>) -> Self {
        let n = *ring.modulus().as_ref().as_words();
        // Newton's iteration doubles the bits that are right; an odd number is its own inverse mod 8.
        let inverse = (0..5).fold(n[0], |x, _| x.wrapping_mul(2u64.wrapping_sub(n[0].wrapping_mul(x))));
        Self { n, negated_inverse: inverse.wrapping_neg(), one: *ring.one().as_words(), square: *ring.r2().as_words() }
    }

    /// 1.
    pub(super) fn one(&self) -> Form {
        self.one
    }

    /// The Montgomery form of a number below N².
    pub(super) fn form(&self, number: &U4096) -> Form {
        self.mul(number.as_words(), &self.square)
    }

    /// The number that a form stands for.
    pub(super) fn number(&self, form: &Form) -> U4096 {
        let mut one = [0; WORDS];
        one[0] = 1;
        U4096::from_words(self.mul(form, &one))
    }

    /// a·b/2^4096 mod N², for a and b below N²: word i of the product is complete before any word after it, and so is
    /// the multiple of N² that makes it zero.
    pub(super) fn mul(&self, a: &Form, b: &Form) -> Form {
        let mut factors = [0; WORDS];
        let mut out = [0; WORDS];
        let mut column = Column::default();
        for i in 0..WORDS {
            column.add_products(&a[..i], &b[1..=i], &factors[..i], &self.n[1..=i]);
            column.add(a[i], b[0]);
            factors[i] = column.word().wrapping_mul(self.negated_inverse);
            column.add(factors[i], self.n[0]);
            column.shift();
        }
        for i in 1..WORDS {
            column.add_products(&a[i..], &b[i..], &factors[i..], &self.n[i..]);
            out[i - 1] = column.word();
            column.shift();
        }
        out[WORDS - 1] = column.word();
        column.shift();
        self.reduced(out, column.word())
    }

    /// The sum less N², if it is not below it already.
    fn reduced(&self, sum: Form, top: u64) -> Form {
        let mut difference = [0; WORDS];
        let mut borrow = false;
        for ((out, &sum), &n) in difference.iter_mut().zip(&sum).zip(&self.n) {
            (*out, borrow) = sum.borrowing_sub(n, borrow);
        }
        // Keep the sum if the subtraction borrowed beyond the top word.
        let keep = 0u64.wrapping_sub(u64::from(borrow) & !top & 1);
        for (out, sum) in difference.iter_mut().zip(sum) {
            *out = (*out & !keep) | (sum & keep);
        }
        difference
    }
}

/// A sum of products, of up to 192 bits.
#[derive(Clone, Copy, Default)]
struct Column {
    low: u128,
    high: u64,
}

impl Column {
    #[inline(always)]
    fn add(&mut self, a: u64, b: u64) {
        let (low, carry) = self.low.overflowing_add(u128::from(a) * u128::from(b));
        self.low = low;
        self.high += u64::from(carry);
    }

    /// Adds the products of a with b backwards, and of c with d backwards, in two independent chains of carries.
    #[inline(always)]
    fn add_products(&mut self, a: &[u64], b: &[u64], c: &[u64], d: &[u64]) {
        let mut other = Column::default();
        for ((a, b), (c, d)) in a.iter().zip(b.iter().rev()).zip(c.iter().zip(d.iter().rev())) {
            self.add(*a, *b);
            other.add(*c, *d);
        }
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high += other.high + u64::from(carry);
    }

    fn word(&self) -> u64 {
        self.low as u64
    }

    fn shift(&mut self) {
        self.low = self.low >> 64 | u128::from(self.high) << 64;
        self.high = 0;
    }
}

#[cfg(test)]
mod tests {
    use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
    use crypto_bigint::{Odd, U4096};
    use rand_core::Rng;

    use super::*;
    use crate::testing::seeded;

    #[test]
    fn products_are_those_of_the_big_integer_crate() {
        let mut rng = seeded(1);
        let mut random = || {
            let mut bytes = [0; 512];
            rng.fill_bytes(&mut bytes);
            U4096::from_le_slice(&bytes)
        };
        for modulus in [U4096::MAX, random() | U4096::ONE | (U4096::ONE << 4095), random() | U4096::ONE] {
            let ring = FixedMontyParams::new_vartime(Odd::new(modulus).unwrap());
            let ours = Modulus::new(&ring);
            let edges = [U4096::ZERO, U4096::ONE, modulus.wrapping_sub(&U4096::ONE)];
            let numbers: Vec<U4096> =
                edges.into_iter().chain((0..5).map(|_| random().rem(Odd::new(modulus).unwrap().as_nz_ref()))).collect();
            for a in &numbers {
                for b in &numbers {
                    let expected = FixedMontyForm::new(a, &ring).mul(&FixedMontyForm::new(b, &ring)).retrieve();
                    let product = ours.number(&ours.mul(&ours.form(a), &ours.form(b)));
                    assert!(product == expected);
                }
            }
        }
    }
}
