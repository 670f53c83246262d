//! Peers that break the rules of the exchange, frame by frame.

use std::time::Duration;

use bytes::Bytes;
use net::frame::{Abort, Frame, Part};
use net::link::{Link, memory};
use net::{Exchange, NetError, Options, PlayerId, Scope, Step};

const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);

fn step(index: u32) -> Step {
    Scope::root(b"faults").step(index)
}

fn whole(index: u32, payload: &[u8]) -> Part {
    Part {
        step: step(index),
        depth: 1,
        total: payload.len() as u64,
        offset: 0,
        payload: Bytes::copy_from_slice(payload),
    }
}

fn piece(index: u32, total: u64, offset: u64, payload: &[u8]) -> Part {
    Part { total, offset, ..whole(index, payload) }
}

/// One part per frame, numbered from 0.
fn frames(parts: Vec<Part>) -> Vec<Frame> {
    (0..).zip(parts).map(|(number, part)| Frame::Data { number, parts: vec![part] }).collect()
}

fn alone(options: Options) -> (Exchange, Link) {
    let (ours, theirs) = memory::pair();
    (Exchange::new(A, &["alice", "bob"], vec![(B, ours)], options).unwrap(), theirs)
}

/// What alice's exchange says after bob sent these frames; and what bob is told.
async fn after(frames: Vec<Frame>) -> (NetError, Frame) {
    let (exchange, mut bob) = alone(Options { buffered: 1 << 16, ..Options::in_process() });
    bob.sender.send(frames).await.unwrap();
    let error = exchange.take(B, step(u32::MAX)).await.unwrap_err();
    assert_eq!(&*error.player().expect("a player").name, "bob");
    assert!(!error.help().is_empty());
    let told = loop {
        match bob.receiver.receive().await.unwrap().unwrap() {
            Frame::Heartbeat { .. } => {}
            told => break told,
        }
    };
    (error, told)
}

#[tokio::test]
async fn every_breach_names_the_player_and_is_told_to_it() {
    let many_empty = (0..2000).map(|index| whole(index, b"")).collect();
    for (parts, code) in [
        (vec![whole(0, b"a"), whole(0, b"b")], "net.duplicate-message"),
        (vec![piece(0, 4, 0, b"ab"), whole(0, b"b")], "net.duplicate-message"),
        (vec![piece(0, 4, 0, b"ab"), piece(0, 4, 0, b"ab")], "net.duplicate-message"),
        (vec![whole(0, b"a"), piece(0, 4, 0, b"ab")], "net.duplicate-message"),
        (vec![piece(0, 4, 2, b"ab")], "net.peer-misbehaved"),
        (vec![piece(0, 6, 0, b"ab"), piece(0, 6, 4, b"ab")], "net.peer-misbehaved"),
        (vec![piece(0, 6, 0, b"ab"), piece(0, 7, 2, b"ab")], "net.peer-misbehaved"),
        (vec![whole(0, &[0; 1 << 16])], "net.peer-flooding"),
        (
            vec![piece(0, u64::MAX, 0, &[0; 1 << 15]), piece(0, u64::MAX, 1 << 15, &[0; (1 << 15) + 1])],
            "net.peer-flooding",
        ),
        (many_empty, "net.peer-flooding"),
    ] {
        let shown = format!("{parts:.200?}");
        let (error, told) = after(frames(parts)).await;
        assert_eq!(error.code(), code, "{shown:.200}");
        assert_eq!(told, Frame::Abort(Abort { code: code.into(), culprit: Some(B) }));
    }
    let greeting =
        net::Card { session: [0; 16], agreement: [0; 32], plan: [0; 32], me: B, players: vec![] }.hello(A, 0);
    let beats = [(1, 0), (0, 1)].map(|(received, taken)| Frame::Heartbeat { received, taken });
    for frame in [Frame::Hello(greeting), Frame::Goodbye { number: 1 }].into_iter().chain(beats) {
        assert_eq!(after(vec![frame]).await.0.code(), "net.peer-misbehaved");
    }
    let after_farewell = vec![Frame::Goodbye { number: 0 }, Frame::Data { number: 1, parts: vec![whole(0, b"a")] }];
    let (exchange, mut bob) = alone(Options::in_process());
    bob.sender.send(after_farewell).await.unwrap();
    bob.receiver.receive().await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(exchange.failed().unwrap().code(), "net.peer-misbehaved");
}

