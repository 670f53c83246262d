//! What parties read and sign: agreements, rosters, ratifications and receipts.
//!
//! | from | by | to |
//! |---|---|---|
//! | a checked computation, a [`Roster`], lengths of dimensions, [`Terms`] | [`Agreement::bind`] | [`Agreement`]: one text, one digest |
//! | the text of an agreement | [`Agreement::from_text`] | the same, parsed and checked again |
//! | an agreement and signatures | [`Ratified::verify`] | [`Ratified`]: what a worker may run |
//! | a finished run | [`Receipt::sign`] | [`SignedReceipt`] |
//!
//! There is no other way from one to the next: an unchecked computation cannot be agreed on, and what was not
//! ratified cannot be run. Times and randomness are arguments here; nothing reads a clock.

mod agreement;
mod claims;
mod commitment;
mod dataset;
mod decline;
mod diff;
mod encode;
mod error;
mod id;
mod proof;
mod ratify;
mod receipt;
mod receipts;
mod roster;
mod signed;
mod terms;
mod text;

pub use agreement::Agreement;
pub use claims::claims_text;
pub use commitment::{Commitment, Opening};
pub use dataset::Dataset;
pub use decline::Decline;
pub use diff::{Change, Part, diff};
pub use error::AgreementError;
pub use id::{Digest, HexError, SessionId};
pub use proof::Proof;
pub use ratify::{Basis, Ratification, Ratified, Standing};
pub use receipt::{Cost, LogHead, Receipt, ReceiptError, Seen, SignedReceipt, session_digest};
pub use receipts::{SessionReceipts, verify_receipt, verify_session};
pub use roster::{Endpoint, Member, Roster, RosterError, RosterFault};
pub use terms::{Profile, Terms, TimeError, Timestamp};

/// Every context that something is hashed or signed in, in one place, so that none can stand for another.
mod context {
    pub(crate) const SESSION_RECEIPTS: &str = "privity 2026-11 receipts of one session v1";
    /// Digest of an agreement's text.
    pub(crate) const AGREEMENT: &str = "privity 2026-11 agreement v2 digest";
    /// Signature over an agreement's digest.
    pub(crate) const RATIFICATION: &str = "privity 2026-11 ratification v1";
    /// Signature over a refusal of an agreement, and the digest that it is over.
    pub(crate) const DECLINE: &str = "privity 2026-11 decline v1";
    /// Digest of a receipt.
    pub(crate) const RECEIPT: &str = "privity 2026-11 receipt v2 digest";
    /// Signature over a receipt's digest.
    pub(crate) const RECEIPT_SIGNATURE: &str = "privity 2026-11 receipt v2";
    /// Commitment to an input or output.
    pub(crate) const COMMITMENT: &str = "privity 2026-11 commitment v1";
    /// Identity of a player that exists in one process only.
    pub(crate) const IN_PROCESS: &str = "privity 2026-11 in-process player v1";
}
