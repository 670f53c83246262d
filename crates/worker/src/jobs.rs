//! The table of jobs: which sessions wait, run and ended, whose turn it is, and how each can be stopped.
//!
//! Turns go around the submitters, so that nobody's hundred sessions keep another's one waiting, and by each submitter's
//! own order. A session takes a place and the memory that it was predicted to need, both at once, and gives them back
//! at its end. The next in turn is never overtaken because it is large: it would wait for ever.
//!
//! A session needs its turn at all its workers. Clients ask for it at one worker after the other, always in the order
//! of identities, so that no two sessions wait for each other. Of one submitter only some may have their turn here while
//! they wait for it elsewhere, so that whoever never begins does not keep the places of others.

mod entry;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agreement::SessionId;
use net::Identity;
use tokio::sync::{oneshot, watch};

pub(crate) use entry::{About, Entry, State, Why};

use crate::config::JobLimits;
use crate::error::WorkerError;

/// Sessions that are remembered after they ended, for `privity jobs` and `privity logs`.
const REMEMBERED: usize = 1000;

/// The jobs of a worker. Clones share it.
#[derive(Clone)]
pub(crate) struct Jobs {
    table: Arc<Mutex<Table>>,
    limits: JobLimits,
    /// Number of sessions that have not ended.
    open: Arc<watch::Sender<usize>>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<SessionId, Arc<Entry>>,
    /// Ended sessions, the oldest first.
    ended: VecDeque<SessionId>,
    /// Who waits, by submitter, in order.
    queues: BTreeMap<Identity, VecDeque<Waiting>>,
    waiting: usize,
    running: usize,
    memory: u64,
    /// Sessions that have their turn here and wait for other workers, by submitter.
    meeting: HashMap<Identity, usize>,
    /// Whose turn it was last.
    last: Option<Identity>,
    draining: bool,
}

struct Waiting {
    entry: Arc<Entry>,
    memory: u64,
    turn: oneshot::Sender<Slot>,
}

/// A place among those that run. Given back when it is dropped.
pub(crate) struct Slot {
    jobs: Jobs,
    memory: u64,
    submitter: Identity,
    /// Whether the session still waits for its other workers.
    meets: bool,
}

impl Slot {
    /// The session has its turn everywhere, and begins.
    pub(crate) fn went(&mut self) {
        if std::mem::take(&mut self.meets) {
            let mut table = self.jobs.lock();
            table.met(self.submitter);
            self.jobs.dispatch(table);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.jobs.lock();
        table.running -= 1;
        table.memory -= self.memory;
        if self.meets {
            table.met(self.submitter);
        }
        self.jobs.dispatch(table);
    }
}

/// A session that is in the table. It counts as open until this is dropped.
pub(crate) struct Ticket {
    jobs: Jobs,
    pub(crate) entry: Arc<Entry>,
    turn: Option<oneshot::Receiver<Slot>>,
}

impl Ticket {
    /// Resolves when it is this session's turn.
    pub(crate) async fn turn(&mut self) -> Result<Slot, WorkerError> {
        let draining = || WorkerError::Draining;
        self.turn.take().ok_or_else(draining)?.await.map_err(|_| draining())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let id = self.entry.about.session;
        let submitter = self.entry.about.submitter;
        // By now another attempt at the session may have taken its place.
        let ours = |entry: &Arc<Entry>| Arc::ptr_eq(entry, &self.entry);
        let mut table = self.jobs.lock();
        if let Some(queue) = table.queues.get_mut(&submitter) {
            let before = queue.len();
            queue.retain(|w| !ours(&w.entry));
            let gone = before - queue.len();
            if queue.is_empty() {
                table.queues.remove(&submitter);
            }
            table.waiting -= gone;
        }
        if table.entries.get(&id).is_some_and(ours) {
            table.ended.push_back(id);
        }
        while table.ended.len() > REMEMBERED {
            let oldest = table.ended.pop_front();
            oldest.map(|id| table.entries.remove(&id));
        }
        self.jobs.dispatch(table);
        self.jobs.open.send_modify(|open| *open -= 1);
    }
}

/// How busy a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) memory: u64,
    pub(crate) draining: bool,
}

impl Jobs {
    pub(crate) fn new(limits: JobLimits) -> Jobs {
        Jobs { table: Arc::default(), limits, open: Arc::new(watch::Sender::new(0)) }
    }

