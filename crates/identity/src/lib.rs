//! Who a party is, as text: the fingerprint of its long-term Ed25519 key, and what a key file says.
//!
//! Pure, so that it also serves where there are no files and no sockets, such as in a page of a browser. What can be done
//! with a key is `net`'s.
//!
//! ```
//! use identity::Identity;
//!
//! let text = "prv1-bby7hkv4-e3sfqlcq-rl24aoee-42uw6cmj-2hoyz62j-zul62jlz-eqz6d6tx";
//! let identity: Identity = text.parse()?;
//! assert_eq!(identity.to_string(), text);
//! # Ok::<(), identity::IdentityError>(())
//! ```

#![forbid(unsafe_code)]

mod invitation;
mod key;
mod text;

use std::fmt;
use std::str::FromStr;

pub use invitation::{Invitation, InvitationError};
pub use key::{KeyText, KeyTextError};

/// The fingerprint of a worker's long-term key: BLAKE3-256 of its Ed25519 public key.
///
/// Its text form is `prv1-` and 56 characters in seven groups, of which the last ones are a checksum:
/// what is read out over the telephone is either right or refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    /// The identity of the owner of this public key.
    pub fn of_key(public: &[u8; 32]) -> Identity {
        Identity(*blake3::hash(public).as_bytes())
    }

    /// The identity with this fingerprint.
    pub fn from_bytes(fingerprint: [u8; 32]) -> Identity {
        Identity(fingerprint)
    }

    /// The fingerprint.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The beginning of the text form, for progress lines. Not enough to recognise anyone by.
    pub fn short(&self) -> String {
        text::identity(&self.0).chars().take(13).collect()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::identity(&self.0))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    /// Reads the text form, and only that: one identity has one text.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        text::parse_identity(text).map(Identity)
    }
}

/// Why a text is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// It does not have the form.
    #[error("an identity has the form prv1-xxxxxxxx-…, with seven groups of eight letters a to z and digits 2 to 7")]
    Form,
    /// It has the form, but a character was mistaken.
    #[error("the identity's checksum does not fit: a character is wrong")]
    Checksum,
}
