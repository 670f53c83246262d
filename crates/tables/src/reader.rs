//! Reading a table message by message.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_schema::{Schema, SchemaRef};

use crate::error::{Place, TableError};
use crate::table::Table;
use crate::{column, message};

/// How large a table may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its messages.
    pub bytes: usize,
    /// Rows of all its batches.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl Default for Limits {
    /// 256 MiB, 100 million rows, 4,096 columns.
    fn default() -> Limits {
        Limits { bytes: 256 << 20, rows: 100_000_000, columns: Table::MOST_COLUMNS }
    }
}

/// Reads a table from messages, each a metadata flat buffer and a body: first the schema, then batches.
/// It holds what has been read, and allocates no more than it was given.
pub struct Reader {
    limits: Limits,
    schema: Option<SchemaRef>,
    batches: Vec<RecordBatch>,
    bytes: usize,
    rows: usize,
}

impl Reader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Reader {
        Reader { limits, schema: None, batches: Vec::new(), bytes: 0, rows: 0 }
    }

    /// The schema, once its message has been read.
    #[must_use]
    pub fn schema(&self) -> Option<&Schema> {
        self.schema.as_deref()
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// [`TableError`], after which the reader is of no use.
    pub fn push(&mut self, metadata: &[u8], body: impl Into<Buffer>) -> Result<(), TableError> {
        let body = body.into();
        self.bytes = self.bytes.saturating_add(metadata.len()).saturating_add(body.len());
        if self.bytes > self.limits.bytes {
            return Err(TableError::TooLarge { most: self.limits.bytes, unit: "bytes" });
        }
        let place = if self.schema.is_none() { Place::Schema } else { Place::Batch(self.batches.len()) };
        let malformed = |what| TableError::Malformed { place, what };
        let message = message::parse(metadata).map_err(malformed)?;
        if usize::try_from(message.bodyLength()) != Ok(body.len()) {
            return Err(malformed("its body is of another length than it states"));
        }
        let Some(schema) = &self.schema else {
            let schema = message::schema(&message).map_err(malformed)?;
            column::check(&schema, self.limits.columns)?;
            self.schema = Some(Arc::new(schema));
            return Ok(());
        };
        let batch = message::batch(&message, schema, body.len()).map_err(malformed)?;
        let batch = arrow_ipc::reader::read_record_batch(
            &body,
            batch,
            Arc::clone(schema),
            &HashMap::new(),
            None,
            &message.version(),
        )
        .map_err(|_| malformed("its values are not what its columns say"))?;
        self.rows = self.rows.saturating_add(batch.num_rows());
        if self.rows > self.limits.rows {
            return Err(TableError::TooLarge { most: self.limits.rows, unit: "rows" });
        }
        self.batches.push(batch);
        Ok(())
    }

    /// The table that was read.
    ///
    /// # Errors
    /// [`TableError::Malformed`] if there was no schema.
    pub fn finish(self) -> Result<Table, TableError> {
        let schema = self.schema.ok_or(TableError::Malformed { place: Place::Schema, what: "there is nothing" })?;
        Table::new(schema, self.batches)
    }
}
