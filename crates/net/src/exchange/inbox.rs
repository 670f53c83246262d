//! What arrived from one peer, and who waits for what.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::oneshot;

use super::Message;
use super::ahead::{Ahead, Loan};
use crate::error::NetError;
use crate::frame::Part;
use crate::step::Step;

/// Charged for each message that waits, above its content, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// How many addresses of taken messages are remembered. A second message to an older address is
/// never taken by anyone; it only counts as buffered.
const REMEMBERED: usize = 1 << 10;

/// Reserved at once for an awaited message that arrives in pieces; for others memory grows as they come, since the
/// announced total is only the peer's word.
const RESERVE: usize = 8 << 20;

pub(super) struct Inbox {
    limit: usize,
    /// Bytes of the messages that were taken so far.
    taken: AtomicU64,
    state: Mutex<State>,
}

struct State {
    arrived: HashMap<Step, Message>,
    partial: HashMap<Step, Partial>,
    waiting: HashMap<Step, Waiter>,
    taken: HashSet<Step>,
    taken_order: VecDeque<Step>,
    buffered: usize,
    /// What of that comes out of the room that sessions share.
    loan: Loan,
    left: bool,
}

struct Partial {
    depth: u32,
    total: u64,
    content: Vec<u8>,
    /// What of it counts as buffered.
    charged: usize,
}

/// Someone who waits for a message of at most so many bytes.
struct Waiter {
    most: usize,
    sender: oneshot::Sender<Result<Message, NetError>>,
}

/// What a reader finds.
pub(super) enum Claim {
    Here(Message),
    Wait(oneshot::Receiver<Result<Message, NetError>>),
    Failed(NetError),
    Left,
    Twice,
}

/// How a peer broke the rules.
pub(super) enum Fault {
    Duplicate,
    Flooding,
    Rule(&'static str),
}

impl Inbox {
    pub(super) fn new(limit: usize, ahead: Option<Ahead>) -> Self {
        let state = State {
            arrived: HashMap::new(),
            partial: HashMap::new(),
            waiting: HashMap::new(),
            taken: HashSet::new(),
            taken_order: VecDeque::new(),
            buffered: 0,
            loan: Loan::new(ahead),
            left: false,
        };
        Inbox { limit, taken: AtomicU64::new(0), state: Mutex::new(state) }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The failure is looked at under the lock: whoever fails the session sets it before coming here
    /// to wake the waiting, so nobody can begin to wait unseen.
    pub(super) fn claim(&self, step: Step, most: usize, failure: &OnceLock<NetError>) -> Claim {
        let mut state = self.lock();
        if let Some(message) = state.arrived.remove(&step) {
            state.release(message.payload.len() + OVERHEAD);
            state.remember(step);
            self.taken.fetch_add(message.payload.len() as u64, Relaxed);
            return Claim::Here(message);
        }
        if let Some(error) = failure.get() {
            return Claim::Failed(error.clone());
        }
        if state.left {
            return Claim::Left;
        }
        let waits = state.waiting.get(&step).is_some_and(|waiter| !waiter.sender.is_closed());
        if waits || state.taken.contains(&step) {
            return Claim::Twice;
        }
        let (sender, waiting) = oneshot::channel();
        state.waiting.insert(step, Waiter { most, sender });
        // What is being waited for is no longer ahead of need.
        let charged = state.partial.get_mut(&step).map_or(0, |partial| std::mem::take(&mut partial.charged));
        state.release(charged);
        Claim::Wait(waiting)
    }

    /// Takes in a message or a piece of one.
    pub(super) fn deliver(&self, part: Part) -> Result<(), Fault> {
        let mut state = self.lock();
        let step = part.step;
        if part.is_whole() {
            if state.partial.contains_key(&step) {
                return Err(Fault::Duplicate);
            }
            let message = Message { depth: part.depth, payload: part.payload };
            return self.complete(&mut state, step, message, 0);
        }
        let awaited = state.waiting.get(&step).map(|waiter| waiter.most);
        if awaited.is_some_and(|most| part.total > most as u64) {
            return Err(Fault::Rule("a message is larger than what was due"));
        }
        if part.offset == 0 {
            state.begin(&part, awaited.is_some())?;
        }
        let overhead = if part.offset == 0 { OVERHEAD } else { 0 };
        let charge = if awaited.is_some() { 0 } else { part.payload.len() + overhead };
        state.charge(charge, self.limit)?;
        let partial = state.partial.get_mut(&step).ok_or(Fault::Rule("a message began in its middle"))?;
        if partial.content.len() as u64 != part.offset || partial.total != part.total || partial.depth != part.depth {
            return Err(Fault::Rule("the pieces of a message do not fit together"));
        }
        partial.content.extend_from_slice(&part.payload);
        partial.charged += charge;
        if (partial.content.len() as u64) < partial.total {
            return Ok(());
        }
        let Some(whole) = state.partial.remove(&step) else { return Ok(()) };
        let message = Message { depth: whole.depth, payload: whole.content.into() };
        self.complete(&mut state, step, message, whole.charged)
    }

    /// A message is whole; `charged` bytes of it already count as buffered.
    fn complete(&self, state: &mut State, step: Step, message: Message, charged: usize) -> Result<(), Fault> {
        let bytes = message.payload.len();
        if state.complete(step, message, self.limit, charged)? {
            self.taken.fetch_add(bytes as u64, Relaxed);
        }
        Ok(())
    }

    /// The peer has sent its last message. Says whether someone waits for one that cannot come.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.lock();
        state.left = true;
        state.waiting.values().any(|waiter| !waiter.sender.is_closed())
    }

