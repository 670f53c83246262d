//! What README and book show is executed: commands, programs, refusals with their words, and four workers.
//!
//! In a code block marked
//!
//! - `sh`, every line that starts with `privity ` must succeed; other commands must be on [`NOT_RUN`]. The blocks of
//!   `workers.md`, those of `organisations.md` and those of `agreements.md` are run together, by bash, as one sequence;
//! - `console`, lines that start with `$ ` are run, and what follows is what they print, exit code aside; a line `…`
//!   stands for any lines;
//! - `pv` or `text`, what begins with a computation must check, or must not if it is marked `pv refused`;
//! - `text`, below a line that ends with `receives`, are results; the commands of the page must print them.
//!
//! Each page has a folder of its own with a copy of `examples` and of some evidence. A block that follows a line such as `` `name.pv`: ``
//! becomes that file there, in the order of the page.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Beginnings of commands that are shown but not run here, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("make ", "what the targets do is run by themselves; `make test` runs this test"),
    ("pip install", "the Python tests install the package into a fresh environment"),
    ("cargo install", "would build everything once more"),
    ("cargo xtask", "`generate` and `tidy` are tests of `xtask`"),
    ("cargo test", "is what runs this"),
    ("privity worker", "runs until it is stopped; `workers.md` starts four"),
    ("privity run FILE", "names no real file"),
    ("privity invite", "waits for guests; `tests/meet.rs` runs meetings"),
    ("privity join", "needs a host; `tests/meet.rs` runs meetings"),
    ("privity doctor", "needs workers; `tests/doctor.rs` starts four"),
    ("privity relay", "runs until it is stopped; `tests/relay.rs` runs one"),
    ("privity resume SESSION", "names no real session; `tests/saved.rs` resumes one"),
    ("privity aggregator", "runs until it is stopped; `tests/aggregation.rs` runs a service and two aggregators"),
    ("privity enrol", "needs terms and keys; see `tests/aggregation.rs`"),
    ("privity terms", "needs an agreement and keys; see `tests/groups.rs`"),
    ("privity contribute", "needs a service; see `tests/aggregation.rs`"),
    ("privity rounds", "needs a service; see `tests/aggregation.rs`"),
    ("privity run pulse.agreement", "needs workers and a round; see `tests/groups.rs`"),
    ("privity keygen", "writes a key; `workers.md` makes four"),
];

/// Pages whose commands are one sequence for bash.
const SEQUENCES: &[&str] = &["workers.md", "organisations.md", "agreements.md"];

struct Block {
    page: String,
    line: usize,
    /// What stands behind the opening fence.
    info: String,
    /// The file that it is, if the line before says so.
    file: Option<String>,
    text: String,
}

impl Block {
    fn at(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }

    fn shows_results(&self) -> bool {
        self.info == "text" && self.text.lines().next().is_some_and(|l| l.ends_with(" receives"))
    }

    fn is_program(&self) -> bool {
        let code = self.text.lines().find(|l| !l.trim().is_empty() && !l.starts_with('#'));
        code.is_some_and(|l| l.starts_with("computation "))
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// README and the pages of the book, with their text.
fn pages() -> BTreeMap<String, String> {
    let book = repository().join("book/src");
    let chapters = std::fs::read_dir(&book).unwrap().map(|entry| entry.unwrap().path());
    let chapters = chapters.filter(|p| p.extension().is_some_and(|e| e == "md"));
    let all = chapters.chain([repository().join("README.md")]);
    let named =
        |p: PathBuf| (p.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&p).unwrap());
    all.map(named).collect()
}

fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut inside, mut before) = (false, "");
    for (i, line) in text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside;
            if inside {
                let before = std::mem::take(&mut before);
                let file = before.strip_suffix("`:").and_then(|l| l.rsplit('`').next()).map(str::to_owned);
                let (page, info) = (page.to_owned(), info.trim().to_owned());
                found.push(Block { page, line: i + 1, info, file, text: String::new() });
            }
        } else if inside {
            let block = found.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        } else if !line.trim().is_empty() {
            before = line.trim_end();
        }
    }
    assert!(!inside, "{page}: a code block does not end");
    found
}

