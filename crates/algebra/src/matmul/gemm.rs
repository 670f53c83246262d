//! General matrix multiplication: `C += Σ Aᵢ · Bᵢ`.

use crate::ring::Element;

/// A matrix inside a slice.
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
        assert_eq!(data.len(), rows * cols, "a matrix must fill its slice");
        Self { data, rows, cols }
    }
}

/// Element types that have a matrix product.
pub trait Gemm: Sized {
    /// `c += Σ a · b` over all pairs; `c` is row-major.
    fn gemm(pairs: &[(MatRef<'_, Self>, MatRef<'_, Self>)], c: &mut [Self]);
}

macro_rules! simple {
    ($($t:ty),*) => {$(
        impl Gemm for $t {
            fn gemm(pairs: &[(MatRef<'_, Self>, MatRef<'_, Self>)], c: &mut [Self]) {
                for (a, b) in pairs {
                    rows(*a, *b, c);
                }
            }
        }
    )*};
}
simple!(u64, u128, i64, f32, f64);

/// Row by row: each element of `a` scales a row of `b`.
fn rows<T: Element>(a: MatRef<'_, T>, b: MatRef<'_, T>, c: &mut [T]) {
    let (k, n) = (a.cols, b.cols);
    debug_assert!(b.rows == k && c.len() == a.rows * n);
    for (a_row, c_row) in a.data.chunks_exact(k).zip(c.chunks_exact_mut(n)) {
        for (&x, b_row) in a_row.iter().zip(b.data.chunks_exact(n)) {
            for (c, &y) in c_row.iter_mut().zip(b_row) {
                *c = c.plus(x.times(y));
            }
        }
    }
}
