//! Vectors over Z_2^b, as they are summed, masked and sent.
//!
//! Elements are held in 32-bit lanes for b ≤ 32 and in 64-bit lanes above; only the low b bits of a lane mean
//! something, so that sums wrap by themselves. On the wire an element takes exactly b bits.

use zeroize::Zeroize;

use crate::error::Error;

/// The ring Z_2^b, for 1 ≤ b ≤ 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring(u32);

impl Ring {
    /// Z_2^64.
    pub(crate) const WIDEST: Ring = Ring(64);

    /// # Errors
    /// [`Error::Parameter`] unless 1 ≤ `bits` ≤ 64.
    pub fn new(bits: u32) -> Result<Self, Error> {
        match bits {
            1..=64 => Ok(Self(bits)),
            _ => Err(Error::parameter(format!("a ring of {bits} bits (1 to 64 are possible)"))),
        }
    }

    /// b.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The greatest element, 2^b − 1.
    #[must_use]
    pub fn max(self) -> u64 {
        u64::MAX >> (64 - self.0)
    }

    /// Bytes that `len` packed elements take.
    #[must_use]
    pub fn packed_bytes(self, len: usize) -> usize {
        (len as u128 * u128::from(self.0)).div_ceil(8) as usize
    }

    /// `element` as a signed number in [−2^(b−1), 2^(b−1)).
    #[must_use]
    pub fn signed(self, element: u64) -> i64 {
        let up = 64 - self.0;
        (element << up).cast_signed() >> up
    }
}

/// Storage by width.
#[derive(Clone)]
pub(crate) enum Lanes {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

/// A vector over a [`Ring`]. Wiped when dropped; it has no `Debug`, as it may be somebody's input.
#[derive(Clone)]
pub struct Vector {
    ring: Ring,
    pub(crate) lanes: Lanes,
}

impl Drop for Vector {
    fn drop(&mut self) {
        match &mut self.lanes {
            Lanes::Narrow(lanes) => lanes.as_mut_slice().zeroize(),
            Lanes::Wide(lanes) => lanes.as_mut_slice().zeroize(),
        }
    }
}

impl Vector {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(ring: Ring, len: usize) -> Self {
        let lanes = if ring.0 <= 32 { Lanes::Narrow(vec![0; len]) } else { Lanes::Wide(vec![0; len]) };
        Self { ring, lanes }
    }

    /// The vector of these elements.
    ///
    /// # Errors
    /// [`Error::Vector`] if one is not below 2^b.
    pub fn from_elements(ring: Ring, elements: &[u64]) -> Result<Self, Error> {
        if elements.iter().any(|&element| element > ring.max()) {
            return Err(Error::Vector { what: format!("an element does not fit {} bits", ring.0) });
        }
        Ok(Self::from_iter(ring, elements.iter().copied()))
    }

    /// The vector of these signed numbers, in two's complement.
    ///
    /// # Errors
    /// [`Error::Vector`] if one is not in [−2^(b−1), 2^(b−1)).
    pub fn from_signed(ring: Ring, numbers: &[i64]) -> Result<Self, Error> {
        if numbers.iter().any(|&number| ring.signed(number.cast_unsigned()) != number) {
            return Err(Error::Vector { what: format!("a number does not fit {} bits with sign", ring.0) });
        }
        Ok(Self::from_iter(ring, numbers.iter().map(|number| number.cast_unsigned())))
    }

    /// Keeps the low lane bits of each.
    fn from_iter(ring: Ring, elements: impl Iterator<Item = u64>) -> Self {
        let lanes = if ring.0 <= 32 {
            Lanes::Narrow(elements.map(|element| element as u32).collect())
        } else {
            Lanes::Wide(elements.collect())
        };
        Self { ring, lanes }
    }

    /// Its ring.
    #[must_use]
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Its number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.lanes {
            Lanes::Narrow(lanes) => lanes.len(),
            Lanes::Wide(lanes) => lanes.len(),
        }
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its elements, in [0, 2^b).
    #[must_use]
    pub fn elements(&self) -> Vec<u64> {
        let max = self.ring.max();
        match &self.lanes {
            Lanes::Narrow(lanes) => lanes.iter().map(|&lane| u64::from(lane) & max).collect(),
            Lanes::Wide(lanes) => lanes.iter().map(|lane| lane & max).collect(),
        }
    }

