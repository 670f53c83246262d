//! Rounds: what the service does with messages, and when a round moves on.
//!
//! Everything here follows from the board: a process that was killed, or another one that shares the board, goes on where
//! the last durable message was. Time is an argument.
//!
//! ```text
//! committee   waiting ─► collect ─► check ─► vote ─► answer ─► published
//!             waiting ─► collect ─► check ─► vote ─► keep ─► kept (as shares)
//! validated   waiting ─► collect ─► verify ─► check ─► vote ─► answer ─► published
//! pairwise    waiting ─► keys ─► shares ─► masked ─► agreed ─► reveal ─► published
//!             (or failed, from anywhere, with a reason)
//! ```
//!
//! A round waits until its first client comes; from then on every stage has an end. What comes in a stage counts if and only
//! if it was on the board before the board left that phase.

mod ballot;
mod committee;
mod pairwise;
mod stage;
mod validated;

use std::sync::Arc;

use secagg::{Identity, Task};
use terms::{Protocol, Published, Sender, Terms};
use tokio::sync::{Mutex, Notify};

use crate::board::{Board, Phase, Posted, RoundId, SERVICE, Slot, Status, Step};
use crate::enrolment::{Enrolled, Selected};
use crate::error::Error;
use crate::random;

pub use stage::{Stage, phases};

/// How long a process may be alone with a round before another one tries as well.
const LEASE_MS: u64 = 30_000;
/// Bytes that are read from the board at once.
pub(crate) const PAGE: usize = 4 << 20;

/// Where the sum is put on the board: how many contributions it has, and the packed sum.
pub(crate) const RESULT: Slot = Slot(900);
/// Where the masked sum is put that aggregators keep as shares.
const MASKED_SUM: Slot = Slot(901);

/// All rounds of one set of terms, on one board.
pub struct Rounds {
    terms: Terms,
    enrolled: Enrolled,
    board: Arc<dyn Board>,
    holder: u64,
    live: Mutex<Option<pairwise::Live>>,
    changed: Notify,
}

/// How a round stands, for those who take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The round's number.
    pub round: u64,
    /// Its phase.
    pub phase: Phase,
    /// Milliseconds until the phase ends by itself, if it does.
    pub closes_in_ms: Option<u64>,
    /// How many messages of the phase there are.
    pub have: u64,
    /// How many there can be.
    pub of: u64,
    /// Why it failed, if it did.
    pub reason: String,
    /// Who contributed and is not in the sum, because an aggregator cannot use it. Empty before that is known.
    pub left_out: Vec<Identity>,
}

/// One round, as its protocol sees it.
pub(crate) struct Round<'a> {
    pub(crate) board: &'a dyn Board,
    pub(crate) id: RoundId,
    pub(crate) task: Task,
    pub(crate) clients: Selected,
    /// What is kept as shares.
    pub(crate) keeps: Keeps,
}

/// What aggregators keep of a round as shares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Nothing: the sum is published.
    Nothing,
    /// The sum.
    Sum,
    /// Each contribution.
    Each,
}

impl Keeps {
    fn of(terms: &Terms) -> Self {
        match terms.draft().shares {
            None => Self::Nothing,
            Some(_) if terms.keeps_each() => Self::Each,
            Some(_) => Self::Sum,
        }
    }
}

