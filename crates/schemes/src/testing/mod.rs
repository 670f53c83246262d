//! A small world of players in one process: seeded keys, channels in memory, everything recorded.
//!
//! Messages arrive at once, so that no flush is needed; players take turns on one thread, so that a run is the same
//! every time. An interceptor sees every message before it arrives and may change it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all, poll_fn};
use net::{Message, NetError, Player, PlayerId, Scope, Step};

use crate::channel::Channel;
use crate::keys::{Binding, PairSecret, SessionKeys};
use crate::party::{self, Party};

/// A message as the world saw it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it.
    pub from: PlayerId,
    /// Who gets it.
    pub to: PlayerId,
    /// Where in the computation.
    pub step: Step,
    /// Its causal depth.
    pub depth: u32,
    /// What it says.
    pub payload: Bytes,
}

/// What an interceptor does with a message: changes its bytes, or leaves them.
pub type Interceptor = Box<dyn FnMut(&Sent) -> Option<Bytes> + Send>;

#[derive(Default)]
struct Mail {
    boxes: HashMap<(PlayerId, PlayerId, Step), Message>,
    wakers: HashMap<(PlayerId, PlayerId, Step), Waker>,
    sent: Vec<Sent>,
    interceptor: Option<Interceptor>,
}

struct Desk {
    me: PlayerId,
    mail: Arc<Mutex<Mail>>,
}

