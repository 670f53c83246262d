//! Rounds of the validated sum over TLS, with clients that lie beyond their range.

mod common;

use std::path::Path;
use std::sync::Arc;

use aggregator::board::{Board, InMemory};
use aggregator::{Aggregate, Error, Input, Kind, Protocol, Stage, Terms, fresh, open_key, phases, signer};
use common::{World, counted, port, reopened, soon};
use secagg::testing::ValidatedRound;
use secagg::validated::{Collecting, Memory, Statistic};

/// The round as its parameters are known to everyone; nobody's secrets are in it.
fn round(world: &World) -> ValidatedRound {
    let Protocol::Validated(validation) = world.terms.protocol() else { panic!("a validated sum") };
    ValidatedRound { task: world.terms.task(1), validation: validation.as_ref().clone(), secrets: Default::default() }
}

/// Sends a message as a client that kept it would: over TLS, through the service.
async fn send(world: &World, i: usize, message: &[u8], folder: &Path, at: std::net::SocketAddr) -> Result<u64, Error> {
    let kept = folder.join(format!("kept-{i}"));
    let head = [&b"privity contribution v1\n"[..], &world.terms.digest(), &1u64.to_le_bytes()].concat();
    std::fs::write(&kept, [&head, message].concat()).unwrap();
    let values = vec![0.0; world.terms.draft().length as usize];
    world.client(i, at).resuming(&kept).contribute(&Input { values: &values, weight: None }, Some(1), soon()).await
}

/// A contribution whose leader's share of the first number was altered: its sender may have meant any other number.
fn out_of_range(world: &World, i: usize) -> Vec<u8> {
    let digit: Vec<u64> = world.digit(i).iter().map(|&value| value as u64).collect();
    round(world).alter(&signer(&world.clients[i]), &digit, |_, leader, _| leader[0] ^= 2, &mut fresh().unwrap())
}

