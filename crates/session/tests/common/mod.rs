//! A world of players in one process whose vaults outlive its sessions, and whose players can crash.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use ir::PlayerId;
use net::{Link, Options};
use schemes::Plain;
use session::{Dims, Entropy, Event, MemoryVault, Modules, Observer, Outcome, SessionError, Start, Vault, unstopped};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What each player was left with; nothing if it crashed.
pub(crate) type Left = Vec<Option<Result<Outcome, SessionError>>>;

/// A player that crashes as soon as its progress satisfies a condition.
pub(crate) type Crash = (u16, fn(&Event) -> bool);

pub(crate) struct World {
    pub(crate) vaults: Vec<Arc<MemoryVault>>,
    inputs: BTreeMap<String, (u16, Vec<f64>)>,
    dims: Dims,
}

/// One attempt at one session.
#[derive(Clone, Copy)]
pub(crate) struct Try {
    pub(crate) session: u8,
    pub(crate) attempt: u32,
    pub(crate) seed: u8,
    pub(crate) crash: Option<Crash>,
}

impl Try {
    pub(crate) fn first(session: u8) -> Try {
        Try { session, attempt: 0, seed: session, crash: None }
    }
}

pub(crate) fn ratified(text: &str, dims: &Dims) -> Ratified {
    let computation = ir::text::parse(text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let checked = check::check(computation).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    Ratified::local(Agreement::in_process(checked, dims.clone()).unwrap()).unwrap()
}

impl World {
    pub(crate) fn new(players: usize) -> World {
        let vaults = (0..players).map(|_| Arc::default()).collect();
        World { vaults, inputs: BTreeMap::new(), dims: Dims::new() }
    }

    pub(crate) fn input(mut self, player: u16, name: &str, values: &[f64]) -> World {
        self.inputs.insert(name.to_owned(), (player, values.to_vec()));
        self
    }

    pub(crate) fn dim(mut self, name: &str, length: u64) -> World {
        self.dims.insert(name.to_owned(), length);
        self
    }

    /// Runs a session to its end for all players that do not crash.
    pub(crate) fn attempt(&self, text: &str, how: Try) -> Left {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(self.run(&ratified(text, &self.dims), how))
    }

    /// Runs a session in which nobody crashes.
    pub(crate) fn run_once(&self, text: &str, session: u8) -> Result<Vec<Outcome>, SessionError> {
        all(self.attempt(text, Try::first(session)))
    }

    async fn run(&self, ratified: &Ratified, how: Try) -> Left {
        let names: Vec<String> = ratified
            .agreement()
            .checked()
            .computation()
            .inputs()
            .map(|(i, _)| i.attrs.str("name").unwrap().into())
            .collect();
        let n = ratified.agreement().checked().computation().players.len();
        let mut tasks = JoinSet::new();
        for (i, links) in links(n).into_iter().enumerate() {
            let (observer, crashed) = watch(how.crash.filter(|(player, _)| usize::from(*player) == i));
            let mine =
                self.inputs.iter().filter(|(name, (player, _))| usize::from(*player) == i && names.contains(name));
            let start = Start {
                ratified: ratified.clone(),
                player: PlayerId(i as u16),
                session: SessionId([how.session; 16]),
                attempt: how.attempt,
                entropy: Entropy::new([how.seed.wrapping_mul(16).wrapping_add(i as u8); 32]),
                links,
                inputs: mine.map(|(n, (_, v))| (n.clone(), Plain::F64(Tensor::from_vec(v.clone())))).collect(),
                keys: BTreeMap::new(),
                vault: Arc::clone(&self.vaults[i]) as Arc<dyn Vault>,
                sums: session::Sums::new(),
                modules: Modules::default(),
                options: Options::in_process(),
                observer,
                stop: unstopped(),
            };
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    // Its links end without a farewell, as those of a process that is killed.
                    Ok(()) = crashed => (i, None),
                    outcome = session::run(start) => (i, Some(outcome)),
                }
            });
        }
        let mut left: Vec<_> = tasks.join_all().await;
        left.sort_by_key(|(i, _)| *i);
        left.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

/// An observer, and what resolves when the player is to crash.
fn watch(crash: Option<Crash>) -> (Observer, oneshot::Receiver<()>) {
    let (now, crashed) = oneshot::channel();
    let now = Mutex::new(Some(now));
    let observer = Arc::new(move |event: Event| {
        let mut now = now.lock().unwrap();
        if let Some((_, due)) = crash
            && due(&event)
            && let Some(now) = now.take()
        {
            let _ = now.send(());
        }
    });
    (observer, crashed)
}

fn links(n: usize) -> Vec<Vec<(PlayerId, Link)>> {
    let mut links: Vec<Vec<(PlayerId, Link)>> = (0..n).map(|_| Vec::new()).collect();
    for i in 0..n {
        for j in i + 1..n {
            let (to_j, to_i) = net::link::memory::pair();
            links[i].push((PlayerId(j as u16), to_j));
            links[j].push((PlayerId(i as u16), to_i));
        }
    }
    links
}

/// All outcomes, or the error that says most.
pub(crate) fn all(left: Left) -> Result<Vec<Outcome>, SessionError> {
    let (mut outcomes, mut errors) = (Vec::new(), Vec::new());
    for one in left.into_iter().flatten() {
        match one {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => errors.push(error),
        }
    }
    errors.sort_by_key(|e| (e.is_echo(), e.is_remote()));
    errors.into_iter().next().map_or(Ok(outcomes), Err)
}

pub(crate) fn output(outcomes: &[Outcome], player: usize, name: &str) -> Vec<f64> {
    outcomes[player].outputs[name].to_f64().data().to_vec()
}
