//! Keeping a key in a file that only its owner can read.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use ::identity::{KeyText, KeyTextError};
use zeroize::Zeroizing;

use super::KeyPair;
use crate::error::NetError;

/// A key file has about 150 bytes; more is something else.
const MOST: u64 = 1024;

/// What is wrong with a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileFault {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(String),
    /// It exists already, and a key is never overwritten.
    #[error("it exists already")]
    Exists,
    /// Others may read or write it.
    #[error("its mode is {0:04o}: others than its owner can reach it")]
    Mode(u32),
    /// It does not hold a key in our form.
    #[error("it is no privity key file")]
    Form,
    /// The secret in it does not belong to the identity in it.
    #[error("its secret does not belong to its identity: it was damaged or edited")]
    Damaged,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
}

impl KeyFileFault {
    pub(crate) fn help(&self, path: &str) -> String {
        match self {
            KeyFileFault::Io(_) => format!("see whether {path} exists and is yours; `privity keygen` makes a key"),
            KeyFileFault::Exists => "choose another file, or move the old key away if it is no longer used".into(),
            KeyFileFault::Mode(_) => format!("run `chmod 600 {path}`; if others may have read it, make a new key"),
            KeyFileFault::Form => "`privity keygen` makes a key file".into(),
            KeyFileFault::Damaged => "restore the file from a backup, or make a new key".into(),
            KeyFileFault::Randomness => "see whether the system's random device works".into(),
        }
    }
}

impl KeyPair {
    /// Writes the key to a new file of mode 0600, durably. Never overwrites.
    pub fn save(&self, path: &Path) -> Result<(), NetError> {
        self.write(path).map_err(|fault| NetError::key_file(path, fault))
    }

    /// Reads a key that [`KeyPair::save`] wrote, from a file that nobody but its owner can reach.
    pub fn load(path: &Path) -> Result<KeyPair, NetError> {
        read(path).map_err(|fault| NetError::key_file(path, fault))
    }

    fn write(&self, path: &Path) -> Result<(), KeyFileFault> {
        let content = KeyText { identity: self.identity(), seed: Zeroizing::new(*self.seed()) }.write();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(File::open(folder)?.sync_all()?)
    }
}

fn read(path: &Path) -> Result<KeyPair, KeyFileFault> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(KeyFileFault::Form);
    }
    // Of the open file, not of the path: it cannot be swapped in between.
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileFault::Mode(mode));
    }
    let mut content = Zeroizing::new(String::with_capacity(MOST as usize));
    match file.take(MOST).read_to_string(&mut content) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(KeyFileFault::Form),
        outcome => outcome?,
    };
    parse(&content)
}

fn parse(content: &str) -> Result<KeyPair, KeyFileFault> {
    let text = KeyText::read(content)?;
    let key = KeyPair::from_seed(&text.seed);
    if key.identity() == text.identity { Ok(key) } else { Err(KeyFileFault::Damaged) }
}

impl From<KeyTextError> for KeyFileFault {
    fn from(error: KeyTextError) -> Self {
        match error {
            KeyTextError::Form => KeyFileFault::Form,
            _ => KeyFileFault::Damaged,
        }
    }
}

impl From<std::io::Error> for KeyFileFault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => KeyFileFault::Exists,
            _ => KeyFileFault::Io(error.to_string()),
        }
    }
}
