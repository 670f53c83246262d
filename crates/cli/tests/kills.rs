//! Workers killed anywhere, as by a power cut, while an agreement is proposed, ratified and run, a value is put and saved,
//! and a loop writes checkpoints. After a restart nothing that was acknowledged is lost, nothing is counted twice, the
//! audit logs hold, a session that was cut off goes on, and nothing lies on the disk in the clear.
//!
//! Who is killed, and when, follows from a seed. Each act is first done once undisturbed, to count what each worker logs
//! meanwhile: its requests, what it writes down, each step of a session. Then it is killed at one of these lines, each as
//! likely as any other. `PRIVITY_KILLS` sets the number of kills; those that struck nothing are not counted.

mod common;
#[path = "common/stopped.rs"]
mod stopped;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use common::{JOINT, PLAYERS, Parties, json, privity};
use net::KeyPair;
use serde_json::Value;
use stopped::{Planted, Stopped};
use store::State;

/// How often each of the agreements that are proposed on the way may run.
const USES: usize = 3;

const SAVE: &str = "
computation keep
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input planted : f64[4] at clinic range 0..256
  on committee as fixed<64, 16>
    kept = planted * 1.0
  save kept as \"model\"
";

const LOAD: &str = "
computation show
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  load model : fixed<64, 16>[4] at committee owner clinic
  on committee as fixed<64, 16>
    shown = model
  release shown to analyst as \"shown\"
";

/// It approaches twice the mean.
const TRAIN: &str = "
computation train
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input planted : f64[4] at clinic range 0..256
  on committee as fixed<64, 16>
    level = mean(planted)
    start = level * 0.0
  trained = repeat 24 checkpoint 3 with v = start
    on committee
      better = assume(v * 0.5 + level, low=0, high=1000)
    next better
  save trained as \"trained\"
  release trained to analyst as \"trained\"
";

/// Numbers chosen from a seed.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Four numbers that fixed point holds exactly.
    fn numbers(&mut self) -> [f64; 4] {
        [(); 4].map(|()| (self.below(1 << 24) | 1) as f64 / 65536.0)
    }
}

struct Harness {
    parties: Parties,
    seeded: Seeded,
    planted: Planted,
    /// Kills that struck a worker, or a command with its store open, in the middle of something.
    struck: usize,
    /// How many lines a worker logs during an act that nothing disturbs.
    lines: BTreeMap<(&'static str, &'static str), usize>,
    /// By act: kills that struck, and those of them that cut off a session which had begun.
    acts: BTreeMap<&'static str, (usize, usize)>,
    /// How long it takes to put a value.
    putting: Option<Duration>,
    /// What was acknowledged: by agreement, the players that ratified.
    ratified: BTreeMap<String, BTreeSet<&'static str>>,
    /// Runs that their submitter got a result of, by agreement.
    results: BTreeMap<String, usize>,
    /// What was put into each player's store, and acknowledged.
    put: BTreeMap<&'static str, [f64; 4]>,
    /// What the saved model may be: the one that was acknowledged last, and those that were tried since.
    models: Vec<[f64; 4]>,
    /// Sessions that were cut off and went on.
    resumed: usize,
}

impl Harness {
    fn new() -> Harness {
        let mut parties = Parties::new();
        parties.log_level = "info,worker=debug";
        let config = parties.read("clinic.toml");
        let data = "[data.clinic.planted]\ncsv = \"planted.csv\"\ncolumn = \"v\"\n";
        parties.write("clinic.toml", &format!("{config}{data}"));
        parties.write("planted.csv", "v\n1.0\n2.0\n3.0\n4.0\n");
        PLAYERS.iter().for_each(|p| parties.start(p, &[]));
        Harness {
            parties,
            seeded: Seeded(20_261_121),
            planted: Planted::default(),
            struck: 0,
            lines: BTreeMap::new(),
            acts: BTreeMap::new(),
            putting: None,
            ratified: BTreeMap::new(),
            results: BTreeMap::new(),
            put: BTreeMap::new(),
            models: Vec::new(),
            resumed: 0,
        }
    }