impl Desk {
    fn mail(&self) -> std::sync::MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel for Desk {
    fn me(&self) -> PlayerId {
        self.me
    }

    fn player(&self, id: PlayerId) -> Player {
        Player { id, name: format!("P{}", id.0).into() }
    }

    fn post(&self, to: PlayerId, step: Step, depth: u32, payload: Bytes) {
        let mut mail = self.mail();
        let mut sent = Sent { from: self.me, to, step, depth, payload };
        if let Some(changed) = mail.interceptor.as_mut().and_then(|f| f(&sent)) {
            sent.payload = changed;
        }
        let key = (self.me, to, step);
        let message = Message { depth, payload: sent.payload.clone() };
        assert!(mail.boxes.insert(key, message).is_none(), "two messages at one address: {sent:?}");
        mail.sent.push(sent);
        if let Some(waker) = mail.wakers.remove(&key) {
            waker.wake();
        }
    }

    fn take(&self, from: PlayerId, step: Step, _most: usize) -> BoxFuture<'_, Result<Message, NetError>> {
        let key = (from, self.me, step);
        Box::pin(poll_fn(move |context| {
            let mut mail = self.mail();
            match mail.boxes.remove(&key) {
                Some(message) => Poll::Ready(Ok(message)),
                None => {
                    mail.wakers.insert(key, context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }
}

/// Players in one process. The first three are the roles of the placement; more may stand outside it.
pub struct World {
    contexts: Vec<Arc<party::Context>>,
    mail: Arc<Mutex<Mail>>,
    roles: Arc<[PlayerId]>,
    seed: u64,
    runs: u64,
}

impl World {
    /// Three players.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self::with_players(seed, 3)
    }

    /// Any number of players, the first three of whom share values.
    #[must_use]
    pub fn with_players(seed: u64, count: u16) -> Self {
        Self::build(seed, count, false)
    }

    /// Three players that are far from each other.
    #[must_use]
    pub fn distant(seed: u64) -> Self {
        Self::build(seed, 3, true)
    }

    fn build(seed: u64, count: u16, distant: bool) -> Self {
        let mail = Arc::<Mutex<Mail>>::default();
        let fresh = |kind: &str, a: u16, b: u16| {
            blake3::derive_key("privity test world", format!("{seed} {kind} {a} {b}").as_bytes())
        };
        let binding = Binding { agreement: [1; 32], session: fresh("session", 0, 0), attempt: 0 };
        let context = |me: u16| {
            let pairs = (0..count).filter(|&peer| peer != me).map(|peer| {
                let (mine, theirs) = (fresh("pair", me, peer), fresh("pair", peer, me));
                let (me, peer) = (PlayerId(me), PlayerId(peer));
                (peer, PairSecret::derive((me, &mine), (peer, &theirs), &binding))
            });
            let keys = SessionKeys::new(PlayerId(me), pairs, &fresh("own", me, me), &binding);
            let desk = Arc::new(Desk { me: PlayerId(me), mail: mail.clone() });
            Arc::new(party::Context::new(desk, keys).inline().distant(distant))
        };
        let contexts = (0..count).map(context).collect();
        Self { contexts, mail, roles: (0..3).map(PlayerId).collect(), seed, runs: 0 }
    }

    /// Lets an interceptor see, and change, every message from now on.
    pub fn intercept(&mut self, f: impl FnMut(&Sent) -> Option<Bytes> + Send + 'static) {
        self.mail().interceptor = Some(Box::new(f));
    }

    /// Runs one operator at all players, in a scope of its own, and returns what each got.
    ///
    /// # Panics
    /// If a player waits for a message that never comes.
    pub fn run<T>(&mut self, f: impl AsyncFn(Party) -> T) -> Vec<T> {
        self.runs += 1;
        let scope = Scope::root(&self.seed.to_le_bytes()).child(self.runs);
        self.mail().sent.clear();
        let _shown = ShowSeed(self.seed);
        let parties = self.contexts.iter().map(|c| f(Party::new(c.clone(), self.roles.clone(), scope, 0)));
        drive(join_all(parties))
    }

    /// As [`run`](Self::run), but a player that waits for what never comes is let go, and counts as ended without a
    /// result.
    pub fn run_until_stuck<T>(&mut self, f: impl AsyncFn(Party) -> T) -> Vec<Option<T>> {
        self.runs += 1;
        let scope = Scope::root(&self.seed.to_le_bytes()).child(self.runs);
        self.mail().sent.clear();
        let parties = self.contexts.iter().map(|c| f(Party::new(c.clone(), self.roles.clone(), scope, 0)));
        let mut parties: Vec<_> = parties.map(Box::pin).collect();
        let mut results: Vec<Option<T>> = parties.iter().map(|_| None).collect();
        let (signal, waker) = unpark();
        while signal.1.swap(false, Ordering::AcqRel) {
            for (party, result) in parties.iter_mut().zip(&mut results).filter(|(_, result)| result.is_none()) {
                if let Poll::Ready(value) = party.as_mut().poll(&mut Context::from_waker(&waker)) {
                    *result = Some(value);
                }
            }
        }
        drop(parties);
        let mut mail = self.mail();
        mail.boxes.clear();
        mail.wakers.clear();
        drop(mail);
        results
    }

    /// The messages of the last run.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.mail().sent.clone()
    }

    /// The greatest causal depth of the last run.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.mail().sent.iter().map(|s| s.depth).max().unwrap_or(0)
    }

    /// Bytes sent by each player in the last run.
    #[must_use]
    pub fn bytes(&self) -> Vec<usize> {
        let mut bytes = vec![0; self.contexts.len()];
        self.mail().sent.iter().for_each(|s| bytes[s.from.index()] += s.payload.len());
        bytes
    }

    /// A player's context.
    #[must_use]
    pub fn context(&self, player: usize) -> &Arc<party::Context> {
        &self.contexts[player]
    }

    fn mail(&self) -> std::sync::MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long all players may wait before they count as stuck.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Wakes a thread, and remembers that it did. Set at first.
struct Unpark(std::thread::Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::Release);
        self.0.unpark();
    }
}

fn unpark() -> (Arc<Unpark>, Waker) {
    let signal = Arc::new(Unpark(std::thread::current(), AtomicBool::new(true)));
    (signal.clone(), Waker::from(signal))
}

/// Runs a future on this thread.
///
/// # Panics
/// If nothing wakes it for a while: then a player waits for a message that nobody sends.
fn drive<T>(future: impl Future<Output = T>) -> T {
    let (signal, waker) = unpark();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        let asleep = Instant::now();
        while !signal.1.swap(false, Ordering::AcqRel) {
            assert!(asleep.elapsed() < STUCK_AFTER, "a player waits for a message that nobody sends");
            std::thread::park_timeout(STUCK_AFTER);
        }
    }
}

/// Prints the world's seed if a test fails inside it.
struct ShowSeed(u64);

impl Drop for ShowSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("World::with_seed({})", self.0);
        }
    }
}
