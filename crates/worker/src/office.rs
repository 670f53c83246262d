//! What all jobs of a worker share, and how it judges what is brought to it: by its own roster, its own checks, and its
//! operator's will.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use agreement::{Agreement, AgreementError, Ratified, SessionId};
use audit::Event;
use data::DimBinding;
use ir::PlayerId;
use net::exchange::{Ahead, Pool};
use net::{Card, Dialer, Identity, Player, Switchboard};
use session::Plan;
use store::{KeyFault, KeyFile, KeySource, State, Store};

use crate::archive::is_final;
use crate::clock::now_ms;
use crate::config::{self, Config};
use crate::error::WorkerError;
use crate::examine::{Finding, examine};
use crate::inputs::{check_brought, held_sums, in_files, opened_memory};
use crate::jobs::{About, Jobs};
use crate::journal::Journal;
use crate::kept::Memory;
use crate::metrics::Metrics;
use crate::postman::Postman;
use crate::proto;
use crate::rate::Counts;
use crate::release::Releases;
use crate::traces::Traces;

/// Bytes of what one peer sends before it is asked for that are set aside with a session's memory.
const AHEAD: usize = 16 << 20;

/// See the module.
pub(crate) struct Office {
    pub(crate) config: Config,
    pub(crate) dialer: Dialer,
    pub(crate) switchboard: Switchboard,
    pub(crate) jobs: Jobs,
    /// Room for what arrives ahead, beyond what each session has of its own.
    pool: Pool,
    pub(crate) metrics: Metrics,
    pub(crate) traces: Traces,
    pub(crate) counts: Arc<Counts>,
    /// Refusals that were recorded.
    pub(crate) refusals: Counts,
    /// Examinations of the ways to others, one at a time: each takes bandwidth.
    examining: tokio::sync::Mutex<()>,
    /// Datasets that are read only to be described, one at a time: each takes memory.
    pub(crate) describing: tokio::sync::Mutex<()>,
    pub(crate) post: Postman,
    /// Everything that must not be lost.
    pub(crate) store: Arc<Store>,
    /// What happened here, for good; and what changes the store so that it has to be told.
    pub(crate) journal: Journal,
    /// Keys of sealed tables that were asked for.
    pub(crate) releases: Releases,
    /// What must not get into the store.
    pub(crate) inside: Memory,
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
    /// 0 at first; one more for each time that the session is resumed.
    pub(crate) attempt: u32,
    /// What this worker says in greetings.
    pub(crate) card: Card,
    /// Memory that it takes at most.
    pub(crate) memory: u64,
}

