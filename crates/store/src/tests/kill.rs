//! Killing a process that uses a store and an audit log, anywhere: nothing that was confirmed is lost or doubled.
//!
//! A child does operations that follow from a seed, and confirms each on its standard output. The parent kills it
//! (SIGKILL) at a point between two durable steps, or at once after some confirmation, and then looks at what is there:
//! the store must be as after the confirmed operations, or as after one more; the log must verify and hold an entry for
//! each. Then the next child goes on. `PRIVITY_KILLS` says how often; what a loss of power does is not tried.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use audit::{Event, Log};
use net::KeyPair;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Home;
use super::model::{Model, Op, op};
use crate::fail::tests::{STOPPED, VARIABLE};
use crate::{KeyFile, Store};

const FOLDER: &str = "PRIVITY_STORE_KILL_FOLDER";
const SEED: &str = "PRIVITY_STORE_KILL_SEED";
const FIRST: &str = "PRIVITY_STORE_KILL_FIRST";
const KILLS: &str = "PRIVITY_KILLS";
const QUICK: u64 = 60;

/// The i-th operation of a seed.
fn operation(seed: u64, i: u64) -> Op {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&i.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    op().new_tree(&mut runner).unwrap().current()
}

fn log_key() -> KeyPair {
    KeyPair::from_seed(&[8; 32])
}

fn entry(i: u64) -> Event {
    let fields = [("number".to_owned(), i.into())].into_iter().collect();
    Event::Other { kind: "operation".into(), fields }
}

/// What the parent starts. Alone it does nothing.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (seed, first) = (number(SEED), number(FIRST));
    let folder = Path::new(&folder);
    let store = Store::open(&folder.join("store"), &KeyFile::load(&folder.join("store.key")).unwrap()).unwrap();
    let log = Log::open(&folder.join("audit.log"), &log_key(), 0).unwrap();
    for i in first.. {
        operation(seed, i).apply(&store);
        log.append(i, entry(i)).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "did {i}").and_then(|()| out.flush()).unwrap();
    }
}

struct Harness {
    home: Home,
    seed: u64,
    /// Operations that are in the store.
    done: u64,
    model: Model,
}

impl Harness {
    fn new(seed: u64) -> Harness {
        let home = Home::new();
        drop(home.create());
        drop(Log::open(&home.path("audit.log"), &log_key(), 0).unwrap());
        Harness { home, seed, done: 0, model: Model::default() }
    }

    fn start(&self, stop_after: Option<u64>) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "tests::kill::child", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, self.home.folder.path()).env(SEED, self.seed.to_string());
        command.env(FIRST, self.done.to_string());
        if let Some(after) = stop_after {
            command.env(VARIABLE, after.to_string());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts a child, kills it, and gives the number of operations that it confirmed in all.
    fn kill_one(&self, draw: u64) -> u64 {
        let at_point = draw.is_multiple_of(2);
        let after = draw / 2 % 60;
        let mut child = self.start(at_point.then_some(after));
        let mut confirmed = self.done;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(number) = line.split("did ").nth(1) {
                confirmed = number.parse::<u64>().unwrap() + 1;
            }
            if line.contains(STOPPED) || (!at_point && confirmed - self.done > after / 6) {
                break;
            }
        }
        // A little work, so that the next operation is under way.
        let spin = if at_point { 0 } else { draw % 977 * 400 };
        std::hint::black_box((0..spin).fold(draw, |a, b| a.wrapping_mul(31) ^ b));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had confirmed before it died.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.split("did ").nth(1) {
                confirmed = number.parse::<u64>().unwrap() + 1;
            }
        }
        confirmed
    }

    /// Looks at what is there after a kill.
    fn check(&mut self, confirmed: u64) {
        while self.done < confirmed {
            self.model.apply(&operation(self.seed, self.done));
            self.done += 1;
        }
        let store = self.home.open().unwrap();
        let found = Model::of(&store);
        let logged = self.logged();
        assert!(logged == confirmed || logged == confirmed + 1, "{logged} entries for {confirmed} confirmed");
        let pending = operation(self.seed, self.done);
        let mut after = self.model.clone();
        after.apply(&pending);
        let before = found == self.model.visible();
        assert!(before || found == after.visible(), "seed {}, {pending:?}", self.seed);
        assert!(logged == confirmed || found == after.visible(), "an entry without its operation");
        if logged > confirmed || !before {
            self.model = after;
            self.done += 1;
            if logged == confirmed {
                let log = Log::open(&self.home.path("audit.log"), &log_key(), 0).unwrap();
                log.append(0, entry(confirmed)).unwrap();
            }
        }
        let verified = store.verify().unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }

    /// Verifies the log, and gives the number of operations in it.
    fn logged(&self) -> u64 {
        let file = self.home.path("audit.log");
        drop(Log::open(&file, &log_key(), 0).unwrap());
        audit::verify(&file, &log_key().public(), &[]).unwrap();
        let numbers: Vec<u64> = audit::entries(&file)
            .unwrap()
            .filter_map(|entry| match entry.unwrap().event {
                Event::Other { kind, fields } if kind == "operation" => fields["number"].as_u64(),
                _ => None,
            })
            .collect();
        assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "an entry is lost or doubled: {numbers:?}");
        numbers.len() as u64
    }
}

#[test]
fn a_kill_anywhere_loses_and_doubles_nothing() {
    let kills = std::env::var(KILLS).map_or(QUICK, |n| n.parse().expect("PRIVITY_KILLS is a number"));
    let mut harness = Harness::new(0);
    for kill in 0..kills {
        // A store's sessions are used up after a while: begin another one.
        if kill % 30 == 0 {
            harness = Harness::new(kill);
        }
        let draw = blake3::hash(&kill.to_le_bytes());
        let draw = u64::from_le_bytes(draw.as_bytes()[..8].try_into().unwrap()) >> 1;
        let confirmed = harness.kill_one(draw);
        harness.check(confirmed);
    }
}
