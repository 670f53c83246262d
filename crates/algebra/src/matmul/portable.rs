//! Kernels in plain Rust: the reference for all others, and what machines without vector kernels run.

use super::blocked::MicroKernel;
use crate::ring::Element;

/// The micro-kernels of any machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl MicroKernel<u64> for Portable {
    type Packed = u64;
    const MR: usize = 4;
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
        tile_whole::<u64, 4, 4>(k, a, b, c, ldc);
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

/// Whole elements, one scalar multiplication each: as fast as vectors where these cannot multiply 64-bit words.
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