impl Office {
    /// Opens the store and the audit log; makes them if there are none. Waits for the disk.
    pub(crate) fn open(config: Config, dialer: Dialer) -> Result<Office, WorkerError> {
        let store = Arc::new(open_store(&config.store)?);
        let journal = Journal::open(Arc::clone(&store), &config.store, &config.key)?;
        let traces = Traces::new(config.traces.as_ref(), &config.key.identity().to_string());
        let office = Office {
            jobs: Jobs::new(config.jobs),
            pool: Pool::new(config.jobs.ahead()),
            config,
            dialer,
            switchboard: Switchboard::new(),
            metrics: Metrics::new(),
            traces,
            counts: Arc::default(),
            refusals: Counts::default(),
            examining: tokio::sync::Mutex::default(),
            describing: tokio::sync::Mutex::default(),
            post: Postman::default(),
            store,
            journal,
            releases: Releases::default(),
            inside: Memory::default(),
            refused: OnceLock::new(),
        };
        office.journal.enter(&[Event::Started { version: env!("CARGO_PKG_VERSION").into() }])?;
        if let Some(rules) = &office.config.policy {
            office.journal.enter(&[Event::PolicyLoaded { digest: rules.digest.clone() }])?;
        }
        office.tidy()?;
        Ok(office)
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

    /// Whether an identity may ask once more just now.
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
    /// is none; an attempt that was begun before, at a session that ended well or is another agreement's; an agreement
    /// or a rule of the policy that is used up, so that nobody waits for a turn that it cannot take.
    pub(crate) fn admit(&self, request: &proto::RunRequest) -> Result<Job, WorkerError> {
        let session = SessionId(request.session[..].try_into().map_err(|_| WorkerError::SessionId)?);
        let attempt = request.attempt;
        let Reviewed { agreement, player } = self.review(&request.agreement)?;
        agreement.check_time(now_ms())?;
        check_brought(&self.config, agreement.checked().computation(), player)?;
        self.check_machines(&agreement)?;
        let ratified = self.ratified(agreement, &request.ratifications)?;
        let name = &ratified.agreement().checked().computation().player(player).name;
        let opened = opened_memory(self, ratified.agreement(), name)?;
        let kept = self.check_results(ratified.agreement(), player)?;
        held_sums(self, ratified.agreement(), name)?;
        if attempt > 0 {
            may_attempt(&ratified, session, attempt)?;
        }
        if let Some(known) = self.store.session(session.0)? {
            let replay = || WorkerError::Replay { id: session.to_string() };
            let same = known.agreement == ratified.agreement().digest().0;
            let State::Failed { code, .. } = &known.state else { return Err(replay()) };
            if !same || known.attempt >= attempt {
                return Err(replay());
            }
            if is_final(code) {
                let why = format!("it ended with {code}, which another attempt must not try once more");
                return Err(WorkerError::NotResumable { id: session.to_string(), why });
            }
        }
        let card = card(&ratified, player, session, attempt)?;
        let peers = card.players.len().saturating_sub(1) as u64;
        let values = session::memory_bound(&Plan::project(&ratified, player)?);
        let memory = values.saturating_add(peers * AHEAD as u64).saturating_add(opened).saturating_add(kept);
        let job = Job { ratified, player, session, attempt, card, memory };
        self.store.afford(now_ms(), &self.charges(&job)?)?;
        Ok(job)
    }

    /// What a session may hold of what its peers send before it is asked for.
    pub(crate) fn ahead(&self) -> Ahead {
        Ahead { own: AHEAD, pool: self.pool.clone() }
    }

    /// A submitter must not be able to put another key under a player's name, nor leave out what it must prove.
    fn compare_rosters(&self, agreement: &Agreement) -> Result<(), WorkerError> {
        for (player, member) in agreement.roster().iter() {
            let ours = self.config.roster.get(player);
            let said = |m: &agreement::Member| match &m.claims {
                None => m.identity.to_string(),
                Some(claims) => format!("{}, proving {}", m.identity, claims.in_words().join("; ")),
            };
            if ours.map(|m| (m.identity, &m.claims)) != Some((member.identity, &member.claims)) {
                let ours = ours.map_or_else(|| "that it knows no such player".into(), said);
                return Err(WorkerError::RosterDiffers { player: player.to_owned(), theirs: said(member), ours });
            }
        }
        // Whoever enrols could make up members, so that is for each operator to say, too.
        for (group, enroller) in agreement.roster().groups() {
            let ours = self.config.roster.enroller(group);
            if ours != Some(enroller) {
                let ours = ours.map_or_else(|| "that it knows no enroller of it".into(), |ours| ours.to_string());
                let (player, theirs) = (group.to_owned(), format!("{enroller}, who enrols its members"));
                return Err(WorkerError::RosterDiffers { player, theirs, ours });
            }
        }
        Ok(())
    }

    /// A worker goes nowhere near a machine that has to prove something unless its own operator says what that machine has to be.
    fn check_machines(&self, agreement: &Agreement) -> Result<(), WorkerError> {
        let me = self.config.key.identity();
        for (player, member) in agreement.roster().iter().filter(|(_, m)| m.claims.is_some()) {
            let player = player.to_owned();
            if member.identity == me && !self.config.machines.proves() {
                return Err(WorkerError::ProvesNothing { player });
            }
            if member.identity != me && !self.config.machines.asks(&member.identity) {
                return Err(WorkerError::NoMachinePolicy { player });
            }
        }
        Ok(())
    }

    /// The lengths that this worker's data gives to the dimensions of a computation.
    pub(crate) fn describe(&self, text: &str, player: &str) -> Result<BTreeMap<String, u64>, WorkerError> {
        let computation = ir::text::parse(text).map_err(AgreementError::Computation)?;
        let checked = check::check(computation).map_err(AgreementError::Computation)?;
        let mut dims = DimBinding::new();
        in_files(&self.config, checked.computation(), player, &mut dims)?;
        Ok(dims.lengths())
    }

    /// The player of an identity, and where its worker listens, by this worker's own roster.
    pub(crate) fn address(&self, peer: Identity) -> Option<(String, String)> {
        let (name, member) = self.config.roster.iter().find(|(_, m)| m.identity == peer)?;
        Some((name.to_owned(), member.endpoint.as_ref().map(ToString::to_string)?))
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

/// Whether a session of an agreement may be attempted again at all. Only what has checkpoints can go on; whatever else runs
/// again from its beginning discloses anew, and is another use.
fn may_attempt(ratified: &Ratified, session: SessionId, attempt: u32) -> Result<(), WorkerError> {
    let no = |why: &str| Err(WorkerError::NotResumable { id: session.to_string(), why: why.to_owned() });
    let graph = &ratified.agreement().checked().computation().graph;
    match graph.body.instrs.iter().any(|instr| instr.attrs.int("checkpoint").is_some()) {
        _ if attempt >= session::ATTEMPTS => no(&format!("it was attempted {} times", session::ATTEMPTS)),
        true => Ok(()),
        false => no("its program has no checkpoints to go on from"),
    }
}

/// Opens a worker's store, or makes it together with its key.
fn open_store(places: &config::Store) -> Result<Store, WorkerError> {
    let key: Box<dyn KeySource> = match &places.tpm {
        Some(key) => Box::new(key.clone()),
        None => Box::new(key_file(places).map_err(store::StoreError::from)?),
    };
    if Store::exists(&places.folder) {
        let store = Store::open(&places.folder, &*key)?;
        return gone(places, Some(&store)).map(|()| store);
    }
    gone(places, None)?;
    let store = Store::create(&places.folder, &*key)?;
    tracing::info!(folder = %places.folder.display(), key = key.kind(), "a new store was made");
    Ok(store)
}

/// Whether store and audit log are both there, or neither is: a new store would have forgotten which sessions and uses are
/// spent, and a new log what happened.
pub(crate) fn gone(places: &config::Store, store: Option<&Store>) -> Result<(), WorkerError> {
    let (folder, audit) = (places.folder.clone(), places.audit.clone());
    match (store, audit.exists()) {
        (None, true) => Err(WorkerError::Gone { what: folder, beside: audit }),
        (Some(store), false) if !store.sessions()?.is_empty() => Err(WorkerError::Gone { what: audit, beside: folder }),
        _ => Ok(()),
    }
}

/// The file with the store's key; it is made together with the store.
fn key_file(places: &config::Store) -> Result<KeyFile, KeyFault> {
    match Store::exists(&places.folder) || places.audit.exists() || places.key.exists() {
        true => KeyFile::load(&places.key),
        false => KeyFile::generate(&places.key),
    }
}

/// Where the workers of one attempt at a session meet: its id, and another one for each later attempt, so that workers
/// that disagree on the attempt do not meet, and late connections of an earlier one lead nowhere.
fn meeting(session: SessionId, attempt: u32) -> [u8; 16] {
    if attempt == 0 {
        return session.0;
    }
    let mut place = [0; 16];
    let mut hasher = blake3::Hasher::new_derive_key("privity 2026-11 later attempt at a session v1");
    hasher.update(&session.0).update(&attempt.to_be_bytes()).finalize_xof().fill(&mut place);
    place
}

/// What all workers of a session must believe alike: agreement, players, and the plans of all of them.
fn card(ratified: &Ratified, me: PlayerId, session: SessionId, attempt: u32) -> Result<Card, WorkerError> {
    let agreement = ratified.agreement();
    let c = agreement.checked().computation();
    let mut plans = blake3::Hasher::new_derive_key("privity 2026-11 plans of a session v1");
    let mut players = Vec::new();
    // Members of groups compute before a session, and have no part in it.
    for (i, player) in c.players.iter().enumerate().filter(|(_, p)| p.group.is_none()) {
        let id = PlayerId(i as u16);
        plans.update(Plan::project(ratified, id)?.to_string().as_bytes());
        let member = agreement.roster().get(&player.name).ok_or(WorkerError::NotMine { count: 0 })?;
        players.push((Player { id: net::PlayerId(id.0), name: player.name.as_str().into() }, member.identity));
    }
    Ok(Card {
        session: meeting(session, attempt),
        agreement: agreement.digest().0,
        plan: *plans.finalize().as_bytes(),
        me: net::PlayerId(me.0),
        players,
    })
}
