//! Someone with the files and without the key: whatever is altered is found, and nothing can be read.

use std::path::Path;

use net::Identity;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::Home;
use super::model::payload;
use crate::database::{CHUNKS, RECORDS};
use crate::{Begin, Charge, Counter, Kind, Meta, Origin, Store, StoreError};

/// Planted in everything that is stored.
const SECRET: &[u8] = b"planted-secret-0123456789";
const NAME: &str = "planted-name-of-a-value";
const OWNER: &[u8; 32] = b"planted-owner-of-the-value-12345";

fn meta(name: &str) -> Meta {
    Meta {
        name: name.into(),
        kind: Kind::Plain,
        dtype: "f64".into(),
        shape: vec![3],
        range: None,
        label: [(Identity::from_bytes(*OWNER), [Identity::from_bytes(*OWNER)].into())].into(),
        origin: Some(Origin { agreement: [4; 32], session: [1; 16], attempt: 0 }),
        when: 1,
    }
}

fn use_one(store: &Store, session: u8) -> Result<(), StoreError> {
    let charge = Charge { counter: Counter::Rule("once".into()), limit: Some(1), until: None };
    let (session, charges) = ([session; 16], vec![charge]);
    store.begin(&Begin { agreement: [4; 32], session, attempt: 0, when: 1, expires: None, charges })
}

fn filled() -> Home {
    let home = Home::new();
    let store = home.create();
    store.put(&meta(NAME), SECRET).unwrap();
    store.put(&meta("b"), &[b"other: ", SECRET].concat()).unwrap();
    store.stage([1; 16], 0, &[(meta("staged"), SECRET)]).unwrap();
    let at = crate::Checkpoint { of: "loop".into(), attempt: 0, iteration: 1 };
    store.checkpoint([1; 16], &at, None, SECRET).unwrap();
    store.keep_opening([1; 16], "input bmi", SECRET).unwrap();
    store.set_note("topic", b"key", SECRET).unwrap();
    use_one(&store, 1).unwrap();
    drop(store);
    home
}

/// What a store says when it is opened, verified and read.
fn look(home: &Home) -> Result<(), StoreError> {
    let store = home.open()?;
    if let Some(problem) = store.verify()?.problems.into_iter().next() {
        return Err(problem);
    }
    assert_eq!(store.get(NAME)?, (meta(NAME), zeroize::Zeroizing::new(SECRET.to_vec())));
    assert_eq!(store.uses(&Counter::Rule("once".into()))?, 1);
    assert_eq!(store.list()?.len(), 2);
    Ok(())
}

fn with_database<T>(home: &Home, change: impl FnOnce(&Database) -> T) -> T {
    change(&Database::open(home.path("store/records.redb")).unwrap())
}

type Row = (Vec<u8>, Vec<u8>);

fn rows(home: &Home, table: redb::TableDefinition<'_, &'static [u8], &'static [u8]>) -> Vec<Row> {
    with_database(home, |db| {
        let txn = db.begin_read().unwrap();
        let table = txn.open_table(table).unwrap();
        table.iter().unwrap().map(|e| e.unwrap()).map(|(k, v)| (k.value().to_vec(), v.value().to_vec())).collect()
    })
}

fn set_row(
    home: &Home,
    table: redb::TableDefinition<'_, &'static [u8], &'static [u8]>,
    key: &[u8],
    value: Option<&[u8]>,
) {
    with_database(home, |db| {
        let txn = db.begin_write().unwrap();
        {
            let mut table = txn.open_table(table).unwrap();
            match value {
                Some(value) => drop(table.insert(key, value).unwrap()),
                None => drop(table.remove(key).unwrap()),
            }
        }
        txn.commit().unwrap();
    });
}

fn corrupt(outcome: Result<(), StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{what}: {outcome:?}");
}

#[test]
fn no_plaintext_is_in_any_file() {
    let home = filled();
    // Also not of what was replaced and removed.
    let store = home.open().unwrap();
    store.put(&meta("b"), b"nothing").unwrap();
    store.remove(NAME).unwrap();
    drop(store);
    let planted: [&[u8]; 5] = [SECRET, NAME.as_bytes(), OWNER, b"planted", b"input bmi"];
    for entry in std::fs::read_dir(home.path("store")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for text in planted {
            assert!(!bytes.windows(text.len()).any(|window| window == text), "{} shows it", path.display());
        }
    }
}

#[test]
fn every_record_and_part_that_is_altered_removed_or_swapped_is_found() {
    let home = filled();
    look(&home).unwrap();
    for table in [RECORDS, CHUNKS] {
        let rows = rows(&home, table);
        for (i, (key, value)) in rows.iter().enumerate() {
            let mut altered = value.clone();
            *altered.last_mut().unwrap() ^= 1;
            set_row(&home, table, key, Some(&altered));
            corrupt(look(&home), "altered at its end");
            let mut altered = value.clone();
            altered[0] ^= 0x80;
            set_row(&home, table, key, Some(&altered));
            corrupt(look(&home), "altered at its beginning");
            set_row(&home, table, key, None);
            corrupt(look(&home), "removed");
            let (_, other) = &rows[(i + 1) % rows.len()];
            set_row(&home, table, key, Some(other));
            corrupt(look(&home), "another in its place");
            set_row(&home, table, key, Some(value));
            look(&home).unwrap();
        }
    }
}

