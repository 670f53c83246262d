//! Loops over slices in plain Rust. Vector forms of them are these same loops, compiled for more instructions.

use crate::ring::Element;

/// `out = x ∘ y`.
#[inline(always)]
pub(crate) fn mul<T: Element>(x: &[T], y: &[T], out: &mut [T]) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = x.times(y);
    }
}

/// `x ∘= y`.
#[inline(always)]
pub(crate) fn mul_assign<T: Element>(x: &mut [T], y: &[T]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x = x.times(y);
    }
}

/// `out = x · factor`.
#[inline(always)]
pub(crate) fn scale<T: Element>(x: &[T], factor: T, out: &mut [T]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = x.times(factor);
    }
}

/// `out = x0 ∘ y0 + x1 ∘ y1`.
#[inline(always)]
pub(crate) fn mul_add2<T: Element>(x0: &[T], y0: &[T], x1: &[T], y1: &[T], out: &mut [T]) {
    let len = out.len();
    let (x0, y0, x1, y1) = (&x0[..len], &y0[..len], &x1[..len], &y1[..len]);
    for i in 0..len {
        out[i] = x0[i].times(y0[i]).plus(x1[i].times(y1[i]));
    }
}

/// The inner product. Over integers, compilers turn this into many sums side by side.
#[inline(always)]
pub(crate) fn dot<T: Element>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::ZERO, |sum, (&x, &y)| sum.plus(x.times(y)))
}

/// `c += Σ x[i] · rows[i]`, for up to four rows at a time.
#[inline(always)]
pub(crate) fn combine_rows<T: Element>(x: &[T], rows: &[T], c: &mut [T]) {
    let n = c.len();
    let (fours, rest) = x.as_chunks::<4>();
    let (quads, tail) = rows.split_at(fours.len() * 4 * n);
    for (x, quad) in fours.iter().zip(quads.chunks_exact(4 * n)) {
        let (r0, r1, r2, r3) = (&quad[..n], &quad[n..2 * n], &quad[2 * n..3 * n], &quad[3 * n..]);
        for j in 0..n {
            let left = x[0].times(r0[j]).plus(x[1].times(r1[j]));
            let right = x[2].times(r2[j]).plus(x[3].times(r3[j]));
            c[j] = c[j].plus(left.plus(right));
        }
    }
    for (&x, row) in rest.iter().zip(tail.chunks_exact(n)) {
        for (c, &y) in c.iter_mut().zip(row) {
            *c = c.plus(x.times(y));
        }
    }
}
