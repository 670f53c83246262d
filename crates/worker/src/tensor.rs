//! Outputs as messages of the control plane.

use ir::DType;
use schemes::{Plain, Wire};

use crate::proto;

/// A value as a message.
pub(crate) fn to_proto(value: &Plain) -> proto::Tensor {
    let mut data = Vec::new();
    value.write(&mut data);
    let shape = value.shape().iter().map(|n| *n as u64).collect();
    proto::Tensor { dtype: value.dtype().to_string(), shape, data }
}

/// The value of a message; `None` if it is none.
pub(crate) fn from_proto(tensor: &proto::Tensor) -> Option<Plain> {
    let dtype: DType = tensor.dtype.parse().ok()?;
    let shape: Option<Vec<usize>> = tensor.shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    let form = (dtype, shape?);
    // A size that no machine holds must not reach an allocation.
    if tensor.data.len() != Plain::size(&form) {
        return None;
    }
    Plain::read(&tensor.data, &form)
}
