//! The validated sum: what clients may say, and what happens to those who say more.

use secagg::testing::{ValidatedRound, World, seeded, task};
use secagg::validated::{Accepted, Collecting, Collector, Combiner, Memory, Statistic, Validation, contribute};
use secagg::{Error, OpenKey, Signer, Task, Vector, committee::Member};

fn setup(statistic: Statistic, len: u32, clients: usize) -> (World, ValidatedRound) {
    let mut world = World::with_seed(1, clients);
    let round = ValidatedRound::new(task(48, len, 2), statistic, &mut world.rng);
    (world, round)
}

fn vector(task: &Task, elements: &[u64]) -> Vector {
    Vector::from_elements(task.ring, elements).unwrap()
}

fn honest(world: &World, round: &ValidatedRound, inputs: &[&[u64]]) -> Vec<Vec<u8>> {
    let mut rng = seeded(3);
    let one = |(client, input): (&Signer, &&[u64])| {
        contribute(&round.task, &round.validation, client, &vector(&round.task, input), &mut rng).unwrap()
    };
    world.clients.iter().zip(inputs).map(one).collect()
}

fn sum(round: &ValidatedRound, world: &World, messages: &[Vec<u8>]) -> (Result<Vec<u64>, Error>, Vec<Error>) {
    let outcome = round.play(world, messages);
    (outcome.sum.map(|sum| sum.elements()), outcome.refused)
}

/// What is asked, what clients contribute, and the sum.
type Case = (Statistic, &'static [&'static [u64]], &'static [u64]);

#[test]
fn statistics_of_honest_clients() {
    let cases: [Case; 5] = [
        (Statistic::Count, &[&[1], &[0], &[1], &[1]], &[3]),
        (Statistic::Sum { greatest: 100 }, &[&[100], &[0], &[7], &[50]], &[157]),
        (
            Statistic::Sum { greatest: u32::MAX.into() },
            &[&[u32::MAX as u64], &[u32::MAX as u64]],
            &[2 * (u32::MAX as u64)],
        ),
        (Statistic::Histogram, &[&[1, 0, 0], &[0, 0, 1], &[0, 0, 1]], &[1, 0, 2]),
        (Statistic::SumVector { greatest: 3 }, &[&[1, 2, 3], &[3, 0, 3]], &[4, 2, 6]),
    ];
    for (statistic, inputs, expected) in cases {
        let (world, round) = setup(statistic, expected.len() as u32, inputs.len());
        let messages = honest(&world, &round, inputs);
        let (contribution, _) = round.validation.bytes(&round.task).unwrap();
        assert!(messages.iter().all(|message| message.len() == contribution), "{statistic:?}");
        assert_eq!(sum(&round, &world, &messages), (Ok(expected.to_vec()), vec![]), "{statistic:?}");
    }
}

#[test]
fn messages_have_the_length_that_parameters_say() {
    let vector = |greatest| Statistic::SumVector { greatest };
    let mut cases = vec![(Statistic::Count, 1)];
    cases.extend([1, 2, 3, 7, 8, 100, u64::from(u32::MAX)].map(|greatest| (Statistic::Sum { greatest }, 1)));
    cases.extend([1, 2, 3, 5, 14, 100, 1000].map(|len| (Statistic::Histogram, len)));
    cases.extend([(vector(1), 1), (vector(1), 2), (vector(3), 7), (vector(100), 33), (vector(65535), 250)]);
    for (statistic, len) in cases {
        let (world, round) = setup(statistic, len, 2);
        let (contribution, verifier) = round.validation.bytes(&round.task).unwrap();
        let mut input = vec![0; len as usize];
        input[0] = 1;
        let messages = honest(&world, &round, &[&input, &input]);
        assert!(messages.iter().all(|message| message.len() == contribution), "{statistic:?} of {len}");
        let mut side = round.aggregator(0, &world, Memory::default());
        messages.iter().for_each(|message| assert!(side.deposit(&round.deposits(&world, message)[0]).is_ok()));
        assert_eq!(side.close().1.len(), 34 + 1 + 64 + 4 + 2 * verifier, "{statistic:?} of {len}");
    }
}

