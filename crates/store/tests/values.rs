//! Values: what goes in comes out, and what is removed is gone.

mod common;

use common::{Home, meta};
use store::{KeyFile, Store, StoreError};

#[test]
fn a_value_outlives_the_process() {
    let home = Home::new();
    let store = home.create();
    let (model, empty) = (meta("model"), meta("nothing"));
    store.put(&model, b"weights").unwrap();
    store.put(&empty, b"").unwrap();
    drop(store);
    let store = home.open().unwrap();
    let (found, payload) = store.get("model").unwrap();
    assert_eq!((found, payload.as_slice()), (model.clone(), b"weights".as_slice()));
    assert_eq!(store.get("nothing").unwrap().1.len(), 0);
    assert_eq!(store.list().unwrap(), [(model, 7), (empty, 0)]);
    assert_eq!(store.verify().unwrap().bytes, 7);
}

#[test]
fn a_payload_of_many_parts_comes_back() {
    let home = Home::new();
    let store = home.create();
    let payload: Vec<u8> = (0..5_000_000u32).map(|i| (i * 7 % 253) as u8).collect();
    store.put(&meta("large"), &payload).unwrap();
    assert!(store.get("large").unwrap().1.as_slice() == payload);
    store.put(&meta("large"), &payload[..1_044_480]).unwrap();
    assert!(store.get("large").unwrap().1.as_slice() == &payload[..1_044_480]);
}

#[test]
fn a_removed_value_is_gone_with_its_key() {
    let home = Home::new();
    let store = home.create();
    store.put(&meta("model"), b"weights").unwrap();
    // The first slot holds a count.
    let empty = || std::fs::read(home.dir().join("keys.0")).unwrap()[128..].iter().all(|b| *b == 0);
    assert!(!empty());
    store.remove("model").unwrap();
    assert!(empty());
    assert!(matches!(store.get("model"), Err(StoreError::NoValue { .. })));
    assert!(matches!(store.remove("model"), Err(StoreError::NoValue { .. })));
    assert_eq!(store.list().unwrap(), []);
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    let home = Home::new();
    let store = home.create();
    store.put(&meta("model"), b"old").unwrap();
    let outcome = store.batch(|batch| {
        batch.put(&meta("model"), b"new")?;
        batch.put(&meta("other"), b"new")?;
        batch.remove("missing")
    });
    assert!(matches!(outcome, Err(StoreError::NoValue { .. })));
    assert_eq!(store.get("model").unwrap().1.as_slice(), b"old");
    assert_eq!(store.list().unwrap().len(), 1);
    drop(store);
    assert_eq!(home.open().unwrap().get("model").unwrap().1.as_slice(), b"old");
}

#[test]
fn names_that_cannot_be_are_refused() {
    let home = Home::new();
    let store = home.create();
    for name in ["", "a\nb", &"x".repeat(256)] {
        assert!(matches!(store.put(&meta(name), b""), Err(StoreError::Name { .. })), "{name:?}");
    }
}

#[test]
fn another_key_opens_nothing_and_touches_nothing() {
    let home = Home::new();
    let store = home.create();
    store.put(&meta("model"), b"weights").unwrap();
    drop(store);
    let before = home.files();
    let other = KeyFile::generate(&home.path("other.key")).unwrap();
    assert!(matches!(Store::open(&home.dir(), &other), Err(StoreError::WrongKey { .. })));
    assert!(matches!(Store::open_read_only(&home.dir(), &other), Err(StoreError::WrongKey { .. })));
    assert!(before == home.files());
}

#[test]
fn a_store_is_open_once() {
    let home = Home::new();
    let store = home.create();
    assert!(matches!(home.open(), Err(StoreError::InUse { .. })));
    assert!(matches!(home.open_read_only(), Err(StoreError::InUse { .. })));
    drop(store);
    let (first, second) = (home.open_read_only().unwrap(), home.open_read_only().unwrap());
    assert!(matches!(home.open(), Err(StoreError::InUse { .. })));
    assert!(matches!(first.put(&meta("model"), b""), Err(StoreError::ReadOnly)));
    drop((first, second));
    home.open().unwrap();
}
