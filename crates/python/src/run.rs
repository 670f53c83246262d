//! Running, while the interpreter is free: the work is done by a thread of its own, and the thread that called waits
//! for it, hands on its progress, and listens for Ctrl-C.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use privity::session::{Dims, Event, Observer};
use privity::{LocalData, LocalOptions, LocalVaults, ModuleFolder, Report};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::computation::Computation;
use crate::convert::{array, plain};
use crate::error;

/// How often a waiting thread looks for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);

/// Why a run was unwound: whoever waited for it does not any more.
struct Stopped;

/// Does `work` on a thread of its own and waits for it. Progress goes to `callback`, on the thread that waits.
///
/// An exception of the callback, and Ctrl-C, end the wait at once; the work ends at its next step.
pub(crate) fn wait_for<T: Send + 'static>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(Observer) -> T + Send + 'static,
) -> PyResult<T> {
    let (tell, told) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, wanted) = (Arc::clone(&stop), callback.is_some());
    let observer: Observer = Arc::new(move |event| {
        if stopped.load(Ordering::Relaxed) {
            // An observer has no other way to say that nobody wants the result. This does not print.
            std::panic::resume_unwind(Box::new(Stopped));
        }
        if wanted {
            // Nobody listens once the wait has ended; the next event stops the run.
            let _ = tell.send(event);
        }
    });
    let thread = std::thread::Builder::new().name("privity".into()).spawn(move || work(observer))?;
    let told = Mutex::new(told);
    let waited = follow(py, callback, &told, || thread.is_finished());
    if let Err(e) = waited {
        stop.store(true, Ordering::Relaxed);
        return Err(e);
    }
    py.detach(|| thread.join()).map_err(|_| PyRuntimeError::new_err("internal error: the run panicked"))
}

/// Hands on events until the work is done.
fn follow(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    told: &Mutex<Receiver<Event>>,
    finished: impl Fn() -> bool,
) -> PyResult<()> {
    loop {
        let next = py.detach(|| told.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK));
        py.check_signals()?;
        match (next, callback) {
            (Ok(event), Some(callback)) => report(callback, event)?,
            (Err(RecvTimeoutError::Disconnected), _) => return Ok(()),
            (Err(RecvTimeoutError::Timeout), _) if finished() => return Ok(()),
            _ => {}
        }
    }
}

/// One event as `callback(kind, player, detail, done, of)`.
fn report(callback: &Bound<'_, PyAny>, event: Event) -> PyResult<()> {
    let at = |line: u32| if line > 0 { format!(" (line {line})") } else { String::new() };
    let (kind, player, detail, done, of) = match event {
        Event::Started { player, steps } => ("started", player, String::new(), 0, steps as u64),
        Event::RowsMatch { dim } => ("rows", String::new(), dim, 0, 0),
        Event::Step { player, op, line, done } => ("step", player, format!("{op}{}", at(line)), done as u64, 0),
        Event::Iteration { player, line, done, of } => ("iteration", player, at(line), done as u64, of as u64),
        Event::Finished { player, rounds, bytes } => ("finished", player, format!("{rounds} rounds"), bytes, 0),
        // What a later version tells besides is no error.
        _ => return Ok(()),
    };
    callback.call1((kind, player, detail.trim(), done, of)).map(drop)
}

/// What the players of one cluster in this process have stored.
#[pyclass(module = "privity._privity", frozen)]
pub(crate) struct Vaults(LocalVaults);

#[pymethods]
impl Vaults {
    #[new]
    fn new() -> Vaults {
        Vaults(LocalVaults::default())
    }

    /// For each player what is stored, by name, in words.
    fn stored(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        self.0.stored()
    }
}

/// Runs a computation with all players in this process.
#[pyfunction]
#[pyo3(signature = (computation, arrays, keys, dims, compare, vaults, modules, callback))]
#[allow(clippy::too_many_arguments, reason = "one argument for each part of a run")]
pub(crate) fn run_local<'py>(
    py: Python<'py>,
    computation: &Bound<'py, Computation>,
    arrays: BTreeMap<String, Bound<'py, PyAny>>,
    keys: BTreeMap<String, Vec<String>>,
    dims: Dims,
    compare: bool,
    vaults: &Bound<'py, Vaults>,
    modules: Option<PathBuf>,
    callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let program = computation.get().program().clone();
    let inputs = arrays.iter().map(|(name, value)| Ok((name.clone(), plain(value)?))).collect::<PyResult<_>>()?;
    let data = LocalData::of(&program, inputs, &keys, &dims).map_err(|e| error::of_facade(py, &e))?;
    let vaults = vaults.get().0.clone();
    let run = wait_for(py, callback.as_ref(), move |observer| {
        let modules = modules.map(ModuleFolder::at).unwrap_or_default();
        privity::run_local(&program, data, &LocalOptions { compare, observer, vaults, modules })
    })?;
    result(py, &run.map_err(|e| error::of_facade(py, &e))?)
}

/// Runs a computation on the workers of a roster.
#[pyfunction]
#[pyo3(signature = (computation, roster, key, dims, callback))]
pub(crate) fn run_workers<'py>(
    py: Python<'py>,
    computation: &Bound<'py, Computation>,
    roster: PathBuf,
    key: Option<PathBuf>,
    dims: Dims,
    callback: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let program = computation.get().program().clone();
    let run = wait_for(py, callback.as_ref(), move |observer| {
        worker::run_on_workers(&program, &roster, key.as_deref(), &dims, observer).map_err(Box::new)
    })?;
    result(py, &run.map_err(|e| error::of_client(py, &e))?)
}

/// The report as the dictionary that `privity.Result` is made of.
pub(crate) fn result<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let outputs = PyDict::new(py);
    for (player, named) in &report.outputs {
        let values = PyDict::new(py);
        named.iter().try_for_each(|(name, value)| values.set_item(name, array(py, value)?))?;
        outputs.set_item(player, values)?;
    }
    let comparison = match &report.comparison {
        None => None,
        Some(all) => {
            let named = PyDict::new(py);
            for (name, c) in all {
                named.set_item(name, (array(py, &c.plaintext)?, c.absolute, c.relative))?;
            }
            Some(named)
        }
    };
    let result = PyDict::new(py);
    result.set_item("session", &report.session)?;
    result.set_item("computation", &report.computation)?;
    result.set_item("outputs", outputs)?;
    result.set_item("rounds", report.cost.rounds)?;
    result.set_item("bytes", &report.cost.bytes)?;
    result.set_item("seconds", report.cost.seconds)?;
    result.set_item("receipt", &report.receipt)?;
    result.set_item("notes", &report.notes)?;
    result.set_item("comparison", comparison)?;
    Ok(result)
}

/// The `privity` command. Returns its exit code.
#[pyfunction]
pub(crate) fn cli(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| ::cli::main(args))
}
