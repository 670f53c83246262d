//! End to end: an agreement is proposed, declined once, ratified by all parties and run on four worker processes, which
//! keep receipts and audit logs; also after all of them were killed.

mod common;

use common::{JOINT, PLAYERS, Parties, json, privity};
use serde_json::Value;

/// Proposes a program as the analyst, and returns the agreement's digest.
fn propose(parties: &Parties, program: &str, flags: &[&str]) -> String {
    parties.write("program.pv", program);
    let mut args = vec!["propose", "program.pv", "--roster", "roster.toml", "--key", "analyst.key", "--json"];
    args.extend(flags);
    let (proposed, code) = json(&privity(parties.path(), &args));
    assert_eq!(code, 0, "{proposed}");
    proposed["digest"].as_str().unwrap().to_owned()
}

/// What a player's operator does with an agreement, on its own machine.
fn operator(parties: &Parties, player: &str, command: &[&str]) -> (Value, i32) {
    let config = format!("{player}.toml");
    json(&privity(parties.path(), &[command, &["--config", &config, "--json"]].concat()))
}

fn ratify(parties: &Parties, players: &[&str], digest: &str) {
    for player in players {
        let (answer, code) = operator(parties, player, &["ratify", digest]);
        assert_eq!(code, 0, "{answer}");
    }
}

fn run(parties: &Parties, what: &str, key: &str) -> (Value, i32) {
    json(&privity(parties.path(), &["run", what, "--roster", "roster.toml", "--key", key, "--json"]))
}

/// Waits until a worker's operator sees a standing of an agreement.
fn wait_for_standing(parties: &Parties, player: &str, digest: &str, standing: &str) {
    let seen = || {
        let (shown, code) = operator(parties, player, &["inbox", digest]);
        code == 0 && shown["standing"] == standing
    };
    let begun = std::time::Instant::now();
    while !seen() {
        assert!(begun.elapsed().as_secs() < 60, "{player} never saw it {standing}");
    }
}

#[test]
fn an_agreement_that_all_have_ratified_runs_and_nothing_else_does() {
    let mut parties = Parties::new();
    PLAYERS.iter().for_each(|p| parties.start(p, &[]));
    let first = propose(&parties, JOINT, &["--uses", "3"]);
    let (refused, code) = run(&parties, &first, "analyst.key");
    assert_eq!((code, &refused["error"]["code"]), (1, &"worker.not-ratified".into()), "{refused}");

    // Read, and declined once; what was declined does not run, whoever else ratifies.
    let (shown, code) = operator(&parties, "registry", &["inbox", &first]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown["text"].as_str().unwrap().contains("product = mean(bmi * target)"), "{shown}");
    let (declined, code) = operator(&parties, "registry", &["decline", &first, "--reason", "once is enough"]);
    assert_eq!((code, &declined["standing"]["registry"]), (0, &"declined".into()), "{declined}");
    wait_for_standing(&parties, "analyst", &first, "declined");
    let (shown, _) = operator(&parties, "analyst", &["inbox", &first]);
    assert_eq!(shown["declined"]["registry"], "once is enough", "{shown}");

    let second = propose(&parties, JOINT, &[]);
    assert_ne!(first, second);
    ratify(&parties, &["clinic", "laboratory"], &second);
    let (refused, code) = run(&parties, &second, "analyst.key");
    assert_eq!(code, 1, "{refused}");
    ratify(&parties, &["registry", "analyst"], &second);
    PLAYERS.iter().for_each(|p| wait_for_standing(&parties, p, &second, "complete"));

    // Between ratifying and running, all workers are killed.
    PLAYERS.iter().for_each(|p| parties.kill(p));
    PLAYERS.iter().for_each(|p| parties.start(p, &[]));
    let (result, code) = run(&parties, &second, "analyst.key");
    assert_eq!(code, 0, "{result}");
    let product = result["outputs"]["analyst"]["product"]["values"].as_f64().unwrap();
    assert!((product - 4212.0).abs() < 1.0, "{product}");
    let session = result["session"].as_str().unwrap().to_owned();

    // It was agreed to run once.
    let (refused, code) = run(&parties, &second, "analyst.key");
    assert_eq!((code, &refused["error"]["code"]), (1, &"ledger.used-up".into()), "{refused}");

    // Each worker gets the receipts of all players, and keeps the openings of its own commitments.
    for player in PLAYERS {
        let begun = std::time::Instant::now();
        loop {
            let (shown, code) = operator_receipts(&parties, player, &session);
            assert_eq!(code, 0, "{shown}");
            if shown["receipts"].as_array().unwrap().len() == PLAYERS.len() {
                break;
            }
            assert!(begun.elapsed().as_secs() < 60, "{player} never got all receipts: {shown}");
        }
    }
    let folder = parties.path().join("receipts");
    let folder = folder.to_str().unwrap();
    let (exported, code) = operator(&parties, "clinic", &["receipt", "export", &session, "--folder", folder]);
    assert_eq!((code, exported["files"].as_array().unwrap().len()), (0, 6), "{exported}");
    verified_from_one_folder(&parties, &second, &session);

    // What a receipt says of the log's end tells on a log that was cut off, and on nobody else's.
    let verify = |log: &str, receipt: &str| {
        json(&privity(parties.path(), &["audit", "verify", log, "--head", receipt, "--json"]))
    };
    let (whole, code) = verify("clinic.audit.jsonl", "receipts/clinic.receipt.json");
    assert_eq!((code, &whole["heads"]), (0, &1.into()), "{whole}");
    let log = parties.read("clinic.audit.jsonl");
    parties.write("cut.jsonl", &log.lines().take(6).map(|line| format!("{line}\n")).collect::<String>());
    let (cut, code) = verify("cut.jsonl", "receipts/clinic.receipt.json");
    assert_eq!((code, &cut["error"]["code"]), (1, &"audit.cut-off".into()), "{cut}");
    let (foreign, code) = verify("clinic.audit.jsonl", "receipts/registry.receipt.json");
    assert_eq!((code, &foreign["error"]["code"]), (1, &"audit.head".into()), "{foreign}");
    let forged = parties.read("receipts/clinic.receipt.json").replace("\"attempt\":0", "\"attempt\":1");
    parties.write("forged.json", &forged);
    assert_eq!(verify("clinic.audit.jsonl", "forged.json").1, 1);
    let (stranger, code) =
        json(&privity(parties.path(), &["receipt", "show", &session, "--roster", "roster.toml", "--key", "guest.key"]));
    assert_eq!((code, &stranger["error"]["code"]), (1, &"worker.unknown-session".into()), "{stranger}");
}