    /// Puts a session into the table, to wait for its turn.
    ///
    /// # Errors
    /// A session that is known already, more memory than there is, too many that wait, a worker that is being stopped.
    pub(crate) fn enter(&self, about: About) -> Result<Ticket, WorkerError> {
        let (session, submitter, memory) = (about.session, about.submitter, about.memory);
        if memory > self.limits.memory() {
            return Err(WorkerError::TooLarge { needed: memory, budget: self.limits.memory() });
        }
        let mut table = self.lock();
        if table.draining {
            return Err(WorkerError::Draining);
        }
        if table.entries.get(&session).is_some_and(|e| !e.state().is_over()) {
            return Err(WorkerError::Replay { id: session.to_string() });
        }
        // A session that is resumed takes the place of its earlier attempt.
        table.ended.retain(|ended| *ended != session);
        let theirs = table.queues.get(&submitter).map_or(0, VecDeque::len);
        if table.waiting >= self.limits.waiting || theirs >= self.limits.waiting_per_submitter() {
            return Err(WorkerError::Busy { waiting: table.waiting });
        }
        let entry = Arc::new(Entry::new(about));
        table.entries.insert(session, Arc::clone(&entry));
        let (turn, waiting) = oneshot::channel();
        table.queues.entry(submitter).or_default().push_back(Waiting { entry: Arc::clone(&entry), memory, turn });
        table.waiting += 1;
        self.open.send_modify(|open| *open += 1);
        self.dispatch(table);
        Ok(Ticket { jobs: self.clone(), entry, turn: Some(waiting) })
    }

    /// Gives turns for as long as there are places.
    fn dispatch(&self, mut table: MutexGuard<'_, Table>) {
        let mut given = Vec::new();
        while table.running < self.limits.at_once {
            let Some(next) = table.next_submitter(self.limits.meeting_per_submitter()) else { break };
            let fits = |w: &Waiting| w.memory <= self.limits.memory() - table.memory;
            if !table.queues.get(&next).and_then(VecDeque::front).is_some_and(fits) {
                break;
            }
            let Some(waiting) = table.pop(next) else { break };
            table.running += 1;
            table.memory += waiting.memory;
            *table.meeting.entry(next).or_default() += 1;
            given.push((
                waiting.turn,
                Slot { jobs: self.clone(), memory: waiting.memory, submitter: next, meets: true },
            ));
        }
        // A slot that nobody takes any more comes back, which needs the lock.
        drop(table);
        for (turn, slot) in given {
            drop(turn.send(slot));
        }
    }

    /// A session, if this identity may see it.
    pub(crate) fn find(&self, session: SessionId, caller: Option<Identity>) -> Option<Arc<Entry>> {
        let table = self.lock();
        table.entries.get(&session).filter(|e| caller.is_none_or(|c| e.about.submitter == c)).cloned()
    }

    /// All sessions that an identity submitted, or all for `None`; in the order in which they came.
    pub(crate) fn list(&self, caller: Option<Identity>) -> Vec<Arc<Entry>> {
        let table = self.lock();
        let theirs = table.entries.values().filter(|e| caller.is_none_or(|c| e.about.submitter == c));
        let mut all: Vec<_> = theirs.cloned().collect();
        drop(table);
        all.sort_by_key(|e| (e.about.submitted_ms, e.about.session));
        all
    }

    pub(crate) fn load(&self) -> Load {
        let table = self.lock();
        Load { waiting: table.waiting, running: table.running, memory: table.memory, draining: table.draining }
    }

    /// Refuses whatever is new, and ends what waits; running sessions go on for the grace, then are stopped. Returns
    /// when all have ended.
    pub(crate) async fn drain(&self) {
        let queues = {
            let mut table = self.lock();
            table.draining = true;
            table.waiting = 0;
            std::mem::take(&mut table.queues)
        };
        drop(queues);
        let mut open = self.open.subscribe();
        if tokio::time::timeout(self.limits.grace(), open.wait_for(|n| *n == 0)).await.is_err() {
            let entries: Vec<_> = self.lock().entries.values().cloned().collect();
            entries.iter().for_each(|e| e.stop(Why::Drained));
            // The sender lives as long as `self`.
            let _ = open.wait_for(|n| *n == 0).await;
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The submitter after the one whose turn it was last, of those with fewer sessions than `most` that have their turn
    /// here and none elsewhere yet: whoever never begins what he asks for holds no more than that.
    fn next_submitter(&self, most: usize) -> Option<Identity> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let after = self.last.map_or(Unbounded, Excluded);
        let until = self.last.map_or(Unbounded, Included);
        let around = self.queues.range((after, Unbounded)).chain(self.queues.range((Unbounded, until)));
        let may = |identity: &&Identity| self.meeting.get(identity).is_none_or(|n| *n < most);
        around.map(|(identity, _)| identity).find(may).copied()
    }

    /// A session of a submitter does not wait for other workers any more.
    fn met(&mut self, submitter: Identity) {
        if let Some(count) = self.meeting.get_mut(&submitter) {
            *count -= 1;
            if *count == 0 {
                self.meeting.remove(&submitter);
            }
        }
    }

    fn pop(&mut self, submitter: Identity) -> Option<Waiting> {
        let queue = self.queues.get_mut(&submitter)?;
        let waiting = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&submitter);
        }
        self.waiting -= 1;
        self.last = Some(submitter);
        Some(waiting)
    }
}

#[cfg(test)]
mod tests;
