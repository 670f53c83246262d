//! The two tasks of each link: one writes what is flushed, one sorts what arrives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::inbox::Fault;
use super::outbox::Post;
use super::{Peer, Shared};
use crate::error::NetError;
use crate::frame::{Abort, Frame, Part};
use crate::link::{CHUNK, Link, LinkError, LinkReceive, LinkSend, receive_within};
use crate::player::{Player, PlayerId};
use crate::step::Step;

/// Bytes after whose arrival the peer is told at once rather than with the next heartbeat, so that a
/// link which keeps frames for re-sending can let go of them.
const ACKNOWLEDGE: usize = 4 << 20;
/// No message depends on more than this many others, one after the other. Who says so counts on our adding to it.
const DEEPEST: u32 = 1 << 30;

/// Pieces of large messages that go into one write before others get a turn.
const PIECES_PER_WRITE: usize = 2;

/// Bytes of small messages in one write, beyond which heartbeats get a turn.
const SMALL_PER_WRITE: usize = 8 << 20;

/// How long a writer whose link failed leaves it to the reader to say why: what the peer said last
/// tells more than a broken pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the two tasks of a link tell each other: frame numbers, in both directions, and the end.
#[derive(Default)]
struct Numbers {
    /// Frames numbered and handed to the link.
    sent: AtomicU64,
    /// Of those, frames that the peer is known to have.
    acknowledged: AtomicU64,
    /// Frames that arrived.
    received: AtomicU64,
    /// Nothing more can arrive.
    hung_up: AtomicBool,
    /// Notified when `hung_up` is set.
    hanging_up: Notify,
}

pub(super) fn spawn(shared: &Arc<Shared>, id: PlayerId, link: Link) -> [JoinHandle<()>; 2] {
    let numbers = Arc::new(Numbers::default());
    let writer = Writer { shared: Arc::clone(shared), id, numbers: Arc::clone(&numbers), sender: link.sender };
    let reader = Reader { shared: Arc::clone(shared), id, numbers, receiver: link.receiver, unacknowledged: 0 };
    [tokio::spawn(writer.run()), tokio::spawn(reader.run())]
}

fn peer(shared: &Shared, id: PlayerId) -> &Peer {
    // Tasks are made for the peers that the exchange has.
    shared.peers[id.index()].as_ref().expect("a task has a peer")
}

struct Writer {
    shared: Arc<Shared>,
    id: PlayerId,
    numbers: Arc<Numbers>,
    sender: Box<dyn LinkSend>,
}

impl Writer {
    async fn run(mut self) {
        let outcome = self.write().await;
        let peer = peer(&self.shared, self.id);
        if let Err(reason) = outcome
            && !peer.inbox.has_left()
        {
            let _ = timeout(LAST_WORDS, self.numbers.hanging_up.notified()).await;
            self.shared.fail(NetError::PeerLost { player: peer.player.clone(), reason });
        }
        peer.outbox.finish();
    }

    /// Ends well once the peer has all that there is for it and everything was said.
    async fn write(&mut self) -> Result<(), LinkError> {
        let mut packer = Packer::new(self.sender.chunk());
        let mut last_write = Instant::now();
        let mut said_goodbye = false;
        loop {
            let shared = Arc::clone(&self.shared);
            let peer = peer(&shared, self.id);
            let mut heartbeat = false;
            if packer.is_empty() {
                tokio::select! {
                    biased;
                    () = peer.outbox.woken() => {}
                    () = sleep_until(last_write + shared.options.heartbeat) => heartbeat = true,
                }
            }
            let work = peer.outbox.work();
            if let Some(abort) = work.abort {
                self.send(vec![Frame::Abort(abort)]).await?;
                return self.sender.close().await;
            }
            packer.take(work.posts);
            let mut frames = Vec::new();
            if heartbeat || work.acknowledge {
                frames.push(Frame::Heartbeat {
                    received: self.numbers.received.load(Acquire),
                    taken: peer.window.tell(&peer.inbox),
                });
            }
            packer.fill(&self.numbers.sent, &mut frames);
            if work.closing && packer.is_empty() && !said_goodbye {
                said_goodbye = true;
                frames.push(Frame::Goodbye { number: self.numbers.sent.fetch_add(1, Release) });
            }
            if !frames.is_empty() {
                self.send(frames).await?;
                last_write = Instant::now();
            }
            let has_all = self.numbers.acknowledged.load(Acquire) == self.numbers.sent.load(Acquire);
            if said_goodbye && (has_all || self.numbers.hung_up.load(Acquire)) {
                // Goes on: the peer may still be working, and expects heartbeats until we hang up.
                peer.outbox.finish();
            }
        }
    }

    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        let bytes = frames.iter().map(Frame::encoded_len).sum();
        let with_messages = frames.iter().any(|frame| matches!(frame, Frame::Data { .. }));
        // Counted first: whoever knows that a message arrived finds it counted.
        peer(&self.shared, self.id).tally.wrote(bytes, with_messages);
        self.sender.send(frames).await?;
        peer(&self.shared, self.id).progress.fetch_add(u64::from(with_messages), Relaxed);
        Ok(())
    }
}

