//! The long-lived process of one party, and its gRPC control plane; and the client that asks it to run something.
//!
//! A worker listens at one port. The control plane (`h2`) takes agreements; the data plane (`privity/1`) carries
//! messages between the workers of a session. Both ends of every connection prove their identity.
//!
//! Invariants: nothing runs that was not ratified; a player's identity is that of this worker's own roster, whatever a
//! submitter says; inputs are read only for this worker's own player; outputs go only to callers that this worker's
//! operator named as readers.

mod aggregate;
mod archive;
mod client;
mod clock;
mod config;
mod desk;
mod error;
mod examine;
mod gate;
mod http;
mod inputs;
mod inspect;
mod io;
mod jobs;
mod journal;
mod kept;
mod machines;
mod metrics;
mod office;
mod perform;
mod postman;
mod proto;
mod rate;
mod release;
mod results;
mod rounds;
mod rules;
mod serve;
mod service;
mod tensor;
mod traces;
mod uploads;
mod vault;

/// Messages for collectors of traces, made from `proto/otlp.proto`.
pub(crate) mod otlp {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    tonic::include_proto!("opentelemetry.proto.collector.trace.v1");
}

pub use aggregate::Aggregation;
pub use client::{
    Console, Job, Proposal, Reach, Receipts, Statement, Visit, agreed, examine_roster, propose_program, resume,
    run_agreement, run_on_workers, way_to,
};
pub use config::{Config, ConfigError, JobLimits, Limits, Rules, Store};
pub use error::{ClientError, WorkerError};
pub use examine::Finding;
pub use fuzzed::read_messages;
pub use inputs::InputFault;
pub use inspect::{Inspection, Look, inspect};
pub use machines::{Machines, appraiser_for};
pub use release::{ReleaseFault, SealedFault, SealedTable, Sealing};
pub use rounds::{Setting, check as check_terms, round_of, terms_of};
pub use serve::{Worker, serve};
pub use uploads::Uploads;

mod fuzzed;
#[cfg(test)]
mod tests;
