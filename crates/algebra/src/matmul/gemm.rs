//! General matrix multiplication `C += Σ Aᵢ · Bᵢ`: which path a product takes.

use rayon::prelude::*;

use super::blocked;
use super::portable::Portable;
use crate::ring::Element;
use crate::simd::{self, Level};
use crate::threads;

/// Below this many multiplications packing costs more than it saves.
const PACK_FROM: usize = 1 << 13;
/// Left operands with fewer rows are not packed: every element of B would be moved to be used so few times.
const PACK_ROWS: usize = 4;
/// Multiplications of a matrix-vector product that pay for waking another thread.
const PARALLEL_FROM: usize = 1 << 18;

/// A row-major matrix in a slice.
#[derive(Clone, Copy)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
}

impl<'a, T> MatRef<'a, T> {
    /// A row-major matrix.
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` elements.
    #[must_use]
    pub fn row_major(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert!(rows.checked_mul(cols) == Some(data.len()), "a matrix must fill its slice");
        Self { data, rows, cols }
    }

    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..][..self.cols]
    }

    /// The elements.
    #[must_use]
    pub fn data(&self) -> &'a [T] {
        self.data
    }
}

/// A pair of matrices to be multiplied.
pub type Pair<'a, T> = (MatRef<'a, T>, MatRef<'a, T>);

/// Element types that have a matrix product.
pub trait Gemm: Sized {
    /// `c += Σ a · b` over all pairs, which have equal sizes; `c` is row-major.
    ///
    /// # Panics
    /// If sizes do not fit.
    fn gemm(pairs: &[Pair<'_, Self>], c: &mut [Self]);
}

/// The sizes m, k, n of a product `m×k · k×n`.
pub(crate) fn sizes<T>(pairs: &[Pair<'_, T>]) -> (usize, usize, usize) {
    let (a, b) = &pairs[0];
    (a.rows, a.cols, b.cols)
}

/// Checks sizes; whether anything is to be done.
fn check<T>(pairs: &[Pair<'_, T>], c: &[T]) -> bool {
    let Some((a, b)) = pairs.first() else {
        return false;
    };
    let same = |x: &MatRef<'_, T>, y: &MatRef<'_, T>| (x.rows, x.cols) == (y.rows, y.cols);
    assert!(a.cols == b.rows && a.rows.checked_mul(b.cols) == Some(c.len()), "sizes of a product");
    assert!(pairs.iter().all(|(x, y)| same(x, a) && same(y, b)), "products of different sizes");
    !c.is_empty() && a.cols > 0
}

impl Gemm for u64 {
    fn gemm(pairs: &[Pair<'_, Self>], c: &mut [Self]) {
        if !check(pairs, c) || small(pairs, c) {
            return;
        }
        match simd::level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(kernel, _) => blocked::gemm(kernel, pairs, c),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(kernel) => blocked::gemm(kernel, pairs, c),
            #[cfg(target_arch = "aarch64")]
            Level::Neon(kernel) => blocked::gemm(kernel, pairs, c),
            Level::Portable => blocked::gemm(Portable, pairs, c),
        }
    }
}

impl Gemm for u128 {
    fn gemm(pairs: &[Pair<'_, Self>], c: &mut [Self]) {
        if !check(pairs, c) || small(pairs, c) {
            return;
        }
        match simd::level() {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_, Some(kernel)) => blocked::gemm(kernel, pairs, c),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(kernel, None) => blocked::gemm(kernel, pairs, c),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => blocked::gemm(Portable, pairs, c),
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => blocked::gemm(Portable, pairs, c),
            Level::Portable => blocked::gemm(Portable, pairs, c),
        }
    }
}

impl Gemm for i64 {
    fn gemm(pairs: &[Pair<'_, Self>], c: &mut [Self]) {
        fn cast<'a>(m: &MatRef<'a, i64>) -> MatRef<'a, u64> {
            MatRef { data: simd::cast::unsigned(m.data), rows: m.rows, cols: m.cols }
        }
        // Wrapping products of signed and unsigned words are the same words.
        let pairs: Vec<Pair<'_, u64>> = pairs.iter().map(|(a, b)| (cast(a), cast(b))).collect();
        u64::gemm(&pairs, simd::cast::unsigned_mut(c));
    }
}

macro_rules! float_gemm {
    ($t:ty, $gemm:path) => {
        impl Gemm for $t {
            fn gemm(pairs: &[Pair<'_, Self>], c: &mut [Self]) {
                if !check(pairs, c) {
                    return;
                }
                let (m, k, n) = sizes(pairs);
                // An inner product of floats is a chain of additions: not for a matrix times a vector.
                if n > 1 && small(pairs, c) {
                    return;
                }
                for (a, b) in pairs {
                    let block = |a: &[$t], c: &mut [$t]| $gemm(a.len() / k, k, n, a, b.data, c);
                    if m > 1 && m * k * n >= PARALLEL_FROM && threads::available() > 1 {
                        let rows = m.div_ceil(threads::available());
                        let blocks = c.par_chunks_mut(rows * n).zip(a.data.par_chunks(rows * k));
                        threads::fan_out(|| blocks.for_each(|(c, a)| block(a, c)));
                    } else {
                        block(a.data, c);
                    }
                }
            }
        }
    };
}
float_gemm!(f64, simd::float::gemm_f64);
float_gemm!(f32, simd::float::gemm_f32);

/// Does products that do not repay packing; false if this one does.
fn small<T: Element>(pairs: &[Pair<'_, T>], c: &mut [T]) -> bool {
    let (m, k, n) = sizes(pairs);
    if n == 1 {
        matrix_vector(pairs, c);
    } else if m < PACK_ROWS || m * k * n < PACK_FROM {
        for (a, b) in pairs {
            for (a, c) in a.data.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
                simd::combine_rows(a, b.data, c);
            }
        }
    } else {
        return false;
    }
    true
}

/// Matrices times column vectors: inner products of rows, bound by the speed of memory.
fn matrix_vector<T: Element>(pairs: &[Pair<'_, T>], c: &mut [T]) {
    let (m, k, _) = sizes(pairs);
    for (a, b) in pairs {
        let row = |(c, a): (&mut T, &[T])| *c = c.plus(simd::dot(a, b.data));
        if m > 1 && m * k >= PARALLEL_FROM && threads::available() > 1 {
            let rows = c.par_iter_mut().zip(a.data.par_chunks_exact(k));
            let least = PARALLEL_FROM / 4 / k + 1;
            threads::fan_out(|| rows.with_min_len(least).for_each(row));
        } else {
            c.iter_mut().zip(a.data.chunks_exact(k)).for_each(row);
        }
    }
}
