//! Aggregation over many clients, as state machines without I/O.
//!
//! Many clients each hold a vector; some vanish midway; only the sum may be seen. Every protocol here is bytes in and
//! bytes out: no clock, no socket, no randomness of the operating system (a generator is an argument).
//!
//! | protocol | client's messages | who must be honest |
//! |---|---|---|
//! | [`committee`] (the default) | one | one of n aggregators, or all but t − 1 of them |
//! | [`clerks`] | one | the recipient, or all but t of the clerks |
//! | [`pairwise`] | five | a bounded share of each client's neighbours; see [`pairwise::Server`] |
//! | [`paillier`] | one | the server and the key holder do not collude, and the server follows the protocol |
//!
//! All are bound to a [`Task`]: agreement, round, ring, length and minimum size. Whoever contributes signs with a
//! long-term key whose fingerprint, its [`Identity`], the enroller admitted.

pub mod ballot;
pub mod clerks;
pub mod committee;
mod domain;
pub mod dp;
mod error;
mod identity;
mod mask;
pub mod paillier;
pub mod pairwise;
pub mod quantise;
mod seal;
mod shamir;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod vector;
mod wire;

pub use error::{Error, Fault};
pub use identity::{Enrolment, Identity, PublicKey, Signer};
pub use seal::{OpenKey, SealKey};
pub use task::Task;
pub use vector::{Ring, Vector};
