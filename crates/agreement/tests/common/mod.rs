//! A small computation, its players' keys and their roster.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;

use agreement::{Agreement, Member, Roster, Terms};
use check::Checked;
use net::KeyPair;

pub(crate) const SLOPE: &str = r#"
computation slope
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  dim n by patient
  input bmi    : f64[n, 2] at clinic
  input target : f64[n]    at registry
  on committee as fixed<64, 16>
    x = bmi[:, 0] - mean(bmi[:, 0])
    b = dot(x, target) / maximum(dot(x, x), 0.001)
  release b to analyst as "slope"
"#;

pub(crate) const PLAYERS: [&str; 4] = ["clinic", "laboratory", "registry", "analyst"];

pub(crate) fn checked(source: &str) -> Checked {
    check::check(ir::text::parse(source).unwrap()).unwrap()
}

/// The key of the `i`-th player.
pub(crate) fn key(i: u8) -> KeyPair {
    KeyPair::from_seed(&[i + 1; 32])
}

pub(crate) fn member(key: &KeyPair, port: u16) -> Member {
    Member { identity: key.identity(), endpoint: Some(format!("127.0.0.1:{port}").parse().unwrap()), claims: None }
}

pub(crate) fn roster() -> Roster {
    let members = (0u8..).zip(PLAYERS).map(|(i, name)| (name.to_owned(), member(&key(i), 7700 + u16::from(i))));
    Roster::new(members).unwrap()
}

pub(crate) fn rows(n: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([("n".to_owned(), n)])
}

pub(crate) fn agreement() -> Agreement {
    Agreement::bind(checked(SLOPE), &roster(), rows(442), Terms::default()).unwrap()
}
