//! Which list an aggregator supports in each round: what it must not forget for as long as it has its key.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use terms::Terms;

use crate::durable;
use crate::error::Error;

/// Where it is kept.
pub struct Memories(Place);

enum Place {
    Folder(PathBuf),
    Process(Mutex<HashMap<String, Vec<u8>>>),
}

impl Memories {
    /// In files of a folder, which is made if there is none: over restarts, for an aggregator that may trust its own disk.
    ///
    /// # Errors
    /// [`Error::System`] if it cannot be made.
    pub fn in_folder(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|e| durable::failed(folder, &e))?;
        Ok(Self(Place::Folder(folder.to_owned())))
    }

    /// In this process, for a key that ends with it, too: inside an enclave, whose operator could put an older folder in the place
    /// of a newer one, and have two lists of one round answered.
    #[must_use]
    pub fn in_process() -> Self {
        Self(Place::Process(Mutex::default()))
    }

    pub(super) fn of(&self, terms: &Terms, round: u64) -> Result<Option<Vec<u8>>, Error> {
        let name = name(terms, round);
        let file = match &self.0 {
            Place::Process(kept) => return Ok(lock(kept).get(&name).cloned()),
            Place::Folder(folder) => folder.join(name),
        };
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(durable::failed(&file, &e)),
        }
    }

    /// Durable before it returns: a file, and its name.
    pub(super) fn keep(&self, terms: &Terms, round: u64, bytes: Vec<u8>) -> Result<(), Error> {
        let name = name(terms, round);
        let folder = match &self.0 {
            Place::Process(kept) => {
                lock(kept).insert(name, bytes);
                return Ok(());
            }
            Place::Folder(folder) => folder,
        };
        durable::replace(&folder.join(name), |file| file.write_all(&bytes))
    }
}

/// Terms that differ have memories that do.
fn name(terms: &Terms, round: u64) -> String {
    format!("{}-{round}", hex::encode(&terms.digest()[..8]))
}

/// No code panics while it holds the lock, so a poisoned one still holds a whole state.
fn lock(kept: &Mutex<HashMap<String, Vec<u8>>>) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
