//! What a worker that was killed has left: its store and its log must hold, and nothing may lie there in the clear.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use audit::Event;
use net::KeyPair;
use store::{Counter, KeyFile, Store};

/// Bytes that must not be found: of every two values that follow each other.
const PIECE: usize = 16;

/// Values that were chosen so that they can be found, in each form in which they might lie on a disk.
#[derive(Default)]
pub(crate) struct Planted(BTreeSet<Vec<u8>>);

impl Planted {
    /// Numbers of the data, each a multiple of 2^-16: as text, in floating point, and in fixed point.
    pub(crate) fn numbers(&mut self, numbers: &[f64]) {
        for n in numbers {
            self.0.insert(n.to_string().into_bytes());
        }
        for pair in numbers.windows(2) {
            self.0.insert(pair.iter().flat_map(|n| n.to_le_bytes()).collect());
            self.0.insert(pair.iter().flat_map(|n| ((n * 65536.0) as u64).to_le_bytes()).collect());
        }
    }

    /// What a worker holds of a value: shares, but for those that are zero by the protocol.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let random = |piece: &&[u8]| piece.iter().collect::<BTreeSet<_>>().len() > PIECE / 2;
        self.0.extend(bytes.chunks_exact(PIECE).filter(random).map(<[u8]>::to_vec));
    }

    /// The first place at which something that was planted lies in a file or folder.
    pub(crate) fn found_in(&self, path: &Path) -> Option<(PathBuf, Vec<u8>)> {
        found_in(path, &AhoCorasick::new(&self.0).unwrap())
    }
}

fn found_in(path: &Path, planted: &AhoCorasick) -> Option<(PathBuf, Vec<u8>)> {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        return entries.find_map(|path| found_in(&path, planted));
    }
    let bytes = std::fs::read(path).unwrap();
    let found = planted.find(&bytes)?;
    Some((path.to_owned(), bytes[found.range()].to_vec()))
}

/// A worker's folder while the worker does not run.
pub(crate) struct Stopped<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) player: &'a str,
}

impl Stopped<'_> {
    fn path(&self, rest: &str) -> PathBuf {
        self.folder.join(format!("{}.{rest}", self.player))
    }

    /// The store, read without changing it.
    pub(crate) fn store(&self) -> Store {
        let key = KeyFile::load(&self.path("store.key")).unwrap();
        Store::open_read_only(&self.path("store"), &key).unwrap()
    }

    /// The bytes of a value, if there is one.
    pub(crate) fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.store().get(name).ok().map(|(_, bytes)| bytes.to_vec())
    }

    /// Verifies store and log, holds one against the other, and searches the files.
    pub(crate) fn check(&self, planted: &Planted) {
        let player = self.player;
        let store = self.store();
        let found = store.verify().unwrap();
        assert!(found.problems.is_empty(), "{player}: {:?}", found.problems);

        let sessions = store.sessions().unwrap();
        let mut begun: BTreeMap<[u8; 32], u64> = BTreeMap::new();
        sessions.iter().for_each(|s| *begun.entry(s.agreement).or_default() += 1);
        for (counter, used) in store.counts().unwrap() {
            let Counter::Agreement(digest) = counter else { continue };
            assert_eq!(begun.get(&digest), Some(&used), "{player}: uses of an agreement and sessions that spent them");
        }

        let known: BTreeSet<String> = sessions.iter().map(|s| hex::encode(s.session)).collect();
        let mut attempts = BTreeSet::new();
        for event in self.events() {
            if let Event::RunBegun { session, attempt, .. } = event {
                assert!(known.contains(&session), "{player} lost session {session}");
                assert!(attempts.insert((session, attempt)), "{player} began an attempt twice");
            }
        }
        self.check_told(&store);
        for place in ["store", "audit.jsonl"] {
            let found = planted.found_in(&self.path(place));
            assert!(found.is_none(), "{player}: in the clear: {found:?}");
        }
    }

    /// What is in the store is in the log, too, or will be when the worker starts.
    fn check_told(&self, store: &Store) {
        let due =
            store.outbox().unwrap().into_iter().map(|(_, entry)| audit::Pending::from_bytes(&entry).unwrap().event);
        let (mut begun, mut answered, mut stored) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for event in self.events().into_iter().chain(due) {
            match event {
                Event::RunBegun { session, attempt, .. } => {
                    begun.insert((session, attempt));
                }
                Event::Ratified { agreement, by, .. } | Event::Declined { agreement, by, .. } => {
                    answered.insert((agreement, by));
                }
                Event::Stored { name, .. } => {
                    stored.insert(name);
                }
                _ => {}
            }
        }
        let player = self.player;
        for session in store.sessions().unwrap() {
            let id = (hex::encode(session.session), session.attempt);
            assert!(begun.contains(&id), "{player}: the log does not tell of session {id:?}");
        }
        for proposal in store.proposals().unwrap() {
            for answer in store.answers(proposal.agreement).unwrap() {
                let id = (privity::agreement::Digest(proposal.agreement).to_string(), answer.by.to_string());
                assert!(answered.contains(&id), "{player}: the log does not tell of the answer {id:?}");
            }
        }
        for (value, _) in store.list().unwrap() {
            assert!(stored.contains(&value.name), "{player}: the log does not tell of the value {}", value.name);
        }
    }

    /// What the log says, verified from its first entry to its last.
    pub(crate) fn events(&self) -> Vec<Event> {
        let key = KeyPair::load(&self.path("key")).unwrap();
        let log = self.path("audit.jsonl");
        let report = audit::verify(&log, &key.public(), &[]);
        assert!(report.is_ok(), "{}: {:?}", self.player, report.err().map(|e| e.to_string()));
        audit::entries(&log).unwrap().map(|entry| entry.unwrap().event).collect()
    }
}
