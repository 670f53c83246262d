//! The store's root key, and where it is kept: behind [`KeySource`], which wraps and unwraps it.

mod file;
mod passphrase;

use std::path::PathBuf;

use zeroize::Zeroizing;

pub use file::KeyFile;
pub use passphrase::Passphrase;

use crate::seal;

/// The key from which all keys of a store are derived. Wiped on drop.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// A fresh one.
    pub(crate) fn random() -> Result<RootKey, KeyFault> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| KeyFault::Randomness)?;
        Ok(RootKey(bytes))
    }

    /// The key of these bytes, for a [`KeySource`] that has unwrapped them.
    pub fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> RootKey {
        RootKey(bytes)
    }

    /// Its bytes, for a [`KeySource`] to wrap.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Wraps it under a key that a [`KeySource`] keeps.
    ///
    /// # Errors
    /// [`KeyFault::Randomness`].
    pub fn wrap_under(&self, key: &[u8; 32], bound: &[u8]) -> Result<Vec<u8>, KeyFault> {
        seal::seal(key, bound, self.as_bytes()).map_err(|_| KeyFault::Randomness)
    }

    /// Unwraps what [`RootKey::wrap_under`] made with the same key and `bound`.
    ///
    /// # Errors
    /// [`KeyFault::Wrong`].
    pub fn unwrap_under(key: &[u8; 32], wrapped: &[u8], bound: &[u8]) -> Result<RootKey, KeyFault> {
        let plain = seal::unseal(key, bound, wrapped).ok_or(KeyFault::Wrong)?;
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(|_| KeyFault::Wrong)?;
        Ok(RootKey(Zeroizing::new(bytes)))
    }
}

/// Keeps root keys: in a file, behind a passphrase, in a TPM, in an enclave.
///
/// `bound` says which store and generation the key is for; a source authenticates it with what it wraps, so that a
/// wrapped key of one store does not open another.
pub trait KeySource: Send + Sync {
    /// What kind of source it is, in words (`key file`).
    fn kind(&self) -> &'static str;

    /// Wraps a root key. What comes back is kept in the clear beside the store.
    fn wrap(&self, root: &RootKey, bound: &[u8]) -> Result<Vec<u8>, KeyFault>;

    /// Unwraps what [`KeySource::wrap`] made, or says [`KeyFault::Wrong`].
    fn unwrap(&self, wrapped: &[u8], bound: &[u8]) -> Result<RootKey, KeyFault>;
}

/// Why a key cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// It does not open this store.
    #[error("the key is another one")]
    Wrong,
    /// Its file cannot be read or written.
    #[error("{}: {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// Its file exists already, and a key is never overwritten.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner can reach its file.
    #[error("the mode of {} is {mode:04o}: others than its owner can reach it", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Its file does not hold a key in our form, or was damaged.
    #[error("{} is no key file of a store", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase that is empty.
    #[error("the passphrase is empty")]
    Empty,
    /// The cost of a passphrase is outside of what this program accepts.
    #[error("the cost of the passphrase is not acceptable: {what}")]
    Cost {
        /// What is wrong with it.
        what: String,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// The machine that it is sealed to refuses: it is in another state, or another machine.
    #[error("{what}")]
    Machine {
        /// The stable code of what refused.
        code: &'static str,
        /// What it said.
        what: String,
        /// What to do about it.
        help: &'static str,
    },
}

impl KeyFault {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            KeyFault::Wrong => "store.wrong-key",
            KeyFault::Io { .. } => "store.key-file",
            KeyFault::Exists { .. } => "store.key-exists",
            KeyFault::Mode { .. } => "store.key-mode",
            KeyFault::Form { .. } => "store.key-form",
            KeyFault::Empty => "store.passphrase-empty",
            KeyFault::Cost { .. } => "store.passphrase-cost",
            KeyFault::Randomness => "store.random",
            KeyFault::Machine { code, .. } => code,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            KeyFault::Wrong => "give the key that the store was made with, or last rekeyed to".into(),
            KeyFault::Io { path, .. } => format!("see whether {} exists and is yours", path.display()),
            KeyFault::Exists { .. } => "choose another file".into(),
            KeyFault::Mode { path, .. } => {
                format!("run `chmod 600 {}`; if others may have read it, rekey the store", path.display())
            }
            KeyFault::Form { .. } => {
                "give the key file that was made with the store, or restore it from a backup".into()
            }
            KeyFault::Empty => "choose a long passphrase".into(),
            KeyFault::Cost { .. } => "see whether the store's header was altered".into(),
            KeyFault::Randomness => "see whether the system's random device works".into(),
            KeyFault::Machine { help, .. } => (*help).into(),
        }
    }
}
