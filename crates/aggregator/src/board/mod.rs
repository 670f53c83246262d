//! Boards: where the messages of rounds wait.
//!
//! A board keeps, for each round, in which *phase* it is, and the messages that came, each under its *slot* (what it is) and
//! the identity that it is from. Two rules carry everything else, and every board holds them in one transaction each:
//!
//! - a message is taken *once*, and only while the round is in the phase that it belongs to ([`Board::post`]);
//! - a round leaves a phase once, for one other ([`Board::advance`]).
//!
//! So whoever reads what came in a phase that is over reads the same for ever, and everything that the service computes (a
//! list, a roster, letters, the sum) follows from the board alone. Processes that share one hold no state that could be lost.
//! What is on a board is ciphertext, masked vectors, and signatures; whoever can write to it can make rounds fail.

mod embedded;
mod memory;
mod nats;
mod postgres;
mod state;

use async_trait::async_trait;
use secagg::Identity;

use crate::error::Error;

pub use embedded::Embedded;
pub use memory::InMemory;
pub use nats::Nats;
pub use postgres::Postgres;

/// One round of one task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RoundId {
    /// The digest of the terms.
    pub task: [u8; 32],
    /// The round's number, from 1.
    pub round: u64,
}

/// What a message is. Boards only tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot(pub u16);

/// Where a round is. Boards only compare them; a round goes through them in the order that its protocol says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Phase(pub u8);

/// How a round stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Its phase.
    pub phase: Phase,
    /// When that began, in milliseconds since 1970.
    pub since_ms: u64,
    /// 32 random bytes that were drawn when it was opened.
    pub seed: [u8; 32],
    /// Why it failed, if it did.
    pub reason: String,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// It is new, and durable.
    New,
    /// The very same came before.
    Repeated,
    /// Another one came before, which stays.
    Different,
    /// The round is in this phase.
    Closed(Phase),
}

/// A change of phase.
pub struct Step<'a> {
    /// The phase that ends.
    pub from: Phase,
    /// The phase that begins.
    pub to: Phase,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
    /// Why the round failed, or nothing.
    pub reason: &'a str,
    /// What is put on the board with it, under [`Slot`] and no identity.
    pub document: Option<(Slot, Vec<u8>)>,
    /// Slots whose messages are erased; that they came is not forgotten.
    pub erase: &'a [Slot],
}

/// The identity of what the service itself puts on a board.
pub const SERVICE: Identity = Identity([0; 32]);

/// See the module. All of it is safe to repeat.
#[async_trait]
pub trait Board: Send + Sync {
    /// Opens a round, unless it exists, and says how it stands.
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error>;

    /// The greatest number of a round of this task.
    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error>;

    /// How a round stands.
    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error>;

    /// Takes messages from one identity, all or none, if the round is in `phase`. The first one decides whether they came
    /// before.
    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error>;

    /// One message, unless it was erased.
    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error>;

    /// The messages of identities after `after`, ascending: as many as fit `most` bytes, at least one if there is one.
    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error>;

    /// Who sent a message of this kind, ascending, also if it was erased.
    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error>;

    /// How many did.
    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error>;

    /// Ends a phase; `false` if the round is not in it (somebody else was first).
    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error>;

    /// Takes or prolongs the lease of a round for `holder` until `until_ms`, unless somebody else holds it at `now_ms`. A
    /// lease only saves work: that a round leaves a phase once holds without it.
    async fn lease(&self, id: RoundId, holder: u64, now_ms: u64, until_ms: u64) -> Result<bool, Error>;
}

/// What tells two messages apart once one of them was erased.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    *blake3::hash(message).as_bytes()
}