/// The folder of `receipt export` is all that a machine without keys needs; with the openings in it, values are compared.
fn verified_from_one_folder(parties: &Parties, digest: &str, session: &str) {
    let verify = |flags: &[&str]| {
        json(&privity(parties.path(), &[&["receipt", "verify", "receipts", "--json"], flags].concat()))
    };
    let (verified, code) = verify(&[]);
    assert_eq!(
        (code, &verified["agreement"], &verified["session"]),
        (0, &digest.into(), &session.into()),
        "{verified}"
    );
    assert_eq!(verified["openings"][0]["player"], "clinic", "{verified}");
    assert_eq!(verified["openings"][0]["not_compared"], serde_json::json!(["input bmi"]), "{verified}");

    parties.write("mine.toml", "[clinic.bmi]\ncsv = \"clinic.csv\"\ncolumn = \"bmi\"\nkey = \"patient\"\n");
    let (verified, code) = verify(&["--data", "mine.toml"]);
    assert_eq!((code, &verified["openings"][0]["compared"]), (0, &serde_json::json!(["input bmi"])), "{verified}");
    // Other data, and another opening, are not what was committed to.
    parties.write("mine.toml", &parties.read("mine.toml").replace("column = \"bmi\"", "column = \"age\""));
    let (other, code) = verify(&["--data", "mine.toml"]);
    assert_eq!(
        (code, &other["error"]["code"], &other["error"]["player"]),
        (1, &"receipt.opening".into(), &"clinic".into())
    );
    let openings = parties.read("receipts/openings.json");
    parties.write("receipts/openings.json", &openings.replace("input bmi", "input blood"));
    assert_eq!(verify(&[]).1, 0, "the laboratory commits to that name");
    parties.write("receipts/openings.json", &openings.replace("input bmi", "input bp"));
    assert_eq!(verify(&[]).0["error"]["code"], "receipt.opening");
    parties.write("receipts/openings.json", &openings);

    // A swapped file is named, also in words.
    let whole = parties.read("receipts/registry.receipt.json");
    parties.write("receipts/registry.receipt.json", &whole.replacen("\"rounds\":", "\"rounds\":1", 1));
    let (swapped, code) = verify(&[]);
    assert_eq!((code, &swapped["failed"][0]["file"]), (1, &"receipts/registry.receipt.json".into()), "{swapped}");
    parties.write("receipts/registry.receipt.json", &whole);

    // The agreement of a session or a digest, as a file for `agreement show` and `diff`.
    for (what, file) in [(session, "a.agreement"), (digest, "b.agreement")] {
        let (written, code) = operator(parties, "laboratory", &["inbox", what, "-o", file]);
        assert_eq!((code, &written["file"], &written["digest"]), (0, &file.into(), &digest.into()), "{written}");
        assert_eq!(parties.read(file), parties.read("receipts/joint.agreement"));
        assert_eq!(operator(parties, "laboratory", &["inbox", what, "-o", file]).1, 1, "it exists");
    }
}

fn operator_receipts(parties: &Parties, player: &str, session: &str) -> (Value, i32) {
    let config = format!("{player}.toml");
    json(&privity(parties.path(), &["receipt", "show", session, "--config", &config]))
}

#[test]
fn only_an_operator_answers_and_a_worker_that_was_away_is_told() {
    let mut parties = Parties::new();
    ["clinic", "registry", "analyst"].iter().for_each(|p| parties.start(p, &[]));
    let args =
        ["propose", "program.pv", "--roster", "roster.toml", "--key", "analyst.key", "--dims", "n=442", "--json"];
    parties.write("program.pv", JOINT);
    let (proposed, code) = json(&privity(parties.path(), &args));
    assert_eq!((code, &proposed["not_reached"]), (0, &serde_json::json!(["laboratory"])), "{proposed}");
    let digest = proposed["digest"].as_str().unwrap();
    let by_guest =
        ["ratify", digest, "--roster", "roster.toml", "--key", "analyst.key", "--worker", "clinic", "--json"];
    let (refused, code) = json(&privity(parties.path(), &by_guest));
    assert_eq!((code, &refused["error"]["code"]), (1, &"worker.not-operator".into()), "{refused}");
    ratify(&parties, &["clinic", "registry", "analyst"], digest);
    parties.start("laboratory", &[]);
    wait_for_proposal(&parties, "laboratory", digest);
    ratify(&parties, &["laboratory"], digest);
    let (result, code) = run(&parties, digest, "analyst.key");
    assert_eq!(code, 0, "{result}");
}

fn wait_for_proposal(parties: &Parties, player: &str, digest: &str) {
    let begun = std::time::Instant::now();
    while operator(parties, player, &["inbox", digest]).1 != 0 {
        assert!(begun.elapsed().as_secs() < 60, "{player} was never told");
    }
}
