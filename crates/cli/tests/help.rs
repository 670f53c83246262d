//! Every command by its help: what it says, an example, and `--json` where it prints results.

mod common;

use std::path::Path;

use common::privity;

/// Commands without `--json`, and why.
const NO_JSON: &[(&str, &str)] = &[
    ("relay", "it prints no results; `--log-json` is for its log"),
    ("receipt show", "what it shows is JSON"),
    ("enrol", "it prints the signed list, as services read it"),
    ("attest pin", "it prints a policy"),
    ("attest approved", "it prints a policy"),
    ("attest approve", "it writes an approval, which is JSON"),
    ("attest produce", "it writes evidence, which is JSON"),
    ("attest log append", "it prints the signed head of the log, which is JSON"),
    ("attest log prove", "it writes a proof, which is JSON"),
    ("attest log verify", "it says in a line what is proved"),
    ("attest enrol request", "it writes a request, which is JSON"),
    ("attest enrol challenge", "it writes a credential, which is JSON"),
    ("attest enrol answer", "it prints the answer, in hexadecimal"),
];

fn help(words: &[&str]) -> String {
    let output = privity(Path::new("."), &[words, &["--help"]].concat());
    assert_eq!(output.status.code(), Some(0), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands below one, as its help lists them.
fn below(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Walks the tree of commands, and gathers what is missing.
fn walk(words: &[&str], wanting: &mut Vec<String>, seen: &mut usize) {
    let text = help(words);
    let path = words.join(" ");
    if text.lines().next().is_none_or(|line| line.trim().is_empty() || line.starts_with("Usage")) {
        wanting.push(format!("`{path}` does not say what it does"));
    }
    let commands = below(&text);
    for command in &commands {
        walk(&[words, &[command.as_str()]].concat(), wanting, seen);
    }
    if !commands.is_empty() {
        return;
    }
    *seen += 1;
    if !text.contains(&format!("Example:\n  privity {path}")) {
        wanting.push(format!("`{path}` shows no example"));
    }
    let excused = NO_JSON.iter().any(|(name, _)| *name == path);
    if text.contains("\n      --json") == excused {
        wanting.push(format!("`{path}` {} --json", if excused { "is listed here, and has" } else { "has no" }));
    }
    // Every argument and option says what it is.
    for line in text.lines().filter(|l| l.starts_with("      --") || l.starts_with("  -")) {
        let said = line.trim().split_once("  ").is_some_and(|(_, said)| !said.trim().is_empty());
        let next = text.lines().skip_while(|l| *l != line).nth(1).is_some_and(|l| l.starts_with("          "));
        if !said && !next {
            wanting.push(format!("`{path}`: {} is not explained", line.trim()));
        }
    }
}

#[test]
fn every_command_says_what_it_does_with_an_example_and_json() {
    let (mut wanting, mut seen) = (Vec::new(), 0);
    walk(&[], &mut wanting, &mut seen);
    assert!(seen > 50, "only {seen} commands were found");
    assert!(wanting.is_empty(), "{}", wanting.join("\n"));
}
