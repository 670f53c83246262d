//! Why something cannot be agreed on or run.

use ir::Diagnostic;
use net::Identity;

use crate::agreement::Agreement;
use crate::diff::{Change, diff};
use crate::id::Digest;
use crate::roster::{RosterError, RosterFault};
use crate::terms::Timestamp;
use crate::text::VERSION;

/// Why something cannot be agreed on or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The text is no agreement or ratification.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from 1; 0 if unknown.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The text is longer than any agreement.
    #[error("an agreement has at most {most} bytes, not {bytes}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        most: usize,
    },
    /// The text is of another version.
    #[error("the agreement has version {found}; this program reads version {VERSION}")]
    Version {
        /// Its version.
        found: i64,
    },
    /// The text says what it says in another form than the canonical one.
    #[error("line {line}: the agreement is not in canonical form")]
    NotCanonical {
        /// The first line that differs.
        line: usize,
    },
    /// A section that follows from the computation says something else.
    #[error("the agreement's section `{part}` says what does not follow from its computation")]
    Misstated {
        /// The section.
        part: &'static str,
    },
    /// It ends before it begins.
    #[error("the agreement's validity ends at {not_after}, before it begins at {not_before}")]
    Window {
        /// When it begins.
        not_before: Timestamp,
        /// When it ends.
        not_after: Timestamp,
    },
    /// It may never run, or more often than can be counted.
    #[error("an agreement cannot have {uses} uses")]
    Uses {
        /// How often.
        uses: u64,
    },
    /// It may not run yet.
    #[error("the agreement is valid from {not_before} on; now it is {now}")]
    NotYet {
        /// When it begins.
        not_before: Timestamp,
        /// The time that it was compared with.
        now: Timestamp,
    },
    /// It may no longer run.
    #[error("the agreement was valid until {not_after}; now it is {now}")]
    Expired {
        /// When it ended.
        not_after: Timestamp,
        /// The time that it was compared with.
        now: Timestamp,
    },
    /// The computation in it does not parse, or does not check.
    #[error("the agreement's computation is refused: {}", joined(.0))]
    Computation(Vec<Diagnostic>),
    /// With these lengths numbers may arise on shares that do not fit, where nobody would notice.
    #[error("with these lengths the computation may overflow: {}", joined(.0))]
    Ranges(Vec<Diagnostic>),
    /// The computation in it is not that of the digest in it.
    #[error("the agreement's computation is not the one that its digest names")]
    ComputationDigest,
    /// The roster in it cannot be used.
    #[error("{0}")]
    Roster(RosterError),
    /// The roster lacks a player.
    #[error("the roster has no player {player}; it has: {}", known.join(", "))]
    MissingPlayer {
        /// The player.
        player: String,
        /// The players that it has.
        known: Vec<String>,
    },
    /// An agreement's roster has a player that its computation has not.
    #[error("{player} is no player of the computation")]
    UnknownPlayer {
        /// The player.
        player: String,
    },
    /// The computation checks, but this version cannot run it.
    #[error("the computation cannot be run: {}", reasons.join("; "))]
    NotRunnable {
        /// Why, in words.
        reasons: Vec<String>,
    },
    /// An enclave whose machine has nothing to prove.
    #[error("{placement} is inside the machine of {player}, and the roster does not say what that has to prove")]
    NoClaims {
        /// The player whose machine it is.
        player: String,
        /// The placement.
        placement: String,
    },
    /// A group without anybody who says who its members are.
    #[error("{group} is a group, and the roster does not say who enrols its members")]
    NoEnroller {
        /// The group.
        group: String,
    },
    /// A group whose members are enrolled by a player.
    #[error("{player} enrols the members of {group}, and could fill it with members of its own making")]
    Enroller {
        /// The group.
        group: String,
        /// The player with the enroller's identity.
        player: String,
    },
    /// Two players of one protected placement are one party.
    #[error("{first} and {second} have one identity, but share the protected placement {placement}")]
    OneIdentity {
        /// A player.
        first: String,
        /// Another.
        second: String,
        /// The placement.
        placement: String,
    },
    /// A named dimension has no length.
    #[error("the dimension `{dim}` has no length")]
    DimUnbound {
        /// The dimension.
        dim: String,
    },
    /// A length is given for what is no dimension.
    #[error("`{dim}` is no dimension of the computation")]
    UnknownDim {
        /// The name.
        dim: String,
    },
    /// A length is zero, or too great.
    #[error("the dimension `{dim}` cannot have the length {length}")]
    DimLength {
        /// The dimension.
        dim: String,
        /// The length.
        length: u64,
    },
    /// A dataset would have more elements than can be counted.
    #[error("the dataset `{dataset}` of {player} would be too long")]
    TooLarge {
        /// Whose it is.
        player: String,
        /// Its name.
        dataset: String,
    },
    /// A ratification is of another agreement.
    #[error("it was signed for another agreement, {found}{}", since(changes))]
    OtherAgreement {
        /// The digest that it signs.
        found: Digest,
        /// What changed since, where the other agreement is at hand.
        changes: Vec<Change>,
    },
    /// A ratification is by someone who takes no part.
    #[error("{identity} takes no part in the agreement")]
    ForeignSigner {
        /// Who signed.
        identity: Identity,
    },
    /// A reason for declining that cannot be passed on.
    #[error("a reason is one line of plain text, of at most 1000 characters")]
    Reason,
    /// A ratification's signature does not hold.
    #[error("the signature{} does not hold", by(player))]
    Signature {
        /// Whose it should be.
        player: Option<String>,
    },
    /// Ratifications are missing.
    #[error("not ratified by {}", players.join(", "))]
    Unratified {
        /// The players whose operators have not ratified.
        players: Vec<String>,
    },
    /// Players of one process were to be run by workers.
    #[error("the agreement's players exist in one process only")]
    InProcess,
    /// Players with workers were to be run in one process.
    #[error("the agreement's players have workers of their own")]
    NotInProcess,
}

