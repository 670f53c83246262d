//! File tests, one directory a stage: `accept` shows the labels that were found, `refuse` the diagnostics,
//! `disclose` the disclosure, `corrupt` what the coalitions named in `# corrupt: a, b` would learn. What is
//! expected stands beside each program in `*.out`; `BLESS=1 cargo test -p privity-check` writes it.

use std::fs;
use std::path::{Path, PathBuf};

use check::{Checked, Label, check, if_corrupt};
use ir::{Computation, Diagnostic, ValueId};

fn programs(stage: &str) -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text").join(stage);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "pv"));
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|p| (p.clone(), fs::read_to_string(p).unwrap())).collect()
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

fn render(errors: &[Diagnostic], program: &Path, source: &str) -> String {
    let name = program.file_name().unwrap().to_string_lossy();
    errors.iter().map(|e| e.render(&name, Some(source))).collect::<Vec<_>>().join("\n")
}

fn parsed(program: &Path, source: &str) -> Computation {
    ir::text::parse(source).unwrap_or_else(|e| panic!("{}", render(&e, program, source)))
}

fn accepted(program: &Path, source: &str) -> Checked {
    check(parsed(program, source)).unwrap_or_else(|e| panic!("{}", render(&e, program, source)))
}

fn show(c: &Computation, label: &Label) -> String {
    let names = |players: Vec<_>| c.names(&players).join(", ");
    let policies: Vec<String> =
        label.policies().map(|(o, r)| format!("{}: {}", c.player(o).name, names(r.iter().collect()))).collect();
    let label = if policies.is_empty() { "public".to_owned() } else { policies.join("; ") };
    format!("{{{label}}}")
}

#[test]
fn programs_that_keep_their_promises_check() {
    for (program, source) in programs("accept") {
        let checked = accepted(&program, &source);
        let c = checked.computation();
        let mut out = String::new();
        for (i, value) in c.graph.values.iter().enumerate() {
            let Some(name) = &value.name else { continue };
            let label = checked.label(ValueId(i as u32));
            let readers = c.names(&label.readers(c.players.len())).join(", ");
            let place = c.placement(value.placement);
            out += &format!("{name} at {place}: {} read by {readers}\n", show(c, label));
        }
        for why in checked.not_runnable() {
            out += &format!("not run: {why}\n");
        }
        expect(&program, &out);
    }
}

#[test]
fn programs_that_break_a_promise_are_refused_with_all_problems() {
    for (program, source) in programs("refuse") {
        let Err(errors) = check(parsed(&program, &source)) else { panic!("{} was accepted", program.display()) };
        assert!(errors.windows(2).all(|w| w[0].span.line <= w[1].span.line));
        expect(&program, &render(&errors, &program, &source));
    }
}

#[test]
fn what_is_disclosed_is_told_in_words() {
    for (program, source) in programs("disclose") {
        let checked = accepted(&program, &source);
        let disclosure = checked.disclosure();
        let json = serde_json::to_string(disclosure).unwrap();
        let back: check::Disclosure = serde_json::from_str(&json).unwrap();
        assert_eq!(&back, disclosure);
        expect(&program, &disclosure.to_string());
    }
}

#[test]
fn what_a_coalition_would_learn_is_told_in_words() {
    for (program, source) in programs("corrupt") {
        let checked = accepted(&program, &source);
        let c = checked.computation();
        let mut out = Vec::new();
        for coalition in source.lines().filter_map(|l| l.strip_prefix("# corrupt: ")) {
            let members: Vec<_> = coalition.split(", ").map(|n| c.player_named(n).unwrap()).collect();
            let coalition = if_corrupt(&checked, &members);
            let json = serde_json::to_string(&coalition).unwrap();
            assert_eq!(serde_json::from_str::<check::Coalition>(&json).unwrap(), coalition);
            out.push(coalition.to_string());
        }
        expect(&program, &out.join("\n"));
    }
}
