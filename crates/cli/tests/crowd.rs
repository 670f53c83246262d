//! A crowd's votes, which nobody ever adds up in the clear: three workers keep the sum as shares, and a program among them
//! releases who won.

mod common;

use std::net::{Ipv4Addr, TcpListener};

use common::service::{Service, says};
use common::{PLAYERS, Parties, json, privity};

/// What each client votes for.
const VOTES: [usize; 7] = [2, 0, 2, 1, 2, 0, 2];

const WINNER: &str = "
computation winner
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  load votes : fixed<64, 16>[4] at committee owner clinic range -7..7 from \"votes-1\"
  on committee
    best = argmax(votes[0:3])
    all  = votes[3]
  release best to analyst as \"winner\"
  release all to analyst as \"voters\"
";

/// Makes a key, and gives its identity and public key.
fn make_key(parties: &Parties, name: &str) -> (String, String) {
    let (made, code) = json(&privity(parties.path(), &["keygen", &format!("{name}.key"), "--json"]));
    assert_eq!(code, 0);
    let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
    let keys = says(parties, &["aggregator", "--keys", &format!("{name}.key")]);
    let public = keys.lines().find_map(|line| line.strip_prefix("key = ")).unwrap().trim_matches('"').to_owned();
    (text("identity"), public)
}

/// Writes terms whose sums the three keep, the list of clients, and everybody's configuration.
fn set_up(parties: &Parties) {
    let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (service, _) = make_key(parties, "service");
    let (_, enroller) = make_key(parties, "enroller");
    let roster = parties.read("roster.toml");
    let owner = roster.lines().skip_while(|l| *l != "[players.clinic]").nth(1).unwrap().replace("identity", "owner");
    let mut terms = format!(
        "name = \"votes\"\nlength = 3\nclip = 1.0\nminimum = 5\nmost = 7\nrounds = 1\ncollect_seconds = 60.0\n\
         enroller = \"{enroller}\"\n[service]\nidentity = \"{service}\"\naddress = \"{at}\"\n\
         [shares]\nname = \"votes\"\nfraction = 16\n{owner}\n[committee]\nthreshold = 2\nquorum = 3\ncorrupt = 1\n"
    );
    for name in &PLAYERS[..3] {
        let keys = says(parties, &["aggregator", "--keys", &format!("{name}.key")]);
        terms.push_str(&format!("[[committee.aggregators]]\nname = \"{name}\"\n{keys}"));
        let file = format!("{name}.toml");
        let aggregate = "[[aggregate]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n";
        parties.write(&file, &format!("{}{aggregate}", parties.read(&file)));
    }
    parties.write("terms.toml", &terms);
    let clients: Vec<String> = (0..VOTES.len()).map(|i| make_key(parties, &format!("client{i}")).0).collect();
    parties.write("clients.txt", &clients.join("\n"));
    let list = says(parties, &["enrol", "--terms", "terms.toml", "--key", "enroller.key", "clients.txt"]);
    parties.write("clients.list", &list);
    parties.write(
        "service.toml",
        &format!(
            "[service]\nkey = \"service.key\"\nlisten = \"{at}\"\nboard = \"memory\"\n\
             [[task]]\nterms = \"terms.toml\"\nenrolment = \"clients.list\"\n"
        ),
    );
}

#[test]
fn three_workers_keep_a_crowds_sum_as_shares_and_a_program_goes_on_with_it() {
    let mut parties = Parties::new();
    set_up(&parties);
    let _service = Service::start(&parties);
    for name in PLAYERS {
        parties.start(name, &["--ratify-all"]);
    }
    for (i, vote) in VOTES.iter().enumerate() {
        let column: String = (0..3).map(|choice| if choice == *vote { "1\n" } else { "0\n" }).collect();
        parties.write("vote.csv", &format!("vote\n{column}"));
        let key = format!("client{i}.key");
        says(
            &parties,
            &["contribute", "--terms", "terms.toml", "--key", &key, "--data", "vote.csv", "--column", "vote"],
        );
    }
    // Nobody gets the sum itself.
    let asked = ["rounds", "--terms", "terms.toml", "--key", "client0.key", "--result", "--json"];
    let (refused, code) = json(&privity(parties.path(), &asked));
    assert_ne!(code, 0);
    assert_eq!(refused["error"]["code"], "aggregator.kept", "{refused}");

    // Parts outlive their workers.
    for name in &PLAYERS[..3] {
        parties.kill(name);
        parties.start(name, &["--ratify-all"]);
    }
    let (ran, code) = parties.run(WINNER, "analyst.key");
    assert_eq!(code, 0, "{ran}");
    assert_eq!(ran["outputs"]["analyst"]["winner"]["values"], 2, "{ran}");
    assert_eq!(ran["outputs"]["analyst"]["voters"]["values"], 7.0, "{ran}");

    // Of another owner's it is refused, as any saved value.
    let (refused, code) = parties.run(&WINNER.replace("owner clinic", "owner registry"), "analyst.key");
    assert_ne!(code, 0);
    assert_eq!(refused["error"]["code"], "store.misfit", "{refused}");
}
