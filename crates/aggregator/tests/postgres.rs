//! The board in PostgreSQL, against a server that the test starts by itself.

mod boards_suite;
mod common;

use std::sync::Arc;

use aggregator::board::{Board, Postgres, RoundId};
use aggregator::{Input, fresh, phases};
use common::{World, counted, soon};
use tempfile::TempDir;

/// A server, which goes before its folder does.
struct Database {
    server: testkit::Postgres,
    _folder: TempDir,
}

impl Database {
    fn start() -> Database {
        let folder = tempfile::tempdir().unwrap();
        Database { server: testkit::Postgres::start(folder.path()).unwrap(), _folder: folder }
    }

    async fn board(&self) -> Arc<Postgres> {
        Arc::new(Postgres::connect(&self.server.address()).await.unwrap())
    }

    fn query(&self, query: &str) -> String {
        self.server.query(query).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_a_boards_promises() {
    let database = Database::start();
    boards_suite::keeps_its_promises(&*database.board().await).await;
    boards_suite::holds_under_contention(database.board().await).await;
}

/// Two processes that have nothing in common but the database: one message of an identity is taken, by one of them, and a
/// round leaves a phase once.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_take_a_message_once() {
    let database = Database::start();
    let boards = [database.board().await, database.board().await];
    let (taking, closed) = (aggregator::board::Phase(10), aggregator::board::Phase(11));
    let slot = aggregator::board::Slot(1);
    for round in 1..=20 {
        let id = RoundId { task: [1; 32], round };
        boards[0].open(id, taking, [0; 32], 1).await.unwrap();
        let post = |i: usize| {
            let board = Arc::clone(&boards[i]);
            async move { board.post(id, taking, boards_suite::who(1), &[(slot, vec![i as u8])]).await.unwrap() }
        };
        let (first, second) = tokio::join!(post(0), post(1));
        let new = [first, second].iter().filter(|posted| **posted == aggregator::board::Posted::New).count();
        assert_eq!(new, 1, "{first:?} and {second:?}");
        let leave = |i: usize| {
            let board = Arc::clone(&boards[i]);
            let step =
                aggregator::board::Step { from: taking, to: closed, now_ms: 2, reason: "", document: None, erase: &[] };
            async move { board.advance(id, step).await.unwrap() }
        };
        let (first, second) = tokio::join!(leave(0), leave(1));
        assert!(first ^ second, "a phase is left once");
        let lease = |i: usize| {
            let board = Arc::clone(&boards[i]);
            async move { board.lease(id, i as u64, 1, 100).await.unwrap() }
        };
        let (first, second) = tokio::join!(lease(0), lease(1));
        assert!(!(first && second), "a lease is one process's");
    }
}

/// Two services, as it were, with nothing in common but the database; one of them goes away in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn services_share_rounds_and_any_may_go() {
    let database = Database::start();
    let world = World::committee(6, (2, 2), |_| {});
    let first = world.serve(database.board().await).await;
    let second = world.serve(database.board().await).await;
    let folder = tempfile::tempdir().unwrap();
    let members = world.start_members(&[0, 1], folder.path(), second.address());
    for i in 0..3 {
        world.contribute(i, first.address()).await.unwrap();
    }
    // Something else from one who contributed at the other service is refused here.
    let again = world.contribute(0, second.address()).await;
    assert_eq!(again.err().map(|e| e.code().to_owned()).as_deref(), Some("secagg.second"));
    drop(first);
    for i in 3..6 {
        world.contribute(i, second.address()).await.unwrap();
    }
    assert_eq!(counted(&world.result(1, second.address()).await.unwrap()), [0, 1, 2, 3, 4, 5]);
    for member in members {
        member.await.unwrap().unwrap();
    }
}

/// All connections are cut in the middle of a round: nothing that was accepted is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_lost_its_connections_makes_new_ones() {
    let database = Database::start();
    let world = World::committee(3, (2, 2), |_| {});
    let service = world.serve(database.board().await).await;
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    for i in 0..3 {
        world.contribute(i, service.address()).await.unwrap();
        database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    }
    assert_eq!(counted(&world.result(1, service.address()).await.unwrap()), [0, 1, 2]);
}

/// Who reads the whole database finds no value, and after the round not even what was masked.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_in_the_clear_for_psql() {
    let database = Database::start();
    let world = World::committee(3, (2, 2), |draft| draft.length = 8);
    let board = database.board().await;
    let service = world.serve(board.clone()).await;
    let values: Vec<f64> = (0..8).map(|i| 0.123_456_7 + f64::from(i) * 1e-3).collect();
    let input = Input { values: &values, weight: None };
    for i in 0..2 {
        world.client(i, service.address()).contribute(&input, None, soon()).await.unwrap();
    }
    let aggregator::Encoding::Levels(quantiser) = world.terms.encoding() else { panic!("sums are published") };
    let vector = quantiser.encode(&values, &mut fresh().unwrap()).unwrap();
    let dump = database.query("SELECT * FROM privity_rounds") + &database.query("SELECT * FROM privity_messages");
    assert!(dump.contains(&hex::encode(world.terms.digest())), "the dump shows the messages");
    assert!(!dump.contains(&hex::encode(&vector.pack()[..8])));
    for value in &values {
        assert!(!dump.contains(&hex::encode(value.to_le_bytes())) && !dump.contains(&value.to_string()));
    }
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    world.client(2, service.address()).contribute(&input, None, soon()).await.unwrap();
    world.result(1, service.address()).await.unwrap();
    let kept = database.query("SELECT slot FROM privity_messages WHERE content IS NOT NULL AND slot IN (10, 14, 100)");
    assert_eq!(kept.trim(), "", "contributions, deposits and answers are erased");
    let id = RoundId { task: world.terms.digest(), round: 1 };
    assert_eq!(board.status(id).await.unwrap().unwrap().phase, phases::PUBLISHED);
}

#[tokio::test]
async fn an_address_that_is_none_and_a_server_that_is_away_are_errors() {
    for address in ["postgres://user@host:none/rounds", "postgres://privity@%2Fno%2Fsuch%2Ffolder/rounds"] {
        let refused = Postgres::connect(address).await.err().map(|error| error.code().to_owned());
        assert_eq!(refused.as_deref(), Some("aggregator.board"));
    }
}
