//! One player's message board of one session, over one link per peer.
//!
//! Sending is synchronous and never blocks: [`Exchange::post`] queues, [`Exchange::flush`] lets what
//! is queued for a peer leave as one write. Receiving is asynchronous and by address, so messages may
//! arrive in any order and players may run ahead of each other. The first failure ends the session:
//! it wakes everyone who waits, and is passed on to the other players.

mod ahead;
mod counters;
mod inbox;
mod outbox;
mod tasks;
mod window;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::NetError;
use crate::frame::Abort;
use crate::link::Link;
use crate::player::{Player, PlayerId};
use crate::step::Step;

pub use ahead::{Ahead, Pool};
pub use counters::Counters;
use counters::Tally;
use inbox::{Claim, Inbox};
use outbox::Outbox;
use window::Window;

/// The most bytes of a message of which nobody says how long it is.
const SMALL: usize = 1 << 20;

/// How long an abort may take to reach the peers.
const TELLING_TIME: Duration = Duration::from_secs(2);

/// Limits and times of an exchange.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a link may be idle before a heartbeat goes over it.
    pub heartbeat: Duration,
    /// How long nothing at all may be heard from a peer before it counts as missing. `None` where a
    /// peer cannot vanish without its link ending, as inside one process.
    pub deadline: Option<Duration>,
    /// How long to wait for one message of a peer that is alive. `None`: for ever, since an honest
    /// peer may compute for hours.
    pub patience: Option<Duration>,
    /// Bytes queued for a peer from which on they leave without a flush, so that sending overlaps
    /// computing.
    pub threshold: usize,
    /// Bytes that may have arrived from one peer before the computation asked for them.
    pub buffered: usize,
    /// Bounds what arrives ahead in all sessions that share it. Nothing if there is none.
    pub ahead: Option<Ahead>,
    /// Bytes posted to a peer and not yet taken by its computation, beyond which [`Exchange::room`] waits. Well below
    /// the peer's `buffered`, so that nobody who keeps to it floods anyone.
    pub window: usize,
    /// How long [`Exchange::close`] waits for a peer that takes nothing more of what is left for it.
    pub linger: Duration,
}

impl Default for Options {
    /// Between workers: heartbeats every 5 seconds, missing after 30.
    fn default() -> Self {
        Options {
            heartbeat: Duration::from_secs(5),
            deadline: Some(Duration::from_secs(30)),
            patience: None,
            threshold: 1 << 20,
            buffered: 1 << 30,
            ahead: None,
            window: 64 << 20,
            linger: Duration::from_secs(30),
        }
    }
}

impl Options {
    /// Within one process: long computation in one player must not look like silence to another.
    pub fn in_process() -> Self {
        Options { deadline: None, ..Options::default() }
    }
}

/// A message as its reader gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its causal depth: one more than the deepest message that its content depends on.
    pub depth: u32,
    /// Its content.
    pub payload: Bytes,
}

/// Payloads are secret: only their sizes are shown.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message(depth {}, {} bytes)", self.depth, self.payload.len())
    }
}

/// One player's end of one session. Clones share it; dropping the last one without
/// [`Exchange::close`] looks like a crash to the peers.
#[derive(Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Tasks end one by one, and one that still runs finds links gone that others held. It must not tell the peers
        // that somebody was lost.
        let _ = self.shared.failure.set(NetError::Ended { reason: "net.dropped".into() });
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What the exchange and its tasks share.
struct Shared {
    me: PlayerId,
    players: Vec<Player>,
    peers: Vec<Option<Peer>>,
    options: Options,
    /// Notified when a peer has taken more of ours, and when the session fails.
    room: Notify,
    /// The first failure: the reason for everything after it.
    failure: OnceLock<NetError>,
}

struct Peer {
    player: Player,
    outbox: Outbox,
    inbox: Inbox,
    tally: Tally,
    window: Window,
    /// Grows whenever something of ours leaves or is acknowledged.
    progress: AtomicU64,
}

