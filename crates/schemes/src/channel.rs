//! What a kernel's messages travel over.

use bytes::Bytes;
use futures::future::BoxFuture;
use net::{Exchange, Message, NetError, Player, PlayerId, Step};

/// A message board between the players of a session. `dyn` stands here: kernels neither know nor care whether
/// it is a session's [`Exchange`], a test's memory, or a world that tampers.
pub trait Channel: Send + Sync {
    /// Who we are.
    fn me(&self) -> PlayerId;
    /// The player of an index, as errors name it.
    fn player(&self, id: PlayerId) -> Player;
    /// Queues a message; never blocks.
    fn post(&self, to: PlayerId, step: Step, depth: u32, payload: Bytes);
    /// The message of `from` at `step`, of at most so many bytes, as soon as it is here.
    fn take(&self, from: PlayerId, step: Step, most: usize) -> BoxFuture<'_, Result<Message, NetError>>;
}

impl Channel for Exchange {
    fn me(&self) -> PlayerId {
        Exchange::me(self)
    }

    fn player(&self, id: PlayerId) -> Player {
        let known = self.players().get(id.index());
        known.cloned().unwrap_or_else(|| Player { id, name: format!("{id:?}").into() })
    }

    fn post(&self, to: PlayerId, step: Step, depth: u32, payload: Bytes) {
        Exchange::post(self, to, step, depth, payload);
    }

    fn take(&self, from: PlayerId, step: Step, most: usize) -> BoxFuture<'_, Result<Message, NetError>> {
        Box::pin(Exchange::take_within(self, from, step, most))
    }
}
