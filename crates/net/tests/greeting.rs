//! First words, over links in memory and in virtual time.

use net::frame::{Abort, Frame, Hello};
use net::greet::{self, GREETING_TIME};
use net::link::memory;
use net::{Card, Identity, NetError, Player, PlayerId};

const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);

fn card(me: PlayerId) -> Card {
    let players = ["alice", "bob"]
        .into_iter()
        .zip(0..)
        .map(|(name, id)| (Player { id: PlayerId(id), name: name.into() }, Identity::from_bytes([id as u8; 32])));
    Card { session: [1; 16], agreement: [2; 32], plan: [3; 32], me, players: players.collect() }
}

/// What alice says when bob answers her call with this.
async fn answered(frame: Frame) -> Result<u64, NetError> {
    let (mut alice, mut bob) = memory::pair();
    let (alices, bob_player) = (card(A), card(B).players[1].0.clone());
    let answering = async {
        let heard = bob.receiver.receive().await.unwrap().unwrap();
        assert_eq!(heard, Frame::Hello(alices.hello(B, 5)));
        bob.sender.send(vec![frame]).await.unwrap();
    };
    tokio::join!(greet::call(&mut alice, &alices, &bob_player, 5), answering).0
}

#[tokio::test]
async fn both_must_mean_the_same() {
    let right = card(B).hello(A, 9);
    assert_eq!(answered(Frame::Hello(right.clone())).await.unwrap(), 9);
    for (bent, what) in [
        (Hello { session: [0; 16], ..right.clone() }, "session"),
        (Hello { agreement: [0; 32], ..right.clone() }, "agreement"),
        (Hello { plan: [0; 32], ..right.clone() }, "plan"),
        (Hello { from: PlayerId(7), ..right.clone() }, "order of players"),
        (Hello { to: B, ..right.clone() }, "order of players"),
    ] {
        let error = answered(Frame::Hello(bent)).await.unwrap_err();
        assert!(matches!(&error, NetError::Mismatch { what: said, .. } if *said == what), "{error}");
        assert_eq!(&*error.player().unwrap().name, "bob");
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on_and_nonsense_is_none() {
    let refused = answered(Frame::Abort(Abort::new("net.unknown-session", None))).await.unwrap_err();
    assert!(refused.to_string().contains("bob refused the session (net.unknown-session)"), "{refused}");
    let nonsense = answered(Frame::Goodbye { number: 0 }).await.unwrap_err();
    assert_eq!(nonsense.code(), "net.handshake");
}

#[tokio::test(start_paused = true)]
async fn one_who_says_nothing_is_not_waited_for() {
    let start = tokio::time::Instant::now();
    let (mut ours, _silent) = memory::pair();
    let error = greet::hear(&mut ours, None).await.unwrap_err();
    assert_eq!((error.code(), start.elapsed()), ("net.handshake", GREETING_TIME));
}

#[tokio::test]
async fn one_who_hangs_up_is_named() {
    let (mut ours, theirs) = memory::pair();
    drop(theirs);
    let bob = card(B).players[1].0.clone();
    let error = greet::call(&mut ours, &card(A), &bob, 0).await.unwrap_err();
    assert_eq!((error.code(), &*error.player().unwrap().name), ("net.handshake", "bob"));
}