    fn victim(&mut self, among: &[&'static str]) -> &'static str {
        among[self.seeded.below(among.len())]
    }

    /// Does something while a worker is killed on the way; looks at what it left, and starts it again. The first time,
    /// nobody is killed.
    fn kill_during<T>(&mut self, name: &'static str, act: impl FnOnce(&mut Harness) -> T) -> T {
        let victim = self.victim(&PLAYERS);
        let Some(known) = self.lines.get(&(name, victim)).copied() else { return self.measure(name, act) };
        let at = 1 + self.seeded.below(known);
        self.parties.kill_after(victim, at);
        let done = act(self);
        let struck = self.parties.lines(victim) >= at;
        self.parties.kill(victim);
        let left = self.stopped(victim);
        left.check(&self.planted);
        let cut = left.store().sessions().unwrap().iter().any(|s| s.state == State::Running);
        self.count(name, struck, cut);
        self.parties.start(victim, &[]);
        done
    }

    /// Does something undisturbed, and counts the lines that each worker logs.
    fn measure<T>(&mut self, name: &'static str, act: impl FnOnce(&mut Harness) -> T) -> T {
        PLAYERS.iter().for_each(|p| self.parties.kill_after(p, usize::MAX));
        let done = act(self);
        for player in PLAYERS {
            self.lines.insert((name, player), self.parties.lines(player).max(1));
        }
        done
    }

    fn count(&mut self, act: &'static str, struck: bool, cut: bool) {
        let (kills, cuts) = self.acts.entry(act).or_default();
        *kills += usize::from(struck);
        *cuts += usize::from(struck && cut);
        self.struck += usize::from(struck);
    }

    fn stopped<'a>(&'a self, player: &'a str) -> Stopped<'a> {
        Stopped { folder: self.parties.path(), player }
    }

    /// The command, whose failure is expected when a worker dies under it: then what it says.
    fn command(&self, args: &[&str]) -> Result<Value, Value> {
        let (value, code) = json(&privity(self.parties.path(), &[args, &["--json"]].concat()));
        if code == 0 { Ok(value) } else { Err(value["error"].clone()) }
    }

    /// The command, which must do it, maybe after a while: what was killed is up again.
    fn insist(&self, args: &[&str]) -> Value {
        let begun = Instant::now();
        loop {
            match self.command(args) {
                Ok(value) => return value,
                Err(error) => assert!(begun.elapsed().as_secs() < 60, "{args:?}: {error}"),
            }
        }
    }

    fn propose(&mut self, program: &str, uses: usize) -> Option<String> {
        self.parties.write("program.pv", program);
        let uses = uses.to_string();
        let args = ["propose", "program.pv", "--roster", "roster.toml", "--key", "analyst.key", "--uses", &uses];
        let dims: &[&str] = if program.contains("[n]") { &["--dims", "n=442"] } else { &[] };
        let proposed = self.command(&[&args, dims].concat()).ok()?;
        Some(proposed["digest"].as_str()?.to_owned())
    }

    fn ratify(&mut self, digest: &str) {
        for player in PLAYERS {
            let config = format!("{player}.toml");
            if self.command(&["ratify", digest, "--config", &config]).is_ok() {
                self.ratified.entry(digest.to_owned()).or_default().insert(player);
            }
        }
    }

    /// An agreement that all have ratified, to be run often.
    fn agree(&mut self, program: &str) -> String {
        let digest = self.propose(program, 1_000_000).unwrap();
        self.ratify(&digest);
        assert_eq!(self.ratified[&digest].len(), PLAYERS.len());
        digest
    }

    fn run(&mut self, digest: &str) -> Result<Value, Value> {
        self.command(&["run", digest, "--roster", "roster.toml", "--key", "analyst.key"])
    }

    /// Runs what is run for its result, and says why not if it does not.
    fn result(&mut self, digest: &str) -> Option<Value> {
        match self.run(digest) {
            Ok(report) => {
                assert!(report["outputs"]["analyst"]["product"]["values"].as_f64().unwrap() > 4000.0, "{report}");
                *self.results.entry(digest.to_owned()).or_default() += 1;
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Proposes, ratifies, and runs until all uses are spent.
    fn agreement(&mut self, note: usize) {
        // A comment makes no difference, so a constant does.
        let program =
            JOINT.replace("product = mean(bmi * target)", &format!("product = mean(bmi * target) + {note}.0"));
        let digest = self.kill_during("propose", |h| h.propose(&program, USES));
        let digest = digest.or_else(|| self.propose(&program, USES)).expect("all workers are up");
        self.kill_during("ratify", |h| h.ratify(&digest));
        // What a kill undid is done again; what was done stays.
        for player in PLAYERS {
            self.insist(&["ratify", &digest, "--config", &format!("{player}.toml")]);
        }
        self.ratified.insert(digest.clone(), PLAYERS.into());
        self.kill_during("run", |h| h.result(&digest));
        let mut last = None;
        for _ in 0..=USES {
            last = self.result(&digest);
        }
        assert!(last.as_ref().is_some_and(|e| e["code"] == "ledger.used-up"), "{last:?}");
        assert!(self.results[&digest] <= USES && self.results[&digest] + 1 >= USES, "{:?}", self.results);
        self.check_desks(&digest);
    }

    /// What was ratified and acknowledged stands at every worker.
    fn check_desks(&self, digest: &str) {
        for player in &self.ratified[digest] {
            let shown = self.insist(&["inbox", digest, "--config", &format!("{player}.toml")]);
            let kept = shown["ratified"].as_array().unwrap().iter().any(|p| p == player);
            assert!(kept, "{player} lost its own ratification: {shown}");
        }
    }

    fn plant(&mut self, file: &str) -> [f64; 4] {
        let numbers = self.seeded.numbers();
        self.planted.numbers(&numbers);
        let rows: String = numbers.iter().map(|n| format!("{n}\n")).collect();
        self.parties.write(file, &format!("v\n{rows}"));
        // That they would be found is tried on what does have them.
        assert!(self.planted.found_in(&self.parties.path().join(file)).is_some());
        numbers
    }

    /// Puts a value into a stopped worker's store, and kills the command on the way.
    fn put(&mut self) {
        let player = self.victim(&PLAYERS);
        let numbers = self.plant("own.csv");
        self.parties.kill(player);
        let (folder, key) = (format!("{player}.store"), format!("{player}.store.key"));
        let key_of = self.parties.path().join(format!("{player}.key"));
        let owner = KeyPair::load(&key_of).unwrap().identity().to_string();
        let put = ["store", "put", "own", "--csv", "own.csv", "--column", "v", "--type", "f64[4]", "--owner", &owner];
        let put = [&put[..], &["--store", &folder, "--key", &key]].concat();
        // The first time, nobody is killed.
        let after = self.putting.map(|usual| usual.mul_f64(self.seeded.below(1000) as f64 / 1000.0));
        let mut child = Command::new(env!("CARGO_BIN_EXE_privity"))
            .current_dir(self.parties.path())
            .args(&put)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Nobody ever says anything there: this is the time after which it is killed.
        let (_held, never) = channel::<()>();
        match after {
            Some(after) => assert_eq!(never.recv_timeout(after), Err(RecvTimeoutError::Timeout)),
            None => assert!(child.wait().unwrap().success()),
        }
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        child.wait().unwrap();
        self.count("put", ended.is_none(), false);

        self.stopped(player).check(&self.planted);
        let found = self.stopped(player).value("own");
        let holds = |numbers: &[f64; 4]| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            found.as_ref().is_some_and(|found| found.ends_with(&bytes))
        };
        let before = self.put.get(player).map_or(found.is_none(), holds);
        let acknowledged = ended.is_some_and(|status| status.success());
        assert!(holds(&numbers) || (before && !acknowledged), "{player} has neither what was there nor what was put");
        let begun = Instant::now();
        self.command(&put).unwrap();
        self.putting = Some(begun.elapsed());
        self.put.insert(player, numbers);
        self.stopped(player).check(&self.planted);
        // Shares that it holds are secrets, too.
        for name in ["model", "trained"] {
            let shares = self.stopped(player).value(name).unwrap_or_default();
            self.planted.bytes(&shares);
        }
        self.stopped(player).check(&self.planted);
        self.parties.start(player, &[]);
    }

    /// Saves a value as shares. It is then there, at all of them alike, or what was there before is.
    fn save(&mut self, save: &str, load: &str) {
        let numbers = self.plant("planted.csv");
        self.models.push(numbers);
        if self.kill_during("save", |h| h.run(save)).is_ok() {
            self.models = vec![numbers];
        }
        self.check_model(load);
        self.insist(&["run", save, "--roster", "roster.toml", "--key", "analyst.key"]);
        self.models = vec![numbers];
        self.check_model(load);
    }

    fn check_model(&self, load: &str) {
        let report = self.insist(&["run", load, "--roster", "roster.toml", "--key", "analyst.key"]);
        let shown = report["outputs"]["analyst"]["shown"]["values"].as_array().unwrap();
        let shown: Vec<f64> = shown.iter().map(|v| v.as_f64().unwrap()).collect();
        // Numbers read from JSON may differ in the last bit.
        let same = |m: &[f64; 4]| m.iter().zip(&shown).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(self.models.iter().any(same), "{shown:?} is none of {:?}", self.models);
    }

    /// Runs a loop with checkpoints; a session that was cut off goes on.
    fn train(&mut self, digest: &str) {
        let numbers = self.plant("planted.csv");
        let done = self.kill_during("train", |h| h.run(digest));
        let report = match done {
            Ok(report) => report,
            Err(error) => match error["session"].as_str() {
                Some(session) => self.resume(digest, session),
                None => self.insist(&["run", digest, "--roster", "roster.toml", "--key", "analyst.key"]),
            },
        };
        let trained = report["outputs"]["analyst"]["trained"]["values"].as_f64().unwrap();
        let mean = numbers.iter().sum::<f64>() / 4.0;
        assert!((trained - 2.0 * mean).abs() < 0.01, "{trained}, not {}", 2.0 * mean);
    }

    fn resume(&mut self, digest: &str, session: &str) -> Value {
        let begun = Instant::now();
        loop {
            match self.command(&["resume", session, "--roster", "roster.toml", "--key", "analyst.key"]) {
                Ok(report) => {
                    self.resumed += 1;
                    return report;
                }
                // Where it had ended already, or never begun, it is another session's turn.
                Err(error) if is_over(&error) => {
                    return self.insist(&["run", digest, "--roster", "roster.toml", "--key", "analyst.key"]);
                }
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
            }
        }
    }
}

/// Whether a session cannot go on: it had ended well at some worker, it was never begun there, or it had saved, whereupon
/// to go on would disclose once more.
fn is_over(error: &Value) -> bool {
    let saved = error.to_string().contains("session.saved");
    saved || error["code"] == "worker.replay" || error["code"] == "worker.unknown-session"
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    let kills = std::env::var("PRIVITY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let mut harness = Harness::new();
    let (save, load, train) = (harness.agree(SAVE), harness.agree(LOAD), harness.agree(TRAIN));
    // So that there is always a model.
    harness.models = vec![[1.0, 2.0, 3.0, 4.0]];
    harness.run(&save).unwrap();
    for round in 0.. {
        if harness.struck >= kills {
            break;
        }
        harness.agreement(round);
        harness.save(&save, &load);
        harness.train(&train);
        harness.put();
        println!("{} kills so far: {:?}", harness.struck, harness.acts);
    }
    for digest in harness.ratified.keys() {
        harness.check_desks(digest);
    }
    let results: usize = harness.results.values().sum();
    println!("{} kills, {results} runs with a result, {} sessions that went on", harness.struck, harness.resumed);
    for (act, (kills, cut)) in &harness.acts {
        println!("{act}: {kills} kills, {cut} of them in a session that had begun");
    }
}
