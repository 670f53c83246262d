//! File tests of the text form. `tests/text/parse/*.pv` are read and printed, `tests/text/errors/*.pv` refused;
//! what is expected stands beside them in `*.out`. `BLESS=1 cargo test -p privity-ir` writes it.

use std::fs;
use std::path::{Path, PathBuf};

/// All programs of a directory, in order.
fn programs(stage: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text").join(stage);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "pv"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Compares with what is expected, or writes it.
fn expect(program: &Path, found: &str) {
    let beside = program.with_extension("out");
    if std::env::var_os("BLESS").is_some() {
        return fs::write(beside, found).unwrap();
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    assert!(expected == found, "{}\n--- expected\n{expected}\n--- found\n{found}", program.display());
}

fn render(errors: &[ir::Diagnostic], program: &Path, source: &str) -> String {
    let name = program.file_name().unwrap().to_string_lossy();
    errors.iter().map(|e| e.render(&name, Some(source))).collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_are_read_and_their_canonical_text_reads_back() {
    for program in programs("parse") {
        let source = fs::read_to_string(&program).unwrap();
        let computation = ir::text::parse(&source).unwrap_or_else(|e| panic!("{}", render(&e, &program, &source)));
        let text = computation.to_string();
        let again = ir::text::parse(&text).unwrap_or_else(|e| panic!("{text}\n{}", render(&e, &program, &text)));
        assert_eq!(again, computation, "{text}\n{again}");
        assert_eq!(again.to_string(), text);
        assert_eq!(again.digest(), computation.digest());
        expect(&program, &text);
    }
}

#[test]
fn programs_with_errors_get_all_of_them_with_their_places() {
    for program in programs("errors") {
        let source = fs::read_to_string(&program).unwrap();
        let Err(errors) = ir::text::parse(&source) else { panic!("{} has no error", program.display()) };
        expect(&program, &render(&errors, &program, &source));
    }
}