    /// Its elements as signed numbers, in [−2^(b−1), 2^(b−1)).
    #[must_use]
    pub fn signed(&self) -> Vec<i64> {
        self.elements().into_iter().map(|element| self.ring.signed(element)).collect()
    }

    /// Vectors of one ring after each other, of `len` elements together.
    pub(crate) fn concat(
        ring: Ring,
        len: usize,
        parts: impl Iterator<Item = Result<Vector, Error>>,
    ) -> Result<Self, Error> {
        // Room for all at once: what is moved to larger room would stay behind in the smaller one.
        let mut out = match ring.0 <= 32 {
            true => Self { ring, lanes: Lanes::Narrow(Vec::with_capacity(len)) },
            false => Self { ring, lanes: Lanes::Wide(Vec::with_capacity(len)) },
        };
        for part in parts {
            match (&mut out.lanes, &part?.lanes) {
                (Lanes::Narrow(all), Lanes::Narrow(part)) => all.extend_from_slice(part),
                (Lanes::Wide(all), Lanes::Wide(part)) => all.extend_from_slice(part),
                _ => return Err(Error::Misuse { what: "two vectors of one ring have different lanes" }),
            }
        }
        Ok(out)
    }

    /// Adds `other`, element by element, mod 2^b.
    ///
    /// # Errors
    /// [`Error::Vector`] if the lengths or rings differ.
    pub fn add(&mut self, other: &Vector) -> Result<(), Error> {
        self.zip(other, u32::wrapping_add, u64::wrapping_add)
    }

    /// Subtracts `other`, element by element, mod 2^b.
    ///
    /// # Errors
    /// [`Error::Vector`] if the lengths or rings differ.
    pub fn subtract(&mut self, other: &Vector) -> Result<(), Error> {
        self.zip(other, u32::wrapping_sub, u64::wrapping_sub)
    }

    fn zip(&mut self, other: &Vector, narrow: fn(u32, u32) -> u32, wide: fn(u64, u64) -> u64) -> Result<(), Error> {
        if self.ring != other.ring || self.len() != other.len() {
            return Err(Error::Vector { what: "two vectors of different length or ring".into() });
        }
        match (&mut self.lanes, &other.lanes) {
            (Lanes::Narrow(own), Lanes::Narrow(other)) => {
                own.iter_mut().zip(other).for_each(|(own, other)| *own = narrow(*own, *other));
            }
            (Lanes::Wide(own), Lanes::Wide(other)) => {
                own.iter_mut().zip(other).for_each(|(own, other)| *own = wide(*own, *other));
            }
            // Equal rings have equal lanes.
            _ => return Err(Error::Misuse { what: "two vectors of one ring have different lanes" }),
        }
        Ok(())
    }

    /// The elements, b bits each, little-endian, padded with zero bits to a whole byte.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ring.packed_bytes(self.len()));
        self.pack_into(&mut out);
        out
    }

    pub(crate) fn pack_into(&self, out: &mut Vec<u8>) {
        match &self.lanes {
            Lanes::Narrow(lanes) if self.ring.0 == 32 => {
                let start = out.len();
                out.resize(start + 4 * lanes.len(), 0);
                let (words, _) = out[start..].as_chunks_mut::<4>();
                words.iter_mut().zip(lanes).for_each(|(word, lane)| *word = lane.to_le_bytes());
            }
            Lanes::Narrow(lanes) => pack_bits(lanes.iter().map(|&lane| u64::from(lane)), self.ring, out),
            Lanes::Wide(lanes) => pack_bits(lanes.iter().copied(), self.ring, out),
        }
    }

    /// The vector of `len` elements that [`pack`](Self::pack) gave.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the bytes are too few or too many, or the padding is not zero.
    pub fn unpack(ring: Ring, len: usize, bytes: &[u8]) -> Result<Self, Error> {
        let mut out = Self::zeros(ring, len);
        out.add_packed(bytes)?;
        Ok(out)
    }

