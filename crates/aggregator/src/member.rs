//! An aggregator of a committee: it checks, votes and answers in every round, with secrets that never leave it.
//!
//! It is a caller of the service like any other, so it needs no port of its own. What it must not forget over a restart, which
//! list it supports in a round, is in a folder before its vote or answer leaves; all else it reads again from the board.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::KeyPair;
use secagg::Vector;
use secagg::committee::{AwaitFrozen, Collecting, Committee, Frozen, Memory};
use terms::{Protocol, Terms};

use crate::board::Phase;
use crate::client::Api;
use crate::enrolment::{Enrolled, Selected};
use crate::error::Error;
use crate::kept::{Keeper, Kept};
use crate::keys;
use crate::round::{Stage, phases};

/// How long one exchange with the service may take before the round is looked at anew.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause after something went wrong.
const PAUSE: Duration = Duration::from_millis(500);

/// One aggregator, for one set of terms.
pub struct Member {
    terms: Terms,
    committee: Committee,
    enrolled: Enrolled,
    key: KeyPair,
    folder: PathBuf,
    api: Api,
    keeper: Option<Arc<dyn Keeper>>,
}

/// What it holds of the round under way.
enum Held {
    Collecting(Collecting<Selected>),
    AwaitFrozen(AwaitFrozen),
    /// It has answered.
    Done,
}

