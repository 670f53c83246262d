//! AVX-512 IFMA micro-kernel for products over Z_2^128.
//!
//! **Half the multiplications** (Winograd, "A New Algorithm for Inner Product", 1968): of two neighbouring steps,
//! x y + x' y' = (x + y')(x' + y) − x x' − y y'. The last two terms depend on a row or a column alone, and are for the caller
//! ([`MicroKernel::PAIRED`]). The ring is commutative and exact, so nothing is lost.
//!
//! **Seven instructions for one multiplication.** A factor X is X₀ + 2^50·X₁ + 2^100·X₂. The instructions multiply two words of
//! at most 52 bits and add the low or the high 52 bits of the product to a sum, so a full product takes two of them. All of
//! Σ X·Y mod 2^128 is in four sums, where the schoolbook has nine products:
//!
//! - P = Σ X₀Y₀ and Q = Σ X₁Y₁, in full;
//! - R = Σ (X₀ + X₁)(Y₀ + Y₁), in full: R − P − Q = Σ X₀Y₁ + X₁Y₀ (Karatsuba). Each of these factors is a sum of four limbs,
//!   which is why limbs have 50 bits;
//! - T = Σ (X₀ + 2^32·X₂)(Y₀ + 2^32·Y₂) mod 2^64: T − P = 2^32·Σ (X₀Y₂ + X₂Y₀) mod 2^64, of which weight 2^100 leaves 28 bits.
//!
//! So Σ X·Y = P + 2^50·(R − P − Q) + 2^68·(T − P) + 2^100·Q.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mullo_epi64,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::Ifma;
use crate::matmul::blocked::{KC, MicroKernel};

/// Rows of a tile.
const MR: usize = 4;
/// Vectors of eight elements in a row of a tile. Each has a low and a high sum, so 16 of the 32 registers hold sums.
const VECTORS: usize = 2;
/// Columns of a tile.
const NR: usize = 8 * VECTORS;
/// Bits of the two lower limbs.
const BITS: u32 = 50;
/// Where the highest limb stands in the factors of T.
const ABOVE: u32 = 32;
/// What is added up of an element: its parts of the factors of P, Q, R and T.
const PLANES: usize = 4;
/// Bits that the instructions take of a word.
const WORD: u32 = 52;
// A sum takes a term below 2^52 at every other step and must not wrap.
const _: () = assert!(KC / 2 < 1 << (64 - WORD));

/// One sum for every element of a tile.
type Sums = [[u64; NR]; MR];

/// For every pair of steps the factors x + y' and x' + y of a tile are handed to `each` with their row and vector.
///
/// # Safety
/// `a` must be valid for reading `k·MR` words and `b` for `k·NR`; `k` is even.
#[inline(always)]
unsafe fn pairs(k: usize, a: *const u64, b: *const u64, mut each: impl FnMut(usize, usize, __m512i, __m512i)) {
    for step in (0..k).step_by(2) {
        // SAFETY: there are k steps of NR words and of MR words.
        let y = |step: usize| -> [__m512i; VECTORS] {
            std::array::from_fn(|j| unsafe { _mm512_loadu_si512(b.add(step * NR + 8 * j).cast()) })
        };
        let x = |step: usize, i: usize| unsafe { _mm512_set1_epi64((*a.add(step * MR + i)).cast_signed()) };
        let ys = [y(step), y(step + 1)];
        for i in 0..MR {
            let xs = [x(step, i), x(step + 1, i)];
            for (j, (y, y_next)) in ys[0].into_iter().zip(ys[1]).enumerate() {
                // SAFETY: whoever calls this has AVX-512 F.
                unsafe { each(i, j, _mm512_add_epi64(xs[0], y_next), _mm512_add_epi64(xs[1], y)) }
            }
        }
    }
}

