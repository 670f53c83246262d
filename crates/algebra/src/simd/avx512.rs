//! AVX-512 micro-kernels for products over Z_2^64 and Z_2^128.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_loadu_si512, _mm512_mul_epu32, _mm512_mullo_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::Avx512;
use crate::matmul::blocked::{KC, MicroKernel};

/// Rows of a tile.
const MR: usize = 8;
/// Vectors of eight words in a row of a tile: with `MR` rows, 24 of the 32 registers hold sums.
const VECTORS: usize = 3;
/// Columns of a tile.
const NR: usize = 8 * VECTORS;

/// `c += Σ a·b` mod 2^64 on the first `ROWS` rows and `V` vectors of a tile; with `LOW`, of the low 32 bits of each
/// factor (exact products).
///
/// # Safety
/// `a` must be valid for reading `k·MR` words, `b` for `k·NR`, and `c` for reading and writing `8·V` words at each of
/// `i·ldc`, i < ROWS. `ROWS <= MR` and `V <= VECTORS`.
#[target_feature(enable = "avx512f,avx512dq")]
unsafe fn tile<const LOW: bool, const ROWS: usize, const V: usize>(
    k: usize,
    a: *const u64,
    b: *const u64,
    c: *mut u64,
    ldc: usize,
) {
    const { assert!(ROWS <= MR && V <= VECTORS) };
    let mut sums = [[_mm512_setzero_si512(); V]; ROWS];
    let (mut a, mut b) = (a, b);
    for _ in 0..k {
        // SAFETY: k steps of NR words are readable.
        let ys: [__m512i; V] = std::array::from_fn(|j| unsafe { _mm512_loadu_si512(b.add(8 * j).cast()) });
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: k steps of MR words are readable.
            let x = _mm512_set1_epi64(unsafe { *a.add(i) }.cast_signed());
            for (sum, y) in sums.iter_mut().zip(ys) {
                let product = if LOW { _mm512_mul_epu32(x, y) } else { _mm512_mullo_epi64(x, y) };
                *sum = _mm512_add_epi64(*sum, product);
            }
        }
        a = a.wrapping_add(MR);
        b = b.wrapping_add(NR);
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: row i has 8·V words from i·ldc on.
            unsafe {
                let at = c.add(i * ldc + 8 * j).cast();
                _mm512_storeu_si512(at, _mm512_add_epi64(_mm512_loadu_si512(at.cast_const()), sum));
            }
        }
    }
}

impl Avx512 {
    /// `c += Σ a·b` on part of a tile, of whole words or (`LOW`) of their low halves.
    #[inline(always)]
    fn words<const LOW: bool, const ROWS: usize, const V: usize>(
        self,
        k: usize,
        a: &[u64],
        b: &[u64],
        c: &mut [u64],
        ldc: usize,
    ) {
        assert!(a.len() >= k * MR && b.len() >= k * NR, "panel sizes");
        assert!(c.len() >= (ROWS - 1) * ldc + 8 * V, "tile sizes");
        // SAFETY: the token proves AVX-512 F and DQ; the lengths that `tile` needs are asserted.
        unsafe { tile::<LOW, ROWS, V>(k, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), ldc) }
    }
}

impl MicroKernel<u64> for Avx512 {
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
        self.words::<false, MR, VECTORS>(k, a, b, c, ldc);
    }

    fn edge(self, k: usize, a: &[u64], b: &[u64], c: &mut [u64], ldc: usize, size: [usize; 2]) {
        match size {
            [..=4, ..=8] => self.words::<false, 4, 1>(k, a, b, c, ldc),
            [..=4, ..=16] => self.words::<false, 4, 2>(k, a, b, c, ldc),
            [..=4, _] => self.words::<false, 4, 3>(k, a, b, c, ldc),
            [_, ..=8] => self.words::<false, MR, 1>(k, a, b, c, ldc),
            [_, ..=16] => self.words::<false, MR, 2>(k, a, b, c, ldc),
            _ => self.words::<false, MR, 3>(k, a, b, c, ldc),
        }
    }
}

/// Bits of B's low word that its limbs start at: 22, 21 and 21 bits.
const LIMBS: [u32; 3] = [0, 22, 43];
// A limb product has at most 32 + 22 bits, so 1024 of them fit a word.
const _: () = assert!(KC <= 1024);

/// Z_2^128 from word products. With a = a0 + 2^64·a1 and b likewise, a·b = a0·b0 + 2^64·(a0·b1 + a1·b0). The cross terms
/// are products mod 2^64. For a0·b0, whose high word is needed too, a0 is cut into two limbs of 32 bits and b0 into
/// three of at most 22, whose products are summed exactly: six multiplications, of which none carries.
impl MicroKernel<u128> for Avx512 {
    type Packed = u64;
    const MR: usize = MR;
    const NR: usize = NR;
    const A_PLANES: usize = 3;
    const B_PLANES: usize = 5;

    /// a0 (whose low half is the first limb), its high half, a1.
    #[inline(always)]
    fn split_a(x: u128, plane: usize) -> u64 {
        [x as u64, x as u64 >> 32, (x >> 64) as u64][plane]
    }

    /// b1, b0, and the limbs of b0.
    #[inline(always)]
    fn split_b(x: u128, plane: usize) -> u64 {
        let low = x as u64;
        [(x >> 64) as u64, low, low & 0x3f_ffff, low >> 22 & 0x1f_ffff, low >> 43][plane]
    }

    fn tile(self, k: usize, a: &[u64], b: &[u64], c: &mut [u128], ldc: usize) {
        let (a0, a0_high, a1) = (&a[..k * MR], &a[k * MR..2 * k * MR], &a[2 * k * MR..]);
        let plane = |p: usize| &b[p * k * NR..][..k * NR];
        let mut cross = [0u64; MR * NR];
        self.words::<false, MR, VECTORS>(k, a0, plane(0), &mut cross, NR);
        self.words::<false, MR, VECTORS>(k, a1, plane(1), &mut cross, NR);
        let mut sums = cross.map(|x| u128::from(x) << 64);
        for (limb, at) in LIMBS.into_iter().enumerate() {
            for (a, shift) in [(a0, at), (a0_high, at + 32)] {
                let mut products = [0u64; MR * NR];
                self.words::<true, MR, VECTORS>(k, a, plane(2 + limb), &mut products, NR);
                for (sum, &product) in sums.iter_mut().zip(&products) {
                    *sum = sum.wrapping_add(u128::from(product) << shift);
                }
            }
        }
        for (i, row) in sums.chunks_exact(NR).enumerate() {
            for (c, &sum) in c[i * ldc..][..NR].iter_mut().zip(row) {
                *c = c.wrapping_add(sum);
            }
        }
    }
}
