//! Matrix products with numpy's semantics, over rings and floats.

pub(crate) mod blocked;
mod gemm;
pub(crate) mod portable;

pub use gemm::{Gemm, MatRef, Pair};

use rayon::prelude::*;

use crate::ring::Element;
use crate::tensor::{Odometer, Shape, ShapeError, Tensor, broadcast_shapes, broadcast_strides, element_count};
use crate::threads;

/// Multiplications of a batch that pay for waking another thread.
const PARALLEL_FROM: usize = 1 << 19;

/// The matrix product `a · b` (numpy's `matmul`).
///
/// A rank-1 operand is taken as a row (left) or column (right), whose axis the result lacks. Axes before the last
/// two are a batch and broadcast. Cost: one pass of m·k·n multiplications per matrix of the batch.
pub fn matmul<T: Element>(a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>, ShapeError> {
    product(&[(a, b)])
}

/// `a0 · b0 + a1 · b1` in one accumulation: what a player computes for a product of replicated shares.
///
/// `a0` and `a1` have one shape, `b0` and `b1` another.
pub fn matmul_add2<T: Element>(
    a0: &Tensor<T>,
    b0: &Tensor<T>,
    a1: &Tensor<T>,
    b1: &Tensor<T>,
) -> Result<Tensor<T>, ShapeError> {
    product(&[(a0, b0), (a1, b1)])
}

/// Sums products of pairs that have equal shapes.
fn product<T: Element>(terms: &[(&Tensor<T>, &Tensor<T>)]) -> Result<Tensor<T>, ShapeError> {
    let (a, b) = terms[0];
    for (x, y) in terms {
        if x.shape() != a.shape() || y.shape() != b.shape() {
            return Err(ShapeError::Matmul { left: x.shape().to_vec(), right: y.shape().to_vec() });
        }
    }
    let plan = Plan::new(a.shape(), b.shape())?;
    let mut out = Tensor::full(plan.shape.clone(), T::ZERO);
    if out.is_empty() || plan.k == 0 {
        return Ok(out);
    }
    let steps = [&plan.a_batch, &plan.b_batch].map(|from| broadcast_strides(from, &plan.batch));
    let offsets: Vec<_> = Odometer::new(&plan.batch, steps, [0, 0]).collect();
    let (m, k, n) = (plan.m, plan.k, plan.n);
    let one = |([at_a, at_b], c): ([usize; 2], &mut [T])| {
        let pairs: Vec<_> = terms
            .iter()
            .map(|(a, b)| {
                let a = MatRef::row_major(&a.data()[at_a * m * k..][..m * k], m, k);
                let b = MatRef::row_major(&b.data()[at_b * k * n..][..k * n], k, n);
                (a, b)
            })
            .collect();
        T::gemm(&pairs, c);
    };
    let work = out.len().saturating_mul(k);
    let products = out.data_mut();
    if offsets.len() > 1 && work >= PARALLEL_FROM && threads::available() > 1 {
        let products = offsets.into_par_iter().zip(products.par_chunks_exact_mut(m * n));
        threads::fan_out(|| products.for_each(one));
    } else {
        offsets.into_iter().zip(products.chunks_exact_mut(m * n)).for_each(one);
    }
    Ok(out)
}

/// The sizes of a batched product.
struct Plan {
    m: usize,
    k: usize,
    n: usize,
    a_batch: Shape,
    b_batch: Shape,
    batch: Shape,
    shape: Shape,
}

impl Plan {
    fn new(a: &[usize], b: &[usize]) -> Result<Self, ShapeError> {
        let error = || ShapeError::Matmul { left: a.to_vec(), right: b.to_vec() };
        let (a_batch, m, k) = match a {
            [] => return Err(error()),
            [k] => (&[][..], None, *k),
            [batch @ .., m, k] => (batch, Some(*m), *k),
        };
        let (b_batch, k2, n) = match b {
            [] => return Err(error()),
            [k] => (&[][..], *k, None),
            [batch @ .., k, n] => (batch, *k, Some(*n)),
        };
        if k != k2 {
            return Err(error());
        }
        let batch = broadcast_shapes(a_batch, b_batch).map_err(|_| error())?;
        let shape: Shape = batch.iter().copied().chain(m).chain(n).collect();
        element_count(&shape)?;
        let plan = Self {
            m: m.unwrap_or(1),
            k,
            n: n.unwrap_or(1),
            a_batch: a_batch.to_vec(),
            b_batch: b_batch.to_vec(),
            batch,
            shape,
        };
        Ok(plan.fold_batch())
    }

    /// One right matrix for the whole batch: the batch's rows are rows of one large product.
    fn fold_batch(mut self) -> Self {
        let single = self.b_batch.iter().all(|&d| d == 1);
        if single && self.a_batch == self.batch && element_count(&self.shape) != Ok(0) {
            self.m *= self.batch.iter().product::<usize>();
            self.batch = vec![];
            self.a_batch = vec![];
            self.b_batch = vec![];
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iota(shape: &[usize]) -> Tensor<u64> {
        Tensor::from_fn(shape, |i| (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 5)
    }

    #[test]
    fn ranks_promote_as_in_numpy() {
        let cases: [(&[usize], &[usize], &[usize]); 8] = [
            (&[3], &[3], &[]),
            (&[3], &[3, 2], &[2]),
            (&[2, 3], &[3], &[2]),
            (&[4, 2, 3], &[3, 5], &[4, 2, 5]),
            (&[4, 2, 3], &[4, 3, 5], &[4, 2, 5]),
            (&[2, 3], &[4, 3, 5], &[4, 2, 5]),
            (&[4, 1, 2, 3], &[6, 3, 5], &[4, 6, 2, 5]),
            (&[2, 0], &[0, 5], &[2, 5]),
        ];
        for (a, b, shape) in cases {
            assert_eq!(matmul(&iota(a), &iota(b)).unwrap().shape(), shape, "{a:?} {b:?}");
        }
        assert!(matmul(&iota(&[2, 3]), &iota(&[4, 3])).is_err());
        assert!(matmul(&iota(&[]), &iota(&[3])).is_err());
    }

    #[test]
    fn batches_are_products_of_their_matrices() {
        let (a, b) = (iota(&[4, 1, 2, 3]), iota(&[6, 3, 5]));
        let c = matmul(&a, &b).unwrap();
        for i in 0..4 {
            for j in 0..6 {
                let one = matmul(&a.index(0, i).unwrap().index(0, 0).unwrap(), &b.index(0, j).unwrap()).unwrap();
                assert!(c.index(0, i).unwrap().index(0, j).unwrap() == one);
            }
        }
    }

    #[test]
    fn two_terms_accumulate() {
        let (a, b) = (iota(&[5, 7]), iota(&[7, 3]));
        let (c, d) = (a.map(|x| x.wrapping_mul(3)), b.map(|x| x ^ 77));
        let sum = matmul(&a, &b).unwrap().add(&matmul(&c, &d).unwrap()).unwrap();
        assert!(matmul_add2(&a, &b, &c, &d).unwrap() == sum);
    }
}
