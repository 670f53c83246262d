//! The digest that names a module.

use std::fmt;
use std::str::FromStr;

/// A module's name in an agreement: BLAKE3 of its bytes, as `b3sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleDigest([u8; 32]);

/// The text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a module's digest has 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

impl ModuleDigest {
    /// The digest of a module's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> ModuleDigest {
        ModuleDigest(*blake3::hash(bytes).as_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for ModuleDigest {
    fn from(bytes: [u8; 32]) -> ModuleDigest {
        ModuleDigest(bytes)
    }
}

impl fmt::Display for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ModuleDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleDigest({self})")
    }
}

impl FromStr for ModuleDigest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<ModuleDigest, ParseDigestError> {
        let mut bytes = [0; 32];
        let lower = !text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(ModuleDigest(bytes)),
            _ => Err(ParseDigestError),
        }
    }
}
