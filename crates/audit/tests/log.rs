//! The log: what is appended is there, and what is changed afterwards is found.

use std::path::PathBuf;

use audit::{AuditError, Event, Head, Log};
use net::KeyPair;
use proptest::prelude::*;
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000_000;

struct Home {
    folder: TempDir,
    key: KeyPair,
}

impl Home {
    fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap(), key: KeyPair::generate().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn open(&self) -> Result<Log, AuditError> {
        Log::open(&self.file(), &self.key, NOW)
    }

    fn verify(&self, heads: &[Head]) -> Result<audit::Report, AuditError> {
        audit::verify(&self.file(), &self.key.public(), heads)
    }

    /// The log with other bytes.
    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.file(), bytes).unwrap();
    }
}

fn event(i: u64) -> Event {
    match i % 4 {
        0 => Event::RunBegun { agreement: "a1".into(), session: format!("{i:032x}"), attempt: 0, by: "prv1-x".into() },
        1 => Event::RunEnded { agreement: "a1".into(), session: "s".into(), attempt: 0, code: None, player: None },
        2 => Event::Declined { agreement: "a2".into(), by: "prv1-y".into(), reason: "no \"thanks\"\n{}".into() },
        _ => Event::Stored { name: format!("model {i}"), session: None },
    }
}

fn filled(entries: u64) -> (Home, Vec<Head>) {
    let home = Home::new();
    let log = home.open().unwrap();
    let heads = (0..entries).map(|i| log.append(NOW + i, event(i)).unwrap()).collect();
    drop(log);
    (home, heads)
}

