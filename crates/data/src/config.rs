//! Where each input comes from: `DATA.toml`, or the same section in a worker's configuration.
//!
//! ```toml
//! [clinic.vitals]                # player.input
//! csv = "clinic.csv"             # relative to this file
//! columns = ["age", "sex", "s1..s6"]
//! key = "patient"
//!
//! [registry.target]
//! csv = "registry.csv"
//! column = "target"
//! key = "patient"
//!
//! [lab.matrix]
//! npy = "x.npy"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ir::Computation;
use serde::Deserialize;

use crate::error::{DataError, Fault, Position};
use crate::nearest::nearest;

/// Where one input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawSource")]
pub enum Source {
    /// Columns of a CSV file with a header.
    Csv {
        /// The file.
        path: PathBuf,
        /// The columns.
        columns: Columns,
        /// The column that rows are matched by.
        key: Option<String>,
        /// What separates cells; a comma if not said otherwise.
        delimiter: u8,
    },
    /// An array as `numpy.save` writes it.
    Npy {
        /// The file.
        path: PathBuf,
        /// A CSV file with the keys of the rows, and the column that has them.
        keys: Option<(PathBuf, String)>,
    },
}

/// The columns of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// One column: a vector of rows.
    One(String),
    /// Several: a matrix of rows and columns, in this order. `a..b` stands for all columns from `a` to `b`.
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    csv: Option<PathBuf>,
    npy: Option<PathBuf>,
    column: Option<String>,
    columns: Option<Vec<String>>,
    key: Option<String>,
    keys: Option<PathBuf>,
    delimiter: Option<char>,
}

impl TryFrom<RawSource> for Source {
    type Error = String;

    fn try_from(raw: RawSource) -> Result<Source, String> {
        let delimiter = match raw.delimiter {
            None => b',',
            Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => c as u8,
            Some(_) => return Err("`delimiter` is one ASCII character, such as \";\" or \"\\t\"".into()),
        };
        match (raw.csv, raw.npy) {
            (Some(path), None) => {
                let columns = match (raw.column, raw.columns) {
                    (Some(one), None) => Columns::One(one),
                    (None, Some(many)) if !many.is_empty() => Columns::Many(many),
                    (None, Some(_)) => return Err("`columns` names no column".into()),
                    (Some(_), Some(_)) => return Err("either `column` or `columns`, not both".into()),
                    (None, None) => {
                        return Err("a CSV file needs `column` (a vector) or `columns` (a matrix)".into());
                    }
                };
                if raw.keys.is_some() {
                    return Err("`keys` goes with `npy`; a CSV file has its keys in the column `key`".into());
                }
                Ok(Source::Csv { path, columns, key: raw.key, delimiter })
            }
            (None, Some(path)) => {
                if raw.column.is_some() || raw.columns.is_some() || raw.delimiter.is_some() {
                    return Err("`column`, `columns` and `delimiter` go with `csv`".into());
                }
                let keys = match (raw.keys, raw.key) {
                    (Some(file), Some(column)) => Some((file, column)),
                    (None, None) => None,
                    _ => return Err("the rows of an .npy file need both `keys` (a CSV file) and `key`".into()),
                };
                Ok(Source::Npy { path, keys })
            }
            _ => Err("a dataset has either `csv` or `npy`".into()),
        }
    }
}

impl Source {
    /// The same source, with paths relative to `base`.
    #[must_use]
    pub fn relative_to(mut self, base: &Path) -> Source {
        match &mut self {
            Source::Csv { path, .. } => *path = base.join(&*path),
            Source::Npy { path, keys } => {
                *path = base.join(&*path);
                if let Some((file, _)) = keys {
                    *file = base.join(&*file);
                }
            }
        }
        self
    }

    /// The file that the values are in.
    pub fn path(&self) -> &Path {
        match self {
            Source::Csv { path, .. } | Source::Npy { path, .. } => path,
        }
    }

    /// The column that rows are matched by, if there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Source::Csv { key, .. } => key.as_deref(),
            Source::Npy { keys, .. } => keys.as_ref().map(|(_, key)| key.as_str()),
        }
    }
}

