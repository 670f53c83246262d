//! Values in the clear, and the kernels of all operators on them: what a player computes at its own host, and the
//! plaintext reference that protected results are compared with.
//!
//! Kernels compute in one of three domains, chosen for what must be exact: truth values; whole numbers (`i64`, `u64`,
//! and sums, orders and choices of fixed point), exactly and with overflow an error, but for `u64`, which is defined
//! modulo 2^64; and real numbers (floats, and products and functions of fixed point) in double precision, rounded to
//! the result's type at the end.

mod apply;
mod cast;
mod exact;
mod normal;
mod number;
mod real;
mod rows;
mod structure;
mod window;
mod wire;

use std::borrow::Cow;
use std::fmt;

use algebra::Tensor;
use ir::{DType, RingBits};
use zeroize::Zeroize;

pub use apply::apply;
pub use cast::{cast, cast_owned};
pub(crate) use exact::running;
pub(crate) use normal::DEFAULT_EPSILON;
pub(crate) use rows::{neighbours, thresholds};
pub(crate) use structure::{index, is_structural, structural};
pub(crate) use window::{as_images, moving, windows};

/// A tensor in the clear. Wiped when dropped.
#[derive(Clone, PartialEq)]
pub enum Plain {
    /// Truth values.
    Bool(Tensor<bool>),
    /// Signed integers.
    I64(Tensor<i64>),
    /// Unsigned integers.
    U64(Tensor<u64>),
    /// Singles.
    F32(Tensor<f32>),
    /// Doubles.
    F64(Tensor<f64>),
    /// Fixed point in Z_2^64, with so many fraction bits.
    Fixed64(Tensor<u64>, u8),
    /// Fixed point in Z_2^128, with so many fraction bits.
    Fixed128(Tensor<u128>, u8),
}

/// Runs an expression on the tensor of whichever type.
macro_rules! each {
    ($plain:expr, $t:ident => $do:expr) => {
        match $plain {
            $crate::plain::Plain::Bool($t) => $do,
            $crate::plain::Plain::I64($t) => $do,
            $crate::plain::Plain::U64($t) => $do,
            $crate::plain::Plain::F32($t) => $do,
            $crate::plain::Plain::F64($t) => $do,
            $crate::plain::Plain::Fixed64($t, _) => $do,
            $crate::plain::Plain::Fixed128($t, _) => $do,
        }
    };
}

impl Plain {
    /// The length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        each!(self, t => t.shape())
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        each!(self, t => t.len())
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of each element.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Self::Bool(_) => DType::Bool,
            Self::I64(_) => DType::I64,
            Self::U64(_) => DType::U64,
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::Fixed64(_, frac) => DType::Fixed { ring: RingBits::B64, frac: *frac },
            Self::Fixed128(_, frac) => DType::Fixed { ring: RingBits::B128, frac: *frac },
        }
    }

    /// As [`to_f64`](Self::to_f64), without a copy of what is in double precision already.
    #[must_use]
    pub fn as_f64(&self) -> Cow<'_, Tensor<f64>> {
        if let Self::F64(t) = self { Cow::Borrowed(t) } else { Cow::Owned(self.to_f64()) }
    }

    /// The elements as doubles, whatever they are: truth values as 0 and 1, large integers rounded.
    #[must_use]
    pub fn to_f64(&self) -> Tensor<f64> {
        match self {
            Self::Bool(t) => t.map(|b| f64::from(u8::from(*b))),
            Self::I64(t) => t.map(|x| *x as f64),
            Self::U64(t) => t.map(|x| *x as f64),
            Self::F32(t) => t.map(|x| f64::from(*x)),
            Self::F64(t) => t.clone(),
            Self::Fixed64(t, frac) => algebra::fixed::decode_tensor(t, u32::from(*frac)),
            Self::Fixed128(t, frac) => algebra::fixed::decode_tensor(t, u32::from(*frac)),
        }
    }
}

/// Values are secrets: only type and shape are shown.
impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype(), self.shape())
    }
}

impl Zeroize for Plain {
    fn zeroize(&mut self) {
        each!(self, t => t.zeroize());
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.zeroize();
    }
}
