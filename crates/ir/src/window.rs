//! Windows that move over signals and images: canonical attributes and result types of convolutions and pools.

use crate::attrs::{Attr, Attrs};
use crate::infer::{Problem, problem};
use crate::ops::Op;
use crate::types::{Dim, Shape, Type};

type Result<T> = std::result::Result<T, Problem>;

/// Stride, padding and size of a window along its axes, with what is left out put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAttrs {
    /// Distance between neighbouring positions, in rows and columns.
    pub stride: [usize; 2],
    /// Zeros added before and after, in rows and columns.
    pub padding: [usize; 2],
    /// Rows and columns of a pool's window.
    pub size: [usize; 2],
    /// Groups of channels that are convolved each for itself.
    pub groups: usize,
}

/// Whether an operator moves a window.
pub(crate) fn has_window(op: Op) -> bool {
    matches!(op, Op::Conv1d | Op::Conv2d | Op::MaxPool2d | Op::AvgPool2d)
}

/// The window of an operator. `attrs` must be canonical. Of signals, the columns are what counts.
#[must_use]
pub fn window(op: Op, attrs: &Attrs) -> WindowAttrs {
    let pair = |name: &str, default: [usize; 2]| match attrs.ints(name) {
        Some([both]) => [*both as usize; 2],
        Some([rows, columns]) => [*rows as usize, *columns as usize],
        _ => default,
    };
    let size = pair("size", [1, 1]);
    let stride = pair("stride", if pools(op) { size } else { [1, 1] });
    let (mut window, groups) = (
        WindowAttrs { stride, padding: pair("padding", [0, 0]), size, groups: 1 },
        attrs.int("groups").and_then(|g| usize::try_from(g).ok()).unwrap_or(1),
    );
    window.groups = groups;
    if op == Op::Conv1d {
        (window.stride[0], window.padding[0]) = (1, 0);
    }
    window
}

fn pools(op: Op) -> bool {
    matches!(op, Op::MaxPool2d | Op::AvgPool2d)
}

/// Checks a window's attributes, writes two equal numbers as one, and leaves out what is the default.
pub(crate) fn canonical(op: Op, attrs: Attrs) -> Result<Attrs> {
    let refuse = |name: &str, why: &str| Err(problem("attribute.value", format!("`{name}` of `{}` {why}", op.name())));
    let most = if op == Op::Conv1d { 1 } else { 2 };
    let mut out = Attrs::new();
    for (name, value) in attrs.iter() {
        let Attr::Ints(list) = value else {
            match value {
                Attr::Int(g) if *g < 1 => return refuse(name, "is a whole number from 1 on"),
                // One group is the default.
                Attr::Int(1) => {}
                other => out.set(name, other.clone()),
            }
            continue;
        };
        if list.is_empty() || list.len() > most {
            return refuse(
                name,
                if most == 1 { "is one number" } else { "is one number, or one for rows and one for columns" },
            );
        }
        let least = i64::from(name != "padding");
        if list.iter().any(|n| !(least..=1 << 20).contains(n)) {
            return refuse(name, "is out of range");
        }
        let short = if list.windows(2).all(|w| w[0] == w[1]) { vec![list[0]] } else { list.clone() };
        out.set(name, Attr::Ints(short));
    }
    let plain = |name: &str| match name {
        "padding" => Some(vec![0]),
        "stride" if pools(op) => out.ints("size").map(<[i64]>::to_vec),
        "stride" => Some(vec![1]),
        _ => None,
    };
    let mut kept = Attrs::new();
    for (name, value) in out.iter() {
        let default = plain(name).is_some_and(|d| *value == Attr::Ints(d));
        if !default {
            kept.set(name, value.clone());
        }
    }
    Ok(kept)
}

/// The type of a convolution's result: images `[n, c, h, w]` (signals `[n, c, l]`) and kernels `[o, c/groups, kh, kw]`
/// (`[o, c/groups, k]`).
pub(crate) fn convolve(op: Op, x: &Type, kernel: &Type, attrs: &Attrs) -> Result<Shape> {
    let axes = if op == Op::Conv1d { 1 } else { 2 };
    let fault = |why: &str| Err(problem("shape.convolution", format!("`{}` of {x} by {kernel}: {why}", op.name())));
    if x.rank() != axes + 2 || kernel.rank() != axes + 2 {
        return fault(if axes == 1 { "both have three axes" } else { "both have four axes" });
    }
    let w = window(op, attrs);
    let (Some(outputs), Some(depth)) = (kernel.shape[0].as_constant(), kernel.shape[1].as_constant()) else {
        return fault("a kernel's lengths are constants");
    };
    let groups = w.groups as u64;
    if outputs % groups != 0 || depth.checked_mul(groups) != x.shape[1].as_constant() {
        return fault("groups divide the kernels, and channels are groups times those of a kernel");
    }
    let mut shape = vec![x.shape[0].clone(), Dim::constant(outputs)];
    for axis in 0..axes {
        let Some(size) = kernel.shape[2 + axis].as_constant() else { return fault("a kernel's lengths are constants") };
        // Of a signal, the only axis is the second of its window.
        let of = axis + 2 - axes;
        match positions(&x.shape[2 + axis], size, w.stride[of], w.padding[of]) {
            Some(dim) => shape.push(dim),
            None => return fault("the kernel does not fit, or a length is not a constant"),
        }
    }
    Ok(shape)
}

/// The type of a pool's result: images `[n, c, h, w]`. Rows and columns that fill no window are left out.
pub(crate) fn pool(op: Op, x: &Type, attrs: &Attrs) -> Result<Shape> {
    let fault = |why: &str| Err(problem("shape.pool", format!("`{}` of {x}: {why}", op.name())));
    if x.rank() != 4 {
        return fault("images have four axes");
    }
    let w = window(op, attrs);
    let mut shape = x.shape[..2].to_vec();
    for axis in 0..2 {
        match positions(&x.shape[2 + axis], w.size[axis] as u64, w.stride[axis], 0) {
            Some(dim) => shape.push(dim),
            None => return fault("the window does not fit, or a length is not a constant"),
        }
    }
    Ok(shape)
}

/// How many positions a window has along an axis.
fn positions(axis: &Dim, size: u64, stride: usize, padding: usize) -> Option<Dim> {
    let padded = axis.as_constant()?.checked_add(2 * padding as u64)?;
    let free = padded.checked_sub(size).filter(|_| size > 0)?;
    Some(Dim::constant(free / stride as u64 + 1))
}
