//! TPM 2.0, over its device or the socket of a software TPM: registers, quotes, enrolment, sealing.
//!
//! What it proves: that this TPM's registers held these values when it signed this challenge. Not that memory is out of
//! reach of whoever operates the machine, and not that whoever was in charge before the first measurement told the
//! truth: appraisals of it carry the tier `integrity` only.
//!
//! Keys are primary keys of fixed templates, made anew each time from the TPM's seeds: nothing is stored in the TPM, and
//! nothing has to be kept beside it. A quote takes two commands that make keys, so some hundred milliseconds on a chip.
//!
//! Source: TCG, *TPM 2.0 Library* 1.59; *EK Credential Profile* 2.5.

mod channel;
mod client;
mod enrol;
mod quote;
mod registers;
mod seal;
mod store_key;
mod templates;

pub use client::Tpm;
pub use quote::TpmAttester;
pub use registers::{Registers, expected, file_digest};
pub use seal::Sealed;
pub use store_key::TpmKey;
