//! Randomness from a seed: a BLAKE3 stream.

use rand_core::{Infallible, TryCryptoRng, TryRng};
use zeroize::Zeroize;

/// A generator whose whole output follows from a seed, and is as unpredictable as that. Wiped when dropped; it has no
/// `Debug`.
pub struct Stream(blake3::OutputReader);

impl Stream {
    /// The stream of a seed. `domain` names what it is for, and is no other stream's.
    #[must_use]
    pub fn new(domain: &str, seed: &[u8]) -> Self {
        Self(blake3::Hasher::new_derive_key(domain).update(seed).finalize_xof())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}
