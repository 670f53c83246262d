//! The blocked matrix product: packing, cache blocking and threads around a micro-kernel.
//!
//! The loops are those of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): a
//! block of B is packed once and shared, blocks of A are packed per thread, and a micro-kernel updates one small
//! tile of C that stays in registers. Peak memory beside C: `KC·NC` packed elements, and `MC·KC` for each thread.

use std::ops::Range;

use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use super::gemm::MatRef;
use crate::ring::Element;
use crate::threads;

/// Depth of a packed block. Micro-kernels rely on `KC <= 1024` (see the bound of their limbs).
pub(crate) const KC: usize = 256;
/// Rows of a packed block of A, to fit the second-level cache.
const MC: usize = 96;
/// Columns of a packed block of B, to fit the third-level cache.
const NC: usize = 1536;
/// The largest tile, in elements.
const MAX_TILE: usize = 256;
/// Multiplications that pay for waking another thread.
const PARALLEL_FROM: usize = 1 << 19;

/// Updates one tile of C from packed panels.
///
/// Panels are plane-major: plane `p` of an A panel holds, for each of `k` steps, `MR` elements, and of a B panel
/// `NR` elements. What a plane holds is the kernel's own affair: whole elements, or limbs of them.
pub(crate) trait MicroKernel<T>: Copy + Sync {
    /// What panels are made of.
    type Packed: Copy + Default + Send + Sync + Zeroize;
    /// Rows of a tile.
    const MR: usize;
    /// Columns of a tile.
    const NR: usize;
    /// Planes per A panel.
    const A_PLANES: usize;
    /// Planes per B panel.
    const B_PLANES: usize;
    /// Whether [`tile`](Self::tile) multiplies two steps at a time: of neighbouring steps it adds (x + y')(x' + y), which is x·y + x'·y' and
    /// x·x' + y·y' too many. These are taken off row by row and column by column.
    const PAIRED: bool = false;

    /// What plane `plane` of an A panel holds of `x`.
    fn split_a(x: T, plane: usize) -> Self::Packed;
    /// What plane `plane` of a B panel holds of `x`.
    fn split_b(x: T, plane: usize) -> Self::Packed;
    /// `c[i·ldc + j] += Σ a·b` over `k <= KC` steps, for all `i < MR`, `j < NR`. If steps are paired, `k` is even.
    fn tile(self, k: usize, a: &[Self::Packed], b: &[Self::Packed], c: &mut [T], ldc: usize);

    /// As [`tile`](Self::tile), where only the first rows and columns (`size`) of the tile are wanted.
    #[inline(always)]
    fn edge(self, k: usize, a: &[Self::Packed], b: &[Self::Packed], c: &mut [T], ldc: usize, size: [usize; 2]) {
        let _ = size;
        self.tile(k, a, b, c, ldc);
    }
}

/// `c += Σ a · b` over pairs of equal sizes, none of them zero.
pub(crate) fn gemm<T: Element, K: MicroKernel<T>>(kernel: K, pairs: &[(MatRef<'_, T>, MatRef<'_, T>)], c: &mut [T]) {
    let (m, k, n) = super::gemm::sizes(pairs);
    let parallel = threads::available() > 1 && m > K::MR && pairs.len() * m * k * n >= PARALLEL_FROM;
    let mc = if parallel {
        let share = m.div_ceil(2 * threads::available());
        share.next_multiple_of(K::MR).clamp(K::MR, MC)
    } else {
        MC
    };
    let (kc, nc) = (steps::<T, K>(k.min(KC)), n.min(NC).next_multiple_of(K::NR));
    let mut b_packed = Zeroizing::new(vec![K::Packed::default(); kc * nc * K::B_PLANES]);
    let a_buffer = || Zeroizing::new(vec![K::Packed::default(); mc.min(m).next_multiple_of(K::MR) * kc * K::A_PLANES]);
    let mut a_serial = if parallel { Zeroizing::new(vec![]) } else { a_buffer() };
    for col in (0..n).step_by(NC) {
        let cols = col..n.min(col + NC);
        for (a, b) in pairs {
            for depth in (0..k).step_by(KC) {
                let depth = depth..k.min(depth + KC);
                pack_b::<T, K>(*b, depth.clone(), cols.clone(), &mut b_packed);
                // Blocks have an even number of steps but for the last, so pairs are those of the whole depth.
                let surplus = (K::PAIRED && depth.start == 0).then(|| column_pairs(*b, k, cols.clone()));
                let block = |a_packed: &mut Zeroizing<Vec<K::Packed>>, (i, c): (usize, &mut [T])| {
                    let rows = i * mc..i * mc + c.len() / n;
                    pack_a::<T, K>(*a, rows.clone(), depth.clone(), a_packed);
                    if let Some(surplus) = &surplus {
                        take_off_pairs(*a, rows.clone(), surplus, cols.clone(), c);
                    }
                    panels(kernel, steps::<T, K>(depth.len()), a_packed, &b_packed, rows.len(), cols.clone(), c, n);
                };
                if parallel {
                    let blocks = c.par_chunks_mut(mc * n).enumerate();
                    threads::fan_out(|| blocks.for_each_init(a_buffer, block));
                } else {
                    c.chunks_mut(mc * n).enumerate().for_each(|chunk| block(&mut a_serial, chunk));
                }
            }
        }
    }
}

