//! Running with all players in this process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use agreement::{Agreement, Commitment, Ratified, Receipt, Seen, SessionId, SignedReceipt};
use data::{Datasets, DimBinding, Inputs};
use ir::{Computation, PlayerId, Scheme};
use net::KeyPair;
use schemes::Plain;
use session::{Dims, Entropy, Event, MemoryVault, Observer, Outcomes, PlayerData, SessionError, StoredMeta};

use crate::modules::ModuleFolder;
use crate::report::{Comparison, Cost, Report};
use crate::{Error, Program};

/// The data of all players, and the lengths that it gives to named dimensions.
#[derive(Default)]
pub struct LocalData {
    /// By player.
    pub players: BTreeMap<PlayerId, PlayerData>,
    /// The lengths.
    pub dims: Dims,
    /// The files that the data were read from, for errors that name a place in one; empty if it was at hand.
    pub datasets: Datasets,
}

/// How to run.
#[derive(Clone)]
pub struct LocalOptions {
    /// Also compute in plaintext, and compare.
    pub compare: bool,
    /// Where progress goes.
    pub observer: Observer,
    /// What the players have stored. Runs that share it can load what others saved.
    pub vaults: LocalVaults,
    /// Where the modules of enclaves are.
    pub modules: ModuleFolder,
}

/// The vaults of the players in this process, by name; in memory, and made when they are needed. Clones share them.
#[derive(Clone, Default)]
pub struct LocalVaults(Arc<Mutex<BTreeMap<String, Arc<MemoryVault>>>>);

impl LocalVaults {
    /// A player's vault.
    pub fn of(&self, player: &str) -> Arc<MemoryVault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(player.to_owned()).or_default())
    }

    /// For each player what it has stored: names, and what each is, in words.
    pub fn stored(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = |vault: &MemoryVault| vault.list().into_iter().map(|m| (m.name.clone(), in_words(&m))).collect();
        all.iter().map(|(player, vault)| (player.clone(), names(vault))).collect()
    }

    /// The lengths that stored values give to dimensions of a program that no input gives one.
    fn lengths(&self, program: &Program, dims: &mut Dims) {
        let c = program.computation();
        for (instr, value) in c.loads() {
            let holder = &c.player(c.placement(instr.placement).players[0]).name;
            let name = instr.attrs.str("name").unwrap_or_default();
            let Some(meta) = self.of(holder).list().into_iter().find(|m| m.name == name) else { continue };
            for (dim, length) in c.graph.value(value).ty.shape.iter().zip(meta.shape) {
                if let Some(name) = dim.as_name() {
                    dims.entry(name.to_owned()).or_insert(length as u64);
                }
            }
        }
    }
}

fn in_words(meta: &StoredMeta) -> String {
    let lengths = meta.shape.iter().map(ToString::to_string).chain([meta.dtype.to_string()]);
    let form = if meta.scheme.is_plaintext() { String::new() } else { format!(", {}", meta.scheme.spec().name) };
    lengths.collect::<Vec<_>>().join(" × ") + &form
}

impl Default for LocalOptions {
    fn default() -> Self {
        let (vaults, modules) = (LocalVaults::default(), ModuleFolder::default());
        LocalOptions { compare: false, observer: session::unobserved(), vaults, modules }
    }
}

impl LocalData {
    /// Loads what a data file (`DATA.toml`) names for every player. `dims` are lengths given besides.
    ///
    /// # Errors
    /// What cannot be read or is not as declared, with file, line and column, but never a value.
    pub fn read(program: &Program, file: &Path, dims: &Dims) -> Result<LocalData, Error> {
        let datasets = Datasets::read(file)?;
        let c = program.computation();
        datasets.check_names(c)?;
        let mut binding = DimBinding::agreed(dims);
        let mut players = BTreeMap::new();
        for (i, player) in c.players.iter().enumerate() {
            let inputs = Inputs::load(&datasets, c, &player.name, &mut binding)?;
            players.insert(PlayerId(i as u16), inputs.into());
        }
        Ok(LocalData { players, dims: binding.lengths(), datasets })
    }

