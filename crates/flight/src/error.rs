//! Why a call was refused.

use tables::TableError;
use tonic::{Code, Status};

use crate::store::StoreFault;

/// Why a call was refused. It says nothing of what tables hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such dataset for this caller: it does not exist, or is not for it.
    #[error("there is no dataset `{0}` for you")]
    Unknown(String),
    /// A reader is not an owner, and a result has none.
    #[error("`{0}` is not yours to upload")]
    NotOwner(String),
    /// It was uploaded already.
    #[error("`{0}` was uploaded already")]
    Again(String),
    /// Uploads are not taken yet.
    #[error("`{0}` is not taken yet")]
    NotYet(String),
    /// The table is not what was agreed on; what is wrong with it, in words.
    #[error("the table is not what was agreed on: {0}")]
    Unfit(String),
    /// Nothing was uploaded yet.
    #[error("`{0}` was not uploaded yet")]
    Missing(String),
    /// Not all that must have agreed have.
    #[error("that `{0}` is downloaded was not approved yet")]
    NotApproved(String),
    /// What was sent is no table that is taken.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The call is not as it must be.
    #[error("{0}")]
    Call(&'static str),
    /// Too much at once.
    #[error("too many uploads at once")]
    Busy,
    /// All tables together would take more than there is room for.
    #[error("the tables that are kept and on their way would take more than {most} bytes")]
    Full {
        /// Bytes that they may take.
        most: usize,
    },
    /// The upload as a whole took too long.
    #[error("the upload took more than {seconds} s")]
    Slow {
        /// How long it may take.
        seconds: u64,
    },
    /// The client stopped sending.
    #[error("nothing came for too long")]
    Silent,
    /// The worker could not do its part.
    #[error("the worker could not {0}")]
    Worker(&'static str),
}

impl Refusal {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Unknown(_) => "flight.unknown",
            Refusal::NotOwner(_) => "flight.not-owner",
            Refusal::Again(_) => "flight.again",
            Refusal::NotYet(_) => "flight.not-yet",
            Refusal::Unfit(_) => "flight.unfit",
            Refusal::Missing(_) => "flight.missing",
            Refusal::NotApproved(_) => "flight.not-approved",
            Refusal::Table(error) => error.code(),
            Refusal::Call(_) => "flight.call",
            Refusal::Busy => "flight.busy",
            Refusal::Full { .. } => "flight.full",
            Refusal::Slow { .. } => "flight.slow",
            Refusal::Silent => "flight.silent",
            Refusal::Worker(_) => "flight.worker",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Refusal::Unknown(_) => {
                "look at the agreement for the names of datasets, and at the roster for your identity"
            }
            Refusal::NotOwner(_) => "let its owner upload it, with the owner's own key; a result is only downloaded",
            Refusal::Again(_) => "what was uploaded stays; for another table make another agreement",
            Refusal::NotYet(_) => "wait until the worker's operator has ratified the agreement",
            Refusal::Unfit(_) => "compare the table with the type, the lengths and the key column in the agreement",
            Refusal::Missing(_) => "upload it first, or wait for its owner; what was used up is gone",
            Refusal::NotApproved(_) => "wait until all parties have ratified the agreement",
            Refusal::Table(error) => error.help(),
            Refusal::Call(_) => "use a Flight client, with the dataset's name as the descriptor's path",
            Refusal::Busy => "try again later",
            Refusal::Full { .. } => {
                "try again when other agreements have been used, or ask the worker's operator to raise `flight.total_mib`"
            }
            Refusal::Slow { .. } => {
                "send it without pauses, or ask the worker's operator to raise `flight.upload_seconds`"
            }
            Refusal::Silent => "look at the connection, and try again",
            Refusal::Worker(_) => "look at the worker's log",
        }
    }
}

impl From<StoreFault> for Refusal {
    fn from(_: StoreFault) -> Refusal {
        Refusal::Worker("reach its store")
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let code = match &refusal {
            Refusal::Unknown(_) | Refusal::NotOwner(_) => Code::PermissionDenied,
            Refusal::Again(_) => Code::AlreadyExists,
            Refusal::Missing(_) => Code::NotFound,
            Refusal::NotApproved(_) | Refusal::NotYet(_) => Code::FailedPrecondition,
            Refusal::Table(TableError::TooLarge { .. }) | Refusal::Busy | Refusal::Full { .. } => {
                Code::ResourceExhausted
            }
            Refusal::Table(_) | Refusal::Unfit(_) | Refusal::Call(_) => Code::InvalidArgument,
            Refusal::Silent | Refusal::Slow { .. } => Code::DeadlineExceeded,
            Refusal::Worker(_) => Code::Internal,
        };
        Status::new(code, format!("{}: {refusal}; {}", refusal.code(), refusal.help()))
    }
}
