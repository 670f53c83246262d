//! Shapes: sizes, strides, numpy's broadcasting rule, and what can be wrong with a shape.

use thiserror::Error;

/// A shape: the length of each axis; empty for a scalar.
pub type Shape = Vec<usize>;

/// Shapes that do not fit an operation. Shapes are public, so the text shows them whole.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The number of elements given is not the shape's.
    #[error("shape {shape:?} does not hold {len} elements")]
    DataLength {
        /// The shape asked for.
        shape: Shape,
        /// How many elements were given.
        len: usize,
    },
    /// The shape has more elements than can be addressed.
    #[error("shape {shape:?} has too many elements")]
    TooLarge {
        /// The shape asked for.
        shape: Shape,
    },
    /// Two shapes cannot be broadcast together.
    #[error("shapes {left:?} and {right:?} cannot be broadcast together")]
    Broadcast {
        /// The left operand's shape.
        left: Shape,
        /// The right operand's shape, or the shape to broadcast to.
        right: Shape,
    },
    /// The operands of a matrix product do not fit.
    #[error("shapes {left:?} and {right:?} cannot be multiplied as matrices")]
    Matmul {
        /// The left operand's shape.
        left: Shape,
        /// The right operand's shape.
        right: Shape,
    },
    /// Two shapes that must agree (except along the joined axis) do not.
    #[error("shapes {left:?} and {right:?} cannot be joined along axis {axis}")]
    Join {
        /// The first tensor's shape.
        left: Shape,
        /// The shape that differs from it.
        right: Shape,
        /// The axis along which they were to be joined.
        axis: usize,
    },
    /// Nothing to concatenate or stack.
    #[error("no tensors to join")]
    Empty,
    /// A reshape that changes the number of elements.
    #[error("shape {from:?} cannot be reshaped to {to:?}")]
    Reshape {
        /// The tensor's shape.
        from: Shape,
        /// The shape asked for.
        to: Shape,
    },
    /// No such axis, or the same axis twice.
    #[error("axis {axis} is out of range or repeated for shape {shape:?}")]
    Axis {
        /// The axis asked for.
        axis: usize,
        /// The tensor's shape.
        shape: Shape,
    },
    /// Not a permutation of the axes.
    #[error("{permutation:?} is not a permutation of the axes of shape {shape:?}")]
    Permutation {
        /// What was given as permutation.
        permutation: Vec<usize>,
        /// The tensor's shape.
        shape: Shape,
    },
    /// A range or index beyond the end of an axis, or a step of zero.
    #[error("{start}..{end} step {step} does not lie in axis {axis} of shape {shape:?}")]
    Range {
        /// First index.
        start: usize,
        /// One past the last index.
        end: usize,
        /// Distance between indices.
        step: usize,
        /// The axis.
        axis: usize,
        /// The tensor's shape.
        shape: Shape,
    },
    /// Only an axis of length one can be squeezed.
    #[error("axis {axis} of shape {shape:?} is not of length 1")]
    Squeeze {
        /// The axis asked for.
        axis: usize,
        /// The tensor's shape.
        shape: Shape,
    },
    /// Image, kernel and parameters of a convolution do not fit.
    #[error("input {input:?} and kernel {kernel:?} do not fit a convolution: {reason}")]
    Convolution {
        /// The input's shape.
        input: Shape,
        /// The kernel's shape.
        kernel: Shape,
        /// What does not fit.
        reason: &'static str,
    },
}

