//! The committee sum, with honest and dishonest company.

use secagg::committee::{Accepted, AwaitFrozen, Collector, Combiner, Committee, Frozen, Lists, Memory, contribute};
use secagg::dp::{Noise, Rational};
use secagg::testing::{Chaos, CommitteeRound, Faultless, Stage, World, digit, digits, task};
use secagg::{Error, OpenKey, Signer, Vector};

/// `clients` clients that contribute their digits to a committee.
fn setup(seed: u64, clients: usize, n: usize, t: usize, q: usize) -> (World, CommitteeRound, Vec<Vector>) {
    let mut world = World::with_seed(seed, clients);
    let task = task(64, clients.div_ceil(32) as u32, 3);
    let corrupt = (2 * q).saturating_sub(n + 1).min(t - 1);
    let round = CommitteeRound::new(task, n, t, q, corrupt, &mut world.rng);
    let inputs = (0..clients).map(|i| digit(&task, i)).collect();
    (world, round, inputs)
}

fn contributions(world: &mut World, round: &CommitteeRound, inputs: &[Vector]) -> Vec<Vec<u8>> {
    let World { rng, clients, .. } = world;
    let one = |(client, input)| contribute(&round.task, &round.committee, client, input, rng).unwrap();
    clients.iter().zip(inputs).map(one).collect()
}

#[test]
fn every_client_counts_once_in_every_form_of_committee() {
    for (n, t, q, alive) in [
        (1, 1, 1, vec![0]),
        (2, 2, 2, vec![0, 1]),
        (3, 3, 3, vec![0, 1, 2]),
        (3, 2, 2, vec![0, 1, 2]),
        (3, 2, 2, vec![2, 0]),
        (5, 3, 3, vec![1, 2, 4]),
    ] {
        let (mut world, round, inputs) = setup(1, 40, n, t, q);
        let outcome = world.run_committee(&round, &inputs, &mut Faultless, &alive).unwrap();
        assert_eq!(digits(&outcome.sum.unwrap(), 40), [1; 40], "{t} of {n}, alive {alive:?}");
        assert!(outcome.refused.is_empty());
    }
}

#[test]
fn two_thousand_clients_many_of_which_misfire() {
    let (mut world, round, inputs) = setup(2, 2000, 3, 3, 3);
    let mut chaos = Chaos::new(3);
    (chaos.drop, chaos.delay, chaos.repeat, chaos.alter) = (20, 5, 10, 5);
    let outcome = world.run_committee(&round, &inputs, &mut chaos, &[0, 1, 2]).unwrap();
    let mut expected = vec![0; 2000];
    outcome.included.iter().for_each(|&i| expected[i] = 1);
    assert_eq!(digits(&outcome.sum.unwrap(), 2000), expected, "nobody twice, nobody half");
    assert!((500..1900).contains(&outcome.included.len()));
    assert!(outcome.refused.iter().any(|error| matches!(error, Error::Late { .. })));
    assert!(outcome.refused.iter().any(|error| matches!(error, Error::Signature { .. })));
}

#[test]
fn too_few_contributions_reveal_nothing() {
    let (mut world, round, inputs) = setup(4, 3, 2, 2, 2);
    let mut lost = |_: Stage, client: usize, message: Vec<u8>| if client == 0 { vec![] } else { vec![message] };
    let outcome = world.run_committee(&round, &inputs, &mut lost, &[0, 1]).unwrap();
    assert!(matches!(outcome.sum, Err(Error::TooFew { have: 2, need: 3, .. })));

    // An aggregator does not rely on the collector for it: a collector with a lower minimum is in another round,
    // and a list under the minimum is refused.
    let mut other = round.task;
    other.minimum = 2;
    let mut collector = Collector::new(other, round.committee.clone(), &world.enrolled).unwrap();
    let mut lower = Vec::new();
    for (client, input) in world.clients.iter().zip(&inputs).take(2) {
        let message = contribute(&other, &round.committee, client, input, &mut world.rng).unwrap();
        collector.accept(&message).unwrap();
        lower.push(message);
    }
    let proposal = collector.close().unwrap().proposal();
    let aggregator = round.aggregator(0, &world, Memory::default()).unwrap();
    assert_eq!(aggregator.check_proposal(&proposal).err(), Some(Error::OtherRound { message: "proposal" }));
    let mut forged = proposal;
    let own = contributions(&mut world, &round, &inputs);
    forged[..2].copy_from_slice(&[1, 3]);
    forged[2..34].copy_from_slice(&own[0][2..34]);
    let aggregator = round.aggregator(0, &world, Memory::default()).unwrap();
    assert!(matches!(aggregator.check_proposal(&forged).err(), Some(Error::TooFew { have: 2, need: 3, .. })));
}

