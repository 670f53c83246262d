//! NEON micro-kernel for products over Z_2^64. (Over Z_2^128 scalar code, which has a whole product of words in two
//! instructions, is left to the compiler.)

use std::arch::aarch64::{
    uint32x4_t, uint64x2_t, vaddq_u64, vdupq_n_u64, vget_low_u32, vld1q_u64, vld2q_u32, vmlal_high_laneq_u32,
    vmlal_laneq_u32, vreinterpretq_u32_u64, vshlq_n_u64, vst1q_u64,
};

use super::Neon;
use crate::matmul::blocked::MicroKernel;

/// Rows of a tile, two to a vector of the left factor.
const MR: usize = 6;
/// Columns of a tile: two vectors of two words. Each has two sums, so 24 of the 32 registers hold sums.
const NR: usize = 4;

/// The sums of one row of a tile: of products of low halves, and of those that count 2^32 times.
#[derive(Clone, Copy)]
struct Row {
    low: [uint64x2_t; 2],
    cross: [uint64x2_t; 2],
}

impl Row {
    /// Adds x·y for the word of x whose halves are lanes `LOW` and `HIGH`, and four words of y by their halves.
    #[target_feature(enable = "neon")]
    #[inline]
    fn add<const LOW: i32, const HIGH: i32>(&mut self, x: uint32x4_t, lows: uint32x4_t, highs: uint32x4_t) {
        let (first_low, first_high) = (vget_low_u32(lows), vget_low_u32(highs));
        self.low[0] = vmlal_laneq_u32::<LOW>(self.low[0], first_low, x);
        self.low[1] = vmlal_high_laneq_u32::<LOW>(self.low[1], lows, x);
        self.cross[0] = vmlal_laneq_u32::<LOW>(self.cross[0], first_high, x);
        self.cross[1] = vmlal_high_laneq_u32::<LOW>(self.cross[1], highs, x);
        self.cross[0] = vmlal_laneq_u32::<HIGH>(self.cross[0], first_low, x);
        self.cross[1] = vmlal_high_laneq_u32::<HIGH>(self.cross[1], lows, x);
    }
}

/// `c += Σ a·b` mod 2^64 on one tile.
///
/// There is no 64-bit multiplication, so x·y = x0·y0 + 2^32·(x0·y1 + x1·y0) on 32-bit halves, the two sums being kept apart
/// until the end.
///
/// # Safety
/// `a` must be valid for reading `k·MR` words, `b` for `k·NR`, and `c` for reading and writing `NR` words at each of
/// `i·ldc`, i < MR.
#[target_feature(enable = "neon")]
unsafe fn tile(k: usize, a: *const u64, b: *const u64, c: *mut u64, ldc: usize) {
    let zero = vdupq_n_u64(0);
    let mut rows = [Row { low: [zero; 2], cross: [zero; 2] }; MR];
    let (mut a, mut b) = (a, b);
    for _ in 0..k {
        // SAFETY: k steps of NR words are readable, the low halves of which come first.
        let ys = unsafe { vld2q_u32(b.cast()) };
        for (pair, rows) in rows.chunks_exact_mut(2).enumerate() {
            // SAFETY: k steps of MR words are readable.
            let x = vreinterpretq_u32_u64(unsafe { vld1q_u64(a.add(2 * pair)) });
            rows[0].add::<0, 1>(x, ys.0, ys.1);
            rows[1].add::<2, 3>(x, ys.0, ys.1);
        }
        a = a.wrapping_add(MR);
        b = b.wrapping_add(NR);
    }
    for (i, row) in rows.iter().enumerate() {
        for j in 0..2 {
            let sum = vaddq_u64(row.low[j], vshlq_n_u64::<32>(row.cross[j]));
            // SAFETY: row i has NR words from i·ldc on.
            unsafe {
                let at = c.add(i * ldc + 2 * j);
                vst1q_u64(at, vaddq_u64(vld1q_u64(at), sum));
            }
        }
    }
}

impl MicroKernel<u64> for Neon {
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
        // SAFETY: the token proves NEON; the lengths that `tile` needs are asserted.
        unsafe { tile(k, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), ldc) }
    }
}
