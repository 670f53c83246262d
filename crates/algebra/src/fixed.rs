//! Fixed-point encoding: a real `x` is the ring element nearest to x·2^frac, in two's complement.
//!
//! One bit of slack is kept: |x·2^frac| < 2^(k-2), as truncation protocols need. What does not fit is an error,
//! never a wrap, and the error names the position but not the value, which is a secret.

use thiserror::Error;

use crate::ring::Ring;
use crate::tensor::Tensor;

/// A number that has no fixed-point encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FixedError {
    /// Not a number.
    #[error("element {index} is not a number")]
    NotANumber {
        /// Row-major position.
        index: usize,
    },
    /// Positive or negative infinity.
    #[error("element {index} is infinite")]
    Infinite {
        /// Row-major position.
        index: usize,
    },
    /// The value is too large for the ring.
    #[error("element {index} does not fit fixed<{bits}, {frac}>: its magnitude must be below 2^{}", .bits - 2 - .frac)]
    OutOfRange {
        /// Row-major position.
        index: usize,
        /// The ring's bits.
        bits: u32,
        /// Fraction bits.
        frac: u32,
    },
    /// The ring has no room for so many fraction bits.
    #[error("fixed<{bits}, {frac}> leaves no bits for the integer part")]
    Fraction {
        /// The ring's bits.
        bits: u32,
        /// Fraction bits.
        frac: u32,
    },
}

impl FixedError {
    /// A stable code for programs to match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotANumber { .. } => "fixed.not-a-number",
            Self::Infinite { .. } => "fixed.infinite",
            Self::OutOfRange { .. } => "fixed.out-of-range",
            Self::Fraction { .. } => "fixed.fraction",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotANumber { .. } => "remove or impute missing values before sharing them",
            Self::Infinite { .. } => "remove or clip infinite values before sharing them",
            Self::OutOfRange { .. } => "scale the data, take fewer fraction bits, or the larger ring",
            Self::Fraction { .. } => "take fewer fraction bits or the larger ring",
        }
    }

    /// The same fault at another position.
    fn at(self, index: usize) -> Self {
        match self {
            Self::NotANumber { .. } => Self::NotANumber { index },
            Self::Infinite { .. } => Self::Infinite { index },
            Self::OutOfRange { bits, frac, .. } => Self::OutOfRange { index, bits, frac },
            fault @ Self::Fraction { .. } => fault,
        }
    }
}

/// The ring element nearest to x·2^frac; ties go to the even neighbour. An error names index 0.
///
/// Exact: no intermediate is rounded, in Z_2^128 either.
pub fn encode<R: Ring>(x: f64, frac: u32) -> Result<R, FixedError> {
    let bits = R::BITS;
    let room =
        bits.checked_sub(frac.saturating_add(2)).filter(|&r| r > 0).ok_or(FixedError::Fraction { bits, frac })?;
    if x.is_nan() {
        return Err(FixedError::NotANumber { index: 0 });
    }
    if x.is_infinite() {
        return Err(FixedError::Infinite { index: 0 });
    }
    if x.abs() >= power_of_two(room.cast_signed()) {
        return Err(FixedError::OutOfRange { index: 0, bits, frac });
    }
    // Scaling by a power of two is exact, and so are the conversions of whole numbers below.
    let scaled = round_ties_even(x * power_of_two(frac.cast_signed()));
    Ok(if bits == 64 { R::from_i128(i128::from(scaled as i64)) } else { R::from_i128(scaled as i128) })
}

/// The nearest whole number, ties to even. (The standard library's is a call where no instruction can be assumed.)
fn round_ties_even(x: f64) -> f64 {
    // From 2^52 on every float is whole; below, the sum has no bits for a fraction and is rounded by the hardware.
    let whole_from = power_of_two(52);
    let offset = whole_from.copysign(x);
    let rounded = (x + offset) - offset;
    if x.abs() < whole_from { rounded } else { x }
}

/// The real number that an element encodes, rounded to the nearest `f64`.
#[must_use]
pub fn decode<R: Ring>(element: R, frac: u32) -> f64 {
    element.to_i128() as f64 * power_of_two(-frac.min(R::BITS).cast_signed())
}

/// Encodes every element; an error names the first that does not fit.
pub fn encode_slice<R: Ring>(values: &[f64], frac: u32) -> Result<Vec<R>, FixedError> {
    values.iter().enumerate().map(|(index, &x)| encode(x, frac).map_err(|fault| fault.at(index))).collect()
}

/// Encodes every element; an error names the row-major position of the first that does not fit.
pub fn encode_tensor<R: Ring>(values: &Tensor<f64>, frac: u32) -> Result<Tensor<R>, FixedError> {
    Ok(Tensor::from_parts(values.shape().to_vec(), encode_slice(values.data(), frac)?))
}

/// Decodes every element.
#[must_use]
pub fn decode_tensor<R: Ring>(elements: &Tensor<R>, frac: u32) -> Tensor<f64> {
    elements.map(|&e| decode(e, frac))
}

/// 2^exponent for a normal result.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + i64::from(exponent)).cast_unsigned()) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest_and_ties_to_even() {
        let cases = [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (0.49999999999999994, 0), (-2.75, -3)];
        for (x, want) in cases {
            assert_eq!(encode::<u64>(x, 0).unwrap().to_i128(), want, "{x}");
            assert_eq!(encode::<u128>(x, 0).unwrap().to_i128(), want, "{x}");
        }
        assert_eq!(encode::<u64>(f64::from_bits(1), 60), Ok(0));
        assert_eq!(encode::<u64>(-0.0, 16), Ok(0));
    }

    #[test]
    fn large_rings_encode_exactly() {
        let x = 1.0 + f64::EPSILON;
        assert_eq!(encode::<u128>(x, 100).unwrap(), (1 << 100) + (1 << 48));
        assert_eq!(encode::<u128>(-x, 100).unwrap().to_i128(), -(1 << 100) - (1 << 48));
        assert_eq!(decode(encode::<u128>(x, 100).unwrap(), 100), x);
    }

    #[test]
    fn the_limits_of_the_range_are_sharp() {
        for frac in [0, 1, 16, 40, 61] {
            let limit = power_of_two(62 - frac as i32);
            let below = limit.next_down();
            assert!(encode::<u64>(below, frac).is_ok() && encode::<u64>(-below, frac).is_ok());
            assert_eq!(encode::<u64>(limit, frac), Err(FixedError::OutOfRange { index: 0, bits: 64, frac }));
            assert!(encode::<u64>(-limit, frac).is_err());
        }
        assert!(encode::<u128>(power_of_two(126), 0).is_err());
        assert_eq!(encode::<u64>(0.0, 62), Err(FixedError::Fraction { bits: 64, frac: 62 }));
        assert_eq!(encode::<u64>(0.0, u32::MAX - 1), Err(FixedError::Fraction { bits: 64, frac: u32::MAX - 1 }));
    }

    #[test]
    fn the_first_fault_is_named_and_no_value_is() {
        let values = Tensor::new([2, 2], vec![1.0, 1e30, f64::NAN, f64::INFINITY]).unwrap();
        let error = encode_tensor::<u64>(&values, 16).unwrap_err();
        assert_eq!(error.to_string(), "element 1 does not fit fixed<64, 16>: its magnitude must be below 2^46");
        assert_eq!(encode_slice::<u64>(&[0.0, f64::NAN], 8), Err(FixedError::NotANumber { index: 1 }));
        assert_eq!(encode_slice::<u64>(&[f64::NEG_INFINITY], 8), Err(FixedError::Infinite { index: 0 }));
    }
}
