//! Secure aggregation inside a machine that proves itself: a software TPM, which proves what was measured into it and protects no
//! memory, so everything here is for development, and says so.

mod common;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use common::attested::{machine, told};
use common::service::{Service, says};
use common::{Parties, json, privity};
use serde_json::Value;

const CLIENTS: [&str; 3] = ["ann", "bo", "cy"];

/// An aggregator whose key is in its memory only, with what terms say of it.
struct Inside(Child, String);

impl Inside {
    /// Starts it, and waits for what it prints first: it then waits for terms that name its key.
    fn start(parties: &Parties) -> Inside {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privity"));
        let args = "aggregator --config inside.toml --prove --tpm tpm/socket";
        command.current_dir(parties.path()).args(args.split(' ')).env_remove("PRIVITY_LOG");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take(4).collect();
        assert!(said.last().is_some_and(|line| line.starts_with("evidence = '")), "{said:?}");
        Inside(child, said.join("\n"))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Terms with one aggregator, whose machine has to be what a policy says.
fn terms(parties: &Parties, at: SocketAddr, aggregator: &str, policy: &str) -> String {
    let keys = |name: &str| json(&privity(parties.path(), &["aggregator", "--keys", name, "--json"])).0;
    format!(
        "name = \"survey\"\nlength = 2\nclip = 10.0\nprecision = 24\nminimum = 3\nmost = 3\nrounds = 1\n\
         collect_seconds = 60.0\nenroller = {}\n[service]\nidentity = {}\naddress = \"{at}\"\n\
         [committee]\nthreshold = 1\nquorum = 1\ncorrupt = 0\n\
         [[committee.aggregators]]\nname = \"vault\"\npolicy = '''\n{policy}\n'''\n{aggregator}",
        keys("enroller.key")["key"],
        keys("service.key")["identity"],
    )
}

fn contribute(parties: &Parties, terms: &str, who: &str, values: &str) -> (Value, i32, String) {
    parties.write(&format!("{who}.csv"), &format!("value\n{values}"));
    let line = format!("contribute --terms {terms} --key {who}.key --data {who}.csv --column value --json");
    let output = privity(parties.path(), &line.split_whitespace().collect::<Vec<_>>());
    let (answer, code) = json(&output);
    (answer, code, String::from_utf8(output.stderr).unwrap())
}

/// Nothing is contributed under these terms, since a check refuses what the aggregator's machine proved.
fn refused(parties: &Parties, terms: &str, check: &str) {
    parties.write("refused.toml", terms);
    let (answer, code, _) = contribute(parties, "refused.toml", "ann", "1.5\n-2\n");
    assert_eq!((code != 0, answer["error"]["code"].as_str()), (true, Some("aggregator.unproved")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains(check), "{answer}");
}

#[test]
fn clients_contribute_once_the_machine_of_the_aggregator_proved_that_it_made_the_keys() {
    let parties = Parties::of(&[]);
    let path = parties.path();
    let identity = |name: &str| told(path, &format!("keygen {name}.key"));
    for name in ["service", "enroller"] {
        identity(name);
    }
    parties.write("clients.txt", &CLIENTS.map(identity).join("\n"));
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let task = "[[task]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n";
    let service = format!("[service]\nkey = \"service.key\"\nlisten = \"{at}\"\nboard = \"board.redb\"\n{task}");
    parties.write("service.toml", &service);
    parties.write("inside.toml", &format!("[aggregator]\n{task}"));

    // It stands for the aggregator's binary.
    parties.write("binary", "approved");
    let _tpm = machine(path, "tpm");
    let inside = Inside::start(&parties);
    told(path, "attest produce --tpm tpm/socket --nonce 00 -o evidence.json");
    let policy = told(path, "attest pin evidence.json --name survey");

    // The operator names keys of its own in the place of those that were made there; or something else was measured.
    identity("known");
    let evidence = inside.1.lines().last().unwrap();
    let known = told(path, "aggregator --keys known.key");
    refused(&parties, &terms(&parties, at, &format!("{known}\n{evidence}"), &policy), "report data is");
    let measured = policy.lines().find(|line| line.contains("pcr.sha256.14")).unwrap();
    let other = policy.replace(measured, &format!("\"pcr.sha256.14\" = [\"{}\"]", "00".repeat(32)));
    refused(&parties, &terms(&parties, at, &inside.1, &other), "pcr.sha256.14");

    parties.write("terms.toml", &terms(&parties, at, &inside.1, &policy));
    let list = says(&parties, &["enrol", "--terms", "terms.toml", "--key", "enroller.key", "clients.txt"]);
    parties.write("clients.list", &list);
    let checked = says(&parties, &["aggregator", "--config", "service.toml", "--check"]);
    assert!(checked.contains("each client appraises the machine of vault"), "{checked}");
    let _service = Service::start(&parties);
    for (who, values) in CLIENTS.iter().zip(["1.5\n-2\n", "0.5\n3\n", "-1\n0.25\n"]) {
        let (accepted, code, said) = contribute(&parties, "terms.toml", who, values);
        assert_eq!((code, accepted["accepted"].as_bool()), (0, Some(true)), "{accepted} {said}");
        assert!(said.contains("accepted by the policy `survey`") && said.contains("FOR DEVELOPMENT ONLY"), "{said}");
    }
    let sum = ["rounds", "--terms", "terms.toml", "--key", "ann.key", "--round", "1", "--result", "--json"];
    let (result, _) = json(&privity(path, &sum));
    let sums: Vec<f64> = result["sum"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert!((sums[0] - 1.0).abs() < 1e-4 && (sums[1] - 1.25).abs() < 1e-4, "{result}");
}
