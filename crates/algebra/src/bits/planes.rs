//! Bit planes: bit `j` of every element of a vector, packed together.

use std::fmt;

use zeroize::Zeroize;

use super::Bits;

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
