//! What is told of every call, before its effect.

use net::Identity;

use crate::error::Refusal;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A table was uploaded.
    Uploaded {
        /// Its rows.
        rows: usize,
    },
    /// A table is being downloaded.
    Downloaded {
        /// Its rows.
        rows: usize,
    },
    /// An upload was refused.
    UploadRefused(Refusal),
    /// A download, or a question about a dataset, was refused.
    DownloadRefused(Refusal),
}

/// Who did what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The identity that called.
    pub caller: Identity,
    /// The dataset that it named; made fit to be shown.
    pub dataset: String,
    /// What was done.
    pub deed: Deed,
}

/// Where events go. Called on a thread that may wait.
pub trait Log: Send + Sync + 'static {
    /// Keeps an event. Where it cannot (`false`), what the event is of is not done.
    fn note(&self, event: &Event) -> bool;
}
