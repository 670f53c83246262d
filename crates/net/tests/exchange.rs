//! The message board over links in memory: addresses, flushes, faults, endings.

use std::time::Duration;

use bytes::Bytes;
use net::link::{Link, memory};
use net::{Exchange, NetError, Options, PlayerId, Scope};

const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);
const C: PlayerId = PlayerId(2);

fn world() -> Vec<Exchange> {
    memory::world(&["alice", "bob", "carol"], &Options::in_process())
}

fn two_ends(options: &Options) -> (Exchange, Link) {
    let (ours, theirs) = memory::pair();
    let exchange = Exchange::new(A, &["alice", "bob"], vec![(B, ours)], options.clone()).unwrap();
    (exchange, theirs)
}

#[tokio::test]
async fn messages_are_found_by_address_in_any_order() {
    let world = world();
    let scope = Scope::root(b"test");
    for (sender, exchange) in world.iter().enumerate() {
        for to in [A, B, C] {
            if to != exchange.me() {
                for index in (0..10).rev() {
                    let content = vec![sender as u8, index as u8];
                    exchange.post(to, scope.child(u64::from(to.0)).step(index), index + 1, content.into());
                }
            }
        }
        exchange.flush();
    }
    for exchange in &world {
        for from in [C, B, A] {
            if from != exchange.me() {
                for index in [3, 1, 2, 0, 9, 8, 7, 6, 5, 4] {
                    let step = scope.child(u64::from(exchange.me().0)).step(index);
                    let message = exchange.take(from, step).await.unwrap();
                    assert_eq!(&message.payload[..], &[from.0 as u8, index as u8]);
                    assert_eq!(message.depth, index + 1);
                }
            }
        }
    }
    assert_eq!(world[0].total().messages_sent, 20);
    assert_eq!(world[0].total().payload_received, 40);
    assert_eq!(world[0].total().depth, 10);
    let (a, b, c) = tokio::join!(world[0].close(), world[1].close(), world[2].close());
    a.and(b).and(c).unwrap();
}

#[tokio::test]
async fn a_hundred_messages_leave_as_one_write() {
    let world = world();
    let scope = Scope::root(b"test");
    for index in 0..100 {
        world[0].post(B, scope.step(index), 1, Bytes::from_static(b"12345678"));
    }
    tokio::task::yield_now().await;
    assert_eq!(world[0].counters(B).unwrap().flushes, 0, "nothing leaves before the flush");
    world[0].flush();
    for index in 0..100 {
        world[1].take(A, scope.step(index)).await.unwrap();
    }
    assert_eq!(world[0].counters(B).unwrap().flushes, 1);
    assert_eq!(world[0].counters(C).unwrap().flushes, 0);
}

#[tokio::test]
async fn much_leaves_without_a_flush() {
    let world = world();
    let step = Scope::root(b"test").step(0);
    world[0].post(B, step, 1, Bytes::from(vec![7; 1 << 20]));
    assert_eq!(world[1].take(A, step).await.unwrap().payload.len(), 1 << 20);
}

#[tokio::test]
async fn a_crash_names_the_crashed_player_everywhere() {
    let mut world = world();
    let step = Scope::root(b"test").step(0);
    drop(world.remove(1));
    for exchange in &world {
        let error = exchange.take(B, step).await.unwrap_err();
        assert_eq!(&*error.player().unwrap().name, "bob", "{error}");
    }
    // Also whoever waits for somebody else is told.
    assert_eq!(&*world[0].take(C, step).await.unwrap_err().player().unwrap().name, "bob");
}

#[tokio::test]
async fn an_abort_reaches_all_with_its_code_and_culprit() {
    let world = world();
    let step = Scope::root(b"test").step(0);
    let (waiter_b, waiter_c, ()) = tokio::join!(world[1].take(C, step), world[2].take(A, step), async {
        world[0].abort("data.not-a-number", Some(C)).await
    });
    for error in [waiter_b.unwrap_err(), waiter_c.unwrap_err()] {
        let NetError::PeerAborted { player, reason, .. } = &error else { panic!("{error}") };
        assert_eq!((&*player.name, reason.as_str()), ("alice", "data.not-a-number"));
        assert_eq!(error.player().unwrap().id, C);
    }
    assert_eq!(world[0].take(B, step).await.unwrap_err().code(), "net.ended");
}

#[tokio::test]
async fn one_that_finishes_early_is_no_crash() {
    let mut world = world();
    let step = Scope::root(b"test").step(0);
    world[0].post(B, step, 1, Bytes::from_static(b"bye"));
    let first = world.remove(0);
    first.close().await.unwrap();
    drop(first);
    assert_eq!(&world[0].take(A, step).await.unwrap().payload[..], b"bye");
    world[0].post(C, step, 1, Bytes::new());
    world[0].flush();
    world[1].take(B, step).await.unwrap();
    let (b, c) = tokio::join!(world[0].close(), world[1].close());
    b.and(c).unwrap();
}

#[tokio::test]
async fn waiting_for_one_that_finished_is_an_error() {
    let world = world();
    let step = Scope::root(b"test").step(0);
    let (error, closed) = tokio::join!(world[1].take(A, step), world[0].close());
    assert_eq!(error.unwrap_err().code(), "net.peer-left");
    let _ = closed;
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_from_slowness() {
    let options = Options::default();
    let (slow, fast) = memory::pair();
    let names = ["alice", "bob"];
    let fast = Exchange::new(A, &names, vec![(B, fast)], options.clone()).unwrap();
    let slow = Exchange::new(B, &names, vec![(A, slow)], options.clone()).unwrap();
    let step = Scope::root(b"test").step(0);
    let send_late = async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        slow.post(A, step, 1, Bytes::new());
        slow.flush();
    };
    let (taken, ()) = tokio::join!(fast.take(B, step), send_late);
    taken.unwrap();

    let (alone, silent_end) = two_ends(&options);
    let start = tokio::time::Instant::now();
    let error = alone.take(B, step).await.unwrap_err();
    assert!(matches!(error, NetError::PlayerMissing { .. }), "{error}");
    assert_eq!(error.player().unwrap().id, B);
    assert!(start.elapsed() <= options.deadline.unwrap() + Duration::from_secs(1));
    drop(silent_end);
}

#[tokio::test(start_paused = true)]
async fn patience_names_the_message() {
    let options = Options { patience: Some(Duration::from_secs(60)), ..Options::in_process() };
    let world = memory::world(&["alice", "bob"], &options);
    let error = world[0].take(B, Scope::root(b"test").step(3)).await.unwrap_err();
    assert_eq!((error.code(), error.player().unwrap().id), ("net.player-stalled", B));
}

#[tokio::test]
async fn misuse_is_refused() {
    let world = world();
    let step = Scope::root(b"test").step(0);
    assert_eq!(world[0].take(PlayerId(7), step).await.unwrap_err().code(), "net.unknown-player");
    assert_eq!(world[0].take(A, step).await.unwrap_err().code(), "net.unknown-player");
    world[1].post(A, step, 1, Bytes::new());
    world[1].flush();
    world[0].take(B, step).await.unwrap();
    assert_eq!(world[0].take(B, step).await.unwrap_err().code(), "net.misuse");
    world[2].post(C, step, 1, Bytes::new());
    assert_eq!(world[2].failed().unwrap().code(), "net.unknown-player");
}
