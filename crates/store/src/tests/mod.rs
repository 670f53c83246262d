//! Tests that need failpoints, or the database below the store.

mod kill;
mod model;
mod rekeying;
mod tamper;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::{KeyFile, Store, StoreError};

/// A folder with a key and a store.
struct Home {
    folder: TempDir,
    key: KeyFile,
}

impl Home {
    fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyFile::generate(&folder.path().join("store.key")).unwrap();
        Home { folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn create(&self) -> Store {
        Store::create(&self.path("store"), &self.key).unwrap()
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path("store"), &self.key)
    }
}
