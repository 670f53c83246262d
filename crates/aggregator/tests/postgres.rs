//! The board in PostgreSQL, against a server that the test starts by itself.

mod boards_suite;
mod common;
mod shared;

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

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_take_a_message_once() {
    let database = Database::start();
    boards_suite::two_take_a_message_once([database.board().await, database.board().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_share_rounds_and_any_may_go() {
    let database = Database::start();
    shared::services_share_rounds([database.board().await, database.board().await]).await;
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
