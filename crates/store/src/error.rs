//! What can go wrong with a store, split by fault.

use std::io;
use std::path::{Path, PathBuf};

use crate::key::KeyFault;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Of what was given: a name, a key, a folder.
    Input,
    /// Of who asks: the ledger or a save is not in the state that the request needs.
    Refused,
    /// Of the files: they are damaged or were tampered with.
    Damage,
    /// Of the machine: full disk, missing rights.
    System,
}

/// Why a store did not do something. Says nothing of values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder holds no store.
    #[error("{} is no store", dir.display())]
    NotAStore {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder is not empty.
    #[error("{} exists already and is not empty", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// Another process, usually the worker, has the store open.
    #[error("the store {} is open in another process", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The store was made by a later version.
    #[error("the store {} has version {version}, which this program does not know", dir.display())]
    Version {
        /// The folder.
        dir: PathBuf,
        /// The version in its header.
        version: u32,
    },
    /// The key does not open the store. Nothing was touched.
    #[error("this {kind} does not open the store {}", dir.display())]
    WrongKey {
        /// The folder.
        dir: PathBuf,
        /// What kind of key was tried.
        kind: String,
    },
    /// The key itself cannot be had.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// An entry is damaged, or was altered, swapped, removed or put back.
    #[error("the store is corrupt: {entry}: {what}")]
    Corrupt {
        /// The first bad entry.
        entry: String,
        /// What is wrong with it.
        what: String,
    },
    /// The store was opened for reading only.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// A name that no value can have.
    #[error("`{name}` is no name for a value: 1 to {MOST_NAME} bytes without control characters")]
    Name {
        /// The name.
        name: String,
    },
    /// There is no value of this name.
    #[error("the store has no value `{name}`")]
    NoValue {
        /// The name.
        name: String,
    },
    /// A session and attempt begun before.
    #[error("attempt {attempt} of session {session} was begun before")]
    Replayed {
        /// The session.
        session: String,
        /// The attempt.
        attempt: u32,
    },
    /// A session that belongs to another agreement.
    #[error("session {session} was begun under another agreement")]
    OtherAgreement {
        /// The session.
        session: String,
    },
    /// A session that was never begun here.
    #[error("session {session} was not begun here")]
    NotBegun {
        /// The session.
        session: String,
    },
    /// A count is used up.
    #[error("{counter} is used up: {used} of {limit}")]
    UsedUp {
        /// What is counted.
        counter: String,
        /// How often it was used.
        used: u64,
        /// How often it may be.
        limit: u64,
    },
    /// What is to be used is no longer valid.
    #[error("{what} has expired")]
    Expired {
        /// The agreement or rule.
        what: String,
    },
    /// A save is decided, or not far enough, for what was asked.
    #[error("the save of session {session} is {phase}: it cannot be {asked}")]
    Phase {
        /// The session.
        session: String,
        /// How far it is.
        phase: &'static str,
        /// What was asked.
        asked: &'static str,
    },
    /// No such proposal.
    #[error("agreement {agreement} was not proposed here")]
    NotProposed {
        /// Its digest.
        agreement: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The database refused something that is no damage.
    #[error("the database refused: {what}")]
    Database {
        /// What it said.
        what: String,
    },
}

/// Bytes of the longest name.
pub(crate) const MOST_NAME: usize = 255;

impl StoreError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::NotAStore { .. } => "store.none",
            StoreError::Exists { .. } => "store.exists",
            StoreError::InUse { .. } => "store.in-use",
            StoreError::Version { .. } => "store.version",
            StoreError::WrongKey { .. } => "store.wrong-key",
            StoreError::Key(fault) => fault.code(),
            StoreError::Corrupt { .. } => "store.corrupt",
            StoreError::ReadOnly => "store.read-only",
            StoreError::Name { .. } => "store.name",
            StoreError::NoValue { .. } => "store.no-value",
            StoreError::Replayed { .. } => "ledger.replayed",
            StoreError::OtherAgreement { .. } => "ledger.other-agreement",
            StoreError::NotBegun { .. } => "ledger.not-begun",
            StoreError::UsedUp { .. } => "ledger.used-up",
            StoreError::Expired { .. } => "ledger.expired",
            StoreError::Phase { .. } => "store.save-phase",
            StoreError::NotProposed { .. } => "desk.not-proposed",
            StoreError::System { .. } => "store.system",
            StoreError::Database { .. } => "store.database",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            StoreError::Corrupt { .. } => Fault::Damage,
            StoreError::System { .. } | StoreError::Database { .. } => Fault::System,
            StoreError::Replayed { .. }
            | StoreError::OtherAgreement { .. }
            | StoreError::NotBegun { .. }
            | StoreError::UsedUp { .. }
            | StoreError::Expired { .. }
            | StoreError::Phase { .. } => Fault::Refused,
            _ => Fault::Input,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            StoreError::NotAStore { .. } => "see the folder's name; a worker makes its store when it is first started",
            StoreError::Exists { .. } => "choose a folder that does not exist or is empty",
            StoreError::InUse { .. } => "stop the worker first, or ask it",
            StoreError::Version { .. } => "use the version of privity that made it, or a later one",
            StoreError::WrongKey { .. } => "give the key that the store was made with, or that it was last rekeyed to; nothing was touched",
            StoreError::Key(fault) => return fault.help(),
            StoreError::Corrupt { .. } => {
                "it can still be read as far as it is intact (`privity store verify`, `export`); restore a backup, and find out who had access"
            }
            StoreError::ReadOnly => "open it for writing, which only an intact store allows",
            StoreError::Name { .. } => "choose a shorter name",
            StoreError::NoValue { .. } => "`privity store ls` lists the values",
            StoreError::Replayed { .. } | StoreError::OtherAgreement { .. } => "start again, with a fresh session",
            StoreError::NotBegun { .. } => "see the session's id",
            StoreError::UsedUp { .. } => "agree on a new agreement, or on a new rule; a use is never given back",
            StoreError::Expired { .. } => "agree anew, with a later end",
            StoreError::Phase { .. } => "a decided save stays as it is; start a new session",
            StoreError::NotProposed { .. } => "see the inbox for the agreements that were proposed",
            StoreError::System { .. } => "see whether the disk is full and the folder is yours",
            StoreError::Database { .. } => "close the store and open it again",
        }
        .into()
    }

    pub(crate) fn corrupt(entry: impl Into<String>, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { entry: entry.into(), what: what.into() }
    }

    /// An error of the system about one file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
        move |source| StoreError::System { what: path.display().to_string(), source }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> StoreError {
        match error {
            redb::Error::Corrupted(what) => StoreError::corrupt("records.redb", what),
            redb::Error::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                StoreError::corrupt("records.redb", "it is shorter than it should be")
            }
            redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
                StoreError::corrupt("records.redb", source.to_string())
            }
            redb::Error::Io(source) => StoreError::System { what: "records.redb".into(), source },
            redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableIsMultimap(_) => {
                StoreError::corrupt("records.redb", "a table is missing or of another type")
            }
            other => StoreError::Database { what: other.to_string() },
        }
    }
}
