//! Between tables in Arrow's form and inputs: what an owner brings to another party's machine.
//!
//! One column is the key of the rows where the input has an axis that is matched; all others, in their order, are the
//! input: a vector of one column, or a matrix. Numbers are taken without loss or refused.

use std::collections::HashMap;
use std::sync::Arc;

use algebra::Tensor;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::DataType;
use ir::{DType, Type};
use tables::{Table, TableError};

use crate::error::{DataError, Fault, Position};
use crate::inputs::check_constants;
use crate::values::{Loaded, Values};

/// Reads a table as an input of a declared type, whose rows have their keys in the column `key`.
///
/// # Errors
/// What is not of the type, has another shape or an empty cell; and a key that is missing, or there twice. None says what
/// a cell holds.
pub fn from_table(table: &Table, ty: &Type, key: Option<&str>) -> Result<Loaded, DataError> {
    let values = match ty.dtype {
        DType::Bool => Values::Bool(read(table, ty, key, truth)?),
        DType::I64 => Values::I64(read(table, ty, key, whole)?),
        DType::U64 => Values::U64(read(table, ty, key, whole)?),
        DType::F32 => Values::F32(read(table, ty, key, single)?),
        DType::F64 | DType::Fixed { .. } => Values::F64(read(table, ty, key, double)?),
        DType::Bytes => return Err(Fault::Unsupported(ty.to_string()).into()),
    };
    check_constants(ty, values.shape())?;
    let keys = key.map(|key| keys(table, key)).transpose()?;
    Ok(Loaded { values, keys })
}

/// An input as a table: its keys, if it has some, under the name `key`, and its columns under these names; others are
/// called `c0`, `c1`, and so on.
///
/// # Errors
/// [`TableError`] for names that no table has.
pub fn to_table(loaded: &Loaded, names: &[String], key: Option<&str>) -> Result<Table, TableError> {
    let shape = loaded.values.shape();
    let (rows, width) = (shape.first().copied().unwrap_or(1), shape.get(1..).unwrap_or_default().iter().product());
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    if let (Some(key), Some(keys)) = (key, &loaded.keys) {
        columns.push((key.to_owned(), Arc::new(StringArray::from_iter_values(keys))));
    }
    for i in 0..width {
        let name = names.get(i).cloned().unwrap_or_else(|| format!("c{i}"));
        columns.push((name, column(&loaded.values, rows, width, i)));
    }
    let batch = RecordBatch::try_from_iter(columns)
        .map_err(|_| TableError::Column { column: String::new(), ty: "of another length than others".into() })?;
    Table::try_from(batch)
}

fn column(values: &Values, rows: usize, width: usize, i: usize) -> ArrayRef {
    let at = (0..rows).map(|row| row * width + i);
    match values {
        Values::Bool(t) => Arc::new(BooleanArray::from(at.map(|e| t.data()[e]).collect::<Vec<_>>())),
        Values::I64(t) => Arc::new(Int64Array::from_iter_values(at.map(|e| t.data()[e]))),
        Values::U64(t) => Arc::new(UInt64Array::from_iter_values(at.map(|e| t.data()[e]))),
        Values::F32(t) => Arc::new(Float32Array::from_iter_values(at.map(|e| t.data()[e]))),
        Values::F64(t) => Arc::new(Float64Array::from_iter_values(at.map(|e| t.data()[e]))),
    }
}

/// A column's cells as elements; a fault without its place, for each.
type Cells<'a, T> = Box<dyn Fn(usize) -> Result<T, Fault> + 'a>;

/// Reads all columns but the key as one tensor in row-major order.
fn read<T: Copy + Default>(
    table: &Table,
    ty: &Type,
    key: Option<&str>,
    cells: for<'a> fn(&'a dyn Array) -> Option<Cells<'a, T>>,
) -> Result<Tensor<T>, DataError> {
    let fields = table.schema().fields();
    let chosen: Vec<usize> = (0..fields.len()).filter(|i| Some(fields[*i].name().as_str()) != key).collect();
    let (rows, width) = (table.rows(), chosen.len());
    if rows == 0 {
        return Err(Fault::NoRows.into());
    }
    let shape = match ty.rank() {
        2 => vec![rows, width],
        1 if width == 1 => vec![rows],
        0 if (rows, width) == (1, 1) => Vec::new(),
        _ => {
            let found = format!("{rows} rows of {width} columns");
            return Err(Fault::Rank { found, declared: ty.to_string() }.into());
        }
    };
    let mut elements = vec![T::default(); rows * width];
    let mut first = 0;
    for batch in table.batches() {
        for (to, from) in chosen.iter().enumerate() {
            let (array, name) = (batch.column(*from), fields[*from].name());
            let cell = cells(array.as_ref()).ok_or_else(|| Fault::ElementType {
                found: format!("{} in the column `{name}`", array.data_type()),
                declared: ty.to_string(),
            })?;
            for row in 0..batch.num_rows() {
                let value = if array.is_valid(row) { cell(row) } else { Err(Fault::EmptyCell) };
                let at = |fault: Fault| fault.at(Position::Row((first + row) as u64 + 1, name.clone()));
                elements[(first + row) * width + to] = value.map_err(at)?;
            }
        }
        first += batch.num_rows();
    }
    Tensor::new(shape, elements).map_err(|e| Fault::Csv(e.to_string()).into())
}