    /// Data at hand: inputs by name, and for inputs along matched dimensions their key columns by the dimension's name.
    ///
    /// # Errors
    /// If two inputs disagree about the length of a dimension.
    pub fn of(
        program: &Program,
        mut inputs: BTreeMap<String, Plain>,
        keys: &BTreeMap<String, Vec<String>>,
        dims: &Dims,
    ) -> Result<LocalData, Error> {
        let c = program.computation();
        let mut binding = DimBinding::agreed(dims);
        let mut players: BTreeMap<PlayerId, PlayerData> = BTreeMap::new();
        for (instr, value) in c.inputs() {
            let name = instr.attrs.str("name").unwrap_or_default();
            let Some(plain) = inputs.remove(name) else { continue };
            let player = c.placement(instr.placement).players[0];
            let ty = &data::held_type(c, instr, value);
            if plain.shape().len() == ty.rank() {
                binding.bind(&c.player(player).name, name, ty, plain.shape())?;
            }
            let data = players.entry(player).or_default();
            data.inputs.insert(name.to_owned(), plain);
            let dim = ty.shape.first().and_then(|d| d.as_name()).filter(|d| c.matched.iter().any(|m| m.name == **d));
            if let (Some(dim), Some(column)) = (dim, keys.get(name)) {
                data.keys.insert(dim.to_owned(), column.clone());
            }
        }
        Ok(LocalData { players, dims: binding.lengths(), datasets: Datasets::default() })
    }

    fn clear(&self) -> BTreeMap<String, Plain> {
        self.players.values().flat_map(|p| p.inputs.iter().map(|(n, v)| (n.clone(), v.clone()))).collect()
    }
}

/// Runs a program with all players in this process: the same plans, kernels and keys as between workers, over links
/// in memory. Blocks until it is done.
///
/// # Errors
/// The first thing that went wrong, at whichever player.
pub fn run_local(program: &Program, mut data: LocalData, options: &LocalOptions) -> Result<Report, Error> {
    options.vaults.lengths(program, &mut data.dims);
    // Whoever runs it has all data at hand: a module's errors tell no secret here.
    let modules = options.modules.modules(program.computation(), None).map_err(SessionError::from)?.candid();
    for (i, player) in program.computation().players.iter().enumerate() {
        let data = data.players.entry(PlayerId(i as u16)).or_default();
        data.vault = options.vaults.of(&player.name);
        data.modules = modules.clone();
    }
    let reference = match options.compare {
        true => Some(session::evaluate(program.computation(), &data.dims, &data.clear(), &modules)?),
        false => None,
    };
    let agreement = Agreement::in_process(program.checked().clone(), data.dims.clone())?;
    let ratified = Ratified::local(agreement)?;
    let session = SessionId(random()?);
    let players = program.computation().players.len();
    let mut entropy = (0..players).map(|_| random().map(Entropy::new)).collect::<Result<Vec<_>, _>>()?;

    let started = now_ms();
    let begun = Instant::now();
    let runtime = runtime()?;
    let inputs = committed(&data)?;
    let take = move || entropy.pop().expect("one for every player");
    let left_out = LeftOut::default();
    let observer = left_out.noting(&options.observer);
    let run = session::run_local(&ratified, session, data.players, take, &observer);
    let located = |e: SessionError| e.located(|player, input, at| data.datasets.locate(player, input, at));
    let outcomes = runtime.block_on(run).map_err(located)?;
    let seconds = begun.elapsed().as_secs_f64();

    let receipts = receipts(&ratified, session, &outcomes, inputs, (started, now_ms()))?;
    let report = report(program, session, outcomes, seconds, reference, &receipts);
    Ok(Report { notes: report.notes.into_iter().chain(left_out.notes()).collect(), ..report })
}

/// Members of groups that broke a bound, in words by group: here whoever runs it has all data at hand. Three players tell the same.
#[derive(Default)]
struct LeftOut(Arc<Mutex<BTreeMap<String, String>>>);

impl LeftOut {
    /// An observer that notes them, and tells another one everything.
    fn noting(&self, other: &Observer) -> Observer {
        let (noted, other) = (Arc::clone(&self.0), Arc::clone(other));
        Arc::new(move |event| {
            if let Event::LeftOut { group, members, of, .. } = &event {
                let who = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let note =
                    format!("{} of {of} members of {group} broke a bound and are in no sum: {who}", members.len());
                noted.lock().unwrap_or_else(PoisonError::into_inner).insert(group.clone(), note);
            }
            other(event);
        })
    }

