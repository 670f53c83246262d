//! Elements to bit planes and back, by transposing blocks of 64×64 bits.

use zeroize::Zeroizing;

use super::{BitPlanes, Bits};
use crate::ring::Ring;
use crate::simd;

/// Words of eight blocks of 64: word `i` of block `b` is `words[64·b + i]`.
pub(crate) type Words = [u64; 64 * LANES];

/// The blocks transposed and side by side: word `j` of block `b` is `planes[j][b]`, and its bit `i` is bit `j` of word `i`.
pub(crate) type Planes = [[u64; LANES]; 64];

/// Blocks that are transposed together.
const LANES: usize = 8;
/// Words of a plane that are written in one go: long runs, since all planes may lie in the same cache sets.
const RUN: usize = 4 * LANES;
/// Up to this many planes, one loop for each is faster than transposing all 64.
const FEW: usize = 3;

/// Transposes eight blocks.
#[inline(always)]
pub(crate) fn to_planes(words: &Words, planes: &mut Planes) {
    for (b, block) in words.as_chunks::<64>().0.iter().enumerate() {
        let mut block = *block;
        transpose(&mut block);
        for (plane, word) in planes.iter_mut().zip(block) {
            plane[b] = word;
        }
    }
}

/// The inverse of [`to_planes`].
#[inline(always)]
pub(crate) fn from_planes(planes: &Planes, words: &mut Words) {
    for (b, block) in words.as_chunks_mut::<64>().0.iter_mut().enumerate() {
        for (word, plane) in block.iter_mut().zip(planes) {
            *word = plane[b];
        }
        transpose(block);
    }
}

/// Transposes one block (Warren, "Hacker's Delight", section 7-3).
#[inline(always)]
fn transpose(block: &mut [u64; 64]) {
    swap::<32>(block, 0x0000_0000_ffff_ffff);
    swap::<16>(block, 0x0000_ffff_0000_ffff);
    swap::<8>(block, 0x00ff_00ff_00ff_00ff);
    swap::<4>(block, 0x0f0f_0f0f_0f0f_0f0f);
    swap::<2>(block, 0x3333_3333_3333_3333);
    swap::<1>(block, 0x5555_5555_5555_5555);
}

/// Swaps the off-diagonal quarters of all squares of `2·WIDTH` bits.
#[inline(always)]
fn swap<const WIDTH: usize>(block: &mut [u64; 64], mask: u64) {
    for square in block.chunks_exact_mut(2 * WIDTH) {
        let (upper, lower) = square.split_at_mut(WIDTH);
        for (a, b) in upper.iter_mut().zip(lower) {
            let swapped = (*a >> WIDTH ^ *b) & mask;
            *a ^= swapped << WIDTH;
            *b ^= swapped;
        }
    }
}

/// Bit `bit` of every element.
///
/// # Panics
/// If the ring has no such bit.
#[must_use]
pub fn bit_plane<R: Ring>(elements: &[R], bit: u32) -> Bits {
    assert!(bit < R::BITS, "bit {bit} of a ring of {}", R::BITS);
    let word = |chunk: &[R]| {
        let bits = chunk.iter().enumerate();
        bits.fold(0, |word, (i, e)| word | (e.lshr(bit).low_u64() & 1) << i)
    };
    Bits { len: elements.len(), words: elements.chunks(64).map(word).collect() }
}

/// The lowest `width` bits of every element, as planes.
///
/// # Panics
/// If `width` exceeds the ring's bits.
#[must_use]
pub fn decompose<R: Ring>(elements: &[R], width: usize) -> BitPlanes {
    assert!(width <= R::BITS as usize, "{width} bits of a ring of {}", R::BITS);
    let lanes = elements.len();
    if width <= FEW {
        return BitPlanes::new(lanes, (0..width).map(|j| bit_plane(elements, j as u32)).collect());
    }
    let mut planes: Vec<Vec<u64>> = (0..width).map(|_| Vec::with_capacity(lanes.div_ceil(64))).collect();
    let mut runs = Zeroizing::new(vec![[0u64; RUN]; 64]);
    let (mut words, mut blocks) = buffers();
    for chunk in elements.chunks(64 * RUN) {
        let used = chunk.len().div_ceil(64);
        for (half, group) in planes.chunks_mut(64).enumerate() {
            for (at, chunk) in chunk.chunks(64 * LANES).enumerate() {
                if half == 0 {
                    words.iter_mut().zip(chunk).for_each(|(w, e)| *w = e.low_u64());
                } else {
                    words.iter_mut().zip(chunk).for_each(|(w, e)| *w = e.high_u64());
                }
                words[chunk.len()..].fill(0);
                simd::to_planes(&words, &mut blocks);
                for (run, block) in runs.iter_mut().zip(blocks.iter()).take(group.len()) {
                    run[at * LANES..][..LANES].copy_from_slice(block);
                }
            }
            for (plane, run) in group.iter_mut().zip(runs.iter()) {
                plane.extend_from_slice(&run[..used]);
            }
        }
    }
    BitPlanes::new(lanes, planes.into_iter().map(|words| Bits { len: lanes, words }).collect())
}

