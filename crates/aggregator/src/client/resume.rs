//! What a client sent, kept so that the very same can be sent again.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::error::Error;
use crate::terms::Terms;

fn failed(file: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |e| Error::System { what: format!("{}: {e}", file.display()) }
}

fn head(terms: &Terms, round: u64) -> Vec<u8> {
    [&b"privity contribution v1\n"[..], &terms.digest(), &round.to_le_bytes()].concat()
}

/// Writes it durably: into a file beside, which then takes the name.
pub(super) fn keep(path: &Path, terms: &Terms, round: u64, message: &[u8]) -> Result<(), Error> {
    let beside = path.with_added_extension("new");
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(&head(terms, round))?;
        file.write_all(message)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(failed(path))
}

/// What was kept for this round of these terms.
pub(super) fn kept(path: &Path, terms: &Terms, round: u64) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.strip_prefix(head(terms, round).as_slice()).map(<[u8]>::to_vec)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(path)(e)),
    }
}
