//! The rings Z_2^64 and Z_2^128, and the elements that tensors compute with.
//!
//! Ring operations wrap modulo 2^[`BITS`](Ring::BITS) and never branch on a value: every one of them
//! compiles to a fixed sequence of machine arithmetic.

use std::fmt::Debug;

use zeroize::Zeroize;

use crate::matmul::Gemm;
use crate::simd::cast;

/// An element that tensors can add and multiply: a ring element, a float, or an `i64` with wrapping arithmetic.
///
/// Integers wrap; floats follow IEEE 754.
pub trait Element: Copy + Default + PartialEq + Debug + Send + Sync + Zeroize + Gemm + 'static {
    /// The neutral element of addition.
    const ZERO: Self;
    /// The neutral element of multiplication.
    const ONE: Self;

    /// `self + other`.
    #[must_use]
    fn plus(self, other: Self) -> Self;
    /// `self - other`.
    #[must_use]
    fn minus(self, other: Self) -> Self;
    /// `self · other`.
    #[must_use]
    fn times(self, other: Self) -> Self;
    /// `-self`.
    #[must_use]
    fn negated(self) -> Self;
}

macro_rules! wrapping_element {
    ($($t:ty),*) => {$(
        impl Element for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }
        }
    )*};
}
wrapping_element!(u64, u128, i64);

macro_rules! float_element {
    ($($t:ty),*) => {$(
        impl Element for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn negated(self) -> Self {
                -self
            }
        }
    )*};
}
float_element!(f32, f64);

/// The ring of integers modulo 2^k, for k = 64 (`u64`) and k = 128 (`u128`).
///
/// Signed values are in two's complement: `to_i128` of an element lies in [-2^(k-1), 2^(k-1)).
pub trait Ring: Element + Eq {
    /// The ring's size k in bits.
    const BITS: u32;
    /// The ring's size in bytes.
    const BYTES: usize;

    /// `self + other` mod 2^k.
    #[must_use]
    #[inline(always)]
    fn wadd(self, other: Self) -> Self {
        self.plus(other)
    }
    /// `self - other` mod 2^k.
    #[must_use]
    #[inline(always)]
    fn wsub(self, other: Self) -> Self {
        self.minus(other)
    }
    /// `self · other` mod 2^k.
    #[must_use]
    #[inline(always)]
    fn wmul(self, other: Self) -> Self {
        self.times(other)
    }
    /// `-self` mod 2^k.
    #[must_use]
    #[inline(always)]
    fn wneg(self) -> Self {
        self.negated()
    }
    /// `self · 2^by` mod 2^k; zero for `by >= k`. `by` is public.
    #[must_use]
    fn wshl(self, by: u32) -> Self;
    /// Logical right shift; zero for `by >= k`. `by` is public.
    #[must_use]
    fn lshr(self, by: u32) -> Self;
    /// Arithmetic right shift (floor division of the signed value by 2^by); the sign for `by >= k`. `by` is public.
    #[must_use]
    fn ashr(self, by: u32) -> Self;
    /// The element congruent to `value`.
    #[must_use]
    fn from_i128(value: i128) -> Self;
    /// The signed value, in [-2^(k-1), 2^(k-1)).
    #[must_use]
    fn to_i128(self) -> i128;
    /// The element `value`.
    #[must_use]
    fn from_u64(value: u64) -> Self;
    /// The low 64 bits.
    #[must_use]
    fn low_u64(self) -> u64;
    /// Bits 64 and up (zero in Z_2^64).
    #[must_use]
    fn high_u64(self) -> u64;
    /// The element with these low and high halves (`high` is dropped in Z_2^64).
    #[must_use]
    fn from_halves(low: u64, high: u64) -> Self;
    /// Whether bit `i` is set; false for `i >= k`.
    #[must_use]
    #[inline(always)]
    fn bit(self, i: u32) -> bool {
        self.lshr(i).low_u64() & 1 == 1
    }

    /// Appends the elements' little-endian bytes, [`BYTES`](Self::BYTES) each.
    fn write_le(elements: &[Self], out: &mut Vec<u8>);
    /// Elements from little-endian bytes; `None` unless the length is a multiple of [`BYTES`](Self::BYTES).
    #[must_use]
    fn read_le(bytes: &[u8]) -> Option<Vec<Self>>;
    /// Sets the elements' little-endian bytes: `fill` gets all of them at once and must write every one.
    fn fill_le(elements: &mut [Self], fill: impl FnOnce(&mut [u8]));
}