/// Buffers for one transposition.
fn buffers() -> (Zeroizing<Words>, Zeroizing<Planes>) {
    (Zeroizing::new([0; 64 * LANES]), Zeroizing::new([[0; LANES]; 64]))
}

/// The elements whose bits are the planes; absent high planes are zero.
///
/// # Panics
/// If there are more planes than the ring has bits.
#[must_use]
pub fn compose<R: Ring>(planes: &BitPlanes) -> Vec<R> {
    let width = planes.width();
    assert!(width <= R::BITS as usize, "{width} bits in a ring of {}", R::BITS);
    let mut out = vec![R::ZERO; planes.lanes()];
    if width <= FEW {
        for (j, plane) in planes.planes().iter().enumerate() {
            for (chunk, &word) in out.chunks_mut(64).zip(plane.words()) {
                for (i, element) in chunk.iter_mut().enumerate() {
                    *element = element.wadd(R::from_u64((word >> i & 1) << j));
                }
            }
        }
        return out;
    }
    let mut runs = Zeroizing::new(vec![[0u64; RUN]; 64]);
    let (mut low, mut blocks) = buffers();
    let mut high = Zeroizing::new([0; 64 * LANES]);
    let mut highs = Zeroizing::new(vec![[0u64; RUN]; if width > 64 { 64 } else { 0 }]);
    for (start, chunk) in out.chunks_mut(64 * RUN).enumerate() {
        let used = chunk.len().div_ceil(64);
        for (runs, group) in [&mut runs, &mut highs].into_iter().zip(planes.planes().chunks(64)) {
            for (run, plane) in runs.iter_mut().zip(group) {
                run[..used].copy_from_slice(&plane.words()[start * RUN..][..used]);
            }
        }
        for (at, chunk) in chunk.chunks_mut(64 * LANES).enumerate() {
            gather(&runs, at, &mut blocks, &mut low);
            gather(&highs, at, &mut blocks, &mut high);
            for ((element, &low), &high) in chunk.iter_mut().zip(low.iter()).zip(high.iter()) {
                *element = R::from_halves(low, high);
            }
        }
    }
    out
}

/// Transposes the blocks that start at word `at · LANES` of the runs, if there are any.
fn gather(runs: &[[u64; RUN]], at: usize, blocks: &mut Planes, words: &mut Words) {
    if runs.is_empty() {
        return;
    }
    for (block, run) in blocks.iter_mut().zip(runs) {
        block.copy_from_slice(&run[at * LANES..][..LANES]);
    }
    simd::from_planes(blocks, words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::{Prg, Seed};

    #[test]
    fn every_bit_lands_at_its_mirror() {
        let words: Words = Prg::new(Seed([5; 16])).elements(64 * LANES).try_into().unwrap();
        let (mut portable, mut vector) = ([[0; LANES]; 64], [[0; LANES]; 64]);
        to_planes(&words, &mut portable);
        simd::to_planes(&words, &mut vector);
        assert_eq!(portable, vector);
        for (b, i, j) in (0..LANES * 64 * 64).map(|n| (n / 4096, n / 64 % 64, n % 64)) {
            let bits = (words[64 * b + i] >> j & 1, portable[j][b] >> i & 1);
            assert_eq!(bits.0, bits.1, "block {b}, row {i}, column {j}");
        }
        let (mut back, mut back_vector) = ([0; 64 * LANES], [0; 64 * LANES]);
        from_planes(&portable, &mut back);
        simd::from_planes(&vector, &mut back_vector);
        assert_eq!((back, back_vector), (words, words));
    }

    fn round_trip<R: Ring>() {
        let (lanes, widths) = if cfg!(miri) {
            // An interpreter has no time for more.
            (&[70][..], &[2, 66][..])
        } else {
            (&[0, 1, 63, 64, 65, 511, 512, 513, 2048, 2049, 5000][..], &[0, 1, 3, 4, 17, 63, 64, 65, 128][..])
        };
        for &lanes in lanes {
            let elements = Prg::new(Seed([1; 16])).elements::<R>(lanes);
            for &width in widths {
                if width > R::BITS as usize {
                    continue;
                }
                let planes = decompose(&elements, width);
                assert_eq!((planes.lanes(), planes.width()), (lanes, width));
                for (j, plane) in planes.planes().iter().enumerate() {
                    assert!(*plane == bit_plane(&elements, j as u32), "plane {j}");
                    assert!(elements.iter().enumerate().all(|(i, e)| plane.get(i) == e.bit(j as u32)));
                }
                let unused = R::BITS - width as u32;
                let back: Vec<R> = elements.iter().map(|e| e.wshl(unused).lshr(unused)).collect();
                assert!(compose::<R>(&planes) == back, "{lanes} lanes, {width} planes");
            }
        }
    }

    #[test]
    fn planes_hold_the_bits_of_their_elements() {
        round_trip::<u64>();
        round_trip::<u128>();
    }
}
