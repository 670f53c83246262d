//! What can go wrong before a policy is asked: split by whose fault it is, with a stable code and a way out.

use crate::time::Time;

/// Whose fault an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The evidence itself: forged, altered, or not what it says it is.
    Evidence,
    /// What stands beside it (certificates, collateral): missing, expired, of another machine.
    Endorsement,
    /// The verifier's own input: policy, approval records, proofs.
    Verifier,
}

/// Why evidence yields no claims at all. Nothing here can be tolerated by a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes that do not parse as what they have to be.
    #[error("{what} does not parse: {why}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Well-formed, but of a kind, version or algorithm that is not understood.
    #[error("{what} is not supported: {why}")]
    Unsupported {
        /// What was being read.
        what: &'static str,
        /// Which variant it was.
        why: String,
    },
    /// A signature does not verify.
    #[error("the signature of {what} does not verify")]
    Signature {
        /// What was signed.
        what: String,
    },
    /// Two signed statements contradict each other.
    #[error("{what}: {why}")]
    Mismatch {
        /// The statement that fails.
        what: &'static str,
        /// How it fails.
        why: String,
    },
    /// A certificate chain does not lead to a pinned root.
    #[error("certificate chain of {what}: {why}")]
    Chain {
        /// Whose chain.
        what: String,
        /// Where it breaks.
        why: String,
    },
    /// An endorsement is not valid yet.
    #[error("{what} is valid from {not_before}, and it is {at}")]
    NotYetValid {
        /// Which endorsement.
        what: String,
        /// Start of its validity.
        not_before: Time,
        /// The time of validation.
        at: Time,
    },
    /// An endorsement is no longer valid.
    #[error("{what} expired at {not_after}, and it is {at}")]
    Expired {
        /// Which endorsement.
        what: String,
        /// End of its validity.
        not_after: Time,
        /// The time of validation.
        at: Time,
    },
    /// An endorsement was withdrawn by its issuer.
    #[error("{what} was revoked by its issuer")]
    Revoked {
        /// Which endorsement.
        what: String,
    },
    /// An endorsement that is needed was not given.
    #[error("{what} is needed and was not given")]
    MissingEndorsement {
        /// Which endorsement.
        what: String,
    },
    /// The platform's firmware is below every level its vendor still describes.
    #[error("no TCB level of {vendor} describes this platform; short of the nearest: {short}")]
    BelowEveryTcbLevel {
        /// Who publishes the levels.
        vendor: &'static str,
        /// The components that fall short of the nearest level, in words.
        short: String,
    },
    /// Intel's verification refused the quote.
    #[error("Intel quote: {why}")]
    Intel {
        /// The reason, from the quote verification library.
        why: String,
    },
    /// A policy, approval record or proof that cannot be used.
    #[error("{what}: {why}")]
    Verifier {
        /// Which input.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// A stable, machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::Unsupported { .. } => "unsupported",
            Self::Signature { .. } => "signature",
            Self::Mismatch { .. } => "mismatch",
            Self::Chain { .. } => "chain",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::Revoked { .. } => "revoked",
            Self::MissingEndorsement { .. } => "missing-endorsement",
            Self::BelowEveryTcbLevel { .. } => "tcb-below-every-level",
            Self::Intel { .. } => "intel",
            Self::Verifier { .. } => "verifier",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Malformed { .. }
            | Self::Unsupported { .. }
            | Self::Signature { .. }
            | Self::Mismatch { .. }
            | Self::BelowEveryTcbLevel { .. }
            | Self::Intel { .. } => Fault::Evidence,
            Self::Chain { .. }
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::Revoked { .. }
            | Self::MissingEndorsement { .. } => Fault::Endorsement,
            Self::Verifier { .. } => Fault::Verifier,
        }
    }

    /// What to do about it, in one line.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "ask the machine for its evidence again; `inspect` shows what could be read",
            Self::Unsupported { .. } => "use evidence of a kind and version that the crate's documentation lists",
            Self::Signature { .. } | Self::Mismatch { .. } => {
                "do not send anything to this machine: its evidence was altered, or belongs to another"
            }
            Self::Chain { .. } => "give the intermediate certificates of the vendor, and evidence of a genuine machine",
            Self::NotYetValid { .. } => {
                "check the clock of the verifier, and that the collateral is not of another day"
            }
            Self::Expired { .. } => "fetch current collateral and certificates from the vendor",
            Self::Revoked { .. } => "do not send anything to this machine: its vendor has withdrawn it",
            Self::MissingEndorsement { .. } => "put the vendor's certificates or collateral beside the evidence",
            Self::BelowEveryTcbLevel { .. } => "update the firmware of the machine; no policy can tolerate this",
            Self::Intel { .. } => "compare the quote with its collateral; `inspect` shows both",
            Self::Verifier { .. } => "correct the input that is named",
        }
    }

    pub(crate) fn malformed(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }

    pub(crate) fn unsupported(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Unsupported { what, why: why.to_string() }
    }

    pub(crate) fn mismatch(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Mismatch { what, why: why.to_string() }
    }

    pub(crate) fn signature(what: impl Into<String>) -> Self {
        Self::Signature { what: what.into() }
    }

    pub(crate) fn verifier(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Verifier { what, why: why.to_string() }
    }
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;
