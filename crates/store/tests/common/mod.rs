//! A store in a folder of its own.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use net::Identity;
use store::{KeyFile, Kind, Meta, Origin, Store, StoreError};
use tempfile::TempDir;

pub(crate) struct Home {
    folder: TempDir,
    key: KeyFile,
}

impl Home {
    pub(crate) fn new() -> Home {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyFile::generate(&folder.path().join("store.key")).unwrap();
        Home { folder, key }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn key(&self) -> &KeyFile {
        &self.key
    }

    pub(crate) fn create(&self) -> Store {
        Store::create(&self.dir(), &self.key).unwrap()
    }

    pub(crate) fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.dir(), &self.key)
    }

    pub(crate) fn open_read_only(&self) -> Result<Store, StoreError> {
        Store::open_read_only(&self.dir(), &self.key)
    }

    /// What is in the files of the store.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.dir()).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

pub(crate) fn meta(name: &str) -> Meta {
    Meta {
        name: name.into(),
        kind: Kind::Share {
            handle: [7; 32],
            scheme: "replicated".into(),
            role: 1,
            roles: vec![Identity::from_bytes([1; 32]), Identity::from_bytes([2; 32])],
        },
        dtype: "fixed<64, 16>".into(),
        shape: vec![3, 4],
        range: None,
        label: [(Identity::from_bytes([1; 32]), [Identity::from_bytes([1; 32])].into())].into(),
        origin: Some(Origin { agreement: [9; 32], session: [5; 16], attempt: 0 }),
        when: 1_800_000_000_000,
    }
}
