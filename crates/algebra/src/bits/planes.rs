//! Bit planes: bit `j` of every element of a vector, packed together.

use std::fmt;

use zeroize::Zeroize;

use super::Bits;
use super::transpose::transpose64;
use crate::ring::Ring;

/// `lanes` elements as planes: plane `j` holds bit `j` of each element.
///
/// `Debug` shows sizes only, since bits may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct BitPlanes {
    lanes: usize,
    planes: Vec<Bits>,
}

impl BitPlanes {
    /// Planes of `lanes` bits each.
    ///
    /// # Panics
    /// If a plane has another length.
    #[must_use]
    pub fn new(lanes: usize, planes: Vec<Bits>) -> Self {
        assert!(planes.iter().all(|p| p.len() == lanes), "every plane has one bit per lane");
        Self { lanes, planes }
    }

    /// `count` planes of zeros.
    #[must_use]
    pub fn zeros(lanes: usize, count: usize) -> Self {
        Self { lanes, planes: vec![Bits::zeros(lanes); count] }
    }

    /// The number of elements.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The number of planes: bits per element.
    #[must_use]
    pub fn width(&self) -> usize {
        self.planes.len()
    }

    /// All planes, lowest bit first.
    #[must_use]
    pub fn planes(&self) -> &[Bits] {
        &self.planes
    }

    /// All planes, lowest bit first.
    #[must_use]
    pub fn into_planes(self) -> Vec<Bits> {
        self.planes
    }

    /// Plane `j`.
    ///
    /// # Panics
    /// If there is no such plane.
    #[must_use]
    pub fn plane(&self, j: usize) -> &Bits {
        &self.planes[j]
    }

    /// Planes `start..end`.
    ///
    /// # Panics
    /// Unless `start <= end <= width`.
    #[must_use]
    pub fn range(&self, start: usize, end: usize) -> Self {
        Self { lanes: self.lanes, planes: self.planes[start..end].to_vec() }
    }

    /// `self ⊕ other`.
    ///
    /// # Panics
    /// If lanes or widths differ, here and below.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Self {
        self.zip(other, Bits::xor)
    }

    /// `self ∧ other`.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, Bits::and)
    }

    /// `¬self`.
    #[must_use]
    pub fn not(&self) -> Self {
        Self { lanes: self.lanes, planes: self.planes.iter().map(Bits::not).collect() }
    }

    fn zip(&self, other: &Self, f: impl Fn(&Bits, &Bits) -> Bits) -> Self {
        assert_eq!(self.width(), other.width(), "different numbers of planes");
        let planes = self.planes.iter().zip(&other.planes).map(|(a, b)| f(a, b)).collect();
        Self { lanes: self.lanes, planes }
    }
}

impl fmt::Debug for BitPlanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BitPlanes[{} × {}]", self.lanes, self.width())
    }
}

impl Zeroize for BitPlanes {
    fn zeroize(&mut self) {
        self.planes.iter_mut().zeroize();
    }
}

/// The lowest `width` bits of every element, as planes.
///
/// # Panics
/// If `width` exceeds the ring's bits.
#[must_use]
pub fn decompose<R: Ring>(elements: &[R], width: usize) -> BitPlanes {
    assert!(width <= R::BITS as usize, "{width} bits of a ring of {}", R::BITS);
    let blocks = elements.len().div_ceil(64);
    let mut planes = vec![vec![0u64; blocks]; width];
    let halves: [fn(R) -> u64; 2] = [R::low_u64, R::high_u64];
    for (at, chunk) in elements.chunks(64).enumerate() {
        for (half, group) in halves.iter().zip(planes.chunks_mut(64)) {
            let mut block = [0u64; 64];
            for (word, &element) in block.iter_mut().zip(chunk) {
                *word = half(element);
            }
            transpose64(&mut block);
            for (plane, word) in group.iter_mut().zip(block) {
                plane[at] = word;
            }
        }
    }
    let planes = planes.into_iter().map(|words| Bits { len: elements.len(), words }).collect();
    BitPlanes { lanes: elements.len(), planes }
}

/// The elements whose bits are the planes; absent high planes are zero.
///
/// # Panics
/// If there are more planes than the ring has bits.
#[must_use]
pub fn compose<R: Ring>(planes: &BitPlanes) -> Vec<R> {
    assert!(planes.width() <= R::BITS as usize, "{} bits in a ring of {}", planes.width(), R::BITS);
    let mut out = vec![R::ZERO; planes.lanes];
    for (at, chunk) in out.chunks_mut(64).enumerate() {
        let mut halves = [[0u64; 64]; 2];
        for (block, group) in halves.iter_mut().zip(planes.planes.chunks(64)) {
            for (word, plane) in block.iter_mut().zip(group) {
                *word = plane.words[at];
            }
            transpose64(block);
        }
        let [low, high] = halves;
        for ((element, low), high) in chunk.iter_mut().zip(low).zip(high) {
            *element = R::from_halves(low, high);
        }
    }
    out
}
