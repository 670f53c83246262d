//! Predicting what a run will cost, by rehearsing it: the same plans and kernels, in this process, on made-up data.
//!
//! What a run costs depends on shapes only, never on values, so the prediction is exact; and since it is made by the
//! kernels themselves it cannot drift from them. It takes as long as a run in this process.

use std::collections::BTreeMap;

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use check::Checked;
use ir::{DType, PlayerId};
use schemes::Plain;

use crate::bind::concrete;
use crate::error::SessionError;
use crate::events::unobserved;
use crate::local::{PlayerData, run_local};
use crate::plan::Dims;
use crate::stage::Entropy;

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
    let ratified = Ratified::local(agreement).map_err(refused)?;
    let mut data: BTreeMap<PlayerId, PlayerData> = BTreeMap::new();
    for (instr, value) in c.inputs() {
        let ty = &c.graph.value(value).ty;
        let shape = concrete(ty, dims)?;
        let player = data.entry(c.placement(instr.placement).players[0]).or_default();
        player.inputs.insert(instr.attrs.str("name").unwrap_or_default().to_owned(), made_up(ty.dtype, &shape)?);
    }
    for matched in &c.matched {
        let rows = dims.get(&matched.name).copied().unwrap_or(0);
        for player in data.values_mut() {
            player.keys.insert(matched.name.clone(), (0..rows).map(|i| i.to_string()).collect());
        }
    }
    // Nothing here is secret, so neither need the keys be.
    let mut players = 0u8;
    let entropy = || {
        players += 1;
        Entropy::new([players; 32])
    };
    let outcomes = run_local(&ratified, SessionId([0; 16]), data, entropy, &unobserved()).await?;
    let mut prediction = Prediction::default();
    for (player, outcome) in outcomes {
        prediction.rounds = prediction.rounds.max(outcome.cost.rounds);
        prediction.bytes.insert(player, outcome.cost.bytes);
    }
    Ok(prediction)
}

/// Small positive numbers that are not all the same, so that no operator meets a number that it refuses.
fn made_up(dtype: DType, shape: &[usize]) -> Result<Plain, SessionError> {
    let numbers = Plain::F64(Tensor::from_fn(shape, |i| 1.0 + (i % 7) as f64));
    schemes::plain::cast(&numbers, dtype).map_err(|e| SessionError::Internal { what: e.to_string() })
}
