//! Whole worlds over TLS on 127.0.0.1: opening, exchanging, breaking, resuming, refusing.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use net::frame::{Frame, Hello, VERSIONS};
use net::link::resume::ResumeOptions;
use net::link::stream;
use net::player::Player;
use net::tls::{Alpn, Appraised};
use net::{Exchange, NetError, Options, PlayerId, Scope, Switchboard, mesh};
use support::{Roster, Worker};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);

fn ungated() -> Arc<dyn mesh::Gate> {
    Arc::new(mesh::Open)
}

async fn open(roster: &Roster, session: u8, options: &Options) -> Vec<(Exchange, mesh::Presence)> {
    let resume =
        ResumeOptions { opening: Duration::from_secs(3), window: Duration::from_secs(3), ..ResumeOptions::default() };
    let opening = roster.workers.iter().map(|worker| async move {
        let card = roster.card(worker.id, session);
        let (links, presence) =
            mesh::connect(&card, &roster.endpoints, &worker.dialer(), &worker.switchboard, resume, &ungated())
                .await
                .unwrap();
        (Exchange::new(worker.id, &NAMES, links, options.clone()).unwrap(), presence)
    });
    futures_join(opening).await
}

async fn futures_join<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(|one| Some(Box::pin(one))).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, out) in all.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                (*slot, *out) = (None, Some(value));
            }
        }
        if all.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Everyone sends `rounds` messages to everyone, and takes them in reverse.
