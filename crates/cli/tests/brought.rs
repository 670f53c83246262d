//! Owners bring their data into a machine that a third party operates and that proves itself: uploaded over Arrow Flight by
//! a stock client, or sealed and opened with a key that is released to that machine alone. And what is refused.
//! `make demo-enclave` shows what it prints.
//!
//! The machine is a software TPM, which proves what was measured and protects no memory: everything here is for
//! development, and says so.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use common::attested::{self, told};
use common::{Parties, json, privity, repository};
use serde_json::Value;
use testkit::SoftwareTpm;

const PLAYERS: [&str; 4] = ["clinic", "registry", "cloud", "analyst"];
const PROGRAM: &str = "examples/diabetes/brought.pv";

/// Uploads columns of a CSV file, or tries to; says what became of it.
const UPLOAD: &str = r#"
import csv, sys
import pyarrow as pa, pyarrow.flight as fl
location, token, name, file, columns = sys.argv[1:]
rows = list(csv.DictReader(open(file)))
table = pa.table({c: [r[c] if c == "patient" else float(r[c]) for r in rows] for c in columns.split(",")})
client = fl.connect(location)
options = fl.FlightCallOptions(headers=[(b"authorization", b"Bearer " + token.encode())])
try:
    writer, answers = client.do_put(fl.FlightDescriptor.for_path(name), table.schema, options)
    with writer:
        writer.write_table(table)
        writer.done_writing()
        answers.read()
    print("taken")
except pa.ArrowException as error:
    print(error)
"#;

/// Downloads a table, or tries to.
const DOWNLOAD: &str = r#"
import sys
import pyarrow as pa, pyarrow.flight as fl
location, token, name = sys.argv[1:]
options = fl.FlightCallOptions(headers=[(b"authorization", b"Bearer " + token.encode())])
try:
    print(fl.connect(location).do_get(fl.Ticket(name), options).read_all().num_rows)
except pa.ArrowException as error:
    print(error)
"#;

/// Lists the names of all flights.
const LIST: &str = r#"
import sys
import pyarrow.flight as fl
location, token = sys.argv[1:]
options = fl.FlightCallOptions(headers=[(b"authorization", b"Bearer " + token.encode())])
for flight in fl.connect(location).list_flights(options=options):
    print(flight.descriptor.path[0].decode())
"#;

/// Fetches a result by its flight, or tries to: its columns, as JSON.
const RESULT: &str = r#"
import json, sys
import pyarrow as pa, pyarrow.flight as fl
location, token, name = sys.argv[1:]
client = fl.connect(location)
options = fl.FlightCallOptions(headers=[(b"authorization", b"Bearer " + token.encode())])
try:
    flight = client.get_flight_info(fl.FlightDescriptor.for_path(name), options)
    table = client.do_get(flight.endpoints[0].ticket, options).read_all()
    assert table.num_rows == flight.total_records and table.schema == flight.schema
    print(json.dumps(table.to_pydict()))
except pa.ArrowException as error:
    print(error)
"#;

fn python(script: &str, args: &[&str]) -> String {
    let output = testkit::python("pyarrow").unwrap().args(["-c", script]).args(args).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    said.trim().to_owned()
}

/// A proxy of the real command to one worker; it ends when this is dropped.
struct Proxy {
    child: Child,
    location: String,
    token: String,
}

impl Proxy {
    /// To the cloud's worker, whose machine it appraises.
    fn start(folder: &Path, who: &str) -> Proxy {
        Proxy::to(folder, who, "cloud --policy cloud-machine.toml")
    }

    fn to(folder: &Path, who: &str, worker: &str) -> Proxy {
        let line = format!("flight-proxy --to {worker} --roster roster.toml --key {who}.key --json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_privity"))
            .current_dir(folder)
            .args(line.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let said: Value = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{e}: {first}"));
        let text = |field: &str| said[field].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
        Proxy { child, location: text("location"), token: text("token") }
    }

    fn upload(&self, folder: &Path, name: &str, file: &str, columns: &str) -> String {
        let file = folder.join(file).to_str().unwrap().to_owned();
        python(UPLOAD, &[&self.location, &self.token, name, &file, columns])
    }

    fn download(&self, name: &str) -> String {
        python(DOWNLOAD, &[&self.location, &self.token, name])
    }

