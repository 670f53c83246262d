//! The board in NATS JetStream, against a server that the test starts by itself.

mod boards_suite;
mod common;
mod shared;

use std::path::Path;
use std::sync::Arc;

use aggregator::board::{Board, Nats, Phase, Posted, RoundId, Slot};
use aggregator::{Input, fresh, phases};
use common::{World, counted, soon};
use tempfile::TempDir;

/// A server, which goes before its folder does.
struct Server {
    server: testkit::Nats,
    folder: TempDir,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        Server { server: testkit::Nats::start(folder.path()).unwrap(), folder }
    }

    async fn board(&self) -> Arc<Nats> {
        Arc::new(Nats::connect(&self.server.address()).await.unwrap())
    }

    async fn stream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(async_nats::connect(self.server.address()).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_a_boards_promises() {
    let server = Server::start();
    boards_suite::keeps_its_promises(&*server.board().await).await;
    boards_suite::holds_under_contention(server.board().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_take_a_message_once() {
    let server = Server::start();
    boards_suite::two_take_a_message_once([server.board().await, server.board().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_share_rounds_and_any_may_go() {
    let server = Server::start();
    shared::services_share_rounds([server.board().await, server.board().await]).await;
}

/// The server is killed after each contribution: nothing that was accepted is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_board_whose_server_crashed_goes_on() {
    let mut server = Server::start();
    let world = World::committee(3, (2, 2), |_| {});
    let service = world.serve(server.board().await).await;
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    for i in 0..3 {
        world.contribute(i, service.address()).await.unwrap();
        server.server.crash().unwrap();
    }
    assert_eq!(counted(&world.result(1, service.address()).await.unwrap()), [0, 1, 2]);
}

/// Longer than a message of the server may be; another process reads it from the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_message_goes_in_parts() {
    let server = Server::start();
    let (id, phase, slot) = (RoundId { task: [7; 32], round: 1 }, Phase(10), Slot(1));
    let long: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    let board = server.board().await;
    board.open(id, phase, [0; 32], 1).await.unwrap();
    let from = boards_suite::who(1);
    assert_eq!(board.post(id, phase, from, &[(slot, long.clone())]).await.unwrap(), Posted::New);
    let read = server.board().await.read(id, slot, from).await.unwrap();
    assert!(read.as_deref() == Some(&long[..]), "it is the same");
}

/// What is on the board can be written by whoever may write there: a line that is none is an error, and no panic.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_somebody_wrote_into_is_an_error() {
    let server = Server::start();
    let board = server.board().await;
    let id = RoundId { task: [7; 32], round: 1 };
    board.open(id, Phase(10), [0; 32], 1).await.unwrap();
    let subject = format!("privity.log.{}.1", hex::encode(id.task));
    server.stream().await.publish(subject, "{}".into()).await.unwrap().await.unwrap();
    let refused = board.status(id).await.err().map(|error| error.to_string()).unwrap();
    assert!(refused.contains("none of ours"), "{refused}");
}

/// Who reads all that the server keeps finds no value, and after the round not even what was masked.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_in_the_clear_for_the_server() {
    let server = Server::start();
    let world = World::committee(3, (2, 2), |draft| draft.length = 8);
    let board = server.board().await;
    let service = world.serve(board.clone()).await;
    let values: Vec<f64> = (0..8).map(|i| 0.123_456_7 + f64::from(i) * 1e-3).collect();
    let input = Input { values: &values, weight: None };
    for i in 0..2 {
        world.client(i, service.address()).contribute(&input, None, soon()).await.unwrap();
    }
    let aggregator::Encoding::Levels(quantiser) = world.terms.encoding() else { panic!("sums are published") };
    let vector = quantiser.encode(&values, &mut fresh().unwrap()).unwrap();
    let files = everything(server.folder.path());
    let holds = |part: &[u8]| files.windows(part.len()).any(|window| window == part);
    assert!(holds(hex::encode(world.terms.digest()).as_bytes()), "the files show the messages");
    assert!(!holds(&vector.pack()[..8]));
    for value in &values {
        assert!(!holds(&value.to_le_bytes()) && !holds(value.to_string().as_bytes()));
    }
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    world.client(2, service.address()).contribute(&input, None, soon()).await.unwrap();
    world.result(1, service.address()).await.unwrap();
    let id = RoundId { task: world.terms.digest(), round: 1 };
    assert_eq!(board.status(id).await.unwrap().unwrap().phase, phases::PUBLISHED);
    let stream = server.stream().await.get_stream("privity-board").await.unwrap();
    for slot in [10, 14, 100] {
        let subject = format!("privity.content.{}.1.{slot}", hex::encode(id.task));
        let left = stream.get_last_raw_message_by_subject(&subject).await;
        assert!(left.is_err(), "contributions, deposits and answers are erased");
    }
}

/// All bytes of all files below a folder.
fn everything(folder: &Path) -> Vec<u8> {
    let mut bytes = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(everything(&path));
        } else {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes
}

#[tokio::test]
async fn an_address_that_is_none_and_a_server_that_is_away_are_errors() {
    for address in ["nats://:none", "nats://127.0.0.1:1"] {
        let refused = Nats::connect(address).await.err().map(|error| error.code().to_owned());
        assert_eq!(refused.as_deref(), Some("aggregator.board"), "{address}");
    }
}
