//! All players in one process: the same plans, kernels and keys as between workers, over links in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use check::Checked;
use ir::{Computation, PlayerId};
use net::{Link, Options};
use schemes::Plain;
use tokio::task::JoinSet;

use crate::error::SessionError;
use crate::events::Observer;
use crate::matching::KeyColumns;
use crate::plan::{Dims, Plan};
use crate::run::{Outcome, Start, run};
use crate::stage::Entropy;
use schemes::keys::Binding;

/// One player's data.
#[derive(Default)]
pub struct PlayerData {
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Plain>,
    /// The key columns of its inputs along matched dimensions.
    pub keys: KeyColumns,
}

/// What each player was left with.
pub type Outcomes = BTreeMap<PlayerId, Outcome>;

/// Runs a computation with all players in this process, each as a task of its own that sees only its own data,
/// its own shares, and messages.
///
/// # Errors
/// The first error that is no echo of another player's.
pub async fn run_local(
    checked: &Checked,
    dims: &Dims,
    mut data: BTreeMap<PlayerId, PlayerData>,
    binding: &Binding,
    mut entropy: impl FnMut() -> Entropy,
    observer: &Observer,
) -> Result<Outcomes, SessionError> {
    let c: &Computation = checked.computation();
    let mut links = memory_links(c);
    let mut tasks = JoinSet::new();
    for i in 0..c.players.len() {
        let player = PlayerId(i as u16);
        let data = data.remove(&player).unwrap_or_default();
        let start = Start {
            plan: Plan::project(checked, player, dims)?,
            binding: *binding,
            entropy: entropy(),
            links: links.remove(&player).unwrap_or_default(),
            inputs: data.inputs,
            keys: data.keys,
            options: Options::in_process(),
            observer: Arc::clone(observer),
        };
        tasks.spawn(async move { (player, run(start).await) });
    }
    let mut outcomes = Outcomes::new();
    let mut errors: Vec<SessionError> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok((player, Ok(outcome))) => drop(outcomes.insert(player, outcome)),
            Ok((_, Err(error))) => errors.push(error),
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(e) => errors.push(SessionError::Internal { what: e.to_string() }),
        }
    }
    // Everyone who was told of an error reports it; the one who found it says most.
    errors.sort_by_key(|e| (e.is_echo(), e.is_remote()));
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(outcomes),
    }
}

/// A link in memory between every two players.
fn memory_links(c: &Computation) -> BTreeMap<PlayerId, Vec<(PlayerId, Link)>> {
    let mut links: BTreeMap<PlayerId, Vec<(PlayerId, Link)>> = BTreeMap::new();
    let players: Vec<PlayerId> = (0..c.players.len()).map(|i| PlayerId(i as u16)).collect();
    for (i, a) in players.iter().enumerate() {
        for b in &players[i + 1..] {
            let (to_b, to_a) = net::link::memory::pair();
            links.entry(*a).or_default().push((*b, to_b));
            links.entry(*b).or_default().push((*a, to_a));
        }
    }
    links
}
