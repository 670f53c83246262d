//! Rounds of the committee sum over TLS.

mod common;

use std::sync::Arc;

use aggregator::board::InMemory;
use aggregator::{Error, Input};
use common::{World, counted, key, port, reopened, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_round_counts_everybody_once() {
    let world = World::committee(6, (3, 3), |_| {});
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let members = world.start_members(&[0, 1, 2], folder.path(), service.address());
    for i in 0..6 {
        assert_eq!(world.contribute(i, service.address()).await.unwrap(), 1);
    }
    let sum = world.result(1, service.address()).await.unwrap();
    assert_eq!(counted(&sum), [0, 1, 2, 3, 4, 5]);
    for member in members {
        member.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_bear_a_dead_aggregator_and_weights_stay_private() {
    let world = World::committee(4, (3, 2), |draft| {
        draft.weights = Some(100);
        draft.answer_seconds = 1.0;
    });
    let board = Arc::new(InMemory::default());
    let service = world.serve(board).await;
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 2], folder.path(), service.address());
    let values = [[1.0, 0.5, -1.0, 0.0], [0.0, 0.5, 1.0, 0.25], [1.0, 0.5, -1.0, 0.0], [-1.0, 0.5, 1.0, 0.0]];
    let weights = [10, 1, 100, 0];
    for i in 0..4 {
        let input = Input { values: &values[i], weight: Some(weights[i]) };
        world.client(i, service.address()).contribute(&input, None, soon()).await.unwrap();
    }
    let sum = world.result(1, service.address()).await.unwrap();
    assert_eq!((sum.contributions, sum.weight), (4, Some(111.0)));
    for (place, mean) in sum.mean.iter().enumerate() {
        let expected: f64 = (0..4).map(|i| values[i][place] * f64::from(weights[i])).sum::<f64>() / 111.0;
        assert!((mean - expected).abs() < 1e-4, "{mean} is not {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_follow_each_other_and_a_restart_loses_nothing() {
    let world = World::committee(5, (2, 2), |draft| draft.rounds = 2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.redb");
    let at = port();
    let mut service = world.serve_at(reopened(&file).await, at).await;
    let members = world.start_members(&[0, 1], folder.path(), at);
    for round in 1..=2 {
        for i in 0..5 {
            let digit = world.digit(i);
            let client = world.client(i, at);
            let input = Input { values: &digit, weight: None };
            assert_eq!(client.contribute(&input, Some(round), soon()).await.unwrap(), round);
            // The service ends in the middle of every round; what it accepted is there when it comes back.
            if i == 2 {
                drop(service);
                service = world.serve_at(reopened(&file).await, at).await;
            }
        }
        assert_eq!(counted(&world.result(round, at).await.unwrap()), [0, 1, 2, 3, 4]);
    }
    for member in members {
        member.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_started_again_sends_the_very_same() {
    let world = World::committee(3, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    let at = port();
    let file = folder.path().join("contribution");
    // Nobody listens yet: the client gives up, and keeps what it would have sent once it knew the round.
    let digit = world.digit(0);
    let input = Input { values: &digit, weight: None };
    let lost = world.client(0, at).resuming(&file).contribute(&input, None, std::time::Instant::now()).await;
    assert!(lost.is_err() && !file.exists());
    let service = world.serve_at(Arc::new(InMemory::default()), at).await;
    let _members = world.start_members(&[0, 1], folder.path(), at);
    for _ in 0..2 {
        // The second one is masked anew, and would be refused, but for the file.
        world.client(0, at).resuming(&file).contribute(&input, None, soon()).await.unwrap();
    }
    for i in 1..3 {
        world.contribute(i, service.address()).await.unwrap();
    }
    assert_eq!(counted(&world.result(1, at).await.unwrap()), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused() {
    let world = World::committee(3, (2, 2), |_| {});
    let service = world.serve(Arc::new(InMemory::default())).await;
    let digit = world.digit(0);
    let stranger = world.client_with(key(5), service.address());
    let until = std::time::Instant::now() + std::time::Duration::from_millis(300);
    let refused = stranger.contribute(&Input { values: &digit, weight: None }, None, until).await;
    assert!(matches!(refused, Err(Error::Net(_) | Error::Timeout)), "a stranger's connection is not served");
    // An aggregator may connect, and may not contribute.
    let member = world.client_with(world.members[0].clone(), service.address());
    let refused = member.contribute(&Input { values: &digit, weight: None }, None, soon()).await;
    assert_eq!(refused.err().map(|e| e.code().to_owned()).as_deref(), Some("secagg.not-enrolled"));
}
