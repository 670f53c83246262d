//! Floating-point products, by the `matrixmultiply` crate.

macro_rules! gemm {
    ($(#[$doc:meta])* $name:ident, $t:ty, $kernel:path) => {
        $(#[$doc])*
        pub(crate) fn $name(m: usize, k: usize, n: usize, a: &[$t], b: &[$t], c: &mut [$t]) {
            assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n, "sizes of a product");
            let (row_a, row_b) = (k.cast_signed(), n.cast_signed());
            // SAFETY: row-major matrices of these sizes fill exactly the slices (asserted above), and `c` is borrowed
            // mutably, so it overlaps neither `a` nor `b`.
            unsafe {
                $kernel(m, k, n, 1.0, a.as_ptr(), row_a, 1, b.as_ptr(), row_b, 1, 1.0, c.as_mut_ptr(), row_b, 1);
            }
        }
    };
}
gemm!(
    /// `c += a · b` for row-major `a` (m×k), `b` (k×n), `c` (m×n).
    gemm_f64,
    f64,
    matrixmultiply::dgemm
);
gemm!(
    /// `c += a · b` for row-major `a` (m×k), `b` (k×n), `c` (m×n).
    gemm_f32,
    f32,
    matrixmultiply::sgemm
);
