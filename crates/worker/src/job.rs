//! One job: this worker's side of one session, from the agreement's text to a signed receipt.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use agreement::{Agreement, Ratified, Receipt, Seen, SessionId};
use data::{DimBinding, Inputs};
use ir::PlayerId;
use net::link::resume::ResumeOptions;
use net::{Card, Dialer, Options, Player, Switchboard};
use session::{Entropy, Observer, Plan, PlayerData, Start};

use crate::config::Config;
use crate::error::WorkerError;
use crate::{proto, tensor};

/// What all jobs of a worker share.
pub(crate) struct Office {
    pub(crate) config: Config,
    pub(crate) dialer: Dialer,
    pub(crate) switchboard: Switchboard,
    /// Sessions that were begun since this worker was started.
    pub(crate) begun: Mutex<HashSet<SessionId>>,
}

/// An agreement that this worker will run, and who it is in it.
pub(crate) struct Job {
    pub(crate) ratified: Ratified,
    pub(crate) player: PlayerId,
    pub(crate) session: SessionId,
}

impl Office {
    /// Reads an agreement, checks it again, holds it against this worker's own roster, and sees whether it was
    /// ratified.
    pub(crate) fn admit(&self, text: &str, session: &[u8]) -> Result<Job, WorkerError> {
        let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
        let agreement = Agreement::from_text(text)?;
        self.compare_rosters(&agreement)?;
        let me = self.config.key.identity();
        let mine: Vec<&str> = agreement.roster().players_of(me).collect();
        let [name] = mine[..] else { return Err(WorkerError::NotMine { count: mine.len() }) };
        let player = agreement.checked().computation().player_named(name);
        let player = player.ok_or(WorkerError::NotMine { count: 0 })?;
        if !self.config.ratify_all {
            return Err(WorkerError::NotRatified { digest: agreement.digest().to_string() });
        }
        let ratified = Ratified::by_flag_ratify_all(agreement)?;
        if !self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(session) {
            return Err(WorkerError::Replay { id: session.to_string() });
        }
        Ok(Job { ratified, player, session })
    }

    /// A submitter must not be able to put another key under a player's name.
    fn compare_rosters(&self, agreement: &Agreement) -> Result<(), WorkerError> {
        for (player, member) in agreement.roster().iter() {
            let ours = self.config.roster.get(player);
            if ours.map(|m| m.identity) != Some(member.identity) {
                let ours = ours.map_or_else(|| "that it knows no such player".into(), |m| m.identity.to_string());
                let theirs = member.identity.to_string();
                return Err(WorkerError::RosterDiffers { player: player.to_owned(), theirs, ours });
            }
        }
        Ok(())
    }

    /// The lengths that this worker's data gives to the dimensions of a computation.
    pub(crate) fn describe(&self, text: &str, player: &str) -> Result<BTreeMap<String, u64>, WorkerError> {
        let computation = ir::text::parse(text).map_err(agreement::AgreementError::Computation)?;
        let checked = check::check(computation).map_err(agreement::AgreementError::Computation)?;
        let mut dims = DimBinding::new();
        Inputs::load(&self.config.datasets, checked.computation(), player, &mut dims)?;
        Ok(dims.lengths())
    }

