//! Whole sessions over a simulated network, in virtual time: every run is a function of its seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use ir::PlayerId;
use net::link::resume::{self, ResumeOptions};
use net::link::sim::{Sim, Weather};
use net::{Link, Options};
use schemes::Plain;
use session::{Entropy, MemoryVault, Modules, Outcome, SessionError, Start, Stop, unobserved, unstopped};
use tokio::task::JoinSet;
use tokio::time::Instant;

const NAMES: [&str; 4] = ["a", "b", "c", "reader"];

const PROGRAM: &str = "computation c
  player a, b, c, reader
  placement trio = replicated(a, b, c)
  input x : f64[3] at a
  input y : f64[3] at b
  on trio as fixed<64, 16>
    larger = maximum(x, y)
    p = dot(larger, x)
  release p to reader as \"p\"
";

/// Links between all players of a simulation.
async fn links(sim: &Sim) -> Vec<Vec<(PlayerId, Link)>> {
    let mut links: Vec<Vec<(PlayerId, Link)>> = NAMES.iter().map(|_| Vec::new()).collect();
    for i in 0..NAMES.len() as u16 {
        for j in 0..i {
            let (a, b) = (net::PlayerId(i), net::PlayerId(j));
            let (at_a, at_b) = (sim.connector(a, b).unwrap(), sim.connector(b, a).unwrap());
            let options = ResumeOptions::default();
            let (at_a, at_b) = tokio::try_join!(resume::open(at_a, options), resume::open(at_b, options)).unwrap();
            links[usize::from(i)].push((PlayerId(j), at_a));
            links[usize::from(j)].push((PlayerId(i), at_b));
        }
    }
    links
}

/// Runs the program in some weather, with somebody who interferes.
async fn run(seed: u64, weather: Weather, interfere: impl FnOnce(&Sim)) -> Vec<Result<Outcome, SessionError>> {
    run_until(seed, weather, interfere, |_| unstopped()).await
}

/// The same, with what may end it early at each player.
async fn run_until(
    seed: u64,
    weather: Weather,
    interfere: impl FnOnce(&Sim),
    stop: impl Fn(usize) -> Stop,
) -> Vec<Result<Outcome, SessionError>> {
    let sim = Sim::new(seed, &NAMES, weather);
    let checked = check::check(ir::text::parse(PROGRAM).unwrap()).unwrap();
    let ratified = Ratified::local(Agreement::in_process(checked, BTreeMap::new()).unwrap()).unwrap();
    let links = links(&sim).await;
    let mut players = JoinSet::new();
    for (i, links) in links.into_iter().enumerate() {
        let values = [("x", [1.5, -2.0, 3.0]), ("y", [0.5, 4.0, -1.0])].get(i);
        let plain = |v: &[f64; 3]| Plain::F64(Tensor::from_vec(v.to_vec()));
        let start = Start {
            ratified: ratified.clone(),
            player: PlayerId(i as u16),
            session: SessionId([seed as u8; 16]),
            attempt: 0,
            entropy: Entropy::new([i as u8 + 1; 32]),
            links,
            inputs: values.iter().map(|(name, v)| ((*name).to_owned(), plain(v))).collect(),
            keys: BTreeMap::new(),
            vault: Arc::new(MemoryVault::default()),
            sums: session::Sums::new(),
            modules: Modules::default(),
            options: Options::default(),
            observer: unobserved(),
            stop: stop(i),
        };
        players.spawn(async move { (i, session::run(start).await) });
    }
    interfere(&sim);
    let mut outcomes = players.join_all().await;
    outcomes.sort_by_key(|(i, _)| *i);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn result(outcomes: &[Result<Outcome, SessionError>]) -> f64 {
    let reader = outcomes[3].as_ref().unwrap();
    reader.outputs["p"].to_f64().data()[0]
}

#[tokio::test(start_paused = true)]
async fn fair_weather_costs_about_a_latency_a_round() {
    let begun = Instant::now();
    let outcomes = run(1, Weather::FAIR, |_| {}).await;
    assert!((result(&outcomes) - 3.25).abs() < 0.01);
    let rounds = outcomes.iter().map(|o| o.as_ref().unwrap().cost.rounds).max().unwrap();
    // A message takes 10 to 12 ms; opening and closing take a few more.
    let latencies = begun.elapsed().as_millis() / 10;
    assert!(latencies <= 2 * u128::from(rounds) + 12, "{latencies} latencies for {rounds} rounds");
}

#[tokio::test(start_paused = true)]
async fn foul_weather_changes_no_result() {
    for seed in 0..8 {
        let outcomes = run(seed, Weather::FOUL, |_| {}).await;
        assert!((result(&outcomes) - 3.25).abs() < 0.01, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_crashes_is_named_by_all_others_within_the_deadline() {
    let begun = Instant::now();
    let outcomes = run(2, Weather::FAIR, |sim| sim.crash(net::PlayerId(1))).await;
    for i in [0, 2, 3] {
        let error = outcomes[i].as_ref().unwrap_err();
        assert!(error.is_remote(), "{error}");
        assert_eq!(error.player().as_deref(), Some("b"), "{} says: {error}", NAMES[i]);
    }
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_who_cancels_ends_it_for_all_at_once() {
    let begun = Instant::now();
    let stop = |i| -> Stop {
        match i {
            2 => Box::pin(async {
                tokio::time::sleep(Duration::from_millis(60)).await;
                SessionError::Cancelled { reason: "for a test".into() }
            }),
            _ => unstopped(),
        }
    };
    let outcomes = run_until(3, Weather::FAIR, |_| {}, stop).await;
    for (i, outcome) in outcomes.iter().enumerate() {
        let error = outcome.as_ref().unwrap_err();
        match error {
            SessionError::Cancelled { .. } => assert_eq!(i, 2),
            echo => assert!(echo.is_echo() && echo.to_string().contains("session.cancelled"), "{echo}"),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_names_who_was_waited_for() {
    let stop = |i| -> Stop {
        match i {
            1 => unstopped(),
            _ => Box::pin(async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                SessionError::Deadline { seconds: 5, waiting: None }
            }),
        }
    };
    let outcomes = run_until(4, Weather::FAIR, |sim| sim.crash(net::PlayerId(1)), stop).await;
    for i in [0, 2, 3] {
        let error = outcomes[i].as_ref().unwrap_err();
        assert_eq!(error.player().as_deref(), Some("b"), "{} says: {error}", NAMES[i]);
    }
}