/// The entry that an error names.
fn broken(outcome: Result<audit::Report, AuditError>) -> u64 {
    match outcome {
        Err(AuditError::Broken { entry, .. }) => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_appended_is_read_back() {
    let (home, heads) = filled(9);
    let log = home.open().unwrap();
    let free =
        Event::Other { kind: "moon-phase".into(), fields: serde_json::from_str(r#"{"full":true,"seq":7}"#).unwrap() };
    let head = log.append_all(NOW, &[free, event(10)]).unwrap();
    assert_eq!(log.head(), head);
    let entries: Vec<_> = audit::entries(&home.file()).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.len(), 12);
    assert_eq!((1..10).map(|i| entries[i].event.clone()).collect::<Vec<_>>(), (0..9).map(event).collect::<Vec<_>>());
    assert_eq!(entries[10].event.kind(), "moon-phase");
    assert_eq!(entries[3].head(), heads[2]);
    let report = home.verify(&heads).unwrap();
    assert_eq!((report.entries, report.head, report.torn), (12, head, 0));
    assert_eq!(audit::signer(&home.file()).unwrap(), home.key.public());
}

#[test]
fn any_changed_byte_is_found_and_its_entry_named() {
    let (home, heads) = filled(4);
    let bytes = std::fs::read(home.file()).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x01;
        home.write(&changed);
        let entry = bytes[..at].iter().filter(|b| **b == b'\n').count() as u64;
        let outcome = home.verify(&heads);
        // A line feed less at the end makes the last entry a torn one: that shows against a head.
        if at + 1 == bytes.len() {
            assert!(matches!(outcome, Err(AuditError::CutOff { entry: 4, .. })), "{outcome:?}");
        } else {
            assert_eq!(broken(outcome), entry, "byte {at}");
        }
    }
}

#[test]
fn entries_that_are_removed_or_reordered_are_found() {
    let (home, heads) = filled(6);
    let text = std::fs::read_to_string(home.file()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rewrite = |order: &[usize]| {
        home.write(order.iter().map(|i| format!("{}\n", lines[*i])).collect::<String>().as_bytes());
        home.verify(&heads)
    };
    assert_eq!(broken(rewrite(&[0, 1, 3, 4, 5, 6])), 2);
    assert_eq!(broken(rewrite(&[0, 2, 1, 3, 4, 5, 6])), 1);
    assert_eq!(broken(rewrite(&[1, 2, 3, 4, 5, 6])), 0);
    assert_eq!(broken(rewrite(&[0, 1, 1, 2, 3, 4, 5, 6])), 2);
    assert!(matches!(rewrite(&[0, 1, 2, 3]), Err(AuditError::CutOff { last: 3, entry: 6, .. })));
    home.write(b"");
    assert_eq!(broken(home.verify(&[])), 0);
}

#[test]
fn a_log_that_its_own_worker_wrote_anew_shows_against_a_head() {
    let (home, heads) = filled(3);
    std::fs::remove_file(home.file()).unwrap();
    let log = home.open().unwrap();
    for i in 0..4 {
        log.append(NOW + i, event(i + 1)).unwrap();
    }
    drop(log);
    home.verify(&[]).unwrap();
    assert_eq!(broken(home.verify(&heads)), 1);
}

#[test]
fn heads_and_logs_of_others_are_refused() {
    let (home, heads) = filled(1);
    let (other, _) = filled(1);
    assert!(matches!(other.verify(&heads), Err(AuditError::ForeignHead { entry: 1 })));
    let foreign = audit::verify(&home.file(), &other.key.public(), &[]);
    assert!(matches!(foreign, Err(AuditError::Foreign { .. })), "{foreign:?}");
    assert!(matches!(Log::open(&home.file(), &other.key, NOW), Err(AuditError::Foreign { .. })));
    let mut forged = heads[0].clone();
    forged.seq += 1;
    assert!(!forged.is_of(&home.key.public()));
}

#[test]
fn a_torn_line_is_cut_off_and_noted() {
    let (home, heads) = filled(3);
    let whole = std::fs::read(home.file()).unwrap();
    let start = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for cut in start + 1..whole.len() {
        home.write(&whole[..cut]);
        let log = home.open().unwrap();
        log.append(NOW, event(1)).unwrap();
        drop(log);
        let report = home.verify(&heads[..2]).unwrap();
        assert_eq!(report.entries, 5, "cut at {cut}");
        let entries: Vec<_> = audit::entries(&home.file()).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(entries[3].event, Event::Mended { bytes: (cut - start) as u64 });
    }
}

#[test]
fn a_broken_log_is_not_written_to() {
    let (home, _) = filled(3);
    let mut bytes = std::fs::read(home.file()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    home.write(&bytes);
    assert!(matches!(home.open(), Err(AuditError::Broken { .. })));
    assert_eq!(std::fs::read(home.file()).unwrap(), bytes);
}

#[test]
fn a_log_is_open_once() {
    let home = Home::new();
    let log = home.open().unwrap();
    assert!(matches!(home.open(), Err(AuditError::InUse { .. })));
    drop(log);
    home.open().unwrap();
}

#[test]
fn an_entry_that_is_too_long_is_refused() {
    let home = Home::new();
    let log = home.open().unwrap();
    let long = Event::Stopped { reason: "x".repeat(1 << 20) };
    assert!(matches!(log.append_all(NOW, &[event(0), long]), Err(AuditError::TooLong { .. })));
    log.append(NOW, event(1)).unwrap();
    drop(log);
    assert_eq!(home.verify(&[]).unwrap().entries, 2);
}

#[test]
fn threads_append_at_once() {
    let home = Home::new();
    let log = home.open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let log = &log;
            scope.spawn(move || {
                for i in 0..20 {
                    log.append(NOW, event(thread * 100 + i)).unwrap();
                }
            });
        }
    });
    drop(log);
    assert_eq!(home.verify(&[]).unwrap().entries, 161);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to a log, verifying says something, and never that it holds if an entry with a head is missing.
    #[test]
    fn damage_never_passes(seed in any::<u64>(), cut in 0usize..2000, insert in prop::collection::vec(any::<u8>(), 0..40)) {
        let (home, heads) = filled(3);
        let bytes = std::fs::read(home.file()).unwrap();
        let at = (seed % bytes.len() as u64) as usize;
        let mut changed = bytes[..at].to_vec();
        changed.extend(&insert);
        changed.extend(&bytes[(at + cut).min(bytes.len())..]);
        home.write(&changed);
        prop_assert!(home.verify(&heads).is_err() || changed.starts_with(&bytes));
    }
}
