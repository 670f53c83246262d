//! Hostile bytes at every entry point: no panic, and no altered message goes unnoticed.

use proptest::prelude::*;
use secagg::committee::{Accepted, Closed, Collecting, Collector, Combiner, Frozen, Memory, contribute};
use secagg::pairwise::{CollectKeys, Letters, Pairwise, Server, complete, start};
use secagg::testing::{CommitteeRound, World, digit, seeded, task};
use secagg::{Error, Identity, Signer, Task};
use std::collections::BTreeSet;

/// An honest message, spoiled.
#[derive(Clone, Debug)]
enum Spoil {
    Flip(usize),
    Cut(usize),
    Extend(u8),
    /// Keeps the header (version, kind, context) and goes on with noise.
    Noise(Vec<u8>),
    Replace(Vec<u8>),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        4 => any::<usize>().prop_map(Spoil::Flip),
        2 => any::<usize>().prop_map(Spoil::Cut),
        1 => any::<u8>().prop_map(Spoil::Extend),
        2 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Spoil::Noise),
        1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Spoil::Replace),
    ]
}

impl Spoil {
    fn of(&self, message: &[u8]) -> Vec<u8> {
        let mut out = message.to_vec();
        match self {
            Spoil::Flip(bit) => {
                let bit = bit % (8 * out.len());
                out[bit / 8] ^= 1 << (bit % 8);
            }
            Spoil::Cut(len) => out.truncate(len % out.len()),
            Spoil::Extend(byte) => out.push(*byte),
            Spoil::Noise(noise) => {
                out.truncate(34);
                out.extend(noise);
            }
            Spoil::Replace(bytes) => out.clone_from(bytes),
        }
        out
    }
}

struct Committee<'w> {
    round: CommitteeRound,
    messages: Vec<Vec<u8>>,
    deposits: Vec<Vec<Vec<u8>>>,
    collector: Collector<&'w BTreeSet<Identity>>,
    aggregators: Vec<Collecting<&'w BTreeSet<Identity>>>,
}

/// Three clients of a committee of two, all deposits accepted.
fn committee(world: &World) -> Committee<'_> {
    let mut rng = seeded(77);
    let task = task(64, 2, 2);
    let round = CommitteeRound::new(task, 2, 2, 2, 1, &mut rng);
    let mut collector = Collector::new(task, round.committee.clone(), &world.enrolled).unwrap();
    let mut aggregators: Vec<_> = (0..2).map(|i| round.aggregator(i, world, Memory::default()).unwrap()).collect();
    let (mut messages, mut all) = (vec![], vec![]);
    for (i, client) in world.clients.iter().enumerate() {
        let message = contribute(&task, &round.committee, client, &digit(&task, i), &mut rng).unwrap();
        let Accepted::New { deposits, .. } = collector.accept(&message).unwrap() else { panic!("it is new") };
        for (aggregator, deposit) in aggregators.iter_mut().zip(&deposits) {
            aggregator.deposit(deposit).unwrap();
        }
        messages.push(message);
        all.push(deposits);
    }
    Committee { round, messages, deposits: all, collector, aggregators }
}