#[test]
fn an_honest_client_refuses_what_is_out_of_range_by_itself() {
    let cases: [(Statistic, &[u64]); 5] = [
        (Statistic::Count, &[2]),
        (Statistic::Sum { greatest: 100 }, &[101]),
        (Statistic::SumVector { greatest: 3 }, &[0, 4]),
        (Statistic::Histogram, &[1, 1]),
        (Statistic::Histogram, &[0, 0]),
    ];
    for (statistic, input) in cases {
        let (world, round) = setup(statistic, input.len() as u32, 2);
        let input = vector(&round.task, input);
        let refused = contribute(&round.task, &round.validation, &world.clients[0], &input, &mut seeded(1));
        assert!(matches!(refused, Err(Error::Vector { .. })), "{statistic:?}");
    }
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let (_, round) = setup(Statistic::Count, 1, 2);
    let [leader, helper] = [0, 1].map(|i| round.validation.aggregators()[i].clone());
    let made = |statistic| Validation::new(leader.clone(), helper.clone(), statistic);
    assert!(made(Statistic::Sum { greatest: 0 }).is_err() && made(Statistic::Sum { greatest: 1 << 32 }).is_err());
    assert!(Validation::new(leader.clone(), leader.clone(), Statistic::Count).is_err(), "one party is not two");
    let same_seal = Member { key: Signer::generate(&mut seeded(9)).public(), seal: leader.seal.clone() };
    assert!(Validation::new(leader.clone(), same_seal, Statistic::Count).is_err());
    let check = |statistic, bits, len| made(statistic).unwrap().check(&task(bits, len, 2));
    assert!(check(Statistic::Count, 8, 1).is_ok() && check(Statistic::Count, 8, 2).is_err());
    assert!(check(Statistic::Sum { greatest: 200 }, 8, 1).is_err(), "two times 200 is not below 256");
    assert!(check(Statistic::SumVector { greatest: u32::MAX.into() }, 64, 1 << 15).is_ok());
    assert!(check(Statistic::SumVector { greatest: u32::MAX.into() }, 64, (1 << 15) + 1).is_err());
}

/// A client that says more than it may: its message is made under other parameters, and signed for this round.
#[test]
fn a_liar_is_refused_by_both_and_the_others_are_summed() {
    let (world, round) = setup(Statistic::Sum { greatest: 100 }, 1, 4);
    let mut messages = honest(&world, &round, &[&[100], &[1], &[2], &[3]]);
    let culprit = world.clients[1].identity();
    messages[1] = round.lie(&world.clients[1], Statistic::Sum { greatest: 1000 }, &[1000], &mut seeded(4));
    let (result, refused) = sum(&round, &world, &messages);
    assert_eq!(result, Ok(vec![100 + 2 + 3]));
    // The leader's share is too long; the helper's is a seed, of which the leader has no counterpart.
    let messages_of = ["input share", "other aggregator's input share"];
    assert_eq!(refused, messages_of.map(|message| Error::Sealed { message, culprit }));
    // Numbers up to 127 take as many bits as those up to 100, so that its shares are well formed, and its proof is right.
    // But then the seventh bit stands for 37, not 64: the greatest of them is read as 100, and nothing above is possible.
    messages[1] = round.lie(&world.clients[1], Statistic::Sum { greatest: 127 }, &[127], &mut seeded(4));
    assert_eq!(sum(&round, &world, &messages), (Ok(vec![100 + 100 + 2 + 3]), vec![]));
}

#[test]
fn whoever_chooses_two_buckets_or_alters_a_share_is_named_by_both() {
    let (world, round) = setup(Statistic::Histogram, 4, 4);
    let mut messages = honest(&world, &round, &[&[1, 0, 0, 0], &[0, 1, 0, 0], &[0, 0, 0, 1], &[0, 0, 0, 1]]);
    let culprit = world.clients[2].identity();
    let what = "its contribution is not in its range";
    // Each element is 0 or 1, as in a vector of sums, but there are two of them.
    messages[2] = round.lie(&world.clients[2], Statistic::SumVector { greatest: 1 }, &[1, 0, 1, 0], &mut seeded(4));
    assert_eq!(sum(&round, &world, &messages), (Ok(vec![1, 1, 0, 1]), vec![Error::Broken { culprit, what }; 2]));
    // The right form, and a number that is 2, 0 or −1 in the first bucket.
    messages[2] = round.alter(&world.clients[2], &[0, 0, 0, 1], |_, leader, _| leader[0] ^= 1, &mut seeded(5));
    assert_eq!(sum(&round, &world, &messages), (Ok(vec![1, 1, 0, 1]), vec![Error::Broken { culprit, what }; 2]));
    // The helper's seed, and the public parts of the joint randomness.
    messages[2] = round.alter(&world.clients[2], &[0, 0, 0, 1], |_, _, helper| helper[0] ^= 1, &mut seeded(5));
    assert_eq!(sum(&round, &world, &messages), (Ok(vec![1, 1, 0, 1]), vec![Error::Broken { culprit, what }; 2]));
    messages[2] = round.alter(&world.clients[2], &[0, 0, 0, 1], |public, _, _| public[40] ^= 1, &mut seeded(5));
    assert_eq!(sum(&round, &world, &messages), (Ok(vec![1, 1, 0, 1]), vec![Error::Broken { culprit, what }; 2]));
}