    fn notes(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

fn report(
    program: &Program,
    session: SessionId,
    outcomes: Outcomes,
    seconds: f64,
    reference: Option<BTreeMap<String, Plain>>,
    receipts: &[SignedReceipt],
) -> Report {
    let c = program.computation();
    let mut cost = Cost { seconds, ..Cost::default() };
    let mut outputs = BTreeMap::new();
    for (player, outcome) in outcomes {
        let name = c.player(player).name.clone();
        cost.rounds = cost.rounds.max(outcome.cost.rounds);
        cost.bytes.insert(name.clone(), outcome.cost.bytes);
        if !outcome.outputs.is_empty() {
            outputs.insert(name, outcome.outputs);
        }
    }
    let comparison = reference.map(|plain| compare(&outputs, plain));
    Report {
        session: session.to_string(),
        computation: c.digest().to_string(),
        outputs,
        cost,
        receipt: agreement::session_digest(receipts.iter().map(SignedReceipt::unverified)).to_string(),
        comparison,
        notes: unproved(c),
    }
}

/// What a run between workers has, and one in one process has not: proofs of machines, and rounds of aggregation.
fn unproved(c: &Computation) -> Vec<String> {
    let enclaves = c.placements.iter().filter(|p| p.scheme == Scheme::Enclave);
    let note = |p: &ir::Placement| {
        let machine = &c.player(p.players[0]).name;
        format!("a local run proves nothing about {}: {machine} proves its machine between workers only", p.name)
    };
    let crowds = c.contributions().map(|contribution| {
        let group = &c.player(contribution.group).name;
        format!("a local run sums over {group} itself: between workers each member contributes masked, in a round of aggregation")
    });
    enclaves.map(note).chain(crowds).collect()
}

fn compare(
    outputs: &BTreeMap<String, BTreeMap<String, Plain>>,
    mut reference: BTreeMap<String, Plain>,
) -> BTreeMap<String, Comparison> {
    let named = outputs.values().flatten();
    named.filter_map(|(name, value)| Some((name.clone(), Comparison::of(value, reference.remove(name)?)))).collect()
}

type Commitments = BTreeMap<String, Commitment>;

fn committed(data: &LocalData) -> Result<BTreeMap<PlayerId, Commitments>, Error> {
    let commit = |d: &PlayerData| Ok::<_, Error>(session::published(&session::commitments(&d.inputs, random)?));
    data.players.iter().map(|(player, d)| Ok((*player, commit(d)?))).collect()
}

/// A receipt of every player, each signed with a key made for this run: on one machine there are no identities.
fn receipts(
    ratified: &Ratified,
    session: SessionId,
    outcomes: &Outcomes,
    mut inputs: BTreeMap<PlayerId, Commitments>,
    (started_ms, ended_ms): (u64, u64),
) -> Result<Vec<SignedReceipt>, Error> {
    let c: &Computation = ratified.agreement().checked().computation();
    let keys =
        outcomes.keys().map(|p| Ok((*p, KeyPair::from_seed(&random()?)))).collect::<Result<BTreeMap<_, _>, Error>>()?;
    let players: BTreeMap<String, Seen> =
        keys.iter().map(|(p, key)| (c.player(*p).name.clone(), Seen(key.identity()))).collect();
    let mut signed = Vec::new();
    for (player, outcome) in outcomes {
        let receipt = Receipt {
            version: Receipt::VERSION,
            agreement: ratified.agreement().digest(),
            session,
            attempt: 0,
            player: c.player(*player).name.clone(),
            players: players.clone(),
            ratified: ratified.basis(),
            policy: None,
            started_ms,
            ended_ms,
            cost: agreement::Cost { rounds: outcome.cost.rounds, bytes: outcome.cost.bytes },
            inputs: inputs.remove(player).unwrap_or_default(),
            outputs: session::published(&session::commitments(&outcome.outputs, random)?),
            audit: None,
            machines: BTreeMap::new(),
        };
        signed.push(receipt.sign(&keys[player]).map_err(|e| Error::System { what: e.to_string() })?);
    }
    Ok(signed)
}

/// A runtime for the players of this process.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().map_err(|e| Error::System { what: e.to_string() })
}

/// Fresh bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::System { what: e.to_string() })?;
    Ok(bytes)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