impl Member {
    /// The aggregator with this key. `enrolled` is its own copy of the enroller's list, and `folder` where it keeps what it
    /// must not forget. `address` overrides that of the terms.
    ///
    /// # Errors
    /// [`Error::Terms`] if the terms have no committee, or one without this key; [`Error::System`] for the folder.
    pub fn new(
        terms: Terms,
        enrolled: Enrolled,
        key: KeyPair,
        folder: PathBuf,
        address: Option<String>,
    ) -> Result<Self, Error> {
        let Protocol::Committee(committee) = terms.protocol().clone() else {
            return Err(Error::terms("these terms have no committee"));
        };
        if !terms.members().any(|member| member.0 == *key.identity().as_bytes()) {
            return Err(Error::terms("this key is not that of an aggregator of these terms"));
        }
        std::fs::create_dir_all(&folder).map_err(|e| system(&folder, &e))?;
        let api = Api::new(&terms, &key, address)?;
        Ok(Self { terms, committee, enrolled, key, folder, api, keeper: None })
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
        let mut at: (u64, Option<Phase>, Option<Held>) = (0, None, None);
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
                at = (standing.round, None, None);
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
    async fn act(&self, round: u64, phase: Phase, held: &mut Option<Held>, until: Instant) -> Result<(), Error> {
        if !matches!(phase, phases::CHECK | phases::VOTE | phases::ANSWER | phases::KEEP) {
            return Ok(());
        }
        if held.is_none() {
            *held = Some(Held::Collecting(self.collect(round, until).await?));
        }
        match (phase, held.take()) {
            (phases::CHECK, Some(Held::Collecting(machine))) => {
                let review = self.review(round, &machine, until).await;
                *held = Some(Held::Collecting(machine));
                self.api.post(round, Stage::Review, &review?, until).await
            }
            (phases::VOTE, Some(Held::Collecting(machine))) => {
                let proposal = match self.api.list(round, until).await {
                    Ok(proposal) => proposal,
                    Err(error) => {
                        *held = Some(Held::Collecting(machine));
                        return Err(error);
                    }
                };
                let approved = machine.check_proposal(&proposal)?;
                let (machine, memory, vote) = machine.vote(approved);
                self.remember(round, memory)?;
                *held = Some(Held::AwaitFrozen(machine));
                self.api.post(round, Stage::Vote, &vote, until).await
            }
            (phases::ANSWER | phases::KEEP, Some(Held::Collecting(machine))) => {
                self.unmask(round, machine.abstain(), held, until).await
            }
            (phases::ANSWER | phases::KEEP, Some(Held::AwaitFrozen(machine))) => {
                self.unmask(round, machine, held, until).await
            }
            (_, rest) => {
                *held = rest;
                Ok(())
            }
        }
    }

    /// Joins a round with all deposits on the board. Those that do not open are left out; the list will be without them.
    async fn collect(&self, round: u64, until: Instant) -> Result<Collecting<Selected>, Error> {
        let clients = self.enrolled.of_round(&self.terms, round);
        let (signer, open) = (keys::signer(&self.key), keys::open_key(&self.key)?);
        let memory = self.memory(round)?;
        let task = self.terms.task(round);
        let mut machine = Collecting::new(task, self.committee.clone(), signer, open, clients, memory)?;
        let mut after = None;
        loop {
            let page = self.api.deposits(round, after, until).await?;
            let Some((last, _)) = page.last() else { return Ok(machine) };
            after = Some(*last);
            for (client, message) in page {
                if let Err(error) = machine.deposit(&message) {
                    tracing::warn!(%client, %error, "a deposit is unusable");
                }
            }
        }
    }

    /// Whose contributions this aggregator cannot use.
    async fn review(&self, round: u64, machine: &Collecting<Selected>, until: Instant) -> Result<Vec<u8>, Error> {
        let proposal = self.api.list(round, until).await?;
        match machine.check_proposal(&proposal) {
            Ok(_) => Ok(vec![]),
            Err(secagg::Error::Unaccepted { missing }) => Ok(missing.iter().flat_map(|client| client.0).collect()),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers for the frozen list, or keeps its sum as shares.
    async fn unmask(
        &self,
        round: u64,
        machine: AwaitFrozen,
        held: &mut Option<Held>,
        until: Instant,
    ) -> Result<(), Error> {
        let keeper = self.keeper.as_ref().filter(|_| self.terms.draft().shares.is_some());
        let masked = async {
            match keeper {
                Some(_) => self.api.masked_sum(round, until).await.map(Some),
                None => Ok(None),
            }
        };
        let (list, masked) = match tokio::try_join!(self.api.list(round, until), masked) {
            Ok(both) => both,
            Err(error) => {
                *held = Some(Held::AwaitFrozen(machine));
                return Err(error);
            }
        };
        let frozen = machine.check_frozen(&list)?;
        let (stage, message) = match (keeper, masked) {
            (Some(keeper), Some(masked)) => {
                let (memory, part) = self.part(round, machine, &frozen, &masked)?;
                self.remember(round, memory)?;
                (Stage::Kept, keep(Arc::clone(keeper), part).await?.to_vec())
            }
            _ => {
                let (memory, answer) = machine.answer(&frozen)?;
                self.remember(round, memory)?;
                (Stage::Answer, answer)
            }
        };
        self.api.post(round, stage, &message, until).await?;
        *held = Some(Held::Done);
        Ok(())
    }

    /// This aggregator's part of the sum over the frozen list.
    fn part(&self, round: u64, machine: AwaitFrozen, frozen: &Frozen, masked: &[u8]) -> Result<(Memory, Kept), Error> {
        let task = self.terms.task(round);
        let masked = Vector::unpack(task.ring, task.len as usize, masked)?;
        let (memory, sum) = machine.keep(frozen, &masked)?;
        Ok((memory, Kept::new(&self.terms, round, frozen.list().len(), &sum)?))
    }

    fn file(&self, round: u64) -> PathBuf {
        self.folder.join(format!("{}-{round}", hex::encode(&self.terms.digest()[..8])))
    }

    fn memory(&self, round: u64) -> Result<Memory, Error> {
        let file = self.file(round);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Memory::decode(&bytes, &self.terms.task(round), &self.committee)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Memory::default()),
            Err(e) => Err(system(&file, &e)),
        }
    }

    /// Durable before it returns: the file, and its name.
    fn remember(&self, round: u64, memory: Memory) -> Result<(), Error> {
        let (file, beside) = (self.file(round), self.file(round).with_extension("new"));
        let bytes = memory.encode(&self.terms.task(round), &self.committee);
        let write = || {
            let mut new = File::create(&beside)?;
            new.write_all(&bytes)?;
            new.sync_all()?;
            std::fs::rename(&beside, &file)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|e| system(&file, &e))
    }
}

/// Puts a part where it is kept, and gives its origin.
async fn keep(keeper: Arc<dyn Keeper>, part: Kept) -> Result<[u8; 32], Error> {
    let origin = part.origin;
    let stored = tokio::task::spawn_blocking(move || keeper.keep(&part)).await;
    stored.map_err(|e| Error::System { what: e.to_string() })??;
    Ok(origin)
}

fn system(path: &Path, error: &std::io::Error) -> Error {
    Error::System { what: format!("{}: {error}", path.display()) }
}