    /// Adds a packed vector without unpacking it to memory first.
    ///
    /// # Errors
    /// As [`unpack`](Self::unpack).
    pub fn add_packed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let ring = self.ring;
        check_packed(ring, self.len(), bytes)?;
        match &mut self.lanes {
            Lanes::Narrow(lanes) if ring.0 == 32 => {
                let (words, _) = bytes.as_chunks::<4>();
                for (lane, word) in lanes.iter_mut().zip(words) {
                    *lane = lane.wrapping_add(u32::from_le_bytes(*word));
                }
            }
            Lanes::Narrow(lanes) => {
                for (i, lane) in lanes.iter_mut().enumerate() {
                    *lane = lane.wrapping_add(read_bits(bytes, i, ring) as u32);
                }
            }
            Lanes::Wide(lanes) => {
                for (i, lane) in lanes.iter_mut().enumerate() {
                    *lane = lane.wrapping_add(read_bits(bytes, i, ring));
                }
            }
        }
        Ok(())
    }
}

/// Refuses what is not exactly `len` packed elements and zero padding.
pub(crate) fn check_packed(ring: Ring, len: usize, bytes: &[u8]) -> Result<(), Error> {
    let malformed = |what| Err(Error::Malformed { message: "packed vector", what });
    if bytes.len() != ring.packed_bytes(len) {
        return malformed("its length is not that of the round's vectors");
    }
    let used = (len as u128 * u128::from(ring.0) % 8) as u32;
    match bytes.last() {
        Some(last) if used != 0 && last >> used != 0 => malformed("its padding is not zero"),
        _ => Ok(()),
    }
}

fn pack_bits(elements: impl Iterator<Item = u64>, ring: Ring, out: &mut Vec<u8>) {
    let (bits, max) = (ring.0, ring.max());
    let mut pending = 0u128;
    let mut held = 0;
    for element in elements {
        pending |= u128::from(element & max) << held;
        held += bits;
        if held >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            held -= 64;
        }
    }
    out.extend_from_slice(&pending.to_le_bytes()[..held.div_ceil(8) as usize]);
}

/// The `i`-th packed element. The caller has checked the length.
#[inline]
fn read_bits(bytes: &[u8], i: usize, ring: Ring) -> u64 {
    let bit = i as u64 * u64::from(ring.0);
    let (at, shift) = ((bit / 8) as usize, bit % 8);
    if let Some(word) = bytes.get(at..at + 8)
        && ring.0 <= 56
    {
        let mut buffer = [0; 8];
        buffer.copy_from_slice(word);
        return (u64::from_le_bytes(buffer) >> shift) & ring.max();
    }
    let mut buffer = [0; 16];
    let tail = &bytes[at..bytes.len().min(at + 16)];
    buffer[..tail.len()].copy_from_slice(tail);
    (u128::from_le_bytes(buffer) >> shift) as u64 & ring.max()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn packing_round_trips_at_exact_width(bits in 1u32..=64, raw in proptest::collection::vec(any::<u64>(), 0..70)) {
            let ring = Ring::new(bits).unwrap();
            let elements: Vec<u64> = raw.iter().map(|x| x & ring.max()).collect();
            let vector = Vector::from_elements(ring, &elements).unwrap();
            let packed = vector.pack();
            prop_assert_eq!(packed.len(), (elements.len() * bits as usize).div_ceil(8));
            let mut twice = Vector::unpack(ring, elements.len(), &packed).unwrap();
            prop_assert_eq!(twice.elements(), elements.clone());
            twice.add(&vector).unwrap();
            let doubled: Vec<u64> = elements.iter().map(|x| x.wrapping_mul(2) & ring.max()).collect();
            prop_assert_eq!(twice.elements(), doubled);
            twice.subtract(&vector).unwrap();
            prop_assert_eq!(twice.pack(), packed);
        }

        #[test]
        fn no_bytes_make_unpacking_panic(bits in 1u32..=64, len in 0usize..40, bytes: Vec<u8>) {
            let ring = Ring::new(bits).unwrap();
            if let Ok(vector) = Vector::unpack(ring, len, &bytes) {
                prop_assert_eq!(vector.pack(), bytes);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_wraps() {
        let ring = Ring::new(8).unwrap();
        assert!(Vector::from_elements(ring, &[256]).is_err());
        assert!(Vector::from_signed(ring, &[128]).is_err());
        assert_eq!(Vector::from_signed(ring, &[-128, 127]).unwrap().signed(), [-128, 127]);
        assert!(Ring::new(0).is_err() && Ring::new(65).is_err());
        assert!(Vector::unpack(Ring::new(3).unwrap(), 1, &[0b1000]).is_err(), "padding");
    }
}
