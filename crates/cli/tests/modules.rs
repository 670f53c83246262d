//! A WebAssembly module that two owners, the operator of an attested machine and a reader agreed on by its digest: it joins
//! the owners' tables inside the machine; and modules that are refused or stopped there. `make demo-enclave` shows what it prints.

mod common;

use common::attested::{parties, told};
use common::{Parties, json, privity};
use serde_json::Value;

const PLAYERS: [&str; 4] = ["clinic", "registry", "cloud", "analyst"];

/// What the parties agree to run: a module over both owners' tables, of which the analyst learns two columns.
fn program(name: &str, digest: &str) -> String {
    format!(
        "
computation joined
  player clinic, registry, cloud, analyst
  placement vault = enclave(cloud)
  input patient : i64[n] at clinic
  input bmi     : f64[n] at clinic
  input id      : i64[m] at registry
  input score   : f64[m] at registry
  on vault
    statistics = module(patient, bmi, id, score, name={name}, digest=\"{digest}\", takes=\"left(patient, bmi) right(id, score)\", gives=\"statistics(matched, mean)\", arguments=\"key=patient right_key=id\", type=f64, shape=[2, 2], fuel=100, memory=16)
  release statistics to analyst as \"rows and means of both\"
"
    )
}

/// Writes a module where the cloud's worker looks for it, and gives its digest.
fn place(parties: &Parties, name: &str, bytes: &[u8]) -> String {
    std::fs::create_dir_all(parties.path().join("modules")).unwrap();
    std::fs::write(parties.path().join(format!("modules/{name}.wasm")), bytes).unwrap();
    blake3::hash(bytes).to_string()
}

/// Forty patients of the clinic; the registry knows every second of them, and others, in another order.
fn tables(parties: &Parties) {
    let rows = |all: Vec<(i64, f64)>| all.iter().map(|(key, value)| format!("{key},{value}\n")).collect::<String>();
    let left = (0..40).map(|i| (i, 20.0 + i as f64)).collect();
    let right = (0..30).rev().map(|i| (2 * i, i as f64)).collect();
    parties.write("left.csv", &format!("patient,bmi\n{}", rows(left)));
    parties.write("right.csv", &format!("id,score\n{}", rows(right)));
    for (player, file, columns) in [("clinic", "left", ["patient", "bmi"]), ("registry", "right", ["id", "score"])] {
        let config = format!("{player}.toml");
        let old = parties.read(&config).replace("[data.clinic.bmi]", "[data.clinic.weight]");
        let new = columns.map(|c| format!("\n[data.{player}.{c}]\ncsv = \"{file}.csv\"\ncolumn = \"{c}\"\n"));
        parties.write(&config, &(old + &new.concat()));
    }
}

fn run(parties: &Parties, file: &str) -> (Value, i32) {
    let flags = ["--roster", "roster.toml", "--key", "analyst.key", "--json"];
    json(&privity(parties.path(), &[&["run", file][..], &flags].concat()))
}

/// What a run of a module is refused with at the cloud: the code and the words.
fn refused(parties: &Parties, name: &str, digest: &str, code: &str) -> String {
    parties.write("refused.pv", &program(name, digest));
    let (outcome, exit) = run(parties, "refused.pv");
    let error = &outcome["error"];
    println!("  refused: {}", error["message"].as_str().unwrap_or_default());
    assert_ne!(exit, 0, "{outcome}");
    assert_eq!((error["code"].as_str(), error["player"].as_str()), (Some(code), Some("cloud")), "{outcome}");
    assert!(!error["help"].as_str().unwrap_or_default().is_empty(), "{outcome}");
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn an_agreed_module_joins_two_owners_tables_inside_an_attested_machine_of_a_third() {
    let (mut parties, _tpm) = parties(&PLAYERS);
    tables(&parties);
    let bytes = testkit::module("intersect").unwrap();
    let digest = place(&parties, "intersect", &bytes);
    parties.write("cloud.toml", &(parties.read("cloud.toml") + "\n[modules]\nfolder = \"modules\"\n"));
    parties.write("joined.pv", &program("intersect", &digest));
    let path = parties.path().to_owned();
    told(&path, "agreement new joined.pv --roster roster.toml --dims n=40 --dims m=30 -o agreed.toml");
    let (shown, _) = json(&privity(&path, &["agreement", "show", "agreed.toml", "--json"]));
    let words = shown["words"].as_str().unwrap();
    println!("\nWhat all parties sign:\n{words}");
    assert!(words.contains(&format!("cloud runs the module intersect (BLAKE3 {digest})")), "{words}");
    let looked = told(&path, "worker --check --config cloud.toml --program joined.pv");
    assert!(looked.contains("intersect compile"), "{looked}");

    println!("\nOther bytes under the name, and none:");
    // Before the right bytes are there: other bytes under the name, and none.
    place(&parties, "intersect", &hostile("(loop $l (br $l))"));
    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    let words = refused(&parties, "intersect", &digest, "sandbox.digest");
    assert!(words.contains(&digest), "{words}");
    refused(&parties, "nowhere", &digest, "module.missing");

    place(&parties, "intersect", &bytes);
    let (outcome, code) = run(&parties, "agreed.toml");
    assert_eq!(code, 0, "{outcome}");
    let outputs = outcome["outputs"].as_object().unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["analyst"], "only the reader learns anything");
    // Twenty patients match, 0, 2, … 38: the clinic has 20 more than the number, the registry half of it.
    let values = &outputs["analyst"]["rows and means of both"]["values"];
    println!("\nThe module ran inside the cloud's machine. The analyst alone learns rows and means of both: {values}");
    assert_eq!(*values, serde_json::json!([[20.0, 39.0], [20.0, 9.5]]), "{outcome}");

    never_ending(&parties);
}

/// A module that neither reads nor writes anything.
fn hostile(body: &str) -> Vec<u8> {
    let text = format!(
        "(module (memory (export \"memory\") 1) (func (export \"privity_run\") (result i32) {body} (i32.const 0)))"
    );
    wat::parse_str(text).unwrap()
}

/// All that the parties learn of a module that is stopped is that it was.
fn never_ending(parties: &Parties) {
    println!("\nModules that loop, allocate without end, give up, and open a file:");
    let grows = "(loop $l (drop (memory.grow (i32.const 1))) (br $l))";
    let mut said = Vec::new();
    for (name, body) in [("loops", "(loop $l (br $l))"), ("grows", grows), ("surrenders", "(return (i32.const 1))")] {
        let digest = place(parties, name, &hostile(body));
        said.push(refused(parties, name, &digest, "module.stopped").replace(name, ""));
    }
    assert!(said.windows(2).all(|two| two[0] == two[1]), "{said:?}");
    let open = r#"(module (import "wasi_snapshot_preview1" "path_open" (func (param i32) (result i32)))
        (memory (export "memory") 1) (func (export "privity_run") (result i32) (i32.const 0)))"#;
    let digest = place(parties, "opens", &wat::parse_str(open).unwrap());
    let words = refused(parties, "opens", &digest, "sandbox.import");
    assert!(words.contains("wasi_snapshot_preview1.path_open"), "{words}");
}
