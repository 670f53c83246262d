//! Why bytes are not a table that we take.

/// Why bytes are not a table that we take. It says where something is, never what a cell holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The bytes do not hold what they state.
    #[error("{place} is no Arrow message: {what}")]
    Malformed {
        /// Which message.
        place: Place,
        /// What is wrong.
        what: &'static str,
    },
    /// A column of a type that is not taken.
    #[error("the column `{column}` is {ty}, which is not taken")]
    Column {
        /// Its name.
        column: String,
        /// Its type, or what is wrong with it.
        ty: String,
    },
    /// It is larger than was allowed.
    #[error("the table has more than {most} {unit}")]
    TooLarge {
        /// The most that is allowed.
        most: usize,
        /// What was counted: bytes, rows or columns.
        unit: &'static str,
    },
    /// Batches of one table differ in their columns.
    #[error("batch {batch} has other columns than the table")]
    Differs {
        /// Which batch, from 0.
        batch: usize,
    },
}

/// A message of a table's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The schema, which comes first.
    Schema,
    /// A batch, counted from 0.
    Batch(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Schema => f.write_str("the schema"),
            Place::Batch(n) => write!(f, "batch {n}"),
        }
    }
}

impl TableError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            TableError::Malformed { .. } => "table.malformed",
            TableError::Column { .. } => "table.column",
            TableError::TooLarge { .. } => "table.too-large",
            TableError::Differs { .. } => "table.differs",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            TableError::Malformed { .. } => "write it with an Arrow library, as an IPC stream without compression",
            TableError::Column { .. } => {
                "use booleans, whole numbers, f32, f64, texts, bytes, dates or timestamps; decode dictionaries, and give every column one name"
            }
            TableError::TooLarge { .. } => "send fewer rows or columns, or raise the limit",
            TableError::Differs { .. } => "give all batches of a table the same columns",
        }
    }
}
