//! What can go wrong where evidence is made: split by what is at fault, with a stable code and a way out.

/// Whose fault an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The machine: it has no such hardware, or this process may not use it.
    Machine,
    /// The hardware or its driver: it refused, or answered with something that does not parse.
    Hardware,
    /// The machine is not in the state that was asked for.
    State,
    /// Whoever called: arguments that cannot be meant.
    Misuse,
}

/// Why there is no evidence, or no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine has nothing that could attest, or not what was asked for.
    #[error("{what} is not there")]
    Absent {
        /// What was looked for, and where.
        what: String,
    },
    /// A device, file or socket cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The TPM refused a command.
    #[error("the TPM refused {command}: {code}")]
    Refused {
        /// The command.
        command: String,
        /// Its answer, by the name that the TPM library specification gives it.
        code: String,
    },
    /// An answer of hardware or driver does not parse.
    #[error("{what}: {why}")]
    Answer {
        /// Whose answer.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The machine is in another state than the one that something was sealed to, or that a launch expects.
    #[error("the machine is in another state: {changed}")]
    State {
        /// Which registers have which values, in words.
        changed: String,
    },
    /// Arguments that cannot be meant.
    #[error("{0}")]
    Misuse(&'static str),
    /// What was made does not parse as evidence.
    #[error(transparent)]
    Evidence(#[from] attest::Error),
}

impl Error {
    /// A stable, machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "attester.absent",
            Self::Io { .. } => "attester.io",
            Self::Refused { .. } => "attester.refused",
            Self::Answer { .. } => "attester.answer",
            Self::State { .. } => "attester.state",
            Self::Misuse(_) => "attester.misuse",
            Self::Evidence(_) => "attester.evidence",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Absent { .. } | Self::Io { .. } => Fault::Machine,
            Self::Refused { .. } | Self::Answer { .. } | Self::Evidence(_) => Fault::Hardware,
            Self::State { .. } => Fault::State,
            Self::Misuse(_) => Fault::Misuse,
        }
    }

    /// What to do about it, in one line.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "run this on a machine with attesting hardware, or give the place where it is",
            Self::Io { .. } => "see that this user may use the device, and that nothing else holds it",
            Self::Refused { .. } => "see whether the TPM is owned by something else, or locked",
            Self::Answer { .. } | Self::Evidence(_) => "update the driver or firmware that answered so",
            Self::State { .. } => {
                "restart the machine with the software that was measured, or seal anew from a backup of the key"
            }
            Self::Misuse(_) => "correct the arguments",
        }
    }

    pub(crate) fn io(what: impl std::fmt::Display, source: std::io::Error) -> Self {
        Self::Io { what: what.to_string(), source }
    }

    pub(crate) fn answer(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Answer { what, why: why.to_string() }
    }
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;
