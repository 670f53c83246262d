//! Which columns a table may have.

use std::collections::BTreeSet;

use arrow_schema::{DataType, Schema};

use crate::error::TableError;

/// The longest name of a column, in bytes.
const LONGEST_NAME: usize = 256;

/// How many buffers a column of this type has in a message, or none if the type is not taken.
pub(crate) fn buffers(ty: &DataType) -> Option<usize> {
    use DataType::{
        Binary, Boolean, Date32, Date64, Float32, Float64, Int8, Int16, Int32, Int64, LargeBinary, LargeUtf8,
        Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8,
    };
    match ty {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 | Date32
        | Date64 | Timestamp(..) => Some(2),
        Utf8 | LargeUtf8 | Binary | LargeBinary => Some(3),
        _ => None,
    }
}

/// Bytes of each offset of a column whose values vary in length.
pub(crate) fn offset_width(ty: &DataType) -> Option<usize> {
    match ty {
        DataType::Utf8 | DataType::Binary => Some(4),
        DataType::LargeUtf8 | DataType::LargeBinary => Some(8),
        _ => None,
    }
}

/// Refuses a schema with columns that are not taken, without columns, or with one name twice.
pub(crate) fn check(schema: &Schema, most: usize) -> Result<(), TableError> {
    let refused = |column: &str, ty: &str| TableError::Column { column: column.into(), ty: ty.into() };
    if schema.fields().is_empty() {
        return Err(refused("", "missing: a table has at least one column"));
    }
    if schema.fields().len() > most {
        return Err(TableError::TooLarge { most, unit: "columns" });
    }
    let mut names = BTreeSet::new();
    for field in schema.fields() {
        let name = field.name();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(refused(&name.escape_debug().take(64).collect::<String>(), "badly named"));
        }
        if !names.insert(name) {
            return Err(refused(name, "there twice"));
        }
        if buffers(field.data_type()).is_none() {
            return Err(refused(name, &field.data_type().to_string()));
        }
    }
    Ok(())
}
