//! What files become, and what bad files get: every error names the place, and none shows a cell.

use std::path::{Path, PathBuf};

use data::{Columns, DataError, Fault, Source, Values, load};
use ir::{DType, Dim, RingBits, Type};
use proptest::prelude::*;
use tempfile::TempDir;

struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn csv(path: &Path, columns: &[&str]) -> Source {
    let columns = Columns::Many(columns.iter().map(|c| (*c).to_owned()).collect());
    Source::Csv { path: path.to_owned(), columns, key: None, delimiter: b',' }
}

fn column(path: &Path, column: &str, key: Option<&str>) -> Source {
    let columns = Columns::One(column.to_owned());
    Source::Csv { path: path.to_owned(), columns, key: key.map(str::to_owned), delimiter: b',' }
}

fn vector(dtype: DType) -> Type {
    Type::new(dtype, vec![Dim::named("n")])
}

fn matrix(dtype: DType, columns: u64) -> Type {
    Type::new(dtype, vec![Dim::named("n"), Dim::constant(columns)])
}

/// Loads one column `x` of a CSV text; the error, as code and text without the folder.
fn fails(text: &str, dtype: DType) -> (&'static str, String) {
    let files = Files::new();
    let path = files.write("a.csv", text);
    described(load(&column(&path, "x", None), &vector(dtype)), &files)
}

fn described(result: Result<data::Loaded, DataError>, files: &Files) -> (&'static str, String) {
    let error = result.unwrap_err();
    assert!(!error.help().is_empty());
    let folder = format!("{}/", files.0.path().display());
    (error.code(), error.to_string().replace(&folder, ""))
}

const VITALS: &str = "patient,age,bmi,bp\nP1,59,32.1,101\nP2,48, 21.6 ,87\n\nP3,72,30.5,93.5\n";

#[test]
fn columns_become_a_matrix_in_the_order_asked_for() {
    let files = Files::new();
    let path = files.write("clinic.csv", VITALS);
    let mut source = csv(&path, &["bp", "age"]);
    let loaded = load(&source, &matrix(DType::F64, 2)).unwrap();
    let Values::F64(tensor) = &loaded.values else { panic!("{loaded:?}") };
    assert_eq!((tensor.shape(), tensor.data()), (&[3, 2][..], &[101.0, 59.0, 87.0, 48.0, 93.5, 72.0][..]));
    assert_eq!(loaded.keys, None);

    source = csv(&path, &["age..bp"]);
    let fixed = DType::fixed(RingBits::B128, 40).unwrap();
    let loaded = load(&source, &matrix(fixed, 3)).unwrap();
    let Values::F64(tensor) = &loaded.values else { panic!("{loaded:?}") };
    assert_eq!(tensor.data()[..3], [59.0, 32.1, 101.0]);
}

#[test]
fn keys_come_with_the_rows_and_other_delimiters_are_possible() {
    let files = Files::new();
    let path = files.write("a.csv", "\u{feff}id;x\r\n\"a;1\";7\r\nb;-8\r\n");
    let source = Source::Csv { path, columns: Columns::One("x".into()), key: Some("id".into()), delimiter: b';' };
    let mut loaded = load(&source, &vector(DType::I64)).unwrap();
    let Values::I64(tensor) = &mut loaded.values else { panic!() };
    assert_eq!(std::mem::take(tensor).into_data(), [7, -8]);
    assert_eq!(loaded.keys.as_deref(), Some(&["a;1".to_owned(), "b".to_owned()][..]));
}

#[test]
fn one_cell_may_be_a_scalar() {
    let files = Files::new();
    let path = files.write("a.csv", "x\ntrue\n");
    let loaded = load(&column(&path, "x", None), &Type::scalar(DType::Bool)).unwrap();
    assert!(matches!(&loaded.values, Values::Bool(t) if t.item() == Some(&true)));
    let (code, _) = described(load(&csv(&path, &["x"]), &Type::scalar(DType::Bool)), &files);
    assert_eq!(code, "data.rank");
}

