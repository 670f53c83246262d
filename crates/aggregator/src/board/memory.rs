//! A board in memory: for tests, and for rounds that may be lost.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secagg::Identity;

use super::state::{Change, Message, State};
use super::{Board, Phase, Posted, RoundId, Slot, Status, Step, digest};
use crate::error::Error;

/// See the module.
#[derive(Default)]
pub struct InMemory(Mutex<Rounds>);

#[derive(Default)]
struct Rounds {
    rounds: BTreeMap<RoundId, State<Vec<u8>>>,
    leases: BTreeMap<RoundId, (u64, u64)>,
}

impl InMemory {
    fn lock(&self) -> MutexGuard<'_, Rounds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn round<T>(&self, id: RoundId, work: impl FnOnce(&mut State<Vec<u8>>) -> T) -> Option<T> {
        self.lock().rounds.get_mut(&id).map(work)
    }
}

fn message(content: Vec<u8>) -> Message<Vec<u8>> {
    Message::new(digest(&content), content)
}

#[async_trait]
impl Board for InMemory {
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error> {
        let mut state = self.lock();
        Ok(state.rounds.entry(id).or_insert_with(|| State::open(phase, seed, now_ms)).status.clone())
    }

    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error> {
        let (first, last) = (RoundId { task, round: 0 }, RoundId { task, round: u64::MAX });
        Ok(self.lock().rounds.range(first..=last).next_back().map(|(id, _)| id.round))
    }

    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error> {
        Ok(self.round(id, |round| round.status.clone()))
    }

    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error> {
        let messages = messages.iter().map(|(slot, content)| (*slot, message(content.clone()))).collect();
        self.round(id, |round| round.post(phase, from, messages)).ok_or(Error::Unknown { what: "round" })
    }

    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.round(id, |round| round.get(slot, from).cloned()).flatten())
    }

    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let page = self.round(id, |round| {
            let page = round.page(slot, after, most, Vec::len);
            page.map(|(from, content)| (from, content.clone())).collect()
        });
        Ok(page.unwrap_or_default())
    }

    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error> {
        Ok(self.round(id, |round| round.of(slot, None).map(|(from, _)| from).collect()).unwrap_or_default())
    }

    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error> {
        Ok(self.round(id, |round| round.count(slot)).unwrap_or_default())
    }

    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error> {
        let Step { from, to, now_ms, reason, document, erase } = step;
        let document = document.map(|(slot, content)| (slot, message(content)));
        let change = Change { from, to, now_ms, reason: reason.to_owned(), document, erase: erase.to_vec() };
        Ok(self.round(id, |round| round.advance(change)).unwrap_or_default())
    }

    async fn lease(&self, id: RoundId, holder: u64, now_ms: u64, until_ms: u64) -> Result<bool, Error> {
        let mut state = self.lock();
        let lease = state.leases.entry(id).or_insert((holder, 0));
        if lease.0 != holder && lease.1 > now_ms {
            return Ok(false);
        }
        *lease = (holder, until_ms);
        Ok(true)
    }
}