fn joined(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("; ")
}

fn since(changes: &[Change]) -> String {
    let all: Vec<String> = changes.iter().map(Change::to_string).collect();
    if all.is_empty() { String::new() } else { format!("; since then: {}", all.join("; ")) }
}

fn by(player: &Option<String>) -> String {
    player.as_ref().map(|p| format!(" of {p}")).unwrap_or_default()
}

impl From<RosterFault> for AgreementError {
    fn from(fault: RosterFault) -> AgreementError {
        AgreementError::Roster(fault.into())
    }
}

impl AgreementError {
    /// The same, with what changed since the agreement that was signed, if that is among `older`.
    #[must_use]
    pub fn since(self, agreement: &Agreement, older: &[Agreement]) -> AgreementError {
        match self {
            AgreementError::OtherAgreement { found, .. } => {
                let old = older.iter().find(|a| a.digest() == found);
                let changes = old.map(|old| diff(old, agreement)).unwrap_or_default();
                AgreementError::OtherAgreement { found, changes }
            }
            other => other,
        }
    }

    /// A stable code for programs to match on.
    pub fn code(&self) -> &'static str {
        match self {
            AgreementError::Syntax { .. } => "agreement.syntax",
            AgreementError::TooLong { .. } => "agreement.too-long",
            AgreementError::Version { .. } => "agreement.version",
            AgreementError::NotCanonical { .. } => "agreement.not-canonical",
            AgreementError::Computation(_) => "agreement.computation",
            AgreementError::Ranges(_) => "agreement.ranges",
            AgreementError::ComputationDigest => "agreement.computation-digest",
            AgreementError::Misstated { .. } => "agreement.misstated",
            AgreementError::Window { .. } => "agreement.window",
            AgreementError::Uses { .. } => "agreement.uses",
            AgreementError::NotYet { .. } => "agreement.not-yet",
            AgreementError::Expired { .. } => "agreement.expired",
            AgreementError::TooLarge { .. } => "agreement.too-large",
            AgreementError::Roster(error) => error.code(),
            AgreementError::MissingPlayer { .. } => "agreement.missing-player",
            AgreementError::UnknownPlayer { .. } => "agreement.unknown-player",
            AgreementError::NotRunnable { .. } => "agreement.not-runnable",
            AgreementError::NoClaims { .. } => "agreement.no-claims",
            AgreementError::NoEnroller { .. } => "agreement.no-enroller",
            AgreementError::Enroller { .. } => "agreement.enroller",
            AgreementError::OneIdentity { .. } => "agreement.one-identity",
            AgreementError::DimUnbound { .. } => "agreement.dim-unbound",
            AgreementError::UnknownDim { .. } => "agreement.unknown-dim",
            AgreementError::DimLength { .. } => "agreement.dim-length",
            AgreementError::OtherAgreement { .. } => "ratification.other-agreement",
            AgreementError::ForeignSigner { .. } => "ratification.foreign",
            AgreementError::Reason => "decline.reason",
            AgreementError::Signature { .. } => "ratification.signature",
            AgreementError::Unratified { .. } => "ratification.missing",
            AgreementError::InProcess => "agreement.in-process",
            AgreementError::NotInProcess => "agreement.not-in-process",
        }
    }

    /// The player concerned, where one is.
    pub fn player(&self) -> Option<&str> {
        match self {
            AgreementError::MissingPlayer { player, .. }
            | AgreementError::UnknownPlayer { player }
            | AgreementError::Enroller { player, .. } => Some(player),
            AgreementError::NoClaims { player, .. } => Some(player),
            AgreementError::OneIdentity { second, .. } => Some(second),
            AgreementError::TooLarge { player, .. } => Some(player),
            AgreementError::Signature { player } => player.as_deref(),
            AgreementError::Unratified { players } => players.first().map(String::as_str),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            AgreementError::Syntax { .. } | AgreementError::NotCanonical { .. } => {
                "use the text as privity wrote it; every change needs a new agreement"
            }
            AgreementError::TooLong { .. } => "give the text of an agreement, as privity wrote it",
            AgreementError::Version { .. } => "use the version of privity that wrote it",
            AgreementError::Computation(_) => "see `privity check` on the computation",
            AgreementError::Ranges(_) => "declare narrower ranges, or compute in a larger ring",
            AgreementError::ComputationDigest => "the text was changed after it was written; ask for the original",
            AgreementError::Misstated { .. } => {
                "do not sign it; ask for the original, or use the version of privity that wrote it"
            }
            AgreementError::Window { .. } => "give a later `--valid-until`, or an earlier `--valid-from`",
            AgreementError::Uses { .. } => "let it run at least once",
            AgreementError::NotYet { .. } => "wait, or correct the worker's clock if it is wrong",
            AgreementError::Expired { .. } => {
                "make a new agreement and have it ratified, or correct the worker's clock"
            }
            AgreementError::Roster(error) => error.help(),
            AgreementError::MissingPlayer { .. } => "add the player to the roster, or correct its name",
            AgreementError::UnknownPlayer { .. } => "remove the player, or use the computation that has it",
            AgreementError::NotRunnable { .. } => "choose placements that this version runs, such as replicated",
            AgreementError::NoClaims { .. } => {
                "write `[players.NAME.claims]` into the roster, with what `privity attest pin` prints for a machine that you know"
            }
            AgreementError::NoEnroller { .. } => {
                "add it to the roster, as `[groups.NAME]` with `enroller = \"prv1-…\"`"
            }
            AgreementError::Enroller { .. } => "have the members enrolled by somebody who plays nothing else in it",
            AgreementError::OneIdentity { .. } => {
                "one party would hold what only several together may read; give every role a party of its own"
            }
            AgreementError::DimUnbound { .. } => "give its length, as `--dims n=442`, or data that has it",
            AgreementError::UnknownDim { .. } => "remove it, or correct its name",
            AgreementError::DimLength { .. } => "every dimension has at least length 1",
            AgreementError::TooLarge { .. } => "give smaller lengths",
            AgreementError::OtherAgreement { .. } => "compare the two agreements, and ratify the one that is to run",
            AgreementError::ForeignSigner { .. } => "sign with the key whose identity is in the roster",
            AgreementError::Reason => "say in a line why, for the other parties to read",
            AgreementError::Signature { .. } => "the ratification was damaged or forged; ask for it again",
            AgreementError::Unratified { .. } => "their operators must read the agreement and ratify it",
            AgreementError::InProcess => "give a roster with the players' workers",
            AgreementError::NotInProcess => "have every party ratify it, and run it on their workers",
        }
    }
}