/// Puts messages into frames: small ones together, large ones in pieces that take turns.
struct Packer {
    chunk: usize,
    small: VecDeque<Part>,
    large: VecDeque<(Post, usize)>,
}

impl Packer {
    fn new(chunk: usize) -> Self {
        Packer { chunk, small: VecDeque::new(), large: VecDeque::new() }
    }

    fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    fn take(&mut self, posts: Vec<Post>) {
        for post in posts {
            if post.payload.len() > self.chunk {
                self.large.push_back((post, 0));
            } else {
                let total = post.payload.len() as u64;
                self.small.push_back(Part {
                    step: post.step,
                    depth: post.depth,
                    total,
                    offset: 0,
                    payload: post.payload,
                });
            }
        }
    }

    /// The frames of the next write: small messages, and some pieces of large ones.
    fn fill(&mut self, numbers: &AtomicU64, frames: &mut Vec<Frame>) {
        let mut data = |parts| frames.push(Frame::Data { number: numbers.fetch_add(1, Release), parts });
        let (mut parts, mut bytes, mut written) = (Vec::new(), 0, 0);
        // Where nothing is cut, nothing needs to be shared out either.
        let most = SMALL_PER_WRITE.max(self.chunk);
        while written < most
            && let Some(part) = self.small.pop_front()
        {
            let length = crate::frame::part_len(&part);
            if !parts.is_empty() && bytes + length > self.chunk.saturating_add(CHUNK) {
                data(std::mem::take(&mut parts));
                bytes = 0;
            }
            bytes += length;
            written += length;
            parts.push(part);
        }
        if !parts.is_empty() {
            data(parts);
        }
        for _ in 0..PIECES_PER_WRITE {
            let Some((post, offset)) = self.large.pop_front() else { return };
            let end = post.payload.len().min(offset + self.chunk);
            let (total, payload) = (post.payload.len() as u64, post.payload.slice(offset..end));
            data(vec![Part { step: post.step, depth: post.depth, total, offset: offset as u64, payload }]);
            if end < post.payload.len() {
                self.large.push_back((post, end));
            }
        }
    }
}

struct Reader {
    shared: Arc<Shared>,
    id: PlayerId,
    numbers: Arc<Numbers>,
    receiver: Box<dyn LinkReceive>,
    unacknowledged: usize,
}

impl Reader {
    async fn run(mut self) {
        if let Err(error) = self.read().await {
            self.shared.fail(error);
        }
        self.numbers.hung_up.store(true, Release);
        self.numbers.hanging_up.notify_one();
        self.peer().outbox.nudge();
    }

    async fn read(&mut self) -> Result<(), NetError> {
        while let Some(frame) = self.next().await? {
            // When the session has failed, the rest is read and dropped: hanging up at once would
            // break the peer's writes before it reads why.
            if self.shared.failure.get().is_none()
                && let Err(error) = self.sort(frame)
            {
                self.shared.fail(error);
            }
        }
        Ok(())
    }

    /// The next frame, or `None` when the peer hung up after its farewell.
    async fn next(&mut self) -> Result<Option<Frame>, NetError> {
        let received = match self.shared.options.deadline {
            None => self.receiver.receive().await,
            Some(deadline) => match receive_within(self.receiver.as_mut(), deadline).await {
                Some(received) => received,
                None => return Err(NetError::PlayerMissing { player: self.player(), waited: deadline }),
            },
        };
        match received {
            Ok(Some(frame)) => Ok(Some(frame)),
            Err(LinkError::Frame(error)) => {
                Err(self.misbehaved(format!("it sent something that is not a frame: {error}")))
            }
            Ok(None) | Err(_) if self.peer().inbox.has_left() => Ok(None),
            Ok(None) => Err(NetError::PeerLost { player: self.player(), reason: LinkError::Closed }),
            Err(reason) => Err(NetError::PeerLost { player: self.player(), reason }),
        }
    }

