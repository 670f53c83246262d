//! Columns, as Rust's numbers and texts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;

/// A column to be written.
pub enum Column {
    /// Real numbers.
    Real(Vec<f64>),
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Texts.
    Text(Vec<String>),
}

impl From<Vec<f64>> for Column {
    fn from(values: Vec<f64>) -> Column {
        Column::Real(values)
    }
}

impl From<Vec<i64>> for Column {
    fn from(values: Vec<i64>) -> Column {
        Column::Whole(values)
    }
}

impl From<Vec<String>> for Column {
    fn from(values: Vec<String>) -> Column {
        Column::Text(values)
    }
}

impl From<Column> for ArrayRef {
    fn from(column: Column) -> ArrayRef {
        match column {
            Column::Real(values) => Arc::new(Float64Array::from(values)),
            Column::Whole(values) => Arc::new(Int64Array::from(values)),
            Column::Text(values) => Arc::new(StringArray::from(values)),
        }
    }
}

/// What rows are matched by. A whole number and a text are never the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A whole number.
    Whole(i128),
    /// A text.
    Text(String),
}

/// Does something with a column of whole numbers as its Arrow type, or gives none for another.
macro_rules! whole {
    ($array:expr, $all:expr, |$value:ident| $made:expr) => {
        whole!($array, $all, |$value| $made; Int8 Int8Type, Int16 Int16Type, Int32 Int32Type, Int64 Int64Type,
            UInt8 UInt8Type, UInt16 UInt16Type, UInt32 UInt32Type, UInt64 UInt64Type)
    };
    ($array:expr, $all:expr, |$value:ident| $made:expr; $($ty:ident $native:ty),*) => {
        match $array.data_type() {
            $(DataType::$ty => {
                $all.extend($array.as_primitive::<$native>().iter().map(|v| v.map(|$value| $made)));
                Some(())
            })*
            _ => None,
        }
    };
}

#[allow(clippy::cast_precision_loss, reason = "a column of numbers is wanted as f64")]
pub(crate) fn numbers(array: &dyn Array, all: &mut Vec<Option<f64>>) -> Option<()> {
    match array.data_type() {
        DataType::Float64 => all.extend(array.as_primitive::<Float64Type>()),
        DataType::Float32 => all.extend(array.as_primitive::<Float32Type>().iter().map(|v| v.map(f64::from))),
        DataType::Boolean => all.extend(array.as_boolean().iter().map(|v| v.map(|b| f64::from(u8::from(b))))),
        _ => return whole!(array, all, |v| v as f64),
    }
    Some(())
}

pub(crate) fn keys(array: &dyn Array, all: &mut Vec<Option<Key>>) -> Option<()> {
    match array.data_type() {
        DataType::Utf8 => all.extend(array.as_string::<i32>().iter().map(|v| v.map(|t| Key::Text(t.into())))),
        DataType::LargeUtf8 => all.extend(array.as_string::<i64>().iter().map(|v| v.map(|t| Key::Text(t.into())))),
        _ => return whole!(array, all, |v| Key::Whole(i128::from(v))),
    }
    Some(())
}
