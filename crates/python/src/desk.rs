//! Agreements at workers: proposing, reading, answering, and running what all have ratified.

use std::path::PathBuf;

use privity::agreement::{Agreement, Digest, SessionId, Terms, Timestamp};
use privity::session::Dims;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use worker::{ClientError, Console, Reach};

use crate::computation::Computation;
use crate::error;
use crate::run::{result, wait_for};

/// Whom to come as, and which workers to speak with: those of a roster, or one's own.
#[derive(Clone, FromPyObject)]
pub(crate) enum Way {
    /// A roster and a key.
    Roster(PathBuf, PathBuf),
    /// The configuration of one's own worker.
    Own(PathBuf),
}

impl Way {
    fn console(&self, players: &[String]) -> Result<Console, ClientError> {
        Console::open(match self {
            Way::Roster(roster, key) => Reach::by_roster(roster, key, players)?,
            Way::Own(config) => Reach::own(config)?,
        })
    }
}

/// Asks workers while the interpreter is free.
fn ask<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> PyResult<T> {
    let asked = wait_for(py, None, move |_| work().map_err(Box::new))?;
    asked.map_err(|e| error::of_client(py, &e))
}

/// A time as Python writes it; what it cannot be is a year that agreements do not have.
fn time(text: Option<String>) -> PyResult<Option<Timestamp>> {
    text.map(|text| text.parse().map_err(|e| PyValueError::new_err(format!("{text}: {e}")))).transpose()
}

fn digest(text: &str) -> Result<Digest, ClientError> {
    text.parse().map_err(|_| ClientError::Unproposed { digest: text.to_owned() })
}

/// Binds a computation to a roster and terms, and puts the agreement into the inbox of every worker. Returns its digest,
/// its text, the players whose workers took it, and those whose workers were not reached.
#[pyfunction]
#[pyo3(signature = (computation, roster, key, dims, uses, valid_from, valid_until))]
#[allow(clippy::too_many_arguments, reason = "one argument for each term")]
pub(crate) fn propose(
    py: Python<'_>,
    computation: &Bound<'_, Computation>,
    roster: PathBuf,
    key: PathBuf,
    dims: Dims,
    uses: u64,
    valid_from: Option<String>,
    valid_until: Option<String>,
) -> PyResult<(String, String, Vec<String>, Vec<String>)> {
    let program = computation.get().program().clone();
    let terms = Terms { not_before: time(valid_from)?, not_after: time(valid_until)?, uses, ..Terms::default() };
    ask(py, move || {
        let agreement = worker::propose_program(&program, &roster, &key, &dims, terms)?;
        let players: Vec<String> = program.computation().players.iter().map(|p| p.name.clone()).collect();
        let console = Way::Roster(roster, key).console(&players)?;
        let missed = console.unreachable().iter().map(|(player, _)| player.clone()).collect();
        let reached = console.propose(&agreement)?.into_iter().map(|(player, _)| player).collect();
        Ok((agreement.digest().to_string(), agreement.text().to_owned(), reached, missed))
    })
}

/// The agreements in the inboxes of workers, as JSON; with their texts if one is asked for by its digest.
#[pyfunction]
#[pyo3(signature = (way, only))]
pub(crate) fn inbox(py: Python<'_>, way: Way, only: Option<String>) -> PyResult<String> {
    ask(py, move || {
        let console = way.console(&[])?;
        let found = match only {
            // Asked for alone, its text is held against the digest.
            Some(text) => vec![console.proposal(digest(&text)?)?.0],
            None => console.inbox()?,
        };
        serde_json::to_string(&found).map_err(|e| ClientError::System { what: e.to_string() })
    })
}

/// Ratifies an agreement as the operator of a worker, or declines it with a reason. Returns how it stands.
#[pyfunction]
#[pyo3(signature = (config, agreement, declined))]
pub(crate) fn answer(
    py: Python<'_>,
    config: PathBuf,
    agreement: String,
    declined: Option<String>,
) -> PyResult<Vec<(String, String)>> {
    ask(py, move || {
        let console = Way::Own(config).console(&[])?;
        let digest = digest(&agreement)?;
        console.proposal(digest)?;
        console.answer(digest, declined.as_deref())
    })
}

/// Runs an agreement that was proposed and that all have ratified.
#[pyfunction]
#[pyo3(signature = (agreement, roster, key, callback))]
pub(crate) fn run_agreement<'py>(
    py: Python<'py>,
    agreement: String,
    roster: PathBuf,
    key: PathBuf,
    callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let run = wait_for(py, callback.as_ref(), move |observer| {
        let console = Way::Roster(roster.clone(), key.clone()).console(&[])?;
        let digest = digest(&agreement)?;
        let (_, agreement) = console.proposal(digest)?;
        let ratifications = console.ratifications(digest)?;
        drop(console);
        worker::run_agreement(&agreement, &ratifications, &roster, &key, observer).map_err(Box::new)
    })?;
    result(py, &run.map_err(|e| error::of_client(py, &e))?)
}

/// Attempts a session again that failed, from its last checkpoint.
#[pyfunction]
#[pyo3(signature = (session, roster, key, callback))]
pub(crate) fn resume<'py>(
    py: Python<'py>,
    session: String,
    roster: PathBuf,
    key: PathBuf,
    callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let run = wait_for(py, callback.as_ref(), move |observer| {
        let unknown = || ClientError::System { what: format!("`{session}` is no session's id") };
        let session: SessionId = session.parse().map_err(|_| unknown())?;
        let resumed: Result<(Agreement, _), _> = worker::resume(session, &[], &roster, &key, observer);
        resumed.map(|(_, report)| report).map_err(Box::new)
    })?;
    result(py, &run.map_err(|e| error::of_client(py, &e))?)
}