impl ShapeError {
    /// A stable code for programs to match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataLength { .. } => "shape.data-length",
            Self::TooLarge { .. } => "shape.too-large",
            Self::Broadcast { .. } => "shape.broadcast",
            Self::Matmul { .. } => "shape.matmul",
            Self::Join { .. } => "shape.join",
            Self::Empty => "shape.empty",
            Self::Reshape { .. } => "shape.reshape",
            Self::Axis { .. } => "shape.axis",
            Self::Permutation { .. } => "shape.permutation",
            Self::Range { .. } => "shape.range",
            Self::Squeeze { .. } => "shape.squeeze",
            Self::Convolution { .. } => "shape.convolution",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::DataLength { .. } => "give as many elements as the product of the axes",
            Self::TooLarge { .. } => "split the tensor along an axis",
            Self::Broadcast { .. } => "counted from the last axis, lengths must be equal or one of them 1",
            Self::Matmul { .. } => "the left operand's last axis must match the right operand's last but one",
            Self::Join { .. } => "all shapes must agree except along the axis that is joined",
            Self::Empty => "give at least one tensor",
            Self::Reshape { .. } => "the product of the axes must stay the same",
            Self::Axis { .. } => "axes count from 0 and must differ from each other",
            Self::Permutation { .. } => "name every axis exactly once",
            Self::Range { .. } => "0 <= start <= end <= length, and step >= 1",
            Self::Squeeze { .. } => "index the axis instead",
            Self::Convolution { .. } => "see the shapes in the operator's documentation",
        }
    }
}

/// The number of elements of a shape; an error if it cannot be addressed.
pub fn element_count(shape: &[usize]) -> Result<usize, ShapeError> {
    // A zero axis makes the tensor empty however large the others are.
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(d))
        .filter(|&n| isize::try_from(n).is_ok())
        .ok_or_else(|| ShapeError::TooLarge { shape: shape.to_vec() })
}

/// The shape of the result of an elementwise operation on shapes `a` and `b` (numpy's rule).
pub fn broadcast_shapes(a: &[usize], b: &[usize]) -> Result<Shape, ShapeError> {
    let rank = a.len().max(b.len());
    let dim = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    (0..rank)
        .map(|i| match (dim(a, i), dim(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect::<Option<Shape>>()
        .ok_or_else(|| ShapeError::Broadcast { left: a.to_vec(), right: b.to_vec() })
}

/// Row-major strides, in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut out = vec![1isize; shape.len()];
    for axis in (1..shape.len()).rev() {
        out[axis - 1] = out[axis].wrapping_mul(shape[axis].cast_signed());
    }
    out
}

/// Strides that read a tensor of shape `from` as if it had shape `to`; `to` must come from the broadcasting rule.
pub(crate) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<isize> {
    let own = strides(from);
    let lead = to.len() - from.len();
    let mut out = vec![0isize; to.len()];
    for (axis, &length) in from.iter().enumerate() {
        if length != 1 || to[lead + axis] == 1 {
            out[lead + axis] = own[axis];
        }
    }
    out
}

/// Walks all index tuples of `shape` in row-major order, with `N` offsets that follow their own strides.
pub(crate) struct Odometer<const N: usize> {
    shape: Shape,
    strides: [Vec<isize>; N],
    index: Vec<usize>,
    offsets: [usize; N],
    left: usize,
}

impl<const N: usize> Odometer<N> {
    pub(crate) fn new(shape: &[usize], strides: [Vec<isize>; N], start: [usize; N]) -> Self {
        let left = if shape.contains(&0) { 0 } else { shape.iter().product() };
        Self { shape: shape.to_vec(), strides, index: vec![0; shape.len()], offsets: start, left }
    }
}

impl<const N: usize> Iterator for Odometer<N> {
    type Item = [usize; N];

    fn next(&mut self) -> Option<[usize; N]> {
        self.left = self.left.checked_sub(1)?;
        let now = self.offsets;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            let wrap = self.index[axis] == self.shape[axis];
            for (offset, strides) in self.offsets.iter_mut().zip(&self.strides) {
                let back = if wrap { self.shape[axis].cast_signed() } else { 0 };
                *offset = offset.wrapping_add_signed(strides[axis].wrapping_mul(1 - back));
            }
            if !wrap {
                break;
            }
            self.index[axis] = 0;
        }
        Some(now)
    }
}

/// Checks that `axis` exists.
pub(crate) fn check_axis(shape: &[usize], axis: usize) -> Result<(), ShapeError> {
    if axis < shape.len() { Ok(()) } else { Err(ShapeError::Axis { axis, shape: shape.to_vec() }) }
}
