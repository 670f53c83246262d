//! A wrapping key in a file that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::{KeyFault, KeySource, RootKey};
use crate::seal;

const HEADER: &str = "privity store key v1";
/// A key file has about 120 bytes; more is something else.
const MOST: u64 = 1024;

/// A random key of 32 bytes, in a file of mode 0600.
pub struct KeyFile(Zeroizing<[u8; 32]>);

impl KeyFile {
    /// Makes a key and writes it to a new file, durably.
    ///
    /// # Errors
    /// If the file exists: a key is never overwritten.
    pub fn generate(path: &Path) -> Result<KeyFile, KeyFault> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|_| KeyFault::Randomness)?;
        let mut text = Zeroizing::new([0; 64]);
        hex::encode_to_slice(key.as_slice(), text.as_mut_slice()).map_err(|_| KeyFault::Randomness)?;
        let failed = |e| io_fault(path, &e);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        for part in [HEADER.as_bytes(), b"\nkey ", text.as_slice(), b"\ncheck ", check(&key).as_bytes(), b"\n"] {
            file.write_all(part).map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        seal::sync_folder_of(path).map_err(failed)?;
        Ok(KeyFile(key))
    }

    /// Reads a key that [`KeyFile::generate`] wrote.
    ///
    /// # Errors
    /// If others than its owner can reach the file, or it is no key file.
    pub fn load(path: &Path) -> Result<KeyFile, KeyFault> {
        let failed = |e| io_fault(path, &e);
        let form = || KeyFault::Form { path: path.to_owned() };
        let file = File::open(path).map_err(failed)?;
        // Of the open file, not of the path: it cannot be swapped in between.
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(form());
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFault::Mode { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize));
        file.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
        std::str::from_utf8(&bytes).ok().and_then(parse).ok_or_else(form)
    }
}

fn parse(text: &str) -> Option<KeyFile> {
    let mut lines = text.lines();
    let (header, key, sum) =
        (lines.next()?, lines.next()?.strip_prefix("key ")?, lines.next()?.strip_prefix("check ")?);
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(key, bytes.as_mut_slice()).ok()?;
    (header == HEADER && lines.next().is_none() && check(&bytes) == sum).then_some(KeyFile(bytes))
}

/// Tells a damaged key from another one. Four bytes, of a hash that is used for nothing else.
fn check(key: &[u8; 32]) -> String {
    hex::encode(&blake3::derive_key("privity 2026-11 check of a store's key file v1", key)[..4])
}

fn io_fault(path: &Path, error: &std::io::Error) -> KeyFault {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => KeyFault::Exists { path: path.to_owned() },
        _ => KeyFault::Io { path: path.to_owned(), what: error.to_string() },
    }
}

impl KeySource for KeyFile {
    fn kind(&self) -> &'static str {
        "key file"
    }

    fn wrap(&self, root: &RootKey, bound: &[u8]) -> Result<Vec<u8>, KeyFault> {
        root.wrap_under(&self.0, bound)
    }

    fn unwrap(&self, wrapped: &[u8], bound: &[u8]) -> Result<RootKey, KeyFault> {
        RootKey::unwrap_under(&self.0, wrapped, bound)
    }
}
