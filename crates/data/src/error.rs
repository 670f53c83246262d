//! What can be wrong with a dataset, where, and what to do about it.
//!
//! Messages name files, lines, columns and positions. They never hold the content of a cell or a key.

use std::fmt;
use std::path::PathBuf;

/// A dataset that cannot be used: a fault, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// Where, as far as it is known.
    pub place: Box<Place>,
    /// What is wrong.
    pub fault: Fault,
}

/// Where a fault is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The player whose data it is.
    pub player: Option<String>,
    /// The input that is loaded.
    pub input: Option<String>,
    /// The file.
    pub file: Option<PathBuf>,
    /// The place in the file.
    pub position: Option<Position>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// A line, from 1.
    Line(u64),
    /// A cell: line, from 1, and the column's name.
    Cell(u64, String),
    /// A cell of a table in Arrow's form: row, from 1, and the column's name.
    Row(u64, String),
    /// An element of an array, by its index.
    Element(Vec<usize>),
}

/// What is wrong with a dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file does not exist.
    #[error("there is no such file")]
    NoFile,
    /// The operating system does not let us read the file.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The text that names the datasets is not as it should be.
    #[error("{0}")]
    Config(String),
    /// An input of the computation has no source.
    #[error("no dataset is given for this input")]
    NoSource,
    /// A source is given for what is no input of the computation.
    #[error("a dataset is given for `{name}`, which is no input of the computation")]
    UnknownInput {
        /// The name, as `player.input`.
        name: String,
        /// The nearest name of an input.
        nearest: Option<String>,
    },
    /// A column is not in the file. No columns are listed where the first line looks like data.
    #[error("there is no column `{column}`{}", listed(columns))]
    UnknownColumn {
        /// The column that was asked for.
        column: String,
        /// The nearest name in the file.
        nearest: Option<String>,
        /// The columns of the file.
        columns: Vec<String>,
    },
    /// The file names a column twice.
    #[error("there are several columns `{0}`")]
    AmbiguousColumn(String),
    /// A row has another number of cells than the header.
    #[error("{found} cells, but the header has {expected}")]
    Ragged {
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
    /// The file ends inside a quoted cell, or is no text.
    #[error("not a CSV file: {0}")]
    Csv(String),
    /// There is nothing behind the header.
    #[error("there are no rows")]
    NoRows,
    /// A cell is empty.
    #[error("the cell is empty")]
    EmptyCell,
    /// A cell is no number.
    #[error("the cell is not a number")]
    NotANumber,
    /// A number is NaN or infinite, or too large for its type.
    #[error("the number is not finite as {0}")]
    NotFinite(&'static str),
    /// A number is not whole, where whole numbers are declared.
    #[error("the number is not a whole number, as {0} needs")]
    NotWhole(&'static str),
    /// A whole number is outside its type's range.
    #[error("the number is outside the range of {0}")]
    OutOfRange(&'static str),
    /// An integer of an array has no exact equivalent in the declared type.
    #[error("the integer cannot be held exactly as {0}")]
    Inexact(&'static str),
    /// A cell is no truth value.
    #[error("the cell is not a truth value")]
    NotBool,
    /// Truth values in words stand beside numbers.
    #[error("there are truth values beside numbers")]
    Mixed,
    /// A key occurs twice.
    #[error("the key in column `{column}` is that of line {first} again")]
    DuplicateKey {
        /// The key column.
        column: String,
        /// The line of its first occurrence.
        first: u64,
    },
    /// Rows are to be matched by a key that the source does not name.
    #[error("the rows along `{dim}` are matched by `{key}`, which the dataset does not name as its key")]
    NoKey {
        /// The matched dimension.
        dim: String,
        /// The key column that the computation names.
        key: String,
    },
    /// Two inputs of one player have different keys, or another order of them.
    #[error("the keys along `{dim}` are not those of `{other}`, in the same order")]
    KeyOrder {
        /// The matched dimension.
        dim: String,
        /// The other input.
        other: String,
    },
    /// The number of keys is not the number of rows.
    #[error("{keys} keys for {rows} rows")]
    KeyCount {
        /// Number of keys.
        keys: usize,
        /// Number of rows.
        rows: usize,
    },
    /// The dataset has another number of axes than the declared type.
    #[error("{found}, but the computation declares {declared}")]
    Rank {
        /// What the dataset is.
        found: String,
        /// The declared type.
        declared: String,
    },
    /// An axis has another length than the declared type.
    #[error("axis {axis} has length {found}, but the computation declares {declared}")]
    Length {
        /// The axis, from 0.
        axis: usize,
        /// Its length in the dataset.
        found: u64,
        /// The declared type.
        declared: String,
    },
    /// Two inputs disagree on the length of a dimension, or one with the length that was agreed.
    #[error("`{dim}` is {found} here, but {expected} {}", of(other))]
    Dimension {
        /// The dimension.
        dim: String,
        /// Its length here.
        found: u64,
        /// Its length there.
        expected: u64,
        /// The other input, as `player.input`; `None` for the agreement.
        other: Option<String>,
    },
    /// The array's element type does not become the declared one without loss.
    #[error("elements of type `{found}` do not become {declared}")]
    ElementType {
        /// The type in the file, as numpy names it.
        found: String,
        /// The declared type.
        declared: String,
    },
    /// The file is no `.npy` file, or damaged.
    #[error("not an .npy file: {0}")]
    Npy(String),
    /// No dataset can hold the declared type.
    #[error("inputs of type {0} cannot be read from a file")]
    Unsupported(String),
}

fn listed(columns: &[String]) -> String {
    const MOST: usize = 40;
    if columns.is_empty() {
        return String::new();
    }
    let more = if columns.len() > MOST { format!(" and {} more", columns.len() - MOST) } else { String::new() };
    format!("; there are: {}{more}", columns[..columns.len().min(MOST)].join(", "))
}

fn of(other: &Option<String>) -> String {
    match other {
        Some(name) => format!("for {name}"),
        None => "in the agreement".to_owned(),
    }
}

impl Fault {
    /// The fault at a place of a file.
    pub(crate) fn at(self, position: Position) -> DataError {
        let place = Place { position: Some(position), ..Place::default() };
        DataError { place: Box::new(place), fault: self }
    }
}

impl From<Fault> for DataError {
    fn from(fault: Fault) -> DataError {
        DataError { place: Box::default(), fault }
    }
}

impl DataError {
    /// The same error, in a file.
    pub(crate) fn in_file(mut self, file: &std::path::Path) -> DataError {
        self.place.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// The same error, for an input of a player.
    #[must_use]
    pub fn of_input(mut self, player: &str, input: &str) -> DataError {
        self.place.player.get_or_insert_with(|| player.to_owned());
        self.place.input.get_or_insert_with(|| input.to_owned());
        self
    }

    /// The player whose data it is, where known.
    pub fn player(&self) -> Option<&str> {
        self.place.player.as_deref()
    }

    /// A stable code for programs to match on.
    pub fn code(&self) -> &'static str {
        match self.fault {
            Fault::NoFile => "data.no-file",
            Fault::Unreadable(_) => "data.unreadable",
            Fault::Config(_) => "data.config",
            Fault::NoSource => "data.no-source",
            Fault::UnknownInput { .. } => "data.unknown-input",
            Fault::UnknownColumn { .. } => "data.unknown-column",
            Fault::AmbiguousColumn(_) => "data.ambiguous-column",
            Fault::Ragged { .. } => "data.ragged-row",
            Fault::Csv(_) => "data.csv",
            Fault::NoRows => "data.no-rows",
            Fault::EmptyCell => "data.empty-cell",
            Fault::NotANumber => "data.not-a-number",
            Fault::NotFinite(_) => "data.not-finite",
            Fault::NotWhole(_) => "data.not-whole",
            Fault::OutOfRange(_) => "data.out-of-range",
            Fault::Inexact(_) => "data.inexact",
            Fault::NotBool => "data.not-bool",
            Fault::Mixed => "data.mixed",
            Fault::DuplicateKey { .. } => "data.duplicate-key",
            Fault::NoKey { .. } => "data.no-key",
            Fault::KeyOrder { .. } => "data.key-order",
            Fault::KeyCount { .. } => "data.key-count",
            Fault::Rank { .. } => "data.rank",
            Fault::Length { .. } => "data.length",
            Fault::Dimension { .. } => "data.dimension",
            Fault::ElementType { .. } => "data.element-type",
            Fault::Npy(_) => "data.npy",
            Fault::Unsupported(_) => "data.unsupported",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match &self.fault {
            Fault::NoFile => "paths are relative to the file that names the dataset".into(),
            Fault::Unreadable(_) => "check that it is a file and who may read it".into(),
            Fault::Config(_) => {
                "a dataset is `[player.input]` with `csv` and `columns` (or `column`), or with `npy`".into()
            }
            Fault::NoSource => self.add_a_section(),
            Fault::UnknownInput { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Fault::UnknownInput { nearest: None, .. } => "remove it, or declare the input in the program".into(),
            Fault::UnknownColumn { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Fault::UnknownColumn { .. } => {
                "the first line must name the columns; if cells are separated by another character than a comma, \
                 say `delimiter`"
                    .into()
            }
            Fault::AmbiguousColumn(_) => "give every column a name of its own".into(),
            Fault::Ragged { .. } => "complete the row; quote cells that hold the delimiter".into(),
            Fault::Csv(_) => "write it as UTF-8 text with a header, one row to a line".into(),
            Fault::NoRows => "every dataset needs at least one row".into(),
            Fault::EmptyCell => "fill in or leave out rows with missing values, for all owners alike".into(),
            Fault::NotANumber => "write numbers with a decimal point and no unit, as 12.5 or 1e-3".into(),
            Fault::NotFinite(_) => "fill in or leave out missing values; there is no NaN or infinity here".into(),
            Fault::NotWhole(_) => "write whole numbers without a decimal point, or declare the input as f64".into(),
            Fault::OutOfRange(_) => "declare a wider type, or correct the number".into(),
            Fault::Inexact(_) => "declare the input as i64 or u64".into(),
            Fault::NotBool => "write true or false, or 1 or 0".into(),
            Fault::Mixed => "write all as numbers, or all as true and false".into(),
            Fault::DuplicateKey { .. } => "each key may stand in one row only".into(),
            Fault::NoKey { key, .. } => format!(
                "add `key = \"{key}\"` to the dataset; an .npy file also needs `keys`, a CSV file with that column"
            ),
            Fault::KeyOrder { .. } => "sort both by key and leave out rows that the other lacks".into(),
            Fault::KeyCount { .. } => "the key file needs one row for each row of the array".into(),
            Fault::Rank { .. } => {
                "`column` gives one axis (rows), `columns` two (rows, columns); an .npy file has the axes it was saved with".into()
            }
            Fault::Length { axis: 1, .. } => "name as many columns as the computation declares, in its order".into(),
            Fault::Length { .. } => "give as many rows as the computation declares".into(),
            Fault::Dimension { .. } => "a named dimension has one length for everyone".into(),
            Fault::ElementType { declared, .. } => format!(
                "save the array with `.astype(numpy.{})`",
                match declared.as_str() {
                    "bool" => "bool_",
                    "i64" => "int64",
                    "u64" => "uint64",
                    "f32" => "float32",
                    _ => "float64",
                }
            ),
            Fault::Npy(_) => "write it with `numpy.save`".into(),
            Fault::Unsupported(_) => "use a numeric type or bool".into(),
        }
    }

    fn add_a_section(&self) -> String {
        match (&self.place.player, &self.place.input) {
            (Some(player), Some(input)) => format!("add a section `[{player}.{input}]` with `csv` or `npy`"),
            _ => "add a section for it".into(),
        }
    }
}

/// As `clinic.bmi: clinic.csv, line 3, column `bmi``: what of it is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = match (&self.player, &self.input) {
            (Some(player), Some(input)) => Some(format!("{player}.{input}")),
            (Some(name), None) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        };
        let position = self.position.as_ref().map(|position| match position {
            Position::Line(line) => format!("line {line}"),
            Position::Cell(line, column) => format!("line {line}, column `{column}`"),
            Position::Row(row, column) => format!("row {row}, column `{column}`"),
            Position::Element(index) => format!("element {index:?}"),
        });
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let inside: Vec<String> = [file, position].into_iter().flatten().collect();
        let inside = Some(inside.join(", ")).filter(|text| !text.is_empty());
        f.write_str(&[input, inside].into_iter().flatten().collect::<Vec<_>>().join(": "))
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place.to_string();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.fault)
    }
}

impl std::error::Error for DataError {}
