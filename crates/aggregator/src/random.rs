//! Randomness: the BLAKE3 stream of a seed, from the operating system or from the board.

use rand_core::{Infallible, TryCryptoRng, TryRng};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;

/// A generator whose whole output follows from 32 bytes. Wiped when dropped; it has no `Debug`.
pub struct Stream(blake3::OutputReader);

impl Stream {
    /// The stream of fresh randomness of the operating system.
    ///
    /// # Errors
    /// [`Error::System`] if there is none.
    pub fn fresh() -> Result<Self, Error> {
        Ok(Self::of(&*fresh_seed()?))
    }

    /// The stream of a seed: the same for whoever knows it.
    #[must_use]
    pub(crate) fn of(seed: &[u8; 32]) -> Self {
        Self(blake3::Hasher::new_derive_key("privity aggregator v1 stream of a seed").update(seed).finalize_xof())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// 32 bytes of the operating system's randomness.
pub(crate) fn fresh_seed() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| Error::System { what: format!("no randomness: {e}") })?;
    Ok(seed)
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
