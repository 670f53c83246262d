//! What terms, values and sums can have against them.

/// An error of terms or of what does not fit them. It carries no part of a contribution.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter, vector or sum that the protocols refuse.
    #[error(transparent)]
    Protocol(#[from] secagg::Error),
    /// Terms say what cannot be, or something does not fit them.
    #[error("{what}")]
    Terms {
        /// What is wrong.
        what: String,
    },
    /// The service answered what no service answers.
    #[error("the service's answer was not understood: {what}")]
    Answer {
        /// What is wrong with it.
        what: String,
    },
    /// The sum is one that nobody publishes.
    #[error("the sum of this round is not published: the aggregators keep it as shares, under \"{name}\"")]
    Kept {
        /// Its name in their stores.
        name: String,
    },
}

impl Error {
    pub(crate) fn terms(what: impl Into<String>) -> Self {
        Self::Terms { what: what.into() }
    }

    pub(crate) fn answer(what: impl Into<String>) -> Self {
        Self::Answer { what: what.into() }
    }

    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.code(),
            Self::Terms { .. } => "aggregator.terms",
            Self::Answer { .. } => "aggregator.answer",
            Self::Kept { .. } => "aggregator.kept",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.help(),
            Self::Terms { .. } => "mend the file; whoever takes part must then have the same terms",
            Self::Answer { .. } => "compare the versions of both ends",
            Self::Kept { .. } => "load it in a program among the three aggregators, and release what all agree to",
        }
    }
}
