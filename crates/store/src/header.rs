//! `store.json`: which store it is, and its root key as wrapped.
//!
//! There is one wrapped key, or two while a rekeying is under way; the generation in the database says which of them
//! counts. The file is only ever replaced whole.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::fail;
use crate::key::{KeyFault, KeySource, RootKey};
use crate::seal::sync_folder_of;

const FILE: &str = "store.json";
/// What is to replace it.
const NEW: &str = "store.json.new";
const VERSION: u32 = 2;
/// A header has some 500 bytes.
const MOST: u64 = 64 << 10;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    #[serde(rename = "privity-store")]
    version: u32,
    #[serde(with = "hex_id")]
    pub(crate) id: [u8; 16],
    pub(crate) keys: Vec<WrappedRoot>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrappedRoot {
    pub(crate) generation: u64,
    pub(crate) kind: String,
    wrapped: String,
}

impl Header {
    /// The header of a new store without keys.
    pub(crate) fn new() -> Result<Header, KeyFault> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| KeyFault::Randomness)?;
        Ok(Header { version: VERSION, id, keys: Vec::new() })
    }

    pub(crate) fn read(dir: &Path) -> Result<Header, StoreError> {
        let path = dir.join(FILE);
        match fs::metadata(&path) {
            Err(_) => return Err(StoreError::NotAStore { dir: dir.to_owned() }),
            Ok(m) if m.len() > MOST => return Err(StoreError::corrupt(FILE, "it is too long")),
            Ok(_) => {}
        }
        let text = fs::read(&path).map_err(StoreError::file(&path))?;
        #[derive(Deserialize)]
        struct Any {
            #[serde(rename = "privity-store")]
            version: u32,
        }
        let wrong = |e: serde_json::Error| StoreError::corrupt(FILE, e.to_string());
        let Any { version } = serde_json::from_slice(&text).map_err(wrong)?;
        if version != VERSION {
            return Err(StoreError::Version { dir: dir.to_owned(), version });
        }
        serde_json::from_slice(&text).map_err(wrong)
    }

    /// Replaces the file, durably.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let (path, new) = (dir.join(FILE), dir.join(NEW));
        let text = serde_json::to_string_pretty(self).map_err(|e| StoreError::Database { what: e.to_string() })?;
        let failed = |e| StoreError::System { what: path.display().to_string(), source: e };
        let mut file = fs::File::create(&new).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fail::point("header: written beside");
        fs::rename(&new, &path).and_then(|()| sync_folder_of(&path)).map_err(failed)
    }

    /// Removes what a crash left of a replacement.
    pub(crate) fn tidy(dir: &Path) -> Result<(), StoreError> {
        let new = dir.join(NEW);
        match fs::remove_file(&new) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file(&new)(e)),
            _ => Ok(()),
        }
    }

    /// Adds a root key, as a source wraps it.
    pub(crate) fn add(&mut self, generation: u64, root: &RootKey, source: &dyn KeySource) -> Result<(), KeyFault> {
        let wrapped = hex::encode(source.wrap(root, &self.bound(generation))?);
        self.keys.push(WrappedRoot { generation, kind: source.kind().into(), wrapped });
        Ok(())
    }

    /// The root keys that a source can unwrap, with their generations.
    pub(crate) fn open(&self, dir: &Path, source: &dyn KeySource) -> Result<Vec<(u64, RootKey)>, StoreError> {
        let mut roots = Vec::new();
        for key in self.keys.iter().filter(|key| key.kind == source.kind()) {
            let wrapped = hex::decode(&key.wrapped).map_err(|e| StoreError::corrupt(FILE, e.to_string()))?;
            match source.unwrap(&wrapped, &self.bound(key.generation)) {
                Ok(root) => roots.push((key.generation, root)),
                Err(KeyFault::Wrong) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        if roots.is_empty() {
            return Err(StoreError::WrongKey { dir: dir.to_owned(), kind: source.kind().into() });
        }
        Ok(roots)
    }

    /// What a wrapped key is authenticated with.
    fn bound(&self, generation: u64) -> Vec<u8> {
        [b"privity 2026-11 store: root key v1".as_slice(), &self.id, &generation.to_le_bytes()].concat()
    }
}

mod hex_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &[u8; 16], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(id))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 16], D::Error> {
        let mut id = [0; 16];
        hex::decode_to_slice(String::deserialize(d)?, &mut id).map_err(D::Error::custom)?;
        Ok(id)
    }
}