#[test]
fn a_bad_cell_is_named_by_line_and_column_and_never_shown() {
    let cases = [
        ("x\n1\nsecret\n", DType::F64, "data.not-a-number", "a.csv, line 3, column `x`: the cell is not a number"),
        ("y,x\n1,\n", DType::F64, "data.empty-cell", "a.csv, line 2, column `x`: the cell is empty"),
        ("x\nnan\n", DType::F64, "data.not-finite", "a.csv, line 2, column `x`: the number is not finite as f64"),
        ("x\n1e39\n", DType::F32, "data.not-finite", "a.csv, line 2, column `x`: the number is not finite as f32"),
        (
            "x\n1.5\n",
            DType::I64,
            "data.not-whole",
            "a.csv, line 2, column `x`: the number is not a whole number, as i64 needs",
        ),
        (
            "x\n1\n\n-1\n",
            DType::U64,
            "data.out-of-range",
            "a.csv, line 4, column `x`: the number is outside the range of u64",
        ),
        ("x\r\n1\r\n\r\n?\r\n", DType::I64, "data.not-a-number", "a.csv, line 4, column `x`: the cell is not a number"),
        (
            "x,y\n1,\"a\nb\"\n?,2",
            DType::F64,
            "data.not-a-number",
            "a.csv, line 4, column `x`: the cell is not a number",
        ),
        ("x\nmaybe\n", DType::Bool, "data.not-bool", "a.csv, line 2, column `x`: the cell is not a truth value"),
    ];
    for (text, dtype, code, message) in cases {
        assert_eq!(fails(text, dtype), (code, message.to_owned()));
    }
}

#[test]
fn a_bad_table_is_refused() {
    let cases: &[(&str, &str, &str)] = &[
        ("x,y\n1,2\n3\n", "data.ragged-row", "a.csv, line 3: 1 cells, but the header has 2"),
        ("x\n", "data.no-rows", "a.csv: there are no rows"),
        ("", "data.unknown-column", "a.csv, line 1: there is no column `x`"),
        ("x,x\n1,2\n", "data.ambiguous-column", "a.csv, line 1: there are several columns `x`"),
        ("X1,age\n1,2\n", "data.unknown-column", "a.csv, line 1: there is no column `x`; there are: X1, age"),
        // A first line of data is not shown.
        ("P7,59.5\nP8,48.5\n", "data.unknown-column", "a.csv, line 1: there is no column `x`"),
    ];
    for (text, code, message) in cases {
        assert_eq!(fails(text, DType::F64), (*code, (*message).to_owned()));
    }
}

#[test]
fn the_nearest_column_is_suggested() {
    let files = Files::new();
    let path = files.write("clinic.csv", VITALS);
    let error = load(&csv(&path, &["age", "bmii"]), &matrix(DType::F64, 2)).unwrap_err();
    assert_eq!(error.help(), "did you mean `bmi`?");
    let error = load(&csv(&path, &["bp..age"]), &matrix(DType::F64, 2)).unwrap_err();
    assert_eq!(error.code(), "data.config");
}

#[test]
fn keys_are_unique_and_present() {
    let files = Files::new();
    let path = files.write("a.csv", "id,x\nsecret,1\nother,2\nsecret,3\n");
    let source = column(&path, "x", Some("id"));
    let (code, message) = described(load(&source, &vector(DType::F64)), &files);
    assert_eq!(code, "data.duplicate-key");
    assert_eq!(message, "a.csv, line 4: the key in column `id` is that of line 2 again");

    files.write("a.csv", "id,x\n,1\n");
    assert_eq!(described(load(&source, &vector(DType::F64)), &files).0, "data.empty-cell");
    files.write("a.csv", "i,x\nq,1\n");
    assert_eq!(described(load(&source, &vector(DType::F64)), &files).0, "data.unknown-column");
    files.write("a.csv", b"id,x\n\xff,1\n");
    assert_eq!(described(load(&source, &vector(DType::F64)), &files).0, "data.csv");
}

