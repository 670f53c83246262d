//! The edges of a worker to its machine: the time of day, and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::WorkerError;

/// Milliseconds since 1970, UTC.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Nanoseconds since 1970, UTC, as far as the clock tells them.
pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64)
}

/// Fresh bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], WorkerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| WorkerError::System { what: e.to_string() })?;
    Ok(bytes)
}
