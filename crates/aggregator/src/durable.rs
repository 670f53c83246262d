//! Files that are there whole, or as they were before, whatever happens.

use std::fs::File;
use std::path::Path;

use crate::error::Error;

/// Writes a file durably: one beside it, which then takes its name.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), Error> {
    let beside = path.with_added_extension("new");
    let replace = || {
        let mut file = File::create(&beside)?;
        write(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The new name is durable with its folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    replace().map_err(|e| failed(path, &e))
}

pub(crate) fn failed(file: &Path, e: &std::io::Error) -> Error {
    Error::System { what: format!("{}: {e}", file.display()) }
}