fn truth(array: &dyn Array) -> Option<Cells<'_, bool>> {
    let array = array.as_boolean_opt()?;
    Some(Box::new(move |row| Ok(array.value(row))))
}

/// Cells of whole numbers that are of type `T`.
fn whole<T: TryFrom<i128>>(array: &dyn Array) -> Option<Cells<'_, T>> {
    fn of<P: ArrowPrimitiveType<Native: Into<i128>>, T: TryFrom<i128>>(array: &dyn Array) -> Option<Cells<'_, T>> {
        let array = array.as_primitive_opt::<P>()?;
        let name = std::any::type_name::<T>();
        Some(Box::new(move |row| T::try_from(array.value(row).into()).map_err(|_| Fault::OutOfRange(name))))
    }
    match array.data_type() {
        DataType::Int8 => of::<Int8Type, T>(array),
        DataType::Int16 => of::<Int16Type, T>(array),
        DataType::Int32 => of::<Int32Type, T>(array),
        DataType::Int64 => of::<Int64Type, T>(array),
        DataType::UInt8 => of::<UInt8Type, T>(array),
        DataType::UInt16 => of::<UInt16Type, T>(array),
        DataType::UInt32 => of::<UInt32Type, T>(array),
        DataType::UInt64 => of::<UInt64Type, T>(array),
        _ => None,
    }
}

fn double(array: &dyn Array) -> Option<Cells<'_, f64>> {
    let finite = |x: f64| if x.is_finite() { Ok(x) } else { Err(Fault::NotFinite("f64")) };
    match array.data_type() {
        DataType::Float64 => {
            let array = array.as_primitive_opt::<Float64Type>()?;
            Some(Box::new(move |row| finite(array.value(row))))
        }
        DataType::Float32 => {
            let array = array.as_primitive_opt::<Float32Type>()?;
            Some(Box::new(move |row| finite(array.value(row).into())))
        }
        _ => {
            let whole = whole::<i128>(array)?;
            let exact = |n: i128| if n.unsigned_abs() <= 1 << 53 { Ok(n as f64) } else { Err(Fault::Inexact("f64")) };
            Some(Box::new(move |row| whole(row).and_then(exact)))
        }
    }
}

fn single(array: &dyn Array) -> Option<Cells<'_, f32>> {
    match array.data_type() {
        DataType::Float32 => {
            let array = array.as_primitive_opt::<Float32Type>()?;
            let finite = |x: f32| if x.is_finite() { Ok(x) } else { Err(Fault::NotFinite("f32")) };
            Some(Box::new(move |row| finite(array.value(row))))
        }
        _ => {
            let whole = whole::<i128>(array)?;
            let exact = |n: i128| if n.unsigned_abs() <= 1 << 24 { Ok(n as f32) } else { Err(Fault::Inexact("f32")) };
            Some(Box::new(move |row| whole(row).and_then(exact)))
        }
    }
}

/// The keys of a table's rows: texts, or whole numbers as their digits.
fn keys(table: &Table, key: &str) -> Result<Vec<String>, DataError> {
    let names = || table.schema().fields().iter().map(|f| f.name().clone()).collect();
    let at = table.schema().index_of(key).map_err(|_| Fault::UnknownColumn {
        column: key.to_owned(),
        columns: names(),
        nearest: None,
    })?;
    let mut all = Vec::with_capacity(table.rows());
    for batch in table.batches() {
        let array = batch.column(at).as_ref();
        let text: Cells<'_, String> = match array.data_type() {
            DataType::Utf8 => Box::new(|row| Ok(array.as_string::<i32>().value(row).to_owned())),
            DataType::LargeUtf8 => Box::new(|row| Ok(array.as_string::<i64>().value(row).to_owned())),
            other => {
                let found = format!("{other} in the column `{key}`");
                let whole = whole::<i128>(array);
                let whole = whole.ok_or(Fault::ElementType { found, declared: "a key".into() })?;
                Box::new(move |row| whole(row).map(|n| n.to_string()))
            }
        };
        for row in 0..batch.num_rows() {
            let value = if array.is_valid(row) { text(row) } else { Err(Fault::EmptyCell) };
            let place = |fault: Fault| fault.at(Position::Row(all.len() as u64 + 1, key.to_owned()));
            let value = value.and_then(|v| if v.is_empty() { Err(Fault::EmptyCell) } else { Ok(v) }).map_err(place)?;
            all.push(value);
        }
    }
    match twice(&all) {
        None => Ok(all),
        Some((first, again)) => {
            let fault = Fault::DuplicateKey { column: key.to_owned(), first };
            Err(fault.at(Position::Row(again, key.to_owned())))
        }
    }
}

