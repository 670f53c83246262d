//! A program over a group: its members contribute what they compute of their own data, three workers keep each contribution as
//! shares, and a session of the same agreement checks them and goes on with the sum over those that keep their bounds.

mod common;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use std::time::{Duration, Instant};

use aggregator::{Client, Input, Terms};
use common::service::{Service, says};
use common::{PLAYERS, Parties, json, privity};
use net::KeyPair;

/// What each member holds.
const ANSWERS: [[i32; 3]; 12] = [
    [40, 0, 1],
    [0, 30, 1],
    [10, 0, 90],
    [0, 20, 1],
    [0, 25, 1],
    [5, 0, 1],
    [0, 60, 1],
    [7, 0, 1],
    [0, 11, 1],
    [0, 10, 2],
    [1, 2, 3],
    [20, 40, 60],
];

/// The member that does not contribute what its client computes.
const LIAR: usize = 11;

const PULSE: &str = "
computation pulse
  player clinic, laboratory, registry, analyst
  group people of at least 10 at most 100
  placement committee = replicated(clinic, laboratory, registry)
  input answer : f64[3] at people range 0..100
  input trust : f64 at people range 1..5
  on people
    clipped = clip(answer, low=0, high=50)
  on committee as fixed<64, 16>
    total = federated_sum(clipped, low=0, high=50)
    mean = federated_mean(clipped, trust)
    best = argmax(total)
  release best to analyst as \"winner\"
  release mean to analyst as \"mean\"
";

fn fails(parties: &Parties, args: &[&str], code: &str) {
    let (refused, exit) = json(&privity(parties.path(), args));
    assert_ne!(exit, 0, "{args:?}");
    assert_eq!(refused["error"]["code"], code, "{refused}");
}

/// Makes a key and what terms say of it, and gives its identity.
fn make_key(parties: &Parties, name: &str) -> String {
    let (made, code) = json(&privity(parties.path(), &["keygen", &format!("{name}.key"), "--json"]));
    assert_eq!(code, 0);
    write_keys(parties, name);
    made["identity"].as_str().unwrap_or_default().to_owned()
}

fn write_keys(parties: &Parties, name: &str) {
    parties.write(&format!("{name}.keys"), &says(parties, &["aggregator", "--keys", &format!("{name}.key")]));
}

/// The roster with the group's enroller, the agreement, and the terms that follow from it.
fn agree(parties: &Parties, at: SocketAddr) {
    let (service, enroller) = (make_key(parties, "service"), make_key(parties, "enroller"));
    let roster = format!("{}\n[groups.people]\nenroller = \"{enroller}\"\n", parties.read("roster.toml"));
    parties.write("roster.toml", &roster);
    parties.write("pulse.pv", PULSE);
    says(parties, &["agreement", "new", "pulse.pv", "--roster", "roster.toml", "-o", "pulse.agreement"]);
    PLAYERS[..3].iter().for_each(|name| write_keys(parties, name));
    let at = at.to_string();
    let mut args = vec!["terms", "pulse.agreement", "--service", &service, "--at", &at, "--enroller", "enroller.keys"];
    args.extend(["--collect", "60", "--keys", "clinic.keys", "registry.keys", "laboratory.keys"]);
    parties.write("terms.toml", &says(parties, &args));
    let members: Vec<String> = (0..ANSWERS.len()).map(|i| make_key(parties, &format!("member{i}"))).collect();
    parties.write("members.txt", &members.join("\n"));
    let list = says(parties, &["enrol", "--terms", "terms.toml", "--key", "enroller.key", "members.txt"]);
    parties.write("members.list", &list);
    for name in &PLAYERS[..3] {
        let file = format!("{name}.toml");
        let aggregate = "[[aggregate]]\nterms = \"terms.toml\"\nenrolment = \"members.list\"\n";
        parties.write(&file, &format!("{}{aggregate}", parties.read(&file)));
    }
    parties.write(
        "service.toml",
        &format!(
            "[service]\nkey = \"service.key\"\nlisten = \"{at}\"\nboard = \"memory\"\n\
             [[task]]\nterms = \"terms.toml\"\nenrolment = \"members.list\"\n"
        ),
    );
}