impl Exchange {
    /// Starts exchanging over the given links, as player `me` of those named. Links must have been
    /// greeted already.
    ///
    /// Spawns two tasks per link: call it inside a tokio runtime. Computing must not hold all of that
    /// runtime's threads for as long as the deadline, or the peers hear no heartbeat.
    pub fn new<N: AsRef<str>>(
        me: PlayerId,
        names: &[N],
        links: Vec<(PlayerId, Link)>,
        options: Options,
    ) -> Result<Exchange, NetError> {
        let players: Vec<Player> =
            (0..).zip(names).map(|(id, name)| Player { id: PlayerId(id), name: name.as_ref().into() }).collect();
        if names.len() > usize::from(u16::MAX) || me.index() >= players.len() {
            return Err(NetError::UnknownPlayer { id: me });
        }
        let mut peers: Vec<Option<Peer>> = players.iter().map(|_| None).collect();
        for (id, _) in &links {
            let player = players.get(id.index()).filter(|_| *id != me).ok_or(NetError::UnknownPlayer { id: *id })?;
            if peers[id.index()].is_some() {
                return Err(NetError::Misuse { what: format!("two links to {player}") });
            }
            peers[id.index()] = Some(Peer {
                player: player.clone(),
                outbox: Outbox::new(options.threshold),
                inbox: Inbox::new(options.buffered, options.ahead.clone()),
                tally: Tally::default(),
                window: Window::default(),
                progress: AtomicU64::new(0),
            });
        }
        let shared = Arc::new(Shared { me, players, peers, options, room: Notify::new(), failure: OnceLock::new() });
        let tasks = links.into_iter().flat_map(|(id, link)| tasks::spawn(&shared, id, link)).collect();
        Ok(Exchange { inner: Arc::new(Inner { shared, tasks }) })
    }

    /// Who we are.
    pub fn me(&self) -> PlayerId {
        self.shared().me
    }

    /// All players of the session, by index.
    pub fn players(&self) -> &[Player] {
        &self.shared().players
    }

    /// Queues a message. `depth` is its causal depth. It leaves with the next flush, or earlier when
    /// much is queued. A message to a player without a link ends the session as misuse.
    pub fn post(&self, to: PlayerId, step: Step, depth: u32, payload: Bytes) {
        match self.shared().peer(to) {
            Ok(peer) => {
                peer.tally.sent(payload.len(), depth);
                peer.outbox.post(outbox::Post { step, depth, payload });
            }
            Err(error) => self.shared().fail(error),
        }
    }

    /// Lets everything that is queued leave, as one write per peer. Never blocks; may be called from
    /// a poll function.
    pub fn flush(&self) {
        for peer in self.shared().peers.iter().flatten() {
            peer.outbox.flush();
        }
    }

    /// The message of `from` at `step`, which is small (1 MiB at most), as soon as it is here. Each address can be taken
    /// once.
    pub async fn take(&self, from: PlayerId, step: Step) -> Result<Message, NetError> {
        self.take_within(from, step, SMALL).await
    }

