//! Randomness of the operating system.

use secagg::Stream;
use zeroize::Zeroizing;

use crate::error::Error;

/// A generator for one step of a protocol.
///
/// # Errors
/// [`Error::System`] if there is no randomness.
pub fn fresh() -> Result<Stream, Error> {
    Ok(Stream::new("privity aggregator v1 fresh randomness", &*fresh_seed()?))
}

/// 32 bytes.
pub(crate) fn fresh_seed() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| Error::System { what: format!("no randomness: {e}") })?;
    Ok(seed)
}
