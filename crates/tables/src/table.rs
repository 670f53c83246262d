//! A table: a schema and batches of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use crate::column;
use crate::error::TableError;

/// A table: columns of flat types, rows in batches. `Debug` shows its shape only.
#[derive(Clone, PartialEq)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    /// The most columns of any table.
    pub const MOST_COLUMNS: usize = 4096;

    /// A table of batches that all have this schema's columns.
    ///
    /// # Errors
    /// [`TableError::Column`] for a column that is not taken, [`TableError::Differs`] for a batch with others.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Table, TableError> {
        column::check(&schema, Self::MOST_COLUMNS)?;
        match batches.iter().position(|batch| batch.schema_ref().fields() != schema.fields()) {
            Some(batch) => Err(TableError::Differs { batch }),
            None => Ok(Table { schema, batches }),
        }
    }

    /// The same table, which says these texts beside its columns: Arrow's metadata of the schema.
    #[must_use]
    pub fn with_metadata(self, metadata: impl IntoIterator<Item = (String, String)>) -> Table {
        let schema = Schema::clone(&self.schema).with_metadata(metadata.into_iter().collect());
        Table { schema: Arc::new(schema), batches: self.batches }
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Its batches, in order.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Bytes of memory that its columns hold. Columns that lie in one message share its memory, which counts once, whole.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns = self.batches.iter().flat_map(|batch| batch.columns()).map(|column| column.to_data());
        let mut held = BTreeMap::new();
        for column in columns {
            let nulls = column.nulls().map(|nulls| nulls.buffer());
            held.extend(column.buffers().iter().chain(nulls).map(|b| (b.data_ptr().as_ptr().addr(), b.capacity())));
        }
        held.values().sum()
    }
}

impl TryFrom<RecordBatch> for Table {
    type Error = TableError;

    fn try_from(batch: RecordBatch) -> Result<Table, TableError> {
        Table::new(batch.schema(), vec![batch])
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.schema.fields().len();
        write!(f, "Table({} rows in {} batches, {columns} columns)", self.rows(), self.batches.len())
    }
}
