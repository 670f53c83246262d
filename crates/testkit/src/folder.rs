//! Where things lie that tests fetch or build.

use std::io;
use std::path::{Path, PathBuf};

/// Cargo's target folder: the one above this test that carries cargo's mark.
pub(crate) fn target() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    let found = test.ancestors().skip(1).find(marked).map(Path::to_owned);
    found.ok_or_else(|| io::Error::other(format!("{} is in no target folder of cargo", test.display())))
}
