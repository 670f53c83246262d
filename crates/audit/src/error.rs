//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};

/// Why a log cannot be written, read or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// An entry was changed, reordered or removed, or is none.
    #[error("{}: entry {entry}: {what}", file.display())]
    Broken {
        /// The log.
        file: PathBuf,
        /// The number that the first bad entry should have.
        entry: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Entries are missing at the end.
    #[error("{}: the log ends with entry {last}, but its worker signed entry {entry}: the end was cut off", file.display())]
    CutOff {
        /// The log.
        file: PathBuf,
        /// The number of its last entry.
        last: u64,
        /// The number in the head.
        entry: u64,
    },
    /// The head is of another log.
    #[error("the head for entry {entry} was not signed by the worker of this log")]
    ForeignHead {
        /// The number in the head.
        entry: u64,
    },
    /// The log is of another worker.
    #[error("{}: the log is that of {theirs}, not of {ours}", file.display())]
    Foreign {
        /// The log.
        file: PathBuf,
        /// Whose log it is.
        theirs: String,
        /// Whose it should be.
        ours: String,
    },
    /// Another process has it open.
    #[error("{} is open in another process", file.display())]
    InUse {
        /// The log.
        file: PathBuf,
    },
    /// A write failed earlier, so that it is not known how the file ends.
    #[error("{}: an earlier write failed; nothing more is written until the log is opened again", file.display())]
    Stopped {
        /// The log.
        file: PathBuf,
    },
    /// An event that is longer than an entry may be. Nothing was written.
    #[error("an entry of {bytes} bytes is too long")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// An entry that waits in the store is none.
    #[error("an entry that waits in the store for the log is none")]
    Unreadable,
    /// The operating system refused something.
    #[error("{}: {source}", file.display())]
    System {
        /// The log.
        file: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl AuditError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            AuditError::Broken { .. } => "audit.broken",
            AuditError::CutOff { .. } => "audit.cut-off",
            AuditError::ForeignHead { .. } => "audit.foreign-head",
            AuditError::Foreign { .. } => "audit.foreign",
            AuditError::InUse { .. } => "audit.in-use",
            AuditError::Stopped { .. } => "audit.stopped",
            AuditError::TooLong { .. } => "audit.too-long",
            AuditError::Unreadable => "audit.unreadable",
            AuditError::System { .. } => "audit.system",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            AuditError::Broken { .. } => {
                "entries before it hold; keep the file as it is, and find out who could write to it; the worker starts with another log"
            }
            AuditError::CutOff { .. } => {
                "look for the missing entries in a backup, and find out who could write to the log"
            }
            AuditError::ForeignHead { .. } => "give heads or receipts of this log's worker",
            AuditError::Foreign { .. } => "give the identity of the log's worker, or its own log",
            AuditError::InUse { .. } => "stop the worker first",
            AuditError::Stopped { .. } => "see whether the disk is full, then start the worker again",
            AuditError::TooLong { .. } => "shorten what is logged; an entry has at most a mebibyte",
            AuditError::Unreadable => "start the version of privity that last had the store open",
            AuditError::System { .. } => "see whether the file exists and is yours, and whether the disk is full",
        }
    }

    pub(crate) fn system(file: &Path) -> impl Fn(io::Error) -> AuditError + '_ {
        move |source| AuditError::System { file: file.to_owned(), source }
    }
}
