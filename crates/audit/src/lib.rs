//! A worker's audit log: what happened, in order, so that anyone can check later that nothing was changed.
//!
//! The log is a file of JSON lines. Each is an [`Entry`]: number, time, what happened ([`Event`]), the hash of the entry
//! before it, and the worker's signature. So whoever changes, reorders or removes an entry breaks the chain there, and
//! cannot mend it without the worker's key. [`verify`] finds the first such entry, offline and without a secret.
//!
//! Cutting off the end leaves a shorter log in which nothing is wrong. That shows against a [`Head`], the signed number
//! and hash of an entry: each receipt of a run holds one, so that every peer has heads of this log. The worker itself,
//! which has the key, can write another log from the beginning; heads that others hold are what tells on it.
//!
//! [`Log::append`] returns when the entry is on the disk; entries of several threads share one wait for it. A last line
//! that a crash tore is cut off when the log is next opened, and an entry says so. Anything else that does not fit is an
//! error that names the entry, and the log is then only read.
//!
//! ```
//! use audit::{Event, Log};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("audit.log");
//! let key = net::KeyPair::generate().unwrap();
//! let log = Log::open(&file, &key, 1_800_000_000_000)?;
//! let head = log.append(1_800_000_000_123, Event::Started { version: "0.1.0".into() })?;
//! drop(log);
//!
//! let report = audit::verify(&file, &key.public(), &[head])?;
//! assert_eq!(report.entries, 2);
//! # Ok::<(), audit::AuditError>(())
//! ```

mod entry;
mod error;
mod event;
mod log;
mod pending;
mod verify;

pub use entry::{Entry, Head};
pub use error::AuditError;
pub use event::Event;
pub use log::Log;
pub use pending::{Pending, missing};
pub use verify::{Report, entries, signer, verify, verify_with};
