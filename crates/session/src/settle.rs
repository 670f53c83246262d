//! `save` commits everywhere or nowhere: atomic commitment among the players that save, without a coordinator.
//!
//! Two-phase commit with decentralised voting and cooperative termination (Skeen, "Nonblocking commit protocols",
//! SIGMOD 1981, section 3; Bernstein, Hadzilacos and Goodman, "Concurrency Control and Recovery in Database Systems",
//! 1987, sections 7.4 and 7.5). Each player that saves is a participant. It has one durable record of an attempt:
//!
//! | record | goes to | when |
//! |---|---|---|
//! | none | *prepared* | its own part of the session is done and everything that it saves is staged durably |
//! | none | *aborted* | another participant asks ([`answer`]) |
//! | *prepared* | *committed* | it knows of every other participant that it was prepared |
//! | *prepared* | *aborted* | it knows of one that is aborted |
//!
//! Whoever is prepared tells all others ([`Standing::Prepared`]). Whoever is in doubt, after a crash or because
//! nothing comes, asks all others over any transport, as often as it likes. Both are one conversation, [`InDoubt`],
//! since an answer and an unasked message say the same. Messages may be lost, late, repeated and out of order.
//!
//! **Why no two participants decide differently.** The first to commit knew all to be prepared; those who commit
//! later knew that too, or heard it from one who had committed. The first to abort had no record before, and by the
//! table a record that is once *aborted* never becomes *prepared*: so that participant was never prepared, and nobody
//! ever knows it to be. Hence a first commit and a first abort exclude each other. Records are durable before anyone
//! hears of them, so a crash changes nothing of this; what was heard is not durable, and is asked for again.
//!
//! **Who waits.** One that is prepared cannot decide alone. It stays in doubt until it hears of an abort, of a commit,
//! or of all others; a participant that is never again reachable leaves it there, and the names that it saves stay
//! busy. That is the price of atomic commitment in every protocol with crashes and lost messages.
//!
//! **Against liars.** A participant that lies can make others decide differently. They then hold parts with different
//! [handles](crate::StoredMeta::handle), which a later `load` refuses: a lie costs the value, and reveals nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a participant's durable record says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its values are staged; it does not know the decision.
    Prepared,
    /// Its values are saved.
    Committed,
    /// Its values will never be saved.
    Aborted,
}

/// How an attempt ends for all participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Everything is saved.
    Commit,
    /// Nothing is.
    Abort,
}

impl From<Decision> for Standing {
    fn from(decision: Decision) -> Standing {
        match decision {
            Decision::Commit => Standing::Committed,
            Decision::Abort => Standing::Aborted,
        }
    }
}

impl Standing {
    /// As a message.
    pub fn to_byte(self) -> u8 {
        self as u8
    }

    /// From a message.
    pub fn from_byte(byte: u8) -> Option<Standing> {
        [Standing::Prepared, Standing::Committed, Standing::Aborted].into_iter().find(|s| s.to_byte() == byte)
    }
}

/// The record of a participant that is asked, which it must make durable before it answers with it.
#[must_use]
pub fn answer(record: Option<Standing>) -> Standing {
    record.unwrap_or(Standing::Aborted)
}

/// A participant that is prepared and does not know the decision. Made anew after a crash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InDoubt<P: Ord> {
    /// All other participants, and whether each is known to be prepared.
    partners: BTreeMap<P, bool>,
}

/// What follows from what was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<P: Ord> {
    /// Others have still to be heard.
    Waiting(InDoubt<P>),
    /// The decision, to be made durable.
    Decided(Decision),
}

impl<P: Ord> InDoubt<P> {
    /// Our own record says *prepared*; `partners` are all other participants.
    #[must_use]
    pub fn prepared(partners: impl IntoIterator<Item = P>) -> Next<P> {
        InDoubt { partners: partners.into_iter().map(|p| (p, false)).collect() }.next()
    }

    /// A partner told where it stands, asked or unasked. One who is no partner has no say.
    #[must_use]
    pub fn hear(mut self, from: &P, standing: Standing) -> Next<P> {
        let Some(known) = self.partners.get_mut(from) else { return Next::Waiting(self) };
        match standing {
            Standing::Committed => Next::Decided(Decision::Commit),
            Standing::Aborted => Next::Decided(Decision::Abort),
            Standing::Prepared => {
                *known = true;
                self.next()
            }
        }
    }

    /// Those who have still to be heard, or asked.
    pub fn unheard(&self) -> impl Iterator<Item = &P> {
        self.partners.iter().filter(|(_, known)| !**known).map(|(partner, _)| partner)
    }

    fn next(self) -> Next<P> {
        if self.partners.values().all(|known| *known) { Next::Decided(Decision::Commit) } else { Next::Waiting(self) }
    }
}
