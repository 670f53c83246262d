//! Datasets: what each player's worker must have before a computation can run.

use std::collections::BTreeMap;

use ir::{Computation, Scheme, Type};

use crate::error::AgreementError;

/// A dataset at a player's worker, with its schema. Its name is that of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The player whose worker has it.
    pub player: String,
    /// The player who brings it there: the same one, or the owner of what lies inside an enclave.
    pub brought_by: String,
    /// Whether it lies inside an enclave, where the worker's operator must not read it.
    pub inside: bool,
    /// Its name.
    pub name: String,
    /// Its type, with named dimensions.
    pub ty: Type,
    /// Its shape, in numbers.
    pub shape: Vec<u64>,
    /// For each dimension whose rows are matched: the column that they are matched by.
    pub keys: BTreeMap<String, String>,
}

/// The datasets of a computation, by player and name.
pub(crate) fn of(c: &Computation, dims: &BTreeMap<String, u64>) -> Result<Vec<Dataset>, AgreementError> {
    let mut all = Vec::new();
    for (instr, value) in c.inputs() {
        let value = c.graph.value(value);
        let place = c.placement(instr.placement);
        // What members of a group hold is at no worker.
        if place.scheme == Scheme::Each {
            continue;
        }
        let player = place.players.first().map(|p| c.player(*p).name.clone()).unwrap_or_default();
        let name = value.name.clone().unwrap_or_default();
        let along = |dim: &str| value.ty.shape.iter().any(|d| d.as_name() == Some(dim));
        let keys = c.matched.iter().filter(|m| along(&m.name)).map(|m| (m.name.clone(), m.key.clone())).collect();
        let shape = value.ty.shape.iter().map(|d| d.eval(dims).filter(|n| i64::try_from(*n).is_ok()));
        let shape = shape.collect::<Option<Vec<u64>>>();
        let fits = shape.filter(|s| s.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).is_some());
        let Some(shape) = fits else { return Err(AgreementError::TooLarge { player, dataset: name }) };
        let inside = place.scheme == Scheme::Enclave;
        let brought_by = c.brings(instr).map_or_else(|| player.clone(), |owner| c.player(owner).name.clone());
        all.push(Dataset { player, brought_by, inside, name, ty: value.ty.clone(), shape, keys });
    }
    all.sort_by(|a, b| (&a.player, &a.name).cmp(&(&b.player, &b.name)));
    Ok(all)
}
