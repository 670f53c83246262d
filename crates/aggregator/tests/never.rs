//! What must never happen, each against the service as it is run. What a client or an aggregator itself refuses (both mask
//! kinds of one client, two survivor sets, a share that was altered) is in the tests of `secagg`.

mod common;

use std::sync::Arc;

use aggregator::board::{Board, Embedded, InMemory, Phase, Posted, RoundId, Slot};
use aggregator::{Encoding, Error, Input, Rounds, Stage, fresh, phases, signer};
use common::{World, counted, reopened, soon};
use net::KeyPair;
use secagg::quantise::Quantiser;
use secagg::{Identity, committee};

fn identity(key: &KeyPair) -> Identity {
    Identity(*key.identity().as_bytes())
}

fn quantiser(world: &World) -> &Quantiser {
    let Encoding::Levels(quantiser) = world.terms.encoding() else { panic!("sums are published") };
    quantiser
}

/// A client's message, as it would send it.
fn contribution(world: &World, i: usize, round: u64) -> Vec<u8> {
    weighted(world, i, round, None)
}

fn weighted(world: &World, i: usize, round: u64, weight: Option<u32>) -> Vec<u8> {
    let aggregator::Protocol::Committee(committee) = world.terms.protocol() else { panic!("a committee") };
    let mut rng = fresh().unwrap();
    let (quantiser, digit) = (quantiser(world), world.digit(i));
    let vector = match weight {
        Some(weight) => quantiser.encode_weighted(&digit, weight, &mut rng).unwrap(),
        None => quantiser.encode(&digit, &mut rng).unwrap(),
    };
    committee::contribute(&world.terms.task(round), committee, &signer(&world.clients[i]), &vector, &mut rng).unwrap()
}

async fn post(rounds: &Rounds, world: &World, i: usize, message: &[u8], now: u64) -> Result<Posted, Error> {
    rounds.receive(1, Stage::Contribution, identity(&world.clients[i]), message, now).await
}

fn code<T>(result: Result<T, Error>) -> String {
    result.err().map(|error| error.code().to_owned()).unwrap_or_default()
}

async fn opened(world: &World) -> Rounds {
    let rounds = world.rounds(Arc::new(InMemory::default()));
    rounds.drive(0).await.unwrap();
    rounds
}

#[tokio::test]
async fn a_round_under_its_minimum_is_not_published() {
    let world = World::committee(5, (2, 2), |draft| draft.minimum = 4);
    let rounds = opened(&world).await;
    for i in 0..3 {
        post(&rounds, &world, i, &contribution(&world, i, 1), 1).await.unwrap();
    }
    assert_eq!(rounds.progress(1, 1).await.unwrap().phase, phases::COLLECT, "three of five: there is time left");
    rounds.drive(1 + 20_000).await.unwrap();
    let progress = rounds.progress(1, 20_001).await.unwrap();
    assert_eq!((progress.phase, progress.reason.as_str()), (phases::FAILED, "3 contributions, but 4 are needed"));
    assert_eq!(code(rounds.published(1, identity(&world.clients[0])).await), "aggregator.round-failed");
}

#[tokio::test]
async fn a_second_contribution_does_not_count() {
    let world = World::committee(3, (2, 2), |_| {});
    let rounds = opened(&world).await;
    let (first, second) = (contribution(&world, 0, 1), contribution(&world, 0, 1));
    assert_eq!(post(&rounds, &world, 0, &first, 1).await.unwrap(), Posted::New);
    assert_eq!(post(&rounds, &world, 0, &first, 1).await.unwrap(), Posted::Repeated);
    assert_eq!(code(post(&rounds, &world, 0, &second, 1).await), "secagg.second");
    assert_eq!(rounds.progress(1, 1).await.unwrap().have, 1);
    // Nor does one in the name of another.
    let of_another = contribution(&world, 2, 1);
    assert_eq!(code(post(&rounds, &world, 1, &of_another, 1).await), "aggregator.forbidden");
}

