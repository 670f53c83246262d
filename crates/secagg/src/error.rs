//! What can go wrong, split by whose fault it is, naming the culprit where it is known.

use crate::identity::Identity;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A value or parameter that our own side gave is unusable.
    Input,
    /// A peer sent what no honest peer sends, or the message was altered on its way.
    Peer,
    /// A peer speaks another version.
    Incompatible,
    /// Too few honest peers are left; nobody need have lied.
    Availability,
    /// The caller used the state machine against its rules.
    Misuse,
}

/// An error of a state machine. No variant carries any part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of its range.
    #[error("unusable parameter: {what}")]
    Parameter {
        /// Which, and why.
        what: String,
    },
    /// A vector has the wrong length, ring or an element outside of its range.
    #[error("unusable vector: {what}")]
    Vector {
        /// What is wrong with it.
        what: String,
    },
    /// The message does not follow its format.
    #[error("malformed {message}: {what}")]
    Malformed {
        /// The message that was expected.
        message: &'static str,
        /// Which rule it breaks.
        what: &'static str,
    },
    /// The message is of a version that this build does not speak.
    #[error("a message of version {found}, but this build speaks {supported}")]
    Version {
        /// Its version.
        found: u8,
        /// Ours.
        supported: u8,
    },
    /// The message belongs to another round, agreement or set of parameters.
    #[error("the {message} belongs to another round, agreement or set of parameters")]
    OtherRound {
        /// What was received.
        message: &'static str,
    },
    /// A signature does not verify.
    #[error("the signature on the {message} in the name of {culprit} does not verify")]
    Signature {
        /// What was signed.
        message: &'static str,
        /// In whose name.
        culprit: Identity,
    },
    /// The sender is not one of those who may contribute to this round.
    #[error("{culprit} is not enrolled in this round")]
    NotEnrolled {
        /// The sender.
        culprit: Identity,
    },
    /// An identity sent a second, different message where it may send one.
    #[error("{culprit} sent a second, different {message}")]
    Second {
        /// What it sent twice.
        message: &'static str,
        /// Who did.
        culprit: Identity,
    },
    /// The message came after its stage was closed.
    #[error("the {message} of {culprit} came too late")]
    Late {
        /// What came.
        message: &'static str,
        /// From whom.
        culprit: Identity,
    },
    /// What was sealed for us cannot be opened, or is not what its sender committed to.
    #[error("the {message} of {culprit} cannot be opened or is not what was committed to")]
    Sealed {
        /// What was sealed.
        message: &'static str,
        /// Who sealed it.
        culprit: Identity,
    },
    /// A message's content contradicts what its sender signed or what the protocol prescribes.
    #[error("{culprit} broke the protocol: {what}")]
    Broken {
        /// Who did.
        culprit: Identity,
        /// Which rule was broken.
        what: &'static str,
    },
    /// The coordinator (collector, server or board) told us what no honest one tells.
    #[error("the coordinator broke the protocol: {what}")]
    Coordinator {
        /// Which rule was broken.
        what: &'static str,
    },
    /// An inclusion list contains contributions that this aggregator did not accept.
    #[error("the list has {} contributions that this aggregator did not accept", .missing.len())]
    Unaccepted {
        /// Whose they are.
        missing: Vec<Identity>,
    },
    /// A second, different inclusion list or survivor set for one round.
    #[error("a second, different {message} for one round was refused")]
    Equivocation {
        /// What came twice.
        message: &'static str,
    },
    /// Two aggregators that know the same seeds answered differently.
    #[error("{first} and {second} answered differently for the same seeds: one of them is wrong")]
    AnswersDiffer {
        /// One of them.
        first: Identity,
        /// The other.
        second: Identity,
    },
    /// The tallies of clerks, or the decryption shares of holders, do not fit each other.
    #[error("the answers contradict each other: {culprit} or one of the {others} before it is wrong")]
    Contradiction {
        /// Whose answer does not fit those that came before.
        culprit: Identity,
        /// How many came before.
        others: usize,
    },
    /// Fewer than the minimum or threshold are left.
    #[error("{have} {what}, but {need} are needed")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        have: usize,
        /// How many are needed.
        need: usize,
    },
    /// A secret could not be recovered from the shares that came.
    #[error("a secret of {owner} cannot be recovered: {good} good shares, {need} are needed")]
    Unrecoverable {
        /// Whose secret.
        owner: Identity,
        /// How many good shares came.
        good: usize,
        /// How many are needed.
        need: usize,
    },
    /// A data owner's privacy budget does not allow another result.
    #[error("the privacy budget of {owner} is spent")]
    Budget {
        /// Whose budget.
        owner: Identity,
    },
    /// The state machine was used against its rules.
    #[error("misuse: {what}")]
    Misuse {
        /// Which rule.
        what: &'static str,
    },
}

