//! `doctor` on four worker processes: everything well, and what it says of what is not.

mod common;

use common::{PLAYERS, Parties, json, privity};
use serde_json::Value;

fn doctor(parties: &Parties, roster: &str) -> (Value, i32) {
    json(&privity(parties.path(), &["doctor", "--roster", roster, "--key", "analyst.key", "--json"]))
}

fn wrong(report: &Value) -> Vec<(&str, &str, &str)> {
    let text = |f: &'_ Value, key: &str| -> String { f[key].as_str().unwrap().to_owned() };
    let wrong = report["findings"].as_array().unwrap().iter().filter(|f| f["ok"] == false);
    wrong
        .map(|f| {
            assert!(!text(f, "help").is_empty(), "{f}");
            (f["from"].as_str().unwrap(), f["to"].as_str().unwrap(), f["check"].as_str().unwrap())
        })
        .collect()
}

#[test]
fn every_pair_is_examined_in_both_directions() {
    let parties = Parties::started();
    let (report, code) = doctor(&parties, "roster.toml");
    assert_eq!((code, &report["ok"]), (0, &true.into()), "{report}");
    let findings = report["findings"].as_array().unwrap();
    // From here to four, and from each of four to three others: seven findings each.
    assert_eq!(findings.len(), (4 + 4 * 3) * 7, "{report}");
    for from in PLAYERS {
        for to in PLAYERS.iter().filter(|to| **to != from) {
            let speed = findings.iter().find(|f| f["from"] == from && f["to"] == *to && f["check"] == "bandwidth");
            assert!(speed.unwrap()["found"].as_str().unwrap().ends_with("Mbit/s"));
        }
    }
    let output = privity(parties.path(), &["doctor", "--roster", "roster.toml", "--key", "analyst.key"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("laboratory") && table.contains("round trip"), "{table}");
}

#[test]
fn what_is_wrong_is_named_with_the_way_and_what_to_do() {
    let mut parties = Parties::started();
    parties.kill("registry");
    let (report, code) = doctor(&parties, "roster.toml");
    assert_eq!(code, 3, "{report}");
    let ways = ["", "analyst", "clinic", "laboratory"].map(|from| (from, "registry", "port"));
    assert_eq!(wrong(&report), ways, "{report}");

    // A roster of one's own with a name that nobody knows, and another's key for the laboratory.
    let roster = parties.read("roster.toml");
    let identity = |player: &str| {
        let entry = &roster[roster.find(&format!("[players.{player}]")).unwrap()..];
        entry.lines().find_map(|l| l.strip_prefix("identity = ")).unwrap().to_owned()
    };
    let clinic = parties.endpoint("clinic");
    let nowhere = clinic.replace("127.0.0.1", "nowhere.invalid");
    let mistaken = roster.replace(&clinic, &nowhere).replace(&identity("laboratory"), &identity("registry"));
    parties.write("mistaken.toml", &mistaken);
    let (report, code) = doctor(&parties, "mistaken.toml");
    assert_eq!(code, 3, "{report}");
    let from_here: Vec<_> = wrong(&report).into_iter().filter(|(from, ..)| from.is_empty()).collect();
    assert_eq!(from_here, [("", "clinic", "name"), ("", "laboratory", "key"), ("", "registry", "port")], "{report}");
}
