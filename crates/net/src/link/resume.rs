//! Links that survive their connection: frames that the peer has not acknowledged are kept, and sent
//! again over the next connection from where it says it stands.
//!
//! A task stands between the two halves of such a link and its connection of the moment. Connections
//! come from a [`Connect`]: a dialler, a switchboard, a simulation. What is kept is bounded: when a
//! peer acknowledges nothing, sending waits.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::{Link, LinkError, LinkReceive, LinkSend};
use crate::error::NetError;
use crate::frame::Frame;
use crate::player::Player;

/// Makes connections to one peer.
#[async_trait]
pub trait Connect: Send {
    /// Whom it connects to.
    fn player(&self) -> &Player;

    /// A greeted connection, and the number of the next frame that the peer expects from us.
    /// `received` is the number of the next frame that we expect from it.
    async fn connect(&mut self, received: u64) -> Result<(Link, u64), NetError>;

    /// When the connection in use may no longer be used, because what its other end proved no longer holds. It is then
    /// given up, and a new one made, before anything else is sent.
    fn expires(&self) -> Option<Instant> {
        None
    }

    /// Resolves when the peer has opened a newer connection than the one in use. Must be cancel-safe.
    async fn superseded(&mut self) {
        std::future::pending().await
    }
}

/// Limits of a resuming link.
#[derive(Clone, Copy, Debug)]
pub struct ResumeOptions {
    /// How long to go on trying to connect at the beginning: the other end may have data to read first, or modules to compile.
    pub opening: Duration,
    /// How long to go on trying to connect after a break.
    pub window: Duration,
    /// A connection on which nothing is heard for so long counts as broken. More than a heartbeat.
    pub quiet: Duration,
    /// Bytes kept for sending again.
    pub retained: usize,
}

impl Default for ResumeOptions {
    fn default() -> Self {
        ResumeOptions {
            opening: Duration::from_secs(30),
            window: Duration::from_secs(10),
            quiet: Duration::from_secs(12),
            retained: 64 << 20,
        }
    }
}

/// The first pause between two attempts; each is twice the one before, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often within the quiet time to look whether something is heard.
const LOOKS: u32 = 4;
/// How long hanging up may take.
const FAREWELL_TIME: Duration = Duration::from_secs(5);
/// Writes that may wait between the halves and the task.
const IN_FLIGHT: usize = 16;

/// Connects, and returns a link that reconnects when its connection breaks.
pub async fn open(mut connect: impl Connect + 'static, options: ResumeOptions) -> Result<Link, NetError> {
    let (link, expected) = try_to_connect(&mut connect, 0, options.opening).await?;
    if expected != 0 {
        let what = "it began a session in its middle".into();
        return Err(NetError::PeerMisbehaved { player: connect.player().clone(), what });
    }
    let (to_task, outgoing) = mpsc::channel(IN_FLIGHT);
    let (inbound, from_task) = mpsc::channel(IN_FLIGHT);
    let keeper = Keeper { state: Mutex::default(), acknowledged: Notify::new(), heard: AtomicU64::new(0), options };
    let keeper = Arc::new(keeper);
    tokio::spawn(run(connect, link, Arc::clone(&keeper), outgoing, inbound));
    Ok(Link { sender: Box::new(Sender { task: to_task }), receiver: Box::new(Receiver { task: from_task, keeper }) })
}

/// Tries until it works, the window closes, or an error says that trying again is of no use.
async fn try_to_connect(connect: &mut impl Connect, received: u64, window: Duration) -> Result<(Link, u64), NetError> {
    let end = Instant::now() + window;
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        match timeout_at(end, connect.connect(received)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) if !error.is_transient() => return Err(error),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {
                let missing = NetError::PlayerMissing { player: connect.player().clone(), waited: window };
                return Err(last.unwrap_or(missing));
            }
        }
        sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// What is asked of the task.
enum Order {
    Send(Vec<Frame>),
    Close(oneshot::Sender<()>),
}

struct Sender {
    task: mpsc::Sender<Order>,
}