fn frozen(
    closed: &mut Closed,
    aggregators: Vec<Collecting<&BTreeSet<Identity>>>,
) -> (Frozen, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let proposal = closed.proposal();
    let (mut waiting, mut votes, mut frozen) = (vec![], vec![], None);
    for aggregator in aggregators {
        let approved = aggregator.check_proposal(&proposal).unwrap();
        let (next, _, vote) = aggregator.vote(approved);
        frozen = closed.vote(&vote).unwrap().or(frozen);
        waiting.push(next);
        votes.push(vote);
    }
    let frozen = frozen.unwrap();
    let answers = waiting.into_iter().map(|it| it.answer(&frozen).unwrap().1).collect();
    (frozen, votes, answers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_committee_notices_every_altered_message(spoil in spoil()) {
        let world = World::with_seed(1, 3);
        let mut at = committee(&world);
        let round = &at.round;
        let same = |spoiled: &[u8], honest: &[u8]| spoiled == honest;
        let message = spoil.of(&at.messages[0]);
        prop_assert!(same(&message, &at.messages[0]) || at.collector.accept(&message).is_err());
        let deposit = spoil.of(&at.deposits[0][1]);
        prop_assert!(same(&deposit, &at.deposits[0][1]) || at.aggregators[1].deposit(&deposit).is_err());
        let mut closed = at.collector.close().unwrap();
        let proposal = closed.proposal();
        let spoiled = spoil.of(&proposal);
        prop_assert!(same(&spoiled, &proposal) || at.aggregators[0].check_proposal(&spoiled).is_err());
        let (frozen, votes, answers) = frozen(&mut closed, at.aggregators);
        let vote = spoil.of(&votes[1]);
        prop_assert!(same(&vote, &votes[1]) || closed.vote(&vote).is_err());
        let bytes = frozen.encode(&round.task, &round.committee);
        prop_assert_eq!(Frozen::decode(&bytes, &round.task, &round.committee).unwrap(), frozen.clone());
        let spoiled = spoil.of(&bytes);
        prop_assert!(same(&spoiled, &bytes) || Frozen::decode(&spoiled, &round.task, &round.committee).is_err());
        let mut combiner = Combiner::new(round.task, round.committee.clone(), frozen).unwrap();
        prop_assert!(same(&message, &at.messages[0]) || combiner.contribution(&message).is_err());
        let answer = spoil.of(&answers[0]);
        prop_assert!(same(&answer, &answers[0]) || combiner.answer(&answer).is_err());
        let memory = Memory::default().encode(&round.task, &round.committee);
        let _ = Memory::decode(&spoil.of(&memory), &round.task, &round.committee);
    }

    #[test]
    fn pairwise_servers_and_clients_survive_every_altered_message(spoil in spoil()) {
        for stage in 0..9 {
            play(stage, &spoil)?;
        }
    }
}

fn letters_of(letters: Letters) -> Vec<Vec<u8>> {
    letters.into_iter().map(|(_, letter)| letter).collect()
}

/// Plays a round of four clients in which the first client's message of one stage is spoiled.
///
/// Of a client's message, the server must notice. Of the server's messages, those to one client must be refused by it,
/// except where only the others can notice (another roster, seen in signatures) or where a share becomes unreadable.
fn play(stage: usize, spoil: &Spoil) -> Result<(), TestCaseError> {
    let mut world = World::with_seed(2, 4);
    world.clients.sort_by_key(Signer::identity);
    let (task, parameters): (Task, Pairwise) = (task(64, 2, 2), complete(4, 0.0, 0.25, Server::Curious).unwrap());
    let (rng, enrolled) = (&mut world.rng, &world.enrolled);
    // Gives the server's opinion of a message that may be spoiled: whether it was refused.
    let noticed = |now: usize, message: &[u8], receive: &mut dyn FnMut(&[u8]) -> Result<(), Error>| {
        if now == stage {
            let spoiled = spoil.of(message);
            if spoiled != message {
                prop_assert!(receive(&spoiled).is_err(), "stage {now} took an altered message");
            }
        }
        prop_assert_eq!(receive(message), Ok(()));
        Ok(())
    };
    let mut server = CollectKeys::new(task, parameters, enrolled).unwrap();
    let mut clients = vec![];
    for signer in &world.clients {
        let (client, keys) = start(task, parameters, signer.clone(), rng).unwrap();
        noticed(0, &keys, &mut |m| server.keys(m).map(drop))?;
        clients.push(client);
    }
    let (mut server, letters) = server.close(rng).unwrap();
    let mut next = vec![];
    for (i, (client, letter)) in clients.into_iter().zip(letters_of(letters)).enumerate() {
        if i == 0 && stage == 1 {
            let _ = client.neighbours(&spoil.of(&letter), enrolled, rng);
            return Ok(());
        }
        let (client, shares) = client.neighbours(&letter, enrolled, rng).unwrap();
        noticed(2, &shares, &mut |m| server.shares(m).map(drop))?;
        next.push(client);
    }
    let (mut server, letters) = server.close().unwrap();
    let mut clients = vec![];
    for (i, (client, letter)) in next.into_iter().zip(letters_of(letters)).enumerate() {
        if i == 0 && stage == 3 {
            let spoiled = spoil.of(&letter);
            if let Ok((client, _)) = client.delivered(&spoiled, &digit(&task, i)) {
                prop_assert!(spoiled == letter || client.unreadable().count() > 0, "an altered share was read");
            }
            return Ok(());
        }
        let (client, masked) = client.delivered(&letter, &digit(&task, i)).unwrap();
        prop_assert_eq!(client.unreadable().count(), 0);
        noticed(4, &masked, &mut |m| server.masked(m).map(drop))?;
        clients.push(client);
    }
    let (mut server, letters) = server.close().unwrap();
    let mut next = vec![];
    for (i, (client, letter)) in clients.into_iter().zip(letters_of(letters)).enumerate() {
        if i == 0 && stage == 5 {
            if let Ok((_, agreed)) = client.survivors(&spoil.of(&letter)) {
                prop_assert!(spoil.of(&letter) == letter || server.agreed(&agreed).is_err());
            }
            return Ok(());
        }
        let (client, agreed) = client.survivors(&letter).unwrap();
        noticed(6, &agreed, &mut |m| server.agreed(m).map(drop))?;
        next.push(client);
    }
    let (mut server, letters) = server.close().unwrap();
    for (i, (client, letter)) in next.into_iter().zip(letters_of(letters)).enumerate() {
        if i == 0 && stage == 7 {
            let spoiled = spoil.of(&letter);
            prop_assert!(client.agreements(&spoiled).is_err() || spoiled == letter);
            return Ok(());
        }
        let reveal = client.agreements(&letter).unwrap();
        noticed(8, &reveal, &mut |m| server.reveal(m).map(drop))?;
    }
    prop_assert!(server.finish().is_ok());
    Ok(())
}

/// The mistake of a widely used implementation: masks from 32-bit seeds can be searched. Ours differ in every bit of a
/// 256-bit seed, and equal inputs look unrelated.
#[test]
fn masked_vectors_of_equal_inputs_share_nothing() {
    let mut world = World::with_seed(3, 2);
    let task = task(64, 64, 2);
    let round = CommitteeRound::new(task, 2, 2, 2, 1, &mut world.rng);
    let input = secagg::Vector::zeros(task.ring, 64);
    let bodies: Vec<Vec<u8>> = (0..200)
        .map(|i| {
            let message = contribute(&task, &round.committee, &world.clients[i % 2], &input, &mut world.rng).unwrap();
            message[message.len() - 512..].to_vec()
        })
        .collect();
    for (i, a) in bodies.iter().enumerate() {
        let ones: u32 = a.iter().map(|byte| byte.count_ones()).sum();
        assert!((1700..2400).contains(&ones), "a mask of {ones} ones in 4096 bits");
        for b in &bodies[..i] {
            assert!(a.chunks(8).zip(b.chunks(8)).all(|(a, b)| a != b));
        }
    }
}

/// The aggregator is killed twice: while it collects and after it voted. What it stored and the board bring it back,
/// and no accepted contribution is lost.
#[test]
fn an_aggregator_that_is_killed_twice_goes_on_where_it_was() {
    let world = World::with_seed(4, 3);
    let at = committee(&world);
    let mut closed = at.collector.close().unwrap();
    let proposal = closed.proposal();
    let again = |memory| {
        let mut aggregator = at.round.aggregator(0, &world, memory).unwrap();
        at.deposits.iter().for_each(|deposits| assert!(aggregator.deposit(&deposits[0]).is_ok()));
        aggregator
    };
    let mut votes = vec![];
    let mut memory = Memory::default();
    let mut waiting = None;
    for _ in 0..2 {
        let aggregator = again(memory);
        let approved = aggregator.check_proposal(&proposal).unwrap();
        let (next, stored, vote) = aggregator.vote(approved);
        memory = stored;
        waiting = Some(next);
        votes.push(vote);
    }
    assert_eq!(votes[0], votes[1]);
    closed.vote(&votes[0]).unwrap();
    let mut others = at.aggregators.into_iter();
    others.next();
    let other = others.next().unwrap();
    let approved = other.check_proposal(&proposal).unwrap();
    let (_, _, vote) = other.vote(approved);
    let frozen = closed.vote(&vote).unwrap().unwrap();
    let (memory, first) = waiting.unwrap().answer(&frozen).unwrap();
    let (_, second) = again(memory).abstain().answer(&frozen).unwrap();
    assert_eq!(first, second, "a repeated answer says nothing new");
}
