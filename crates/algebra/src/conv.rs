//! One- and two-dimensional convolution (cross-correlation, as in PyTorch and ONNX) through matrix products.
//!
//! Each image is unfolded into columns (im2col), which the kernel multiplies. One image is unfolded at a time for
//! each thread: peak memory beside the result is `C/groups · kh · kw · oh · ow` elements a thread.

use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::matmul::{MatRef, Pair};
use crate::ring::Element;
use crate::tensor::{ShapeError, Tensor, element_count};
use crate::threads;

/// Multiplications that pay for waking another thread.
const PARALLEL_FROM: usize = 1 << 19;

/// How a window moves over an image. Pairs are (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Distance between neighbouring positions.
    pub stride: [usize; 2],
    /// Zeros added before the first and after the last row, and the first and last column.
    pub padding: [[usize; 2]; 2],
    /// Distance between neighbouring elements of the window.
    pub dilation: [usize; 2],
}

impl Default for Window {
    /// Stride 1, no padding, no dilation.
    fn default() -> Self {
        Self { stride: [1; 2], padding: [[0; 2]; 2], dilation: [1; 2] }
    }
}

impl Window {
    /// The number of positions of a window of `kernel` elements over an image of `input` rows and columns; `None` if
    /// it does not fit or a stride or dilation is zero.
    #[must_use]
    pub fn positions(&self, input: [usize; 2], kernel: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let [before, after] = self.padding[axis];
            let padded = input[axis].checked_add(before)?.checked_add(after)?;
            let reach = kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
            let free = padded.checked_sub(reach)?;
            (self.dilation[axis] > 0).then_some(())?;
            Some(free.checked_div(self.stride[axis])? + 1)
        };
        Some([along(0)?, along(1)?])
    }
}

/// The sizes of one convolution.
#[derive(Clone, Copy)]
struct Sizes {
    channels: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    out: [usize; 2],
    window: Window,
}

