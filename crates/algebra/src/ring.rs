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
    /// `⌊self · mantissa / 2^shift⌋` mod 2^k, of the unsigned value and the exact product, and whether a bit was lost (1
    /// or 0). `mantissa` and `shift` are public.
    #[must_use]
    fn scaled(self, mantissa: u64, shift: u32) -> (Self, Self);
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
    /// Appends the low `width <= BYTES` bytes of each element.
    fn write_low_le(elements: &[Self], width: usize, out: &mut Vec<u8>);
    /// Elements from `width` bytes each, the others being zero; `None` unless the bytes are so many for `count` elements,
    /// and `width <= BYTES`.
    #[must_use]
    fn read_low_le(bytes: &[u8], width: usize, count: usize) -> Option<Vec<Self>>;
    /// Sets the elements' little-endian bytes: `fill` gets all of them at once and must write every one.
    fn fill_le(elements: &mut [Self], fill: impl FnOnce(&mut [u8]));
}

macro_rules! ring {
    ($t:ty, $high:expr, $halves:expr, $scaled:expr) => {
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
            fn scaled(self, mantissa: u64, shift: u32) -> (Self, Self) {
                let scaled: fn($t, u64, u32) -> ($t, $t) = $scaled;
                scaled(self, mantissa, shift)
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
                if !bytes.len().is_multiple_of(size_of::<$t>()) {
                    return None;
                }
                let mut elements = vec![0; bytes.len() / size_of::<$t>()];
                Self::fill_le(&mut elements, |to| to.copy_from_slice(bytes));
                Some(elements)
            }
            fn write_low_le(elements: &[Self], width: usize, out: &mut Vec<u8>) {
                const WHOLE: usize = size_of::<$t>();
                let (start, len) = (out.len(), width * elements.len());
                out.resize(start + len + WHOLE, 0);
                // Whole elements, each over the unwanted bytes of the one before.
                for (i, element) in elements.iter().enumerate() {
                    out[start + i * width..][..WHOLE].copy_from_slice(&element.to_le_bytes());
                }
                out.truncate(start + len);
            }
            fn read_low_le(bytes: &[u8], width: usize, count: usize) -> Option<Vec<Self>> {
                const WHOLE: usize = size_of::<$t>();
                if width > WHOLE || width.checked_mul(count) != Some(bytes.len()) {
                    return None;
                }
                let keep = <$t>::MAX.checked_shr(8 * (WHOLE - width) as u32).unwrap_or(0);
                let whole = |i: usize| {
                    let at = &bytes[i * width..];
                    let mut element = [0; WHOLE];
                    match at.first_chunk::<WHOLE>() {
                        Some(whole) => element = *whole,
                        None => element[..at.len()].copy_from_slice(at),
                    }
                    <$t>::from_le_bytes(element) & keep
                };
                Some((0..count).map(whole).collect())
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
ring!(u64, |_| 0, |low, _| low, scaled_64);
ring!(u128, |x| (x >> 64) as u64, |low, high| u128::from(low) | (u128::from(high) << 64), scaled_128);

#[inline(always)]
fn scaled_64(x: u64, mantissa: u64, shift: u32) -> (u64, u64) {
    let product = u128::from(x) * u128::from(mantissa);
    let Some(quotient) = product.checked_shr(shift) else { return (0, u64::from(product != 0)) };
    (quotient as u64, u64::from(quotient << shift != product))
}

#[inline(always)]
fn scaled_128(x: u128, mantissa: u64, shift: u32) -> (u128, u128) {
    // The product's three words, lowest first, with zeros above.
    let (low, high) = (u128::from(x as u64) * u128::from(mantissa), (x >> 64) * u128::from(mantissa));
    let upper = (low >> 64) + high;
    let words = [low as u64, upper as u64, (upper >> 64) as u64, 0, 0];
    let (skip, by) = ((shift / 64) as usize, shift % 64);
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    // Twice a shift by up to 63 and one: a shift by 64 of a word is none.
    let at = |i: usize| word(i) >> by | (word(i + 1) << 1) << (63 - by);
    let quotient = u128::from(at(skip)) | u128::from(at(skip + 1)) << 64;
    let mut lost = word(skip) & ((1 << by) - 1);
    (0..skip.min(3)).for_each(|i| lost |= words[i]);
    (quotient, u128::from(lost != 0))
}

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
    fn scaling_is_the_floor_of_the_exact_product() {
        let mut words = crate::Prg::new(crate::Seed([4; 16]));
        for x in words.elements::<u64>(50) {
            for (mantissa, shift) in
                [(1, 16), (x | 1, 3), (u64::MAX, 63), (12345, 0), (7, 70), (7, 127), (7, 128), (7, 900)]
            {
                let product = u128::from(x) * u128::from(mantissa);
                let floor = product.checked_shr(shift).unwrap_or(0);
                let lost = floor.checked_shl(shift).unwrap_or(0) != product;
                assert_eq!(x.scaled(mantissa, shift), (floor as u64, u64::from(lost)), "{mantissa} {shift}");
                // The wide product of a small number is the same, and 2^64 times as large that of 2^64·x.
                assert_eq!(u128::from(x).scaled(mantissa, shift), (floor, u128::from(lost)));
                assert_eq!((u128::from(x) << 64).scaled(mantissa, shift + 64), (floor, u128::from(lost)));
            }
        }
        assert_eq!(u128::MAX.scaled(1, 128), (0, 1));
        assert_eq!(0u128.scaled(9, 1000), (0, 0));
        assert_eq!((1u128 << 127).scaled(1 << 63, 190), (1, 0));
    }

    #[test]
    fn bytes_round_trip_and_partial_elements_are_refused() {
        let mut out = vec![9];
        u64::write_le(&[1, 258], &mut out);
        assert_eq!(out[..3], [9, 1, 0]);
        assert_eq!(u64::read_le(&out[1..]), Some(vec![1, 258]));
        assert_eq!(u64::read_le(&out), None);
        assert_eq!(u128::read_le(&[]), Some(vec![]));
        for width in 0..=8 {
            let elements = [u64::MAX, 0x0102_0304_0506_0708, 5];
            let mut out = vec![9];
            u64::write_low_le(&elements, width, &mut out);
            assert_eq!(out.len(), 1 + 3 * width);
            let low = elements.map(|x| if width == 8 { x } else { x & ((1 << (8 * width)) - 1) });
            assert_eq!(u64::read_low_le(&out[1..], width, 3), Some(low.to_vec()));
            assert_eq!(u64::read_low_le(&out, width, 3), None);
        }
        assert_eq!(u64::read_low_le(&[0; 9], 9, 1), None);
    }
}
