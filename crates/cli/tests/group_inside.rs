//! A program over a group whose sums are inside an enclave: members contribute to a key that a machine made and proved, its worker
//! keeps what it opens in memory, and a session of the same agreement goes on with it there.
//!
//! The machine is a software TPM, which protects no memory: everything here is for development, and says so.

mod common;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use aggregator::{Client, Input, Terms};
use common::attested::{parties, told};
use common::service::{Service, says};
use common::{Parties, json, privity};
use net::KeyPair;

const PLAYERS: [&str; 2] = ["cloud", "analyst"];

/// What each member holds.
const ANSWERS: [f64; 5] = [1.0, 4.0, 2.5, 0.5, 3.0];

/// The member that does not contribute what its client computes.
const LIAR: usize = 4;

const SURVEY: &str = "
computation survey
  player cloud, analyst
  group people of at least 3 at most 20
  placement inside = enclave(cloud)
  input answer : f64 at people range 0..10
  on people
    high = answer > 2.0
  on inside as fixed<64, 16>
    mean = federated_mean(answer, low=0, high=5)
    count = federated_sum(high)
    total = federated_sum(answer)
    exact = cast(mean, type=f64)
    root = sqrt(exact)
  release root to analyst as \"root of the mean\"
  release count to analyst as \"count\"
  release total to analyst as \"total\"
";

/// A member contributes under some terms.
fn contribute(parties: &Parties, terms: &str, i: usize) -> (serde_json::Value, i32, String) {
    parties.write("answer.csv", &format!("answer\n{}\n", ANSWERS[i]));
    parties.write("mine.toml", "[people.answer]\ncsv = \"answer.csv\"\ncolumn = \"answer\"\n");
    let line =
        format!("contribute --terms {terms} --agreement survey.agreement --key member{i}.key --data mine.toml --json");
    let output = privity(parties.path(), &line.split_whitespace().collect::<Vec<_>>());
    let (answer, code) = json(&output);
    (answer, code, String::from_utf8(output.stderr).unwrap())
}

/// The last member appraises the machine, too, and sends numbers of its own choice.
fn lie(parties: &Parties) {
    let terms = Terms::parse(&parties.read("terms.toml")).unwrap();
    let key = KeyPair::load(&parties.path().join(format!("member{LIAR}.key"))).unwrap();
    let appraiser = worker::appraiser_for(&terms, &[], &[]).unwrap();
    let client = Client::new(terms, key, None).unwrap().appraising(appraiser);
    let input = Input { values: &[9.0, 1.0, 9.0], weight: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    runtime.block_on(client.contribute(&input, None, until)).unwrap();
}

fn fails(parties: &Parties, line: &str, code: &str) -> String {
    let (refused, exit) = json(&privity(parties.path(), &line.split_whitespace().collect::<Vec<_>>()));
    assert_ne!(exit, 0, "{line}");
    assert_eq!(refused["error"]["code"], code, "{refused}");
    refused["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn members_contribute_to_a_machine_that_proved_itself_and_a_program_goes_on_inside() {
    let (mut parties, _tpm) = parties(&PLAYERS);
    let path = parties.path().to_owned();
    let identity = |name: &str| told(&path, &format!("keygen {name}.key"));
    let (service, enroller) = (identity("service"), identity("enroller"));
    let members: Vec<String> = (0..ANSWERS.len()).map(|i| identity(&format!("member{i}"))).collect();
    parties.write("members.txt", &members.join("\n"));
    parties.write("enroller.keys", &says(&parties, &["aggregator", "--keys", "enroller.key"]));
    parties.write("cloud.keys", &says(&parties, &["aggregator", "--keys", "cloud.key"]));
    let roster = format!("{}\n[groups.people]\nenroller = \"{enroller}\"\n", parties.read("roster.toml"));
    parties.write("roster.toml", &roster);
    let task = "terms = \"terms.toml\"\nenrolment = \"members.list\"\n";
    let cloud = format!("{}\n[[aggregate]]\n{task}keys = \"inside.keys\"\n", parties.read("cloud.toml"));
    parties.write("cloud.toml", &cloud);
    let unproved = format!("{}\n[[aggregate]]\n{task}keys = \"inside.keys\"\n", parties.read("analyst.toml"));
    parties.write("unproved.toml", &unproved);
    let (report, code) = json(&privity(&path, &["worker", "--config", "unproved.toml", "--check", "--json"]));
    assert_eq!(code, 1, "{report}");
    assert!(report.to_string().contains("`keys` are those of a machine that proves itself"), "{report}");
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let board = format!("[service]\nkey = \"service.key\"\nlisten = \"{at}\"\nboard = \"memory\"\n[[task]]\n{task}");
    parties.write("service.toml", &board);
    parties.write("survey.pv", SURVEY);

    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    told(&path, "agreement new survey.pv --roster roster.toml -o survey.agreement");
    told(&path, "propose survey.agreement --roster roster.toml --key analyst.key");
    let run = "run survey.agreement --roster roster.toml --key analyst.key --json";
    fails(&parties, run, "session.sum-missing");

    // The key that the cloud's operator has is none that a machine made.
    let made =
        format!("terms survey.agreement --service {service} --at {at} --enroller enroller.keys --collect 60 --keys");
    let said = fails(&parties, &format!("{made} cloud.keys --json"), "client.group");
    assert!(said.contains("the one file of keys that its machine wrote"), "{said}");
    parties.write("terms.toml", &told(&path, &format!("{made} inside.keys")));
    let list = says(&parties, &["enrol", "--terms", "terms.toml", "--key", "enroller.key", "members.txt"]);
    parties.write("members.list", &list);
    let _service = Service::start(&parties);

    // What the machine has to be is the agreement's to say, and not the terms'.
    let terms = parties.read("terms.toml");
    parties.write("lenient.toml", &terms.replace("\"pcr.sha256.14\"", "\"pcr.sha256.15\""));
    assert_ne!(parties.read("lenient.toml"), terms);
    let (refused, code, _) = contribute(&parties, "lenient.toml", 0);
    assert_ne!(code, 0, "{refused}");

    for i in 0..LIAR {
        let (accepted, code, said) = contribute(&parties, "terms.toml", i);
        assert_eq!((code, accepted["accepted"].as_bool()), (0, Some(true)), "{accepted} {said}");
        assert!(said.contains("accepted by the policy `trainer`") && said.contains("FOR DEVELOPMENT ONLY"), "{said}");
    }
    lie(&parties);
    let asked = "rounds --terms terms.toml --key member0.key --result --json";
    fails(&parties, asked, "aggregator.kept");
    let (ran, code) = json(&privity(&path, &run.split_whitespace().collect::<Vec<_>>()));
    assert_eq!(code, 0, "{ran}");
    let output = |name: &str| ran["outputs"]["analyst"][name]["values"].as_f64().unwrap();
    // Who breaks a bound is in no sum.
    assert!((output("root of the mean") - 2f64.sqrt()).abs() < 1e-3, "{ran}");
    assert_eq!((output("count"), output("total")), (2.0, 8.0), "{ran}");

    // What the machine had in its memory is gone with the process, and nothing of it is in the store.
    parties.terminate("cloud");
    parties.exit_code("cloud");
    parties.start("cloud", &["--ratify-all"]);
    fails(&parties, run, "session.sum-missing");
}
