//! Kernels in plain Rust: the reference for all others, and what machines without vector kernels run.

use super::blocked::MicroKernel;
use crate::ring::Element;

/// The micro-kernels of any machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl MicroKernel<u64> for Portable {
    type Packed = u64;
    const MR: usize = 2;
    const NR: usize = 4;
    const A_PLANES: usize = 1;
    const B_PLANES: usize = 1;

    #[inline(always)]
    fn split_a(x: u64, _: usize) -> u64 {
        x
    }

    #[inline(always)]
    fn split_b(x: u64, _: usize) -> u64 {
        x
    }

    fn tile(self, k: usize, a: &[u64], b: &[u64], c: &mut [u64], ldc: usize) {
        tile_split::<2, 4>(k, a, b, c, ldc);
    }
}

impl MicroKernel<u128> for Portable {
    type Packed = u128;
    const MR: usize = 2;
    const NR: usize = 2;
    const A_PLANES: usize = 1;
    const B_PLANES: usize = 1;

    #[inline(always)]
    fn split_a(x: u128, _: usize) -> u128 {
        x
    }

    #[inline(always)]
    fn split_b(x: u128, _: usize) -> u128 {
        x
    }

    fn tile(self, k: usize, a: &[u128], b: &[u128], c: &mut [u128], ldc: usize) {
        tile_whole::<u128, 2, 2>(k, a, b, c, ldc);
    }
}

/// Whole elements: one multiplication each.
#[inline(always)]
pub(crate) fn tile_whole<T: Element, const MR: usize, const NR: usize>(
    k: usize,
    a: &[T],
    b: &[T],
    c: &mut [T],
    ldc: usize,
) {
    let mut sums = [[T::ZERO; NR]; MR];
    let ((a, _), (b, _)) = (a.as_chunks::<MR>(), b.as_chunks::<NR>());
    for (a, b) in a.iter().zip(b).take(k) {
        for (sums, &x) in sums.iter_mut().zip(a) {
            for (sum, &y) in sums.iter_mut().zip(b) {
                *sum = sum.plus(x.times(y));
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (c, &sum) in c[i * ldc..][..NR].iter_mut().zip(sums) {
            *c = c.plus(sum);
        }
    }
}

/// 32-bit limbs, which compilers turn into widening vector multiplications: x·y = x0·y0 + 2^32·(x0·y1 + x1·y0).
/// The two sums are kept apart and joined at the end.
#[inline(always)]
fn tile_split<const MR: usize, const NR: usize>(k: usize, a: &[u64], b: &[u64], c: &mut [u64], ldc: usize) {
    const LOW: u64 = 0xffff_ffff;
    let mut low = [[0u64; NR]; MR];
    let mut cross = [[0u64; NR]; MR];
    let ((a, _), (b, _)) = (a.as_chunks::<MR>(), b.as_chunks::<NR>());
    for (a, b) in a.iter().zip(b).take(k) {
        for i in 0..MR {
            let (x0, x1) = (a[i] & LOW, a[i] >> 32);
            for j in 0..NR {
                let (y0, y1) = (b[j] & LOW, b[j] >> 32);
                // Limb products fit 64 bits; their sums may wrap.
                low[i][j] = low[i][j].wrapping_add(x0 * y0);
                cross[i][j] = cross[i][j].wrapping_add(x0 * y1).wrapping_add(x1 * y0);
            }
        }
    }
    for i in 0..MR {
        for (j, c) in c[i * ldc..][..NR].iter_mut().enumerate() {
            *c = c.wrapping_add(low[i][j]).wrapping_add(cross[i][j] << 32);
        }
    }
}