#[test]
fn a_record_that_is_put_back_or_added_is_found() {
    let home = filled();
    let before = rows(&home, RECORDS);
    let store = home.open().unwrap();
    store.end([1; 16], 0, crate::State::Failed { when: 2, code: "x".into() }).unwrap();
    drop(store);
    let after = rows(&home, RECORDS);
    let changed: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    assert_eq!(changed.len(), 1, "one record was written");
    set_row(&home, RECORDS, &changed[0].0, Some(&changed[0].1));
    corrupt(home.open().map(drop), "put back");
    let same = after.iter().find(|row| row.0 == changed[0].0).unwrap();
    set_row(&home, RECORDS, &same.0, Some(&same.1));
    home.open().unwrap();
    set_row(&home, RECORDS, &[1; 33], Some(&same.1));
    corrupt(home.open().map(drop), "added");
}

#[test]
fn a_damaged_store_is_read_as_far_as_it_is_intact() {
    let home = filled();
    let chunk = rows(&home, CHUNKS);
    let values: Vec<Row> = rows(&home, RECORDS).into_iter().filter(|(place, _)| place[0] == 1).collect();
    set_row(&home, RECORDS, &values[0].0, Some(b"rubbish"));
    let Err(StoreError::Corrupt { entry, .. }) = home.open() else { panic!("it opens") };
    assert!(entry.starts_with("values, record "), "{entry}");
    let before = std::fs::read(home.path("store/records.redb")).unwrap();
    let store = Store::open_read_only(&home.path("store"), &home.key).unwrap();
    let list = store.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(store.get(&list[0].0.name).unwrap().0, list[0].0);
    assert!(store.verify().unwrap().problems.len() >= 2);
    assert!(matches!(store.put(&meta("c"), b""), Err(StoreError::ReadOnly)));
    drop(store);
    assert!(before == std::fs::read(home.path("store/records.redb")).unwrap());
    assert_eq!(chunk.len(), rows(&home, CHUNKS).len());
}

#[test]
fn each_byte_of_the_key_file_and_the_header_matters() {
    let home = filled();
    for name in ["keys.0", "store.json"] {
        let path = home.path("store").join(name);
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            // What follows a wrapped key in its slot is not used, nor is white space in the header. One bit of each byte of
            // a header; of keys, which takes an open store each, every third byte.
            if (name == "keys.0" && (at % 128 >= 72 || (48..128).contains(&at) || at % 3 != 0))
                || bytes[at].is_ascii_whitespace() && name == "store.json"
            {
                continue;
            }
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            std::fs::write(&path, &altered).unwrap();
            assert!(look(&home).is_err(), "byte {at} of {name}");
        }
        std::fs::write(&path, &bytes).unwrap();
    }
    look(&home).unwrap();
}

/// Copies the files of a store.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn bytes_of_the_database_that_are_altered_are_found_or_change_nothing() {
    let home = filled();
    let (dir, saved) = (home.path("store"), home.path("saved"));
    copy(&dir, &saved);
    let file = dir.join("records.redb");
    let bytes = std::fs::read(&file).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let (mut found, mut harmless, mut readable) = (0, 0, 0);
    for i in 0..120 {
        let at = used[(i * 7919 + i * i * 31) % used.len()];
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (i % 8);
        std::fs::write(&file, &altered).unwrap();
        match look(&home) {
            Ok(()) => harmless += 1,
            Err(_) => found += 1,
        }
        // What is left can be read, or is refused, but never in another way; and most often it can.
        copy(&saved, &dir);
        std::fs::write(&file, &altered).unwrap();
        if let Ok(store) = Store::open_read_only(&dir, &home.key) {
            readable += usize::from(store.get("b").is_ok());
            let _ = (store.list(), store.verify(), store.get(NAME));
        }
        copy(&saved, &dir);
    }
    // Most bytes are of pages that nothing uses any more.
    assert!(found > 5, "{found} found, {harmless} harmless");
    assert!(readable > 90, "{readable} of 120 can be read");
}

#[test]
fn a_database_of_an_earlier_state_is_found() {
    let home = filled();
    let (file, older) = (home.path("store/records.redb"), home.path("older"));
    std::fs::copy(&file, &older).unwrap();
    let store = home.open().unwrap();
    use_one(&store, 2).unwrap_err();
    store.end([1; 16], 0, crate::State::Failed { when: 2, code: "x".into() }).unwrap();
    drop(store);
    std::fs::copy(&older, &file).unwrap();
    let Err(StoreError::Corrupt { what, .. }) = home.open() else { panic!("it opens") };
    assert!(what.contains("an older state"), "{what}");
}

#[test]
fn files_that_are_cut_off_or_missing_are_found() {
    let home = filled();
    let (dir, saved) = (home.path("store"), home.path("saved"));
    copy(&dir, &saved);
    for name in ["records.redb", "keys.0", "store.json"] {
        let path = dir.join(name);
        let bytes = std::fs::read(&path).unwrap();
        for keep in [0, 1, bytes.len() / 4, bytes.len() / 2] {
            std::fs::write(&path, &bytes[..keep]).unwrap();
            assert!(look(&home).is_err(), "{name} cut to {keep}");
            copy(&saved, &dir);
        }
        std::fs::remove_file(&path).unwrap();
        assert!(look(&home).is_err(), "{name} missing");
        copy(&saved, &dir);
    }
    look(&home).unwrap();
}

#[test]
fn parts_of_large_values_cannot_change_places() {
    let home = Home::new();
    let store = home.create();
    store.put(&meta(NAME), &payload(1, 2_500_000)).unwrap();
    drop(store);
    let parts = rows(&home, CHUNKS);
    assert_eq!(parts.len(), 3);
    set_row(&home, CHUNKS, &parts[0].0, Some(&parts[1].1));
    set_row(&home, CHUNKS, &parts[1].0, Some(&parts[0].1));
    let store = home.open().unwrap();
    assert!(matches!(store.get(NAME), Err(StoreError::Corrupt { .. })));
    assert_eq!(store.verify().unwrap().problems.len(), 1);
}
