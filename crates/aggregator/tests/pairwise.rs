//! Rounds of pairwise masking over TLS.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aggregator::Error;
use aggregator::board::{Embedded, InMemory};
use common::{World, counted};

#[tokio::test(flavor = "multi_thread")]
async fn a_round_bears_clients_that_vanish() {
    let world = Arc::new(World::pairwise(6, 4, |draft| draft.collect_seconds = 3.0));
    let service = world.serve(Arc::new(InMemory::default())).await;
    let at = service.address();
    let part = |i: usize| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.contribute(i, at).await })
    };
    let tasks: Vec<_> = (0..6).map(part).collect();
    // The last one is gone before it could send anything, or after; both must be borne.
    tasks[5].abort();
    let sum = world.result(1, at).await.unwrap();
    let counted = counted(&sum);
    assert!(counted.starts_with(&[0, 1, 2, 3, 4]), "{counted:?}");
    for task in tasks.into_iter().take(5) {
        assert_eq!(task.await.unwrap().unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_is_made_again_from_the_board() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::pairwise(4, 3, |_| {}));
    let file = folder.path().join("board.redb");
    let board = Arc::new(Embedded::open(&file).unwrap());
    // Two services share the board: each takes some messages, and either may end a stage.
    let first = world.serve(board.clone()).await;
    let second = world.serve(board).await;
    let part = |i: usize| {
        let at = if i.is_multiple_of(2) { first.address() } else { second.address() };
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.contribute(i, at).await })
    };
    let tasks: Vec<_> = (0..4).map(part).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(counted(&world.result(1, second.address()).await.unwrap()), [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_survivors_are_not_summed() {
    let world = World::pairwise(5, 3, |draft| {
        draft.minimum = 4;
        draft.collect_seconds = 0.5;
    });
    let service = world.serve(Arc::new(InMemory::default())).await;
    let until = Instant::now() + Duration::from_secs(20);
    let digit = world.digit(0);
    let input = aggregator::Input { values: &digit, weight: None };
    let failed = world.client(0, service.address()).contribute(&input, None, until).await;
    assert!(matches!(&failed, Err(Error::RoundFailed { reason, .. }) if reason.contains("need")), "{failed:?}");
    assert!(matches!(world.result(1, service.address()).await, Err(Error::RoundFailed { .. })));
}
