//! Masks: a 32-byte seed and its expansion to a vector, the AES-128-CTR key stream of a derived key.

use aes::Aes128;
use ctr::Ctr128LE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::domain::{MASK_KEY, SEED_COMMITMENT};
use crate::vector::{Lanes, Vector};
use crate::wire::{Bytes32, digest};

/// Bytes of key stream made at a time: small enough for the nearest cache, large enough for the cipher's wide path.
const BUFFER: usize = 8192;

/// The secret that a mask is expanded from. Wiped when dropped; it has no `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Seed(pub(crate) Bytes32);

/// Whether a mask is put on or taken off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

impl Seed {
    pub(crate) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut seed = Self([0; 32]);
        rng.fill_bytes(&mut seed.0);
        seed
    }

    /// Hides and binds the seed: its 256 bits of entropy need no further blinding.
    pub(crate) fn commitment(&self, context: &Bytes32) -> Bytes32 {
        digest(SEED_COMMITMENT, &[context, &self.0])
    }

    pub(crate) fn opens(&self, context: &Bytes32, commitment: &Bytes32) -> bool {
        self.commitment(context).ct_eq(commitment).into()
    }

    /// Adds or subtracts the expansion of this seed. The key stream's key and first block both derive from seed and
    /// context, so a seed has another mask in every round.
    pub(crate) fn apply(&self, context: &Bytes32, sign: Sign, to: &mut Vector) {
        let mut key = digest(MASK_KEY, &[context, &self.0]);
        let (aes_key, first_block) = key.split_at(16);
        // Halves of 32 bytes always have the cipher's lengths.
        let Ok(mut stream) = Ctr128LE::<Aes128>::new_from_slices(aes_key, first_block) else { return };
        let mut buffer = [0u8; BUFFER];
        match (&mut to.lanes, sign) {
            (Lanes::Narrow(lanes), Sign::Plus) => narrow(&mut stream, &mut buffer, lanes, u32::wrapping_add),
            (Lanes::Narrow(lanes), Sign::Minus) => narrow(&mut stream, &mut buffer, lanes, u32::wrapping_sub),
            (Lanes::Wide(lanes), Sign::Plus) => wide(&mut stream, &mut buffer, lanes, u64::wrapping_add),
            (Lanes::Wide(lanes), Sign::Minus) => wide(&mut stream, &mut buffer, lanes, u64::wrapping_sub),
        }
        buffer.zeroize();
        key.zeroize();
    }
}

#[inline(always)]
fn narrow(stream: &mut Ctr128LE<Aes128>, buffer: &mut [u8], lanes: &mut [u32], combine: impl Fn(u32, u32) -> u32) {
    for lanes in lanes.chunks_mut(buffer.len() / 4) {
        let bytes = &mut buffer[..lanes.len() * 4];
        stream.write_keystream(bytes);
        let (words, _) = bytes.as_chunks::<4>();
        lanes.iter_mut().zip(words).for_each(|(lane, word)| *lane = combine(*lane, u32::from_le_bytes(*word)));
    }
}

#[inline(always)]
fn wide(stream: &mut Ctr128LE<Aes128>, buffer: &mut [u8], lanes: &mut [u64], combine: impl Fn(u64, u64) -> u64) {
    for lanes in lanes.chunks_mut(buffer.len() / 8) {
        let bytes = &mut buffer[..lanes.len() * 8];
        stream.write_keystream(bytes);
        let (words, _) = bytes.as_chunks::<8>();
        lanes.iter_mut().zip(words).for_each(|(lane, word)| *lane = combine(*lane, u64::from_le_bytes(*word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Ring;

    #[test]
    fn a_mask_cancels_itself_and_depends_on_seed_and_round() {
        for bits in [5, 32, 33, 64] {
            let ring = Ring::new(bits).unwrap();
            let mut vector = Vector::zeros(ring, 5000);
            Seed([7; 32]).apply(&[1; 32], Sign::Plus, &mut vector);
            let first = vector.elements();
            assert!(first.iter().filter(|&&x| x == 0).count() < 1000, "the mask covers everything");
            Seed([7; 32]).apply(&[2; 32], Sign::Minus, &mut vector);
            assert!(vector.elements().iter().any(|&x| x != 0), "another round has another mask");
            Seed([7; 32]).apply(&[2; 32], Sign::Plus, &mut vector);
            Seed([7; 32]).apply(&[1; 32], Sign::Minus, &mut vector);
            assert!(vector.elements().iter().all(|&x| x == 0));
        }
    }
}
