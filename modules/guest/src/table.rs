//! Tables: batches of Arrow columns, with what modules need of them.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::column::{self, Column, Key};
use crate::job::GiveUp;

/// A table: batches of the same columns.
#[derive(Clone)]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// A table of columns, each with its name.
///
/// # Errors
/// If they differ in length, or there are none.
pub fn table<'a>(columns: impl IntoIterator<Item = (&'a str, Column)>) -> Result<Table, GiveUp> {
    let columns = columns.into_iter().map(|(name, column)| (name, ArrayRef::from(column)));
    let batch = RecordBatch::try_from_iter(columns).map_err(|e| GiveUp::new(e.to_string()))?;
    Ok(Table { schema: batch.schema(), batches: vec![batch] })
}

impl Table {
    /// The Arrow batches.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The names of its columns of numbers and booleans, in order.
    pub fn numeric(&self) -> Vec<String> {
        let numeric = |ty: &DataType| ty.is_integer() || ty.is_floating() || *ty == DataType::Boolean;
        self.schema.fields().iter().filter(|f| numeric(f.data_type())).map(|f| f.name().clone()).collect()
    }

    /// Whether it has a column.
    pub fn has(&self, name: &str) -> bool {
        self.schema.index_of(name).is_ok()
    }

    /// A column as numbers: booleans are 0 and 1, and what is missing is none.
    ///
    /// # Errors
    /// If there is no such column, or it is of no numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>, GiveUp> {
        self.gather(name, column::numbers)
    }

    /// A column as keys, which are whole numbers or texts. What is missing is none.
    ///
    /// # Errors
    /// If there is no such column, or it is of neither.
    pub fn keys(&self, name: &str) -> Result<Vec<Option<Key>>, GiveUp> {
        self.gather(name, column::keys)
    }

    fn gather<T>(&self, name: &str, read: fn(&dyn Array, &mut Vec<T>) -> Option<()>) -> Result<Vec<T>, GiveUp> {
        let mut all = Vec::with_capacity(self.rows());
        let place = self.schema.index_of(name);
        let place = place.map_err(|_| GiveUp::new(format!("there is no column `{name}`")))?;
        for batch in &self.batches {
            read(batch.column(place), &mut all)
                .ok_or_else(|| GiveUp::new(format!("the column `{name}` is of another type")))?;
        }
        Ok(all)
    }

    /// From an Arrow IPC stream.
    ///
    /// # Errors
    /// If it is none.
    pub fn decode(stream: Vec<u8>) -> Result<Table, GiveUp> {
        let wrong = |e: arrow_schema::ArrowError| GiveUp::new(e.to_string());
        let reader = StreamReader::try_new(Cursor::new(stream), None).map_err(wrong)?;
        let schema = reader.schema();
        Ok(Table { schema, batches: reader.collect::<Result<_, _>>().map_err(wrong)? })
    }

    /// As an Arrow IPC stream.
    ///
    /// # Errors
    /// If Arrow cannot write it.
    pub fn encode(&self) -> Result<Vec<u8>, GiveUp> {
        let wrong = |e: arrow_schema::ArrowError| GiveUp::new(e.to_string());
        // What comes with a schema beside its columns is not for an output.
        let plain = Arc::new(Schema::new(self.schema.fields().clone()));
        let mut writer = StreamWriter::try_new(Vec::new(), &plain).map_err(wrong)?;
        for batch in &self.batches {
            writer.write(batch).map_err(wrong)?;
        }
        writer.into_inner().map_err(wrong)
    }
}
