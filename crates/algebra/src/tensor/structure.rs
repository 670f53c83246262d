//! Structural operations, as in numpy: they move elements and never look at them.

use super::shape::{Odometer, broadcast_strides, check_axis, element_count, strides};
use super::{Shape, ShapeError, Tensor, broadcast_shapes};

impl<T: Clone> Tensor<T> {
    /// Copies a strided view: element `index` comes from `start + Σ index[a]·steps[a]`.
    fn strided(&self, shape: Shape, mut steps: Vec<isize>, start: usize) -> Self {
        if let (Some(axis), Some(2..)) = (steps.iter().position(|&s| s == 1), steps.last()) {
            return self.transposing(shape, steps, axis, start);
        }
        let mut data = Vec::with_capacity(element_count(&shape).unwrap_or(0));
        let Some((&count, outer)) = shape.split_last() else {
            return Self::scalar(self.data[start].clone());
        };
        let step = steps.pop().unwrap_or(1);
        for [at] in Odometer::new(outer, [steps], [start]) {
            match step {
                _ if count == 0 => {}
                1 => data.extend_from_slice(&self.data[at..at + count]),
                0 => data.extend(std::iter::repeat_n(&self.data[at], count).cloned()),
                _ => data.extend((0..count.cast_signed()).map(|i| self.data[at.wrapping_add_signed(i * step)].clone())),
            }
        }
        Self::from_parts(shape, data)
    }

    /// Copies a strided view in which `axis` and not the last axis runs along memory, square by square, so that
    /// both sides are read and written in whole cache lines.
    fn transposing(&self, shape: Shape, steps: Vec<isize>, axis: usize, start: usize) -> Self {
        const SIDE: usize = 16;
        let count = element_count(&shape).unwrap_or(0);
        if count == 0 {
            return Self::from_parts(shape, vec![]);
        }
        let last = shape.len() - 1;
        let own = strides(&shape);
        let across = (own[axis].cast_unsigned(), steps[last].cast_unsigned());
        let mut data = vec![self.data[start].clone(); count];
        // All axes but these two, then squares of these two.
        let keep = |v: &[isize]| -> Vec<isize> { (0..last).filter(|&a| a != axis).map(|a| v[a]).collect() };
        let outer: Shape = (0..last).filter(|&a| a != axis).map(|a| shape[a]).collect();
        let corners: Vec<(usize, usize)> =
            (0..shape[axis]).step_by(SIDE).flat_map(|i| (0..shape[last]).step_by(SIDE).map(move |j| (i, j))).collect();
        for [from, to] in Odometer::new(&outer, [keep(&steps), keep(&own)], [start, 0]) {
            for &(i0, j0) in &corners {
                for i in i0..shape[axis].min(i0 + SIDE) {
                    let row = &mut data[to + i * across.0..][..shape[last]];
                    for (j, out) in row.iter_mut().enumerate().skip(j0).take(SIDE) {
                        out.clone_from(&self.data[from + i + j * across.1]);
                    }
                }
            }
        }
        Self::from_parts(shape, data)
    }