/// A member contributes, from the columns of a file of its own.
fn contribute(parties: &Parties, i: usize, terms: &str) -> Vec<String> {
    let rows: String = ANSWERS[i].iter().map(|x| format!("{x}\n")).collect();
    parties.write("answer.csv", &format!("answer\n{rows}"));
    parties.write("trust.csv", &format!("trust\n{}\n", 1 + i % 5));
    parties.write(
        "mine.toml",
        "[people.answer]\ncsv = \"answer.csv\"\ncolumn = \"answer\"\n[people.trust]\ncsv = \"trust.csv\"\ncolumn = \"trust\"\n",
    );
    let key = format!("member{i}.key");
    let args = ["contribute", "--terms", terms, "--agreement", "pulse.agreement", "--key", &key, "--data", "mine.toml"];
    args.map(str::to_owned).to_vec()
}

/// The last member contributes numbers of its own choice: with them another answer would win.
fn lie(parties: &Parties) {
    let terms = Terms::parse(&parties.read("terms.toml")).unwrap();
    let key = KeyPair::load(&parties.path().join(format!("member{LIAR}.key"))).unwrap();
    let client = Client::new(terms, key, None).unwrap();
    let input = Input { values: &[0.0, 0.0, 250.0, 0.0, 0.0, 250.0, 5.0], weight: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    runtime.block_on(client.contribute(&input, None, until)).unwrap();
}

/// Waits until a worker has heard that all ratified.
fn wait_until_complete(parties: &Parties, player: &str, digest: &str) {
    let config = format!("{player}.toml");
    let seen = || {
        let (shown, code) = json(&privity(parties.path(), &["inbox", digest, "--config", &config, "--json"]));
        code == 0 && shown["standing"] == "complete"
    };
    let begun = std::time::Instant::now();
    while !seen() {
        assert!(begun.elapsed().as_secs() < 60, "{player} never heard that all ratified");
    }
}

#[test]
fn members_contribute_to_an_agreement_and_its_workers_go_on_with_the_sum() {
    let mut parties = Parties::new();
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    agree(&parties, at);
    let _service = Service::start(&parties);
    for name in PLAYERS {
        parties.start(name, &[]);
    }
    // All parties read it and sign.
    let proposed = ["propose", "pulse.agreement", "--roster", "roster.toml", "--key", "analyst.key"];
    says(&parties, &proposed);
    let (shown, _) = json(&privity(parties.path(), &["agreement", "show", "pulse.agreement", "--json"]));
    let digest = shown["digest"].as_str().unwrap().to_owned();
    for name in PLAYERS {
        says(&parties, &["ratify", &digest, "--config", &format!("{name}.toml")]);
    }
    PLAYERS.iter().for_each(|name| wait_until_complete(&parties, name, &digest));

    // Before the members have contributed there is no sum.
    let run = ["run", "pulse.agreement", "--roster", "roster.toml", "--key", "analyst.key", "--json"];
    fails(&parties, &run, "session.sum-missing");

    // Terms that say otherwise than the agreement are refused by those who would contribute.
    let other = parties.read("terms.toml").replace("minimum = 10", "minimum = 2");
    parties.write("other.toml", &other);
    let args = contribute(&parties, 0, "other.toml");
    fails(&parties, &[args.iter().map(String::as_str).collect(), vec!["--json"]].concat(), "client.group");

    for i in 0..LIAR {
        let args = contribute(&parties, i, "terms.toml");
        says(&parties, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    lie(&parties);
    // Nobody gets the sum itself. Asking waits until the three have kept it.
    let asked = ["rounds", "--terms", "terms.toml", "--key", "member0.key", "--result", "--json"];
    fails(&parties, &asked, "aggregator.kept");

    let (ran, code) = json(&privity(parties.path(), &run));
    assert_eq!(code, 0, "{ran}");
    assert_eq!(ran["outputs"]["analyst"]["winner"]["values"], 1, "{ran}");
    // Who breaks the bound of one sum is in no other either.
    let weights: f64 = (0..LIAR).map(|i| (1 + i % 5) as f64).sum();
    for j in 0..3 {
        let sum: f64 = (0..LIAR).map(|i| f64::from(ANSWERS[i][j].min(50)) * (1 + i % 5) as f64).sum();
        let found = ran["outputs"]["analyst"]["mean"]["values"][j].as_f64().unwrap();
        assert!((found - sum / weights).abs() < 1e-2, "{ran}");
    }
}
