//! What a client sent, kept so that the very same can be sent again.

use std::io::Write as _;
use std::path::Path;
use terms::Terms;

use crate::durable;
use crate::error::Error;

fn head(terms: &Terms, round: u64) -> Vec<u8> {
    [&b"privity contribution v1\n"[..], &terms.digest(), &round.to_le_bytes()].concat()
}

/// Writes it durably.
pub(super) fn keep(path: &Path, terms: &Terms, round: u64, message: &[u8]) -> Result<(), Error> {
    durable::replace(path, |file| {
        file.write_all(&head(terms, round))?;
        file.write_all(message)
    })
}

/// What was kept for this round of these terms.
pub(super) fn kept(path: &Path, terms: &Terms, round: u64) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.strip_prefix(head(terms, round).as_slice()).map(<[u8]>::to_vec)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(durable::failed(path, &e)),
    }
}
