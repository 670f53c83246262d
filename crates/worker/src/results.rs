//! Results over Arrow Flight: what sessions released to this worker's player, kept as tables for those who may fetch outputs here.
//!
//! ```toml
//! [flight]
//! results_hours = 24             # how long they are kept; 0: they leave with the outcome of the run only
//! ```
//!
//! A result is called `SESSION/OUTPUT`. It is kept where uploads are, in the change that records that its session ended well, so that
//! there is none of a session that failed. A session is admitted only if there is room for what it will leave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use agreement::{Agreement, SessionId};
use audit::Event;
use ir::PlayerId;
use net::Identity;
use schemes::Plain;
use store::{Batch, Kind, Meta, Origin};
use tables::{Column, Limits, Table, TableError};
use zeroize::Zeroizing;

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::{Job, Office};
use crate::uploads::{Keep, Uploads};

/// What begins the name of a result in the store.
const RESULT: &str = "result ";
/// The longest name of an output that is part of a name in the store, in bytes.
const LONGEST: usize = 200;
/// What a table takes beside its values: for itself, and for each column.
const FORM: u64 = 4096;
const FORM_OF_COLUMN: u64 = 512;
/// What keeping a result takes of memory for each of its bytes: its table, and the store's text of it.
const KEPT: u64 = 2;

/// Results in this process's memory, each with when it came.
#[derive(Default)]
pub(crate) struct Held(Mutex<BTreeMap<String, (u64, Table)>>);

impl Held {
    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (u64, Table)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lock().values().map(|(_, table)| table.bytes()).sum()
    }
}

/// What a session leaves here for its readers, by the names of outputs.
pub(crate) type Results = BTreeMap<String, Table>;

impl Uploads {
    /// Whether what came at a time is still kept.
    fn keeps(&self, came: u64) -> bool {
        now_ms() < came.saturating_add(self.results_ms)
    }
}

impl Office {
    /// How results are kept, if they are.
    fn keeping(&self) -> Option<&Uploads> {
        self.config.flight.as_ref().filter(|uploads| uploads.results_ms > 0)
    }

    /// Checks that there is room for what an agreement releases to this worker's player: asked before anything is spent anywhere.
    /// Returns the bytes of memory that keeping it takes at most.
    pub(crate) fn check_results(&self, agreement: &Agreement, player: PlayerId) -> Result<u64, WorkerError> {
        let Some(uploads) = self.keeping() else { return Ok(0) };
        let needed = released_bytes(agreement, player);
        if needed == 0 {
            return Ok(0);
        }
        let most = uploads.bounds.total as u64;
        if needed.saturating_add(self.table_bytes()? as u64) > most {
            return Err(WorkerError::NoRoom { needed, most });
        }
        Ok(needed.saturating_mul(KEPT))
    }

    /// A session's outputs as they are kept: none, if they are not.
    pub(crate) fn results_of(&self, outputs: &BTreeMap<String, Plain>) -> Result<Results, WorkerError> {
        if self.keeping().is_none() {
            return Ok(Results::new());
        }
        let made = |(name, value): (&String, &Plain)| Ok((name.clone(), table(value)?));
        let made: Result<Results, TableError> = outputs.iter().map(made).collect();
        made.map_err(|e| WorkerError::System { what: e.to_string() })
    }

    /// What the log tells of the results that a session leaves in the store.
    pub(crate) fn results_stored(&self, session: SessionId, results: &Results) -> impl Iterator<Item = Event> {
        let in_store = self.keeping().is_some_and(|uploads| uploads.keep == Keep::Store);
        let stored = move |output| Event::Stored { name: stored(session, output), session: Some(session.to_string()) };
        results.keys().filter(move |_| in_store).map(String::as_str).map(stored)
    }

    /// Keeps a session's results in the store, in the batch that ends it.
    pub(crate) fn keep_results(&self, batch: &mut Batch<'_>, job: &Job, results: &Results) -> Result<(), WorkerError> {
        if !self.keeping().is_some_and(|uploads| uploads.keep == Keep::Store) {
            return Ok(());
        }
        let (me, agreement) = (self.config.key.identity(), job.ratified.agreement().digest());
        for (output, table) in results {
            let bytes = tables::write(table).map_err(|e| WorkerError::System { what: e.to_string() })?;
            let bytes = Zeroizing::new(bytes);
            let meta = Meta {
                name: stored(job.session, output),
                kind: Kind::Plain,
                dtype: "bytes".into(),
                shape: vec![bytes.len() as u64],
                range: None,
                label: BTreeMap::from([(me, BTreeSet::from([me]))]),
                origin: Some(Origin { agreement: agreement.0, session: job.session.0, attempt: job.attempt }),
                when: now_ms(),
            };
            batch.put(&meta, &bytes)?;
        }
        Ok(())
    }