impl Error {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Parameter { .. } => "secagg.parameter",
            Error::Vector { .. } => "secagg.vector",
            Error::Malformed { .. } => "secagg.malformed",
            Error::Version { .. } => "secagg.version",
            Error::OtherRound { .. } => "secagg.other-round",
            Error::Signature { .. } => "secagg.signature",
            Error::NotEnrolled { .. } => "secagg.not-enrolled",
            Error::Second { .. } => "secagg.second",
            Error::Late { .. } => "secagg.late",
            Error::Sealed { .. } => "secagg.sealed",
            Error::Broken { .. } => "secagg.broken",
            Error::Coordinator { .. } => "secagg.coordinator",
            Error::Unaccepted { .. } => "secagg.unaccepted",
            Error::Equivocation { .. } => "secagg.equivocation",
            Error::AnswersDiffer { .. } => "secagg.answers-differ",
            Error::Contradiction { .. } => "secagg.contradiction",
            Error::TooFew { .. } => "secagg.too-few",
            Error::Unrecoverable { .. } => "secagg.unrecoverable",
            Error::Budget { .. } => "secagg.budget",
            Error::Misuse { .. } => "secagg.misuse",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Parameter { .. } | Error::Vector { .. } | Error::Budget { .. } => Fault::Input,
            Error::Version { .. } => Fault::Incompatible,
            Error::TooFew { .. } | Error::Unrecoverable { .. } | Error::Late { .. } | Error::Unaccepted { .. } => {
                Fault::Availability
            }
            Error::Misuse { .. } => Fault::Misuse,
            Error::Malformed { .. }
            | Error::OtherRound { .. }
            | Error::Signature { .. }
            | Error::NotEnrolled { .. }
            | Error::Second { .. }
            | Error::Sealed { .. }
            | Error::Broken { .. }
            | Error::Coordinator { .. }
            | Error::Equivocation { .. }
            | Error::AnswersDiffer { .. }
            | Error::Contradiction { .. } => Fault::Peer,
        }
    }

    /// Whom the error concerns, where that is known. A signature that does not verify names the identity in whose
    /// name it was made, who need not be the one who made it.
    pub fn culprit(&self) -> Option<Identity> {
        match self {
            Error::Signature { culprit, .. }
            | Error::NotEnrolled { culprit }
            | Error::Second { culprit, .. }
            | Error::Late { culprit, .. }
            | Error::Sealed { culprit, .. }
            | Error::Contradiction { culprit, .. }
            | Error::Broken { culprit, .. } => Some(*culprit),
            Error::Unrecoverable { owner, .. } | Error::Budget { owner } => Some(*owner),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Error::Parameter { .. } => "change the parameter in the agreement; every party must then ratify it again",
            Error::Vector { .. } => "bring the vector to the length, range and ring that the agreement says",
            Error::Malformed { .. } | Error::Version { .. } => "compare the versions of both ends",
            Error::OtherRound { .. } => "take part in the round that is open now, with a fresh contribution",
            Error::Signature { .. } => "if this repeats, somebody on the way alters messages or uses another's name",
            Error::NotEnrolled { .. } => "ask the enroller that the agreement names to enrol this identity",
            Error::Second { .. } => "to retry, send the very same bytes; a new contribution belongs to the next round",
            Error::Late { .. } => "contribute to the next round",
            Error::Sealed { .. } | Error::Broken { .. } => "exclude this identity and ask its operator",
            Error::Coordinator { .. } | Error::Equivocation { .. } => {
                "do not go on with this coordinator; keep its messages, they are evidence"
            }
            Error::Unaccepted { .. } => "propose the list without these contributions",
            Error::Contradiction { .. } => "read the board again with the answers of others, if there are more",
            Error::AnswersDiffer { .. } => "ask a third aggregator that knows the seeds, and the operators of both",
            Error::TooFew { .. } | Error::Unrecoverable { .. } => "nothing was revealed; run another round",
            Error::Budget { .. } => "leave this owner out, add more noise, or agree on another budget",
            Error::Misuse { .. } => "this is a defect of the caller; please report it",
        }
    }
}

impl Error {
    pub(crate) fn parameter(what: impl Into<String>) -> Self {
        Error::Parameter { what: what.into() }
    }
}