#[tokio::test]
async fn a_late_contribution_does_not_count_in_any_part() {
    let world = World::committee(4, (2, 2), |_| {});
    let board = Arc::new(InMemory::default());
    let rounds = world.rounds(board.clone());
    rounds.drive(0).await.unwrap();
    for i in 0..3 {
        post(&rounds, &world, i, &contribution(&world, i, 1), 1).await.unwrap();
    }
    rounds.drive(20_001).await.unwrap();
    assert_eq!(rounds.progress(1, 20_001).await.unwrap().phase, phases::CHECK);
    assert_eq!(code(post(&rounds, &world, 3, &contribution(&world, 3, 1), 20_002).await), "aggregator.late");
    // Neither the vector nor a digest nor a deposit of it is anywhere.
    let id = RoundId { task: world.terms.digest(), round: 1 };
    for slot in (0..200).map(Slot) {
        let senders = board.senders(id, slot).await.unwrap();
        assert!(!senders.contains(&identity(&world.clients[3])), "{slot:?}");
    }
}

/// One aggregator could otherwise keep any round from being summed, or leave one client among its friends.
#[tokio::test]
async fn an_aggregator_that_leaves_out_most_clients_is_not_heard() {
    let mut lists = vec![];
    for names in [4, 1] {
        let world = World::committee(4, (3, 2), |_| {});
        let rounds = opened(&world).await;
        for i in 0..4 {
            post(&rounds, &world, i, &contribution(&world, i, 1), 1).await.unwrap();
        }
        rounds.drive(2).await.unwrap();
        let review: Vec<u8> = world.clients[..names].iter().flat_map(|client| identity(client).0).collect();
        for (member, said) in world.members.iter().zip([&review[..], &[], &[]]) {
            rounds.receive(1, Stage::Review, identity(member), said, 3).await.unwrap();
        }
        rounds.drive(4).await.unwrap();
        assert_eq!(rounds.progress(1, 5).await.unwrap().phase, phases::VOTE, "{names} were named");
        lists.push(rounds.list(1, identity(&world.members[1])).await.unwrap().len());
    }
    // An identity and a digest less.
    assert_eq!(lists[0] - lists[1], 64, "of four, one may be named");
}

#[tokio::test]
async fn an_altered_message_is_noticed() {
    let world = World::committee(3, (2, 2), |_| {});
    let rounds = opened(&world).await;
    let message = contribution(&world, 0, 1);
    for at in (0..message.len()).step_by(7) {
        let mut altered = message.clone();
        altered[at] ^= 1;
        assert!(post(&rounds, &world, 0, &altered, 1).await.is_err(), "byte {at}");
    }
    assert!(post(&rounds, &world, 0, &message[1..], 1).await.is_err());
    assert_eq!(rounds.progress(1, 1).await.unwrap().phase, phases::WAITING, "none of them even started the round");
}

#[tokio::test]
async fn a_message_of_another_round_is_refused() {
    let world = World::committee(3, (2, 2), |draft| draft.rounds = 2);
    let rounds = opened(&world).await;
    assert_eq!(code(post(&rounds, &world, 0, &contribution(&world, 0, 2), 1).await), "secagg.other-round");
    let other = World::committee(3, (2, 2), |draft| draft.name = "another".into());
    assert_eq!(code(post(&rounds, &world, 0, &contribution(&other, 0, 1), 1).await), "secagg.other-round");
}

