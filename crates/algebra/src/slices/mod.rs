//! Arithmetic on slices of equal length. Long slices are cut into pieces for the threads of the current pool.

pub(crate) mod portable;

use rayon::prelude::*;

use crate::ring::Element;
use crate::{simd, threads};

/// Below this many elements a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 16;
/// Elements a thread takes at a time.
const PIECE: usize = 1 << 15;

fn worthwhile(len: usize) -> bool {
    len >= PARALLEL_FROM && threads::available() > 1
}

/// Applies `f` to every element.
pub fn map<T: Element>(x: &[T], f: impl Fn(T) -> T + Sync) -> Vec<T> {
    if !worthwhile(x.len()) {
        return x.iter().map(|&x| f(x)).collect();
    }
    threads::fan_out(|| x.par_iter().with_min_len(PIECE).map(|&x| f(x)).collect())
}

fn zip<T: Element>(x: &[T], y: &[T], f: impl Fn(T, T) -> T + Sync) -> Vec<T> {
    assert_eq!(x.len(), y.len(), "slices of different lengths");
    if !worthwhile(x.len()) {
        return x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect();
    }
    threads::fan_out(|| x.par_iter().with_min_len(PIECE).zip(y).map(|(&x, &y)| f(x, y)).collect())
}

fn zip_assign<T: Element>(x: &mut [T], y: &[T], f: impl Fn(T, T) -> T + Sync) {
    assert_eq!(x.len(), y.len(), "slices of different lengths");
    let serial = |x: &mut [T], y: &[T]| x.iter_mut().zip(y).for_each(|(x, &y)| *x = f(*x, y));
    if worthwhile(x.len()) {
        let pieces = x.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE));
        threads::fan_out(|| pieces.for_each(|(x, y)| serial(x, y)));
    } else {
        serial(x, y);
    }
}

/// `x + y`.
///
/// # Panics
/// If the lengths differ, here and below.
#[must_use]
pub fn add<T: Element>(x: &[T], y: &[T]) -> Vec<T> {
    zip(x, y, T::plus)
}

/// `x - y`.
#[must_use]
pub fn sub<T: Element>(x: &[T], y: &[T]) -> Vec<T> {
    zip(x, y, T::minus)
}

/// `x ∘ y`.
#[must_use]
pub fn mul<T: Element>(x: &[T], y: &[T]) -> Vec<T> {
    assert_eq!(x.len(), y.len(), "slices of different lengths");
    collect(x.len(), |at, out| simd::mul(&x[at..][..out.len()], &y[at..][..out.len()], out))
}

/// `x · factor`.
#[must_use]
pub fn scale<T: Element>(x: &[T], factor: T) -> Vec<T> {
    collect(x.len(), |at, out| simd::scale(&x[at..][..out.len()], factor, out))
}

/// `x += y`.
pub fn add_assign<T: Element>(x: &mut [T], y: &[T]) {
    zip_assign(x, y, T::plus);
}

/// `x -= y`.
pub fn sub_assign<T: Element>(x: &mut [T], y: &[T]) {
    zip_assign(x, y, T::minus);
}

/// `x ∘= y`.
pub fn mul_assign<T: Element>(x: &mut [T], y: &[T]) {
    assert_eq!(x.len(), y.len(), "slices of different lengths");
    if worthwhile(x.len()) {
        let pieces = x.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE));
        threads::fan_out(|| pieces.for_each(|(x, y)| simd::mul_assign(x, y)));
    } else {
        simd::mul_assign(x, y);
    }
}

/// `x = -x`.
pub fn neg_assign<T: Element>(x: &mut [T]) {
    x.iter_mut().for_each(|x| *x = x.negated());
}

/// `x0 ∘ y0 + x1 ∘ y1`.
#[must_use]
pub fn mul_add2<T: Element>(x0: &[T], y0: &[T], x1: &[T], y1: &[T]) -> Vec<T> {
    let len = x0.len();
    assert!(y0.len() == len && x1.len() == len && y1.len() == len, "slices of different lengths");
    collect(len, |at, out| {
        let end = at + out.len();
        simd::mul_add2(&x0[at..end], &y0[at..end], &x1[at..end], &y1[at..end], out);
    })
}

/// A vector of which `f(at, piece)` writes every piece, `at` being where the piece starts.
fn collect<T: Element>(len: usize, f: impl Fn(usize, &mut [T]) + Sync) -> Vec<T> {
    let mut out = vec![T::ZERO; len];
    if worthwhile(len) {
        let pieces = out.par_chunks_mut(PIECE).enumerate();
        threads::fan_out(|| pieces.for_each(|(i, out)| f(i * PIECE, out)));
    } else {
        f(0, &mut out);
    }
    out
}

/// Overwrites secrets with zeros, surely and at the speed of memory.
pub fn wipe<T: Element>(x: &mut [T]) {
    simd::wipe::wipe(x);
}

/// The sum of all elements.
#[must_use]
pub fn sum<T: Element>(x: &[T]) -> T {
    // Eight running sums: the additions of one need not wait for those of another.
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [T::ZERO; 8];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = lane.plus(x);
        }
    }
    lanes.iter().chain(rest).fold(T::ZERO, |sum, &x| sum.plus(x))
}

/// The inner product.
#[must_use]
pub fn dot<T: Element>(x: &[T], y: &[T]) -> T {
    assert_eq!(x.len(), y.len(), "slices of different lengths");
    crate::simd::dot(x, y)
}