/// The rows, from 1, of the first key that is there twice.
fn twice(keys: &[String]) -> Option<(u64, u64)> {
    let mut seen: HashMap<&str, u64> = HashMap::with_capacity(keys.len());
    (1..).zip(keys).find_map(|(row, key)| seen.insert(key, row).map(|first| (first, row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Date32Array, Int32Array};
    use ir::Dim;

    fn table(columns: Vec<(&str, ArrayRef)>) -> Table {
        Table::try_from(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
    }

    fn matrix(dtype: DType) -> Type {
        Type { dtype, shape: vec![Dim::named("n"), Dim::constant(2)] }
    }

    fn patients() -> (&'static str, ArrayRef) {
        ("patient", Arc::new(StringArray::from(vec!["a", "b"])))
    }

    #[test]
    fn columns_become_a_matrix_and_their_rows_keep_their_keys() {
        let age: ArrayRef = Arc::new(Int32Array::from(vec![40, 50]));
        let bmi: ArrayRef = Arc::new(Float64Array::from(vec![20.5, 30.5]));
        let given = table(vec![("age", age), patients(), ("bmi", bmi)]);
        let loaded = from_table(&given, &matrix(DType::F64), Some("patient")).unwrap();
        let Values::F64(values) = &loaded.values else { panic!() };
        assert_eq!((values.shape(), values.data()), (&[2, 2][..], &[40.0, 20.5, 50.0, 30.5][..]));
        assert_eq!(loaded.keys.as_deref(), Some(&["a".to_owned(), "b".to_owned()][..]));
        let again = to_table(&loaded, &["age".into(), "bmi".into()], Some("patient")).unwrap();
        assert!(from_table(&again, &matrix(DType::F64), Some("patient")).unwrap() == loaded);
        // The key is a column like any other where nothing is matched; it is no number.
        assert_eq!(from_table(&given, &matrix(DType::F64), None).unwrap_err().code(), "data.element-type");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place_and_without_its_value() {
        let refused = |column: ArrayRef, dtype: DType| {
            let good: ArrayRef = Arc::new(Int32Array::from(vec![0, 1]));
            let given = table(vec![patients(), ("good", good), ("bad", column)]);
            let error = from_table(&given, &matrix(dtype), Some("patient")).unwrap_err();
            (error.code(), error.to_string())
        };
        let empty: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None]));
        let (code, words) = refused(empty, DType::F64);
        assert_eq!(code, "data.empty-cell");
        assert!(words.contains("row 2, column `bad`"), "{words}");
        let endless: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN]));
        assert_eq!(refused(endless, DType::F64).0, "data.not-finite");
        let large: ArrayRef = Arc::new(Int64Array::from(vec![1, (1 << 53) + 1]));
        assert_eq!(refused(large, DType::F64).0, "data.inexact");
        let negative: ArrayRef = Arc::new(Int64Array::from(vec![1, -1]));
        assert_eq!(refused(negative, DType::U64).0, "data.out-of-range");
        let real: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        assert_eq!(refused(real, DType::I64).0, "data.element-type");
        let days: ArrayRef = Arc::new(Date32Array::from(vec![1, 2]));
        assert_eq!(refused(days, DType::F64).0, "data.element-type");
    }

    #[test]
    fn keys_are_there_once_each() {
        let value: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        let vector = Type { dtype: DType::F64, shape: vec![Dim::named("n")] };
        let with = |keys: ArrayRef| from_table(&table(vec![("id", keys), ("x", value.clone())]), &vector, Some("id"));
        let numbers = with(Arc::new(UInt64Array::from(vec![7, 8]))).unwrap();
        assert_eq!(numbers.keys.as_deref(), Some(&["7".to_owned(), "8".to_owned()][..]));
        assert_eq!(with(Arc::new(StringArray::from(vec!["a", "a"]))).unwrap_err().code(), "data.duplicate-key");
        assert_eq!(with(Arc::new(StringArray::from(vec![Some("a"), None]))).unwrap_err().code(), "data.empty-cell");
        assert_eq!(with(Arc::new(Float64Array::from(vec![1.0, 2.0]))).unwrap_err().code(), "data.element-type");
        let nameless = table(vec![("x", value.clone())]);
        assert_eq!(from_table(&nameless, &vector, Some("id")).unwrap_err().code(), "data.unknown-column");
    }
}
