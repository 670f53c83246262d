//! A joint task inside a machine that a third party operates and that proves itself: training, and what is refused.
//! `make demo-enclave` shows what it prints.
//!
//! The machine is a software TPM, which proves what was measured and protects no memory: everything here is for
//! development, and says so.

mod common;

use std::path::Path;
use std::time::Instant;

use attest::development::{DevelopmentPki, Guest, Product, measurement};
use attest::{Evidence, Hash};
use common::attested::{machine, parties, told};
use common::{Parties, json, privity, repository};
use serde_json::Value;
use testkit::SoftwareTpm;

const PLAYERS: [&str; 4] = ["clinic", "registry", "cloud", "analyst"];
const PROGRAM: &str = "examples/diabetes/enclave.pv";

/// Runs a command that has to be refused by a check, and returns the line that says why.
fn refused(folder: &Path, line: &str, check: &str) -> String {
    let output = privity(folder, &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(1), "privity {line}");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let line = said.lines().find(|l| l.contains(&format!("REFUSED    {check}")));
    line.unwrap_or_else(|| panic!("{check} did not refuse: {said}")).trim().to_owned()
}

fn run(parties: &Parties, what: &str) -> (Value, i32) {
    let flags = ["--roster", "roster.toml", "--key", "analyst.key", "--json"];
    json(&privity(parties.path(), &[&["run", what][..], &flags].concat()))
}

/// What a run was refused with: the code, the player concerned, and the words.
fn unproved(parties: &Parties, says: &str) {
    let (outcome, code) = run(parties, "agreed.toml");
    let error = &outcome["error"];
    assert_ne!(code, 0, "{outcome}");
    assert_eq!((error["code"].as_str(), error["player"].as_str()), (Some("net.unproved"), Some("cloud")), "{outcome}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    println!("  the session ends, and nothing was sent: {message}");
}

#[test]
fn two_owners_train_on_an_attested_machine_of_a_third_and_only_the_requester_learns_the_model() {
    let (mut parties, tpm) = parties(&PLAYERS);
    let path = parties.path().to_owned();
    std::fs::copy(repository().join(PROGRAM), path.join("enclave.pv")).unwrap();
    println!(
        "A software TPM proves what was measured into it, and NOT that memory is secret: this is for development."
    );

    let flags = "--roster roster.toml --dims n=442 -o agreed.toml";
    told(&path, &format!("agreement new enclave.pv {flags}"));
    let (shown, _) = json(&privity(&path, &["agreement", "show", "agreed.toml", "--json"]));
    let words = shown["words"].as_str().unwrap();
    println!("\nWhat all parties sign:\n{words}");
    assert!(words.contains("inside vault; safe while the machine that cloud runs is what it proved"), "{words}");
    assert!(words.contains("FOR DEVELOPMENT ONLY: whoever operates cloud may be able to read its memory"), "{words}");
    assert!(words.contains("pcr.sha256.14 is "), "{words}");

    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    let (outcome, code) = run(&parties, "agreed.toml");
    assert_eq!(code, 0, "{outcome}");
    let outputs = outcome["outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["analyst"], "only the requester learns the model");
    let right = outputs["analyst"]["share of the rows told right"]["values"].as_f64().unwrap();
    assert!((0.7..0.9).contains(&right), "{right}");
    println!(
        "\nTrained inside the cloud's machine. The analyst alone receives the model; it tells {right:.3} of the rows right."
    );

    receipts(&parties, outcome["session"].as_str().unwrap());
    refusals(&mut parties, &tpm);
}

/// Receipts and audit logs say what the machine proved, to each of the others.
fn receipts(parties: &Parties, session: &str) {
    let path = parties.path();
    let begun = Instant::now();
    let export = ["receipt", "export", session, "--folder", "receipts", "--config", "clinic.toml", "--json"];
    let files = |shown: &Value| shown["files"].as_array().cloned().unwrap_or_default();
    let is_receipt = |file: &Value| file.as_str().is_some_and(|file| file.ends_with(".receipt.json"));
    while files(&json(&privity(path, &export)).0).iter().filter(|file| is_receipt(file)).count() < PLAYERS.len() {
        assert!(begun.elapsed().as_secs() < 60, "the clinic never got all receipts");
    }
    let files = PLAYERS.map(|player| format!("receipts/{player}.receipt.json")).join(" ");
    let verified = told(path, &format!("receipt verify {files} --agreement agreed.toml"));
    assert_eq!(verified.matches("cloud proved by tpm").count(), 3, "{verified}");
    assert!(verified.contains("its operator can read its memory; FOR DEVELOPMENT ONLY"), "{verified}");
    println!("\nWhat their receipts say, which anyone can verify:\n{verified}");
    // A receipt of a worker that did not look, though it is signed by that worker, does not pass.
    let log = parties.read("clinic.audit.jsonl");
    assert!(log.contains("\"kind\":\"machine-proved\"") && log.contains("\"tier\":\"integrity\""), "{log}");
    assert!(!parties.read("cloud.audit.jsonl").contains("machine-proved"), "nobody proved anything to the cloud");
}

fn refusals(parties: &mut Parties, tpm: &SoftwareTpm) {
    let path = parties.path().to_owned();
    println!("\nRefused: the cloud's operator starts another binary.");
    parties.write("binary", "swapped");
    tpm.reboot().unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    unproved(parties, "pcr.sha256.14");
    // The others may have been stopped before they heard of it.
    let noted = |player: &&str| parties.read(&format!("{player}.audit.jsonl")).contains("\"kind\":\"machine-refused\"");
    assert!(["clinic", "registry", "analyst"].iter().any(noted));

    println!("\nRefused: another machine of the cloud, which measured the approved binary, answers in its place.");
    parties.write("binary", "approved");
    let _other = machine(&path, "other");
    parties.write("cloud.toml", &parties.read("cloud.toml").replace("tpm/socket", "other/socket"));
    parties.kill("cloud");
    parties.start("cloud", &["--ratify-all"]);
    unproved(parties, "attestation key");

    println!("\nRefused: evidence of the right machine, relayed from another connection, or recorded (stale).");
    let bound = |data: &str| format!("attest verify evidence.json --policy cloud-machine.toml {data}");
    let relayed = format!("--report-data {}", "c4".repeat(32));
    println!("  {}", refused(&path, &bound(&relayed), "report-data"));
    let stale = format!("--nonce {}", "c5".repeat(32));
    println!("  {}", refused(&path, &bound(&stale), "freshness"));

    println!("\nRefused: a machine in debug mode, whose operator can read and change everything.");
    let guest = Guest { debug: true, ..Guest::new(b"trainer", &[0xc4; 32]) };
    let evidence = DevelopmentPki::from_seed([5; 32]).snp(&guest, Product::Milan).unwrap();
    parties.write("debug.json", &Evidence::Snp(evidence).to_json());
    let measured = hex::encode(measurement(b"trainer", Hash::Sha384));
    let policy = format!(
        "name = 'trainer'\ntechnologies = ['snp']\ndevelopment = true\n[measurements]\nmeasurement = ['{measured}']\n[minimum]\nsnp = 3\n"
    );
    parties.write("snp.toml", &policy);
    let (bound, roots) = ("c4".repeat(32), "05".repeat(32));
    let verify = format!("attest verify debug.json --policy snp.toml --report-data {bound}");
    println!("  {}", refused(&path, &format!("{verify} --insecure-development-roots {roots}"), "debug"));
}
