//! The rules of a board for one round, over contents of any kind: a message is taken once and only in its phase, and a round
//! leaves a phase once.

use std::collections::BTreeMap;
use std::ops::Bound;

use secagg::Identity;

use super::{Phase, Posted, SERVICE, Slot, Status};

/// One round. `C` is a content, or says where it is.
pub(crate) struct State<C> {
    pub(crate) status: Status,
    messages: BTreeMap<(Slot, Identity), Message<C>>,
    counts: BTreeMap<Slot, u64>,
}

/// A message under its slot.
pub(crate) struct Message<C> {
    pub(crate) digest: [u8; 32],
    /// `None` once it was erased.
    pub(crate) content: Option<C>,
}

/// A change of phase, as [`super::Step`].
pub(crate) struct Change<C> {
    pub(crate) from: Phase,
    pub(crate) to: Phase,
    pub(crate) now_ms: u64,
    pub(crate) reason: String,
    pub(crate) document: Option<(Slot, Message<C>)>,
    pub(crate) erase: Vec<Slot>,
}

impl<C> Message<C> {
    pub(crate) fn new(digest: [u8; 32], content: C) -> Self {
        Self { digest, content: Some(content) }
    }
}

impl<C> State<C> {
    pub(crate) fn open(phase: Phase, seed: [u8; 32], now_ms: u64) -> Self {
        let status = Status { phase, since_ms: now_ms, seed, reason: String::new() };
        Self { status, messages: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// What would become of a message that cannot be taken, by the digest of its content.
    pub(crate) fn refuses(&self, phase: Phase, slot: Slot, from: Identity, digest: &[u8; 32]) -> Option<Posted> {
        match self.messages.get(&(slot, from)) {
            Some(known) if known.digest == *digest => Some(Posted::Repeated),
            Some(_) => Some(Posted::Different),
            None if self.status.phase != phase => Some(Posted::Closed(self.status.phase)),
            None => None,
        }
    }

    /// Takes messages of one identity, all or none; the first one decides.
    pub(crate) fn post(&mut self, phase: Phase, from: Identity, messages: Vec<(Slot, Message<C>)>) -> Posted {
        let Some((slot, first)) = messages.first() else { return Posted::Repeated };
        if let Some(refused) = self.refuses(phase, *slot, from, &first.digest) {
            return refused;
        }
        messages.into_iter().for_each(|(slot, message)| self.put(slot, from, message));
        Posted::New
    }

    /// Ends a phase; `false` if the round is not in it.
    pub(crate) fn advance(&mut self, change: Change<C>) -> bool {
        let Change { from, to, now_ms, reason, document, erase } = change;
        if self.status.phase != from {
            return false;
        }
        self.status = Status { phase: to, since_ms: now_ms, seed: self.status.seed, reason };
        if let Some((slot, document)) = document {
            self.put(slot, SERVICE, document);
        }
        for slot in erase {
            self.messages.range_mut(whole(slot)).for_each(|(_, message)| message.content = None);
        }
        true
    }

    pub(crate) fn get(&self, slot: Slot, from: Identity) -> Option<&C> {
        self.messages.get(&(slot, from))?.content.as_ref()
    }

    /// Messages under a slot, of identities after `after`, ascending, erased ones too.
    pub(crate) fn of(&self, slot: Slot, after: Option<Identity>) -> impl Iterator<Item = (Identity, &Message<C>)> {
        let from = match after {
            Some(after) => Bound::Excluded((slot, after)),
            None => Bound::Included((slot, Identity([0; 32]))),
        };
        let to = Bound::Included((slot, Identity([0xff; 32])));
        self.messages.range((from, to)).map(|((_, from), message)| (*from, message))
    }

    /// What a page holds: the contents that fit `most` bytes, at least one if there is one.
    pub(crate) fn page(
        &self,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
        length: impl Fn(&C) -> usize,
    ) -> impl Iterator<Item = (Identity, &C)> {
        let contents = self.of(slot, after).filter_map(|(from, message)| Some((from, message.content.as_ref()?)));
        contents.scan(0_usize, move |bytes, (from, content)| {
            let first = *bytes == 0;
            *bytes += length(content).max(1);
            (first || *bytes <= most).then_some((from, content))
        })
    }

    pub(crate) fn count(&self, slot: Slot) -> u64 {
        self.counts.get(&slot).copied().unwrap_or_default()
    }

    fn put(&mut self, slot: Slot, from: Identity, message: Message<C>) {
        if self.messages.insert((slot, from), message).is_none() {
            *self.counts.entry(slot).or_default() += 1;
        }
    }
}

fn whole(slot: Slot) -> std::ops::RangeInclusive<(Slot, Identity)> {
    (slot, Identity([0; 32]))..=(slot, Identity([0xff; 32]))
}
