//! What outlives a session: the [`Vault`] of one player, with its saved values and what its sessions wrote down.
//!
//! A session reads saved values ([`Vault::fetch`]), saves some so that all players that hold them do or none does
//! ([`settle`](super::settle) has the protocol and the argument), and writes notes for its later attempts. Where and
//! how a vault keeps things is its own: [`MemoryVault`] keeps them in memory, a worker in a sealed store. All of it
//! is secret, and a durable vault must authenticate everything together with its description.

mod memory;
mod meta;

use agreement::{Digest, SessionId};
use net::Identity;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::settle::{Decision, Standing};

pub use memory::MemoryVault;
pub use meta::{StoredLabel, StoredMeta};

/// One attempt at one session: what staged values and notes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The digest of what was ratified.
    pub agreement: Digest,
    /// The session.
    pub session: SessionId,
    /// 0 at first; each resumption is one more.
    pub number: u32,
}

/// A saved value, as one player holds it.
#[derive(Clone, Debug)]
pub struct StoredValue {
    /// What it is.
    pub meta: StoredMeta,
    /// The player's own part: `schemes::Value::to_bytes`.
    pub bytes: Secret,
}

/// Bytes that are wiped when dropped, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }
}

impl std::ops::Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Something that an attempt writes down for later attempts at its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Who wrote it.
    pub attempt: Attempt,
    /// What about.
    pub subject: Subject,
}

/// What a [`Note`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Which inputs and saved values the session was begun with.
    Inputs,
    /// What a loop carries after an iteration.
    Loop {
        /// The loop's position among the instructions of the main program.
        index: u32,
        /// Iterations done.
        iteration: u64,
    },
}

impl Subject {
    /// Whether the two are about one and the same loop, at whichever iterations, or both about the inputs.
    pub fn is_of(&self, other: &Subject) -> bool {
        match (self, other) {
            (Subject::Inputs, Subject::Inputs) => true,
            (Subject::Loop { index, .. }, Subject::Loop { index: other, .. }) => index == other,
            _ => false,
        }
    }
}

/// One player's vault. Calls may block; a session makes them away from its own task.
///
/// Whatever returns `Ok` has happened durably, as far as the vault is durable at all, and happened whole.
pub trait Vault: Send + Sync {
    /// The committed value of a name, if there is one.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] if it is not what was stored under this name.
    fn fetch(&self, name: &str) -> Result<Option<StoredValue>, VaultError>;

    /// Stages values to be saved together. They stay invisible to [`fetch`](Self::fetch) until the attempt is settled.
    /// `partners` are the identities of the other players that save, to be asked in doubt.
    ///
    /// # Errors
    /// [`VaultError::Aborted`] if the attempt was aborted, [`VaultError::Busy`] if a name is staged by another attempt
    /// that is in doubt, [`VaultError::Taken`] if [`StoredMeta::may_replace`] says no.
    fn prepare(&self, attempt: &Attempt, partners: &[Identity], values: Vec<StoredValue>) -> Result<(), VaultError>;

    /// Says where an attempt stands. If nothing is recorded of it, records that it is aborted, so that it cannot be
    /// prepared any more; see [`settle::answer`](crate::settle::answer). Whoever asks can thus end an attempt that still
    /// runs: only players of its agreement are to be answered.
    fn answer(&self, attempt: &Attempt) -> Result<Standing, VaultError>;

    /// Commits or aborts a prepared attempt. Committed values replace those of their names. To settle again in the
    /// same way does nothing.
    ///
    /// # Errors
    /// [`VaultError::Failed`] if it was not prepared, or settled in the other way.
    fn settle(&self, attempt: &Attempt, decision: Decision) -> Result<(), VaultError>;

    /// The attempts that are prepared and not settled, each with its partners.
    fn in_doubt(&self) -> Result<Vec<(Attempt, Vec<Identity>)>, VaultError>;

    /// Writes a note. Of the session's other notes about the same loop only the one `beside` it stays.
    fn write(&self, note: &Note, beside: Option<&Note>, bytes: &[u8]) -> Result<(), VaultError>;

    /// A note's content, if there is one.
    fn read(&self, note: &Note) -> Result<Option<Secret>, VaultError>;

    /// All notes of a session, whichever attempt wrote them, in order.
    fn notes(&self, agreement: Digest, session: SessionId) -> Result<Vec<Note>, VaultError>;

    /// Forgets all notes of a session.
    fn forget(&self, agreement: Digest, session: SessionId) -> Result<(), VaultError>;
}

/// What a vault can say no with. No variant carries anything of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Another player asked where this attempt stands before it was prepared, and was told that it is aborted.
    #[error("what this session saves was given up, since another player asked for it too early")]
    Aborted,
    /// Another attempt has staged this name and is not settled.
    #[error("\"{name}\" is just being saved by another session")]
    Busy {
        /// The name.
        name: String,
    },
    /// There is a value of this name that the new one must not replace.
    #[error("\"{name}\" is stored already and cannot be replaced: {difference}")]
    Taken {
        /// The name.
        name: String,
        /// How the two differ.
        difference: String,
    },
    /// What is stored is not what was stored.
    #[error("\"{name}\" is damaged: {what}")]
    Damaged {
        /// The name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The vault failed.
    #[error("the store failed: {what}")]
    Failed {
        /// What it said.
        what: String,
    },
}

impl VaultError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            VaultError::Aborted => "store.aborted",
            VaultError::Busy { .. } => "store.busy",
            VaultError::Taken { .. } => "store.taken",
            VaultError::Damaged { .. } => "store.damaged",
            VaultError::Failed { .. } => "store.failed",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            VaultError::Aborted => "run the session again",
            VaultError::Busy { .. } => "wait for the other session, or let the workers settle it among themselves",
            VaultError::Taken { .. } => "save under another name, or remove the stored value first, at every worker",
            VaultError::Damaged { .. } => "remove it, and save it anew or restore a backup, at every worker",
            VaultError::Failed { .. } => "see the worker's log and its disk",
        }
    }
}
