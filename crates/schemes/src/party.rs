//! One player's view of one operator instance: all that a kernel sees of the world.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use algebra::Prg;
use bytes::Bytes;
use futures::channel::oneshot;
use net::{Label, PlayerId, Scope};

use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::keys::SessionKeys;
use crate::wire::Wire;

/// Elementary operations below which handing work to another thread costs more than it saves.
const INLINE_BELOW: usize = 1 << 17;

/// Limits the threads on which long computations of this process run, of all its sessions and players together; one for
/// each core if this is not called. Sessions at once share them, and so do the players of a run in one process.
///
/// # Errors
/// If something was computed already, or this was called before: threads have started then.
pub fn limit_threads(count: usize) -> Result<()> {
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(count.max(1)).thread_name(|i| format!("privity-compute-{i}"));
    pool.build_global().map_err(|e| Error::misuse(format!("threads for computing: {e}")))
}

/// What all operators of one session share at one player.
pub struct Context {
    channel: Arc<dyn Channel>,
    keys: SessionKeys,
    inline: bool,
    distant: bool,
}

impl Context {
    /// A context over a channel, computing on the process' [thread pool](limit_threads).
    #[must_use]
    pub fn new(channel: Arc<dyn Channel>, keys: SessionKeys) -> Self {
        Self { channel, keys, inline: false, distant: false }
    }

    /// Computes on the thread that waits for messages, so that a run is the same every time.
    #[must_use]
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Says whether players are far from each other: where a kernel can do with fewer rounds for more bytes, it then does.
    /// All players of a session must say the same.
    #[must_use]
    pub fn distant(mut self, distant: bool) -> Self {
        self.distant = distant;
        self
    }

    /// The session's keys.
    #[must_use]
    pub fn keys(&self) -> &SessionKeys {
        &self.keys
    }
}

/// One player's end of one operator instance.
///
/// Kernels that are awaited one after another may use the same party. Whatever runs concurrently, each on data
/// that arrives in its own time, takes a party of its own with [`narrow`](Self::narrow), so that all players
/// number its messages and masks alike.
pub struct Party {
    context: Arc<Context>,
    roles: Arc<[PlayerId]>,
    scope: Scope,
    kernel: &'static str,
    depth: Arc<AtomicU32>,
    /// The depth of the party that this one was narrowed from, which depends on what happens here.
    outer: Option<Arc<AtomicU32>>,
    /// Kernels entered so far.
    entered: AtomicU32,
    /// Messages sent to, and taken from, each player so far.
    counts: Mutex<BTreeMap<PlayerId, [u32; 2]>>,
}

impl Party {
    /// The view of an operator at `scope`, on a placement whose roles are taken by `roles`, in order.
    ///
    /// `depth` is the causal depth of the operands: the greatest depth of a message that they depend on.
    #[must_use]
    pub fn new(context: Arc<Context>, roles: impl Into<Arc<[PlayerId]>>, scope: Scope, depth: u32) -> Self {
        Self::build(context, roles.into(), scope, "operator", depth, None)
    }

    fn build(
        context: Arc<Context>,
        roles: Arc<[PlayerId]>,
        scope: Scope,
        kernel: &'static str,
        depth: u32,
        outer: Option<Arc<AtomicU32>>,
    ) -> Self {
        Self {
            context,
            roles,
            scope,
            kernel,
            depth: Arc::new(AtomicU32::new(depth)),
            outer,
            entered: AtomicU32::new(0),
            counts: Mutex::default(),
        }
    }

    /// Who we are.
    #[must_use]
    pub fn me(&self) -> PlayerId {
        self.context.channel.me()
    }

    /// Our role in the placement, if we have one.
    #[must_use]
    pub fn role(&self) -> Option<usize> {
        let me = self.me();
        self.roles.iter().position(|&player| player == me)
    }

    /// The players of the placement, by role.
    #[must_use]
    pub fn roles(&self) -> &[PlayerId] {
        &self.roles
    }

    /// Whether players are far from each other.
    pub(crate) fn is_distant(&self) -> bool {
        self.context.distant
    }

    /// The causal depth of what was computed so far.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// What is computed from now on depends on a message of this depth.
    pub(crate) fn deepen(&self, depth: u32) {
        self.depth.fetch_max(depth, Ordering::Relaxed);
    }