#[async_trait]
impl LinkSend for Sender {
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        self.task.send(Order::Send(frames)).await.map_err(|_| LinkError::Closed)
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        let (done, waiting) = oneshot::channel();
        self.task.send(Order::Close(done)).await.map_err(|_| LinkError::Closed)?;
        waiting.await.map_err(|_| LinkError::Closed)
    }
}

struct Receiver {
    task: mpsc::Receiver<Result<Frame, LinkError>>,
    keeper: Arc<Keeper>,
}

#[async_trait]
impl LinkReceive for Receiver {
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError> {
        self.task.recv().await.transpose()
    }

    fn heard(&self) -> u64 {
        self.keeper.heard.load(Relaxed)
    }
}

/// What outlives connections.
struct Keeper {
    state: Mutex<State>,
    acknowledged: Notify,
    /// Grows at least [`LOOKS`] times per quiet time in which something is heard.
    heard: AtomicU64,
    options: ResumeOptions,
}

#[derive(Default)]
struct State {
    /// Numbered frames that the peer may not have, in order.
    retained: VecDeque<Frame>,
    retained_bytes: usize,
    /// Numbered frames that were given to us.
    sent: u64,
    /// Numbered frames that arrived.
    received: u64,
    /// An abort has no number, but must not be lost either.
    abort: Option<Frame>,
    /// The peer said that nothing more will come from it.
    farewell: bool,
    /// The peer ended the session.
    aborted: bool,
}

/// Why a connection is no longer used.
enum End {
    /// There is nothing more to do for either half.
    Done,
    /// It broke, or the peer opened another.
    Broken(LinkError),
    /// What came over it cannot be right.
    Wrong(LinkError),
}

async fn run(
    mut connect: impl Connect,
    mut link: Link,
    keeper: Arc<Keeper>,
    mut outgoing: mpsc::Receiver<Order>,
    inbound: mpsc::Sender<Result<Frame, LinkError>>,
) {
    loop {
        let expires = connect.expires();
        let end = tokio::select! {
            biased;
            () = at(expires) => End::Broken(LinkError::Transport("what its machine proved no longer holds".into())),
            end = pump_in(&keeper, link.receiver.as_mut(), &inbound) => end,
            end = pump_out(&keeper, link.sender.as_mut(), &mut outgoing) => end,
            () = connect.superseded() => End::Broken(LinkError::Closed),
        };
        drop(link);
        let reason = match end {
            End::Done => return,
            End::Broken(reason) if keeper.lock().aborted || outgoing.is_closed() => {
                tracing::debug!(%reason, "a connection ended together with its session");
                return;
            }
            End::Broken(reason) => reason,
            End::Wrong(reason) => {
                let _ = inbound.send(Err(reason)).await;
                return;
            }
        };
        tracing::debug!(%reason, "a connection broke; trying to resume");
        let received = keeper.lock().received;
        let next = tokio::select! {
            biased;
            next = try_to_connect(&mut connect, received, keeper.options.window) => next,
            () = inbound.closed() => return,
        };
        let resumed = match next {
            Ok((next, expected)) => keeper.resume_at(expected).map(|()| next),
            Err(error) => Err(LinkError::Transport(format!("{reason}, and no new connection: {error}"))),
        };
        match resumed {
            Ok(next) => link = next,
            // It had said goodbye: all that was missing was our word that we heard it.
            Err(_) if keeper.is_over() => return,
            Err(error) => {
                let _ = inbound.send(Err(error)).await;
                return;
            }
        }
    }
}

/// Resolves at a time; never, if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn pump_out(keeper: &Keeper, sender: &mut dyn LinkSend, outgoing: &mut mpsc::Receiver<Order>) -> End {
    let again = keeper.to_send_again();
    if !again.is_empty()
        && let Err(error) = sender.send(again).await
    {
        return wait_for_last_words(error).await;
    }
    loop {
        keeper.room().await;
        match outgoing.recv().await {
            Some(Order::Send(frames)) => {
                keeper.retain(&frames);
                if let Err(error) = sender.send(frames).await {
                    return wait_for_last_words(error).await;
                }
            }
            Some(Order::Close(done)) => {
                let closed = sender.close().await;
                let _ = done.send(());
                if let Err(error) = closed {
                    return wait_for_last_words(error).await;
                }
            }
            None => {
                // A peer that does not listen must not keep this task.
                let _ = timeout(FAREWELL_TIME, sender.close()).await;
                return End::Done;
            }
        }
    }
}