/// The datasets of one or more players, by player and input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasets {
    sources: BTreeMap<String, BTreeMap<String, Source>>,
}

impl Datasets {
    /// Reads a `DATA.toml`; paths in it are relative to it.
    ///
    /// # Errors
    /// If it cannot be read, or as [`parse`](Self::parse).
    pub fn read(path: &Path) -> Result<Datasets, DataError> {
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(&e).in_file(path))?;
        let base = path.parent().unwrap_or(Path::new(""));
        Datasets::parse(&text, base).map_err(|e| e.in_file(path))
    }

    /// Parses the text of a `DATA.toml` whose paths are relative to `base`.
    ///
    /// # Errors
    /// What is not TOML, an unknown field, a source that is incomplete or contradicts itself; with the line.
    pub fn parse(text: &str, base: &Path) -> Result<Datasets, DataError> {
        let sources: BTreeMap<String, BTreeMap<String, Source>> = toml::from_str(text).map_err(|error| {
            let fault = Fault::Config(error.message().trim_end().replace('\n', "; "));
            match error.span() {
                Some(span) => fault.at(Position::Line(line_of(text, span.start))),
                None => fault.into(),
            }
        })?;
        let mut datasets = Datasets::default();
        for (player, inputs) in sources {
            datasets.add_player(&player, inputs, base);
        }
        Ok(datasets)
    }

    /// Adds the datasets of one player, as its worker's configuration has them; paths are relative to `base`.
    pub fn add_player(&mut self, player: &str, inputs: BTreeMap<String, Source>, base: &Path) {
        let inputs = inputs.into_iter().map(|(name, source)| (name, source.relative_to(base)));
        self.sources.entry(player.to_owned()).or_default().extend(inputs);
    }

    /// Where an input comes from.
    pub fn get(&self, player: &str, input: &str) -> Option<&Source> {
        self.sources.get(player)?.get(input)
    }

    /// Where an element of an input is in its file, in the words of [`DataError`]; `None` if that cannot be found again.
    /// Elements are numbered in row-major order, from 0. Reads the file up to there.
    pub fn locate(&self, player: &str, input: &str, element: usize) -> Option<String> {
        crate::inputs::locate(self.get(player, input)?, element).map(|place| place.to_string())
    }

    /// All datasets: player, input, source.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Source)> {
        self.sources.iter().flat_map(|(p, inputs)| inputs.iter().map(move |(i, s)| (p.as_str(), i.as_str(), s)))
    }

    /// Checks that every input of a computation has a source, and every source an input.
    ///
    /// A worker's configuration may hold more than one computation needs; this is for `DATA.toml`.
    ///
    /// # Errors
    /// [`Fault::NoSource`] or [`Fault::UnknownInput`].
    pub fn check_names(&self, computation: &Computation) -> Result<(), DataError> {
        let declared: Vec<(String, String)> = crate::inputs::declared(computation)
            .map(|(player, input, _)| (player.to_owned(), input.to_owned()))
            .collect();
        for (player, input, _) in self.iter() {
            if !declared.iter().any(|(p, i)| p == player && i == input) {
                let name = format!("{player}.{input}");
                let known: Vec<String> = declared.iter().map(|(p, i)| format!("{p}.{i}")).collect();
                let nearest = nearest(&name, known.iter().map(String::as_str)).map(str::to_owned);
                return Err(Fault::UnknownInput { name, nearest }.into());
            }
        }
        match declared.iter().find(|(p, i)| self.get(p, i).is_none()) {
            Some((player, input)) => Err(DataError::from(Fault::NoSource).of_input(player, input)),
            None => Ok(()),
        }
    }
}

/// The line, from 1, of a byte in a text.
fn line_of(text: &str, at: usize) -> u64 {
    text.bytes().take(at).filter(|b| *b == b'\n').count() as u64 + 1
}

/// Why the operating system does not let us read a file.
pub(crate) fn unreadable(error: &std::io::Error) -> DataError {
    match error.kind() {
        std::io::ErrorKind::NotFound => Fault::NoFile.into(),
        kind => Fault::Unreadable(kind.to_string()).into(),
    }
}