#[test]
fn a_second_contribution_a_stranger_and_another_round_are_refused_everywhere() {
    let (mut world, round, inputs) = setup(5, 4, 2, 2, 2);
    let first = contributions(&mut world, &round, &inputs);
    let second = contributions(&mut world, &round, &inputs);
    let culprit = world.clients[0].identity();
    let mut collector = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    let mut other = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    let mut aggregator = round.aggregator(0, &world, Memory::default()).unwrap();
    let Accepted::New { deposits, .. } = collector.accept(&first[0]).unwrap() else { panic!("it is new") };
    let Accepted::New { deposits: again, .. } = other.accept(&second[0]).unwrap() else { panic!("it is new") };
    aggregator.deposit(&deposits[0]).unwrap();
    aggregator.deposit(&deposits[0]).unwrap();
    assert!(matches!(collector.accept(&first[0]).unwrap(), Accepted::Repeated { .. }));
    let refused = Some(Error::Second { message: "contribution", culprit });
    assert_eq!(collector.accept(&second[0]).err(), refused);
    assert_eq!(aggregator.deposit(&again[0]).err(), refused, "not even if the collector colludes");

    let stranger = Signer::generate(&mut world.rng);
    let message = contribute(&round.task, &round.committee, &stranger, &inputs[0], &mut world.rng).unwrap();
    let refused = Some(Error::NotEnrolled { culprit: stranger.identity() });
    assert_eq!(collector.accept(&message).err(), refused);

    let mut next = round.task;
    next.round += 1;
    let mut collector = Collector::new(next, round.committee.clone(), &world.enrolled).unwrap();
    assert_eq!(collector.accept(&first[0]).err(), Some(Error::OtherRound { message: "contribution" }));
    // Neither does it help to write the new round into the old message.
    let fresh = contribute(&next, &round.committee, &world.clients[1], &inputs[1], &mut world.rng).unwrap();
    let mut forged = first[0].clone();
    forged[..34].copy_from_slice(&fresh[..34]);
    assert_eq!(collector.accept(&forged).err(), Some(Error::Signature { message: "contribution", culprit }));
}

/// A collector that shows two halves of the round different lists.
#[test]
fn two_lists_of_one_round_are_never_both_frozen() {
    let (mut world, round, inputs) = setup(6, 8, 3, 2, 3);
    assert_eq!(round.committee.lists(), Lists::Prevented);
    let messages = contributions(&mut world, &round, &inputs);
    let mut aggregators: Vec<_> = (0..3).map(|i| round.aggregator(i, &world, Memory::default()).unwrap()).collect();
    let mut full = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    let mut less = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    for (i, message) in messages.iter().enumerate() {
        let Accepted::New { deposits, .. } = full.accept(message).unwrap() else { panic!("it is new") };
        aggregators.iter_mut().zip(deposits).for_each(|(to, deposit)| assert!(to.deposit(&deposit).is_ok()));
        if i > 0 {
            less.accept(message).unwrap();
        }
    }
    let (mut full, mut less) = (full.close().unwrap(), less.close().unwrap());
    let third = aggregators.pop().unwrap();
    let mut waiting = vec![];
    for (aggregator, to) in aggregators.into_iter().zip([&mut full, &mut less]) {
        let approved = aggregator.check_proposal(&to.proposal()).unwrap();
        let (next, memory, vote) = aggregator.vote(approved);
        assert_eq!(to.vote(&vote).unwrap(), None);
        waiting.push((next, memory));
    }
    // The third is honest too: whichever list it signs, neither reaches the quorum.
    let approved = third.check_proposal(&full.proposal()).unwrap();
    let (_, _, vote) = third.vote(approved);
    assert_eq!(full.vote(&vote).unwrap(), None);
    assert!(matches!(less.vote(&vote), Err(Error::Broken { .. })), "a vote counts for its own list only");

    // A restarted aggregator remembers, from what it stored, which list it supports.
    let bytes = waiting[0].1.encode(&round.task, &round.committee);
    let memory = Memory::decode(&bytes, &round.task, &round.committee).unwrap();
    let mut again = round.aggregator(0, &world, memory).unwrap();
    let mut collector = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    for message in &messages {
        let Accepted::New { deposits, .. } = collector.accept(message).unwrap() else { panic!("it is new") };
        again.deposit(&deposits[0]).unwrap();
    }
    let refused = Some(Error::Equivocation { message: "inclusion list" });
    assert_eq!(again.check_proposal(&less.proposal()).err(), refused);
    assert!(again.check_proposal(&full.proposal()).is_ok());
}