#[test]
fn a_second_contribution_a_stranger_and_another_round_are_refused() {
    let (world, round) = setup(Statistic::Count, 1, 3);
    let mut messages = honest(&world, &round, &[&[1], &[1], &[0]]);
    let mut rng = seeded(5);
    let made = |task: &Task, signer: &Signer, rng: &mut _| {
        contribute(task, &round.validation, signer, &vector(task, &[1]), rng).unwrap()
    };
    let stranger = Signer::generate(&mut rng);
    let next = Task { round: 2, ..round.task };
    messages.push(made(&round.task, &world.clients[0], &mut rng));
    messages.push(messages[1].clone());
    messages.push(made(&round.task, &stranger, &mut rng));
    messages.push(made(&next, &world.clients[2], &mut rng));
    let mut altered = messages[2].clone();
    *altered.last_mut().unwrap() ^= 1;
    messages.insert(2, altered);
    let (count, refused) = sum(&round, &world, &messages);
    assert_eq!(count, Ok(vec![2]));
    let culprit = world.clients[0].identity();
    let altered = Error::Broken { culprit: world.clients[2].identity(), what: "a box is not the one that was signed" };
    let strange = Error::NotEnrolled { culprit: stranger.identity() };
    let second = Error::Second { message: "contribution", culprit };
    assert_eq!(refused, [altered, second, strange, Error::OtherRound { message: "contribution" }]);
}

/// A service that gives one aggregator another contribution of the same client: they do not belong together.
#[test]
fn aggregators_that_are_given_different_contributions_leave_the_client_out() {
    let (world, round) = setup(Statistic::Count, 1, 3);
    let messages = honest(&world, &round, &[&[1], &[1], &[0]]);
    let second =
        contribute(&round.task, &round.validation, &world.clients[0], &vector(&round.task, &[1]), &mut seeded(8));
    let second = second.unwrap();
    let mut sides = [round.aggregator(0, &world, Memory::default()), round.aggregator(1, &world, Memory::default())];
    for (i, message) in messages.iter().enumerate() {
        for (position, side) in sides.iter_mut().enumerate() {
            let message = if (i, position) == (0, 1) { &second } else { message };
            side.deposit(&round.deposits(&world, message)[position]).unwrap();
        }
    }
    let refused = Error::Second { message: "contribution", culprit: world.clients[0].identity() };
    assert_eq!(sides[0].deposit(&round.deposits(&world, &second)[0]).err(), Some(refused), "one query for one client");
    let [leader, helper] = sides;
    let (leader, _) = leader.close();
    let (_, verifiers) = helper.close();
    let (leader, refused) = leader.verifiers(&verifiers).unwrap();
    let culprit = world.clients[0].identity();
    assert_eq!(refused, [Error::Sealed { message: "other aggregator's input share", culprit }]);
    let list = round.closed(&world, &messages).proposal();
    assert_eq!(leader.check_proposal(&list).err(), Some(Error::Unaccepted { missing: vec![culprit] }));
}

#[test]
fn verifier_shares_and_answers_are_those_of_the_other_in_this_round() {
    let (world, round) = setup(Statistic::Count, 1, 3);
    let messages = honest(&world, &round, &[&[1], &[1], &[0]]);
    let filled = |position: usize| -> Collecting<_> {
        let mut side = round.aggregator(position, &world, Memory::default());
        for message in &messages {
            side.deposit(&round.deposits(&world, message)[position]).unwrap();
        }
        side
    };
    let (_, helper) = filled(1).close();
    let whose = round.validation.verifiers_of(&round.task, &helper);
    assert_eq!(whose, Ok(round.validation.aggregators()[1].key.identity()));
    assert_eq!(filled(1).close().1, helper, "the same again after a restart: a proof is queried in one way");
    let (side, own) = filled(0).close();
    assert!(matches!(side.verifiers(&own), Err(Error::Broken { .. })), "its own shares are not the other's");
    for at in (0..helper.len()).step_by(5) {
        let mut altered = helper.clone();
        altered[at] ^= 1;
        assert!(filled(0).close().0.verifiers(&altered).is_err(), "byte {at}");
    }
    assert!(filled(0).close().0.verifiers(&helper[..helper.len() - 1]).is_err());
    let next = ValidatedRound { task: Task { round: 2, ..round.task }, ..round.clone() };
    let (_, other) = next.aggregator(1, &world, Memory::default()).close();
    let refused = filled(0).close().0.verifiers(&other).err();
    assert_eq!(refused, Some(Error::OtherRound { message: "verifier shares" }));
    // An aggregator that says nothing of a client leaves it out, and says whom.
    let (_, empty) = round.aggregator(1, &world, Memory::default()).close();
    assert_eq!(filled(0).close().0.verifiers(&empty).unwrap().1.len(), 3);
}

