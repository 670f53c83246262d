//! Elementwise arithmetic and reductions, broadcasting as numpy does.

use super::structure::axis_flags;
use super::{ShapeError, Tensor, broadcast_shapes, broadcast_strides, for_each_row};
use crate::ring::{Element, Ring};
use crate::slices;

impl<T: Element> Tensor<T> {
    /// `self + other`.
    pub fn add(&self, other: &Self) -> Result<Self, ShapeError> {
        self.elementwise(other, slices::add, T::plus)
    }

    /// `self - other`.
    pub fn sub(&self, other: &Self) -> Result<Self, ShapeError> {
        self.elementwise(other, slices::sub, T::minus)
    }

    /// `self ∘ other`, the elementwise product.
    pub fn mul(&self, other: &Self) -> Result<Self, ShapeError> {
        self.elementwise(other, slices::mul, T::times)
    }

    /// `-self`.
    #[must_use]
    pub fn neg(&self) -> Self {
        Self::from_parts(self.shape.clone(), slices::map(&self.data, T::negated))
    }

    /// `self · factor`, each element times the same factor.
    #[must_use]
    pub fn scale(&self, factor: T) -> Self {
        Self::from_parts(self.shape.clone(), slices::scale(&self.data, factor))
    }

    /// `self += other`; `other` is broadcast to `self`.
    pub fn add_assign(&mut self, other: &Self) -> Result<(), ShapeError> {
        self.assign(other, slices::add_assign, T::plus)
    }

    /// `self -= other`; `other` is broadcast to `self`.
    pub fn sub_assign(&mut self, other: &Self) -> Result<(), ShapeError> {
        self.assign(other, slices::sub_assign, T::minus)
    }

    /// `self ∘= other`; `other` is broadcast to `self`.
    pub fn mul_assign(&mut self, other: &Self) -> Result<(), ShapeError> {
        self.assign(other, slices::mul_assign, T::times)
    }

    /// `x0 ∘ y0 + x1 ∘ y1` in one pass: what a player computes for a product of replicated shares.
    ///
    /// `x0` and `x1` have one shape, `y0` and `y1` another; the two are broadcast.
    pub fn mul_add2(x0: &Self, y0: &Self, x1: &Self, y1: &Self) -> Result<Self, ShapeError> {
        same_shape(x0, x1)?;
        same_shape(y0, y1)?;
        if x0.shape == y0.shape {
            let data = slices::mul_add2(&x0.data, &y0.data, &x1.data, &y1.data);
            return Ok(Self::from_parts(x0.shape.clone(), data));
        }
        let mut out = x0.mul(y0)?;
        out.add_assign(&x1.mul(y1)?)?;
        Ok(out)
    }

    /// The sum over these axes, which disappear, or stay with length one if `keep_dims`.
    ///
    /// A sum over no elements is zero.
    pub fn sum_axes(&self, axes: &[usize], keep_dims: bool) -> Result<Self, ShapeError> {
        let reduced = axis_flags(&self.shape, axes)?;
        let kept: Vec<usize> =
            self.shape.iter().zip(&reduced).map(|(&length, &r)| if r { 1 } else { length }).collect();
        let mut out = Self::full(kept.clone(), T::ZERO);
        if !self.is_empty() {
            self.accumulate(&mut out);
        }
        if keep_dims { Ok(out) } else { out.squeeze(axes) }
    }

    /// The sum of all elements.
    #[must_use]
    pub fn sum(&self) -> T {
        slices::sum(&self.data)
    }

    /// Adds every element to the element of `out` that it broadcasts to.
    fn accumulate(&self, out: &mut Self) {
        let (shape, steps) = merge_axes(&self.shape, &broadcast_strides(&out.shape, &self.shape));
        let own = super::strides(&shape);
        for_each_row(&shape, [own, steps], |count, [from, to], [_, step]| {
            let row = &self.data[from..from + count];
            if step == 0 {
                out.data[to] = out.data[to].plus(slices::sum(row));
            } else {
                slices::add_assign(&mut out.data[to..to + count], row);
            }
        });
    }

    fn elementwise(
        &self,
        other: &Self,
        whole: impl Fn(&[T], &[T]) -> Vec<T>,
        each: impl Fn(T, T) -> T + Sync,
    ) -> Result<Self, ShapeError> {
        if self.shape == other.shape {
            return Ok(Self::from_parts(self.shape.clone(), whole(&self.data, &other.data)));
        }
        let shape = broadcast_shapes(&self.shape, &other.shape)?;
        match (self.data.as_slice(), other.data.as_slice()) {
            (data, &[y]) if shape == self.shape => Ok(Self::from_parts(shape, slices::map(data, |x| each(x, y)))),
            (&[x], data) if shape == other.shape => Ok(Self::from_parts(shape, slices::map(data, |y| each(x, y)))),
            _ => self.zip_with(other, |&x, &y| each(x, y)),
        }
    }

    fn assign(
        &mut self,
        other: &Self,
        whole: impl Fn(&mut [T], &[T]),
        each: impl Fn(T, T) -> T,
    ) -> Result<(), ShapeError> {
        if self.shape == other.shape {
            whole(&mut self.data, &other.data);
            return Ok(());
        }
        if broadcast_shapes(&self.shape, &other.shape)? != self.shape {
            return Err(ShapeError::Broadcast { left: self.shape.clone(), right: other.shape.clone() });
        }
        let steps = [super::strides(&self.shape), broadcast_strides(&other.shape, &self.shape)];
        for_each_row(&self.shape, steps, |count, [to, from], [_, step]| {
            for (i, x) in self.data[to..to + count].iter_mut().enumerate() {
                *x = each(*x, other.data[from + i * step]);
            }
        });
        Ok(())
    }
}

impl<R: Ring> Tensor<R> {
    /// `self · 2^by` mod 2^k.
    #[must_use]
    pub fn wshl(&self, by: u32) -> Self {
        Self::from_parts(self.shape.clone(), slices::map(&self.data, |x| x.wshl(by)))
    }

    /// Logical right shift of every element.
    #[must_use]
    pub fn lshr(&self, by: u32) -> Self {
        Self::from_parts(self.shape.clone(), slices::map(&self.data, |x| x.lshr(by)))
    }

    /// Arithmetic right shift of every element.
    #[must_use]
    pub fn ashr(&self, by: u32) -> Self {
        Self::from_parts(self.shape.clone(), slices::map(&self.data, |x| x.ashr(by)))
    }
}

fn same_shape<T>(a: &Tensor<T>, b: &Tensor<T>) -> Result<(), ShapeError> {
    if a.shape == b.shape {
        Ok(())
    } else {
        Err(ShapeError::Broadcast { left: a.shape.clone(), right: b.shape.clone() })
    }
}

/// Joins neighbouring axes that are both reduced (stride 0) or both kept, so that rows are as long as possible.
fn merge_axes(shape: &[usize], steps: &[isize]) -> (Vec<usize>, Vec<isize>) {
    let (mut out_shape, mut out_steps) = (Vec::<usize>::new(), Vec::<isize>::new());
    for (&length, &step) in shape.iter().zip(steps) {
        if length == 1 {
            continue;
        }
        match (out_shape.last_mut(), out_steps.last_mut()) {
            (Some(l), Some(s)) if *s == step.wrapping_mul(length.cast_signed()) => {
                *l *= length;
                *s = step;
            }
            _ => {
                out_shape.push(length);
                out_steps.push(step);
            }
        }
    }
    (out_shape, out_steps)
}
