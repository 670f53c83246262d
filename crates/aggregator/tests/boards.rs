//! What every board promises, held against those that need no server.

mod boards_suite;

use std::sync::Arc;

use aggregator::board::{Board, Embedded, InMemory};
use boards_suite::{DEPOSIT, ROUND, holds_under_contention, keeps_its_promises, who};

#[tokio::test(flavor = "multi_thread")]
async fn in_memory() {
    keeps_its_promises(&InMemory::default()).await;
    holds_under_contention(Arc::new(InMemory::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.redb");
    keeps_its_promises(&Embedded::open(&file).unwrap()).await;
    let again = Embedded::open(&file).unwrap();
    assert_eq!(again.latest(ROUND.task).await.unwrap(), Some(7));
    assert_eq!(again.read(ROUND, DEPOSIT, who(3)).await.unwrap().as_deref(), Some(&b"for an aggregator: c"[..]));
    holds_under_contention(Arc::new(again)).await;
}