/// Only for one list a round, over restarts, and never below the minimum.
#[test]
fn no_two_lists_are_answered_and_none_below_the_minimum() {
    let (world, round) = setup(Statistic::Count, 1, 4);
    let messages = honest(&world, &round, &[&[1], &[1], &[0], &[1]]);
    let ready = |position: usize, memory| round.verified(&world, &messages, position, memory);
    let mut all = round.closed(&world, &messages);
    let mut fewer = round.closed(&world, &messages[..3]);
    let mut memories = vec![];
    let (mut frozen, mut waiting) = (None, vec![]);
    for position in 0..2 {
        let side = ready(position, Memory::default());
        let approved = side.check_proposal(&all.proposal()).unwrap();
        let (next, memory, vote) = side.vote(approved);
        assert!(fewer.vote(&vote).is_err(), "a vote for another list");
        frozen = all.vote(&vote).unwrap().or(frozen);
        memories.push(memory);
        waiting.push(next);
    }
    let equivocation = Some(Error::Equivocation { message: "inclusion list" });
    let again = ready(0, memories[0]);
    assert_eq!(again.check_proposal(&fewer.proposal()).err(), equivocation, "started again, for another list");
    assert!(again.check_proposal(&all.proposal()).is_ok());
    let frozen = frozen.unwrap();
    let bytes = frozen.encode(&round.task, &round.validation);
    let mut combiner = Combiner::new(round.task, round.validation.clone(), frozen.clone()).unwrap();
    let (memory, answer) = again.abstain().answer(&bytes).unwrap();
    assert_eq!(memory, memories[0]);
    combiner.answer(&answer).unwrap();
    combiner.answer(&answer).unwrap();
    for at in (0..answer.len()).step_by(3) {
        let mut altered = answer.clone();
        altered[at] ^= 1;
        assert!(combiner.answer(&altered).is_err(), "byte {at}");
    }
    let alone = Combiner::new(round.task, round.validation.clone(), frozen.clone()).unwrap();
    assert_eq!(alone.finish().err(), Some(Error::TooFew { what: "aggregators that answered", have: 0, need: 2 }));
    combiner.answer(&waiting.remove(1).answer(&bytes).unwrap().1).unwrap();
    assert_eq!(combiner.finish().unwrap().elements(), [3]);

    // A list below the minimum: of a collector that is in a round with a lower one, made to look like this round's.
    let strict = ValidatedRound { task: Task { minimum: 4, ..round.task }, ..round.clone() };
    let mut forged = fewer.proposal();
    let own = honest(&world, &strict, &[&[1], &[1], &[0], &[1]]);
    forged[2..34].copy_from_slice(&own[0][2..34]);
    let refused = strict.verified(&world, &own, 0, Memory::default()).check_proposal(&forged).err();
    assert_eq!(refused, Some(Error::TooFew { what: "contributions on the list", have: 3, need: 4 }));
    let mut collector = Collector::new(strict.task, strict.validation.clone(), &world.enrolled).unwrap();
    assert!(matches!(collector.accept(&own[0]), Ok(Accepted::New { .. })));
    assert!(collector.close().is_err());
}

#[test]
fn a_share_of_another_sum_is_noticed_and_strangers_are_no_aggregators() {
    let (world, round) = setup(Statistic::Sum { greatest: 9 }, 1, 3);
    let messages = honest(&world, &round, &[&[1], &[2], &[9]]);
    // The second aggregator answers with a share of nothing in particular.
    let outcome = round.play_with(&world, &messages, |position, mut share| {
        if position == 1 {
            share[0] ^= 1;
            share[5] ^= 77;
        }
        share
    });
    assert!(matches!(outcome.sum, Err(Error::AnswersDiffer { .. })), "its sum is no sum of three numbers up to 9");

    let mut rng = seeded(7);
    let (signer, open) = (Signer::generate(&mut rng), OpenKey::generate(&mut rng));
    let joined =
        Collecting::new(round.task, round.validation.clone(), signer, open, &world.enrolled, Memory::default());
    assert!(matches!(joined.err(), Some(Error::Parameter { .. })));
}
