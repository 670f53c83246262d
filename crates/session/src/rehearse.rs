//! Predicting what a run will cost, by rehearsing it: the same plans and kernels, in this process, on made-up data.
//!
//! What a run costs depends on shapes only, never on values, so the prediction is exact; and since it is made by the
//! kernels themselves it cannot drift from them. It takes as long as a run in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use check::{Checked, InputRange};
use ir::{DType, PlayerId, Scheme};
use schemes::{Plain, Value};

use crate::bind::concrete;
use crate::error::SessionError;
use crate::events::unobserved;
use crate::federated::Round;
use crate::keep::describe;
use crate::local::{Parts, PlayerData, hand_out, run_with};
use crate::module::Modules;
use crate::plan::Dims;
use crate::stage::Entropy;
use crate::vault::{Attempt, MemoryVault, StoredValue};

/// What a run will cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Rounds of communication.
    pub rounds: u32,
    /// Bytes that each player will send.
    pub bytes: BTreeMap<PlayerId, u64>,
}

/// Rehearses a run. Needs a tokio runtime.
///
/// # Errors
/// If a dimension has no length, or the program cannot be run, or cannot be run on any made-up data.
pub async fn rehearse(checked: &Checked, dims: &Dims) -> Result<Prediction, SessionError> {
    let c = checked.computation();
    crate::bind::check_dims(c, dims)?;
    let refused = |e: agreement::AgreementError| SessionError::NotRunnable { reason: e.to_string() };
    let agreement = Agreement::in_process(checked.clone(), dims.clone()).map_err(refused)?;
    let budget = agreement.budget().clone();
    let ratified = Ratified::local(agreement).map_err(refused)?;
    let mut data: BTreeMap<PlayerId, PlayerData> = BTreeMap::new();
    let mut vaults: BTreeMap<PlayerId, Arc<MemoryVault>> = BTreeMap::new();
    for (instr, value) in c.inputs().filter(|(i, _)| c.placement(i.placement).scheme != Scheme::Each) {
        let ty = &c.graph.value(value).ty;
        let shape = concrete(ty, dims)?;
        let player = data.entry(c.placement(instr.placement).players[0]).or_default();
        let name = instr.attrs.str("name").unwrap_or_default();
        player.inputs.insert(name.to_owned(), made_up(ty.dtype, &shape, budget.input(name))?);
    }
    let session = SessionId([0; 16]);
    let origin = Attempt { agreement: ratified.agreement().digest(), session, number: 0 };
    for (instr, value) in c.loads() {
        let ty = &c.graph.value(value).ty;
        let range = instr.attrs.range().map(|(low, high)| InputRange { low, high, declared: true });
        let plain = made_up(ty.dtype, &concrete(ty, dims)?, range)?;
        for player in &c.placement(instr.placement).players {
            let name = instr.attrs.str("name").unwrap_or_default();
            let meta = describe(ratified.agreement(), *player, dims, (name, value), origin)?;
            let part = Value::of_public(&plain, meta.scheme, meta.role);
            let bytes = part.map(|v| v.to_bytes()).unwrap_or_default().into();
            let vault = vaults.entry(*player).or_insert_with(|| Arc::new(MemoryVault::default()));
            vault.put(StoredValue { meta, bytes });
        }
    }
    for (player, vault) in vaults {
        data.entry(player).or_default().vault = vault;
    }
    for matched in &c.matched {
        let rows = dims.get(&matched.name).copied().unwrap_or(0);
        for player in data.values_mut() {
            player.keys.insert(matched.name.clone(), (0..rows).map(|i| i.to_string()).collect());
        }
    }
    for (instr, _) in c.modules() {
        data.entry(c.placement(instr.placement).players[0]).or_default().modules = Modules::made_up();
    }
    // Nothing here is secret, so neither need the keys be.
    let mut players = 0u8;
    let entropy = || {
        players += 1;
        Entropy::new([players; 32])
    };
    let mut sums = Parts::new();
    for round in Round::all(ratified.agreement())? {
        hand_out(&mut sums, c.player_named(round.group()), round.made_up(origin));
    }
    let outcomes = run_with(&ratified, session, data, sums, entropy, &unobserved()).await?;
    let mut prediction = Prediction::default();
    for (player, outcome) in outcomes {
        prediction.rounds = prediction.rounds.max(outcome.cost.rounds);
        prediction.bytes.insert(player, outcome.cost.bytes);
    }
    Ok(prediction)
}

/// Small positive numbers that are not all the same, so that no operator meets a number that it refuses; within the
/// input's range.
pub(crate) fn made_up(dtype: DType, shape: &[usize], range: Option<InputRange>) -> Result<Plain, SessionError> {
    let (low, high) = range.map_or((f64::NEG_INFINITY, f64::INFINITY), |r| (r.low, r.high));
    let numbers = Plain::F64(Tensor::from_fn(shape, |i| (1.0 + (i % 7) as f64).max(low).min(high)));
    schemes::plain::cast(&numbers, dtype).map_err(|e| SessionError::Internal { what: e.to_string() })
}
