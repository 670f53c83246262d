//! Kernels that are the same for whole numbers and doubles: sums, products, orders, choices.

use algebra::{ShapeError, Tensor};
use ir::Op;

use super::number::Number;
use crate::error::{Error, Result};

/// The result overflowed at this position.
pub(super) fn overflow(index: usize) -> Error {
    Error::Range { index, dtype: "an integer".into(), why: "the result is too large" }
}

/// The elements of a partial result, or the position of the first that overflowed.
fn whole<T>(x: Tensor<Option<T>>) -> Result<Tensor<T>> {
    let (shape, data) = x.into_parts();
    let data = data.into_iter().enumerate().map(|(i, v)| v.ok_or_else(|| overflow(i))).collect::<Result<Vec<T>>>()?;
    Ok(Tensor::new(shape, data)?)
}

/// Elementwise functions of one number.
pub(super) fn unary<T: Number>(op: Op, x: &Tensor<T>) -> Result<Tensor<T>> {
    let zero = T::default();
    let f = |x: &T| match op {
        Op::Neg => zero.minus(*x),
        Op::Square => x.times(*x),
        Op::Abs if *x < zero => zero.minus(*x),
        Op::Sign if *x < zero => zero.minus(T::ONE),
        Op::Sign if *x > zero => Some(T::ONE),
        Op::Sign => Some(zero),
        Op::Relu if *x < zero => Some(zero),
        _ => Some(*x),
    };
    whole(x.map(f))
}

/// Elementwise functions of two numbers.
pub(super) fn binary<T: Number>(op: Op, x: &Tensor<T>, y: &Tensor<T>) -> Result<Tensor<T>> {
    let f = |x: &T, y: &T| match op {
        Op::Add => x.plus(*y),
        Op::Sub => x.minus(*y),
        Op::Mul => x.times(*y),
        Op::Minimum => Some(if y < x { *y } else { *x }),
        _ => Some(if y > x { *y } else { *x }),
    };
    whole(x.zip_with(y, f)?)
}

/// Elementwise comparisons.
pub(super) fn compare<T: PartialOrd>(op: Op, x: &Tensor<T>, y: &Tensor<T>) -> Result<Tensor<bool>, ShapeError> {
    x.zip_with(y, |x, y| match op {
        Op::Equal => x == y,
        Op::NotEqual => x != y,
        Op::Less => x < y,
        Op::LessEqual => x <= y,
        Op::Greater => x > y,
        _ => x >= y,
    })
}

/// `x` where the condition holds, else `y`.
pub(super) fn select<T: Copy>(c: &Tensor<bool>, x: &Tensor<T>, y: &Tensor<T>) -> Result<Tensor<T>, ShapeError> {
    let pairs = x.zip_with(y, |x, y| (*x, *y))?;
    c.zip_with(&pairs, |c, (x, y)| if *c { *x } else { *y })
}

/// The elements that each element of a reduction over `axes` is made of, in order.
fn groups<T: Copy>(x: &Tensor<T>, axes: &[usize]) -> Result<(Vec<usize>, Vec<Vec<T>>), ShapeError> {
    let kept: Vec<usize> = (0..x.rank()).filter(|a| !axes.contains(a)).collect();
    let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
    let count: usize = axes.iter().map(|a| x.shape()[*a]).product();
    let shape: Vec<usize> = kept.iter().map(|a| x.shape()[*a]).collect();
    let turned = x.transpose(&order)?;
    let groups: Vec<Vec<T>> = match count {
        0 => vec![Vec::new(); shape.iter().product()],
        n => turned.data().chunks(n).map(<[T]>::to_vec).collect(),
    };
    Ok((shape, groups))
}

/// A reduction over axes, with each group of elements reduced by `f`; `shape` is that of the result.
pub(super) fn reduce<T: Copy, U>(
    x: &Tensor<T>,
    axes: &[usize],
    shape: &[usize],
    f: impl Fn(&[T]) -> Option<U>,
) -> Result<Tensor<U>> {
    let (_, groups) = groups(x, axes)?;
    let data = groups.iter().enumerate().map(|(i, g)| f(g).ok_or_else(|| overflow(i))).collect::<Result<Vec<U>>>()?;
    Ok(Tensor::new(shape, data)?)
}

/// The sum, or an extreme, of a group.
pub(super) fn fold<T: Number>(op: Op, group: &[T]) -> Option<T> {
    let first = *group.first().unwrap_or(&T::default());
    match op {
        Op::Sum => group.iter().try_fold(T::default(), |sum, x| sum.plus(*x)),
        Op::Min => Some(group.iter().fold(first, |m, x| if *x < m { *x } else { m })),
        _ => Some(group.iter().fold(first, |m, x| if *x > m { *x } else { m })),
    }
}

/// The position of the first extreme of a group.
pub(super) fn position<T: Number>(op: Op, group: &[T]) -> Option<i64> {
    let better = |a: &T, b: &T| if op == Op::ArgMin { a < b } else { a > b };
    let mut best = 0;
    for (i, x) in group.iter().enumerate() {
        if better(x, &group[best]) {
            best = i;
        }
    }
    i64::try_from(best).ok()
}

/// The running sum along an axis, by an addition that says when it overflows.
pub(crate) fn running<T: Copy, E: From<ShapeError>>(
    x: &Tensor<T>,
    axis: usize,
    plus: impl Fn(usize, T, T) -> Result<T, E>,
) -> Result<Tensor<T>, E> {
    let shape = x.shape().to_vec();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut data = x.data().to_vec();
    for i in inner..data.len() {
        let is_first = (i / inner).is_multiple_of(shape[axis]);
        if !is_first {
            data[i] = plus(i, data[i], data[i - inner])?;
        }
    }
    Ok(Tensor::new(shape, data)?)
}

/// The matrix product of two matrices, or of vectors as numpy has it; batches are broadcast.
pub(super) fn matmul<T: Number>(x: &Tensor<T>, y: &Tensor<T>, shape: &[usize]) -> Result<Tensor<T>> {
    let (x, y) = (
        if x.rank() == 1 { x.expand_dims(0)? } else { x.clone() },
        if y.rank() == 1 { y.expand_dims(1)? } else { y.clone() },
    );
    let (m, k, n) = (x.shape()[x.rank() - 2], x.shape()[x.rank() - 1], y.shape()[y.rank() - 1]);
    let batch = algebra::broadcast_shapes(&x.shape()[..x.rank() - 2], &y.shape()[..y.rank() - 2])?;
    let full = |rows, columns| batch.iter().copied().chain([rows, columns]).collect::<Vec<usize>>();
    let (x, y) = (x.broadcast_to(&full(m, k))?, y.broadcast_to(&full(k, n))?);
    let mut data = Vec::with_capacity(shape.iter().product());
    for b in 0..batch.iter().product::<usize>() {
        for i in 0..m {
            for j in 0..n {
                let dot = (0..k).try_fold(T::default(), |sum, l| {
                    sum.plus(x.data()[(b * m + i) * k + l].times(y.data()[(b * k + l) * n + j])?)
                });
                data.push(dot.ok_or_else(|| overflow(data.len()))?);
            }
        }
    }
    Ok(Tensor::new(shape, data)?)
}
