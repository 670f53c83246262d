//! A board in memory: for tests, and for rounds that may be lost.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secagg::Identity;

use super::{Board, Phase, Posted, RoundId, SERVICE, Slot, Status, Step, digest};
use crate::error::Error;

/// See the module.
#[derive(Default)]
pub struct InMemory(Mutex<State>);

#[derive(Default)]
struct State {
    rounds: BTreeMap<RoundId, Status>,
    messages: BTreeMap<(RoundId, Slot, Identity), Message>,
    counts: BTreeMap<(RoundId, Slot), u64>,
    leases: BTreeMap<RoundId, (u64, u64)>,
}

struct Message {
    digest: [u8; 32],
    /// `None` once it was erased.
    content: Option<Vec<u8>>,
}

impl InMemory {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(&self, id: RoundId, slot: Slot, after: Option<Identity>) -> impl Iterator<Item = (Identity, &Message)> {
        let from = match after {
            Some(after) => Bound::Excluded((id, slot, after)),
            None => Bound::Included((id, slot, Identity([0; 32]))),
        };
        let to = Bound::Included((id, slot, Identity([0xff; 32])));
        self.messages.range((from, to)).map(|((_, _, from), message)| (*from, message))
    }

    fn put(&mut self, id: RoundId, slot: Slot, from: Identity, content: &[u8]) {
        let message = Message { digest: digest(content), content: Some(content.to_vec()) };
        if self.messages.insert((id, slot, from), message).is_none() {
            *self.counts.entry((id, slot)).or_default() += 1;
        }
    }
}

#[async_trait]
impl Board for InMemory {
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error> {
        let fresh = Status { phase, since_ms: now_ms, seed, reason: String::new() };
        Ok(self.lock().rounds.entry(id).or_insert(fresh).clone())
    }

    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error> {
        let (first, last) = (RoundId { task, round: 0 }, RoundId { task, round: u64::MAX });
        Ok(self.lock().rounds.range(first..=last).next_back().map(|(id, _)| id.round))
    }

    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error> {
        Ok(self.lock().rounds.get(&id).cloned())
    }

    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error> {
        let mut state = self.lock();
        let Some((slot, first)) = messages.first() else { return Ok(Posted::Repeated) };
        if let Some(known) = state.messages.get(&(id, *slot, from)) {
            return Ok(if known.digest == digest(first) { Posted::Repeated } else { Posted::Different });
        }
        match state.rounds.get(&id) {
            None => return Err(Error::Unknown { what: "round" }),
            Some(status) if status.phase != phase => return Ok(Posted::Closed(status.phase)),
            Some(_) => {}
        }
        messages.iter().for_each(|(slot, content)| state.put(id, *slot, from, content));
        Ok(Posted::New)
    }

    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lock().messages.get(&(id, slot, from)).and_then(|message| message.content.clone()))
    }

    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let state = self.lock();
        let (mut page, mut bytes) = (vec![], 0);
        for (from, message) in state.of(id, slot, after) {
            let Some(content) = &message.content else { continue };
            bytes += content.len();
            if bytes > most && !page.is_empty() {
                break;
            }
            page.push((from, content.clone()));
        }
        Ok(page)
    }

    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error> {
        Ok(self.lock().of(id, slot, None).map(|(from, _)| from).collect())
    }

    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error> {
        Ok(self.lock().counts.get(&(id, slot)).copied().unwrap_or_default())
    }

    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error> {
        let mut state = self.lock();
        match state.rounds.get_mut(&id) {
            Some(status) if status.phase == step.from => {
                status.phase = step.to;
                status.since_ms = step.now_ms;
                status.reason = step.reason.to_owned();
            }
            _ => return Ok(false),
        }
        if let Some((slot, document)) = &step.document {
            state.put(id, *slot, SERVICE, document);
        }
        for slot in step.erase {
            let range = (id, *slot, Identity([0; 32]))..=(id, *slot, Identity([0xff; 32]));
            state.messages.range_mut(range).for_each(|(_, message)| message.content = None);
        }
        Ok(true)
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
