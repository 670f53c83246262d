//! Worlds of three in a simulated network, in virtual time. Every run is a function of its seed.

use std::time::Duration;

use bytes::Bytes;
use net::link::resume::ResumeOptions;
use net::link::sim::{Event, Happening, Sim, Weather};
use net::{Exchange, NetError, Options, PlayerId, Scope};
use tokio::task::JoinSet;
use tokio::time::Instant;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);
const C: PlayerId = PlayerId(2);

/// What a player sends to another in a round: anything that depends on all three.
fn content(from: PlayerId, to: PlayerId, round: u32) -> Bytes {
    let size = 1 + (round as usize * 7919) % 3000;
    vec![(from.0 * 16 + to.0) as u8 ^ round as u8; size].into()
}

/// Plays rounds of everyone to everyone; each waits for the round before.
async fn play(exchange: Exchange, rounds: u32) -> Result<Exchange, NetError> {
    let me = exchange.me();
    let peers: Vec<PlayerId> = [A, B, C].into_iter().filter(|peer| *peer != me).collect();
    for round in 0..rounds {
        let step = Scope::root(b"play").child(u64::from(round)).step(0);
        for peer in &peers {
            exchange.post(*peer, step, round + 1, content(me, *peer, round));
        }
        exchange.flush();
        for peer in &peers {
            let message = exchange.take(*peer, step).await?;
            assert_eq!(message.payload, content(*peer, me, round));
            assert_eq!(message.depth, round + 1);
        }
    }
    exchange.close().await?;
    Ok(exchange)
}

/// Runs a world to its end while `weathermaker` interferes; what each player got, and the trace.
async fn run<F: Future<Output = ()>>(
    seed: u64,
    weather: Weather,
    rounds: u32,
    weathermaker: impl FnOnce(Sim) -> F,
) -> (Vec<Result<(), NetError>>, Vec<Event>) {
    let sim = Sim::new(seed, &NAMES, weather);
    let exchanges = sim.exchanges(&Options::default(), ResumeOptions::default()).await.unwrap();
    let mut playing = JoinSet::new();
    for exchange in exchanges {
        playing.spawn(async move { (exchange.me(), play(exchange, rounds).await) });
    }
    weathermaker(sim.clone()).await;
    let mut outcomes = playing.join_all().await;
    outcomes.sort_by_key(|(id, _)| *id);
    (outcomes.into_iter().map(|(_, outcome)| outcome.map(drop)).collect(), sim.trace())
}

async fn nothing(_: Sim) {}

