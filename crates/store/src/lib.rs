//! A worker's store: everything that it must not lose, in one folder, sealed.
//!
//! | file | what is in it |
//! |---|---|
//! | `store.json` | the store's id, and its root key as wrapped by a [`KeySource`] |
//! | `records.redb` | all records and payloads, each sealed with XChaCha20-Poly1305 |
//! | `keys.N` | the random key of each payload, wrapped under the root key; removing a value overwrites its key |
//! | `lock` | nothing; it is locked while the store is open |
//!
//! What is kept: named values with their labels ([`Meta`]), values staged by a session that has not yet committed
//! ([`Phase`]), checkpoints, the ledger of sessions and counted uses ([`Begin`], [`Charge`]), and the operator's desk
//! ([`Proposal`], [`Answer`], receipts, openings), and what a batch has to tell the audit log ([`Batch::post`]). Every
//! change is made in a [`Batch`], which is durable when
//! [`Store::batch`] returns and leaves no trace if it fails or the process dies before.
//!
//! **What is detected.** Each record is authenticated with its place, and each payload with its name, label and schema.
//! A secret sum over all records is sealed with them, so that a record that was altered, swapped, removed or put back to
//! an older state is found when the store is opened. **What is not**: a copy of the *whole* folder from an earlier day
//! opens, since nothing in it is wrong. Only something outside can tell: the peers' receipts, or a counter in a TPM.
//!
//! **What removing does.** A removed value's key is overwritten in place. Backups keep what they had, and an SSD may
//! keep the old block until it erases it; who holds such a copy and the root key can still read the value.
//!
//! ```
//! use store::{KeyFile, Kind, Meta, Store};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let (dir, key) = (folder.path().join("store"), folder.path().join("store.key"));
//! let key = KeyFile::generate(&key)?;
//! let store = Store::create(&dir, &key)?;
//! let meta = Meta {
//!     name: "model".into(),
//!     kind: Kind::Plain,
//!     dtype: "f64".into(),
//!     shape: vec![2],
//!     range: None,
//!     label: Default::default(),
//!     origin: None,
//!     when: 1_800_000_000_000,
//! };
//! store.put(&meta, &1.5f64.to_le_bytes().repeat(2))?;
//! let (found, payload) = store.get("model")?;
//! assert_eq!((found, payload.len()), (meta, 16));
//! # Ok::<(), store::StoreError>(())
//! ```

mod backup;
mod checkpoint;
mod database;
mod desk;
mod error;
mod fail;
mod header;
mod key;
mod ledger;
mod outbox;
mod overlay;
mod payload;
mod record;
mod rekey;
mod saves;
mod seal;
mod slots;
mod store;
#[cfg(test)]
mod tests;
mod value;
mod verify;

pub use checkpoint::Checkpoint;
pub use desk::{Answer, Proposal, Standing, Verdict};
pub use error::{Fault, StoreError};
pub use key::{KeyFault, KeyFile, KeySource, Passphrase, RootKey};
pub use ledger::{Begin, Charge, Counter, Session, State};
pub use outbox::Posted;
pub use saves::{Phase, Save};
pub use store::{Batch, Store};
pub use value::{Kind, Label, Meta, Origin};
pub use verify::Verification;

/// A digest of 32 bytes: of an agreement, or a handle.
pub type Digest = [u8; 32];

/// A session's id.
pub type SessionId = [u8; 16];

/// Bytes that are wiped on drop.
pub type Secret = zeroize::Zeroizing<Vec<u8>>;
