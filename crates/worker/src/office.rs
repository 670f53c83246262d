//! What all jobs of a worker share, and how it judges what is brought to it: by its own roster, its own checks, and its
//! operator's will.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use agreement::{Agreement, AgreementError, Ratified, SessionId};
use data::{DimBinding, Inputs};
use ir::PlayerId;
use net::{Card, Dialer, Identity, Player, Switchboard};
use session::Plan;

use crate::clock::now_ms;
use crate::config::Config;
use crate::error::WorkerError;
use crate::examine::{Finding, examine};
use crate::jobs::{About, Jobs};
use crate::memory;
use crate::metrics::Metrics;
use crate::rate::Counts;

/// See the module.
pub(crate) struct Office {
    pub(crate) config: Config,
    pub(crate) dialer: Dialer,
    pub(crate) switchboard: Switchboard,
    pub(crate) jobs: Jobs,
    pub(crate) metrics: Metrics,
    pub(crate) counts: Arc<Counts>,
    /// Sessions that were begun since this worker was started.
    begun: Mutex<HashSet<SessionId>>,
    /// Examinations of the ways to others, one at a time: each takes bandwidth.
    examining: tokio::sync::Mutex<()>,
    /// Counts connections that were refused; the port brings it.
    refused: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
}

/// An agreement that was read and checked here, and who this worker is in it.
pub(crate) struct Reviewed {
    pub(crate) agreement: Agreement,
    pub(crate) player: PlayerId,
}

/// An agreement that this worker will run.
pub(crate) struct Job {
    pub(crate) ratified: Ratified,
    pub(crate) player: PlayerId,
    pub(crate) session: SessionId,
    /// What this worker says in greetings.
    pub(crate) card: Card,
    /// Memory that it takes at most.
    pub(crate) memory: u64,
}

impl Office {
    pub(crate) fn new(config: Config, dialer: Dialer) -> Office {
        Office {
            jobs: Jobs::new(config.jobs),
            config,
            dialer,
            switchboard: Switchboard::new(),
            metrics: Metrics::new(),
            counts: Arc::default(),
            begun: Mutex::default(),
            examining: tokio::sync::Mutex::default(),
            refused: OnceLock::new(),
        }
    }

    pub(crate) fn count_refused_by(&self, count: impl Fn() -> u64 + Send + Sync + 'static) {
        // A worker has one port; a second count would be of no other.
        let _ = self.refused.set(Box::new(count));
    }

    pub(crate) fn refused_connections(&self) -> u64 {
        self.refused.get().map_or(0, |count| count())
    }

    /// How this worker reaches all others of its roster.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] if it is being examined already.
    pub(crate) async fn examine(&self) -> Result<Vec<Finding>, WorkerError> {
        let _alone = self.examining.try_lock().map_err(|_| WorkerError::Busy { waiting: 1 })?;
        let me = self.config.key.identity();
        let mut findings = Vec::new();
        for (player, member) in self.config.roster.iter().filter(|(_, m)| m.identity != me) {
            findings.extend(examine(&self.dialer, "", player, member).await);
        }
        Ok(findings)
    }

    /// Whether an identity may ask once more just now, and may submit.
    pub(crate) fn hear(&self, caller: Identity) -> Result<(), WorkerError> {
        let per_minute = self.config.limits.requests_per_minute;
        match self.counts.request(caller, per_minute, Instant::now()) {
            true => Ok(()),
            false => Err(WorkerError::TooMany { identity: caller.to_string(), per_minute }),
        }
    }

    /// Reads an agreement, checks it again, and holds it against this worker's own roster.
    pub(crate) fn review(&self, text: &str) -> Result<Reviewed, WorkerError> {
        let agreement = Agreement::from_text(text)?;
        self.compare_rosters(&agreement)?;
        let me = self.config.key.identity();
        let mine: Vec<&str> = agreement.roster().players_of(me).collect();
        let [name] = mine[..] else { return Err(WorkerError::NotMine { count: mine.len() }) };
        let player = agreement.checked().computation().player_named(name);
        let player = player.ok_or(WorkerError::NotMine { count: 0 })?;
        Ok(Reviewed { agreement, player })
    }

    /// What this worker will run of an agreement, in a session.
    ///
    /// # Errors
    /// As [`review`](Self::review); an agreement that nobody ratified, or that is not to run now; a session's id that
    /// is none.
    pub(crate) fn admit(&self, text: &str, session: &[u8]) -> Result<Job, WorkerError> {
        let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
        let Reviewed { agreement, player } = self.review(text)?;
        agreement.check_time(now_ms())?;
        if !self.config.ratify_all {
            return Err(WorkerError::NotRatified { digest: agreement.digest().to_string() });
        }
        let ratified = Ratified::by_flag_ratify_all(agreement)?;
        let card = card(&ratified, player, session)?;
        let memory = memory::bound(&Plan::project(&ratified, player)?);
        Ok(Job { ratified, player, session, card, memory })
    }

    /// Spends the session's id: no session of this id will ever begin here again.
    pub(crate) fn begin(&self, job: &Job) -> Result<(), WorkerError> {
        job.ratified.agreement().check_time(now_ms())?;
        match self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(job.session) {
            true => Ok(()),
            false => Err(WorkerError::Replay { id: job.session.to_string() }),
        }
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
        let computation = ir::text::parse(text).map_err(AgreementError::Computation)?;
        let checked = check::check(computation).map_err(AgreementError::Computation)?;
        let mut dims = DimBinding::new();
        Inputs::load(&self.config.datasets, checked.computation(), player, &mut dims)?;
        Ok(dims.lengths())
    }

    /// Where the players of a session listen, by this worker's own roster.
    pub(crate) fn endpoints(&self, card: &Card) -> Vec<String> {
        let endpoint =
            |name: &str| self.config.roster.get(name).and_then(|m| m.endpoint.as_ref()).map(ToString::to_string);
        card.players.iter().map(|(p, _)| endpoint(&p.name).unwrap_or_default()).collect()
    }
}

impl Job {
    /// The name of the player that we are.
    pub(crate) fn name(&self) -> &str {
        &self.ratified.agreement().checked().computation().player(self.player).name
    }

    /// What the table of jobs keeps of it.
    pub(crate) fn about(&self, submitter: Identity) -> About {
        About {
            session: self.session,
            agreement: self.ratified.agreement().digest(),
            computation: self.ratified.agreement().checked().computation().name.clone(),
            player: self.name().to_owned(),
            submitter,
            memory: self.memory,
            submitted_ms: now_ms(),
        }
    }
}

/// What all workers of a session must believe alike: agreement, players, and the plans of all of them.
fn card(ratified: &Ratified, me: PlayerId, session: SessionId) -> Result<Card, WorkerError> {
    let agreement = ratified.agreement();
    let c = agreement.checked().computation();
    let mut plans = blake3::Hasher::new_derive_key("privity 2026-11 plans of a session v1");
    let mut players = Vec::new();
    for (i, player) in c.players.iter().enumerate() {
        let id = PlayerId(i as u16);
        plans.update(Plan::project(ratified, id)?.to_string().as_bytes());
        let member = agreement.roster().get(&player.name).ok_or(WorkerError::NotMine { count: 0 })?;
        players.push((Player { id: net::PlayerId(id.0), name: player.name.as_str().into() }, member.identity));
    }
    Ok(Card {
        session: session.0,
        agreement: agreement.digest().0,
        plan: *plans.finalize().as_bytes(),
        me: net::PlayerId(me.0),
        players,
    })
}