    fn list(&self) -> Vec<String> {
        python(LIST, &[&self.location, &self.token]).lines().map(str::to_owned).collect()
    }

    fn result(&self, name: &str) -> String {
        python(RESULT, &[&self.location, &self.token, name])
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells what was tried and how it was answered, by the code that every answer begins with.
fn tells(what: &str, answer: &str, code: &str) {
    assert!(answer.contains(code), "{what}: {answer}");
    let said = answer.split(". ").find(|part| part.contains(code)).unwrap_or(answer);
    println!("  {what}: {}", said.trim_start_matches("gRPC returned ").lines().next().unwrap_or_default());
}

/// A cloud whose machine, with a store sealed to it, all others know. The others have no data in their configurations.
fn parties(cloud: &str, owner: impl Fn(&str) -> String) -> (Parties, SoftwareTpm) {
    let (parties, tpm) = attested::parties(&PLAYERS);
    let path = parties.path();
    std::fs::copy(repository().join(PROGRAM), path.join("brought.pv")).unwrap();
    let store = "[store]\ntpm = \"tpm/socket\"\n";
    parties.write("cloud.toml", &(parties.read("cloud.toml") + store + cloud));
    for player in ["clinic", "registry", "analyst"] {
        let file = format!("{player}.toml");
        let config = parties.read(&file);
        let (before, machines) = config.split_at(config.find("[machines.").unwrap());
        let without_data = before.split("[data.").next().unwrap();
        parties.write(&file, &format!("{without_data}{machines}{}", owner(player)));
    }
    told(path, "agreement new brought.pv --roster roster.toml --dims n=442 -o agreed.toml");
    (parties, tpm)
}

fn run(parties: &Parties, what: &str) -> (Value, i32) {
    run_as(parties, "analyst", what)
}

fn run_as(parties: &Parties, who: &str, what: &str) -> (Value, i32) {
    let key = format!("{who}.key");
    json(&privity(parties.path(), &["run", what, "--roster", "roster.toml", "--key", &key, "--json"]))
}

/// What a run ended with, in words.
fn words(outcome: &Value) -> &str {
    outcome["error"]["message"].as_str().unwrap_or_default()
}

/// What the analyst's run of the agreement released is at the analyst's worker, for the analyst alone.
fn model_over_flight(parties: &Parties, outcome: &Value) {
    let model = outcome["outputs"]["analyst"].as_object().unwrap();
    let session = outcome["session"].as_str().unwrap();
    let [analyst, clinic] = ["analyst", "clinic"].map(|who| Proxy::to(parties.path(), who, "analyst"));
    let mut names: Vec<String> = model.keys().map(|output| format!("{session}/{output}")).collect();
    names.sort();
    let mut listed = analyst.list();
    listed.sort();
    assert_eq!(listed, names);
    assert_eq!(clinic.list(), [""; 0], "nobody else learns that it is there");
    for (output, value) in model {
        let name = format!("{session}/{output}");
        let table: Value = serde_json::from_str(&analyst.result(&name)).unwrap();
        let values = if value["values"].is_array() {
            value["values"].clone()
        } else {
            Value::Array(vec![value["values"].clone()])
        };
        assert_eq!(table["value"], values, "{output}");
        // In the words that a name gets which nobody agreed on.
        let [refused, nothing] = [&name, &format!("{session}/nothing")].map(|name| clinic.result(name));
        assert!(refused.contains("flight.unknown"), "{refused}");
        assert_eq!(refused.replace(output, ""), nothing.replace("nothing", ""));
    }
    let log = parties.read("analyst.audit.jsonl");
    let released = log.lines().filter(|line| line.contains("\"released\"")).count();
    assert_eq!(released, 2 * model.len(), "with the outcome, and over Flight: {log}");
    assert!(log.contains("\"what\":\"download\"") && log.contains("flight.unknown"), "{log}");
    println!("The analyst fetches it over Flight, too, from its own worker. The clinic asks there: flight.unknown");
}

/// That a run was trained on all rows, and that the analyst alone has the model.
fn trained(outcome: &Value) {
    let outputs = outcome["outputs"].as_object().unwrap_or_else(|| panic!("{outcome}"));
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["analyst"], "only the requester learns the model");
    let right = outputs["analyst"]["share of the rows told right"]["values"].as_f64().unwrap();
    assert!((0.7..0.9).contains(&right), "{right}");
    println!(
        "\nTrained inside the machine. The analyst alone receives the model; it tells {right:.3} of the rows right."
    );
}

#[test]
fn owners_upload_over_flight_to_a_machine_that_proved_itself_and_the_requester_alone_learns_the_model() {
    let flight = |player: &str| if player == "analyst" { "[flight]\n".to_owned() } else { String::new() };
    let (mut parties, tpm) = parties("[flight]\n", flight);
    let path = parties.path().to_owned();
    println!("\nOwners bring their data to a machine of the cloud's, over Arrow Flight, with pyarrow.");
    println!(
        "A software TPM proves what was measured into it, and NOT that memory is secret: this is for development.\n"
    );
    for player in PLAYERS {
        parties.start(player, &[]);
    }
    // A scheduler, who is no party, proposes; the worker's operator has not ratified yet.
    let proposed =
        json(&privity(&path, &["propose", "agreed.toml", "--roster", "roster.toml", "--key", "guest.key", "--json"]));
    let digest = proposed.0["digest"].as_str().unwrap_or_else(|| panic!("{}", proposed.0)).to_owned();
    let (vitals, target) = (format!("{digest}/vitals"), format!("{digest}/target"));
    let [clinic, registry, analyst] = ["clinic", "registry", "analyst"].map(|who| Proxy::start(&path, who));
    let columns = "patient,age,sex,bmi,bp";
    println!("Each party's proxy has appraised the machine. A scheduler, who is no party, has proposed the agreement.");
    let early = clinic.upload(&path, &vitals, "clinic.csv", columns);
    tells("the clinic uploads before the cloud's operator has ratified", &early, "flight.not-yet");
    for player in PLAYERS {
        told(&path, &format!("ratify {digest} --config {player}.toml"));
    }

    for player in PLAYERS {
        let inbox = format!("inbox {digest} --config {player}.toml --json");
        let standing = || json(&privity(&path, &inbox.split(' ').collect::<Vec<_>>())).0["standing"].clone();
        let begun = Instant::now();
        while standing() != "complete" {
            assert!(begun.elapsed().as_secs() < 60, "{player} never saw it complete");
        }
    }

    println!("\nAll four have ratified it. Not by anyone else, not another table, and once:");
    let foreign = analyst.upload(&path, &vitals, "clinic.csv", columns);
    tells("the analyst uploads the clinic's table", &foreign, "flight.unknown");
    let narrow = clinic.upload(&path, &vitals, "clinic.csv", "patient,age,sex,bmi");
    tells("the clinic uploads a column too few", &narrow, "flight.unfit");
    let (missing, code) = run(&parties, &digest);
    assert_ne!(code, 0);
    assert_eq!(missing["error"]["code"], "worker.not-uploaded", "{missing}");
    println!("  the analyst starts the run: {}", words(&missing));
    assert_eq!(clinic.upload(&path, &vitals, "clinic.csv", columns), "taken");
    println!("  the clinic uploads its 442 rows: taken");
    let again = clinic.upload(&path, &vitals, "clinic.csv", columns);
    tells("the clinic uploads them again", &again, "flight.again");
    assert_eq!(registry.upload(&path, &target, "registry.csv", "patient,target"), "taken");
    println!("  the registry uploads its own: taken");

    // Its owner may look at it; nobody else, not even who is to learn the model.
    assert_eq!(clinic.download(&vitals), "442");
    for (who, other) in [("registry", &registry), ("analyst", &analyst)] {
        tells(&format!("the {who} downloads the clinic's table"), &other.download(&vitals), "flight.unknown");
    }
    let (outcome, code) = run(&parties, &digest);
    assert_eq!(code, 0, "{outcome}");
    trained(&outcome);
    model_over_flight(&parties, &outcome);
    let session = outcome["session"].as_str().unwrap();
    let output = outcome["outputs"]["analyst"].as_object().unwrap().keys().next().unwrap();
    let there = analyst.result(&format!("{session}/{output}"));
    assert!(there.contains("flight.unknown"), "the machine's worker has no results: {there}");

    // The one use is spent, and what was uploaded is gone with it.
    tells(
        "the use is spent, and the table with it; the clinic downloads it",
        &clinic.download(&vitals),
        "flight.missing",
    );
    let log = parties.read("cloud.audit.jsonl");
    for kind in ["\"uploaded\"", "\"downloaded\"", "\"what\":\"upload\"", "\"what\":\"download\"", "\"removed\""] {
        assert!(log.contains(kind), "{kind} in {log}");
    }
    assert!(log.contains("flight.unknown") && log.contains("flight.again"), "{log}");

    // A machine that runs something else proves so to the proxy, and nothing is sent.
    parties.write("binary", "swapped");
    tpm.reboot().unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    let line = "flight-proxy --to cloud --roster roster.toml --key clinic.key --policy cloud-machine.toml --json";
    let (refused, code) = json(&privity(&path, &line.split_whitespace().collect::<Vec<_>>()));
    assert_eq!((refused["error"]["code"].as_str(), code), (Some("net.unproved"), 3), "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("pcr.sha256.14"), "{refused}");
    println!(
        "\nThe cloud's operator starts another binary. The clinic's proxy does not start, and nothing was sent:\n  {message}"
    );
}

#[test]
fn keys_of_sealed_tables_go_to_the_machine_that_proved_itself_and_to_no_other() {
    let sealed = "[sealed]\nvitals = \"vitals.sealed\"\ntarget = \"target.sealed\"\n";
    let (mut parties, tpm) = {
        // The files have to be there when the workers start.
        let release = |player: &str| match player {
            "clinic" => "[release.vitals]\nkey = \"vitals.key\"\n".to_owned(),
            "registry" => "[release.target]\nkey = \"target.key\"\n".to_owned(),
            _ => "[flight]\n".to_owned(),
        };
        parties(sealed, release)
    };
    let path = parties.path().to_owned();
    println!(
        "\nOwners' tables lie sealed on the cloud's disk. Keys go to its machine once it has proved itself, for one session."
    );
    let seal =
        "seal vitals --csv clinic.csv --columns age,sex,bmi,bp --key patient --under vitals.key -o vitals.sealed";
    told(&path, seal);
    told(&path, "seal target --csv registry.csv --columns target --key patient --under target.key -o target.sealed");
    let stored = std::fs::read(path.join("vitals.sealed")).unwrap();
    assert!(!stored.windows(7).any(|part| part == b"patient"), "not even names are in the clear");
    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    let (outcome, code) = run(&parties, "agreed.toml");
    assert_eq!(code, 0, "{outcome}");
    trained(&outcome);
    let released = |parties: &Parties| parties.read("clinic.audit.jsonl").matches("\"key-released\"").count();
    assert_eq!(released(&parties), 1);
    assert!(parties.read("registry.audit.jsonl").contains("\"key-released\""));

    println!("The clinic's log has it: one key was released.");

    // A scheduler, who is no party, starts it as well, and is told no value. The requester fetches the model over Flight.
    let (started, code) = run_as(&parties, "guest", "agreed.toml");
    assert_eq!(code, 0, "{started}");
    assert_eq!(started["outputs"], serde_json::json!({}), "{started}");
    let share = format!("{}/share of the rows told right", started["session"].as_str().unwrap());
    let fetched: Value = serde_json::from_str(&Proxy::to(&path, "analyst", "analyst").result(&share)).unwrap();
    let right = fetched["value"][0].as_f64().unwrap();
    assert!((0.7..0.9).contains(&right), "{fetched}");
    println!("A scheduler starts the run as well, and is told no value; the analyst fetches the model over Flight.");
    assert_eq!(released(&parties), 2);

    // Sealed for another input: the key does not open it, and its owner's worker says so.
    std::fs::copy(path.join("target.sealed"), path.join("vitals.sealed")).unwrap();
    let (outcome, code) = run(&parties, "agreed.toml");
    let error = outcome["error"].to_string();
    assert!(code != 0 && error.contains("release.refused"), "{outcome}");
    println!("\nThe cloud puts the registry's table in the place of the clinic's:\n  {}", words(&outcome));
    std::fs::write(path.join("vitals.sealed"), &stored).unwrap();

    // A machine that runs something else.
    parties.write("binary", "swapped");
    tpm.reboot().unwrap();
    told(&path, "attest measure binary --tpm tpm/socket");
    let (outcome, code) = run(&parties, "agreed.toml");
    assert!(code != 0 && outcome["error"].to_string().contains("pcr.sha256.14"), "{outcome}");
    println!("\nThe cloud's operator starts another binary, and no key is released:\n  {}", words(&outcome));
    assert_eq!(released(&parties), 2, "nothing more was released");
}
