//! The repository against its own rules: dependency arrows, file lengths, unfinished marks, links, paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The crate map of ARCHITECTURE.md, lowest first: a crate may depend only on crates of lower rows.
const ROWS: &[&[&str]] = &[
    &["algebra", "identity", "tables"],
    &["ir", "attest", "net"],
    &["check"],
    &["agreement", "schemes", "data", "store", "audit", "sandbox", "flight"],
    &["session", "policy", "secagg", "meet", "attester"],
    &["privity", "terms"],
    &["aggregator"],
    &["worker", "bench"],
    &["cli"],
    &["python"],
];

/// Crates that must not reach others, however low these are, and why.
const WALLS: &[(&str, &[&str], &str)] = &[
    ("check", &["algebra", "net", "attest"], "the auditor's crate does not know how things run"),
    ("attest", &["net", "algebra", "ir"], "the verifier does no I/O"),
    ("attester", &["net", "session"], "it produces, and knows nothing of networks"),
    ("sandbox", &["net", "store"], "a module reaches nothing outside, and neither does what runs it"),
    ("secagg", &["net", "session", "schemes"], "aggregation does no I/O"),
    ("terms", &["net"], "what a page of a browser computes does no I/O"),
];

/// Lines above which a file is two subjects.
const LONG: usize = 600;

/// Everything that is not as it should be.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let files = files(root);
    let mut problems = arrows(root);
    for path in &files {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        let name = path.to_string_lossy();
        problems.extend(lengths(&name, &text));
        problems.extend(marks(&name, &text));
        problems.extend(links(root, path, &text));
    }
    problems
}

/// Source files and documents, as paths below the root.
fn files(root: &Path) -> Vec<PathBuf> {
    const SKIP: &[&str] = &["target", ".git", "node_modules", "testdata", "corpus", ".venv", "__pycache__"];
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !SKIP.contains(&&*name) {
                    folders.push(path);
                }
            } else if [".rs", ".py", ".md", ".toml", ".pv"].iter().any(|e| name.ends_with(e))
                && let Ok(below) = path.strip_prefix(root)
            {
                found.push(below.to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Dependencies between our crates point downwards only.
fn arrows(root: &Path) -> Vec<String> {
    let row: BTreeMap<&str, usize> =
        ROWS.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |c| (*c, i))).collect();
    let mut problems = Vec::new();
    for (name, level) in &row {
        let path = root.join("crates").join(name).join("Cargo.toml");
        let manifest: toml::Table = match std::fs::read_to_string(&path).map(|text| text.parse()) {
            Ok(Ok(manifest)) => manifest,
            _ => {
                problems.push(format!("crates/{name}: no manifest"));
                continue;
            }
        };
        let dependencies = manifest.get("dependencies").and_then(|d| d.as_table());
        for dependency in dependencies.into_iter().flat_map(|d| d.keys()) {
            let dependency = dependency.as_str();
            let Some(other) = row.get(dependency) else { continue };
            if other >= level {
                problems
                    .push(format!("crates/{name} depends on {dependency}, which is not below it in ARCHITECTURE.md"));
            }
            if let Some((_, _, why)) = WALLS.iter().find(|(from, to, _)| from == name && to.contains(&dependency)) {
                problems.push(format!("crates/{name} must not depend on {dependency}: {why}"));
            }
        }
    }
    problems
}

fn lengths(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    let counts = (name.ends_with(".rs") || name.ends_with(".py")) && !name.ends_with("ops.py");
    (counts && lines > LONG).then(|| format!("{name} has {lines} lines: is this one subject?"))
}

/// Unfinished marks and machine paths. Spelled in pieces, so that this file is clean too.
fn marks(name: &str, text: &str) -> Vec<String> {
    let unfinished = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
    ];
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let mut problems = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let code = name.ends_with(".rs") || name.ends_with(".py");
        if code && unfinished.iter().any(|m| line.contains(m)) {
            problems.push(format!("{name}:{}: an unfinished mark", i + 1));
        }
        if machine.iter().any(|m| line.contains(m)) {
            problems.push(format!("{name}:{}: a path of one machine", i + 1));
        }
    }
    problems
}

/// Relative links in documents lead somewhere.
fn links(root: &Path, path: &Path, text: &str) -> Vec<String> {
    if path.extension().is_none_or(|e| e != "md") {
        return Vec::new();
    }
    let folder = root.join(path.parent().unwrap_or(Path::new("")));
    let mut problems = Vec::new();
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let file = target.split('#').next().unwrap_or_default();
        let outside = file.is_empty()
            || file.contains("://")
            || file.starts_with("mailto:")
            || file.contains(char::is_whitespace);
        if !outside && !folder.join(file).exists() {
            problems.push(format!("{}: the link {target} leads nowhere", path.display()));
        }
    }
    problems
}
