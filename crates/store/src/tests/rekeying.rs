//! Rekeying, also when it is cut off at any point, and backups.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::Home;
use super::model::{Model, payload};
use crate::fail::tests::{STOPPED, VARIABLE};
use crate::{Checkpoint, KeyFile, Kind, Meta, Passphrase, Store, StoreError};

const FOLDER: &str = "PRIVITY_STORE_REKEY_FOLDER";

fn meta(name: &str) -> Meta {
    Meta {
        name: name.into(),
        kind: Kind::Plain,
        dtype: "f64".into(),
        shape: vec![],
        range: None,
        label: Default::default(),
        origin: None,
        when: 0,
    }
}

fn fill(store: &Store) {
    for i in 0..5 {
        store.put(&meta(&format!("value {i}")), &payload(i, 2000)).unwrap();
    }
    store.remove("value 2").unwrap();
    store.stage([1; 16], 0, &[(meta("value 9"), b"staged".as_slice())]).unwrap();
    store.prepare([1; 16], 0).unwrap();
    let at = Checkpoint { of: "loop 0".into(), attempt: 0, iteration: 10 };
    store.checkpoint([1; 16], &at, None, &payload(7, 500)).unwrap();
    store.set_note("topic", b"key", b"note").unwrap();
}

fn phrase(text: &str) -> Passphrase {
    Passphrase::with_cost(Zeroizing::new(text.into()), 64, 1, 1).unwrap()
}

#[test]
fn a_rekeyed_store_opens_with_the_new_key_only() {
    let home = Home::new();
    let dir = home.path("store");
    let mut store = home.create();
    fill(&store);
    let before = Model::of(&store);
    store.rekey(&phrase("correct horse")).unwrap();
    assert_eq!(Model::of(&store), before);
    store.put(&meta("value 0"), b"another").unwrap();
    store.put(&meta("value 0"), &payload(0, 2000)).unwrap();
    drop(store);
    assert!(matches!(home.open(), Err(StoreError::WrongKey { .. })));
    assert!(matches!(Store::open(&dir, &phrase("wrong horse")), Err(StoreError::WrongKey { .. })));
    let mut store = Store::open(&dir, &phrase("correct horse")).unwrap();
    assert_eq!(Model::of(&store), before);
    store.rekey(&home.key).unwrap();
    store.commit([1; 16], 0).unwrap();
    drop(store);
    let store = home.open().unwrap();
    assert_eq!(store.get("value 9").unwrap().1.as_slice(), b"staged");
    assert_eq!(store.note("topic", b"key").unwrap().unwrap().as_slice(), b"note");
    assert!(store.verify().unwrap().problems.is_empty());
    assert!(!dir.join("keys.0").exists() && !dir.join("keys.1").exists());
}

/// What the parent starts. Alone it does nothing.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let key = |name| KeyFile::load(&folder.join(name)).unwrap();
    let mut store = Store::open(&folder.join("store"), &key("store.key")).unwrap();
    store.rekey(&key("new.key")).unwrap();
}

#[test]
fn a_rekeying_that_is_killed_leaves_one_key_in_force() {
    let (mut old, mut new) = (0, 0);
    for after in 0.. {
        let home = Home::new();
        let next = KeyFile::generate(&home.path("new.key")).unwrap();
        let store = home.create();
        fill(&store);
        let before = Model::of(&store);
        drop(store);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::rekeying::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, home.folder.path())
            .env(VARIABLE, after.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stopped = lines.any(|line| line.unwrap().contains(STOPPED));
        child.kill().unwrap();
        child.wait().unwrap();
        let dir = home.path("store");
        let store = match Store::open(&dir, &next) {
            Err(StoreError::WrongKey { .. }) => {
                old += 1;
                home.open().unwrap()
            }
            other => {
                new += 1;
                other.unwrap()
            }
        };
        assert_eq!(Model::of(&store), before, "point {after}");
        assert!(store.verify().unwrap().problems.is_empty());
        let files = std::fs::read_dir(&dir).unwrap().count();
        assert_eq!(files, 4, "point {after} leaves files");
        if !stopped {
            break;
        }
    }
    assert!(old >= 2 && new >= 3, "{old} points before it counts, {new} after");
}

#[test]
fn a_backup_is_the_store_as_it_was() {
    let home = Home::new();
    let store = home.create();
    fill(&store);
    let before = Model::of(&store);
    store.backup(&home.path("backup")).unwrap();
    store.put(&meta("value 0"), b"later").unwrap();
    store.remove("value 1").unwrap();
    assert!(matches!(store.backup(&home.path("backup")), Err(StoreError::Exists { .. })));
    let again = Store::restore(&home.path("backup"), &home.path("again"), &home.key).unwrap();
    assert_eq!(Model::of(&again), before);
    assert_eq!(again.id(), store.id());
    assert!(again.verify().unwrap().problems.is_empty());
    again.put(&meta("value 0"), b"goes on").unwrap();
}

#[test]
fn a_backup_is_consistent_while_others_write() {
    let home = Home::new();
    let store = home.create();
    fill(&store);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for i in 0..40 {
                store.put(&meta(&format!("value {}", i % 4)), &payload(i, 5000)).unwrap();
            }
        });
        for i in 0..4 {
            store.backup(&home.path(&format!("backup {i}"))).unwrap();
        }
        writer.join().unwrap();
    });
    for i in 0..4 {
        let backup = Store::open_read_only(&home.path(&format!("backup {i}")), &home.key).unwrap();
        assert!(backup.verify().unwrap().problems.is_empty());
    }
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let home = Home::new();
    let store = home.create();
    fill(&store);
    store.backup(&home.path("backup")).unwrap();
    let file = home.path("backup/keys.0");
    let mut keys = std::fs::read(&file).unwrap();
    keys[30] ^= 1;
    std::fs::write(&file, keys).unwrap();
    let outcome = Store::restore(&home.path("backup"), &home.path("again"), &home.key);
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })));
    assert!(!home.path("again").exists());
}