/// Steps of a packed block: a kernel that takes two at a time gets one of zeros after an odd last one.
const fn steps<T, K: MicroKernel<T>>(depth: usize) -> usize {
    if K::PAIRED { depth.next_multiple_of(2) } else { depth }
}

/// Σ y·y' over pairs of neighbouring steps, for each column.
fn column_pairs<T: Element>(b: MatRef<'_, T>, k: usize, cols: Range<usize>) -> Zeroizing<Vec<T>> {
    let mut sums = Zeroizing::new(vec![T::ZERO; cols.len()]);
    for step in (1..k).step_by(2) {
        let pair = b.row(step - 1)[cols.clone()].iter().zip(&b.row(step)[cols.clone()]);
        sums.iter_mut().zip(pair).for_each(|(sum, (&x, &y))| *sum = sum.plus(x.times(y)));
    }
    sums
}

/// Takes from rows of C what pairing adds to them: Σ x·x' of the row of A, and the surplus of each column of B.
fn take_off_pairs<T: Element>(a: MatRef<'_, T>, rows: Range<usize>, surplus: &[T], cols: Range<usize>, c: &mut [T]) {
    let n = c.len() / rows.len();
    for (row, c) in rows.zip(c.chunks_exact_mut(n)) {
        let pairs = a.row(row).as_chunks::<2>().0;
        let own = pairs.iter().fold(T::ZERO, |sum, &[x, y]| sum.plus(x.times(y)));
        c[cols.clone()].iter_mut().zip(surplus).for_each(|(c, &other)| *c = c.minus(own.plus(other)));
    }
}

/// Packs rows of A into panels of `MR` rows, padding the last with zeros.
fn pack_a<T: Element, K: MicroKernel<T>>(
    a: MatRef<'_, T>,
    rows: Range<usize>,
    depth: Range<usize>,
    out: &mut [K::Packed],
) {
    let kc = steps::<T, K>(depth.len());
    for (row, panel) in rows.clone().step_by(K::MR).zip(out.chunks_mut(K::MR * kc * K::A_PLANES)) {
        let used = (rows.end - row).min(K::MR);
        for (plane, out) in panel.chunks_exact_mut(K::MR * kc).enumerate() {
            for i in 0..K::MR {
                let lane = out[i..].iter_mut().step_by(K::MR);
                if i < used {
                    let source = &a.row(row + i)[depth.clone()];
                    let padded = source.iter().copied().chain(std::iter::repeat(T::ZERO));
                    lane.zip(padded).for_each(|(o, x)| *o = K::split_a(x, plane));
                } else {
                    lane.for_each(|o| *o = K::Packed::default());
                }
            }
        }
    }
}

/// Packs columns of B into panels of `NR` columns, padding the last with zeros. B is read row by row, as it lies.
fn pack_b<T: Element, K: MicroKernel<T>>(
    b: MatRef<'_, T>,
    depth: Range<usize>,
    cols: Range<usize>,
    out: &mut [K::Packed],
) {
    let kc = steps::<T, K>(depth.len());
    for plane in out.chunks_exact_mut(K::NR * kc) {
        plane[K::NR * depth.len()..].fill(K::Packed::default());
    }
    for (step, row) in depth.enumerate() {
        let chunks = b.row(row)[cols.clone()].chunks(K::NR);
        for (source, panel) in chunks.zip(out.chunks_mut(K::NR * kc * K::B_PLANES)) {
            for (plane, out) in panel.chunks_exact_mut(K::NR * kc).enumerate() {
                let out = &mut out[step * K::NR..][..K::NR];
                let (used, unused) = out.split_at_mut(source.len());
                used.iter_mut().zip(source).for_each(|(o, &x)| *o = K::split_b(x, plane));
                unused.fill(K::Packed::default());
            }
        }
    }
}

/// Runs the micro-kernel over all tiles of a block of C: `rows` rows of `n` elements, of which `cols` are updated.
#[expect(clippy::too_many_arguments, reason = "the coordinates of a block")]
fn panels<T: Element, K: MicroKernel<T>>(
    kernel: K,
    kc: usize,
    a: &[K::Packed],
    b: &[K::Packed],
    rows: usize,
    cols: Range<usize>,
    c: &mut [T],
    n: usize,
) {
    let a_panel = K::MR * kc * K::A_PLANES;
    let b_panel = K::NR * kc * K::B_PLANES;
    for (col, b) in cols.clone().step_by(K::NR).zip(b.chunks_exact(b_panel)) {
        let width = (cols.end - col).min(K::NR);
        for (row, a) in (0..rows).step_by(K::MR).zip(a.chunks_exact(a_panel)) {
            let height = (rows - row).min(K::MR);
            let c = &mut c[row * n + col..];
            if height == K::MR && width == K::NR {
                kernel.tile(kc, a, b, c, n);
            } else {
                let mut edge = [T::ZERO; MAX_TILE];
                kernel.edge(kc, a, b, &mut edge, K::NR, [height, width]);
                for (i, row) in edge.chunks_exact(K::NR).take(height).enumerate() {
                    for (c, &x) in c[i * n..][..width].iter_mut().zip(row) {
                        *c = c.plus(x);
                    }
                }
            }
        }
    }
}