    pub(super) fn has_left(&self) -> bool {
        self.lock().left
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.values().filter(|waiter| !waiter.sender.is_closed()).count()
    }

    /// Wakes everyone who waits, with the failure; in an order that a simulation can replay.
    pub(super) fn fail(&self, error: &NetError) {
        let mut waiting: Vec<_> = self.lock().waiting.drain().collect();
        waiting.sort_by_key(|(step, _)| *step);
        for (_, waiter) in waiting {
            // One who no longer waits needs no error.
            let _ = waiter.sender.send(Err(error.clone()));
        }
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, part: &Part, awaited: bool) -> Result<(), Fault> {
        if self.is_known(part.step) || self.partial.contains_key(&part.step) {
            return Err(Fault::Duplicate);
        }
        let whole = usize::try_from(part.total).unwrap_or(RESERVE).min(RESERVE);
        let reserve = if awaited { whole } else { part.payload.len() };
        let content = Vec::with_capacity(reserve);
        let partial = Partial { depth: part.depth, total: part.total, content, charged: 0 };
        self.partial.insert(part.step, partial);
        Ok(())
    }

    /// Says whether someone waited for the message, and has it now.
    fn complete(&mut self, step: Step, message: Message, limit: usize, charged: usize) -> Result<bool, Fault> {
        if self.is_known(step) {
            return Err(Fault::Duplicate);
        }
        let unclaimed = match self.waiting.remove(&step) {
            Some(waiter) => waiter.sender.send(Ok(message)).err().and_then(Result::ok),
            None => Some(message),
        };
        match unclaimed {
            None => {
                self.release(charged);
                self.remember(step);
                Ok(true)
            }
            Some(message) => {
                self.charge(message.payload.len() + OVERHEAD - charged, limit)?;
                self.arrived.insert(step, message);
                Ok(false)
            }
        }
    }

    fn charge(&mut self, bytes: usize, limit: usize) -> Result<(), Fault> {
        if bytes > limit - self.buffered.min(limit) || !self.loan.settle(self.buffered + bytes) {
            return Err(Fault::Flooding);
        }
        self.buffered += bytes;
        Ok(())
    }

    fn release(&mut self, bytes: usize) {
        self.buffered -= bytes;
        // To take less is never refused.
        self.loan.settle(self.buffered);
    }

    fn is_known(&self, step: Step) -> bool {
        self.arrived.contains_key(&step) || self.taken.contains(&step)
    }

    fn remember(&mut self, step: Step) {
        if self.taken_order.len() == REMEMBERED
            && let Some(oldest) = self.taken_order.pop_front()
        {
            self.taken.remove(&oldest);
        }
        self.taken.insert(step);
        self.taken_order.push_back(step);
    }
}