macro_rules! ring {
    ($t:ty, $high:expr, $halves:expr) => {
        impl Ring for $t {
            const BITS: u32 = <$t>::BITS;
            const BYTES: usize = size_of::<$t>();

            #[inline(always)]
            fn wshl(self, by: u32) -> Self {
                self.checked_shl(by).unwrap_or(0)
            }
            #[inline(always)]
            fn lshr(self, by: u32) -> Self {
                self.checked_shr(by).unwrap_or(0)
            }
            #[inline(always)]
            fn ashr(self, by: u32) -> Self {
                (self.cast_signed() >> by.min(<$t>::BITS - 1)).cast_unsigned()
            }
            #[inline(always)]
            fn from_i128(value: i128) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_i128(self) -> i128 {
                i128::from(self.cast_signed())
            }
            #[inline(always)]
            fn from_u64(value: u64) -> Self {
                <$t>::from(value)
            }
            #[inline(always)]
            fn low_u64(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn high_u64(self) -> u64 {
                let high: fn($t) -> u64 = $high;
                high(self)
            }
            #[inline(always)]
            fn from_halves(low: u64, high: u64) -> Self {
                let join: fn(u64, u64) -> $t = $halves;
                join(low, high)
            }

            fn write_le(elements: &[Self], out: &mut Vec<u8>) {
                if cfg!(target_endian = "little") {
                    out.extend_from_slice(cast::bytes(elements));
                } else {
                    elements.iter().for_each(|e| out.extend_from_slice(&e.to_le_bytes()));
                }
            }
            fn read_le(bytes: &[u8]) -> Option<Vec<Self>> {
                let (chunks, rest) = bytes.as_chunks::<{ size_of::<$t>() }>();
                rest.is_empty().then(|| chunks.iter().map(|c| <$t>::from_le_bytes(*c)).collect())
            }
            fn fill_le(elements: &mut [Self], fill: impl FnOnce(&mut [u8])) {
                fill(cast::bytes_mut(elements));
                if cfg!(target_endian = "big") {
                    elements.iter_mut().for_each(|e| *e = <$t>::from_le(*e));
                }
            }
        }
    };
}
ring!(u64, |_| 0, |low, _| low);
ring!(u128, |x| (x >> 64) as u64, |low, high| u128::from(low) | (u128::from(high) << 64));

#[cfg(test)]
mod tests {
    use super::*;

    fn laws<R: Ring>() {
        let minus_one = R::ZERO.wsub(R::ONE);
        assert_eq!(minus_one.to_i128(), -1);
        assert_eq!(minus_one.wneg(), R::ONE);
        assert_eq!(minus_one.wmul(minus_one), R::ONE);
        assert_eq!(minus_one.ashr(3), minus_one);
        assert_eq!(minus_one.ashr(500), minus_one);
        assert_eq!(minus_one.lshr(R::BITS - 1), R::ONE);
        assert_eq!(minus_one.lshr(R::BITS), R::ZERO);
        assert_eq!(R::ONE.wshl(R::BITS), R::ZERO);
        assert!(R::ONE.wshl(R::BITS - 1).bit(R::BITS - 1));
        assert!(!minus_one.bit(R::BITS));
        assert_eq!(R::from_i128(-7).ashr(1).to_i128(), -4);
        assert_eq!(R::from_halves(5, 0), R::from_u64(5));
    }

    #[test]
    fn both_rings_keep_the_laws() {
        laws::<u64>();
        laws::<u128>();
        assert_eq!(u128::from_halves(1, 2).high_u64(), 2);
    }

    #[test]
    fn bytes_round_trip_and_partial_elements_are_refused() {
        let mut out = vec![9];
        u64::write_le(&[1, 258], &mut out);
        assert_eq!(out[..3], [9, 1, 0]);
        assert_eq!(u64::read_le(&out[1..]), Some(vec![1, 258]));
        assert_eq!(u64::read_le(&out), None);
        assert_eq!(u128::read_le(&[]), Some(vec![]));
    }
}