impl Rounds {
    /// The rounds of these terms. Several processes may have the same on one board that they share.
    ///
    /// # Errors
    /// [`Error::Terms`] if more clients are enrolled than a round can take; [`Error::System`] without randomness.
    pub fn new(terms: Terms, enrolled: Enrolled, board: Arc<dyn Board>) -> Result<Self, Error> {
        let (clients, most) = (enrolled.identities().count(), terms.draft().most);
        if clients > most as usize {
            return Err(Error::terms(format!("{clients} clients are enrolled, but the terms say {most} at most")));
        }
        let seed = random::fresh_seed()?;
        let mut holder = [0; 8];
        holder.copy_from_slice(&seed[..8]);
        Ok(Self {
            terms,
            enrolled,
            board,
            holder: u64::from_le_bytes(holder),
            live: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Their terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Who may contribute.
    #[must_use]
    pub fn enrolled(&self) -> &Enrolled {
        &self.enrolled
    }

    /// Wakes those who wait for a change, in this process.
    pub fn changed(&self) -> &Notify {
        &self.changed
    }

    fn id(&self, round: u64) -> RoundId {
        RoundId { task: self.terms.digest(), round }
    }

    fn round(&self, round: u64) -> Round<'_> {
        let clients = self.enrolled.of_round(&self.terms, round);
        let (id, task, keeps) = (self.id(round), self.terms.task(round), Keeps::of(&self.terms));
        Round { board: &*self.board, id, task, clients, keeps }
    }

    async fn status(&self, round: u64) -> Result<Status, Error> {
        self.board.status(self.id(round)).await?.ok_or(Error::Unknown { what: "round" })
    }

    /// The round that is under way, or the last one.
    ///
    /// # Errors
    /// [`Error::Board`]; [`Error::Unknown`] before the first round was opened.
    pub async fn current(&self) -> Result<u64, Error> {
        self.board.latest(self.terms.digest()).await?.ok_or(Error::Unknown { what: "round" })
    }

    /// How a round stands.
    ///
    /// # Errors
    /// [`Error::Board`] or [`Error::Unknown`].
    pub async fn progress(&self, round: u64, now_ms: u64) -> Result<Progress, Error> {
        let status = self.status(round).await?;
        let at = self.round(round);
        let ((have, of), left_out) = match self.terms.protocol() {
            Protocol::Committee(_) | Protocol::Validated(_) => {
                let aggregators = self.terms.members().count();
                let count = ballot::count(&at, aggregators, status.phase).await?;
                (count, ballot::left_out(&at, status.phase).await?)
            }
            Protocol::Pairwise(_) => (pairwise::count(&at, status.phase).await?, vec![]),
        };
        let end = stage::patience_ms(&self.terms, status.phase).map(|patience| status.since_ms + patience);
        let closes_in_ms = end.map(|end| end.saturating_sub(now_ms));
        Ok(Progress { round, phase: status.phase, closes_in_ms, have, of, reason: status.reason, left_out })
    }

    /// Takes a message of a stage from whoever proved to be `from`. When this returns, the message is durable.
    ///
    /// # Errors
    /// [`Error::Late`], [`Error::Early`], [`Error::Forbidden`], or what the protocol has against it. The board is
    /// unchanged.
    pub async fn receive(
        &self,
        round: u64,
        stage: Stage,
        from: Identity,
        message: &[u8],
        now_ms: u64,
    ) -> Result<Posted, Error> {
        let id = self.id(round);
        let status = self.status(round).await?;
        let opens = status.phase == phases::WAITING && stage.is_first();
        if status.phase != stage.phase() && !opens {
            // What was taken in time is confirmed whenever it is repeated: its sender may not have heard the first answer.
            return match self.board.post(id, phases::NEVER, from, &[(stage.slot(), message.to_vec())]).await? {
                Posted::Repeated => Ok(Posted::Repeated),
                Posted::Different => Err(second(stage, from)),
                Posted::New | Posted::Closed(_) => Err(out_of_turn(stage, status.phase)),
            };
        }
        self.check_sender(round, stage, from)?;
        let at = self.round(round);
        let messages = match self.terms.protocol() {
            Protocol::Committee(committee) => committee::examine(&at, committee, stage, from, message).await?,
            Protocol::Validated(validation) => validated::examine(&at, validation, stage, from, message).await?,
            Protocol::Pairwise(parameters) => {
                let mut live = self.live.lock().await;
                let phase = stage.phase();
                pairwise::examine(&at, *parameters, &status, phase, &mut live, from, message).await?
            }
        };
        if opens {
            let step =
                Step { from: phases::WAITING, to: stage.phase(), now_ms, reason: "", document: None, erase: &[] };
            self.board.advance(id, step).await?;
        }
        let posted = self.board.post(id, stage.phase(), from, &messages).await;
        if !matches!(posted, Ok(Posted::New | Posted::Repeated)) {
            // The machine in memory has a message that the board does not have: the next one is made from the board.
            *self.live.lock().await = None;
        }
        match posted? {
            Posted::Different => Err(second(stage, from)),
            Posted::Closed(phase) => Err(out_of_turn(stage, phase)),
            taken => {
                self.changed.notify_waiters();
                Ok(taken)
            }
        }
    }

    /// Whether a message of a stage from `from` is worth reading now: what [`receive`](Self::receive) would say of its sender
    /// and time.
    ///
    /// # Errors
    /// As [`receive`](Self::receive). A message that came before may always be repeated.
    pub async fn expect(&self, round: u64, stage: Stage, from: Identity) -> Result<(), Error> {
        self.check_sender(round, stage, from)?;
        let status = self.status(round).await?;
        match status.phase < stage.phase() && !(status.phase == phases::WAITING && stage.is_first()) {
            true => Err(out_of_turn(stage, status.phase)),
            false => Ok(()),
        }
    }

    fn check_sender(&self, round: u64, stage: Stage, from: Identity) -> Result<(), Error> {
        match stage.sender() {
            Sender::Client => match secagg::Enrolment::admits(&self.round(round).clients, &from) {
                true => Ok(()),
                false => Err(secagg::Error::NotEnrolled { culprit: from }.into()),
            },
            Sender::Aggregator => self.check_member(from).map(drop),
        }
    }

    fn check_member(&self, from: Identity) -> Result<usize, Error> {
        let position = self.terms.members().position(|member| member == from);
        position.ok_or_else(|| Error::Forbidden { who: from.to_string(), what: "speak as an aggregator" })
    }

    /// Moves the task on if it is time: opens rounds, ends stages, publishes. Gives the milliseconds until it is worth
    /// asking again at the latest.
    ///
    /// # Errors
    /// [`Error::Board`]; trying again is safe.
    pub async fn drive(&self, now_ms: u64) -> Result<u64, Error> {
        const LATER: u64 = 60_000;
        const OTHERS: u64 = 500;
        let latest = self.board.latest(self.terms.digest()).await?.unwrap_or(1);
        let status = self.open(latest, now_ms).await?;
        if phases::is_over(status.phase) {
            if latest < self.terms.draft().rounds {
                self.open(latest + 1, now_ms).await?;
                self.changed.notify_waiters();
            }
            return Ok(LATER);
        }
        if status.phase == phases::WAITING {
            return Ok(LATER);
        }
        let patience = stage::patience_ms(&self.terms, status.phase).unwrap_or(LATER);
        let left = (status.since_ms + patience).saturating_sub(now_ms);
        let at = self.round(latest);
        let next = match self.terms.protocol() {
            Protocol::Committee(committee) => {
                if !committee::is_due(&at, committee, status.phase, left == 0).await? {
                    return Ok(left.max(1));
                }
                if !self.lease(latest, now_ms).await? {
                    return Ok(OTHERS);
                }
                committee::next(&at, committee, status.phase).await
            }
            Protocol::Validated(validation) => {
                if !validated::is_due(&at, status.phase, left == 0).await? {
                    return Ok(left.max(1));
                }
                if !self.lease(latest, now_ms).await? {
                    return Ok(OTHERS);
                }
                validated::next(&at, validation, status.phase).await
            }
            Protocol::Pairwise(parameters) => {
                let mut live = self.live.lock().await;
                if !pairwise::is_due(&at, *parameters, &status, &mut live, left == 0).await? {
                    return Ok(left.max(1));
                }
                if !self.lease(latest, now_ms).await? {
                    return Ok(OTHERS);
                }
                pairwise::next(&at, *parameters, &status, &mut live).await
            }
        };
        self.leave(latest, status.phase, next, now_ms).await?;
        self.changed.notify_waiters();
        // Given back, so that another process need not wait for its end if this one is killed.
        self.board.lease(self.id(latest), self.holder, now_ms, now_ms).await?;
        Ok(1)
    }

    async fn open(&self, round: u64, now_ms: u64) -> Result<Status, Error> {
        let seed = random::fresh_seed()?;
        self.board.open(self.id(round), phases::WAITING, *seed, now_ms).await
    }

    /// So that not all processes compute the same.
    async fn lease(&self, round: u64, now_ms: u64) -> Result<bool, Error> {
        self.board.lease(self.id(round), self.holder, now_ms, now_ms + LEASE_MS).await
    }

    /// Leaves a phase for the next one, or for failure.
    async fn leave(&self, round: u64, from: Phase, next: Result<Next, Error>, now_ms: u64) -> Result<(), Error> {
        let erase = match &next {
            Ok(Next::Phase(_) | Next::Keep(_)) => vec![],
            _ => stage::erased(&self.terms),
        };
        let (to, reason, document) = match next {
            Ok(Next::Phase(phase)) => (phase, String::new(), None),
            Ok(Next::Keep(masked)) => (phases::KEEP, String::new(), Some((MASKED_SUM, masked))),
            Ok(Next::Kept) => (phases::KEPT, String::new(), None),
            Ok(Next::Published(published)) => (phases::PUBLISHED, String::new(), Some((RESULT, published.encode()))),
            Err(Error::Protocol(error)) => (phases::FAILED, error.to_string(), None),
            Err(error) => return Err(error),
        };
        if to == phases::FAILED {
            tracing::warn!(round, reason, "a round failed; nothing was published");
        } else {
            tracing::info!(round, phase = phases::name(to), "a round moves on");
        }
        self.board.advance(self.id(round), Step { from, to, now_ms, reason: &reason, document, erase: &erase }).await?;
        Ok(())
    }

    /// The service's letter for a client in the phase that its round is in.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is none for it: it came too late, or too few of its neighbours are left.
    pub async fn letter(&self, round: u64, client: Identity) -> Result<Vec<u8>, Error> {
        let Protocol::Pairwise(parameters) = self.terms.protocol() else {
            return Err(Error::Unknown { what: "letter" });
        };
        let status = self.status(round).await?;
        let mut live = self.live.lock().await;
        pairwise::letter(&self.round(round), *parameters, &status, &mut live, client).await
    }

    /// An aggregator's deposits after a client, ascending: pairs of client and message.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no aggregator.
    pub async fn deposits(
        &self,
        round: u64,
        who: Identity,
        after: Option<Identity>,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let position = self.check_member(who)?;
        self.board.page(self.id(round), ballot::deposit(position), after, PAGE).await
    }

    /// The list that aggregators are to check, vote for, or answer for.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no aggregator; [`Error::Early`] if there is none yet.
    pub async fn list(&self, round: u64, who: Identity) -> Result<Vec<u8>, Error> {
        self.check_member(who)?;
        let phase = self.status(round).await?.phase;
        match self.terms.protocol() {
            Protocol::Committee(committee) => ballot::list(&self.round(round), committee, phase).await,
            Protocol::Validated(validation) => ballot::list(&self.round(round), validation.as_ref(), phase).await,
            Protocol::Pairwise(_) => Err(Error::Unknown { what: "list" }),
        }
    }

    /// The other aggregator's verifier shares, once both have spoken.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no aggregator; [`Error::Early`] if there are none yet.
    pub async fn verifiers(&self, round: u64, who: Identity) -> Result<Vec<u8>, Error> {
        let position = self.check_member(who)?;
        let Protocol::Validated(validation) = self.terms.protocol() else {
            return Err(Error::Unknown { what: "verifier shares" });
        };
        let phase = self.status(round).await?.phase;
        validated::verifiers(&self.round(round), validation, position, phase).await
    }

    /// The masked sum that aggregators keep as shares: it tells nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no aggregator; [`Error::Early`] if there is none yet.
    pub async fn masked_sum(&self, round: u64, who: Identity) -> Result<Vec<u8>, Error> {
        self.check_member(who)?;
        let found = self.board.read(self.id(round), MASKED_SUM, SERVICE).await?;
        found.ok_or(Error::Early { what: "aggregators" })
    }

    /// The packed masked vectors of the frozen list after a client, ascending, which aggregators keep as shares: they tell
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no aggregator; [`Error::Early`] and [`Error::Late`] when they are not asked for;
    /// [`Error::Unknown`] where contributions are summed.
    pub async fn masked_each(
        &self,
        round: u64,
        who: Identity,
        after: Option<Identity>,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        self.check_member(who)?;
        let Protocol::Committee(committee) = self.terms.protocol() else {
            return Err(Error::Unknown { what: "masked vectors" });
        };
        let at = self.round(round);
        if at.keeps != Keeps::Each {
            return Err(Error::Unknown { what: "masked vectors" });
        }
        match self.status(round).await?.phase {
            phases::KEEP => committee::masked(&at, committee, after).await,
            phase if phase < phases::KEEP => Err(Error::Early { what: "aggregators" }),
            _ => Err(Error::Late { what: "aggregators" }),
        }
    }

    /// The sum of a round that was published.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for strangers, [`Error::RoundFailed`], [`Error::Early`].
    pub async fn published(&self, round: u64, who: Identity) -> Result<Published, Error> {
        if !secagg::Enrolment::admits(&self.enrolled, &who) && !self.terms.may_read(&who) {
            return Err(Error::Forbidden { who: who.to_string(), what: "read results" });
        }
        let status = self.status(round).await?;
        match status.phase {
            phases::FAILED => Err(Error::RoundFailed { round, reason: status.reason }),
            phases::KEPT => Err(Error::Kept { name: self.terms.kept_name(round) }),
            phases::PUBLISHED => {
                let record = self.board.read(self.id(round), RESULT, SERVICE).await?;
                record.and_then(|bytes| Published::decode(&bytes)).ok_or_else(|| Error::board("a result is missing"))
            }
            _ => Err(Error::Early { what: "readers" }),
        }
    }
}

/// Where a round goes next.
pub(crate) enum Next {
    Phase(Phase),
    /// The aggregators keep the sum of which this is the masked form.
    Keep(Vec<u8>),
    Kept,
    Published(Published),
}

fn second(stage: Stage, culprit: Identity) -> Error {
    secagg::Error::Second { message: stage.name(), culprit }.into()
}

fn out_of_turn(stage: Stage, phase: Phase) -> Error {
    match phase > stage.phase() {
        true => Error::Late { what: stage.plural() },
        false => Error::Early { what: stage.plural() },
    }
}
