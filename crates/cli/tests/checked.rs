//! `worker --check`: what a worker would find if it started, before it does.

mod common;

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use common::{JOINT, Parties, json, privity};
use serde_json::Value;

/// Takes for whole numbers what are none.
const WHOLE: &str = "
computation whole
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input bmi : i64[n] at clinic
  on committee
    s = sum(bmi)
  release s to analyst as \"s\"
";

/// An input that the registry brings into the clinic's machine.
const BROUGHT: &str = "
computation brought
  player clinic, laboratory, registry, analyst
  placement vault = enclave(clinic)
  input bmi : f64[n] at vault owner registry
  on vault
    s = sum(bmi)
  release s to analyst as \"s\"
";

fn check(parties: &Parties, flags: &[&str]) -> (Value, i32) {
    json(&privity(parties.path(), &[&["worker", "--config", "clinic.toml", "--check", "--json"], flags].concat()))
}

/// What was found of one thing.
fn look<'a>(report: &'a Value, check: &str) -> &'a Value {
    let all = report["checks"].as_array().unwrap();
    all.iter().find(|look| look["check"] == check).unwrap_or_else(|| panic!("no `{check}` in {report}"))
}

/// Checks, and expects just this thing to fail, in these words.
fn fails(parties: &Parties, flags: &[&str], check_failed: &str, words: &str) {
    let (report, code) = check(parties, flags);
    let bad: Vec<&Value> = report["checks"].as_array().unwrap().iter().filter(|l| l["ok"] == false).collect();
    assert_eq!((code, bad.len()), (1, 1), "{report}");
    assert_eq!(bad[0]["check"], check_failed, "{report}");
    assert!(bad[0]["found"].as_str().unwrap().contains(words), "`{words}`: {report}");
    assert!(!bad[0]["help"].as_str().unwrap().is_empty(), "{report}");
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn everything_that_a_worker_will_use_is_looked_into_and_nothing_is_changed() {
    let parties = Parties::new();
    let (report, code) = check(&parties, &[]);
    assert_eq!((code, &report["problems"]), (0, &serde_json::json!([])), "{report}");
    for name in ["configuration", "certificate", "roster", "policy", "store", "audit log", "port"] {
        assert_eq!(look(&report, name)["ok"], true, "{report}");
    }
    let found = look(&report, "data clinic.vitals")["found"].as_str().unwrap().to_owned();
    assert!(found.contains("442 × 4 numbers, matched by `patient`"), "{found}");
    assert!(!parties.path().join("clinic.store").exists() && !parties.path().join("clinic.audit.jsonl").exists());
    let words = privity(parties.path(), &["worker", "--config", "clinic.toml", "--check"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("ok      data clinic.bmi"), "{words}");
}

#[test]
fn data_that_cannot_be_used_are_named_with_their_place() {
    let parties = Parties::new();
    let whole = parties.read("clinic.csv");
    let broken = whole.replacen("patient", "subject", 1);
    parties.write("clinic.csv", &broken);
    let (report, code) = check(&parties, &[]);
    assert_eq!((code, report["problems"].as_array().unwrap().len()), (1, 2), "both datasets have the file: {report}");
    assert!(look(&report, "data clinic.bmi")["found"].as_str().unwrap().contains("no column `patient`"), "{report}");

    // A cell of a column that only one of them reads.
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let age = lines[0].split(',').position(|name| name == "age").unwrap();
    let mut cells: Vec<String> = lines[2].split(',').map(str::to_owned).collect();
    cells[age] = "SECRET".to_owned();
    lines[2] = cells.join(",");
    parties.write("clinic.csv", &lines.join("\n"));
    fails(&parties, &[], "data clinic.vitals", "line 3, column `age`: the cell is not a number");
    assert!(!check(&parties, &[]).0.to_string().contains("SECRET"));

    std::fs::remove_file(parties.path().join("clinic.csv")).unwrap();
    assert_eq!(check(&parties, &[]).0["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn store_policy_and_port_are_tried() {
    let parties = Parties::new();
    let make = ["store", "init", "--store", "clinic.store", "--key", "clinic.store.key"];
    assert_eq!(privity(parties.path(), &make).status.code(), Some(0));
    let (report, code) = check(&parties, &[]);
    assert_eq!(code, 0, "{report}");
    assert!(look(&report, "store")["found"].as_str().unwrap().contains("opens under its key file"), "{report}");

    // A key that others can read, and one of another store.
    let key = parties.path().join("clinic.store.key");
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    fails(&parties, &[], "store", "0644");
    std::fs::remove_file(&key).unwrap();
    fails(&parties, &[], "store", "clinic.store.key");
    let other = ["store", "init", "--store", "other.store", "--key", "clinic.store.key"];
    assert_eq!(privity(parties.path(), &other).status.code(), Some(0));
    fails(&parties, &[], "store", "key");

    // A store that is gone is not made anew.
    let parties = Parties::new();
    parties.write("clinic.audit.jsonl", "");
    let (report, _) = check(&parties, &[]);
    let store = look(&report, "store");
    assert!(store["ok"] == false && store["found"].as_str().unwrap().contains("clinic.store is gone"), "{report}");

    let parties = Parties::new();
    let taken = TcpListener::bind(parties.endpoint("clinic")).unwrap();
    fails(&parties, &[], "port", &parties.endpoint("clinic"));
    drop(taken);

    parties.write("wrong.cedar", "@id(\"x\") permit (principal, action, resource) when { resource.lines > 1 };");
    let config = format!("policy = \"wrong.cedar\"\n{}", parties.read("clinic.toml"));
    parties.write("clinic.toml", &config);
    fails(&parties, &[], "configuration", "wrong.cedar");
}

#[test]
fn data_are_held_against_a_program() {
    let parties = Parties::new();
    parties.write("joint.pv", JOINT);
    let (report, code) = check(&parties, &["--program", "joint.pv"]);
    assert_eq!(code, 0, "{report}");
    assert!(look(&report, "program")["found"].as_str().unwrap().contains("bmi [442]"), "{report}");
    let new = "agreement new joint.pv --roster roster.toml --dims n=441 -o joint.agreement";
    assert_eq!(privity(parties.path(), &new.split(' ').collect::<Vec<_>>()).status.code(), Some(0));
    fails(&parties, &["--program", "joint.agreement"], "program", "442");
    parties.write("whole.pv", WHOLE);
    fails(&parties, &["--program", "whole.pv"], "program", "whole number");
    parties.write("joint.pv", &JOINT.replace("  dim n by patient\n", ""));
    fails(&parties, &["--program", "joint.pv"], "rows", "has the key `patient`");
}

#[test]
fn what_others_bring_into_this_machine_has_a_way_in_and_no_data_in_its_place() {
    let parties = Parties::new();
    parties.write("brought.pv", BROUGHT);
    fails(&parties, &["--program", "brought.pv"], "program", "`bmi` is registry's to bring into this machine");
    let config = parties.read("clinic.toml").replace("[data.clinic.bmi]", "[data.clinic.weight]");
    parties.write("clinic.toml", &config);
    fails(&parties, &["--program", "brought.pv"], "program", "takes no uploads");
    parties.write("clinic.toml", &(config + "\n[flight]\n"));
    let (report, code) = check(&parties, &["--program", "brought.pv"]);
    assert_eq!(code, 0, "{report}");
    assert!(look(&report, "flight")["found"].as_str().unwrap().contains("kept in the store"), "{report}");
}
