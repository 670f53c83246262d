//! Tables go round; whatever is changed in their bytes is an error or another table, never a panic.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_ipc::writer::StreamWriter;
use proptest::prelude::*;

use crate::{Column, Limits, Place, Table, TableError, read, write};

fn sample(rows: usize) -> Table {
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new((0..rows as i64).collect::<Int64Array>())),
        ("name", Arc::new((0..rows).map(|i| (i % 3 != 1).then(|| format!("row {i}"))).collect::<StringArray>())),
        ("dose", Arc::new((0..rows).map(|i| (i % 2 == 0).then_some(i as f64 / 3.0)).collect::<Float64Array>())),
        ("treated", Arc::new((0..rows).map(|i| Some(i % 2 == 0)).collect::<BooleanArray>())),
    ];
    Table::try_from(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn tables_go_round() {
    for rows in [0, 1, 100] {
        let table = sample(rows);
        let back = read(write(&table).unwrap(), Limits::default()).unwrap();
        assert_eq!(back, table);
        assert_eq!(back.rows(), rows);
    }
    assert_eq!(format!("{:?}", sample(7)), "Table(7 rows in 1 batches, 4 columns)");
}

/// Columns that lie in one message do not count it once each.
#[test]
fn bytes_are_what_a_table_holds() {
    let table = sample(1000);
    let written = write(&table).unwrap();
    let back = read(written.clone(), Limits::default()).unwrap();
    assert!((written.len()..written.len() + 4096).contains(&back.bytes()), "{} {}", back.bytes(), written.len());
    assert!((written.len() / 2..written.len() * 2).contains(&table.bytes()), "{} {}", table.bytes(), written.len());
    assert_eq!(Table::new(table.schema().clone(), Vec::new()).unwrap().bytes(), 0);
}

#[test]
fn numbers_go_in_and_out() {
    let columns = [
        ("a", Column::Bool(vec![true, false])),
        ("b", Column::I64(vec![-1, i64::MAX])),
        ("c", Column::U64(vec![0, u64::MAX])),
        ("d", Column::F32(vec![0.5, -0.0])),
        ("e", Column::F64(vec![f64::MIN_POSITIVE, 1e300])),
    ];
    let all = columns.clone().map(|(name, column)| (name.to_owned(), column));
    let table = read(write(&Table::of(all.into()).unwrap()).unwrap(), Limits::default()).unwrap();
    for (name, column) in columns {
        assert!(table.numbers(name).unwrap() == column, "{name}");
    }
    let of = |columns: &[(&str, usize)]| {
        let columns = columns.iter().map(|(name, n)| ((*name).to_owned(), Column::I64(vec![0; *n])));
        Table::of(columns.collect()).unwrap_err().code()
    };
    assert_eq!([of(&[]), of(&[("a", 1), ("a", 1)]), of(&[("a", 1), ("b", 2)]), of(&[("", 1)])], ["table.column"; 4]);
}

#[test]
fn what_is_no_number_or_missing_is_refused() {
    let table = sample(6);
    assert!(table.numbers("id").is_ok() && table.numbers("treated").is_ok());
    let refused = |name| table.numbers(name).map(drop).unwrap_err().to_string();
    assert_eq!(refused("name"), "the column `name` is missing values, which is not taken");
    assert_eq!(refused("dose"), "the column `dose` is missing values, which is not taken");
    assert_eq!(refused("other"), "the column `other` is missing, which is not taken");
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let table = Table::try_from(RecordBatch::try_from_iter([("x", texts)]).unwrap()).unwrap();
    assert_eq!(table.numbers("x").map(drop).unwrap_err().to_string(), "the column `x` is Utf8, which is not taken");
}

#[test]
fn limits_hold() {
    let bytes = write(&sample(100)).unwrap();
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        read(bytes.clone(), limits).unwrap_err()
    };
    assert_eq!(with(|l| l.bytes = 100), TableError::TooLarge { most: 100, unit: "bytes" });
    assert_eq!(with(|l| l.rows = 99), TableError::TooLarge { most: 99, unit: "rows" });
    assert_eq!(with(|l| l.columns = 3), TableError::TooLarge { most: 3, unit: "columns" });
}

#[test]
fn dictionaries_and_double_names_are_refused() {
    let coded: DictionaryArray<arrow_array::types::Int32Type> = ["a", "b", "a"].into_iter().collect();
    let coded = RecordBatch::try_from_iter([("code", Arc::new(coded) as ArrayRef)]).unwrap();
    assert_eq!(Table::try_from(coded.clone()).unwrap_err().code(), "table.column");
    assert_eq!(read(stream(&coded), Limits::default()).unwrap_err().code(), "table.malformed");
    let column = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let twice = RecordBatch::try_from_iter([("x", column()), ("x", column())]).unwrap();
    assert_eq!(read(stream(&twice), Limits::default()).unwrap_err().code(), "table.column");
}

#[test]
fn a_stream_ends_with_its_mark_and_nothing_after_it() {
    let bytes = write(&sample(3)).unwrap();
    for length in 0..bytes.len() {
        assert!(read(bytes[..length].to_vec(), Limits::default()).is_err(), "cut at {length}");
    }
    let longer = [bytes.clone(), vec![0]].concat();
    let error = read(longer, Limits::default()).unwrap_err();
    assert_eq!(error, TableError::Malformed { place: Place::Batch(2), what: "bytes follow the end" });
}

#[test]
fn every_byte_may_lie() {
    let bytes = write(&sample(9)).unwrap();
    for place in 0..bytes.len() {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff, bytes[place] ^ 0x10] {
            let mut changed = bytes.clone();
            changed[place] = value;
            if let Ok(table) = read(changed, Limits::default()) {
                assert!(table.rows() <= 9, "byte {place}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn several_bytes_may_lie(changes in prop::collection::vec((0usize..2000, any::<u8>()), 1..8)) {
        let mut bytes = write(&sample(9)).unwrap();
        for (place, value) in changes {
            let place = place % bytes.len();
            bytes[place] = value;
        }
        let _ = read(bytes, Limits::default());
    }

    #[test]
    fn noise_is_no_table(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(bytes, Limits::default()).is_err());
    }
}
