//! What can go wrong in a kernel, split by whose fault it is.

use algebra::{FixedError, ShapeError};
use net::{NetError, Player};

/// The result of a kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a kernel. No variant carries a value or any part of one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The exchange of messages failed.
    #[error(transparent)]
    Net(#[from] Box<NetError>),
    /// A player sent what the protocol does not allow.
    #[error("{player} broke the protocol of `{kernel}`: {what}")]
    Misbehaved {
        /// Who sent it.
        player: Player,
        /// In which kernel.
        kernel: &'static str,
        /// What was wrong.
        what: String,
    },
    /// What players sent contradicts itself: one of them deviates from the protocol.
    #[error("in `{kernel}`, {what}: one of {} deviates from the protocol", names(suspects))]
    Deviation {
        /// Those of whom one deviates.
        suspects: Vec<Player>,
        /// In which kernel.
        kernel: &'static str,
        /// What was wrong.
        what: String,
    },
    /// What a player shared is not within the range that the program has room for.
    #[error("{player} shared numbers as {value} that are outside of its range, {range}")]
    OutOfRange {
        /// Who shared it.
        player: Player,
        /// What it is called in the program.
        value: String,
        /// The range, in words.
        range: String,
    },
    /// Operands whose shapes do not go together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An input that has no fixed-point encoding.
    #[error(transparent)]
    Fixed(#[from] FixedError),
    /// A plaintext value that does not fit the type it is cast to.
    #[error("element {index} does not fit {dtype}: {why}")]
    Range {
        /// Row-major position.
        index: usize,
        /// The type that was asked for.
        dtype: String,
        /// Why it does not fit.
        why: &'static str,
    },
    /// A number in the clear is not where the program takes for granted that it is.
    #[error("element {index} is not within {range}, as the program assumes")]
    Assumption {
        /// Row-major position.
        index: usize,
        /// The range.
        range: String,
    },
    /// A value inside an enclave is not what an operator takes. Its place is a secret, too.
    #[error("a value in an enclave is out of the range of its type, or not within what the program assumes")]
    Inside,
    /// An operator that a scheme does not have for these types.
    #[error("`{op}` of {operands} cannot run on `{scheme}`")]
    Unsupported {
        /// The operator.
        op: &'static str,
        /// Its operands' types.
        operands: String,
        /// The scheme.
        scheme: &'static str,
    },
    /// A kernel was called against its rules by our own code.
    #[error("misuse of a kernel: {what}")]
    Misuse {
        /// Which rule.
        what: String,
    },
}

fn names(players: &[Player]) -> String {
    players.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl From<NetError> for Error {
    fn from(error: NetError) -> Self {
        Self::Net(Box::new(error))
    }
}

impl Error {
    /// Our own code called a kernel wrongly.
    pub fn misuse(what: impl Into<String>) -> Self {
        Self::Misuse { what: what.into() }
    }

    /// The same, without what it tells of values that nobody outside of an enclave may see.
    pub(crate) fn inside(self) -> Self {
        match self {
            Self::Fixed(_) | Self::Range { .. } | Self::Assumption { .. } => Self::Inside,
            other => other,
        }
    }

    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Net(error) => error.code(),
            Self::Misbehaved { .. } => "scheme.peer-misbehaved",
            Self::Deviation { .. } => "scheme.deviation",
            Self::OutOfRange { .. } => "scheme.out-of-range",
            Self::Shape(error) => error.code(),
            Self::Fixed(error) => error.code(),
            Self::Range { .. } => "value.range",
            Self::Assumption { .. } => "value.assumption",
            Self::Inside => "value.inside",
            Self::Unsupported { .. } => "scheme.unsupported",
            Self::Misuse { .. } => "scheme.misuse",
        }
    }

    /// The player whom the error concerns.
    #[must_use]
    pub fn player(&self) -> Option<&Player> {
        match self {
            Self::Net(error) => error.player(),
            Self::Misbehaved { player, .. } | Self::OutOfRange { player, .. } => Some(player),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Net(error) => error.help(),
            Self::Misbehaved { player, .. } => {
                format!("compare the versions of both workers; if they agree, ask the operator of {player}")
            }
            Self::Deviation { suspects, .. } => {
                format!(
                    "nothing wrong was revealed; do not run with {} again before this is explained",
                    names(suspects)
                )
            }
            Self::OutOfRange { player, .. } => {
                format!(
                    "its own worker refuses such numbers, so {player} deviates: nothing was revealed; ask its operator"
                )
            }
            Self::Shape(error) => error.help().to_owned(),
            Self::Fixed(error) => error.help().to_owned(),
            Self::Assumption { .. } => {
                "what is computed from there on would be wrong: widen the assumption, or look at the data".to_owned()
            }
            Self::Inside => {
                "clip or scale the values before they go there, choose a wider type, or widen the assumption".to_owned()
            }
            Self::Range { .. } => "clip or scale the values first, or choose a wider type".to_owned(),
            Self::Unsupported { .. } => {
                "cast to a type that the scheme has, or do this step at another placement".to_owned()
            }
            Self::Misuse { .. } => "this is a defect of privity: please report it with the program".to_owned(),
        }
    }
}