/// Differencing: a list of one client fewer, signed by a quorum, meets an aggregator that already stands by another.
#[test]
fn no_two_sums_over_the_same_contributions_are_answered() {
    // A quorum of one of three is not enough to prevent two lists, and the committee says so.
    let (mut world, round, inputs) = setup(7, 6, 3, 2, 1);
    assert_eq!(round.committee.lists(), Lists::Assumed);
    assert!(round.committee.assumption().contains("assumed to follow the protocol"));
    let messages = contributions(&mut world, &round, &inputs);
    let mut frozen = vec![];
    let mut honest = round.aggregator(0, &world, Memory::default()).unwrap();
    for skip in [None, Some(0)] {
        let mut collector = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
        let mut liar = round.aggregator(2, &world, Memory::default()).unwrap();
        for (_, message) in messages.iter().enumerate().filter(|(i, _)| Some(*i) != skip) {
            let Accepted::New { deposits, .. } = collector.accept(message).unwrap() else { panic!("it is new") };
            honest.deposit(&deposits[0]).unwrap();
            liar.deposit(&deposits[2]).unwrap();
        }
        let mut closed = collector.close().unwrap();
        let approved = liar.check_proposal(&closed.proposal()).unwrap();
        let signed = closed.vote(&liar.vote(approved).2).unwrap().unwrap();
        frozen.push((closed.proposal(), signed.encode(&round.task, &round.committee)));
    }
    let approved = honest.check_proposal(&frozen[0].0).unwrap();
    let (honest, _, _) = honest.vote(approved);
    let refused = Some(Error::Equivocation { message: "inclusion list" });
    assert_eq!(honest.check_frozen(&frozen[1].1).err(), refused, "even with a quorum behind the second list");
    let first = honest.check_frozen(&frozen[0].1).unwrap();
    // Answering consumes the aggregator's state: there is no second answer to ask for.
    let (_, answer) = honest.answer(&first).unwrap();
    let second = Frozen::decode(&frozen[1].1, &round.task, &round.committee).unwrap();
    let other = secagg::Task { round: 2, ..round.task };
    let refused = Combiner::new(other, round.committee.clone(), second.clone()).err();
    assert_eq!(refused, Some(Error::OtherRound { message: "frozen list" }));
    let mut combiner = Combiner::new(round.task, round.committee.clone(), second).unwrap();
    assert!(matches!(combiner.answer(&answer), Err(Error::Broken { .. })), "the answer fits its own list only");
}

#[test]
fn sealed_seeds_of_another_client_cannot_be_passed_off() {
    // Client 1 copies the body of client 0 and signs it as its own: the aggregators cannot open the boxes for it.
    let (mut world, round, inputs) = setup(8, 4, 2, 2, 2);
    let boxes = 2 * (32 + 16 + 32);
    let messages = contributions(&mut world, &round, &inputs);
    let mut copied = messages[1].clone();
    let cut = messages[0].len() - boxes - round.task.ring.packed_bytes(round.task.len as usize);
    copied[cut..].copy_from_slice(&messages[0][cut..]);
    let mut collector = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    let culprit = world.clients[1].identity();
    assert!(matches!(collector.accept(&copied), Err(Error::Broken { culprit: named, .. }) if named == culprit));
}

/// A round up to its frozen list, with all aggregators.
fn frozen(world: &World, round: &CommitteeRound, messages: &[Vec<u8>]) -> (Frozen, Vec<AwaitFrozen>) {
    let n = round.committee.members().len();
    let mut collector = Collector::new(round.task, round.committee.clone(), &world.enrolled).unwrap();
    let mut aggregators: Vec<_> = (0..n).map(|i| round.aggregator(i, world, Memory::default()).unwrap()).collect();
    for message in messages {
        let Accepted::New { deposits, .. } = collector.accept(message).unwrap() else { panic!("it is new") };
        aggregators.iter_mut().zip(deposits).for_each(|(to, deposit)| assert!(to.deposit(&deposit).is_ok()));
    }
    let mut closed = collector.close().unwrap();
    let proposal = closed.proposal();
    let (mut waiting, mut frozen) = (vec![], None);
    for aggregator in aggregators {
        let approved = aggregator.check_proposal(&proposal).unwrap();
        let (next, _, vote) = aggregator.vote(approved);
        waiting.push(next);
        frozen = closed.vote(&vote).unwrap().or(frozen);
    }
    (frozen.unwrap(), waiting)
}