#[test]
fn shapes_must_be_those_declared() {
    let files = Files::new();
    let path = files.write("clinic.csv", VITALS);
    let (code, message) = described(load(&csv(&path, &["age", "bmi"]), &matrix(DType::F64, 3)), &files);
    assert_eq!(code, "data.length");
    assert_eq!(message, "clinic.csv: axis 1 has length 2, but the computation declares f64[n, 3]");

    let (code, message) = described(load(&csv(&path, &["age", "bmi"]), &vector(DType::F64)), &files);
    assert_eq!(
        (code, &*message),
        ("data.rank", "clinic.csv: 3 rows of 2 columns, but the computation declares f64[n]")
    );

    let four = Type::new(DType::F64, vec![Dim::constant(4)]);
    assert_eq!(described(load(&column(&path, "age", None), &four), &files).0, "data.length");
    let bytes = vector(DType::Bytes);
    assert_eq!(described(load(&column(&path, "age", None), &bytes), &files).0, "data.unsupported");
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    let files = Files::new();
    let source = column(&files.0.path().join("none.csv"), "x", None);
    let (code, message) = described(load(&source, &vector(DType::F64)), &files);
    assert_eq!((code, &*message), ("data.no-file", "none.csv: there is no such file"));
    std::fs::create_dir(files.0.path().join("folder")).unwrap();
    let source = column(&files.0.path().join("folder"), "x", None);
    assert_eq!(described(load(&source, &vector(DType::F64)), &files).0, "data.unreadable");
    let source = Source::Npy { path: files.0.path().join("none.npy"), keys: None };
    assert_eq!(described(load(&source, &vector(DType::F64)), &files).0, "data.no-file");
}

#[test]
fn a_quote_that_is_not_closed_shows_no_rows() {
    let files = Files::new();
    let path = files.write("a.csv", "\"id,x\nkey-one,12345.5\n");
    let (code, message) = described(load(&column(&path, "x", None), &vector(DType::F64)), &files);
    assert_eq!(code, "data.csv");
    assert!(!message.contains("key-one"), "{message}");
}

#[test]
fn faults_can_be_matched_on() {
    let files = Files::new();
    let path = files.write("a.csv", "x\n1\n");
    let error = load(&column(&path, "y", None), &vector(DType::F64)).unwrap_err();
    assert!(matches!(&error.fault, Fault::UnknownColumn { column, .. } if column == "y"));
    assert_eq!(error.place.file.as_deref(), Some(&*path));
    let error = error.of_input("clinic", "vitals");
    assert_eq!(error.player(), Some("clinic"));
    assert!(error.to_string().starts_with("clinic.vitals: "));
}

/// One cell as a writer of CSV might leave it.
fn cell() -> impl Strategy<Value = f64> {
    prop_oneof![any::<i32>().prop_map(f64::from), any::<f64>().prop_filter("finite", |x| x.is_finite())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_written_table_reads_back(
        rows in prop::collection::vec((cell(), cell()), 1..20),
        crlf in any::<bool>(),
        quoted in any::<bool>(),
    ) {
        let (end, quote) = (if crlf { "\r\n" } else { "\n" }, if quoted { "\"" } else { "" });
        let mut text = format!("id,a,b{end}");
        for (i, (a, b)) in rows.iter().enumerate() {
            text += &format!("p{i},{quote}{a:?}{quote},{b:e}{end}");
        }
        let files = Files::new();
        let path = files.write("t.csv", text);
        let columns = Columns::Many(vec!["a".into(), "b".into()]);
        let source = Source::Csv { path, columns, key: Some("id".into()), delimiter: b',' };
        let loaded = load(&source, &matrix(DType::F64, 2)).unwrap();
        let Values::F64(tensor) = &loaded.values else { panic!() };
        prop_assert_eq!(tensor.data(), rows.iter().flat_map(|(a, b)| [*a, *b]).collect::<Vec<_>>());
        prop_assert_eq!(loaded.keys.as_ref().map(Vec::len), Some(rows.len()));
    }

    #[test]
    fn no_bytes_make_it_panic_or_show_a_cell(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let mut bytes = b"id,x\nkey-one,12345.5\nkey-two,67890.25\n".to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let files = Files::new();
        let source = column(&files.write("t.csv", bytes), "x", Some("id"));
        if let Err(error) = load(&source, &vector(DType::F64)) {
            let shown = format!("{error} {} {error:?}", error.help());
            prop_assert!(!["key-", "345", "890"].iter().any(|secret| shown.contains(secret)), "{}", shown);
        }
    }
}