    fn sort(&mut self, frame: Frame) -> Result<(), NetError> {
        let bytes = frame.encoded_len();
        self.peer().tally.read_frame(bytes);
        if let Some(number) = frame.number() {
            let expected = self.numbers.received.load(Acquire);
            if number < expected {
                return Ok(()); // Sent again after a reconnection; we have it.
            }
            if number > expected {
                return Err(self.misbehaved(format!("frame {number} came where {expected} was due")));
            }
            if self.peer().inbox.has_left() {
                return Err(self.misbehaved("it spoke after its farewell".into()));
            }
            self.numbers.received.store(expected + 1, Release);
            self.unacknowledged += bytes;
        }
        match frame {
            Frame::Data { parts, .. } => parts.into_iter().try_for_each(|part| self.deliver(part))?,
            Frame::Heartbeat { received, taken } => {
                self.acknowledged(received)?;
                self.caught_up(taken)?;
            }
            Frame::Goodbye { .. } => self.goodbye()?,
            Frame::Abort(abort) => return Err(self.aborted(abort)),
            Frame::Hello(_) => return Err(self.misbehaved("it greeted twice".into())),
        }
        if self.unacknowledged >= ACKNOWLEDGE {
            self.acknowledge();
        }
        Ok(())
    }

    fn deliver(&self, part: Part) -> Result<(), NetError> {
        let step = part.step;
        if part.depth > DEEPEST {
            return Err(self.misbehaved("a message says that it depends on more messages than there can be".into()));
        }
        // Counted first: whoever has taken a message finds it counted.
        if part.is_last() {
            self.peer().tally.received(part.total, part.depth);
        }
        let peer = self.peer();
        peer.inbox.deliver(part).map_err(|fault| self.fault(fault, step))?;
        peer.taken(&self.shared.options);
        Ok(())
    }

    fn fault(&self, fault: Fault, step: Step) -> NetError {
        let player = self.player();
        match fault {
            Fault::Duplicate => NetError::DuplicateMessage { player, step },
            Fault::Flooding => NetError::PeerFlooding { player, limit: self.peer().inbox.limit() },
            Fault::Rule(what) => NetError::PeerMisbehaved { player, what: what.into() },
        }
    }

    fn acknowledged(&self, received: u64) -> Result<(), NetError> {
        if received > self.numbers.sent.load(Acquire) {
            return Err(self.misbehaved("it acknowledged a frame that was never sent".into()));
        }
        if self.numbers.acknowledged.fetch_max(received, Release) < received {
            self.peer().progress.fetch_add(1, Relaxed);
        }
        self.peer().outbox.nudge();
        Ok(())
    }

    /// The peer's computation has taken so many bytes of ours.
    fn caught_up(&self, taken: u64) -> Result<(), NetError> {
        let peer = self.peer();
        if taken > peer.tally.posted() {
            return Err(self.misbehaved("it took more than was ever sent".into()));
        }
        if peer.window.hear(taken) {
            self.shared.room.notify_waiters();
        }
        Ok(())
    }

    fn goodbye(&mut self) -> Result<(), NetError> {
        let missed = self.peer().inbox.leave();
        self.acknowledge();
        if missed { Err(NetError::PeerLeft { player: self.player() }) } else { Ok(()) }
    }

    fn acknowledge(&mut self) {
        self.unacknowledged = 0;
        self.peer().outbox.acknowledge();
    }

    fn aborted(&self, abort: Abort) -> NetError {
        let culprit = abort.culprit.and_then(|id| self.shared.players.get(id.index())).cloned();
        NetError::PeerAborted { player: self.player(), reason: abort.code, culprit }
    }

    fn misbehaved(&self, what: String) -> NetError {
        NetError::PeerMisbehaved { player: self.player(), what }
    }

    fn player(&self) -> Player {
        self.peer().player.clone()
    }

    fn peer(&self) -> &Peer {
        peer(&self.shared, self.id)
    }
}
