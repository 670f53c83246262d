//! Where the inputs of this worker's player come from: files that the configuration names, tables that were uploaded, and sealed
//! tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use agreement::Agreement;
use data::{DataError, DimBinding, Given, Inputs, Wanted};
use ir::{Computation, PlayerId, Scheme};
use session::{PlayerData, Round, SessionError};

use crate::config::Config;
use crate::error::WorkerError;
use crate::office::{Job, Office};
use crate::release::{self, Released};

/// What opening a table takes for each of its bytes: as it was kept or sealed, as it was opened, and its values and keys.
const OPENED: u64 = 3;

/// Why an input that somebody brings to this worker is not there. `by` brings it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputFault {
    /// It was not uploaded.
    #[error("`{input}` was not uploaded by {by}")]
    NotUploaded {
        /// The input.
        input: String,
        /// Who has to.
        by: String,
    },
    /// It lies inside an enclave, and the configuration names data of the operator's own.
    #[error("`{input}` is {by}'s to bring into this machine, and the configuration has data of its own for it")]
    Own {
        /// The input.
        input: String,
        /// Its owner.
        by: String,
    },
    /// It lies inside an enclave, and there is no way in.
    #[error("`{input}` is {by}'s to bring into this machine, which takes no uploads, and has no sealed table of it")]
    NoWay {
        /// The input.
        input: String,
        /// Its owner.
        by: String,
    },
}

impl InputFault {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            InputFault::NotUploaded { .. } => "worker.not-uploaded",
            InputFault::Own { .. } => "worker.own-data",
            InputFault::NoWay { .. } => "worker.no-way-in",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            InputFault::NotUploaded { .. } => "upload it with a Flight client behind `privity flight-proxy`".into(),
            InputFault::Own { input, by } => {
                format!("take the data of `{input}` out of this configuration: its values are {by}'s to give")
            }
            InputFault::NoWay { input, .. } => {
                format!("write `[flight]` into the configuration, or the sealed table as `{input}` below `[sealed]`")
            }
        }
    }
}

/// Whether what owners bring into this worker's machine has a way in, and nothing stands in its place: asked before anything
/// is spent anywhere.
pub(crate) fn check_brought(config: &Config, c: &Computation, player: PlayerId) -> Result<(), InputFault> {
    let name = &c.player(player).name;
    for (instr, value) in c.inputs() {
        let place = c.placement(instr.placement);
        if place.scheme != Scheme::Enclave || place.players.first() != Some(&player) {
            continue;
        }
        let input = c.graph.value(value).name.clone().unwrap_or_default();
        let by = c.brings(instr).map(|owner| c.player(owner).name.clone()).unwrap_or_default();
        if config.datasets.get(name, &input).is_some() {
            return Err(InputFault::Own { input, by });
        }
        if config.flight.is_none() && !config.has_data(name, &input) {
            return Err(InputFault::NoWay { input, by });
        }
    }
    Ok(())
}

/// The bytes of memory that tables take at most which a session of this player opens, uploaded or sealed: they are there, which is
/// asked before anything is spent anywhere.
pub(crate) fn opened_memory(office: &Office, agreement: &Agreement, player: &str) -> Result<u64, WorkerError> {
    let uploaded = office.check_uploads(agreement)?;
    let sealed = release::sealed_bytes(office, agreement, player)?;
    Ok(uploaded.saturating_add(sealed).saturating_mul(OPENED))
}

/// Reads this player's data and the modules that it runs, away from the threads that serve connections; what lies sealed
/// only if its keys are given.
pub(crate) async fn load(office: &Arc<Office>, job: &Job, keys: Option<Released>) -> Result<PlayerData, WorkerError> {
    let (office, agreement, name) = (Arc::clone(office), Arc::clone(job.ratified.agreement()), job.name().to_owned());
    let player = job.player;
    let load = move || {
        let c = agreement.checked().computation();
        let mut dims = DimBinding::agreed(agreement.dims());
        let sealed: BTreeMap<&str, &Path> = release::unsealed(&office, &agreement, &name)
            .into_iter()
            .map(|(d, path)| (d.name.as_str(), path))
            .collect();
        let give = |wanted: &Wanted<'_>| match (sealed.get(wanted.name), &keys) {
            (Some(_), None) => Ok(None),
            (Some(path), Some(keys)) => release::open(path, keys, wanted).map(Some),
            (None, _) => given(&office, &agreement, &name, wanted).map(Some),
        };
        let inputs = Inputs::gather(c, &name, &mut dims, give)?;
        let modules = office.config.modules.modules(c, Some(player)).map_err(SessionError::from)?;
        Ok(PlayerData { modules, ..inputs.into() })
    };
    tokio::task::spawn_blocking(load).await.map_err(|e| WorkerError::System { what: e.to_string() })?
}

/// Whether this player's parts of sums over groups are there, of rounds that are over: asked before anything is spent anywhere.
pub(crate) fn held_sums(office: &Office, agreement: &Agreement, player: &str) -> Result<(), WorkerError> {
    for round in Round::all(agreement)? {
        let (name, group) = (round.name(), round.group().to_owned());
        let holds = round.holders().iter().any(|(holder, _)| *holder == player);
        if !holds {
            continue;
        }
        let there = match round.inside() {
            Some(_) => office.inside.has(&name),
            None => office.store.batch(|batch| batch.meta(&name).map_err(WorkerError::from))?.is_some(),
        };
        if !there {
            return Err(SessionError::SumMissing { player: player.to_owned(), group }.into());
        }
    }
    Ok(())
}

/// An input from where the configuration says; where it says nothing, what was uploaded, if uploads are taken.
fn given(office: &Office, agreement: &Agreement, player: &str, wanted: &Wanted<'_>) -> Result<Given, WorkerError> {
    match office.config.datasets.get(player, wanted.name) {
        None if office.config.flight.is_some() => office.given_upload(agreement, wanted),
        source => Given::from_source(source, wanted).map_err(|e| e.of_input(player, wanted.name).into()),
    }
}

/// The inputs of a computation that are known without an agreement: those in files. What may still be uploaded, or lies sealed, is
/// left out.
pub(crate) fn in_files(
    config: &Config,
    computation: &Computation,
    player: &str,
    dims: &mut DimBinding,
) -> Result<Inputs, DataError> {
    let brought = |input: &str| config.flight.is_some() || config.has_data(player, input);
    let give = |wanted: &Wanted<'_>| match config.datasets.get(player, wanted.name) {
        None if brought(wanted.name) => Ok(None),
        source => Given::from_source(source, wanted).map(Some).map_err(|e| e.of_input(player, wanted.name)),
    };
    Inputs::gather(computation, player, dims, give)
}