    /// Holds a session's results in memory, once it has ended.
    pub(crate) fn hold_results(&self, session: SessionId, results: Results) {
        let Some(uploads) = self.keeping().filter(|uploads| uploads.keep == Keep::Memory) else { return };
        let (mut held, now) = (uploads.results.lock(), now_ms());
        held.extend(results.into_iter().map(|(output, table)| (stored(session, &output), (now, table))));
    }

    /// A result as Flight's service knows it. What is kept no longer is not there.
    pub(crate) fn result(&self, name: &str) -> Option<flight::Dataset> {
        let (session, output) = split(name)?;
        let (uploads, stored) = (self.keeping()?, stored(session, output));
        let came = match uploads.keep {
            Keep::Memory => uploads.results.lock().get(&stored).map(|(came, _)| *came),
            Keep::Store => self.store.meta(&stored).ok()?.map(|meta| meta.when),
        };
        came.filter(|came| uploads.keeps(*came)).map(|_| self.as_dataset(name))
    }

    /// All results that are kept.
    pub(crate) fn all_results(&self) -> Vec<flight::Dataset> {
        let Some(uploads) = self.keeping() else { return Vec::new() };
        let kept: Vec<(String, u64)> = match uploads.keep {
            Keep::Memory => uploads.results.lock().iter().map(|(name, (came, _))| (name.clone(), *came)).collect(),
            Keep::Store => {
                let all = self.store.list().unwrap_or_default();
                all.into_iter().map(|(meta, _)| (meta.name, meta.when)).collect()
            }
        };
        let kept = kept.iter().filter(|(_, came)| uploads.keeps(*came));
        kept.filter_map(|(name, _)| name.strip_prefix(RESULT)).map(|name| self.as_dataset(name)).collect()
    }

    /// Whoever may fetch outputs that arrive here may download it, and nobody else learns that it is there.
    fn as_dataset(&self, name: &str) -> flight::Dataset {
        let readers = [self.config.key.identity()].into_iter().chain(self.config.readers.iter().copied()).collect();
        flight::Dataset { name: name.to_owned(), owner: None, readers, taken: false, approved: true }
    }

    /// The table of a result.
    pub(crate) fn result_table(&self, name: &str) -> Result<Option<Table>, WorkerError> {
        let (Some((session, output)), Some(uploads)) = (split(name), self.keeping()) else { return Ok(None) };
        let name = stored(session, output);
        match uploads.keep {
            Keep::Memory => Ok(uploads.results.lock().get(&name).map(|(_, table)| table.clone())),
            Keep::Store if self.store.meta(&name)?.is_none() => Ok(None),
            Keep::Store => {
                let (_, mut bytes) = self.store.get(&name)?;
                let limits = Limits { bytes: usize::MAX, rows: usize::MAX, ..Limits::default() };
                let read = tables::read(std::mem::take(&mut *bytes), limits);
                read.map(Some).map_err(|e| WorkerError::System { what: e.to_string() })
            }
        }
    }

    /// Removes results that are kept no longer.
    pub(crate) fn drop_old_results(&self) -> Result<(), WorkerError> {
        let Some(uploads) = &self.config.flight else { return Ok(()) };
        uploads.results.lock().retain(|_, (came, _)| uploads.keeps(*came));
        for (meta, _) in self.store.list()? {
            if is_result(&meta.name) && !uploads.keeps(meta.when) {
                self.remove_table(&meta.name)?;
            }
        }
        Ok(())
    }

    /// What the log tells of a result that leaves over Flight; none if it is no result's name.
    pub(crate) fn result_leaves(name: &str, to: Identity) -> Option<Event> {
        let (session, output) = split(name)?;
        Some(Event::Released { session: session.to_string(), output: output.to_owned(), to: to.to_string() })
    }
}

/// Whether a value in the store is a result.
pub(crate) fn is_result(name: &str) -> bool {
    name.starts_with(RESULT)
}

/// The session and the output that a result's name names.
fn split(name: &str) -> Option<(SessionId, &str)> {
    let (session, output) = name.split_once('/')?;
    Some((session.parse().ok()?, output))
}

/// What a result is called in the store. An output's name that is too long for one is its digest there, and answers to both.
fn stored(session: SessionId, output: &str) -> String {
    match output.len() <= LONGEST && !output.contains(char::is_control) {
        true => format!("{RESULT}{session}/{output}"),
        false => format!("{RESULT}{session}/{}", blake3::hash(output.as_bytes())),
    }
}

