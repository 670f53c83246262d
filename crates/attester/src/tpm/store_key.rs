//! A store's key that only this machine has, and only while it is in the state in which it was sealed.

use std::path::PathBuf;

use attest::Base64Bytes;
use serde::{Deserialize, Serialize};
use store::{KeyFault, KeySource, RootKey};
use zeroize::Zeroizing;

use super::{Sealed, Tpm};
use crate::error::{Error, Result};

/// Wraps root keys under keys that a TPM seals to registers of the SHA-256 bank, as they are when a key is wrapped: a
/// worker measures itself first, and its store opens only after the same has been measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TpmKey {
    /// The device or socket.
    pub place: PathBuf,
    /// The registers to seal to.
    pub registers: Vec<u32>,
}

/// What stands beside the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Wrapped {
    /// The wrapping key.
    key: Sealed,
    /// The root key under it.
    root: Base64Bytes,
}

impl TpmKey {
    fn seal(&self, key: &[u8; 32]) -> Result<Sealed> {
        Tpm::open(&self.place)?.seal(&self.registers, key)
    }

    fn unseal(&self, sealed: &Sealed) -> Result<Zeroizing<[u8; 32]>> {
        let unsealed = Tpm::open(&self.place)?.unseal(sealed)?;
        let mut key = Zeroizing::new([0; 32]);
        if unsealed.len() != key.len() {
            return Err(Error::answer("the TPM", "no key was sealed"));
        }
        key.copy_from_slice(&unsealed);
        Ok(key)
    }
}

fn fault(e: Error) -> KeyFault {
    KeyFault::Machine { code: e.code(), what: e.to_string(), help: e.help() }
}

impl KeySource for TpmKey {
    fn kind(&self) -> &'static str {
        "TPM"
    }

    fn wrap(&self, root: &RootKey, bound: &[u8]) -> std::result::Result<Vec<u8>, KeyFault> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|_| KeyFault::Randomness)?;
        let root = root.wrap_under(&key, bound)?;
        let wrapped = Wrapped { key: self.seal(&key).map_err(fault)?, root: root.into() };
        serde_json::to_vec(&wrapped).map_err(|e| fault(Error::answer("a wrapped key", e)))
    }

    fn unwrap(&self, wrapped: &[u8], bound: &[u8]) -> std::result::Result<RootKey, KeyFault> {
        let wrapped: Wrapped =
            serde_json::from_slice(wrapped).map_err(|e| fault(Error::answer("the wrapped key", e)))?;
        RootKey::unwrap_under(&*self.unseal(&wrapped.key).map_err(fault)?, &wrapped.root, bound)
    }
}
