//! Who is given the key of a sealed table, and how often.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::{Agreement, Member, Roster};
use net::{Credentials, Dialer, Identity};
use store::KeyFile;

use super::{HONEST, admit, agreement, config, key, roster};
use crate::Machines;
use crate::error::WorkerError;
use crate::office::Office;
use crate::proto::ReleaseRequest;
use crate::release::{RawRelease, Sealing};

const INSIDE: &str = "computation c
  player a, b, c
  placement vault = enclave(b)
  input x : f64[n] at vault owner a
  input other : f64[n] at vault owner a
  input mine : f64[n] at a
  on vault
    y = sum(x) + sum(other) + sum(mine)
  release y to c as \"y\"
";

/// The office of player a, which owns `x` inside the machine of b and releases its key, with an agreement on it.
fn owner(folder: &tempfile::TempDir) -> (Arc<Office>, Agreement) {
    let policy = attest::Policy::parse("name = 'trainer'\ntechnologies = ['snp']\n").unwrap();
    let proving = |(name, member): (&str, &Member)| {
        let claims = (name == "b").then(|| Box::new(policy.clone()));
        (name.to_owned(), Member { claims, ..member.clone() })
    };
    let roster = Roster::new(roster(HONEST).iter().map(proving)).unwrap();
    KeyFile::generate(&folder.path().join("x.key")).unwrap();
    let release: BTreeMap<String, RawRelease> = toml::from_str("[x]\nkey = \"x.key\"\n").unwrap();
    let mut config = config(folder, true);
    config.roster = roster.clone();
    config.sealing = Sealing::read(release, BTreeMap::new(), folder.path()).unwrap();
    config.machines = Machines::asking("b", key("b").identity(), policy, &[], &[]).unwrap();
    let office = Office::open(config, Dialer::new(Credentials::new(key("a")).unwrap())).unwrap();
    (Arc::new(office), agreement(INSIDE, &roster))
}

fn asked(session: &[u8], input: &str) -> ReleaseRequest {
    let (session, input) = (session.to_vec(), input.to_owned());
    ReleaseRequest { session, input, public: vec![9; 32], evidence: b"{}".to_vec(), wrapped: Vec::new() }
}

#[test]
fn a_key_is_for_the_machine_of_a_session_that_runs_here() {
    let folder = tempfile::tempdir().unwrap();
    let (office, agreement) = owner(&folder);
    let [b, c] = ["b", "c"].map(|player| key(player).identity());
    let challenged = |who: Identity, session: &[u8], input: &str| -> Result<[u8; 32], String> {
        office.challenge(who, session, input).map_err(|e: WorkerError| e.code().to_owned())
    };
    let unknown = Err("release.unknown".to_owned());
    assert_eq!(challenged(b, &[1; 16], "x"), unknown, "nothing runs");
    let job = admit(&office, agreement.text(), &[1; 16], &[]).ok().unwrap();
    assert_eq!(challenged(b, &[1; 16], "x"), unknown, "it is not begun");
    office.begin(&job, c).unwrap();
    assert_eq!(challenged(c, &[1; 16], "x"), unknown, "another party's machine");
    assert_eq!(challenged(b, &[1; 16], "mine"), unknown, "not inside the machine");
    assert_eq!(challenged(b, &[2; 16], "x"), unknown, "another session");
    assert_eq!(challenged(b, &[1; 16], "other"), Err("release.no-key".to_owned()));
    let first = challenged(b, &[1; 16], "x").unwrap();
    assert_ne!(challenged(b, &[1; 16], "x").unwrap(), first, "each is fresh");

    // What proves nothing is refused with its reason, and the challenge is gone.
    let error = office.release(b, &asked(&[1; 16], "x")).err().unwrap();
    assert_eq!(error.code(), "release.unproved", "{error}");
    assert_eq!(office.release(b, &asked(&[1; 16], "x")).err().unwrap().code(), "release.stale");
    let log = std::fs::read_to_string(folder.path().join("a.audit.jsonl")).unwrap();
    assert!(log.contains("\"machine-refused\"") && !log.contains("key-released"), "{log}");

    // Nor for a session that has ended.
    challenged(b, &[1; 16], "x").unwrap();
    let ending = crate::archive::Ending { code: "net.ended".into(), cause: "net.ended".into() };
    office.end_badly(&job, ending, String::new()).unwrap();
    assert_eq!(office.release(b, &asked(&[1; 16], "x")).err().unwrap().code(), "release.unknown");
}