/// The most bytes that tables of what an agreement releases to a player take.
fn released_bytes(agreement: &Agreement, player: PlayerId) -> u64 {
    let c = agreement.checked().computation();
    let mine = c.outputs().filter(|output| output.attrs.players("to").is_some_and(|to| to.contains(&player)));
    let bytes = mine.filter_map(|output| output.args.first()).map(|value| {
        let shape = &c.graph.value(*value).ty.shape;
        let lengths = shape.iter().map(|dim| dim.eval(agreement.dims()).unwrap_or(u64::MAX));
        let elements = lengths.fold(1, u64::saturating_mul);
        let columns = if shape.len() == 2 { elements.min(Table::MOST_COLUMNS as u64) } else { 1 };
        elements.saturating_mul(8).saturating_add(FORM + columns * FORM_OF_COLUMN)
    });
    bytes.fold(0, u64::saturating_add)
}

/// A value as a table: a matrix has its columns, `c0`, `c1` and so on; anything else, and a matrix with more columns than tables
/// have, is one column, `value`, of its elements in row-major order. Type and shape are said beside the columns.
fn table(value: &Plain) -> Result<Table, TableError> {
    let (width, named) = match value.shape() {
        [_, m] if (1..=Table::MOST_COLUMNS).contains(m) => (*m, true),
        _ => (1, false),
    };
    let name = |i| if named { format!("c{i}") } else { "value".to_owned() };
    let columns = (0..width).map(|i| (name(i), column(value, i, width))).collect();
    let form = [("privity.type", value.dtype().to_string()), ("privity.shape", format!("{:?}", value.shape()))];
    Ok(Table::of(columns)?.with_metadata(form.map(|(key, text)| (key.to_owned(), text))))
}

/// Every `width`-th element from the `i`-th on.
fn column(value: &Plain, i: usize, width: usize) -> Column {
    fn every<T: Copy>(all: &[T], i: usize, width: usize) -> Vec<T> {
        all.iter().skip(i).step_by(width).copied().collect()
    }
    match value {
        Plain::Bool(t) => Column::Bool(every(t.data(), i, width)),
        Plain::I64(t) => Column::I64(every(t.data(), i, width)),
        Plain::U64(t) => Column::U64(every(t.data(), i, width)),
        Plain::F32(t) => Column::F32(every(t.data(), i, width)),
        Plain::F64(_) | Plain::Fixed64(..) | Plain::Fixed128(..) => Column::F64(every(value.as_f64().data(), i, width)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use algebra::Tensor;

    fn form(table: &Table) -> (Vec<String>, usize, String) {
        let names = table.schema().fields().iter().map(|field| field.name().clone()).collect();
        (names, table.rows(), table.schema().metadata()["privity.shape"].clone())
    }

    #[test]
    fn a_value_is_a_table_and_says_its_shape() {
        let of = |shape: Vec<usize>| {
            let elements = (0..shape.iter().product()).map(|i: usize| i as f64).collect();
            let made = table(&Plain::F64(Tensor::new(shape, elements).unwrap())).unwrap();
            // As it is kept, and comes back.
            let read = tables::read(tables::write(&made).unwrap(), Limits::default()).unwrap();
            assert!(form(&read) == form(&made) && read.schema().metadata()["privity.type"] == "f64");
            made
        };
        let value = |names: &[&str], rows: usize, shape: &str| {
            (names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), rows, shape.to_owned())
        };
        assert_eq!(form(&of(vec![])), value(&["value"], 1, "[]"));
        assert_eq!(form(&of(vec![3])), value(&["value"], 3, "[3]"));
        assert_eq!(form(&of(vec![2, 1])), value(&["c0"], 2, "[2, 1]"));
        assert_eq!(form(&of(vec![2, 2, 2])), value(&["value"], 8, "[2, 2, 2]"));
        assert_eq!(form(&of(vec![1, 5000])), value(&["value"], 5000, "[1, 5000]"));
        let matrix = of(vec![2, 3]);
        assert_eq!(form(&matrix), value(&["c0", "c1", "c2"], 2, "[2, 3]"));
        assert!(matrix.numbers("c1") == Ok(Column::F64(vec![1.0, 4.0])));
    }

    #[test]
    fn a_name_fits_the_store_however_long_the_outputs_is() {
        let session = SessionId([7; 16]);
        let long = "x".repeat(3000);
        for output in ["y", "a / b", &long, "bell \u{7}"] {
            let name = stored(session, output);
            assert!(name.len() < 255 && !name.contains(char::is_control), "{name}");
            // What is listed is asked for by the same name.
            let (again, listed) = split(name.strip_prefix(RESULT).unwrap()).unwrap();
            assert_eq!(stored(again, listed), name);
        }
    }
}
