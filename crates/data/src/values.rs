//! What a dataset becomes: a tensor of a plain element type, and the keys of its rows.

use std::fmt;

use algebra::Tensor;
use ir::DType;
use zeroize::Zeroize;

/// A tensor in the clear. Wiped when dropped; take a tensor out with [`std::mem::take`].
#[derive(Clone, PartialEq)]
pub enum Values {
    /// Truth values.
    Bool(Tensor<bool>),
    /// Signed integers.
    I64(Tensor<i64>),
    /// Unsigned integers.
    U64(Tensor<u64>),
    /// Singles.
    F32(Tensor<f32>),
    /// Doubles; also for inputs of a fixed-point type.
    F64(Tensor<f64>),
}

macro_rules! each {
    ($values:expr, $t:ident => $do:expr) => {
        match $values {
            Values::Bool($t) => $do,
            Values::I64($t) => $do,
            Values::U64($t) => $do,
            Values::F32($t) => $do,
            Values::F64($t) => $do,
        }
    };
}

impl Values {
    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        each!(self, t => t.shape())
    }

    /// The type of each element.
    pub fn dtype(&self) -> DType {
        match self {
            Values::Bool(_) => DType::Bool,
            Values::I64(_) => DType::I64,
            Values::U64(_) => DType::U64,
            Values::F32(_) => DType::F32,
            Values::F64(_) => DType::F64,
        }
    }
}

/// The values are secrets: only type and shape are shown.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype(), self.shape())
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        each!(self, t => t.zeroize());
    }
}

/// A loaded dataset.
#[derive(Clone, PartialEq)]
pub struct Loaded {
    /// The values, in the shape that the computation declares.
    pub values: Values,
    /// The key of each row, where the dataset names a key column.
    pub keys: Option<Vec<String>>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({:?}, {} keys)", self.values, self.keys.as_ref().map_or(0, Vec::len))
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}
