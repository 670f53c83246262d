//! The native module of Python is made of what the tests of the other crates have built already: a crate whose features differ is built
//! once more, and with it everything above.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What is built for it in any case: itself, what only it depends on, and what is above a crate with code for tests.
const OWN: &[&str] = &["privity-python", "privity-secagg", "numpy", "ndarray", "pyo3", "pyo3-ffi"];

/// Crates with their features that a selection of packages is made of, build scripts and macros apart.
fn built(selection: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).args(["tree", "--offline", "--prefix", "none", "--format", "{p} {f}"]).args(selection);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

#[test]
fn the_wheel_is_made_of_what_tests_have_built() {
    let wheel = built(&["--package", "privity-python", "--edges", "normal,no-proc-macro"]);
    let tests = built(&["--workspace", "--exclude", "privity-python", "--edges", "normal,dev,no-proc-macro"]);
    assert!(wheel.len() > 100 && tests.len() > 100, "{} and {}", wheel.len(), tests.len());
    let name = |line: &&String| line.split(' ').next().unwrap_or_default().to_owned();
    let again: Vec<&String> = wheel.difference(&tests).filter(|line| !OWN.contains(&name(line).as_str())).collect();
    assert!(
        again.is_empty(),
        "built once more for the wheel, as their features differ from those in tests: {again:#?}"
    );
}
