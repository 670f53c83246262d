//! Operators that only move elements: the same for every kind of tensor, clear or shared.

use std::borrow::Cow;

use algebra::{ShapeError, Tensor};
use ir::{Attrs, IndexItem, Op};

/// Applies a structural operator. `shape` is that of the result.
///
/// # Errors
/// If the operands' shapes do not fit; an index that is outside of an axis.
pub(crate) fn structural<T: Clone>(
    op: Op,
    attrs: &Attrs,
    args: &[&Tensor<T>],
    shape: &[usize],
) -> Result<Tensor<T>, ShapeError> {
    let x = args[0];
    let axis = attrs.int("axis").unwrap_or(0) as usize;
    match op {
        Op::Reshape => x.reshape(shape),
        Op::Broadcast => x.broadcast_to(shape),
        Op::Transpose => match attrs.ints("axes") {
            Some(axes) => x.transpose(&axes.iter().map(|a| *a as usize).collect::<Vec<_>>()),
            None => x.transpose(&(0..x.rank()).rev().collect::<Vec<_>>()),
        },
        Op::Index => index(x, attrs.index("at").unwrap_or_default()),
        Op::Concat => Tensor::concat(args, axis),
        Op::Stack => Tensor::stack(args, axis),
        Op::ExpandDims => x.expand_dims(axis),
        Op::Squeeze => x.squeeze(&[axis]),
        Op::Diagonal => {
            let n = x.shape()[0];
            let flat = x.reshape(vec![n * n])?;
            flat.slice(0, 0, n * n, n + 1)
        }
        _ => Ok(x.clone()),
    }
}

/// Whether an operator only moves elements.
pub(crate) fn is_structural(op: Op) -> bool {
    matches!(
        op,
        Op::Reshape
            | Op::Broadcast
            | Op::Transpose
            | Op::Index
            | Op::Concat
            | Op::Stack
            | Op::ExpandDims
            | Op::Squeeze
            | Op::Diagonal
            | Op::Classify
            | Op::Release
    )
}

/// Elements at public positions and ranges. What is left out is not copied: a loop over batches takes a few rows of many.
pub(crate) fn index<T: Clone>(x: &Tensor<T>, at: &[IndexItem]) -> Result<Tensor<T>, ShapeError> {
    let mut out = Cow::Borrowed(x);
    let mut axis = 0;
    for item in at {
        let n = out.shape().get(axis).copied().unwrap_or(0) as i64;
        let from_front = |i: i64| if i < 0 { i + n } else { i };
        match *item {
            // A position outside of the axis wraps round to one that `index` refuses.
            IndexItem::At(i) => {
                out = Cow::Owned(out.index(axis, usize::try_from(from_front(i)).unwrap_or(usize::MAX))?);
            }
            IndexItem::Range { start, end, step } => {
                let clamp = |i: i64| from_front(i).clamp(0, n) as usize;
                let (start, end) = (clamp(start.unwrap_or(0)), clamp(end.unwrap_or(n)));
                out = Cow::Owned(out.slice(axis, start, end.max(start), step as usize)?);
                axis += 1;
            }
        }
    }
    Ok(out.into_owned())
}