/// A page's folder, with what its commands may read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let examples = ["diabetes", "breast_cancer", "survey", "pulse"].map(|name| format!("examples/{name}"));
    let evidence = "crates/attest/testdata/tdx".to_owned();
    for below in examples.into_iter().chain([evidence]) {
        let (from, to) = (repository().join(&below), folder.path().join(&below));
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

/// Runs a command line, and returns what it printed and whether it succeeded.
fn run(folder: &Path, line: &str) -> (String, bool) {
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[0], "privity", "only our own command is run: {line}");
    assert!(!line.contains(['"', '\'', '|', '>', '$']), "a line for a shell: {line}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_privity"));
    let output = command.current_dir(folder).args(&words[1..]).env_remove("PRIVITY_LOG").output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (String::from_utf8(printed).unwrap(), output.status.success())
}

/// Runs the `privity` lines of a block, and returns what they print.
fn shell(block: &Block, folder: &Path) -> String {
    let mut all = String::new();
    for line in block.text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        if NOT_RUN.iter().any(|(beginning, _)| line.starts_with(beginning)) {
            continue;
        }
        assert!(line.starts_with("privity "), "{}: neither run nor on the list of what is not: {line}", block.at());
        let (printed, succeeded) = run(folder, line);
        assert!(succeeded, "{}: {line}\n{printed}", block.at());
        all += &printed;
    }
    all
}

/// Runs the commands of a block, and compares what they print.
fn console(block: &Block, folder: &Path) {
    for part in format!("\n{}", block.text).split("\n$ ").skip(1) {
        let (line, expected) = part.split_once('\n').unwrap_or((part, ""));
        let (printed, _) = run(folder, line);
        let lines = |text: &str| text.trim().lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
        let (expected, printed) = (lines(expected), lines(&printed));
        assert!(matches(&expected, &printed), "{}: {line}\nprints\n{}", block.at(), printed.join("\n"));
    }
}

/// Whether lines are as expected, where `…` stands for any lines.
fn matches(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "…" => (0..=printed.len()).any(|i| matches(rest, &printed[i..])),
        Some((first, rest)) => printed.first() == Some(first) && matches(rest, &printed[1..]),
    }
}

/// Checks a program.
fn program(block: &Block) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("program.pv"), &block.text).unwrap();
    let (printed, accepted) = run(folder.path(), "privity check program.pv");
    assert_eq!(accepted, block.info != "pv refused", "{}:\n{printed}", block.at());
}

#[test]
fn commands_and_programs_of_readme_and_book() {
    for (page, text) in pages() {
        let folder = folder();
        let mut printed = String::new();
        for block in blocks(&page, &text) {
            if let Some(file) = &block.file {
                assert!(!file.contains(['/', '\\']), "{}: a file outside of the page's folder", block.at());
                std::fs::write(folder.path().join(file), &block.text).unwrap();
            }
            match block.info.as_str() {
                "sh" if SEQUENCES.contains(&&*page) => {}
                "sh" => printed += &shell(&block, folder.path()),
                "console" => console(&block, folder.path()),
                "pv" | "pv refused" | "text" if block.is_program() => program(&block),
                "pv" | "pv refused" => panic!("{}: this is no program", block.at()),
                _ => {}
            }
        }
        for block in blocks(&page, &text).iter().filter(|b| b.shows_results() && !SEQUENCES.contains(&&*page)) {
            hold_results(&block.at(), &block.text, &printed);
        }
    }
}

/// The words of a text that are numbers with a sign and digits only, no exponent.
fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().filter(|w| !w.contains('e')).filter_map(|w| w.parse().ok()).collect()
}

/// Every result that is shown was printed too: the last of 16 fraction bits may differ from run to run.
fn hold_results(at: &str, shown: &str, printed: &str) {
    let found = numbers(printed);
    let shown = numbers(shown.split("largest error").next().unwrap().split("cost:").next().unwrap());
    assert!(!shown.is_empty(), "{at} shows no results");
    for number in shown {
        assert!(found.iter().any(|f| (f - number).abs() < 5e-5), "{at} shows {number}, which is not in\n{printed}");
    }
}