fn left_out(aggregate: &Aggregate) -> Vec<String> {
    aggregate.left_out.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_is_left_out_by_name_and_the_others_are_summed() {
    let world = World::validated(6, (Kind::SumVector, Some(1)), |_| {});
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let members = world.start_members(&[0, 1], folder.path(), service.address());
    for i in [0, 1, 3, 4, 5] {
        assert_eq!(world.contribute(i, service.address()).await.unwrap(), 1);
    }
    send(&world, 2, &out_of_range(&world, 2), folder.path(), service.address()).await.unwrap();
    let sum = world.result(1, service.address()).await.unwrap();
    assert_eq!(counted(&sum), [0, 1, 3, 4, 5]);
    assert_eq!(left_out(&sum), [world.clients[2].identity().to_string()]);
    let standing = world.client(2, service.address()).standing(Some(1), soon()).await.unwrap();
    assert_eq!(standing.left_out, left_out(&sum), "the liar can see it, too");
    for member in members {
        member.await.unwrap().unwrap();
    }
}

/// Terms (kind, greatest, length), what clients contribute, and the sum.
type Case = (Kind, Option<u64>, u32, [&'static [f64]; 3], &'static [f64]);

#[tokio::test(flavor = "multi_thread")]
async fn counts_sums_and_histograms() {
    let cases: [Case; 3] = [
        (Kind::Count, None, 1, [&[1.0], &[0.0], &[1.0]], &[2.0]),
        (Kind::Sum, Some(150), 1, [&[150.0], &[41.0], &[0.0]], &[191.0]),
        (Kind::Histogram, None, 3, [&[0.0, 1.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &[0.0, 2.0, 1.0]),
    ];
    for (kind, greatest, length, values, expected) in cases {
        let world = World::validated(3, (kind, greatest), |draft| draft.length = length);
        let service = world.serve(Arc::new(InMemory::default())).await;
        let folder = tempfile::tempdir().unwrap();
        let _members = world.start_members(&[0, 1], folder.path(), service.address());
        for (i, values) in values.iter().enumerate() {
            let input = Input { values, weight: None };
            world.client(i, service.address()).contribute(&input, None, soon()).await.unwrap();
        }
        let sum = world.result(1, service.address()).await.unwrap();
        assert_eq!((sum.sum.as_slice(), sum.contributions), (expected, 3), "{kind:?}");
        let mean: Vec<f64> = expected.iter().map(|sum| sum / 3.0).collect();
        assert_eq!((sum.mean, sum.left_out), (mean, vec![]));
    }
}

#[tokio::test]
async fn a_client_refuses_by_itself_what_is_out_of_range() {
    for (kind, greatest, values) in [
        (Kind::Sum, Some(10), vec![11.0]),
        (Kind::Sum, Some(10), vec![-1.0]),
        (Kind::Sum, Some(10), vec![0.5]),
        (Kind::Sum, Some(10), vec![f64::NAN]),
        (Kind::Count, None, vec![2.0]),
        (Kind::Histogram, None, vec![1.0, 1.0]),
        (Kind::Histogram, None, vec![0.0, 0.0]),
    ] {
        let world = World::validated(3, (kind, greatest), |draft| draft.length = values.len() as u32);
        let service = world.serve(Arc::new(InMemory::default())).await;
        let input = Input { values: &values, weight: None };
        let refused = world.client(0, service.address()).contribute(&input, None, soon()).await;
        assert_eq!(refused.err().map(|e| e.code().to_owned()).as_deref(), Some("secagg.vector"), "{kind:?} {values:?}");
    }
}

/// The service and both aggregators end in the middle, and come back.
#[tokio::test(flavor = "multi_thread")]
async fn restarts_lose_nothing() {
    let world = World::validated(4, (Kind::SumVector, Some(1)), |draft| draft.rounds = 2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.redb");
    let at = port();
    let mut service = world.serve_at(reopened(&file).await, at).await;
    for round in 1..=2 {
        for i in 0..4 {
            let digit = world.digit(i);
            let input = Input { values: &digit, weight: None };
            assert_eq!(world.client(i, at).contribute(&input, Some(round), soon()).await.unwrap(), round);
        }
        // One aggregator verifies alone, and ends with what it has in memory.
        let alone = world.start_members(&[0], folder.path(), at);
        let client = world.client(0, at);
        loop {
            let standing = client.standing(Some(round), soon()).await.unwrap();
            if (standing.phase.as_str(), standing.have) == ("verify", 1) {
                break;
            }
            tokio::task::yield_now().await;
        }
        alone.iter().for_each(tokio::task::JoinHandle::abort);
        drop(service);
        service = world.serve_at(reopened(&file).await, at).await;
        let members = world.start_members(&[0, 1], folder.path(), at);
        assert_eq!(counted(&world.result(round, at).await.unwrap()), [0, 1, 2, 3]);
        members.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Whoever leaves out that many could leave one client among its friends; so could liars that are that many.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_with_too_many_liars_fails_and_publishes_nothing() {
    let world = World::validated(6, (Kind::SumVector, Some(1)), |draft| draft.answer_seconds = 2.0);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    for i in 0..4 {
        world.contribute(i, service.address()).await.unwrap();
    }
    for i in 4..6 {
        send(&world, i, &out_of_range(&world, i), folder.path(), service.address()).await.unwrap();
    }
    let Err(Error::RoundFailed { reason, .. }) = world.result(1, service.address()).await else { panic!("published") };
    assert_eq!(reason, "0 aggregators that checked the contributions and can use most of them, but 2 are needed");
}

#[tokio::test]
async fn verifier_shares_are_for_the_other_aggregator_once_both_have_spoken() {
    let world = World::validated(3, (Kind::Count, None), |draft| draft.length = 1);
    let board: Arc<dyn Board> = Arc::new(InMemory::default());
    let rounds = world.rounds(board);
    rounds.drive(0).await.unwrap();
    let round = round(&world);
    let members: Vec<secagg::Identity> =
        world.members.iter().map(|member| secagg::Identity(*member.identity().as_bytes())).collect();
    for client in &world.clients {
        let message = round.lie(&signer(client), Statistic::Count, &[1], &mut fresh().unwrap());
        let from = secagg::Identity(*client.identity().as_bytes());
        rounds.receive(1, Stage::Contribution, from, &message, 1).await.unwrap();
    }
    rounds.drive(2).await.unwrap();
    assert_eq!(rounds.progress(1, 3).await.unwrap().phase, phases::VERIFY);
    let [leader, helper] = [0, 1].map(|position: usize| {
        let (member, validation) = (&world.members[position], round.validation.clone());
        let (signer, open) = (signer(member), open_key(member).unwrap());
        Collecting::new(round.task, validation, signer, open, &world.enrolled, Memory::default()).unwrap().close().1
    });
    let code = |result: Result<_, Error>| result.map(drop).err().map(|error| error.code().to_owned());
    let posted = rounds.receive(1, Stage::Verifiers, members[0], &helper, 3).await;
    assert_eq!(code(posted.map(drop)).as_deref(), Some("aggregator.forbidden"), "in the name of the other");
    rounds.receive(1, Stage::Verifiers, members[0], &leader, 3).await.unwrap();
    assert_eq!(code(rounds.verifiers(1, members[1]).await.map(drop)).as_deref(), Some("aggregator.early"));
    rounds.receive(1, Stage::Verifiers, members[1], &helper, 3).await.unwrap();
    rounds.drive(4).await.unwrap();
    assert_eq!(rounds.verifiers(1, members[0]).await.unwrap(), helper);
    assert_eq!(rounds.verifiers(1, members[1]).await.unwrap(), leader);
    let stranger = secagg::Identity(*world.clients[0].identity().as_bytes());
    assert_eq!(code(rounds.verifiers(1, stranger).await.map(drop)).as_deref(), Some("aggregator.forbidden"));
}

#[test]
fn terms_that_say_what_cannot_be_are_refused() {
    let world = World::validated(3, (Kind::Sum, Some(100)), |draft| draft.length = 1);
    let draft = world.terms.draft();
    let refused = |change: &dyn Fn(&mut aggregator::Draft)| {
        let mut draft = draft.clone();
        change(&mut draft);
        Terms::check(draft).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(&|_| {}), "");
    assert!(refused(&|draft| draft.length = 2).contains("a single number"));
    assert!(refused(&|draft| draft.clip = 1.0).contains("clip"));
    assert!(refused(&|draft| draft.precision = Some(8)).contains("precision"));
    assert!(refused(&|draft| draft.weights = Some(8)).contains("weights"));
    assert!(refused(&|draft| draft.validated.as_mut().unwrap().greatest = None).contains("greatest"));
    assert!(refused(&|draft| draft.validated.as_mut().unwrap().kind = Kind::Count).contains("no `greatest`"));
    assert!(refused(&|draft| draft.validated.as_mut().unwrap().greatest = Some(1 << 52)).contains("2^53"));
    assert!(refused(&|draft| draft.validated.as_mut().unwrap().aggregators.truncate(1)).contains("two aggregators"));
    let twice = |draft: &mut aggregator::Draft| {
        let aggregators = &mut draft.validated.as_mut().unwrap().aggregators;
        aggregators[1] = aggregators[0].clone();
    };
    assert!(refused(&twice).contains("listed twice"));
    let text = world.terms.text().unwrap();
    assert_eq!(Terms::parse(&text).unwrap().digest(), world.terms.digest());
    assert!(text.contains("kind = \"sum\"") && !text.contains("clip"));
}
