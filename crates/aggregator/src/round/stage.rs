//! Stages, phases and slots: what may come when, from whom, and where it lies on the board.

use terms::{Protocol, Sender, Terms};

use crate::board::{Phase, Slot};

/// The phases of a round, in the order in which it goes through them.
pub mod phases {
    use crate::board::Phase;

    /// No round is ever in it.
    pub(crate) const NEVER: Phase = Phase(0xff);
    /// Open; no client has come yet.
    pub const WAITING: Phase = Phase(0);
    /// Pairwise: takes keys.
    pub const KEYS: Phase = Phase(1);
    /// Pairwise: takes shares.
    pub const SHARES: Phase = Phase(2);
    /// Pairwise: takes masked vectors.
    pub const MASKED: Phase = Phase(3);
    /// Pairwise: takes signatures over the survivor set.
    pub const AGREED: Phase = Phase(4);
    /// Pairwise: takes revealed shares.
    pub const REVEAL: Phase = Phase(5);
    /// Committee: takes contributions.
    pub const COLLECT: Phase = Phase(10);
    /// Validated: aggregators tell each other their verifier shares.
    pub const VERIFY: Phase = Phase(11);
    /// Committee: aggregators say which contributions they cannot use.
    pub const CHECK: Phase = Phase(12);
    /// Committee: aggregators vote for the list.
    pub const VOTE: Phase = Phase(13);
    /// Committee: aggregators answer for the list.
    pub const ANSWER: Phase = Phase(14);
    /// Committee: aggregators keep the sum as shares, and say so.
    pub const KEEP: Phase = Phase(15);
    /// Over: the sum can be read.
    pub const PUBLISHED: Phase = Phase(100);
    /// Over: nothing was published.
    pub const FAILED: Phase = Phase(101);
    /// Over: the aggregators have the sum as shares.
    pub const KEPT: Phase = Phase(102);

    /// Whether nothing can come any more.
    #[must_use]
    pub fn is_over(phase: Phase) -> bool {
        matches!(phase, PUBLISHED | FAILED | KEPT)
    }

    const NAMES: [(Phase, &str); 15] = [
        (WAITING, "waiting"),
        (KEYS, "keys"),
        (SHARES, "shares"),
        (MASKED, "masked"),
        (AGREED, "agreed"),
        (REVEAL, "reveal"),
        (COLLECT, "collect"),
        (VERIFY, "verify"),
        (CHECK, "check"),
        (VOTE, "vote"),
        (ANSWER, "answer"),
        (KEEP, "keep"),
        (PUBLISHED, "published"),
        (FAILED, "failed"),
        (KEPT, "kept"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(phase: Phase) -> &'static str {
        NAMES.iter().find(|(known, _)| *known == phase).map_or("unknown", |(_, name)| name)
    }

    /// The phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Phase> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(phase, _)| *phase)
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Pairwise: a client's keys.
    Keys,
    /// Pairwise: its shares.
    Shares,
    /// Pairwise: its masked vector.
    Masked,
    /// Pairwise: its signature over the survivor set.
    Agreed,
    /// Pairwise: what it reveals.
    Reveal,
    /// Committee: a client's contribution.
    Contribution,
    /// Committee: identities (32 bytes each) whose contributions an aggregator cannot use.
    Review,
    /// Committee: an aggregator's vote.
    Vote,
    /// Committee: an aggregator's answer.
    Answer,
    /// Committee: the origin (32 bytes) of the shares that an aggregator keeps.
    Kept,
    /// Validated: an aggregator's verifier shares of all contributions.
    Verifiers,
}

/// Every stage, with its name, how many of it are called, its phase and its slot.
const STAGES: [(Stage, &str, &str, Phase, Slot); 11] = [
    (Stage::Keys, "keys", "keys", phases::KEYS, Slot(1)),
    (Stage::Shares, "shares", "shares", phases::SHARES, Slot(2)),
    (Stage::Masked, "masked", "masked vectors", phases::MASKED, Slot(3)),
    (Stage::Agreed, "agreed", "agreements", phases::AGREED, Slot(4)),
    (Stage::Reveal, "reveal", "revealed shares", phases::REVEAL, Slot(5)),
    (Stage::Contribution, "contribution", "contributions", phases::COLLECT, Slot(10)),
    (Stage::Review, "review", "reviews", phases::CHECK, Slot(12)),
    (Stage::Vote, "vote", "votes", phases::VOTE, Slot(13)),
    (Stage::Answer, "answer", "answers", phases::ANSWER, Slot(14)),
    (Stage::Kept, "kept", "shares", phases::KEEP, Slot(15)),
    (Stage::Verifiers, "verifiers", "verifier shares", phases::VERIFY, Slot(16)),
];

impl Stage {
    fn row(self) -> &'static (Stage, &'static str, &'static str, Phase, Slot) {
        &STAGES[self as usize]
    }

    /// The stage of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        STAGES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Its name, as in paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    pub(crate) fn plural(self) -> &'static str {
        self.row().2
    }

    /// The phase in which it is taken.
    #[must_use]
    pub fn phase(self) -> Phase {
        self.row().3
    }

    pub(crate) fn slot(self) -> Slot {
        self.row().4
    }

    /// The stage of a phase.
    pub(crate) fn of(phase: Phase) -> Option<Self> {
        STAGES.iter().find(|row| row.3 == phase).map(|row| row.0)
    }

    /// Who sends it.
    #[must_use]
    pub fn sender(self) -> Sender {
        match self {
            Self::Verifiers | Self::Review | Self::Vote | Self::Answer | Self::Kept => Sender::Aggregator,
            _ => Sender::Client,
        }
    }

    /// Whether it starts a round that waits.
    pub(crate) fn is_first(self) -> bool {
        matches!(self, Self::Keys | Self::Contribution)
    }
}

/// How long a phase lasts at most.
pub(crate) fn patience_ms(terms: &Terms, phase: Phase) -> Option<u64> {
    let seconds = match Stage::of(phase)?.sender() {
        Sender::Client => terms.draft().collect_seconds,
        Sender::Aggregator => terms.draft().answer_seconds,
    };
    Some((seconds * 1e3) as u64)
}

/// What is erased when a round is over: everything that is as long as a vector, or sealed.
pub(crate) fn erased(terms: &Terms) -> Vec<Slot> {
    match terms.protocol() {
        Protocol::Committee(committee) => {
            let deposits = (0..committee.members().len()).map(super::ballot::deposit);
            let vectors = [Stage::Contribution.slot(), Stage::Answer.slot(), super::MASKED_SUM];
            vectors.into_iter().chain(deposits).collect()
        }
        Protocol::Validated(_) => {
            let shares = [Stage::Contribution, Stage::Verifiers, Stage::Answer].map(Stage::slot);
            shares.into_iter().chain((0..2).map(super::ballot::deposit)).collect()
        }
        Protocol::Pairwise(_) => {
            [Stage::Keys, Stage::Shares, Stage::Masked, Stage::Agreed, Stage::Reveal].map(Stage::slot).to_vec()
        }
    }
}