#[test]
fn files_that_documents_name_exist() {
    let of_the_root = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let of_the_root = of_the_root.map(|p| (p.to_owned(), std::fs::read_to_string(repository().join(p)).unwrap()));
    for (page, text) in pages().into_iter().chain(of_the_root) {
        for word in text.split('`').filter(|w| !w.contains(char::is_whitespace)) {
            let ours =
                ["crates/", "examples/", "book/", "python/", "fuzz/"].iter().any(|folder| word.starts_with(folder));
            assert!(!ours || repository().join(word).exists(), "{page} names {word}, which does not exist");
        }
    }
}

#[test]
fn the_pages_are_found() {
    let pages = pages();
    for page in ["README.md", "language.md", "tutorial.md", "workers.md"] {
        let blocks = blocks(page, &pages[page]);
        assert!(blocks.iter().any(|b| ["sh", "console", "pv"].contains(&b.info.as_str())), "{page} shows nothing");
    }
}

/// Those ports of the page that are replaced by free ones.
const PORTS: [&str; 4] = ["7701", "7702", "7703", "7704"];

/// Runs a script in an empty folder, with our command on the path.
fn bash(script: &str) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_privity")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([binary.to_owned()].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(folder.path()).env("PATH", path).env_remove("PRIVITY_LOG");
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn agreements_as_the_book_makes_them() {
    let page = &pages()["agreements.md"];
    let blocks = blocks("agreements.md", page);
    let script: String = blocks.iter().filter(|b| b.info == "sh").map(|b| b.text.as_str()).collect();
    let output = bash(&format!("set -eu\n{script}"));
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{errors}");
    for shown in [
        "\"total\" for laboratory is new",
        "declined: the totals are not for us",
        "ratified by all",
        "\"average\" to analyst: allowed by rule means",
        "rule embargo forbids it: the target is under embargo",
        "nothing of this party's is disclosed: allowed by rule helping",
    ] {
        assert!(printed.contains(shown), "`{shown}` is not in\n{printed}\n{errors}");
    }
    assert!(errors.contains("since then: ") && errors.contains("\"total\" for laboratory is new"), "{errors}");
}

/// Runs the commands of a page that starts four workers, at free ports, and returns what they print, errors apart.
fn four_workers(page: &str) -> (String, String) {
    let text = &pages()[page];
    let blocks = blocks(page, text);
    let mut script: String = blocks.iter().filter(|b| b.info == "sh").map(|b| b.text.as_str()).collect();
    // Held together until all are chosen, so that they differ.
    let free = PORTS.map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    for (port, free) in PORTS.iter().zip(&free) {
        assert!(script.contains(port), "{port} is not in {page}");
        script = script.replace(&format!("127.0.0.1:{port}"), &free.local_addr().unwrap().to_string());
    }
    drop(free);
    // Whatever happens, no worker outlives the script.
    let script = format!("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");

    let output = bash(&script);
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}\n{errors}");
    // What the page shows of the analyst's results is what it gets.
    for shown in blocks.iter().filter(|b| b.shows_results()) {
        hold_results(&shown.at(), &shown.text, &printed);
    }
    (printed.into_owned(), errors.into_owned())
}

#[test]
fn four_workers_as_the_book_starts_them() {
    let (printed, _) = four_workers("workers.md");
    assert!(printed.contains("\"outputs\":{}"), "the clinic is no reader:\n{printed}");
}

#[test]
fn three_organisations_and_an_analyst_as_the_book_has_them() {
    let (printed, errors) = four_workers("organisations.md");
    for shown in ["uses was 1000, is 1", "input bmi fit", "entries hold, signed by"] {
        assert!(printed.contains(shown), "`{shown}` is not in\n{printed}\n{errors}");
    }
    assert!(errors.contains("outsider/registry.receipt.json: the receipt's signature does not hold"), "{errors}");
}
