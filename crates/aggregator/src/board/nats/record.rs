//! What stands in the log of a round, and what becomes of it.

use std::collections::BTreeMap;

use secagg::Identity;
use serde::{Deserialize, Serialize};

use crate::board::state::{Change, Message, State};
use crate::board::{Phase, Posted, Slot, Status, Step};
use crate::error::Error;

/// A line of the log. Its place in the stream decides what becomes of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The process that wrote it, as a random number.
    pub(super) writer: u64,
    pub(super) act: Act,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Act {
    Open { phase: u8, seed: [u8; 32], now_ms: u64 },
    Post { phase: u8, from: [u8; 32], messages: Vec<Entry> },
    Advance { from: u8, to: u8, now_ms: u64, reason: String, document: Option<Entry>, erase: Vec<u16> },
}

/// A message whose content stands elsewhere in the stream.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) slot: u16,
    pub(super) digest: [u8; 32],
    pub(super) content: Content,
}

/// Where a content is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// Its bytes.
    pub(super) length: usize,
    /// The places in the stream of its parts, in order.
    pub(super) parts: Vec<u64>,
}

/// What became of a record.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Opened(Status),
    Posted(Posted),
    Advanced(bool),
    /// There is no such round.
    Nowhere,
}

impl Act {
    /// A change of phase, with the document where it stands now.
    pub(super) fn advance(step: &Step<'_>, document: Option<Entry>) -> Act {
        Act::Advance {
            from: step.from.0,
            to: step.to.0,
            now_ms: step.now_ms,
            reason: step.reason.to_owned(),
            document,
            erase: step.erase.iter().map(|slot| slot.0).collect(),
        }
    }
}

impl From<Entry> for (Slot, Message<Content>) {
    fn from(entry: Entry) -> Self {
        (Slot(entry.slot), Message::new(entry.digest, entry.content))
    }
}

/// A round as far as its log was read.
pub(super) struct Round {
    /// The first place in the stream that was not looked at.
    pub(super) next: u64,
    pub(super) state: Option<State<Content>>,
    /// Slots whose contents are to be purged, and up to which place.
    pub(super) erased: Vec<(Slot, u64)>,
    /// What became of our own records, until whoever wrote them has asked.
    own: BTreeMap<u64, Outcome>,
}

impl Default for Round {
    fn default() -> Self {
        Round { next: 1, state: None, erased: Vec::new(), own: BTreeMap::new() }
    }
}

impl Round {
    /// Takes the record at a place in the stream.
    pub(super) fn take(&mut self, place: u64, record: &[u8], me: u64) -> Result<(), Error> {
        let Record { writer, act } = serde_json::from_slice(record)
            .map_err(|e| Error::board(format!("message {place} of the stream is none of ours: {e}")))?;
        let outcome = self.perform(act, place);
        if writer == me {
            self.own.insert(place, outcome);
        }
        self.next = place + 1;
        Ok(())
    }

    fn perform(&mut self, act: Act, place: u64) -> Outcome {
        match (act, &mut self.state) {
            (Act::Open { phase, seed, now_ms }, state) => {
                let state = state.get_or_insert_with(|| State::open(Phase(phase), seed, now_ms));
                Outcome::Opened(state.status.clone())
            }
            (_, None) => Outcome::Nowhere,
            (Act::Post { phase, from, messages }, Some(state)) => {
                let messages = messages.into_iter().map(Into::into).collect();
                Outcome::Posted(state.post(Phase(phase), Identity(from), messages))
            }
            (Act::Advance { from, to, now_ms, reason, document, erase }, Some(state)) => {
                let (from, to, document) = (Phase(from), Phase(to), document.map(Into::into));
                let erase: Vec<Slot> = erase.into_iter().map(Slot).collect();
                let change = Change { from, to, now_ms, reason, document, erase: erase.clone() };
                let done = state.advance(change);
                if done {
                    self.erased.extend(erase.into_iter().map(|slot| (slot, place)));
                }
                Outcome::Advanced(done)
            }
        }
    }

    /// What became of our own record at a place, once.
    pub(super) fn outcome(&mut self, place: u64) -> Option<Outcome> {
        self.own.remove(&place)
    }
}