#[tokio::test(start_paused = true)]
async fn foul_weather_delays_and_changes_nothing() {
    let (mut broken, mut reordered) = (0, 0);
    for seed in 0..40 {
        let (outcomes, trace) = run(seed, Weather::FOUL, 40, nothing).await;
        assert!(outcomes.iter().all(Result::is_ok), "seed {seed}: {outcomes:?}");
        broken += trace.iter().filter(|event| event.what == Happening::Broke).count();
        let arrivals = |from, to| {
            trace.iter().filter(move |event| (event.from, event.to, event.what) == (from, to, Happening::Arrived))
        };
        let order: Vec<_> = arrivals(A, B).map(|event| (event.connection, event.packet)).collect();
        reordered += order.windows(2).filter(|two| two[0] > two[1]).count();
    }
    assert!(broken > 20 && reordered > 20, "{broken} breaks and {reordered} reorderings test nothing");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_replays_exactly() {
    for seed in [3, 5, 8] {
        let (_, first) = run(seed, Weather::FOUL, 30, nothing).await;
        let (_, second) = run(seed, Weather::FOUL, 30, nothing).await;
        let (_, other) = run(seed + 1, Weather::FOUL, 30, nothing).await;
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first, other, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn rounds_cost_their_latency_and_no_more() {
    let start = Instant::now();
    let fair = Weather { jitter: Duration::ZERO, ..Weather::FAIR };
    let (outcomes, _) = run(1, fair, 100, nothing).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    // Three connections opened one after the other, a hundred rounds, a farewell and its answer.
    let elapsed = start.elapsed();
    assert!((1000..1150).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_is_named_at_the_others_within_the_deadline() {
    for seed in 0..10 {
        let mut crashed_at = None;
        let (outcomes, _) = run(seed, Weather::FAIR, 100_000, |sim| {
            let crashed_at = &mut crashed_at;
            async move {
                tokio::time::sleep(Duration::from_millis(1000 + 37 * seed)).await;
                sim.crash(B);
                *crashed_at = Some(Instant::now());
            }
        })
        .await;
        let deadline = Options::default().deadline.unwrap();
        let waited = crashed_at.unwrap().elapsed();
        assert!(waited < deadline + Options::default().linger + Duration::from_secs(2), "{waited:?}");
        for outcome in [&outcomes[0], &outcomes[2]] {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!(&*error.player().unwrap().name, "bob", "seed {seed}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_partition_is_outlived() {
    for seed in 0..10 {
        let (outcomes, trace) = run(seed, Weather::FAIR, 300, |sim| async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sim.partition(A, C);
            tokio::time::sleep(Duration::from_secs(5)).await;
            sim.heal(A, C);
        })
        .await;
        assert!(outcomes.iter().all(Result::is_ok), "seed {seed}: {outcomes:?}");
        assert!(trace.iter().any(|event| event.what == Happening::Held));
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_partition_ends_the_session_and_names_its_two_sides() {
    let (outcomes, _) = run(4, Weather::FAIR, 100_000, |sim| async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sim.partition(A, C);
    })
    .await;
    let named: Vec<&str> =
        outcomes.iter().map(|outcome| &*outcome.as_ref().unwrap_err().player().unwrap().name).collect();
    // Either side believes that the other is gone; bob hears it from the quicker.
    assert!(named[0] == "carol" || named[2] == "alice", "{named:?}");
    assert!(named.iter().all(|name| ["alice", "carol"].contains(name)), "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn severed_connections_are_resumed_again_and_again() {
    let (outcomes, trace) = run(6, Weather::FAIR, 400, |sim| async move {
        for cut in 0..50u64 {
            tokio::time::sleep(Duration::from_millis(61)).await;
            let pairs = [(A, B), (B, C), (A, C)];
            let (a, b) = pairs[cut as usize % 3];
            sim.sever(a, b);
        }
    })
    .await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(trace.iter().map(|event| event.connection).max() > Some(10));
}

#[tokio::test(start_paused = true)]
async fn an_abort_gets_through_foul_weather() {
    let mut with_reason = 0;
    for seed in 0..40 {
        let sim = Sim::new(seed, &NAMES, Weather::FOUL);
        let mut exchanges = sim.exchanges(&Options::default(), ResumeOptions::default()).await.unwrap();
        let alice = exchanges.remove(0);
        let mut playing = JoinSet::new();
        for exchange in exchanges {
            playing.spawn(async move { play(exchange, 1000).await.map(drop).unwrap_err() });
        }
        let own = tokio::spawn(play(alice.clone(), 1000));
        tokio::time::sleep(Duration::from_millis(700 + 91 * seed)).await;
        let aborted = Instant::now();
        alice.abort("data.not-a-number", None).await;
        assert_eq!(own.await.unwrap().map(drop).unwrap_err().code(), "net.ended");
        drop(alice);
        for error in playing.join_all().await {
            assert_eq!(&*error.player().unwrap().name, "alice", "seed {seed}: {error}");
            with_reason += u32::from(error.to_string().contains("data.not-a-number"));
        }
        assert!(aborted.elapsed() < Options::default().deadline.unwrap(), "seed {seed}: {:?}", aborted.elapsed());
    }
    // The rest know that alice is gone, but lost her last words to the weather.
    assert!(with_reason > 70, "only {with_reason} of 80 were told why");
}
