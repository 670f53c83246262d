//! Convolutions and pools in the clear, and windows as the kernels of `algebra` take them.

use algebra::{ShapeError, Tensor, Window, unfold};
use ir::{Attrs, Op, WindowAttrs, window};

use super::exact;
use super::number::Number;
use crate::error::Result;

/// The window of an operator, and its groups.
pub(crate) fn moving(op: Op, attrs: &Attrs) -> (Window, usize) {
    let WindowAttrs { stride, padding, groups, .. } = window(op, attrs);
    (Window { stride, padding: padding.map(|p| [p; 2]), ..Window::default() }, groups)
}

/// Signals as images of one row, for `conv1d`; images as they are. The same for kernels.
pub(crate) fn as_images<T: Clone>(op: Op, x: &Tensor<T>) -> Result<Tensor<T>, ShapeError> {
    if op == Op::Conv1d { x.expand_dims(2) } else { Ok(x.clone()) }
}

/// The windows of a pool along a new first axis: `[h·w of the window, n, c, rows, columns]`.
pub(crate) fn windows<T: Clone + Default>(op: Op, attrs: &Attrs, x: &Tensor<T>) -> Result<Tensor<T>, ShapeError> {
    let WindowAttrs { stride, size, .. } = window(op, attrs);
    let moving = Window { stride, ..Window::default() };
    let fault = || ShapeError::Convolution {
        input: x.shape().to_vec(),
        kernel: size.to_vec(),
        reason: "images have four axes",
    };
    let &[n, c, h, w] = x.shape() else { return Err(fault()) };
    let [rows, columns] = moving.positions([h, w], size).ok_or_else(fault)?;
    // Every channel is an image of its own.
    let unfolded = unfold(&x.reshape([n * c, 1, h, w])?, size, moving)?;
    unfolded.transpose(&[1, 0, 2])?.into_shape([size[0] * size[1], n, c, rows, columns])
}

/// A convolution in numbers that say when they overflow.
pub(super) fn convolve<T: Number>(
    op: Op,
    attrs: &Attrs,
    x: &Tensor<T>,
    kernel: &Tensor<T>,
    shape: &[usize],
) -> Result<Tensor<T>> {
    let (moving, groups) = moving(op, attrs);
    let (x, kernel) = (as_images(op, x)?, as_images(op, kernel)?);
    let (outputs, depth) = (kernel.shape()[0] / groups, kernel.shape()[1]);
    let (size, area) = ([kernel.shape()[2], kernel.shape()[3]], kernel.shape()[2] * kernel.shape()[3]);
    let mut parts = Vec::new();
    for group in 0..groups {
        let channels = x.slice(1, group * depth, (group + 1) * depth, 1)?;
        let weights = kernel.rows(group * outputs, (group + 1) * outputs)?.into_shape([outputs, depth * area])?;
        let columns = unfold(&channels, size, moving)?;
        let product = [columns.shape()[0], outputs, columns.shape()[2]];
        parts.push(exact::matmul(&weights, &columns, &product)?);
    }
    Ok(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1)?.into_shape(shape)?)
}

/// A convolution of elements whose arithmetic is that of the machine: doubles, or integers modulo 2^64.
pub(super) fn convolve_fast<T: algebra::Element>(
    op: Op,
    attrs: &Attrs,
    x: &Tensor<T>,
    kernel: &Tensor<T>,
    shape: &[usize],
) -> Result<Tensor<T>> {
    let (moving, groups) = moving(op, attrs);
    Ok(algebra::conv2d(&as_images(op, x)?, &as_images(op, kernel)?, moving, groups)?.into_shape(shape)?)
}
