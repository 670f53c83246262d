//! Randomness that replays: the BLAKE3 stream of a seed.

use rand_core::{Infallible, TryCryptoRng, TryRng};

/// A generator whose whole output follows from a number. For tests only.
pub struct SeededRng(blake3::OutputReader);

impl SeededRng {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }
}

impl TryRng for SeededRng {
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

/// Only so that the protocols take it: its seed is 64 bits, which no attacker would mind.
impl TryCryptoRng for SeededRng {}
