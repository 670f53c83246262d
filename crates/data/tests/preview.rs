//! What a dataset looks like before a type is declared.

use std::path::{Path, PathBuf};

use data::{Columns, DataError, Elements, Preview, Source, preview};

fn csv(folder: &Path, text: &str, columns: &[&str], key: Option<&str>) -> Result<Preview, DataError> {
    let path = folder.join("rows.csv");
    std::fs::write(&path, text).unwrap();
    let columns = match columns {
        [one] => Columns::One((*one).to_owned()),
        many => Columns::Many(many.iter().map(|c| (*c).to_owned()).collect()),
    };
    preview(&Source::Csv { path, columns, key: key.map(str::to_owned), delimiter: b',' })
}

#[test]
fn elements_are_told_apart_and_rows_counted() {
    let folder = tempfile::tempdir().unwrap();
    let seen = |text: &str, columns: &[&str]| csv(folder.path(), text, columns, None).unwrap();
    assert_eq!(seen("a\n1\n0\n", &["a"]).elements, Elements::Whole);
    assert_eq!(seen("a\n1\ntrue\n", &["a"]).elements, Elements::Truth);
    let found = seen("a,b\n1,2\n-3,4.5\n7,8\n", &["a", "b"]);
    assert_eq!((found.elements, &found.shape[..], found.more), (Elements::Real, &[3, 2][..], false));
    assert_eq!(found.to_string(), "3 × 2 numbers");

    let long: String = (0..1500).map(|i| format!("K{i},{i}\n")).collect();
    let found = csv(folder.path(), &format!("key,a\n{long}"), &["a"], Some("key")).unwrap();
    assert_eq!((&found.shape[..], found.more), (&[1000][..], true));
    assert_eq!(found.to_string(), "the first 1000 whole numbers, matched by `key`");
    // Only the first rows are looked at.
    assert!(csv(folder.path(), &format!("key,a\n{long}K0,x\n"), &["a"], Some("key")).is_ok());
}

#[test]
fn what_would_not_load_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (text, key, code, words) in [
        ("a\n1\nx\n", None, "data.not-a-number", "line 3, column `a`"),
        ("a\n1\n\"\"\n", None, "data.empty-cell", "line 3"),
        ("a\n1\nnan\n", None, "data.not-finite", "line 3"),
        ("a\n1.5\ntrue\n", None, "data.mixed", "rows.csv"),
        ("b\n1\n", None, "data.unknown-column", "`a`"),
        ("a\n", None, "data.no-rows", "rows.csv"),
        ("k,a\nP,1\nP,2\n", Some("k"), "data.duplicate-key", "line 3"),
    ] {
        let error = csv(folder.path(), text, &["a"], key).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words) && !error.help().is_empty(), "{error}");
    }
    let gone = Source::Npy { path: PathBuf::from("gone.npy"), keys: None };
    assert_eq!(preview(&gone).unwrap_err().code(), "data.no-file");
}
