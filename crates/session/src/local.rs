//! All players in one process: the same plans, kernels and keys as between workers, over links in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::{Digest, Ratified, SessionId};
use ir::{Computation, PlayerId};
use net::{Identity, Link, Options};
use schemes::Plain;
use tokio::task::JoinSet;

use crate::error::SessionError;
use crate::events::Observer;
use crate::federated::{Round, Sums};
use crate::matching::KeyColumns;
use crate::module::Modules;
use crate::run::{Outcome, Start, run, unstopped};
use crate::settle::{InDoubt, Next};
use crate::stage::Entropy;
use crate::vault::{Attempt, MemoryVault, Vault};

/// One player's data.
pub struct PlayerData {
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Plain>,
    /// The key columns of its inputs along matched dimensions.
    pub keys: KeyColumns,
    /// Its saved values. What a [`MemoryVault`] holds dies with it: share one among runs to load what others saved.
    pub vault: Arc<dyn Vault>,
    /// The modules that it can run.
    pub modules: Modules,
}

impl Default for PlayerData {
    fn default() -> PlayerData {
        let (inputs, keys, modules) = (BTreeMap::new(), KeyColumns::new(), Modules::default());
        PlayerData { inputs, keys, vault: Arc::new(MemoryVault::default()), modules }
    }
}

impl PlayerData {
    /// The values of one dataset.
    pub fn plain(mut loaded: data::Loaded) -> Plain {
        clear(&mut loaded.values)
    }
}

impl From<data::Inputs> for PlayerData {
    fn from(mut inputs: data::Inputs) -> PlayerData {
        let plain = |(name, loaded): (&String, &mut data::Loaded)| (name.clone(), clear(&mut loaded.values));
        PlayerData {
            inputs: inputs.values.iter_mut().map(plain).collect(),
            keys: std::mem::take(&mut inputs.keys),
            ..PlayerData::default()
        }
    }
}

/// Takes a tensor out of where it was loaded to.
fn clear(values: &mut data::Values) -> Plain {
    use std::mem::take;
    match values {
        data::Values::Bool(t) => Plain::Bool(take(t)),
        data::Values::I64(t) => Plain::I64(take(t)),
        data::Values::U64(t) => Plain::U64(take(t)),
        data::Values::F32(t) => Plain::F32(take(t)),
        data::Values::F64(t) => Plain::F64(take(t)),
    }
}

/// What each player was left with.
pub type Outcomes = BTreeMap<PlayerId, Outcome>;

/// Runs a computation with all players in this process, each as a task of its own that sees only its own data,
/// its own shares, and messages.
///
/// # Errors
/// The first error that is no echo of another player's.
pub async fn run_local(
    ratified: &Ratified,
    session: SessionId,
    data: BTreeMap<PlayerId, PlayerData>,
    mut entropy: impl FnMut() -> Entropy,
    observer: &Observer,
) -> Result<Outcomes, SessionError> {
    let agreement = ratified.agreement();
    let origin = Attempt { agreement: agreement.digest(), session, number: 0 };
    let mut sums = BTreeMap::new();
    for round in Round::all(agreement)? {
        let group = agreement.checked().computation().player_named(round.group());
        let members = group.and_then(|group| data.get(&group)).map(|data| &data.inputs);
        let parts = round.share(members.unwrap_or(&BTreeMap::new()), origin, &entropy().sharing())?;
        hand_out(&mut sums, group, parts);
    }
    run_with(ratified, session, data, sums, entropy, observer).await
}

/// Each player's parts of sums over groups.
pub(crate) type Parts = BTreeMap<PlayerId, Sums>;

/// Gives each player its part of the sum over a group.
pub(crate) fn hand_out(sums: &mut Parts, group: Option<PlayerId>, parts: Sums) {
    for (player, part) in parts {
        sums.entry(player).or_default().extend(group.map(|group| (group, part)));
    }
}

/// The same, with the sums over groups.
pub(crate) async fn run_with(
    ratified: &Ratified,
    session: SessionId,
    mut data: BTreeMap<PlayerId, PlayerData>,
    mut sums: Parts,
    mut entropy: impl FnMut() -> Entropy,
    observer: &Observer,
) -> Result<Outcomes, SessionError> {
    let c = ratified.agreement().checked().computation();
    let mut links = memory_links(c);
    let mut vaults: BTreeMap<Identity, Arc<dyn Vault>> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    for player in single(c) {
        let data = data.remove(&player).unwrap_or_default();
        if let Some(member) = ratified.agreement().roster().get(&c.player(player).name) {
            vaults.insert(member.identity, Arc::clone(&data.vault));
        }
        let start = Start {
            ratified: ratified.clone(),
            player,
            session,
            attempt: 0,
            entropy: entropy(),
            links: links.remove(&player).unwrap_or_default(),
            inputs: data.inputs,
            keys: data.keys,
            vault: data.vault,
            sums: sums.remove(&player).unwrap_or_default(),
            modules: data.modules,
            options: Options::in_process(),
            observer: Arc::clone(observer),
            stop: unstopped(),
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
    settle_all(&vaults, ratified.agreement().digest(), session)?;
    // Everyone who was told of an error reports it; the one who found it says most.
    // Of several that say as much, always the same one.
    errors.sort_by_key(|e| (e.is_echo(), e.is_remote(), e.to_string()));
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(outcomes),
    }
}

/// Settles what a session that failed left in doubt: here nobody is out of reach.
fn settle_all(
    vaults: &BTreeMap<Identity, Arc<dyn Vault>>,
    agreement: Digest,
    session: SessionId,
) -> Result<(), SessionError> {
    let refused = |error| SessionError::Vault { player: "this process".into(), error };
    for vault in vaults.values() {
        for (attempt, partners) in vault.in_doubt().map_err(refused)? {
            if (attempt.agreement, attempt.session) != (agreement, session) {
                continue;
            }
            let mut next = InDoubt::prepared(partners.iter().copied());
            for partner in &partners {
                let (Next::Waiting(doubt), Some(partners_vault)) = (next.clone(), vaults.get(partner)) else { break };
                next = doubt.hear(partner, partners_vault.answer(&attempt).map_err(refused)?);
            }
            if let Next::Decided(decision) = next {
                vault.settle(&attempt, decision).map_err(refused)?;
            }
        }
    }
    Ok(())
}

/// The players: members of groups compute before a session, and have no part in it.
fn single(c: &Computation) -> impl Iterator<Item = PlayerId> + '_ {
    let all = (0..c.players.len()).map(|i| PlayerId(i as u16));
    all.filter(|p| c.player(*p).group.is_none())
}

/// A link in memory between every two players.
fn memory_links(c: &Computation) -> BTreeMap<PlayerId, Vec<(PlayerId, Link)>> {
    let mut links: BTreeMap<PlayerId, Vec<(PlayerId, Link)>> = BTreeMap::new();
    let players: Vec<PlayerId> = single(c).collect();
    for (i, a) in players.iter().enumerate() {
        for b in &players[i + 1..] {
            let (to_b, to_a) = net::link::memory::pair();
            links.entry(*a).or_default().push((*b, to_b));
            links.entry(*b).or_default().push((*a, to_a));
        }
    }
    links
}
