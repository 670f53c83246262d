//! Casts: the same numbers in another type. What does not fit is an error that names the position.

use algebra::{Ring, Tensor, fixed};
use ir::{DType, RingBits};

use super::Plain;
use crate::error::{Error, Result};

/// The same numbers as `to`.
///
/// Floats become integers by rounding to nearest (ties to even), fixed point by rounding to nearest (halves up); numbers
/// become truth values by not being zero.
///
/// # Errors
/// If a number does not fit, or is none; the error names the first position.
pub fn cast(x: &Plain, to: DType) -> Result<Plain> {
    if x.dtype() == to {
        return Ok(x.clone());
    }
    match to {
        DType::Bool => Ok(Plain::Bool(x.to_f64().map(|v| *v != 0.0))),
        DType::F32 => Ok(Plain::F32(x.to_f64().map(|v| *v as f32))),
        DType::F64 => Ok(Plain::F64(x.to_f64())),
        DType::I64 | DType::U64 => from_exact(&rounded(x, to)?, to),
        DType::Fixed { ring: RingBits::B64, frac } => Ok(Plain::Fixed64(encode(x, frac, to)?, frac)),
        DType::Fixed { ring: RingBits::B128, frac } => Ok(Plain::Fixed128(encode(x, frac, to)?, frac)),
        DType::Bytes => Err(range(0, to, "numbers are no bytes")),
    }
}

fn range(index: usize, to: DType, why: &'static str) -> Error {
    Error::Range { index, dtype: to.to_string(), why }
}

/// Whole numbers, exactly; reals rounded to nearest.
fn rounded(x: &Plain, to: DType) -> Result<Tensor<i128>> {
    match x {
        Plain::Bool(t) => Ok(t.map(|b| i128::from(*b))),
        Plain::I64(t) => Ok(t.map(|v| i128::from(*v))),
        Plain::U64(t) => Ok(t.map(|v| i128::from(*v))),
        Plain::Fixed64(..) | Plain::Fixed128(..) => {
            let frac = if let DType::Fixed { frac, .. } = x.dtype() { frac } else { 0 };
            Ok(scaled(x).map(|v| rescale(*v, frac, 0).unwrap_or_default()))
        }
        Plain::F32(_) | Plain::F64(_) => {
            let mut index = 0..;
            x.to_f64().try_map(|v| {
                let index = index.next().unwrap_or_default();
                let whole = v.round_ties_even();
                if whole.is_nan() {
                    return Err(range(index, to, "it is not a number"));
                }
                // 2^64 bounds both integer types; the exact bounds are checked with the type.
                if whole.abs() > 2f64.powi(64) { Err(range(index, to, "it is too large")) } else { Ok(whole as i128) }
            })
        }
    }
}

/// [`cast`] of a value that is not needed any more: itself if it has the type.
///
/// # Errors
/// As [`cast`].
pub fn cast_owned(x: Plain, to: DType) -> Result<Plain> {
    if x.dtype() == to { Ok(x) } else { cast(&x, to) }
}

/// The integers that fixed-point numbers are carried by; whole numbers as they are.
pub(super) fn scaled(x: &Plain) -> Tensor<i128> {
    match x {
        Plain::Bool(t) => t.map(|b| i128::from(*b)),
        Plain::I64(t) => t.map(|v| i128::from(*v)),
        Plain::U64(t) => t.map(|v| i128::from(*v)),
        Plain::Fixed64(t, _) => t.map(|v| v.to_i128()),
        Plain::Fixed128(t, _) => t.map(|v| v.to_i128()),
        Plain::F32(_) | Plain::F64(_) => x.to_f64().map(|v| *v as i128),
    }
}

/// `v·2^-from` as a multiple of 2^-to, rounded to nearest, halves up.
fn rescale(v: i128, from: u8, to: u8) -> Option<i128> {
    match to.checked_sub(from) {
        Some(up) => v.checked_mul(1i128.checked_shl(u32::from(up))?),
        None => {
            let down = u32::from(from - to);
            Some(v.checked_add(1 << (down - 1))? >> down)
        }
    }
}

/// Whole numbers as the type that they belong to.
pub(super) fn from_exact(x: &Tensor<i128>, to: DType) -> Result<Plain> {
    let mut index = 0..;
    let mut next = move || index.next().unwrap_or_default();
    let large = "it is too large";
    Ok(match to {
        DType::I64 => Plain::I64(x.try_map(|v| {
            let at = next();
            i64::try_from(*v).map_err(|_| range(at, to, large))
        })?),
        DType::U64 => Plain::U64(x.try_map(|v| {
            let at = next();
            u64::try_from(*v).map_err(|_| range(at, to, if *v < 0 { "it is negative" } else { large }))
        })?),
        DType::Bool => Plain::Bool(x.map(|v| *v != 0)),
        DType::Fixed { ring: RingBits::B64, frac } => Plain::Fixed64(held(x, to)?, frac),
        DType::Fixed { ring: RingBits::B128, frac } => Plain::Fixed128(held(x, to)?, frac),
        DType::F32 | DType::F64 | DType::Bytes => {
            return Err(Error::misuse("whole numbers of a type that is not exact"));
        }
    })
}

/// Ring elements of the integers that carry fixed-point numbers, if these keep the bit of slack.
fn held<R: Ring>(x: &Tensor<i128>, to: DType) -> Result<Tensor<R>> {
    let mut index = 0..;
    x.try_map(|v| {
        let at = index.next().unwrap_or_default();
        let fits = v.unsigned_abs() < 1u128 << (R::BITS - 2);
        if fits { Ok(R::from_i128(*v)) } else { Err(range(at, to, "it is too large")) }
    })
}

fn encode<R: Ring>(x: &Plain, frac: u8, to: DType) -> Result<Tensor<R>> {
    match x.dtype() {
        DType::F32 | DType::F64 => Ok(fixed::encode_tensor(&x.as_f64(), u32::from(frac))?),
        DType::Fixed { frac: from, .. } => shifted(&scaled(x), from, frac, to),
        _ => shifted(&scaled(x), 0, frac, to),
    }
}

fn shifted<R: Ring>(x: &Tensor<i128>, from: u8, frac: u8, to: DType) -> Result<Tensor<R>> {
    let mut index = 0..;
    let x = x.try_map(|v| {
        let at = index.next().unwrap_or_default();
        rescale(*v, from, frac).ok_or_else(|| range(at, to, "it is too large"))
    })?;
    held(&x, to)
}