async fn chat(world: &[(Exchange, mesh::Presence)], scope: Scope, rounds: u32, size: usize) {
    for (exchange, _) in world {
        for peer in world.iter().map(|(peer, _)| peer.me()).filter(|peer| *peer != exchange.me()) {
            for index in 0..rounds {
                exchange.post(
                    peer,
                    scope.step(index),
                    1,
                    Bytes::from(vec![(exchange.me().0 as u8) ^ (index as u8); size]),
                );
            }
        }
        exchange.flush();
    }
    for (exchange, _) in world {
        for peer in world.iter().map(|(peer, _)| peer.me()).filter(|peer| *peer != exchange.me()) {
            for index in (0..rounds).rev() {
                let message = exchange.take_within(peer, scope.step(index), 8 << 20).await.unwrap();
                assert_eq!(message.payload, vec![(peer.0 as u8) ^ (index as u8); size]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_workers_exchange_and_part_as_friends() {
    let roster = Roster::new(&NAMES).await;
    let world = open(&roster, 1, &Options::default()).await;
    let scope = Scope::root(b"chat");
    chat(&world, scope.child("small"), 100, 8).await;
    assert_eq!(world[0].0.counters(B).unwrap().flushes, 1, "a hundred messages, one write");
    // Larger than a frame: cut, interleaved, and put together again.
    chat(&world, scope.child("large"), 3, (3 << 20) + 17).await;
    for (exchange, _) in &world {
        assert_eq!(exchange.total().messages_received, 2 * 103);
    }
    for outcome in futures_join(world.iter().map(|(exchange, _)| exchange.close())).await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_share_the_ports() {
    let roster = Roster::new(&NAMES).await;
    let one = open(&roster, 1, &Options::default()).await;
    let two = open(&roster, 2, &Options::default()).await;
    chat(&one, Scope::root(b"x"), 3, 100).await;
    chat(&two, Scope::root(b"x"), 3, 100).await;
}

/// A player may have much data to read first, or modules to compile: longer than a connection waits for its session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_begins_late_is_met() {
    let roster = Roster::with(&NAMES[..2], || Switchboard::new().with_patience(Duration::from_millis(50))).await;
    let [alice, bob] = [A, B].map(|id| roster.card(id, 1));
    let options = ResumeOptions::default();
    let late = async {
        roster.workers[1].refuses("has not begun").await;
        connect(&roster, &bob, B, options).await
    };
    let (first, second) = tokio::join!(connect(&roster, &alice, A, options), late);
    assert_eq!((first.unwrap().0.len(), second.unwrap().0.len()), (1, 1));
    // One that is over, as this is now at bob, is refused at once and for good.
    let (dialer, restarted) = (roster.workers[0].dialer(), Switchboard::new());
    let again = mesh::connect(&alice, &roster.endpoints, &dialer, &restarted, options, &ungated()).await;
    let refused = again.err().unwrap();
    assert!(refused.to_string().contains("bob refused the session (net.unknown-session)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_goes_on_where_it_was() {
    let roster = Roster::behind_proxies(&NAMES).await;
    let world = open(&roster, 1, &Options::default()).await;
    let scope = Scope::root(b"chat");
    for round in 0..4 {
        // Cut in the middle of what is being sent.
        let cut = async {
            for _ in 0..3 {
                tokio::time::timeout(Duration::from_millis(30), std::future::pending::<()>()).await.unwrap_err();
                roster.cut_all();
            }
        };
        tokio::join!(chat(&world, scope.child(round), 4, 5 << 20), cut);
    }
    assert!(roster.cuts() > 0, "the proxies must have cut something");
    for outcome in futures_join(world.iter().map(|(exchange, _)| exchange.close())).await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_named_at_all_others() {
    let roster = Roster::new(&NAMES).await;
    let mut world = open(&roster, 1, &Options::default()).await;
    let scope = Scope::root(b"chat");
    drop(world.remove(1));
    roster.workers[1].kill();
    for (exchange, _) in &world {
        for peer in (0..3).map(PlayerId).filter(|peer| *peer != exchange.me()) {
            let waiting = tokio::time::timeout(Duration::from_secs(8), exchange.take(peer, scope.step(0)));
            let error = waiting.await.expect("within the window").unwrap_err();
            assert_eq!(&*error.player().unwrap().name, "bob", "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_agreements_and_plans_are_refused_in_words() {
    let roster = Roster::new(&["alice", "bob"]).await;
    for (what, bend) in [("agreement", 0), ("plan", 1)] {
        let (mut alice, bob) = (roster.card(A, 3 + bend), roster.card(B, 3 + bend));
        if bend == 0 {
            alice.agreement[0] ^= 1;
        } else {
            alice.plan[0] ^= 1;
        }
        let resume = ResumeOptions {
            opening: Duration::from_millis(300),
            window: Duration::from_millis(300),
            ..ResumeOptions::default()
        };
        let (one, two) = tokio::join!(connect(&roster, &alice, A, resume), connect(&roster, &bob, B, resume),);
        let error = one.err().unwrap();
        assert!(matches!(&error, NetError::Refused { reason, .. } if reason == "net.mismatch"), "{error}");
        assert_eq!(&*error.player().unwrap().name, "bob");
        // Bob, who was dialled, goes on waiting for the right one, and names whom he misses.
        let error = two.err().unwrap();
        assert_eq!((error.code(), &*error.player().unwrap().name), ("net.player-missing", "alice"));
        roster.workers[1].refuses(what).await;
    }
}

async fn connect(
    roster: &Roster,
    card: &net::Card,
    me: PlayerId,
    resume: ResumeOptions,
) -> Result<(Vec<(PlayerId, net::Link)>, mesh::Presence), NetError> {
    let worker = &roster.workers[me.index()];
    mesh::connect(card, &roster.endpoints, &worker.dialer(), &worker.switchboard, resume, &ungated()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_the_roster_does_not_have_is_refused_and_told_so() {
    let roster = Roster::new(&["alice", "bob"]).await;
    let stranger = Worker::stranger(A, "alice");
    let resume = ResumeOptions {
        opening: Duration::from_millis(500),
        window: Duration::from_millis(500),
        ..ResumeOptions::default()
    };
    let card = roster.card(A, 9);
    let outcome =
        mesh::connect(&card, &roster.endpoints, &stranger.dialer(), &stranger.switchboard, resume, &ungated()).await;
    let error = outcome.err().unwrap();
    assert_eq!((error.code(), &*error.player().unwrap().name), ("net.key-refused", "bob"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_players_place_cannot_be_taken() {
    // Carol's worker may connect, but says that it is alice.
    let roster = Roster::new(&NAMES).await;
    let carol = &roster.workers[2];
    let (bob, identity) = roster.card(A, 5).player(B).unwrap().clone();
    let secured = carol.dialer().dial(&bob, &roster.endpoints[1], identity, Alpn::Data).await.unwrap();
    let mut link = stream::over(secured.stream);
    let bobs = roster.card(B, 5);
    let resume = ResumeOptions {
        opening: Duration::from_millis(500),
        window: Duration::from_millis(500),
        ..ResumeOptions::default()
    };
    let refused = async {
        link.sender.send(vec![Frame::Hello(roster.card(A, 5).hello(B, 0))]).await.unwrap();
        link.receiver.receive().await.unwrap().unwrap()
    };
    let (answer, _) = tokio::join!(refused, connect(&roster, &bobs, B, resume));
    let Frame::Abort(abort) = answer else { panic!("{answer:?}") };
    assert_eq!(abort.code, "net.unknown-key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_told_which_we_speak() {
    let roster = Roster::new(&["alice", "bob"]).await;
    let (bob, identity) = roster.card(A, 5).player(B).unwrap().clone();
    let secured = roster.workers[0].dialer().dial(&bob, &roster.endpoints[1], identity, Alpn::Data).await.unwrap();
    let mut link = stream::over(secured.stream);
    let future = Hello { versions: (7, 9), ..roster.card(A, 5).hello(B, 0) };
    link.sender.send(vec![Frame::Hello(future)]).await.unwrap();
    let answer = link.receiver.receive().await.unwrap().unwrap();
    assert!(matches!(answer, Frame::Hello(Hello { versions: VERSIONS, .. })), "{answer:?}");
    assert!(link.receiver.receive().await.unwrap_or(None).is_none());
    roster.workers[1].refuses("privity/7 to 9, we speak 1 to 1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_frames_name_their_sender_and_end_its_session_only() {
    let roster = Roster::new(&["alice", "bob"]).await;
    let resume = ResumeOptions {
        opening: Duration::from_millis(500),
        window: Duration::from_millis(500),
        ..ResumeOptions::default()
    };
    let oversized = (u32::MAX).to_be_bytes().to_vec();
    let unknown = [&5u32.to_be_bytes()[..], &[99, 1, 2, 3, 4]].concat();
    let gap = [&9u32.to_be_bytes()[..], &[5], &7u64.to_be_bytes()].concat();
    for (session, (bad, said)) in
        [(oversized, "more than a frame may have"), (unknown, "kind 99"), (gap, "frame 7 came where 0")]
            .into_iter()
            .enumerate()
    {
        let session = 20 + session as u8;
        let (bob, identity) = roster.card(A, session).player(B).unwrap().clone();
        let evil = async {
            let secured =
                roster.workers[0].dialer().dial(&bob, &roster.endpoints[1], identity, Alpn::Data).await.unwrap();
            let (tcp, mut tls) = (secured.identity, secured.stream);
            let mut hello = bytes::BytesMut::new();
            net::frame::encode_frame(&Frame::Hello(roster.card(A, session).hello(B, 0)), &mut hello);
            tls.write_all(&hello).await.unwrap();
            tls.write_all(&bad).await.unwrap();
            tls.flush().await.unwrap();
            (tcp, tls)
        };
        let card = roster.card(B, session);
        let (_open, connected) = tokio::join!(evil, connect(&roster, &card, B, resume));
        let (links, _presence) = connected.unwrap();
        let exchange = Exchange::new(B, &["alice", "bob"], links, Options::default()).unwrap();
        let error = exchange.take(A, Scope::root(b"x").step(0)).await.unwrap_err();
        assert_eq!((error.code(), &*error.player().unwrap().name), ("net.peer-misbehaved", "alice"));
        assert!(error.to_string().contains(said), "{error}");
    }
    // The port goes on serving.
    let (one, two) = (roster.card(A, 40), roster.card(B, 40));
    let (one, two) = tokio::join!(connect(&roster, &one, A, resume), connect(&roster, &two, B, resume));
    assert!(one.is_ok() && two.is_ok());
}

/// A gate that lets the first connection through for no time at all, and judges the second.
struct Expiring {
    asked: AtomicUsize,
    second: Result<(), &'static str>,
}

impl mesh::Gate for Expiring {
    fn admit(&self, player: &Player, _: Option<&Appraised>) -> Result<Option<Instant>, String> {
        assert_eq!(&*player.name, "alice");
        match (self.asked.fetch_add(1, Ordering::SeqCst), self.second) {
            (0, _) => Ok(Some(Instant::now())),
            (_, Ok(())) => Ok(None),
            (_, Err(why)) => Err(why.to_owned()),
        }
    }
}

/// Alice and bob, who has a gate.
async fn gated(gate: &Arc<Expiring>) -> (Roster, Vec<(Exchange, mesh::Presence)>) {
    let roster = Roster::new(&["alice", "bob"]).await;
    let resume =
        ResumeOptions { opening: Duration::from_secs(3), window: Duration::from_secs(3), ..ResumeOptions::default() };
    let gates: [Arc<dyn mesh::Gate>; 2] = [ungated(), Arc::clone(gate) as Arc<dyn mesh::Gate>];
    let opening = roster.workers.iter().zip(&gates).map(|(worker, gate)| {
        let (card, endpoints) = (roster.card(worker.id, 1), &roster.endpoints);
        async move {
            let (links, presence) =
                mesh::connect(&card, endpoints, &worker.dialer(), &worker.switchboard, resume, gate).await.unwrap();
            (Exchange::new(worker.id, &["alice", "bob"], links, Options::default()).unwrap(), presence)
        }
    });
    let world = futures_join(opening).await;
    (roster, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_proof_ran_out_is_proved_anew() {
    let gate = Arc::new(Expiring { asked: AtomicUsize::new(0), second: Ok(()) });
    let (_roster, world) = gated(&gate).await;
    // Nothing is lost or doubled, whenever the connection changes below it.
    let mut talks = 0u64;
    while gate.asked.load(Ordering::SeqCst) < 2 {
        chat(&world, Scope::root(b"chat").child(talks), 20, 1000).await;
        talks += 1;
    }
    chat(&world, Scope::root(b"after"), 20, 1000).await;
    assert_eq!(gate.asked.load(Ordering::SeqCst), 2, "once for each connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_does_not_prove_itself_again_ends_the_session() {
    let gate = Arc::new(Expiring { asked: AtomicUsize::new(0), second: Err("another binary") });
    let (_roster, world) = gated(&gate).await;
    let error = world[1].0.take(A, Scope::root(b"chat").step(0)).await.unwrap_err();
    assert_eq!(&*error.player().unwrap().name, "alice");
    assert!(error.to_string().contains("another binary"), "{error}");
}
