//! The other side of the control plane: whoever asks workers for something.

mod console;
mod contact;
mod desk;
mod doctor;
mod run;
mod way;

pub use console::{Console, Job, Reach};
pub(crate) use contact::Contact;
pub use desk::{Proposal, Receipts, Statement, agreed};
pub use doctor::examine_roster;
pub use run::{propose_program, resume, run_agreement, run_on_workers};
pub use way::{Visit, way_to};

use crate::error::ClientError;

/// A runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime, ClientError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(|e| ClientError::System { what: e.to_string() })
}