impl Sizes {
    /// Rows of the unfolded image: elements of a window over all channels.
    fn depth(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// Columns of the unfolded image: positions of the window.
    fn positions(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// All runs of neighbouring positions whose window element lies inside the image, not in its padding.
    fn lines(self) -> impl Iterator<Item = Line> {
        let [height, width] = self.image;
        let window = self.window;
        (0..self.depth()).flat_map(move |row| {
            let (kx, rest) = (row % self.kernel[1], row / self.kernel[1]);
            let (ky, channel) = (rest % self.kernel[0], rest / self.kernel[0]);
            // Position ox sees image column ox·stride + shift - before.
            let (shift, before) = (kx * window.dilation[1], window.padding[1][0]);
            let first = before.saturating_sub(shift).div_ceil(window.stride[1]);
            let last = (width + before).saturating_sub(shift).div_ceil(window.stride[1]).min(self.out[1]);
            (0..self.out[0]).filter_map(move |oy| {
                let y = (oy * window.stride[0] + ky * window.dilation[0])
                    .checked_sub(window.padding[0][0])
                    .filter(|&y| y < height)?;
                let count = last.checked_sub(first).filter(|&count| count > 0)?;
                let x = first * window.stride[1] + shift - before;
                Some(Line {
                    column: row * self.positions() + oy * self.out[1] + first,
                    image: (channel * height + y) * width + x,
                    count,
                })
            })
        })
    }

    /// Unfolds an image into columns; `columns` holds depth × positions elements.
    fn unfold<T: Clone + Default>(self, image: &[T], columns: &mut [T]) {
        columns.fill(T::default());
        let step = self.window.stride[1];
        for line in self.lines() {
            let to = &mut columns[line.column..][..line.count];
            if step == 1 {
                to.clone_from_slice(&image[line.image..][..line.count]);
            } else {
                let from = image[line.image..].iter().step_by(step);
                to.iter_mut().zip(from).for_each(|(to, from)| to.clone_from(from));
            }
        }
    }

    /// The adjoint of [`unfold`](Self::unfold): adds every column element to where it came from.
    fn fold<T: Element>(self, columns: &[T], image: &mut [T]) {
        let step = self.window.stride[1];
        for line in self.lines() {
            let to = image[line.image..].iter_mut().step_by(step);
            to.zip(&columns[line.column..][..line.count]).for_each(|(to, &x)| *to = to.plus(x));
        }
    }
}

/// A run of window positions and the image elements they see, `stride` apart.
struct Line {
    column: usize,
    image: usize,
    count: usize,
}

/// The windows of a batch of images, as columns: `[n, c, h, w]` becomes `[n, c·kh·kw, oh·ow]`, for pooling.
///
/// Padding is `T::default()`.
pub fn unfold<T: Clone + Default>(
    images: &Tensor<T>,
    kernel: [usize; 2],
    window: Window,
) -> Result<Tensor<T>, ShapeError> {
    let &[n, channels, height, width] = images.shape() else {
        return Err(fault(images.shape(), &kernel, "images have four axes: n, channels, height, width"));
    };
    let sizes = sizes(images.shape(), &kernel, channels, [height, width], kernel, window)?;
    let shape = [n, sizes.depth(), sizes.positions()];
    element_count(&shape)?;
    let mut out = Tensor::zeros(shape);
    if !out.is_empty() && !images.is_empty() {
        let (image, columns) = (images.len() / n, out.len() / n);
        let pairs = images.data().chunks_exact(image).zip(out.data_mut().chunks_exact_mut(columns));
        pairs.for_each(|(image, columns)| sizes.unfold(image, columns));
    }
    Ok(out)
}

/// The adjoint of [`unfold`]: `[n, c·kh·kw, oh·ow]` becomes `[n, c, h, w]`, overlapping windows adding up.
pub fn fold<T: Element>(
    columns: &Tensor<T>,
    image: [usize; 2],
    kernel: [usize; 2],
    window: Window,
) -> Result<Tensor<T>, ShapeError> {
    let area = kernel[0].saturating_mul(kernel[1]);
    let channels = match columns.shape() {
        &[_, depth, _] if area > 0 && depth.is_multiple_of(area) => depth / area,
        _ => return Err(fault(columns.shape(), &kernel, "columns are [n, channels·kh·kw, positions]")),
    };
    let sizes = sizes(columns.shape(), &kernel, channels, image, kernel, window)?;
    if columns.shape()[2] != sizes.positions() {
        return Err(fault(columns.shape(), &kernel, "one column for each position of the window"));
    }
    let n = columns.shape()[0];
    let shape = [n, channels, image[0], image[1]];
    element_count(&shape)?;
    let mut out = Tensor::full(shape, T::ZERO);
    if !out.is_empty() && !columns.is_empty() {
        let (image, column) = (out.len() / n, columns.len() / n);
        let pairs = out.data_mut().chunks_exact_mut(image).zip(columns.data().chunks_exact(column));
        pairs.for_each(|(image, columns)| sizes.fold(columns, image));
    }
    Ok(out)
}

/// Two-dimensional convolution: images `[n, c, h, w]`, kernel `[o, c/groups, kh, kw]`, result `[n, o, oh, ow]`.
pub fn conv2d<T: Element>(
    images: &Tensor<T>,
    kernel: &Tensor<T>,
    window: Window,
    groups: usize,
) -> Result<Tensor<T>, ShapeError> {
    convolution(&[(images, kernel)], window, groups)
}

/// The sum of two convolutions of equal shapes: what a player computes for a product of replicated shares.
pub fn conv2d_add2<T: Element>(
    x0: &Tensor<T>,
    k0: &Tensor<T>,
    x1: &Tensor<T>,
    k1: &Tensor<T>,
    window: Window,
    groups: usize,
) -> Result<Tensor<T>, ShapeError> {
    if x0.shape() != x1.shape() || k0.shape() != k1.shape() {
        return Err(fault(x1.shape(), k1.shape(), "both convolutions must have the same shapes"));
    }
    convolution(&[(x0, k0), (x1, k1)], window, groups)
}

/// One-dimensional convolution: signals `[n, c, l]`, kernel `[o, c/groups, k]`, result `[n, o, ol]`. Of `window`, the
/// second component is used.
pub fn conv1d<T: Element>(
    signals: &Tensor<T>,
    kernel: &Tensor<T>,
    window: Window,
    groups: usize,
) -> Result<Tensor<T>, ShapeError> {
    let (&[n, c, l], &[o, depth, k]) = (signals.shape(), kernel.shape()) else {
        return Err(fault(signals.shape(), kernel.shape(), "signals and kernel have three axes"));
    };
    let line = Window {
        stride: [1, window.stride[1]],
        padding: [[0, 0], window.padding[1]],
        dilation: [1, window.dilation[1]],
    };
    let (images, kernel) = (signals.reshape([n, c, 1, l])?, kernel.reshape([o, depth, 1, k])?);
    conv2d(&images, &kernel, line, groups)?.squeeze(&[2])
}

fn convolution<T: Element>(
    terms: &[(&Tensor<T>, &Tensor<T>)],
    window: Window,
    groups: usize,
) -> Result<Tensor<T>, ShapeError> {
    let (images, kernel) = terms[0];
    let fault = |reason| fault(images.shape(), kernel.shape(), reason);
    let (&[n, c, height, width], &[o, depth, kh, kw]) = (images.shape(), kernel.shape()) else {
        return Err(fault("images and kernel have four axes"));
    };
    if groups == 0 || !o.is_multiple_of(groups) || depth.checked_mul(groups) != Some(c) {
        return Err(fault("groups must divide the outputs, and channels be groups times the kernel's"));
    }
    let sizes = sizes(images.shape(), kernel.shape(), depth, [height, width], [kh, kw], window)?;
    let shape = [n, o, sizes.out[0], sizes.out[1]];
    element_count(&shape)?;
    let mut out = Tensor::full(shape, T::ZERO);
    if out.is_empty() || sizes.depth() == 0 {
        return Ok(out);
    }
    let (outputs, positions) = (o / groups, sizes.positions());
    let unfolded = sizes.depth() * positions;
    element_count(&[terms.len(), sizes.depth(), positions])?;
    let buffer = || Zeroizing::new(vec![T::ZERO; terms.len() * unfolded]);
    // One block of the result is one group of one image.
    let block = |columns: &mut Zeroizing<Vec<T>>, (at, out): (usize, &mut [T])| {
        let group = at % groups;
        let image = depth * height * width;
        for ((images, _), columns) in terms.iter().zip(columns.chunks_exact_mut(unfolded)) {
            sizes.unfold(&images.data()[at * image..][..image], columns);
        }
        let weights = outputs * sizes.depth();
        let pairs: Vec<Pair<'_, T>> = terms
            .iter()
            .zip(columns.chunks_exact(unfolded))
            .map(|((_, kernel), columns)| {
                let weights = &kernel.data()[group * weights..][..weights];
                let weights = MatRef::row_major(weights, outputs, sizes.depth());
                (weights, MatRef::row_major(columns, sizes.depth(), positions))
            })
            .collect();
        T::gemm(&pairs, out);
    };
    let blocks = n * groups;
    let work = out.len().saturating_mul(sizes.depth());
    let data = out.data_mut();
    if blocks > 1 && work >= PARALLEL_FROM && threads::available() > 1 {
        let blocks = data.par_chunks_exact_mut(outputs * positions).enumerate();
        threads::fan_out(|| blocks.for_each_init(buffer, block));
    } else {
        let mut columns = buffer();
        let blocks = data.chunks_exact_mut(outputs * positions).enumerate();
        blocks.for_each(|chunk| block(&mut columns, chunk));
    }
    Ok(out)
}

fn sizes(
    input: &[usize],
    shape: &[usize],
    channels: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    window: Window,
) -> Result<Sizes, ShapeError> {
    let out = window
        .positions(image, kernel)
        .ok_or_else(|| fault(input, shape, "the window, as dilated, must fit the padded input; strides are >= 1"))?;
    let sizes = Sizes { channels, image, kernel, out, window };
    let area = [channels, kernel[0], kernel[1], out[0], out[1]];
    element_count(&area)?;
    Ok(sizes)
}

fn fault(input: &[usize], kernel: &[usize], reason: &'static str) -> ShapeError {
    ShapeError::Convolution { input: input.to_vec(), kernel: kernel.to_vec(), reason }
}
