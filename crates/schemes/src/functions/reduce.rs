//! Reductions over axes that compare: extremes, and truth values joined.

use algebra::{Ring, Tensor};

use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// The least or the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extreme {
    /// The least.
    Least,
    /// The greatest.
    Greatest,
}

/// The number of elements that a reduction over these axes joins to one.
pub(super) fn joined(shape: &[usize], axes: &[usize]) -> Result<u64> {
    let count: usize = axes.iter().map(|&a| shape.get(a).copied().unwrap_or(0)).product();
    if count == 0 {
        return Err(Error::misuse("a reduction over no elements"));
    }
    Ok(count as u64)
}

/// The axes of a permutation that brings those to be reduced to the front.
fn to_front(rank: usize, axes: &[usize]) -> Vec<usize> {
    axes.iter().copied().chain((0..rank).filter(|a| !axes.contains(a))).collect()
}

/// What is reduced along one first axis, and the shape of the result.
fn layout(shape: &[usize], axes: &[usize], keep_dims: bool) -> (Vec<usize>, Vec<usize>) {
    let rest: Vec<usize> = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
    let count = axes.iter().map(|&a| shape[a]).product();
    let result = if keep_dims {
        (0..shape.len()).map(|a| if axes.contains(&a) { 1 } else { shape[a] }).collect()
    } else {
        rest.clone()
    };
    (std::iter::once(count).chain(rest).collect(), result)
}

/// The least or greatest over axes, as a tree. ⌈log2(count)⌉ times the rounds of a comparison and a choice.
pub async fn extreme<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    keep_dims: bool,
    which: Extreme,
    order: Order,
) -> Result<S::Num<R>> {
    joined(x.shape(), axes)?;
    let (flat, result) = layout(x.shape(), axes, keep_dims);
    let front = to_front(x.shape().len(), axes);
    let mut rows = S::Num::<R>::join(&[x], |t| t[0].transpose(&front)?.into_shape(flat.clone()))?;
    while rows.shape()[0] > 1 {
        let (a, b, rest) = halves::<S, R>(&rows)?;
        let take_b = second_wins::<S, R>(party, &a, &b, which, order).await?;
        rows = with_rest::<S, R>(S::select(party, &take_b, &b, &a).await?, rest)?;
    }
    S::Num::<R>::join(&[&rows], |t| t[0].reshape(result.clone()))
}

/// The position of the (first) least or greatest along an axis.
pub async fn argument<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    axis: usize,
    which: Extreme,
    order: Order,
) -> Result<S::Num<u64>> {
    joined(x.shape(), &[axis])?;
    let front = to_front(x.shape().len(), &[axis]);
    let mut rows = S::Num::<R>::join(&[x], |t| t[0].transpose(&front))?;
    let run = rows.shape()[1..].iter().product::<usize>().max(1);
    let numbers = Tensor::from_fn(rows.shape(), |i| (i / run) as u64);
    let mut at = S::Num::<u64>::public(party, &numbers)?;
    while rows.shape()[0] > 1 {
        let (a, b, rest) = halves::<S, R>(&rows)?;
        let (at_a, at_b, at_rest) = halves::<S, u64>(&at)?;
        let take_b = second_wins::<S, R>(party, &a, &b, which, order).await?;
        let level = (party.enter("values"), party.enter("places"));
        let values = S::select(&level.0, &take_b, &b, &a);
        let places = S::select(&level.1, &take_b, &at_b, &at_a);
        let (values, places) = futures::future::try_join(values, places).await?;
        drop(level);
        rows = with_rest::<S, R>(values, rest)?;
        at = with_rest::<S, u64>(places, at_rest)?;
    }
    at.row(0)
}

/// Whether any bit over axes is set.
pub async fn any<S: Scheme>(party: &Party, x: &S::Bit, axes: &[usize], keep_dims: bool) -> Result<S::Bit> {
    all::<S>(party, &x.not(party)?, axes, keep_dims).await?.not(party)
}

/// Whether all bits over axes are set. ⌈log2(count)⌉ rounds.
pub async fn all<S: Scheme>(party: &Party, x: &S::Bit, axes: &[usize], keep_dims: bool) -> Result<S::Bit> {
    joined(x.shape(), axes)?;
    let (flat, result) = layout(x.shape(), axes, keep_dims);
    let front = to_front(x.shape().len(), axes);
    let mut rows = S::Bit::join(&[x], |t| t[0].transpose(&front)?.into_shape(flat.clone()))?;
    while rows.shape()[0] > 1 {
        let count = rows.shape()[0];
        let half = count / 2;
        let part = |start, end| S::Bit::join(&[&rows], |t| t[0].rows(start, end));
        let (a, b, rest) = (part(0, half)?, part(half, 2 * half)?, part(2 * half, count)?);
        let both = S::and(party, &a, &b).await?;
        rows = S::Bit::join(&[&both, &rest], |t| Tensor::concat(t, 0))?;
    }
    S::Bit::join(&[&rows], |t| t[0].reshape(result.clone()))
}

type Halves<N> = (N, N, N);

/// Even and odd rows, so that of equals the first stays first, and the row left over.
fn halves<S: Scheme, R: Ring>(rows: &S::Num<R>) -> Result<Halves<S::Num<R>>> {
    let count = rows.shape()[0];
    let even = count / 2 * 2;
    let part = |start, end, step| S::Num::<R>::join(&[rows], |t| t[0].slice(0, start, end, step));
    Ok((part(0, even, 2)?, part(1, even, 2)?, part(even, count, 1)?))
}

fn with_rest<S: Scheme, R: Ring>(rows: S::Num<R>, rest: S::Num<R>) -> Result<S::Num<R>> {
    S::Num::<R>::join(&[&rows, &rest], |t| Tensor::concat(t, 0))
}

async fn second_wins<S: Scheme, R: Ring>(
    party: &Party,
    a: &S::Num<R>,
    b: &S::Num<R>,
    which: Extreme,
    order: Order,
) -> Result<S::Bit> {
    match which {
        Extreme::Least => S::less(party, b, a, order).await,
        Extreme::Greatest => S::less(party, a, b, order).await,
    }
}