#[test]
fn aggregators_add_noise_which_is_the_same_when_they_are_asked_again() {
    let noise = Noise::Gaussian { variance: Rational::new(400, 1).unwrap() };
    let task = task(32, 2000, 3);
    let zero = Vector::zeros(task.ring, task.len as usize);
    let sum = |aggregators: usize, clients: usize| {
        let mut world = World::with_seed(21, 4);
        let round = CommitteeRound::new(task, aggregators, aggregators, aggregators, 0, &mut world.rng);
        let messages = contributions(&mut world, &round, &[zero.clone(), zero.clone(), zero.clone(), zero.clone()]);
        let messages = &messages[..clients];
        let answers = || {
            let (frozen, waiting) = frozen(&world, &round, messages);
            let answers = waiting.into_iter().map(|it| it.answer_with(&frozen, &noise).unwrap().1);
            (answers.collect::<Vec<_>>(), frozen)
        };
        let (answered, frozen) = answers();
        assert_eq!(answers().0, answered, "of two sums with fresh noise the mean would have less");
        let mut combiner = Combiner::new(task, round.committee.clone(), frozen).unwrap();
        messages.iter().for_each(|message| combiner.contribution(message).unwrap());
        answered.iter().for_each(|answer| combiner.answer(answer).unwrap());
        let sum = combiner.finish().unwrap().elements();
        sum.into_iter().map(|x| f64::from(x as u32 as i32)).collect::<Vec<f64>>()
    };
    for aggregators in [1, 3] {
        let (four, three) = (sum(aggregators, 4), sum(aggregators, 3));
        assert_ne!(four, three, "another list has other noise");
        let deviation = (four.iter().map(|x| x * x).sum::<f64>() / 2000.0).sqrt();
        let told = 20.0 * (aggregators as f64).sqrt();
        assert!((0.93..1.07).contains(&(deviation / told)), "{deviation} where {told} was told");
    }
    // Of two who know one seed the answers have to agree.
    let (mut world, round, inputs) = setup(9, 5, 3, 2, 2);
    let messages = contributions(&mut world, &round, &inputs);
    let (frozen, mut waiting) = frozen(&world, &round, &messages);
    assert!(matches!(waiting.remove(0).answer_with(&frozen, &noise), Err(Error::Misuse { .. })));
}

#[test]
fn an_aggregator_that_answers_wrongly_is_noticed_where_another_knows_the_seeds() {
    let (mut world, round, inputs) = setup(9, 5, 3, 2, 2);
    let messages = contributions(&mut world, &round, &inputs);
    let (frozen, waiting) = frozen(&world, &round, &messages);
    let answers: Vec<_> = waiting.into_iter().map(|it| it.answer(&frozen).unwrap().1).collect();
    let mut combiner = Combiner::new(round.task, round.committee.clone(), frozen.clone()).unwrap();
    messages.iter().for_each(|message| combiner.contribution(message).unwrap());
    // An altered answer fails its signature; its state is as before.
    let mut altered = answers[0].clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(combiner.answer(&altered), Err(Error::Signature { .. })));
    // Repeats change nothing.
    for answer in [&answers[0], &answers[0], &answers[2]] {
        combiner.answer(answer).unwrap();
    }
    messages.iter().for_each(|message| combiner.contribution(message).unwrap());
    assert_eq!(digits(&combiner.finish().unwrap(), 5), [1; 5]);

    // A member that signs a wrong sum: its fellow's answer gives it away.
    let mut liar = World::with_seed(99, 5);
    let wrong = contributions(&mut liar, &round, &inputs);
    let mut alone = Collector::new(round.task, round.committee.clone(), &liar.enrolled).unwrap();
    let mut aggregator = round.aggregator(1, &liar, Memory::default()).unwrap();
    for message in &wrong {
        let Accepted::New { deposits, .. } = alone.accept(message).unwrap() else { panic!("it is new") };
        aggregator.deposit(&deposits[1]).unwrap();
    }
    assert!(matches!(aggregator.abstain().answer(&frozen), Err(Error::Unaccepted { .. })));
}

#[test]
fn what_a_committee_promises_is_in_numbers_and_bad_ones_are_refused() {
    let (_, round, _) = setup(10, 2, 3, 2, 2);
    let members = round.committee.members().to_vec();
    assert!(round.committee.assumption().contains("unless 2 of the 3 aggregators collude; 1 of them may vanish"));
    assert!(Committee::all(members.clone()).unwrap().assumption().contains("one of the 3 aggregators is honest"));
    for (t, q, corrupt) in [(1, 2, 0), (4, 2, 0), (2, 0, 0), (2, 4, 0), (2, 2, 2)] {
        assert!(matches!(Committee::new(members.clone(), t, q, corrupt), Err(Error::Parameter { .. })));
    }
    assert!(Committee::all(vec![members[0].clone(), members[0].clone()]).is_err(), "one member twice");
    assert!(Committee::new(vec![members[0].clone()], 1, 1, 0).is_err(), "one alone has to be asked for");
    let alone = Committee::alone(members[0].clone());
    assert_eq!(alone.lists(), Lists::Prevented);
    assert!(alone.assumption().contains("the machine of the one aggregator"), "{}", alone.assumption());
    assert!(OpenKey::from_bytes(&[1; 32]).is_some());
}
