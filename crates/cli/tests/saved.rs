//! What outlives a session, on four worker processes: a loop goes on from its checkpoint after a worker was killed, and a
//! model that was saved as shares is used after all of them were.

mod common;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{PLAYERS, Parties, json, privity};
use serde_json::Value;

/// A loop whose every iteration needs messages, so that it takes a while: it approaches twice the mean.
const TRAIN: &str = "
computation train
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  input bmi : f64[n] at clinic range 0..100
  on committee as fixed<64, 16>
    level = mean(bmi)
    start = level * 0.0
  trained = repeat 3000 checkpoint 50 with v = start
    on committee
      better = assume(v * 0.5 + level, low=0, high=1000)
    next better
  save trained as \"model\"
  release trained to analyst as \"trained\"
";

const USE: &str = "
computation use
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  load model : fixed<64, 16> at committee owner clinic
  input target : f64[n] at registry range 0..500
  on committee as fixed<64, 16>
    scaled = mean(target) * clip(model, low=0, high=100)
  release scaled to analyst as \"scaled\"
";

/// Starts a run, and leaves it to itself.
fn begin(parties: &Parties, program: &str) -> Child {
    parties.write("program.pv", program);
    Command::new(env!("CARGO_BIN_EXE_privity"))
        .current_dir(parties.path())
        .args(["run", "program.pv", "--roster", "roster.toml", "--key", "analyst.key", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The sessions of a player's worker.
fn jobs(parties: &Parties, player: &str) -> Vec<Value> {
    let config = format!("{player}.toml");
    let (shown, code) = json(&privity(parties.path(), &["jobs", "--config", &config, "--json"]));
    assert_eq!(code, 0, "{shown}");
    shown["jobs"].as_array().unwrap().clone()
}

/// The session that a player's worker runs, once it has come so far.
fn far(parties: &Parties, player: &str, steps: u64) -> String {
    let begun = Instant::now();
    loop {
        if let Some(job) = jobs(parties, player).iter().find(|job| job["done"].as_u64().unwrap() >= steps) {
            assert_eq!(job["state"], "running", "it must not be over before it is cut off: {job}");
            return job["session"].as_str().unwrap().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came so far");
    }
}

fn resume(parties: &Parties, session: &str) -> (Value, i32) {
    json(&privity(parties.path(), &["resume", session, "--roster", "roster.toml", "--key", "analyst.key", "--json"]))
}

#[test]
fn a_loop_goes_on_where_it_was_and_its_model_outlives_all_workers() {
    let mut parties = Parties::started();
    let running = begin(&parties, TRAIN);
    let session = far(&parties, "clinic", 1000);
    parties.kill("laboratory");
    let (failed, code) = json(&running.wait_with_output().unwrap());
    assert_eq!((code, &failed["error"]["player"]), (3, &"laboratory".into()), "{failed}");
    parties.start("laboratory", &["--ratify-all"]);

    let (result, code) = resume(&parties, &session);
    assert_eq!(code, 0, "{result}");
    let trained = result["outputs"]["analyst"]["trained"]["values"].as_f64().unwrap();
    assert!((trained - 2.0 * 26.375_79).abs() < 0.01, "{trained}");
    assert_eq!(result["session"], session.as_str());
    // From the start it would have taken two rounds for each of 3000 iterations.
    let rounds = result["cost"]["rounds"].as_u64().unwrap();
    assert!(rounds < 5500, "{rounds} rounds: it began anew");

    let (again, code) = resume(&parties, &session);
    assert_eq!((code, &again["error"]["code"]), (1, &"worker.replay".into()), "it ended well: {again}");
    let (unknown, code) = resume(&parties, &"0".repeat(32));
    assert_eq!((code, &unknown["error"]["code"]), (1, &"worker.unknown-session".into()), "{unknown}");

    PLAYERS.iter().for_each(|p| parties.kill(p));
    PLAYERS.iter().for_each(|p| parties.start(p, &["--ratify-all"]));
    let (result, code) = parties.run(USE, "analyst.key");
    assert_eq!(code, 0, "{result}");
    let scaled = result["outputs"]["analyst"]["scaled"]["values"].as_f64().unwrap();
    assert!((scaled - 152.133_48 * trained).abs() < 0.5, "{scaled}");

    // Under another label than it was saved with, nobody gives it.
    let (refused, code) = parties.run(&USE.replace("owner clinic", "owner registry"), "analyst.key");
    assert_eq!((code, &refused["error"]["code"]), (1, &"store.misfit".into()), "{refused}");
}