/// A service that wants two sums that differ by one client runs the same round twice, on two boards. The aggregators support
/// one list of a round, whatever happens: also if they were started again in between.
#[tokio::test(flavor = "multi_thread")]
async fn no_two_sums_of_one_round_differ_by_a_client() {
    let world = World::committee(5, (2, 2), |draft| {
        draft.collect_seconds = 0.3;
        draft.answer_seconds = 1.5;
    });
    let folder = tempfile::tempdir().unwrap();
    let messages: Vec<Vec<u8>> = (0..5).map(|i| contribution(&world, i, 1)).collect();
    for (run, clients) in [(0, 5), (1, 4)] {
        let board = Arc::new(InMemory::default());
        let rounds = world.rounds(board.clone());
        rounds.drive(now_ms()).await.unwrap();
        for (i, message) in messages.iter().enumerate().take(clients) {
            post(&rounds, &world, i, message, now_ms()).await.unwrap();
        }
        let service = world.serve(board).await;
        let members = world.start_members(&[0, 1], folder.path(), service.address());
        let outcome = world.result(1, service.address()).await;
        match run {
            0 => assert_eq!(counted(&outcome.unwrap()), [0, 1, 2, 3, 4]),
            _ => assert!(matches!(outcome, Err(Error::RoundFailed { .. })), "a second list was answered"),
        }
        members.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn a_crash_does_not_lose_what_was_accepted() {
    let world = World::committee(4, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.redb");
    for i in 0..4 {
        let rounds = world.rounds(reopened(&file).await);
        rounds.drive(1).await.unwrap();
        post(&rounds, &world, i, &contribution(&world, i, 1), 1).await.unwrap();
        // Here it ends, without a word to the board.
    }
    let rounds = world.rounds(reopened(&file).await);
    assert_eq!(rounds.progress(1, 1).await.unwrap().have, 4);
}

/// The board's file holds no value in any form that it could have: bytes of doubles, levels, text.
#[tokio::test(flavor = "multi_thread")]
async fn no_value_and_no_weight_is_in_the_clear_on_the_board() {
    let world = World::committee(3, (2, 2), |draft| {
        draft.length = 8;
        draft.weights = Some(1_000_000);
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.redb");
    let board = Arc::new(Embedded::open(&file).unwrap());
    let service = world.serve(board).await;
    let values: Vec<f64> = (0..8).map(|i| 0.123_456_7 + f64::from(i) * 1e-3).collect();
    let weight = 777_777;
    // Two of three: the round is still open, so that nothing was erased yet.
    for i in 0..2 {
        let input = Input { values: &values, weight: Some(weight) };
        world.client(i, service.address()).contribute(&input, None, soon()).await.unwrap();
    }
    drop(service);
    drop(reopened(&file).await);
    let bytes = std::fs::read(&file).unwrap();
    let vector = quantiser(&world).encode_weighted(&values, weight, &mut fresh().unwrap()).unwrap();
    let mut patterns: Vec<Vec<u8>> = vec![vector.pack()[..16].to_vec(), b"0.123456".to_vec(), b"777777".to_vec()];
    patterns.extend(vector.elements().iter().map(|element| element.to_le_bytes()[..6].to_vec()));
    patterns.extend(values.iter().flat_map(|value| [value.to_le_bytes().to_vec(), value.to_be_bytes().to_vec()]));
    for pattern in patterns {
        assert!(!bytes.windows(pattern.len()).any(|window| window == pattern), "{pattern:?} is on the board");
    }
}

/// What the service gets from a client says nothing of its weight: neither its length nor anything outside of the mask.
#[tokio::test]
async fn a_weight_changes_nothing_that_the_service_can_see() {
    let world = World::committee(3, (2, 2), |draft| draft.weights = Some(1000));
    let (light, heavy) = (weighted(&world, 0, 1, Some(0)), weighted(&world, 0, 1, Some(1000)));
    assert_eq!(light.len(), heavy.len());
    let same = light.iter().zip(&heavy).filter(|(a, b)| a == b).count();
    // Version, kind, context and public key are the same; all else is masked, sealed or a digest, where one byte in 256 is.
    assert!(same < 66 + light.len() / 32, "{same} of {} bytes are the same", light.len());
}

#[tokio::test]
async fn aggregators_tell_the_list_only_to_aggregators_and_results_to_no_stranger() {
    let world = World::committee(3, (2, 2), |_| {});
    let rounds = opened(&world).await;
    let client = identity(&world.clients[0]);
    assert_eq!(code(rounds.list(1, client).await), "aggregator.forbidden");
    assert_eq!(code(rounds.deposits(1, client, None).await), "aggregator.forbidden");
    assert_eq!(code(rounds.published(1, identity(&common::key(77))).await), "aggregator.forbidden");
    let vote = rounds.receive(1, Stage::Vote, client, &[0; 64], 1).await;
    assert_eq!(code(vote), "aggregator.early");
    assert_eq!(phases::name(Phase(10)), "collect");
}
