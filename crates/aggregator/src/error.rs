//! What can go wrong between clients, the service, its board and the aggregators.

use secagg::Fault;

/// An error of the service or of one that talks to it. It carries no part of a secret or of a contribution.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A protocol's state machine refused.
    #[error(transparent)]
    Protocol(#[from] secagg::Error),
    /// The network, or the other end's identity.
    #[error(transparent)]
    Net(#[from] net::NetError),
    /// Terms, a list or a configuration say what cannot be.
    #[error("{what}")]
    Terms {
        /// What is wrong.
        what: String,
    },
    /// The service refused, and said why.
    #[error("the service refused: {message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its words.
        message: String,
        /// Its advice.
        help: String,
        /// The HTTP status.
        status: u16,
    },
    /// The service answered what no service answers.
    #[error("the service's answer was not understood: {what}")]
    Answer {
        /// What is wrong with it.
        what: String,
    },
    /// The message came after its stage was closed.
    #[error("too late: the round takes no {what} any more")]
    Late {
        /// What came.
        what: &'static str,
    },
    /// The message came before its stage.
    #[error("too early: the round takes no {what} yet")]
    Early {
        /// What came.
        what: &'static str,
    },
    /// Who asked may not.
    #[error("{who} may not {what}")]
    Forbidden {
        /// Who asked.
        who: String,
        /// What it asked.
        what: &'static str,
    },
    /// A request from a page does not say who asks, or not for a challenge of this service.
    #[error("the request is not signed as it should be: {what}")]
    Credential {
        /// What is wrong.
        what: String,
    },
    /// There is no such thing here.
    #[error("there is no such {what} here")]
    Unknown {
        /// What.
        what: &'static str,
    },
    /// The round ended without a sum.
    #[error("round {round} failed: {reason}")]
    RoundFailed {
        /// Which.
        round: u64,
        /// Why.
        reason: String,
    },
    /// The machine of an aggregator did not prove what the terms ask of it, so nothing was sealed to it.
    #[error("nothing was contributed: the machine of {aggregator} did not prove itself: {why}")]
    Unproved {
        /// The aggregator's name.
        aggregator: String,
        /// Why its evidence was refused.
        why: String,
    },
    /// The caller uploads already.
    #[error("another message of yours is just being taken")]
    Busy,
    /// The round ended with a sum that nobody publishes.
    #[error("the sum of this round is not published: the aggregators keep it as shares, under \"{name}\"")]
    Kept {
        /// Its name in their stores.
        name: String,
    },
    /// Waiting had an end.
    #[error("no result within the time given")]
    Timeout,
    /// The board could not be read or written.
    #[error("the board: {what}")]
    Board {
        /// What it said.
        what: String,
    },
    /// The operating system or a file.
    #[error("{what}")]
    System {
        /// What it said.
        what: String,
    },
}

impl From<terms::Error> for Error {
    fn from(error: terms::Error) -> Self {
        match error {
            terms::Error::Protocol(error) => Self::Protocol(error),
            terms::Error::Answer { what } => Self::Answer { what },
            terms::Error::Kept { name } => Self::Kept { name },
            other => Self::Terms { what: other.to_string() },
        }
    }
}

impl Error {
    pub(crate) fn terms(what: impl Into<String>) -> Self {
        Self::Terms { what: what.into() }
    }

    pub(crate) fn board(what: impl std::fmt::Display) -> Self {
        Self::Board { what: what.to_string() }
    }

    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Protocol(error) => error.code(),
            Self::Net(error) => error.code(),
            Self::Refused { code, .. } => code,
            Self::Terms { .. } => "aggregator.terms",
            Self::Answer { .. } => "aggregator.answer",
            Self::Late { .. } => "aggregator.late",
            Self::Early { .. } => "aggregator.early",
            Self::Forbidden { .. } => "aggregator.forbidden",
            Self::Credential { .. } => "aggregator.credential",
            Self::Unknown { .. } => "aggregator.unknown",
            Self::RoundFailed { .. } => "aggregator.round-failed",
            Self::Unproved { .. } => "aggregator.unproved",
            Self::Busy => "aggregator.busy",
            Self::Kept { .. } => "aggregator.kept",
            Self::Timeout => "aggregator.timeout",
            Self::Board { .. } => "aggregator.board",
            Self::System { .. } => "aggregator.system",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Protocol(error) => error.help().into(),
            Self::Net(error) => error.help(),
            Self::Refused { help, .. } => help.clone(),
            Self::Terms { .. } => "mend the file; whoever takes part must then have the same terms".into(),
            Self::Answer { .. } => "compare the versions of both ends".into(),
            Self::Late { .. } => "take part in the next round, with a fresh contribution".into(),
            Self::Early { .. } => "wait for the round's stage, as `privity rounds` shows it".into(),
            Self::Forbidden { .. } => "ask the enroller, or whoever wrote the terms".into(),
            Self::Credential { .. } => "load the page again".into(),
            Self::Unknown { .. } => "compare the terms of both ends, and see which round is open".into(),
            Self::RoundFailed { .. } => "nothing was published; take part in the next round".into(),
            Self::Unproved { .. } => {
                "name the vendor's collateral and roots, if these are what is missing; else ask whoever wrote the terms"
                    .into()
            }
            Self::Busy => "send one message after the other".into(),
            Self::Kept { .. } => {
                "load it in a program among the three aggregators, and release what all agree to".into()
            }
            Self::Timeout => "see whether the service runs, and what `privity rounds` says of the round".into(),
            Self::Board { .. } | Self::System { .. } => "see the log of the service and the room on its disk".into(),
        }
    }

    /// Whether trying the very same again may help: the network, or a service that is being started again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Net(_) | Self::Board { .. } => true,
            Self::Refused { status, .. } => matches!(status, 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether somebody else than this process is at fault.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        match self {
            Self::Protocol(error) => matches!(error.fault(), Fault::Peer | Fault::Availability | Fault::Incompatible),
            Self::Terms { .. } | Self::System { .. } | Self::Kept { .. } => false,
            _ => true,
        }
    }

    /// The HTTP status that says it.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Protocol(secagg::Error::NotEnrolled { .. }) | Self::Forbidden { .. } => 403,
            Self::Protocol(secagg::Error::Late { .. }) | Self::Late { .. } => 410,
            Self::Protocol(secagg::Error::Second { .. } | secagg::Error::Equivocation { .. }) => 409,
            Self::Credential { .. } => 401,
            Self::Early { .. } => 425,
            Self::Busy => 429,
            Self::Unknown { .. } => 404,
            Self::Board { .. } | Self::System { .. } => 503,
            _ => 400,
        }
    }
}