    /// Runs a job. `may_read` says whether the caller gets the outputs that arrive here.
    pub(crate) async fn run(
        self: &Arc<Self>,
        job: &Job,
        observer: Observer,
        may_read: bool,
    ) -> Result<proto::Outcome, WorkerError> {
        let started_ms = now_ms();
        let data = self.load(job).await?;
        let inputs = session::commitments(&data.inputs, random)?;
        let card = self.card(job)?;
        let endpoints = self.endpoints(&card);
        let (links, presence) =
            net::mesh::connect(&card, &endpoints, &self.dialer, &self.switchboard, ResumeOptions::default()).await?;
        let start = Start {
            ratified: job.ratified.clone(),
            player: job.player,
            session: job.session,
            attempt: 0,
            entropy: Entropy::new(random()?),
            links: links.into_iter().map(|(p, link)| (PlayerId(p.0), link)).collect(),
            inputs: data.inputs,
            keys: data.keys,
            vault: data.vault,
            options: Options::default(),
            observer,
            stop: session::unstopped(),
        };
        let outcome = session::run(start).await;
        drop(presence);
        let outcome = outcome?;
        let cost = agreement::Cost { rounds: outcome.cost.rounds, bytes: outcome.cost.bytes };
        let agreement = job.ratified.agreement();
        let receipt = Receipt {
            version: Receipt::VERSION,
            agreement: agreement.digest(),
            session: job.session,
            attempt: 0,
            player: self.name(job).to_owned(),
            players: agreement.roster().iter().map(|(name, m)| (name.to_owned(), Seen(m.identity))).collect(),
            ratified: job.ratified.basis(),
            policy: None,
            started_ms,
            ended_ms: now_ms().max(started_ms),
            cost,
            inputs: session::published(&inputs),
            outputs: session::published(&session::commitments(&outcome.outputs, random)?),
            audit: None,
            evidence: BTreeMap::new(),
        };
        let receipt = receipt.sign(&self.config.key)?;
        let outputs = outcome.outputs.iter().filter(|_| may_read);
        Ok(proto::Outcome {
            outputs: outputs.map(|(name, value)| (name.clone(), tensor::to_proto(value))).collect(),
            delivered: outcome.outputs.keys().cloned().collect(),
            rounds: cost.rounds,
            bytes: cost.bytes,
            seconds: outcome.cost.elapsed.as_secs_f64(),
            receipt: serde_json::to_string(&receipt).map_err(|e| WorkerError::System { what: e.to_string() })?,
        })
    }

    /// The name of the player that we are in a job.
    pub(crate) fn name<'a>(&self, job: &'a Job) -> &'a str {
        &job.ratified.agreement().checked().computation().player(job.player).name
    }

    /// Reads this player's data, away from the threads that serve connections.
    async fn load(self: &Arc<Self>, job: &Job) -> Result<PlayerData, WorkerError> {
        let (office, agreement, name) =
            (Arc::clone(self), Arc::clone(job.ratified.agreement()), self.name(job).to_owned());
        let load = move || {
            let mut dims = DimBinding::agreed(agreement.dims());
            Inputs::load(&office.config.datasets, agreement.checked().computation(), &name, &mut dims)
        };
        let loaded =
            tokio::task::spawn_blocking(load).await.map_err(|e| WorkerError::System { what: e.to_string() })?;
        Ok(loaded?.into())
    }

    fn card(&self, job: &Job) -> Result<Card, WorkerError> {
        let agreement = job.ratified.agreement();
        let c = agreement.checked().computation();
        let mut plans = blake3::Hasher::new_derive_key("privity 2026-11 plans of a session v1");
        let mut players = Vec::new();
        for (i, player) in c.players.iter().enumerate() {
            let id = PlayerId(i as u16);
            plans.update(Plan::project(&job.ratified, id)?.to_string().as_bytes());
            let member = agreement.roster().get(&player.name).ok_or(WorkerError::NotMine { count: 0 })?;
            players.push((Player { id: net::PlayerId(id.0), name: player.name.as_str().into() }, member.identity));
        }
        Ok(Card {
            session: job.session.0,
            agreement: agreement.digest().0,
            plan: *plans.finalize().as_bytes(),
            me: net::PlayerId(job.player.0),
            players,
        })
    }

    /// Where the players listen, by this worker's own roster.
    fn endpoints(&self, card: &Card) -> Vec<String> {
        let endpoint =
            |name: &str| self.config.roster.get(name).and_then(|m| m.endpoint.as_ref()).map(ToString::to_string);
        card.players.iter().map(|(p, _)| endpoint(&p.name).unwrap_or_default()).collect()
    }
}

/// Fresh bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], WorkerError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| WorkerError::System { what: e.to_string() })?;
    Ok(bytes)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
