//! Columns as Rust's numbers and truth values, without Arrow's types.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};

use crate::error::TableError;
use crate::table::Table;

/// A column in which nothing is missing.
#[derive(Clone, PartialEq)]
pub enum Column {
    /// Truth values.
    Bool(Vec<bool>),
    /// Whole numbers.
    I64(Vec<i64>),
    /// Whole numbers without a sign.
    U64(Vec<u64>),
    /// Single-precision numbers.
    F32(Vec<f32>),
    /// Double-precision numbers.
    F64(Vec<f64>),
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> ArrayRef {
        match column {
            Column::Bool(values) => Arc::new(BooleanArray::from(values)),
            Column::I64(values) => Arc::new(Int64Array::from(values)),
            Column::U64(values) => Arc::new(UInt64Array::from(values)),
            Column::F32(values) => Arc::new(Float32Array::from(values)),
            Column::F64(values) => Arc::new(Float64Array::from(values)),
        }
    }
}

/// The values of all batches, where they are of one of these types: each is gathered as the variant's own.
macro_rules! gathered {
    ($table:expr, $place:expr, $ty:expr; $($data:ident $native:ty => $variant:ident),* $(,)?) => {
        match $ty {
            DataType::Boolean => {
                let values = $table.batches().iter().flat_map(|b| b.column($place).as_boolean().iter());
                Some(Column::Bool(values.flatten().collect()))
            }
            $(DataType::$data => {
                let arrays = $table.batches().iter().map(|b| b.column($place).as_primitive::<$native>());
                Some(Column::$variant(arrays.flat_map(|a| a.values().iter().map(|v| (*v).into())).collect()))
            })*
            _ => None,
        }
    };
}

impl Table {
    /// A table of one batch.
    ///
    /// # Errors
    /// [`TableError::Column`] for a name that is none or is there twice, and for columns of different lengths.
    pub fn of(columns: Vec<(String, Column)>) -> Result<Table, TableError> {
        let (names, arrays): (Vec<String>, Vec<ArrayRef>) =
            columns.into_iter().map(|(name, column)| (name, ArrayRef::from(column))).unzip();
        let fields: Vec<Field> =
            names.iter().zip(&arrays).map(|(name, a)| Field::new(name, a.data_type().clone(), false)).collect();
        let (schema, rows) = (Arc::new(Schema::new(fields)), arrays.first().map_or(0, |a| a.len()));
        let other = arrays.iter().position(|a| a.len() != rows);
        if let Some(i) = other {
            return Err(TableError::Column { column: names[i].clone(), ty: "of another length".to_owned() });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options);
        let refused = |_| TableError::Column { column: String::new(), ty: "not as the others".to_owned() };
        Table::new(schema, vec![batch.map_err(refused)?])
    }

    /// A column of numbers or truth values; whole numbers of fewer bits are widened.
    ///
    /// # Errors
    /// [`TableError::Column`] if there is no such column, if it holds something else, or if values are missing.
    pub fn numbers(&self, name: &str) -> Result<Column, TableError> {
        let refused = |ty: &str| TableError::Column { column: name.to_owned(), ty: ty.to_owned() };
        let place = self.schema().index_of(name).map_err(|_| refused("missing"))?;
        if self.batches().iter().any(|b| b.column(place).null_count() > 0) {
            return Err(refused("missing values"));
        }
        let ty = self.schema().field(place).data_type();
        let column = gathered!(self, place, ty;
            Int8 Int8Type => I64, Int16 Int16Type => I64, Int32 Int32Type => I64, Int64 Int64Type => I64,
            UInt8 UInt8Type => U64, UInt16 UInt16Type => U64, UInt32 UInt32Type => U64, UInt64 UInt64Type => U64,
            Float32 Float32Type => F32, Float64 Float64Type => F64,
        );
        column.ok_or_else(|| refused(&ty.to_string()))
    }
}
