//! Secure aggregation as a service: many clients each hold a vector, and only the sum over a round may be seen.
//!
//! `secagg` has the protocols, as state machines without I/O, and `terms` what is agreed. Here is what stands around them:
//!
//! | part | who runs it |
//! |---|---|
//! | [`Terms`], [`enrol`], [`Enrolled`] | what everyone agrees on, in a file; who may contribute, signed by the enroller |
//! | [`board`] | where messages wait: in memory, in a file, in PostgreSQL, in NATS |
//! | [`Rounds`], [`Service`] | rounds on a board, and the port that clients and aggregators talk to |
//! | [`Member`] | an aggregator of a committee or of validated sums: an organisation of its own, with its own key |
//! | [`Keeper`] | where aggregators put what nobody publishes, sums or each contribution: as shares, for a computation among them |
//! | [`Client`] | a client, which is done after one message (committee, validated) or five (pairwise) |
//!
//! The service sees masked vectors and ciphertext. What it must be trusted with is what the terms'
//! [assumption](Terms::assumption) says, and availability: it can make rounds fail.

pub mod board;
mod client;
mod config;
mod durable;
mod enrolment;
mod error;
mod kept;
mod keys;
mod member;
mod metrics;
mod random;
mod round;
mod service;

pub use client::{Api, Client, Proved};
pub use config::Config;
pub use enrolment::{Enrolled, Selected, enrol};
pub use error::Error;
pub use kept::{Keeper, Kept, Part};
pub use keys::{open_key, signer, told};
pub use member::{Member, Memories};
pub use random::fresh;
pub use round::{Progress, Rounds, Stage, phases};
pub use service::{Page, Service, Standing};
pub use terms::{
    Aggregate, AggregatorDraft, AgreementDraft, CommitteeDraft, Draft, Encoding, Input, Kind, MOST_NUMBERS, Machine,
    Noise, NoiseBy, NoiseDraft, NoiseShape, PairwiseDraft, Protocol, Published, Sender, ServerDraft, ServiceDraft,
    SharesDraft, Terms, ValidatedDraft, Whole,
};