    /// The same of a message that has at most so many bytes: a peer that announces a longer one while it is awaited has
    /// misbehaved, and takes no more memory than that.
    pub async fn take_within(&self, from: PlayerId, step: Step, most: usize) -> Result<Message, NetError> {
        let shared = self.shared();
        let peer = shared.peer(from)?;
        let waiting = match peer.inbox.claim(step, most, &shared.failure) {
            Claim::Here(message) => {
                peer.taken(&shared.options);
                return Ok(message);
            }
            Claim::Failed(error) => return Err(error),
            Claim::Left => {
                shared.fail(NetError::PeerLeft { player: peer.player.clone() });
                return Err(shared.failure());
            }
            Claim::Twice => {
                return Err(NetError::Misuse { what: format!("message {step} of {} was taken twice", peer.player) });
            }
            Claim::Wait(waiting) => waiting,
        };
        let outcome = match shared.options.patience {
            None => waiting.await,
            Some(patience) => match timeout(patience, waiting).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    shared.fail(NetError::PlayerStalled { player: peer.player.clone(), step, waited: patience });
                    return Err(shared.failure());
                }
            },
        };
        outcome.unwrap_or_else(|_| Err(shared.failure()))
    }

    /// Waits until every peer has taken all but a [window](Options::window) of what was posted to it, or the session has
    /// failed.
    ///
    /// Safe from deadlock for whoever waits here only before work that comes later, in an order that all players share,
    /// than all work for which it has posted messages: what a peer has not taken then belongs to work that it can do
    /// without that of the one who waits.
    pub async fn room(&self) {
        let shared = self.shared();
        loop {
            // Made before looking, so that no change between is missed.
            let changed = shared.room.notified();
            let behind = |peer: &Peer| peer.window.behind(&peer.tally) > shared.options.window as u64;
            if shared.failure.get().is_some() || !shared.peers.iter().flatten().any(behind) {
                return;
            }
            changed.await;
        }
    }

    /// What was sent to and received from a player so far.
    pub fn counters(&self, peer: PlayerId) -> Result<Counters, NetError> {
        self.shared().peer(peer).map(|peer| peer.tally.read())
    }

    /// What was sent to and received from all players so far.
    pub fn total(&self) -> Counters {
        self.shared().peers.iter().flatten().map(|peer| peer.tally.read()).fold(Counters::default(), Counters::plus)
    }

    /// The peers whose messages are being waited for, and how many of each.
    pub fn waiting(&self) -> Vec<(PlayerId, usize)> {
        let peers = self.shared().peers.iter().flatten();
        peers.map(|peer| (peer.player.id, peer.inbox.waiting())).filter(|(_, count)| *count > 0).collect()
    }

    /// The failure that ended the session, if one did.
    pub fn failed(&self) -> Option<NetError> {
        self.shared().failure.get().cloned()
    }

    /// Ends the session for everyone because of an error at this end, with its stable code (never
    /// content) and the player that caused it, if another. Returns when the peers were told, or after
    /// two seconds.
    pub async fn abort(&self, code: &str, culprit: Option<PlayerId>) {
        let shared = self.shared();
        shared.end(NetError::Ended { reason: Abort::new(code, None).code }, Abort::new(code, culprit));
        let told = async {
            for peer in shared.peers.iter().flatten() {
                peer.outbox.finished().await;
            }
        };
        // Whoever cannot be told finds out by the end of its link.
        let _ = timeout(TELLING_TIME, told).await;
    }

    /// Sends what is queued, says goodbye, and waits until the peers have everything, however long
    /// that takes while it goes on. An error says who may not have got everything.
    pub async fn close(&self) -> Result<(), NetError> {
        self.flush();
        for peer in self.shared().peers.iter().flatten() {
            peer.outbox.close();
        }
        for peer in self.shared().peers.iter().flatten() {
            self.settle(peer).await;
        }
        // From here on the session cannot fail any more, whatever happens to links while it is taken down.
        let ended = self.shared().failure.set(NetError::Ended { reason: "net.closed".into() });
        ended.map_err(|_| self.shared().failure())
    }

    /// Waits until the peer has everything, or takes nothing for the linger time.
    async fn settle(&self, peer: &Peer) {
        let waited = self.shared().options.linger;
        loop {
            let before = peer.progress.load(Relaxed);
            if timeout(waited, peer.outbox.finished()).await.is_ok() || peer.inbox.has_left() {
                // One who has said goodbye needs nothing more, whether or not it can still say so.
                return;
            }
            if peer.progress.load(Relaxed) == before {
                return self.shared().fail(NetError::PlayerMissing { player: peer.player.clone(), waited });
            }
        }
    }

    fn shared(&self) -> &Shared {
        &self.inner.shared
    }
}

impl Peer {
    /// The computation took something: says so to the peer now and then, for it may be waiting for [room](Exchange::room).
    fn taken(&self, options: &Options) {
        if self.window.is_due(&self.inbox, options.window as u64) {
            self.outbox.acknowledge();
        }
    }
}

impl Shared {
    fn peer(&self, id: PlayerId) -> Result<&Peer, NetError> {
        self.peers.get(id.index()).and_then(Option::as_ref).ok_or(NetError::UnknownPlayer { id })
    }

    /// Ends the session, telling everyone who waits here, and every peer.
    fn fail(&self, error: NetError) {
        let culprit = error.player().map(|player| player.id);
        let abort = Abort::new(error.code(), culprit);
        self.end(error, abort);
    }

    fn end(&self, error: NetError, abort: Abort) {
        if self.failure.set(error.clone()).is_err() {
            return;
        }
        for peer in self.peers.iter().flatten() {
            peer.inbox.fail(&error);
            peer.outbox.abort(abort.clone());
        }
        self.room.notify_waiters();
    }

    /// The failure, where one is known to exist.
    fn failure(&self) -> NetError {
        self.failure.get().cloned().unwrap_or(NetError::Ended { reason: "net.ended".into() })
    }
}
