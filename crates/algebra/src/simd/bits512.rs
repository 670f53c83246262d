//! AVX-512 transposition of eight blocks of 64×64 bits at once.
//!
//! The six exchanges of a 64×64 transposition (widths 32 to 1) commute, so they are done as two passes over eight
//! registers each, one pass together with the 8×8 transposition that puts words of one plane side by side.

use std::arch::x86_64::{
    __m512i, _mm512_loadu_si512, _mm512_set1_epi64, _mm512_shuffle_i64x2, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_ternarylogic_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

use super::Avx512;
use crate::bits::transpose::{Planes, Words};

/// Eight vectors of eight words.
type Square = [__m512i; 8];

/// One exchange of bits `WIDTH` apart, on rows `DISTANCE` registers apart: see `swap` in `bits::transpose`.
#[target_feature(enable = "avx512f")]
#[inline]
fn exchange<const DISTANCE: usize, const WIDTH: u32>(rows: &mut Square, mask: u64) {
    let mask = _mm512_set1_epi64(mask.cast_signed());
    for i in (0..8).filter(|i| i & DISTANCE == 0) {
        let (a, b) = (rows[i], rows[i + DISTANCE]);
        // (a >> WIDTH ^ b) & mask
        let swapped = _mm512_ternarylogic_epi64::<0x28>(_mm512_srli_epi64::<WIDTH>(a), b, mask);
        rows[i] = _mm512_xor_si512(a, _mm512_slli_epi64::<WIDTH>(swapped));
        rows[i + DISTANCE] = _mm512_xor_si512(b, swapped);
    }
}

/// The exchanges of widths 32, 16 and 8, on rows that are eight apart.
#[target_feature(enable = "avx512f")]
#[inline]
fn exchange_wide(rows: &mut Square) {
    exchange::<4, 32>(rows, 0x0000_0000_ffff_ffff);
    exchange::<2, 16>(rows, 0x0000_ffff_0000_ffff);
    exchange::<1, 8>(rows, 0x00ff_00ff_00ff_00ff);
}

/// The exchanges of widths 4, 2 and 1, on neighbouring rows.
#[target_feature(enable = "avx512f")]
#[inline]
fn exchange_narrow(rows: &mut Square) {
    exchange::<4, 4>(rows, 0x0f0f_0f0f_0f0f_0f0f);
    exchange::<2, 2>(rows, 0x3333_3333_3333_3333);
    exchange::<1, 1>(rows, 0x5555_5555_5555_5555);
}

/// Transposes an 8×8 square of words.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose_words(r: &Square) -> Square {
    let pair = |i: usize| (_mm512_unpacklo_epi64(r[i], r[i + 1]), _mm512_unpackhi_epi64(r[i], r[i + 1]));
    let ((a0, a1), (b0, b1), (c0, c1), (d0, d1)) = (pair(0), pair(2), pair(4), pair(6));
    // Quarters (128 bits) 0 and 2, or 1 and 3, of two vectors.
    let even = |x, y| _mm512_shuffle_i64x2::<0x88>(x, y);
    let odd = |x, y| _mm512_shuffle_i64x2::<0xdd>(x, y);
    let four = |a, b, c, d| {
        let (ab_even, ab_odd) = (even(a, b), odd(a, b));
        let (cd_even, cd_odd) = (even(c, d), odd(c, d));
        [even(ab_even, cd_even), even(ab_odd, cd_odd), odd(ab_even, cd_even), odd(ab_odd, cd_odd)]
    };
    let (low, high) = (four(a0, b0, c0, d0), four(a1, b1, c1, d1));
    [low[0], high[0], low[1], high[1], low[2], high[2], low[3], high[3]]
}

/// Eight vectors, `stride` words apart, from word `at` on.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(words: &[u64], at: usize, stride: usize) -> Square {
    assert!(words.len() >= at + 7 * stride + 8, "eight vectors");
    // SAFETY: the farthest vector ends at word at + 7·stride + 8 (asserted).
    std::array::from_fn(|i| unsafe { _mm512_loadu_si512(words.as_ptr().add(at + i * stride).cast()) })
}

/// Writes eight vectors, `stride` words apart, from word `at` on.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(square: &Square, words: &mut [u64], at: usize, stride: usize) {
    assert!(words.len() >= at + 7 * stride + 8, "eight vectors");
    for (i, &vector) in square.iter().enumerate() {
        // SAFETY: the farthest vector ends at word at + 7·stride + 8 (asserted).
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().add(at + i * stride).cast(), vector) }
    }
}

#[target_feature(enable = "avx512f")]
fn to_planes(words: &Words, planes: &mut Planes) {
    let planes = planes.as_flattened_mut();
    for group in 0..8 {
        // Words 8·group.. of each block; then row i holds word 8·group + i of all blocks.
        let mut rows = transpose_words(&load(words, 8 * group, 64));
        exchange_narrow(&mut rows);
        store(&rows, planes, 64 * group, 8);
    }
    for row in 0..8 {
        let mut rows = load(planes, 8 * row, 64);
        exchange_wide(&mut rows);
        store(&rows, planes, 8 * row, 64);
    }
}

#[target_feature(enable = "avx512f")]
fn from_planes(planes: &Planes, words: &mut Words) {
    let planes = planes.as_flattened();
    // The words are scratch until the second pass: it reads 64 words from 64·group on and writes to those of all
    // groups, so the first pass needs a place of its own.
    let mut scratch = [0u64; 512];
    for row in 0..8 {
        let mut rows = load(planes, 8 * row, 64);
        exchange_wide(&mut rows);
        store(&rows, &mut scratch, 8 * row, 64);
    }
    for group in 0..8 {
        let mut rows = load(&scratch, 64 * group, 8);
        exchange_narrow(&mut rows);
        store(&transpose_words(&rows), words, 8 * group, 64);
    }
}

impl Avx512 {
    /// Transposes eight blocks.
    pub(super) fn split_planes(self, words: &Words, planes: &mut Planes) {
        // SAFETY: the token proves AVX-512 F.
        unsafe { to_planes(words, planes) }
    }

    /// The inverse of `split_planes`.
    pub(super) fn join_planes(self, planes: &Planes, words: &mut Words) {
        // SAFETY: the token proves AVX-512 F.
        unsafe { from_planes(planes, words) }
    }
}
