//! Where things lie that tests fetch or build.

use std::io;
use std::path::{Path, PathBuf};

/// Cargo's target folder: the one above this test that carries one of cargo's marks. (A folder that was there before cargo came
/// has no tag.)
pub(crate) fn target() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let marked = |folder: &&Path| ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|mark| folder.join(mark).exists());
    let found = test.ancestors().skip(1).find(marked).map(Path::to_owned);
    found.ok_or_else(|| io::Error::other(format!("{} is in no target folder of cargo", test.display())))
}
