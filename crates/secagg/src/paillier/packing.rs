//! Several ring elements in one plaintext, with room for their sums.

use crypto_bigint::U2048;

use crate::vector::{Ring, Vector};

/// Bits of a plaintext that are used: any number of so many is below the modulus.
const USED: usize = 2047;

/// How elements lie in plaintexts.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    ring: Ring,
    len: usize,
    /// Bits of a slot: those of an element and of the number of summands.
    width: usize,
}

impl Slots {
    pub(super) fn new(ring: Ring, len: usize, most: u32) -> Self {
        let carry = (u32::BITS - most.saturating_sub(1).leading_zeros()) as usize;
        Self { ring, len, width: ring.bits() as usize + carry }
    }

    fn per_plaintext(&self) -> usize {
        USED / self.width
    }

    /// Plaintexts of a vector.
    pub(super) fn plaintexts(&self) -> usize {
        self.len.div_ceil(self.per_plaintext())
    }

    pub(super) fn pack(&self, vector: &Vector) -> Vec<U2048> {
        vector
            .elements()
            .chunks(self.per_plaintext())
            .map(|elements| {
                let mut words = [0u64; 32];
                for (i, element) in elements.iter().enumerate() {
                    let (word, shift) = (i * self.width / 64, i * self.width % 64);
                    words[word] |= element << shift;
                    if shift > 0 && word + 1 < words.len() {
                        words[word + 1] |= element >> (64 - shift);
                    }
                }
                U2048::from_words(words)
            })
            .collect()
    }

    /// The sums in the slots, reduced to the ring.
    pub(super) fn unpack(&self, plaintexts: &[U2048]) -> Vec<u64> {
        let mut elements = Vec::with_capacity(self.len);
        for plaintext in plaintexts {
            let words = plaintext.as_words();
            for i in 0..self.per_plaintext().min(self.len - elements.len()) {
                let (word, shift) = (i * self.width / 64, i * self.width % 64);
                let high = words.get(word + 1).copied().unwrap_or(0);
                let both = u128::from(words[word]) | u128::from(high) << 64;
                elements.push((both >> shift) as u64 & self.ring.max());
            }
        }
        elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_vectors_add_in_their_slots() {
        for (bits, len, most) in [(1, 5000, 2), (32, 100, 100), (64, 64, 1000), (17, 1, 3)] {
            let ring = Ring::new(bits).unwrap();
            let elements: Vec<u64> = (0..len).map(|i: u64| ring.max() - i % 2).collect();
            let slots = Slots::new(ring, len as usize, most);
            let packed = slots.pack(&Vector::from_elements(ring, &elements).unwrap());
            assert_eq!(packed.len(), slots.plaintexts());
            let mut sum = packed.clone();
            for _ in 1..most {
                sum.iter_mut().zip(&packed).for_each(|(sum, one)| *sum = sum.wrapping_add(one));
            }
            let expected: Vec<u64> =
                elements.iter().map(|element| element.wrapping_mul(u64::from(most)) & ring.max()).collect();
            assert_eq!(slots.unpack(&sum), expected);
        }
    }
}
