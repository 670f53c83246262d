//! AVX-512 IFMA micro-kernel for products over Z_2^128.
//!
//! Elements are cut into limbs of 52, 52 and 24 bits. The instructions multiply two 52-bit limbs and add the low or the
//! high 52 bits of the product to a word, so nine of them make one product: there are three sums, of weights 1, 2^52 and
//! 2^104, and what would have weight 2^156 vanishes. At weight 2^104 only 24 bits matter, so that sum may wrap.

use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::Ifma;
use crate::matmul::blocked::{KC, MicroKernel};

/// Rows of a tile.
const MR: usize = 4;
/// Vectors of eight elements in a row of a tile. Each has three sums, so 24 of the 32 registers hold sums.
const VECTORS: usize = 2;
/// Columns of a tile.
const NR: usize = 8 * VECTORS;
/// Limbs of an element.
const LIMBS: usize = 3;
/// Bits of a limb.
const BITS: u32 = 52;
// The sum of weight 2^52 takes three terms below 2^52 at each step and must not wrap.
const _: () = assert!(3 * KC < 1 << (64 - BITS));

/// The three sums of every element of a tile.
type Sums = [[[u64; NR]; MR]; LIMBS];

/// Sums limb products over `k` steps.
///
/// # Safety
/// `a` must be valid for reading `LIMBS·k·MR` words and `b` for `LIMBS·k·NR`.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn tile(k: usize, a: *const u64, b: *const u64) -> Sums {
    let zero = _mm512_setzero_si512();
    let (mut s0, mut s1, mut s2) = ([[zero; VECTORS]; MR], [[zero; VECTORS]; MR], [[zero; VECTORS]; MR]);
    for step in 0..k {
        // SAFETY: each of the three planes has k steps of NR words.
        let ys: [[__m512i; VECTORS]; LIMBS] = std::array::from_fn(|limb| {
            std::array::from_fn(|j| unsafe { _mm512_loadu_si512(b.add((limb * k + step) * NR + 8 * j).cast()) })
        });
        for i in 0..MR {
            // SAFETY: each of the three planes has k steps of MR words.
            let [x0, x1, x2] = std::array::from_fn(|limb| {
                _mm512_set1_epi64(unsafe { *a.add((limb * k + step) * MR + i) }.cast_signed())
            });
            for j in 0..VECTORS {
                let [y0, y1, y2] = [ys[0][j], ys[1][j], ys[2][j]];
                s0[i][j] = _mm512_madd52lo_epu64(s0[i][j], x0, y0);
                s1[i][j] = _mm512_madd52hi_epu64(s1[i][j], x0, y0);
                s1[i][j] = _mm512_madd52lo_epu64(s1[i][j], x0, y1);
                s1[i][j] = _mm512_madd52lo_epu64(s1[i][j], x1, y0);
                s2[i][j] = _mm512_madd52hi_epu64(s2[i][j], x0, y1);
                s2[i][j] = _mm512_madd52hi_epu64(s2[i][j], x1, y0);
                s2[i][j] = _mm512_madd52lo_epu64(s2[i][j], x1, y1);
                s2[i][j] = _mm512_madd52lo_epu64(s2[i][j], x0, y2);
                s2[i][j] = _mm512_madd52lo_epu64(s2[i][j], x2, y0);
            }
        }
    }
    let mut sums = [[[0; NR]; MR]; LIMBS];
    for (out, sums) in sums.iter_mut().zip([s0, s1, s2]) {
        for (out, row) in out.iter_mut().zip(sums) {
            for (out, vector) in out.as_chunks_mut::<8>().0.iter_mut().zip(row) {
                // SAFETY: the chunk has eight words.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) }
            }
        }
    }
    sums
}

impl MicroKernel<u128> for Ifma {
    type Packed = u64;
    const MR: usize = MR;
    const NR: usize = NR;
    const A_PLANES: usize = LIMBS;
    const B_PLANES: usize = LIMBS;

    #[inline(always)]
    fn split_a(x: u128, plane: usize) -> u64 {
        (x >> (plane as u32 * BITS)) as u64 & ((1 << BITS) - 1)
    }

    #[inline(always)]
    fn split_b(x: u128, plane: usize) -> u64 {
        Self::split_a(x, plane)
    }

    fn tile(self, k: usize, a: &[u64], b: &[u64], c: &mut [u128], ldc: usize) {
        assert!(k <= KC && a.len() >= LIMBS * k * MR && b.len() >= LIMBS * k * NR, "tile sizes");
        // SAFETY: the token proves AVX-512 F and IFMA; the lengths that `tile` needs are asserted.
        let [s0, s1, s2] = unsafe { tile(k, a.as_ptr(), b.as_ptr()) };
        for i in 0..MR {
            for (j, c) in c[i * ldc..][..NR].iter_mut().enumerate() {
                let low = u128::from(s0[i][j]).wrapping_add(u128::from(s1[i][j]) << BITS);
                *c = c.wrapping_add(low).wrapping_add(u128::from(s2[i][j]) << (2 * BITS));
            }
        }
    }
}
