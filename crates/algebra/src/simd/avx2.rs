//! AVX2 micro-kernel for products over Z_2^64. (Over Z_2^128 four products would take twelve multiplications of vectors,
//! where scalar code takes twelve too.)

use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_loadu_si256, _mm256_mul_epu32, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_slli_epi64, _mm256_srli_epi64, _mm256_storeu_si256,
};

use super::Avx2;
use crate::matmul::blocked::MicroKernel;

/// Rows of a tile.
const MR: usize = 3;
/// Vectors of four words in a row of a tile. Each has two sums, so 12 of the 16 registers hold sums.
const VECTORS: usize = 2;
/// Columns of a tile.
const NR: usize = 4 * VECTORS;

/// `c += Σ a·b` mod 2^64 on one tile.
///
/// There is no 64-bit multiplication, so x·y = x0·y0 + 2^32·(x0·y1 + x1·y0) on 32-bit limbs, the two sums being kept apart
/// until the end.
///
/// # Safety
/// `a` must be valid for reading `k·MR` words, `b` for `k·NR`, and `c` for reading and writing `NR` words at each of
/// `i·ldc`, i < MR.
#[target_feature(enable = "avx2")]
unsafe fn tile(k: usize, a: *const u64, b: *const u64, c: *mut u64, ldc: usize) {
    let mut low = [[_mm256_setzero_si256(); VECTORS]; MR];
    let mut cross = [[_mm256_setzero_si256(); VECTORS]; MR];
    let (mut a, mut b) = (a, b);
    for _ in 0..k {
        // SAFETY: k steps of NR words are readable.
        let ys: [__m256i; VECTORS] = std::array::from_fn(|j| unsafe { _mm256_loadu_si256(b.add(4 * j).cast()) });
        let ys_high = ys.map(|y| _mm256_srli_epi64::<32>(y));
        for i in 0..MR {
            // SAFETY: k steps of MR words are readable.
            let x = unsafe { *a.add(i) };
            let x_low = _mm256_set1_epi64x(x.cast_signed());
            let x_high = _mm256_srli_epi64::<32>(x_low);
            for j in 0..VECTORS {
                low[i][j] = _mm256_add_epi64(low[i][j], _mm256_mul_epu32(x_low, ys[j]));
                cross[i][j] = _mm256_add_epi64(cross[i][j], _mm256_mul_epu32(x_low, ys_high[j]));
                cross[i][j] = _mm256_add_epi64(cross[i][j], _mm256_mul_epu32(x_high, ys[j]));
            }
        }
        a = a.wrapping_add(MR);
        b = b.wrapping_add(NR);
    }
    for i in 0..MR {
        for j in 0..VECTORS {
            let sum = _mm256_add_epi64(low[i][j], _mm256_slli_epi64::<32>(cross[i][j]));
            // SAFETY: row i has NR words from i·ldc on.
            unsafe {
                let at: *mut __m256i = c.add(i * ldc + 4 * j).cast();
                _mm256_storeu_si256(at, _mm256_add_epi64(_mm256_loadu_si256(at), sum));
            }
        }
    }
}

impl MicroKernel<u64> for Avx2 {
    type Packed = u64;
    const MR: usize = MR;
    const NR: usize = NR;
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
        assert!(a.len() >= k * MR && b.len() >= k * NR && c.len() >= (MR - 1) * ldc + NR, "tile sizes");
        // SAFETY: the token proves AVX2; the lengths that `tile` needs are asserted.
        unsafe { tile(k, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), ldc) }
    }
}
