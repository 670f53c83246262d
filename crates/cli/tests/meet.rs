//! Coming together by the real command: one host and two guests, in processes of their own on loopback.

mod common;

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use common::{json, privity};
use serde_json::Value;

struct Party {
    child: Child,
    question: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Party {
    fn start(folder: &Path, args: &[&str]) -> Party {
        let mut child = Command::new(env!("CARGO_BIN_EXE_privity"))
            .current_dir(folder)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (question, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Party { child, question, lines: BufReader::new(out).lines() }
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("another line").unwrap()).unwrap()
    }

    /// Answers the question. It ends only when all have answered.
    fn answer(&mut self, answer: &str) {
        writeln!(self.question, "{answer}").unwrap();
    }

    /// What else it prints, and its exit code.
    fn end(mut self) -> (Vec<Value>, i32) {
        let rest = self.lines.map(|l| serde_json::from_str(&l.unwrap()).unwrap()).collect();
        (rest, self.child.wait().unwrap().code().unwrap())
    }
}

fn keys(folder: &Path) {
    for name in ["clinic", "laboratory", "registry"] {
        assert_eq!(json(&privity(folder, &["keygen", &format!("{name}.key"), "--json"])).1, 0);
    }
}

/// All three, as far as the question.
fn meeting(folder: &Path) -> [Party; 3] {
    let host = "invite --name clinic --key clinic.key --endpoint 127.0.0.1:7701 --listen 127.0.0.1:0 --guests 2 -o clinic.toml --json";
    let mut clinic = Party::start(folder, &host.split(' ').collect::<Vec<_>>());
    let code = clinic.line()["code"].as_str().unwrap().to_owned();
    let join = |name: &str, port: u16| {
        let line =
            format!("join {code} --name {name} --key {name}.key --endpoint 127.0.0.1:{port} -o {name}.toml --json");
        Party::start(folder, &line.split(' ').collect::<Vec<_>>())
    };
    let mut all = [clinic, join("laboratory", 7702), join("registry", 7703)];
    let shown: Vec<Value> = all.iter_mut().map(Party::line).collect();
    assert_eq!(shown[0]["phrase"].as_str().unwrap().len(), 23, "{shown:?}");
    assert!(shown.iter().all(|s| s == &shown[0]), "{shown:?}");
    assert_eq!(shown[0]["players"].as_object().unwrap().len(), 3);
    all
}

#[test]
fn all_write_one_roster_that_workers_can_use() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut all = meeting(folder.path());
    all.iter_mut().for_each(|party| party.answer("y"));
    for party in all {
        let (rest, code) = party.end();
        assert_eq!(code, 0, "{rest:?}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let roster = read("clinic.toml");
    assert_eq!((&roster, &roster), (&read("laboratory.toml"), &read("registry.toml")));
    assert!(roster.contains("[players.registry]") && roster.contains("127.0.0.1:7703"), "{roster}");
    privity::agreement::Roster::parse(&roster).unwrap();
}

#[test]
fn a_phrase_that_differs_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let mut all = meeting(folder.path());
    all.iter_mut().zip(["y", "y", "n"]).for_each(|(party, answer)| party.answer(answer));
    for party in all {
        let (rest, code) = party.end();
        assert_eq!(code, 3, "{rest:?}");
        let error = &rest.last().unwrap()["error"];
        assert_eq!(error["code"], "meet.declined");
        assert!(error["message"].as_str().unwrap().contains("registry"), "{error}");
    }
    assert!(!folder.path().join("clinic.toml").exists() && !folder.path().join("laboratory.toml").exists());
}

#[test]
fn bad_codes_and_existing_rosters_are_told_before_anyone_is_troubled() {
    let folder = tempfile::tempdir().unwrap();
    keys(folder.path());
    let line = "join nonsense --name a --key clinic.key --endpoint 127.0.0.1:7701 -o new.toml --json";
    let output = privity(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2));
    std::fs::write(folder.path().join("old.toml"), "").unwrap();
    let line = "join 127.0.0.1:9/lusab-babad-gutih-tugad --name a --key clinic.key --endpoint 127.0.0.1:7701 -o old.toml --json";
    let (result, code) = json(&privity(folder.path(), &line.split(' ').collect::<Vec<_>>()));
    assert_eq!((code, &result["error"]["code"]), (1, &"meet.output".into()), "{result}");
}
