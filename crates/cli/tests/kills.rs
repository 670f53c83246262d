//! Workers killed anywhere, as by a power cut, while they are proposed to, ratify and run: after a restart nothing that was
//! acknowledged is lost, nothing is counted twice, and the audit logs hold.
//!
//! Where a worker is killed is chosen from a seed: right after it logs a certain step, so before or after the next one is
//! on its disk. `PRIVITY_KILLS` sets the number of kills.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use audit::Event;
use common::{JOINT, PLAYERS, Parties, json, privity};
use net::KeyPair;
use serde_json::Value;

/// How often each agreement may run.
const USES: usize = 3;
/// Steps after which a worker is killed.
const STEPS: [&str; 6] = [
    "an agreement was proposed",
    "an agreement was answered",
    "a session is submitted",
    "a session begins",
    "a session ended",
    "listening",
];

struct Harness {
    parties: Parties,
    seed: u64,
    /// What was acknowledged: by agreement, the players that ratified.
    ratified: BTreeMap<String, BTreeSet<&'static str>>,
    /// Runs that their submitter got a result of, by agreement.
    results: BTreeMap<String, usize>,
}

impl Harness {
    fn chosen<T: Copy>(&mut self, of: &[T]) -> T {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[(self.seed >> 33) as usize % of.len()]
    }

    /// Does something while a worker is killed at a step of it, if that step comes; then starts the worker again.
    fn kill_during(&mut self, act: impl FnOnce(&mut Harness)) {
        let (victim, step) = (self.chosen(&PLAYERS), self.chosen(&STEPS));
        if step == "listening" {
            // Before, rather than during: it dies as soon as it is up again.
            self.parties.kill(victim);
            self.parties.start(victim, &[]);
        }
        self.parties.kill_at(victim, step);
        act(self);
        self.parties.kill(victim);
        self.parties.start(victim, &[]);
    }

    /// The command, whose failure is expected when a worker dies under it.
    fn command(&self, args: &[&str]) -> Option<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_privity"))
            .current_dir(self.parties.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (value, code) = json(&output);
        (code == 0).then_some(value)
    }

    fn propose(&mut self, uses: usize, note: usize) -> Option<String> {
        // A comment makes no difference, so a constant does.
        self.parties.write(
            "program.pv",
            &JOINT.replace("product = mean(bmi * target)", &format!("product = mean(bmi * target) + {note}.0")),
        );
        let uses = uses.to_string();
        let args = [
            "propose",
            "program.pv",
            "--roster",
            "roster.toml",
            "--key",
            "analyst.key",
            "--dims",
            "n=442",
            "--uses",
            &uses,
            "--json",
        ];
        Some(self.command(&args)?["digest"].as_str()?.to_owned())
    }

    fn ratify(&mut self, digest: &str) {
        for player in PLAYERS {
            let config = format!("{player}.toml");
            if self.command(&["ratify", digest, "--config", &config, "--json"]).is_some() {
                self.ratified.entry(digest.to_owned()).or_default().insert(player);
            }
        }
    }

    fn run(&mut self, digest: &str) {
        let args = ["run", digest, "--roster", "roster.toml", "--key", "analyst.key", "--json"];
        if let Some(report) = self.command(&args) {
            assert!(report["outputs"]["analyst"]["product"]["values"].as_f64().unwrap() > 4000.0, "{report}");
            *self.results.entry(digest.to_owned()).or_default() += 1;
        }
    }

    /// Everything that must hold, whatever was killed.
    fn check(&self) {
        for player in PLAYERS {
            let key = KeyPair::load(&self.parties.path().join(format!("{player}.key"))).unwrap();
            let log = self.parties.path().join(format!("{player}.audit.jsonl"));
            let report = audit::verify(&log, &key.public(), &[]);
            assert!(report.is_ok(), "{player}: {:?}", report.err().map(|e| e.to_string()));
            let mut begun: BTreeMap<String, usize> = BTreeMap::new();
            let mut sessions = BTreeSet::new();
            for entry in audit::entries(&log).unwrap() {
                if let Event::RunBegun { agreement, session, .. } = entry.unwrap().event {
                    *begun.entry(agreement).or_default() += 1;
                    assert!(sessions.insert(session), "{player} began a session twice");
                }
            }
            for (agreement, times) in &begun {
                assert!(*times <= USES, "{player} ran {agreement} {times} times");
                assert!(self.results.get(agreement).is_none_or(|r| r <= times), "{player} lost a run of {agreement}");
            }
            let config = format!("{player}.toml");
            for (digest, ratified) in self.ratified.iter().filter(|(_, by)| by.contains(player)) {
                let (shown, code) =
                    json(&privity(self.parties.path(), &["inbox", digest, "--config", &config, "--json"]));
                assert_eq!(code, 0, "{player} lost {digest}, ratified by {ratified:?}: {shown}");
                let kept = shown["ratified"].as_array().unwrap().iter().any(|p| p == player);
                assert!(kept, "{player} lost its own ratification: {shown}");
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    let kills = std::env::var("PRIVITY_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let mut parties = Parties::new();
    PLAYERS.iter().for_each(|p| parties.start(p, &[]));
    let mut harness = Harness { parties, seed: 20_261_121, ratified: BTreeMap::new(), results: BTreeMap::new() };
    let mut done = 0;
    for round in 0.. {
        if done >= kills {
            break;
        }
        let mut digest = None;
        harness.kill_during(|h| digest = h.propose(USES, round));
        let Some(digest) = digest.or_else(|| harness.propose(USES, round)) else { panic!("all workers are up") };
        harness.kill_during(|h| h.ratify(&digest));
        // What a kill undid is done again; what was done stays.
        harness.ratify(&digest);
        harness.kill_during(|h| h.run(&digest));
        harness.run(&digest);
        done += 3;
        harness.check();
    }
    let results: usize = harness.results.values().sum();
    assert!(results > 0, "nothing ever ran");
    println!("{done} kills, {results} runs with a result");
}