/// A broken write leaves the other direction a moment to bring what the peer said last.
async fn wait_for_last_words(error: LinkError) -> End {
    sleep(Duration::from_millis(500)).await;
    End::Broken(error)
}

async fn pump_in(
    keeper: &Keeper,
    receiver: &mut dyn LinkReceive,
    inbound: &mpsc::Sender<Result<Frame, LinkError>>,
) -> End {
    loop {
        // The place first: a frame that was received and then dropped would be lost.
        let Ok(place) = inbound.reserve().await else { return std::future::pending().await };
        let frame = match keeper.listen(receiver).await {
            None => return End::Broken(LinkError::Transport("nothing was heard for too long".into())),
            Some(Ok(Some(frame))) => frame,
            Some(Ok(None)) if keeper.is_over() => return End::Done,
            Some(Ok(None)) => return End::Broken(LinkError::Closed),
            Some(Err(error @ LinkError::Frame(_))) => return End::Wrong(error),
            Some(Err(error)) => return End::Broken(error),
        };
        if keeper.note(&frame) {
            place.send(Ok(frame));
        }
    }
}

impl Keeper {
    /// The next frame, or `None` after a quiet time. Passes on that something is heard.
    async fn listen(&self, receiver: &mut dyn LinkReceive) -> Option<Result<Option<Frame>, LinkError>> {
        let mut quiet = 0;
        while quiet < LOOKS {
            let before = receiver.heard();
            match timeout(self.options.quiet / LOOKS, receiver.receive()).await {
                Ok(received) => return Some(received),
                Err(_) if receiver.heard() == before => quiet += 1,
                Err(_) => {
                    quiet = 0;
                    self.heard.fetch_add(1, Relaxed);
                }
            }
        }
        None
    }

    /// Keeps what may have to be sent again. Payloads are shared, not copied.
    fn retain(&self, frames: &[Frame]) {
        let mut state = self.lock();
        for frame in frames {
            if frame.number().is_some() {
                state.sent += 1;
                state.retained_bytes += frame.encoded_len();
                state.retained.push_back(frame.clone());
            } else if matches!(frame, Frame::Abort(_)) {
                state.abort = Some(frame.clone());
            }
        }
    }

    fn to_send_again(&self) -> Vec<Frame> {
        let state = self.lock();
        state.retained.iter().chain(&state.abort).cloned().collect()
    }

    /// Waits until there is room for more frames to be kept.
    async fn room(&self) {
        while self.lock().retained_bytes > self.options.retained {
            self.acknowledged.notified().await;
        }
    }

    /// Takes note of what a frame means for resuming. Says whether it is to be passed on.
    fn note(&self, frame: &Frame) -> bool {
        let mut state = self.lock();
        match frame {
            Frame::Heartbeat { received, .. } => {
                state.let_go(*received);
                self.acknowledged.notify_one();
            }
            Frame::Goodbye { .. } => state.farewell = true,
            Frame::Abort(_) => state.aborted = true,
            Frame::Data { .. } | Frame::Hello(_) => {}
        }
        match frame.number() {
            Some(number) if number < state.received => return false,
            // Beyond what is due: passed on too, for the exchange to name the fault.
            Some(_) => state.received += 1,
            None => {}
        }
        true
    }

    /// The peer says over a new connection what it has.
    fn resume_at(&self, expected: u64) -> Result<(), LinkError> {
        let mut state = self.lock();
        let oldest = state.sent - state.retained.len() as u64;
        if expected < oldest || expected > state.sent {
            return Err(LinkError::Transport("the peer has lost its place in the conversation".into()));
        }
        state.let_go(expected);
        Ok(())
    }

    /// Nothing that the computation needs can still come.
    fn is_over(&self) -> bool {
        let state = self.lock();
        state.farewell || state.aborted
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn let_go(&mut self, received: u64) {
        while self.retained.front().and_then(Frame::number).is_some_and(|number| number < received) {
            let length = self.retained.pop_front().map_or(0, |frame| frame.encoded_len());
            self.retained_bytes -= length;
        }
    }
}