    /// The same elements under another shape.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self, ShapeError> {
        self.clone().into_shape(shape)
    }

    /// The same elements under another shape, without a copy.
    pub fn into_shape(self, shape: impl Into<Shape>) -> Result<Self, ShapeError> {
        let shape = shape.into();
        if element_count(&shape)? == self.data.len() {
            Ok(Self { shape, data: self.data })
        } else {
            Err(ShapeError::Reshape { from: self.shape, to: shape })
        }
    }

    /// Permutes the axes: axis `i` of the result is axis `permutation[i]` of `self`.
    pub fn transpose(&self, permutation: &[usize]) -> Result<Self, ShapeError> {
        let mut seen = vec![false; self.rank()];
        for &axis in permutation {
            if let Some(flag) = seen.get_mut(axis) {
                *flag = true;
            }
        }
        if permutation.len() != self.rank() || seen.contains(&false) {
            return Err(ShapeError::Permutation { permutation: permutation.to_vec(), shape: self.shape.clone() });
        }
        let own = strides(&self.shape);
        let shape = permutation.iter().map(|&a| self.shape[a]).collect();
        Ok(self.strided(shape, permutation.iter().map(|&a| own[a]).collect(), 0))
    }

    /// Swaps the last two axes; a tensor of rank 0 or 1 stays as it is.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let rank = self.rank();
        if rank < 2 {
            return self.clone();
        }
        let (mut shape, mut steps) = (self.shape.clone(), strides(&self.shape));
        shape.swap(rank - 2, rank - 1);
        steps.swap(rank - 2, rank - 1);
        self.strided(shape, steps, 0)
    }

    /// Indices `start, start + step, ... < end` along `axis`.
    pub fn slice(&self, axis: usize, start: usize, end: usize, step: usize) -> Result<Self, ShapeError> {
        check_axis(&self.shape, axis)?;
        if start > end || end > self.shape[axis] || step == 0 {
            return Err(ShapeError::Range { start, end, step, axis, shape: self.shape.clone() });
        }
        let mut steps = strides(&self.shape);
        let first = start * steps[axis].cast_unsigned();
        let mut shape = self.shape.clone();
        shape[axis] = (end - start).div_ceil(step);
        // A step past the end is never taken, so its product may wrap.
        steps[axis] = steps[axis].wrapping_mul(step.cast_signed());
        Ok(self.strided(shape, steps, first))
    }

    /// The sub-tensor at index `i` of `axis`; the axis disappears.
    pub fn index(&self, axis: usize, i: usize) -> Result<Self, ShapeError> {
        let mut out = self.slice(axis, i, i.saturating_add(1), 1)?;
        out.shape.remove(axis);
        Ok(out)
    }

    /// Joins tensors along an axis that they have.
    pub fn concat(tensors: &[&Self], axis: usize) -> Result<Self, ShapeError> {
        let first = tensors.first().ok_or(ShapeError::Empty)?;
        check_axis(&first.shape, axis)?;
        let mut shape = first.shape.clone();
        shape[axis] = 0;
        for t in tensors {
            let same = t.rank() == first.rank() && (0..t.rank()).all(|a| a == axis || t.shape[a] == first.shape[a]);
            if !same {
                return Err(ShapeError::Join { left: first.shape.clone(), right: t.shape.clone(), axis });
            }
            shape[axis] = shape[axis].saturating_add(t.shape[axis]);
        }
        let count = element_count(&shape)?;
        if count == 0 {
            return Ok(Self::from_parts(shape, vec![]));
        }
        let mut data = Vec::with_capacity(count);
        let outer: usize = shape[..axis].iter().product();
        for block in 0..outer {
            for t in tensors {
                let run = t.data.len() / outer;
                data.extend_from_slice(&t.data[block * run..(block + 1) * run]);
            }
        }
        Ok(Self::from_parts(shape, data))
    }

    /// Joins tensors of one shape along a new axis.
    pub fn stack(tensors: &[&Self], axis: usize) -> Result<Self, ShapeError> {
        let first = tensors.first().ok_or(ShapeError::Empty)?;
        if let Some(other) = tensors.iter().find(|t| t.shape != first.shape) {
            return Err(ShapeError::Join { left: first.shape.clone(), right: other.shape.clone(), axis });
        }
        let expanded = tensors.iter().map(|t| t.expand_dims(axis)).collect::<Result<Vec<_>, _>>()?;
        Self::concat(&expanded.iter().collect::<Vec<_>>(), axis)
    }

    /// Cuts along `axis` into pieces of these lengths, which must add up to the axis.
    pub fn split(&self, axis: usize, lengths: &[usize]) -> Result<Vec<Self>, ShapeError> {
        check_axis(&self.shape, axis)?;
        let total = lengths.iter().fold(0usize, |n, &l| n.saturating_add(l));
        if total != self.shape[axis] {
            return Err(ShapeError::Range { start: 0, end: total, step: 1, axis, shape: self.shape.clone() });
        }
        let mut start = 0;
        lengths
            .iter()
            .map(|&length| {
                let piece = self.slice(axis, start, start + length, 1);
                start += length;
                piece
            })
            .collect()
    }

    /// Repeats axes of length one (and adds leading axes) to reach `shape`.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Self, ShapeError> {
        if broadcast_shapes(&self.shape, shape).as_deref() != Ok(shape) {
            return Err(ShapeError::Broadcast { left: self.shape.clone(), right: shape.to_vec() });
        }
        element_count(shape)?;
        if shape.contains(&0) {
            return Ok(Self::from_parts(shape.to_vec(), vec![]));
        }
        Ok(self.strided(shape.to_vec(), broadcast_strides(&self.shape, shape), 0))
    }

    /// Inserts an axis of length one before `axis` (`axis == rank` appends it).
    pub fn expand_dims(&self, axis: usize) -> Result<Self, ShapeError> {
        if axis > self.rank() {
            return Err(ShapeError::Axis { axis, shape: self.shape.clone() });
        }
        let mut out = self.clone();
        out.shape.insert(axis, 1);
        Ok(out)
    }

    /// Removes these axes, each of length one.
    pub fn squeeze(&self, axes: &[usize]) -> Result<Self, ShapeError> {
        let drop = axis_flags(&self.shape, axes)?;
        if let Some(axis) = (0..self.rank()).find(|&a| drop[a] && self.shape[a] != 1) {
            return Err(ShapeError::Squeeze { axis, shape: self.shape.clone() });
        }
        let shape = (0..self.rank()).filter(|&a| !drop[a]).map(|a| self.shape[a]).collect();
        Ok(Self::from_parts(shape, self.data.clone()))
    }

    /// Reverses the order along `axis`.
    pub fn flip(&self, axis: usize) -> Result<Self, ShapeError> {
        check_axis(&self.shape, axis)?;
        if self.is_empty() {
            return Ok(self.clone());
        }
        let mut steps = strides(&self.shape);
        let last = (self.shape[axis] - 1) * steps[axis].cast_unsigned();
        steps[axis] = -steps[axis];
        Ok(self.strided(self.shape.clone(), steps, last))
    }

    /// The sub-tensors at these public indices along `axis`, in this order (numpy's `take`).
    pub fn gather(&self, axis: usize, indices: &[usize]) -> Result<Self, ShapeError> {
        check_axis(&self.shape, axis)?;
        let length = self.shape[axis];
        if let Some(&i) = indices.iter().find(|&&i| i >= length) {
            let end = i.saturating_add(1);
            return Err(ShapeError::Range { start: i, end, step: 1, axis, shape: self.shape.clone() });
        }
        let mut shape = self.shape.clone();
        shape[axis] = indices.len();
        let count = element_count(&shape)?;
        if count == 0 {
            return Ok(Self::from_parts(shape, vec![]));
        }
        let mut data = Vec::with_capacity(count);
        let outer: usize = shape[..axis].iter().product();
        let run: usize = shape[axis + 1..].iter().product();
        for block in 0..outer {
            for &i in indices {
                let at = (block * length + i) * run;
                data.extend_from_slice(&self.data[at..at + run]);
            }
        }
        Ok(Self::from_parts(shape, data))
    }

    /// Rows `start..end` of the first axis.
    pub fn rows(&self, start: usize, end: usize) -> Result<Self, ShapeError> {
        self.slice(0, start, end, 1)
    }
}

/// One flag per axis; an error if an axis does not exist or is named twice.
pub(super) fn axis_flags(shape: &[usize], axes: &[usize]) -> Result<Vec<bool>, ShapeError> {
    let mut flags = vec![false; shape.len()];
    for &axis in axes {
        match flags.get_mut(axis) {
            Some(flag) if !*flag => *flag = true,
            _ => {
                return Err(ShapeError::Axis { axis, shape: shape.to_vec() });
            }
        }
    }
    Ok(flags)
}