/// Sums of the low 52 bits of products, and of what is above them.
///
/// # Safety
/// As of [`pairs`].
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn full(k: usize, a: *const u64, b: *const u64, out: &mut [Sums; 2]) {
    let mut low = [[_mm512_setzero_si512(); VECTORS]; MR];
    let mut high = low;
    // SAFETY: what is asked for is asked of the caller.
    unsafe {
        pairs(k, a, b, |i, j, x, y| {
            low[i][j] = _mm512_madd52lo_epu64(low[i][j], x, y);
            high[i][j] = _mm512_madd52hi_epu64(high[i][j], x, y);
        });
        store(low, &mut out[0]);
        store(high, &mut out[1]);
    }
}

/// Sums of products mod 2^64.
///
/// # Safety
/// As of [`pairs`].
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn wrapping(k: usize, a: *const u64, b: *const u64, out: &mut Sums) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; MR];
    // SAFETY: what is asked for is asked of the caller.
    unsafe {
        pairs(k, a, b, |i, j, x, y| sums[i][j] = _mm512_add_epi64(sums[i][j], _mm512_mullo_epi64(x, y)));
        store(sums, out);
    }
}

/// # Safety
/// AVX-512 F has to be there.
#[inline(always)]
unsafe fn store(sums: [[__m512i; VECTORS]; MR], out: &mut Sums) {
    for (out, row) in out.iter_mut().zip(sums) {
        for (out, sum) in out.as_chunks_mut::<8>().0.iter_mut().zip(row) {
            // SAFETY: the chunk has eight words.
            unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) }
        }
    }
}

impl MicroKernel<u128> for Ifma {
    type Packed = u64;
    const MR: usize = MR;
    const NR: usize = NR;
    const A_PLANES: usize = PLANES;
    const B_PLANES: usize = PLANES;
    const PAIRED: bool = true;

    #[inline(always)]
    fn split_a(x: u128, plane: usize) -> u64 {
        const LIMB: u64 = (1 << BITS) - 1;
        let (low, middle, high) = (x as u64 & LIMB, (x >> BITS) as u64 & LIMB, (x >> (2 * BITS)) as u64);
        match plane {
            0 => low,
            1 => middle,
            2 => low + middle,
            _ => low.wrapping_add(high << ABOVE),
        }
    }

    #[inline(always)]
    fn split_b(x: u128, plane: usize) -> u64 {
        Self::split_a(x, plane)
    }

    fn tile(self, k: usize, a: &[u64], b: &[u64], c: &mut [u128], ldc: usize) {
        assert!(k <= KC && k.is_multiple_of(2), "steps come in pairs");
        assert!(a.len() >= PLANES * k * MR && b.len() >= PLANES * k * NR, "panel sizes");
        let plane = |plane: usize| (a[plane * k * MR..].as_ptr(), b[plane * k * NR..].as_ptr());
        let mut sums = [[[[0; NR]; MR]; 2]; 3];
        for (i, out) in sums.iter_mut().enumerate() {
            let (a, b) = plane(i);
            // SAFETY: the token proves AVX-512 F and IFMA; a plane has k steps, as is asserted.
            unsafe { full(k, a, b, out) }
        }
        let (a, b) = plane(3);
        let mut t = [[0; NR]; MR];
        // SAFETY: the token proves AVX-512 F and DQ; a plane has k steps, as is asserted.
        unsafe { wrapping(k, a, b, &mut t) }
        let [p, q, r] = &sums;
        for i in 0..MR {
            for (j, c) in c[i * ldc..][..NR].iter_mut().enumerate() {
                let whole = |[low, high]: &[Sums; 2]| u128::from(low[i][j]) + (u128::from(high[i][j]) << WORD);
                let [p, q, r] = [whole(p), whole(q), whole(r)];
                let upper = u128::from(t[i][j]).wrapping_sub(p) << (2 * BITS - ABOVE);
                let sum = p.wrapping_add((r - p - q) << BITS).wrapping_add(upper).wrapping_add(q << (2 * BITS));
                *c = c.wrapping_add(sum);
            }
        }
    }
}
