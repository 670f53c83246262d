//! `DATA.toml`, the inputs of players together, and the digest of keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use data::{Columns, DataError, Datasets, DimBinding, Inputs, Source, key_digest};
use ir::{Builder, Computation, DType, Dim, OwnerPolicy, Span, Type};
use proptest::prelude::*;

const TOML: &str = r#"
[clinic.vitals]
csv = "clinic.csv"
columns = ["age", "bmi"]
key = "patient"

[clinic.weight]
csv = "weight.csv"
column = "weight"
key = "patient"

[registry.target]
csv = "sub/registry.csv"
column = "target"
key = "patient"
"#;

/// Vitals and weight at the clinic, target at the registry, along `n` which is matched by `patient`.
fn computation() -> Computation {
    let span = Span::default();
    let mut b = Builder::new("joint", span.clone()).unwrap();
    let clinic = b.player("clinic", &span).unwrap();
    let registry = b.player("registry", &span).unwrap();
    b.match_dim("n", "patient", &span).unwrap();
    let rows = Type::new(DType::F64, vec![Dim::named("n")]);
    let table = Type::new(DType::F64, vec![Dim::named("n"), Dim::constant(2)]);
    for (name, ty, owner) in [("vitals", table, clinic), ("weight", rows.clone(), clinic), ("target", rows, registry)] {
        let label = vec![OwnerPolicy { owner, readers: vec![owner] }];
        let value = b.input(name, ty, ir::PlacementId(owner.0), label, &span).unwrap();
        b.output(value, &[owner], &format!("{name}_back"), &span).unwrap();
    }
    b.finish().unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const CLINIC: (&str, &str) = ("clinic.csv", "patient,age,bmi\na,1,2\nb,3,4\n");
const WEIGHT: (&str, &str) = ("weight.csv", "patient,weight\na,70\nb,80\n");
const REGISTRY: (&str, &str) = ("sub/registry.csv", "patient,target\nb,1\na,2\n");

fn load_all(files: &[(&str, &str)]) -> Result<(Vec<Inputs>, BTreeMap<String, u64>), DataError> {
    let folder = folder(files);
    let path = folder.path().join("DATA.toml");
    std::fs::write(&path, TOML).unwrap();
    let (datasets, computation) = (Datasets::read(&path)?, computation());
    datasets.check_names(&computation)?;
    let mut dims = DimBinding::new();
    let inputs = ["clinic", "registry"]
        .iter()
        .map(|p| Inputs::load(&datasets, &computation, p, &mut dims))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((inputs, dims.lengths()))
}

#[test]
fn players_load_their_inputs_and_bind_dimensions() {
    let (inputs, dims) = load_all(&[CLINIC, WEIGHT, REGISTRY]).unwrap();
    assert_eq!(dims, BTreeMap::from([("n".to_owned(), 2)]));
    assert_eq!(inputs[0].values.keys().collect::<Vec<_>>(), ["vitals", "weight"]);
    assert_eq!(inputs[0].keys["n"], ["a", "b"]);
    // Another order is found when the owners compare digests, not here: each sees its own keys only.
    assert_eq!(inputs[1].keys["n"], ["b", "a"]);
    assert!(!format!("{inputs:?}").contains("70"));
}

#[test]
fn differing_rows_are_refused_with_both_inputs_named() {
    let one_more = ("sub/registry.csv", "patient,target\na,1\nb,2\nc,3\n");
    let error = load_all(&[CLINIC, WEIGHT, one_more]).unwrap_err();
    assert_eq!((error.code(), error.player()), ("data.dimension", Some("registry")));
    assert_eq!(error.to_string(), "registry.target: `n` is 3 here, but 2 for clinic.vitals");

    let one_less = ("weight.csv", "patient,weight\na,70\n");
    let error = load_all(&[CLINIC, one_less, REGISTRY]).unwrap_err();
    assert_eq!(error.to_string(), "clinic.weight: `n` is 1 here, but 2 for clinic.vitals");

    let swapped = ("weight.csv", "patient,weight\nb,80\na,70\n");
    let error = load_all(&[CLINIC, swapped, REGISTRY]).unwrap_err();
    assert_eq!(error.code(), "data.key-order");
    assert!(error.to_string().ends_with("the keys along `n` are not those of `vitals`, in the same order"));
}

#[test]
fn agreed_lengths_bind_the_worker() {
    let folder = folder(&[CLINIC, WEIGHT, REGISTRY]);
    let datasets = Datasets::parse(TOML, folder.path()).unwrap();
    let mut dims = DimBinding::agreed(&BTreeMap::from([("n".to_owned(), 442)]));
    let error = Inputs::load(&datasets, &computation(), "clinic", &mut dims).unwrap_err();
    assert_eq!(error.to_string(), "clinic.vitals: `n` is 2 here, but 442 in the agreement");
}

#[test]
fn a_matched_dimension_needs_the_key_column() {
    let toml = TOML.replace("key = \"patient\"", "");
    let folder = folder(&[CLINIC, WEIGHT, REGISTRY]);
    let datasets = Datasets::parse(&toml, folder.path()).unwrap();
    let error = Inputs::load(&datasets, &computation(), "clinic", &mut DimBinding::new()).unwrap_err();
    assert_eq!((error.code(), error.help().contains("key = \"patient\"")), ("data.no-key", true));
}

#[test]
fn arrays_take_their_keys_from_a_csv_file() {
    let folder = folder(&[CLINIC, WEIGHT, ("ids.csv", "row,patient\n1,a\n2,b\n")]);
    let mut npy = b"\x93NUMPY\x01\x00".to_vec();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n";
    npy.extend((header.len() as u16).to_le_bytes());
    npy.extend(header.as_bytes());
    npy.extend([1.0f64, 2.0].iter().flat_map(|x| x.to_le_bytes()));
    std::fs::write(folder.path().join("t.npy"), npy).unwrap();
    let toml = "[registry.target]\nnpy = \"t.npy\"\nkeys = \"ids.csv\"\nkey = \"patient\"\n";
    let load = || {
        let datasets = Datasets::parse(toml, folder.path()).unwrap();
        Inputs::load(&datasets, &computation(), "registry", &mut DimBinding::new())
    };
    assert_eq!(load().unwrap().keys["n"], ["a", "b"]);
    std::fs::write(folder.path().join("ids.csv"), "patient\na\n").unwrap();
    assert_eq!(load().unwrap_err().code(), "data.key-count");
}

#[test]
fn names_are_checked_against_the_computation() {
    let check = |text: &str| Datasets::parse(text, Path::new("")).unwrap().check_names(&computation()).unwrap_err();
    let error = check(&TOML.replace("clinic.vitals", "clinic.vital"));
    assert_eq!((error.code(), error.help()), ("data.unknown-input", "did you mean `clinic.vitals`?".to_owned()));
    let error = check(&TOML[..TOML.find("[registry").unwrap()]);
    assert_eq!((error.code(), error.player()), ("data.no-source", Some("registry")));
    assert!(error.help().contains("[registry.target]"));
}

#[test]
fn mistakes_in_the_toml_are_named_by_line() {
    let cases = [
        ("[a.x]\ncsv = \"f\"\ncolums = [\"x\"]\n", "line 3", "unknown field `colums`"),
        ("[a.x]\ncsv = \"f\"\n", "line 1", "needs `column` (a vector) or `columns` (a matrix)"),
        ("[a.x]\ncsv = \"f\"\ncolumn = \"x\"\ncolumns = [\"x\"]\n", "line 1", "not both"),
        ("\n[a.x]\ncsv = \"f\"\nnpy = \"g\"\n", "line 2", "either `csv` or `npy`"),
        ("[a.x]\nkey = \"f\"\n", "line 1", "either `csv` or `npy`"),
        ("[a.x]\nnpy = \"f\"\ncolumn = \"x\"\n", "line 1", "go with `csv`"),
        ("[a.x]\nnpy = \"f\"\nkey = \"x\"\n", "line 1", "both `keys`"),
        ("[a.x]\ncsv = \"f\"\ncolumn = \"x\"\nkeys = \"x\"\n", "line 1", "goes with `npy`"),
        ("[a.x]\ncsv = \"f\"\ncolumn = \"x\"\ndelimiter = \"é\"\n", "line 1", "one ASCII character"),
        ("[a.x]\ncsv = \"f\"\ncolumns = []\n", "line 1", "no column"),
        ("[a.x]\ncsv = 7\ncolumn = \"x\"\n", "line 2", "invalid type"),
        ("[a.x\n", "line 1", ""),
        ("a = 1\n", "line 1", "invalid type"),
    ];
    for (text, line, message) in cases {
        let error = Datasets::parse(text, Path::new("")).unwrap_err();
        let shown = error.to_string();
        assert_eq!(error.code(), "data.config", "{shown}");
        assert!(shown.contains(line) && shown.contains(message) && !shown.contains('\n'), "{text} gave {shown}");
    }
    let error = Datasets::read(Path::new("no/such/DATA.toml")).unwrap_err();
    assert_eq!(error.to_string(), "no/such/DATA.toml: there is no such file");
}

#[test]
fn paths_are_relative_to_the_toml() {
    let datasets = Datasets::parse(TOML, Path::new("/somewhere")).unwrap();
    let source = datasets.get("registry", "target").unwrap();
    assert_eq!(source.path(), Path::new("/somewhere/sub/registry.csv"));
    assert_eq!(source.key(), Some("patient"));
    let expected = Columns::Many(vec!["age".into(), "bmi".into()]);
    assert!(matches!(datasets.get("clinic", "vitals"), Some(Source::Csv { columns, .. }) if *columns == expected));
}

#[test]
fn lists_that_join_to_the_same_text_have_different_digests() {
    let lists: [&[&str]; 6] = [&[], &[""], &["", ""], &["ab", "c"], &["a", "bc"], &["abc"]];
    let digests: BTreeSet<[u8; 32]> =
        lists.iter().map(|l| key_digest(&[7; 32], &l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())).collect();
    assert_eq!(digests.len(), lists.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn digests_agree_exactly_when_keys_order_and_session_agree(
        keys in prop::collection::vec("[a-c]{0,3}", 0..6),
        others in prop::collection::vec("[a-c]{0,3}", 0..6),
        session in any::<[u8; 32]>(),
        other_session in any::<[u8; 32]>(),
    ) {
        prop_assert_eq!(key_digest(&session, &keys) == key_digest(&session, &others), keys == others);
        prop_assert_ne!(key_digest(&session, &keys), key_digest(&other_session, &keys));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[\\[\\]a-z.=\"\\n ]{0,80}") {
        let _ = Datasets::parse(&text, Path::new(""));
    }
}