    /// The kernel that runs.
    pub(crate) fn kernel(&self) -> &'static str {
        self.kernel
    }

    /// A player, as errors name it.
    pub(crate) fn player(&self, id: PlayerId) -> net::Player {
        self.context.channel.player(id)
    }

    /// A party for a named part that runs concurrently with others. What it learns deepens this one when it ends.
    #[must_use]
    pub fn narrow<'a>(&self, label: impl Into<Label<'a>>) -> Self {
        self.child(self.scope.child("part").child(label), self.kernel)
    }

    /// A party for one run of a kernel, told apart from earlier runs by counting.
    pub(crate) fn enter(&self, kernel: &'static str) -> Self {
        let run = self.entered.fetch_add(1, Ordering::Relaxed);
        self.child(self.scope.child(kernel).child(u64::from(run)), kernel)
    }

    fn child(&self, scope: Scope, kernel: &'static str) -> Self {
        let (context, roles, outer) = (self.context.clone(), self.roles.clone(), Some(self.depth.clone()));
        Self::build(context, roles, scope, kernel, self.depth(), outer)
    }

    /// The same part as seen on another placement.
    #[must_use]
    pub fn on(&self, roles: impl Into<Arc<[PlayerId]>>) -> Self {
        let roles = roles.into();
        let scope = roles.iter().fold(self.scope.child("on"), |s, p| s.child(u64::from(p.0)));
        let outer = Some(self.depth.clone());
        Self::build(self.context.clone(), roles, scope, self.kernel, self.depth(), outer)
    }

    /// Queues a message to a player; never blocks.
    pub fn send<T: Wire>(&self, to: PlayerId, message: &T) {
        let mut payload = Vec::with_capacity(message.room());
        message.write(&mut payload);
        self.post(to, payload);
    }

    /// Queues a message that is encoded already; never blocks.
    pub(crate) fn post(&self, to: PlayerId, payload: Vec<u8>) {
        let step = self.scope.step(self.count(to, 0));
        self.context.channel.post(to, step, self.depth() + 1, Bytes::from(payload));
    }

    /// The next message from a player, which must have exactly this form.
    pub async fn recv<T: Wire>(&self, from: PlayerId, form: T::Form) -> Result<T> {
        let payload = self.next_message(from, T::size(&form)).await?;
        T::read(&payload, &form).ok_or_else(|| self.wrong_size(from, &payload, T::size(&form)))
    }

    /// The next message from a player as it came, which must have so many bytes: for what is read where it is needed,
    /// rather than into memory of its own.
    pub(crate) async fn recv_bytes(&self, from: PlayerId, size: usize) -> Result<Bytes> {
        let payload = self.next_message(from, size).await?;
        if payload.len() == size { Ok(payload) } else { Err(self.wrong_size(from, &payload, size)) }
    }

    async fn next_message(&self, from: PlayerId, most: usize) -> Result<Bytes> {
        let step = self.scope.step(self.count(from, 1));
        let message = self.context.channel.take(from, step, most).await?;
        self.depth.fetch_max(message.depth, Ordering::Relaxed);
        Ok(message.payload)
    }

    fn wrong_size(&self, from: PlayerId, payload: &Bytes, due: usize) -> Error {
        Error::Misbehaved {
            player: self.context.channel.player(from),
            kernel: self.kernel,
            what: format!("a message of {} bytes where {due} were due", payload.len()),
        }
    }

    /// The stream that we share with another player for one purpose of this kernel.
    pub(crate) fn shared(&self, with: PlayerId, purpose: &'static str) -> Result<Prg> {
        let stream = self.context.keys.shared(with, self.scope, purpose);
        stream.ok_or_else(|| Error::misuse(format!("no shared secret with {}", self.context.channel.player(with))))
    }

    /// The stream that only we know for one purpose of this kernel.
    pub(crate) fn private(&self, purpose: &'static str) -> Prg {
        self.context.keys.private(self.scope, purpose)
    }

    /// Computes away from the thread that waits for messages, if `work` (elementary operations) is worth it.
    pub async fn compute<T: Send + 'static>(&self, work: usize, f: impl FnOnce() -> T + Send + 'static) -> T {
        if work < INLINE_BELOW || self.context.inline {
            return f();
        }
        let (done, result) = oneshot::channel();
        let job = move || {
            // Nobody waits any more if the session has ended meanwhile.
            let _ = done.send(std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)));
        };
        rayon::spawn(job);
        match result.await {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(oneshot::Canceled) => unreachable!("the job always answers"),
        }
    }

    /// Counts a message to (0) or from (1) a player, and returns its number.
    fn count(&self, player: PlayerId, direction: usize) -> u32 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut counts.entry(player).or_default()[direction];
        let number = *slot;
        *slot += 1;
        number
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if let Some(outer) = &self.outer {
            outer.fetch_max(self.depth(), Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Party({:?} in {} at {:?})", self.me(), self.kernel, self.scope)
    }
}
