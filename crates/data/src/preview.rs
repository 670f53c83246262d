//! What a dataset looks like before any computation declares its type: its first rows.

use std::fmt;

use crate::cell::Cell;
use crate::config::Source;
use crate::error::{DataError, Fault};
use crate::{csv_file, npy_file};

/// Rows of a CSV file that are looked at.
const MOST: usize = 1000;

/// What was found in a dataset. Shows no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The lengths of the axes, rows first. A CSV file has as many rows as were looked at.
    pub shape: Vec<usize>,
    /// Whether there are more rows than were looked at.
    pub more: bool,
    /// What the elements are.
    pub elements: Elements,
    /// The column that rows are matched by, if the dataset names one.
    pub key: Option<String>,
}

/// What all elements of a dataset are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Truth values: they fit `bool`.
    Truth,
    /// Whole numbers: they fit `i64` or `u64`, and real types too.
    Whole,
    /// Numbers: they fit real types.
    Real,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.elements {
            Elements::Truth => "truth values",
            Elements::Whole => "whole numbers",
            Elements::Real => "numbers",
        };
        let lengths: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let first = if self.more { "the first " } else { "" };
        write!(f, "{first}{} {what}", lengths.join(" × "))?;
        match &self.key {
            Some(key) => write!(f, ", matched by `{key}`"),
            None => Ok(()),
        }
    }
}

/// Looks at a dataset as far as that goes without a declared type: that its file opens, has the columns that it names,
/// and that the first thousand rows of a CSV file, or the header of an `.npy` file, hold numbers or truth values and a key
/// of their own each.
///
/// # Errors
/// What [`load`](crate::load) would say of the same rows.
pub fn preview(source: &Source) -> Result<Preview, DataError> {
    match source {
        Source::Csv { path, columns, key, delimiter } => {
            // One row more tells whether there are more.
            let mut table = csv_file::read::<Glance>(path, columns, key.as_deref(), *delimiter, MOST + 1)?;
            let more = table.rows > MOST;
            table.elements.truncate(MOST * table.columns);
            let elements = Glance::all(&table.elements).ok_or_else(|| DataError::from(Fault::Mixed).in_file(path))?;
            let shape = match columns {
                crate::Columns::One(_) => vec![table.rows.min(MOST)],
                crate::Columns::Many(_) => vec![table.rows.min(MOST), table.columns],
            };
            Ok(Preview { shape, more, elements, key: key.clone() })
        }
        Source::Npy { path, keys } => {
            let (shape, elements) = npy_file::glance(path)?;
            let mut key = None;
            if let Some((file, column)) = keys {
                let count = csv_file::read_keys(file, column)?.len();
                let rows = shape.first().copied().unwrap_or(1);
                if count != rows {
                    return Err(DataError::from(Fault::KeyCount { keys: count, rows }).in_file(path));
                }
                key = Some(column.clone());
            }
            Ok(Preview { shape, more: false, elements, key })
        }
    }
}

/// What one cell can be read as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Glance {
    /// `0` or `1`: a whole number as well as a truth value.
    Either,
    Truth,
    Whole,
    Real,
}

impl Cell for Glance {
    fn parse(text: &str) -> Result<Self, Fault> {
        let whole = i64::parse(text).is_ok() || u64::parse(text).is_ok();
        match (bool::parse(text).is_ok(), whole) {
            (true, true) => Ok(Glance::Either),
            (true, false) => Ok(Glance::Truth),
            (false, true) => Ok(Glance::Whole),
            (false, false) => f64::parse(text).map(|_| Glance::Real),
        }
    }
}

impl Glance {
    /// What all of them are; `None` if there are truth values in words beside numbers.
    fn all(cells: &[Glance]) -> Option<Elements> {
        let any = |what: Glance| cells.contains(&what);
        match (any(Glance::Truth), any(Glance::Whole), any(Glance::Real)) {
            (true, false, false) => Some(Elements::Truth),
            (true, ..) => None,
            (false, _, true) => Some(Elements::Real),
            (false, _, false) => Some(Elements::Whole),
        }
    }
}
