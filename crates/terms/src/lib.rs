//! What those who take part in an aggregation agree on, and what follows from it: how values become what is summed, and a
//! sum becomes numbers.
//!
//! Pure: randomness is an argument, there are no files, sockets or clocks. So it also is the client's part in a page of a
//! browser, which has the same terms, digest and rounding as every other client.

#![forbid(unsafe_code)]

mod credential;
mod draft;
mod encode;
mod error;
mod keys;
mod machine;
mod noise;
mod outcome;
mod terms;
mod validated;

pub use credential::Credential;
pub use draft::{
    AggregatorDraft, AgreementDraft, CommitteeDraft, Draft, PairwiseDraft, ServerDraft, ServiceDraft, SharesDraft,
};
pub use encode::Input;
pub use error::Error;
pub use machine::{Machine, made_in_machine};
pub use noise::{Noise, NoiseBy, NoiseDraft, NoiseShape};
pub use outcome::{Aggregate, Published};
pub use terms::{Encoding, MOST_NUMBERS, Protocol, Sender, Terms};
pub use validated::{Kind, ValidatedDraft, Whole};
