//! An aggregator of a committee or of validated sums: it checks, votes and answers in every round, with secrets that never leave it.
//!
//! It is a caller of the service like any other, so it needs no port of its own. What it must not forget, which list it supports in
//! a round, is in its [`Memories`] before its vote or answer leaves; all else it reads again from the board.

mod committee;
mod memories;
mod validated;

use std::sync::Arc;
use std::time::{Duration, Instant};

use net::KeyPair;
use secagg::ballot::{Approved, Deposited, Electorate, Memory};
use terms::{Protocol, Terms};

use crate::board::Phase;
use crate::client::Api;
use crate::enrolment::Enrolled;
use crate::error::Error;
use crate::kept::Keeper;
use crate::round::phases;

pub use memories::Memories;

/// How long one exchange with the service may take before the round is looked at anew.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after something went wrong.
const PAUSE: Duration = Duration::from_millis(500);

/// One aggregator, for one set of terms.
pub struct Member {
    terms: Terms,
    enrolled: Enrolled,
    key: KeyPair,
    memories: Memories,
    api: Api,
    keeper: Option<Arc<dyn Keeper>>,
}

/// What it holds of the round under way.
#[expect(clippy::large_enum_variant, reason = "a member has one")]
enum Held {
    Committee(Option<committee::Held>),
    Validated(Option<validated::Held>),
}

impl Member {
    /// The aggregator with this key. `enrolled` is its own copy of the enroller's list. `address` overrides that of the terms.
    ///
    /// # Errors
    /// [`Error::Terms`] if the terms have no aggregators, or this key is none of theirs.
    pub fn new(
        terms: Terms,
        enrolled: Enrolled,
        key: KeyPair,
        memories: Memories,
        address: Option<String>,
    ) -> Result<Self, Error> {
        if matches!(terms.protocol(), Protocol::Pairwise(_)) {
            return Err(Error::terms("these terms have no aggregators"));
        }
        if !terms.members().any(|member| member.0 == *key.identity().as_bytes()) {
            return Err(Error::terms("this key is not that of an aggregator of these terms"));
        }
        let api = Api::new(&terms, &key, address)?;
        Ok(Self { terms, enrolled, key, memories, api, keeper: None })
    }

    /// Puts the sums of terms with [shares](crate::SharesDraft) here.
    #[must_use]
    pub fn keeping(self, keeper: Arc<dyn Keeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
    }

    /// Serves all rounds, and returns when the last one is over.
    ///
    /// # Errors
    /// [`Error::Terms`] only, for what cannot be right later either; all else is logged and tried again.
    pub async fn run(&self) -> Result<(), Error> {
        if self.terms.draft().shares.is_some() && self.keeper.is_none() {
            return Err(Error::terms(
                "these aggregators keep shares: their workers have to be configured with the terms",
            ));
        }
        let mut at: (u64, Option<Phase>, Held) = (0, None, self.nothing());
        loop {
            let after = at.1.map(phases::name);
            let asked = (at.0 > 0 && at.1.is_some_and(|phase| !phases::is_over(phase))).then_some(at.0);
            let until = Instant::now() + PATIENCE;
            let standing = match self.api.standing(asked, after, until).await {
                Ok(standing) => standing,
                Err(Error::Timeout) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the service does not answer; trying again");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let phase = phases::named(&standing.phase);
            if standing.is_over() && standing.round >= self.terms.draft().rounds {
                return Ok(());
            }
            if standing.round != at.0 {
                at = (standing.round, None, self.nothing());
            }
            let Some(phase) = phase else { return Err(Error::terms("the service speaks of phases that are unknown")) };
            match self.act(standing.round, phase, &mut at.2, until).await {
                Ok(()) => at.1 = Some(phase),
                Err(error) if error.is_passing() => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    // The round goes on without this aggregator, or not at all.
                    tracing::warn!(round = standing.round, phase = standing.phase, %error, "no part in this phase");
                    at.1 = Some(phase);
                }
            }
        }
    }

    /// Does what this phase asks of an aggregator. Safe to repeat.
    async fn act(&self, round: u64, phase: Phase, held: &mut Held, until: Instant) -> Result<(), Error> {
        match (self.terms.protocol(), held) {
            (Protocol::Committee(committee), Held::Committee(held)) => {
                committee::act(self, committee, round, phase, held, until).await
            }
            (Protocol::Validated(validation), Held::Validated(held)) => {
                validated::act(self, validation, round, phase, held, until).await
            }
            _ => Err(Error::terms("these terms have no aggregators")),
        }
    }

    /// What is held of a round that was not looked at yet.
    fn nothing(&self) -> Held {
        match self.terms.protocol() {
            Protocol::Validated(_) => Held::Validated(None),
            Protocol::Committee(_) | Protocol::Pairwise(_) => Held::Committee(None),
        }
    }

    /// Gives a machine all deposits on the board. Those that it cannot use are left out; the list will be without them.
    async fn deposits(
        &self,
        round: u64,
        until: Instant,
        mut take: impl FnMut(&[u8]) -> Result<Deposited, secagg::Error>,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.api.deposits(round, after, until).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (client, message) in page {
                if let Err(error) = take(&message) {
                    tracing::warn!(%client, %error, "a deposit is unusable");
                }
            }
        }
    }

    /// What its memories have of a round.
    fn memory(&self, round: u64, electorate: &impl Electorate) -> Result<Memory, Error> {
        match self.memories.of(&self.terms, round)? {
            Some(bytes) => Ok(Memory::decode(&bytes, &self.terms.task(round), electorate)?),
            None => Ok(Memory::default()),
        }
    }

    /// Kept before it returns.
    fn remember(&self, round: u64, memory: Memory, electorate: &impl Electorate) -> Result<(), Error> {
        self.memories.keep(&self.terms, round, memory.encode(&self.terms.task(round), electorate))
    }
}

/// Whose contributions a machine cannot use, of those that are proposed.
fn unusable(checked: Result<Approved, secagg::Error>) -> Result<Vec<u8>, Error> {
    match checked {
        Ok(_) => Ok(vec![]),
        Err(secagg::Error::Unaccepted { missing }) => Ok(missing.iter().flat_map(|client| client.0).collect()),
        Err(error) => Err(error.into()),
    }
}
