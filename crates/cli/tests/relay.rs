//! A worker behind a firewall takes part through a relay: five processes of the real command on loopback.

mod common;

use std::net::{Ipv4Addr, TcpListener};

use common::{JOINT, PLAYERS, Parties, privity};

#[test]
fn a_worker_that_cannot_be_dialled_takes_part() {
    let mut parties = Parties::new();
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string();
    let relay = free();
    let direct = parties.endpoint("registry");
    let roster = parties.read("roster.toml").replace(&direct, &format!("relay://{relay}"));
    parties.write("roster.toml", &roster);
    // It listens where nobody is told to look for it.
    let config = parties.read("registry.toml").replace(&direct, &free());
    parties.write("registry.toml", &format!("relay = \"{relay}\"\n{config}"));

    for player in PLAYERS {
        parties.start(player, &["--ratify-all"]);
    }
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!((code, &result["error"]["code"]), (3, &"net.unreachable".into()), "{result}");
    assert_eq!(result["error"]["player"], "registry", "the relay is not there yet");

    parties.start_relay(&relay);
    parties.wait_for("registry", "takes calls through the relay");
    let (result, code) = parties.run(JOINT, "analyst.key");
    assert_eq!(code, 0, "{result}");
    let product = result["outputs"]["analyst"]["product"]["values"].as_f64().unwrap();
    assert!((product - 4212.0).abs() < 1.0, "{product}");
}

#[test]
fn a_relay_wants_to_know_whom_it_serves() {
    let parties = Parties::new();
    let output = privity(parties.path(), &["relay", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(2));
    let output = privity(parties.path(), &["relay", "--listen", "127.0.0.1:0", "--roster", "none.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}
