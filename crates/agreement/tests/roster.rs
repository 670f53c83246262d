//! Rosters: what is read, and what bad rosters get.

mod common;

use std::path::Path;

use agreement::{Endpoint, Roster, RosterError};
use common::{key, roster};
use proptest::prelude::*;

fn text() -> String {
    let entry = |name: &str, i: u8, port: u16| {
        format!("[players.{name}]\nidentity = \"{}\"\nendpoint = \"127.0.0.1:{port}\"\n\n", key(i).identity())
    };
    entry("clinic", 0, 7701) + &entry("registry", 1, 7702)
}

fn refused(text: &str) -> RosterError {
    let error = Roster::parse(text).unwrap_err();
    assert!(!error.help().is_empty() && !error.to_string().contains('\n'));
    error
}

#[test]
fn players_are_found_by_name_and_identity() {
    let roster = Roster::parse(&text()).unwrap();
    let clinic = roster.get("clinic").unwrap();
    assert_eq!(clinic.identity, key(0).identity());
    assert_eq!(
        (clinic.endpoint.as_ref().unwrap().host(), clinic.endpoint.as_ref().unwrap().port()),
        ("127.0.0.1", 7701)
    );
    assert_eq!(roster.players_of(key(1).identity()).collect::<Vec<_>>(), ["registry"]);
    assert_eq!(roster.get("analyst"), None);
    assert_eq!(Roster::parse(&roster.to_string()).unwrap(), roster);
}

#[test]
fn bad_rosters_are_refused_by_line() {
    let good = text();
    let identity = key(1).identity().to_string();
    let mut wrong = identity.clone().into_bytes();
    let last = wrong.len() - 1;
    wrong[last] = if wrong[last] == b'a' { b'b' } else { b'a' };
    let wrong = String::from_utf8(wrong).unwrap();
    let cases = [
        (good.replace(&identity, &wrong), "line 6", "checksum"),
        (good.replace(&identity, "clinic"), "line 6", "prv1-"),
        (good.replace("127.0.0.1:7702", "127.0.0.1"), "line 7", "is no endpoint"),
        (good.replace("127.0.0.1:7702", "UPPER:1"), "line 7", "is no endpoint"),
        (good.replace("127.0.0.1:7702", "[::g]:1"), "line 7", "is no endpoint"),
        (good.replace("127.0.0.1:7702", "h:0"), "line 7", "is no endpoint"),
        (good.replace("endpoint = \"127.0.0.1:7702\"\n", ""), "line 5", "missing field `endpoint`"),
        (good.replace("[players.registry]", "[player.registry]"), "line 5", "unknown field `player`"),
        (good.replace("endpoint", "endpont"), "line 3", "unknown field `endpont`"),
        (good.replace("[players.registry]", "[players.clinic]"), "line 5", "duplicate key"),
        (good.replace("7702", "7701"), "", "different identities at one endpoint"),
        ("players = {}\n".to_owned(), "", "no players"),
        (String::new(), "line 1", "missing field `players`"),
    ];
    for (text, line, message) in cases {
        let shown = refused(&text).to_string();
        assert!(shown.contains(line) && shown.contains(message), "{text}\ngave {shown}");
    }
}

#[test]
fn files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roster.toml");
    let error = Roster::read(&path).unwrap_err();
    assert_eq!((error.code(), error.file.as_deref()), ("roster.unreadable", Some(&*path)));
    std::fs::write(&path, "x").unwrap();
    assert!(Roster::read(&path).unwrap_err().to_string().contains("roster.toml, line 1: "));
    std::fs::write(&path, text()).unwrap();
    assert_eq!(Roster::read(Path::new(&path)).unwrap().iter().count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn endpoints_have_one_text(text in "(\\[[0-9a-f:]{0,12}\\]|[a-zA-Z0-9.-]{0,12})(:[0-9]{0,6}){0,2}") {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn mutated_rosters_do_not_panic(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let mut text = roster().to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Roster::parse(&String::from_utf8(text).unwrap());
    }
}