#[tokio::test]
async fn a_taken_message_cannot_be_sent_again() {
    let (exchange, mut bob) = alone(Options::in_process());
    let mut sent = frames(vec![whole(0, b"a"), whole(0, b"a")]);
    let second = sent.pop().unwrap();
    bob.sender.send(sent).await.unwrap();
    exchange.take(B, step(0)).await.unwrap();
    bob.sender.send(vec![second]).await.unwrap();
    let error = exchange.take(B, step(1)).await.unwrap_err();
    assert!(matches!(error, NetError::DuplicateMessage { step: at, .. } if at == step(0)), "{error}");
}

#[tokio::test]
async fn frames_sent_again_after_a_reconnection_are_no_duplicates() {
    let (exchange, mut bob) = alone(Options::in_process());
    let sent = frames(vec![whole(0, b"a"), whole(1, b"b"), whole(2, b"c")]);
    bob.sender.send(sent[..2].to_vec()).await.unwrap();
    bob.sender.send(sent.clone()).await.unwrap();
    for (index, content) in [(2, b"c"), (0, b"a"), (1, b"b")] {
        assert_eq!(&exchange.take(B, step(index)).await.unwrap().payload[..], content);
    }
    assert!(exchange.failed().is_none());
}

#[tokio::test]
async fn what_is_asked_for_is_no_flood() {
    let (exchange, mut bob) = alone(Options { buffered: 1000, ..Options::in_process() });
    let pieces = (0..10).map(|index| piece(0, 5000, index * 500, &[7; 500])).collect();
    let mut sent = frames(pieces);
    let rest = sent.split_off(1);
    bob.sender.send(sent).await.unwrap();
    // The first piece waits unasked for; the others come when they are.
    let (message, ()) = tokio::join!(exchange.take_within(B, step(0), 5000), async {
        tokio::task::yield_now().await;
        bob.sender.send(rest).await.unwrap();
    });
    assert_eq!(message.unwrap().payload.len(), 5000);
    // And what was charged for them was given back: there is room for as much again.
    bob.sender.send(vec![Frame::Data { number: 10, parts: vec![whole(1, &[0; 900])] }]).await.unwrap();
    assert_eq!(exchange.take(B, step(1)).await.unwrap().payload.len(), 900);
}

#[tokio::test]
async fn what_is_asked_for_is_no_longer_than_was_asked() {
    for (first, most) in [(piece(0, 1 << 50, 0, &[7; 500]), 32), (piece(0, 5000, 0, &[7; 500]), 4999)] {
        let (exchange, mut bob) = alone(Options::in_process());
        let (taken, ()) = tokio::join!(exchange.take_within(B, step(0), most), async {
            tokio::task::yield_now().await;
            bob.sender.send(frames(vec![first])).await.unwrap();
        });
        assert_eq!(taken.unwrap_err().code(), "net.peer-misbehaved");
    }
}

#[tokio::test]
async fn beginnings_of_messages_count_too() {
    let many = (0..2000).map(|index| piece(index, 1 << 40, 0, b"a")).collect();
    assert_eq!(after(frames(many)).await.0.code(), "net.peer-flooding");
}

#[tokio::test]
async fn one_who_gave_up_waiting_loses_nothing() {
    let (exchange, mut bob) = alone(Options::in_process());
    {
        let mut taking = Box::pin(exchange.take(B, step(0)));
        assert!(tokio::time::timeout(Duration::ZERO, &mut taking).await.is_err());
        assert_eq!(exchange.waiting(), [(B, 1)]);
    }
    assert_eq!(exchange.waiting(), []);
    bob.sender.send(frames(vec![whole(0, b"late")])).await.unwrap();
    assert_eq!(&exchange.take(B, step(0)).await.unwrap().payload[..], b"late");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_does_not_hold_up_the_end() {
    let (exchange, bob) = alone(Options::default());
    for index in 0..200 {
        exchange.post(B, step(index), 1, Bytes::from_static(b"x"));
        exchange.flush();
        tokio::task::yield_now().await;
    }
    let error = exchange.close().await.unwrap_err();
    assert_eq!((error.code(), &*error.player().unwrap().name), ("net.player-missing", "bob"));
    drop(bob);
}
