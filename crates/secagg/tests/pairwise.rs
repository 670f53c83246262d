//! Pairwise masking, with honest and dishonest company.

use std::collections::BTreeSet;

use secagg::pairwise::{
    AwaitAgreements, AwaitSurvivors, CollectKeys, CollectMasked, Graph, Pairwise, Server, complete, regular, start,
};
use secagg::testing::{Chaos, Faultless, Stage, World, digit, digits, seeded, task};
use secagg::{Error, Identity, Signer, Task, Vector};

fn setup(seed: u64, clients: usize) -> (World, Task, Vec<Vector>) {
    let world = World::with_seed(seed, clients);
    let task = task(64, clients.div_ceil(32) as u32, 3);
    let inputs = (0..clients).map(|i| digit(&task, i)).collect();
    (world, task, inputs)
}

fn expected(world: &World, included: &[Identity], clients: usize) -> Vec<u8> {
    let mut expected = vec![0; clients];
    included.iter().for_each(|identity| expected[world.index(identity).unwrap()] = 1);
    expected
}

#[test]
fn every_client_counts_once_on_every_graph() {
    for (n, parameters) in [
        (4, complete(4, 0.0, 0.0, Server::SemiMalicious).unwrap()),
        (20, complete(20, 0.1, 0.2, Server::SemiMalicious).unwrap()),
        (21, Pairwise { graph: Graph::Regular { degree: 7 }, threshold: 4, most: 21, server: Server::Curious }),
        (60, Pairwise { graph: Graph::Regular { degree: 12 }, threshold: 7, most: 100, server: Server::SemiMalicious }),
    ] {
        let (mut world, task, inputs) = setup(1, n);
        let outcome = world.run_pairwise(task, parameters, &inputs, &mut Faultless).unwrap();
        assert_eq!(outcome.refused, []);
        let published = outcome.published.unwrap();
        assert_eq!(digits(&published.sum, n), vec![1; n]);
        assert_eq!(published.included.len(), n);
    }
}

#[test]
fn clients_may_vanish_at_every_stage() {
    let parameters = complete(16, 0.0, 0.4, Server::SemiMalicious).unwrap();
    for stage in [
        Stage::Keys,
        Stage::Neighbours,
        Stage::Shares,
        Stage::Delivered,
        Stage::Masked,
        Stage::Survivors,
        Stage::Agreed,
        Stage::Agreements,
        Stage::Reveal,
    ] {
        let (mut world, task, inputs) = setup(2, 16);
        let mut vanish = |at: Stage, client: usize, message: Vec<u8>| {
            if at >= stage && client < 5 { vec![] } else { vec![message] }
        };
        let outcome = world.run_pairwise(task, parameters, &inputs, &mut vanish).unwrap();
        let published = outcome.published.unwrap_or_else(|error| panic!("{stage:?}: {error}"));
        let counted = u8::from(stage > Stage::Masked);
        let expected: Vec<u8> = (0..16).map(|i| if i < 5 { counted } else { 1 }).collect();
        assert_eq!(digits(&published.sum, 16), expected, "lost from {stage:?} on");
    }
}

#[test]
fn clients_vanish_at_random_from_a_k_regular_graph_and_messages_go_astray() {
    let parameters =
        Pairwise { graph: Graph::Regular { degree: 40 }, threshold: 18, most: 200, server: Server::Curious };
    let (mut world, task, inputs) = setup(3, 200);
    let mut chaos = Chaos::new(4);
    (chaos.drop, chaos.delay, chaos.repeat, chaos.alter) = (3, 2, 10, 1);
    let outcome = world.run_pairwise(task, parameters, &inputs, &mut chaos).unwrap();
    let published = outcome.published.unwrap();
    assert_eq!(digits(&published.sum, 200), expected(&world, &published.included, 200), "nobody twice, nobody half");
    assert!((120..195).contains(&published.included.len()), "{}", published.included.len());
    for late in ["keys", "shares", "masked vector", "agreement"] {
        let named = |error: &Error| matches!(error, Error::Late { message, .. } if *message == late);
        assert!(outcome.refused.iter().any(named), "a late {late} is refused as such");
    }
}

#[test]
fn hundreds_of_clients_with_found_parameters() {
    let n = 400;
    let parameters = regular(n, 0.05, 0.1, Server::Curious).unwrap();
    assert!(matches!(parameters.graph, Graph::Regular { degree } if degree < 60));
    let (mut world, task, inputs) = setup(5, n as usize);
    let mut chaos = Chaos::new(6);
    chaos.drop = 1;
    let published = world.run_pairwise(task, parameters, &inputs, &mut chaos).unwrap().published.unwrap();
    assert_eq!(digits(&published.sum, n as usize), expected(&world, &published.included, n as usize));
}

#[test]
fn too_few_survivors_reveal_nothing() {
    let (mut world, mut task, inputs) = setup(7, 10);
    task.minimum = 8;
    let parameters = complete(10, 0.0, 0.3, Server::SemiMalicious).unwrap();
    let mut vanish = |at: Stage, client: usize, message: Vec<u8>| {
        if at == Stage::Masked && client < 3 { vec![] } else { vec![message] }
    };
    let outcome = world.run_pairwise(task, parameters, &inputs, &mut vanish).unwrap();
    assert!(matches!(outcome.published, Err(Error::TooFew { have: 7, need: 8, .. })));
}

/// Clients and the honest part of a server, stopped before the survivors are announced.
struct Stopped {
    world: World,
    clients: Vec<AwaitSurvivors>,
    server: CollectMasked,
    masked: Vec<Vec<u8>>,
    neighbours: Vec<Vec<u8>>,
}

/// The client of each roster place is `clients[place]`.
fn until_masked(seed: u64, n: usize, parameters: Pairwise, minimum: u32) -> Stopped {
    let (mut world, mut task, inputs) = setup(seed, n);
    task.minimum = minimum;
    world.clients.sort_by_key(Signer::identity);
    let rng = &mut world.rng;
    let mut server = CollectKeys::new(task, parameters, world.enrolled.clone()).unwrap();
    let mut clients = vec![];
    for signer in &world.clients {
        let (client, keys) = start(task, parameters, signer.clone(), rng).unwrap();
        server.keys(&keys).unwrap();
        clients.push(client);
    }
    let (mut server, letters) = server.close(rng).unwrap();
    let mut next = vec![];
    let neighbours: Vec<_> = letters.iter().map(|(_, letter)| letter.clone()).collect();
    for (client, (_, letter)) in clients.into_iter().zip(letters) {
        let (client, shares) = client.neighbours(&letter, &world.enrolled, rng).unwrap();
        server.shares(&shares).unwrap();
        next.push(client);
    }
    let (mut server, letters) = server.close().unwrap();
    let mut clients = vec![];
    let mut masked = vec![];
    for ((client, (_, letter)), input) in next.into_iter().zip(letters).zip(&inputs) {
        let (client, message) = client.delivered(&letter, input).unwrap();
        server.masked(&message).unwrap();
        clients.push(client);
        masked.push(message);
    }
    Stopped { world, clients, server, masked, neighbours }
}

/// A survivor announcement with other bits: the last bytes are the bitmap.
fn announce(letter: &[u8], dead: &[usize], n: usize) -> Vec<u8> {
    let mut out = letter.to_vec();
    let bitmap = out.len() - n.div_ceil(8);
    dead.iter().for_each(|&i| out[bitmap + i / 8] &= !(1 << (i % 8)));
    out
}

/// The lie that gives an individual vector away elsewhere: the server tells half of the clients that the victim
/// vanished and the other half that it survived, to collect both of its secrets.
#[test]
fn a_server_that_lies_about_who_dropped_out_gets_nothing() {
    let n = 12;
    let parameters = complete(n as u32, 0.1, 0.2, Server::SemiMalicious).unwrap();
    let stopped = until_masked(8, n, parameters, 3);
    let (mut server, letters) = stopped.server.close().unwrap();
    let honest = &letters[0].1;
    let lie = announce(honest, &[0], n);
    let mut next: Vec<(AwaitAgreements, Vec<u8>)> = vec![];
    for (i, client) in stopped.clients.into_iter().enumerate() {
        let letter = if i % 2 == 0 { honest } else { &lie };
        next.push(client.survivors(letter).unwrap());
    }
    // Our server refuses the signatures over the set that it did not announce.
    for (i, (_, agreed)) in next.iter().enumerate() {
        assert_eq!(server.agreed(agreed).is_ok(), i % 2 == 0);
    }
    // A lying one passes on whatever it has: too few signatures of the right set, or signatures of the wrong one.
    let forged = |from: &mut dyn Iterator<Item = usize>| {
        let any = &next[0].1;
        let mut message = [&[1u8, 23][..], &any[2..34], &honest[34..66]].concat();
        let from: Vec<usize> = from.collect();
        message.extend((from.len() as u32).to_le_bytes());
        for i in from {
            message.extend((i as u32).to_le_bytes());
            message.extend(&next[i].1[38..102]);
        }
        message
    };
    let letters: Vec<Vec<u8>> = (0..n)
        .map(|i| match i {
            0..6 => forged(&mut (0..n).filter(|&j| j != i && j % 2 == i % 2)),
            _ => forged(&mut (0..n).filter(|&j| j != i && (i % 2 == 0 || j != 0))),
        })
        .collect();
    for (i, ((client, _), letter)) in next.into_iter().zip(letters).enumerate() {
        match client.agreements(&letter) {
            Err(Error::TooFew { what: "neighbours that signed the survivor set", .. }) => assert!(i < 6),
            Err(Error::Signature { message: "agreement", .. }) => assert!(i >= 6),
            other => panic!("client {i}: {:?}", other.map(|_| "revealed its shares")),
        }
    }
}

#[test]
fn a_client_reveals_one_kind_of_share_for_each_neighbour_and_only_once() {
    let n = 6;
    let parameters = complete(n as u32, 0.0, 0.2, Server::SemiMalicious).unwrap();
    let stopped = until_masked(9, n, parameters, 3);
    let (mut server, letters) = stopped.server.close().unwrap();
    let mut waiting = vec![];
    for (client, (_, letter)) in stopped.clients.into_iter().zip(&letters) {
        let (client, agreed) = client.survivors(letter).unwrap();
        server.agreed(&agreed).unwrap();
        waiting.push(client);
    }
    let (mut server, letters) = server.close().unwrap();
    for (client, (_, letter)) in waiting.into_iter().zip(&letters) {
        // `agreements` consumes the state: by construction there is no second answer.
        let reveal = client.agreements(letter).unwrap();
        let (shares, rest) = reveal[102..].as_chunks::<37>();
        assert!(rest.is_empty() && shares.len() == n - 1);
        assert!(shares.iter().all(|share| share[4] == 1), "everyone survived: own masks only");
        // An altered share does not get past the signature.
        let mut altered = reveal.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert!(matches!(server.reveal(&altered), Err(Error::Signature { .. } | Error::Malformed { .. })));
        assert_eq!(server.reveal(&reveal).unwrap(), []);
        assert_eq!(server.reveal(&reveal).unwrap(), [], "a repeat changes nothing");
    }
    assert!(server.ready());
    assert_eq!(digits(&server.finish().unwrap().sum, n), vec![1; n]);
}

#[test]
fn a_client_does_not_sign_too_small_a_survivor_set_or_its_own_death() {
    let n = 8;
    let parameters = complete(n as u32, 0.0, 0.2, Server::SemiMalicious).unwrap();
    let stopped = until_masked(10, n, parameters, 6);
    let (_, letters) = stopped.server.close().unwrap();
    let honest = &letters[0].1;
    let mut clients = stopped.clients.into_iter();
    let first = clients.next().unwrap().survivors(&announce(honest, &[0], n));
    assert!(matches!(first.err(), Some(Error::Coordinator { .. })));
    let second = clients.next().unwrap().survivors(&announce(honest, &[2, 3, 4], n));
    assert!(matches!(second.err(), Some(Error::TooFew { what: "survivors", have: 5, need: 6 })));
    let mut longer = honest.clone();
    longer.push(0);
    assert!(matches!(clients.next().unwrap().survivors(&longer).err(), Some(Error::Malformed { .. })));
    let mut roster = honest.clone();
    roster[34] ^= 1;
    assert!(matches!(clients.next().unwrap().survivors(&roster).err(), Some(Error::Coordinator { .. })));
}

#[test]
fn a_second_masked_vector_is_refused_and_a_repeat_is_not_counted_twice() {
    let n = 5;
    let parameters = complete(n as u32, 0.0, 0.2, Server::SemiMalicious).unwrap();
    let mut stopped = until_masked(11, n, parameters, 3);
    for message in &stopped.masked {
        stopped.server.masked(message).unwrap();
    }
    let mut altered = stopped.masked[0].clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(stopped.server.masked(&altered), Err(Error::Signature { .. })));
    // The same client, in another round of the same name with other keys: its message is bound to the other roster.
    let other = until_masked(12, n, parameters, 3);
    assert!(matches!(stopped.server.masked(&other.masked[0]), Err(Error::Signature { .. })));
}

#[test]
fn graphs_that_are_not_the_seeds_strangers_and_doubles_are_refused_by_clients() {
    let parameters =
        Pairwise { graph: Graph::Regular { degree: 6 }, threshold: 4, most: 20, server: Server::SemiMalicious };
    let stopped = until_masked(13, 20, parameters, 3);
    let (_, task, _) = setup(13, 20);
    let mut rng = seeded(1);
    let fresh = |rng: &mut secagg::Stream| start(task, parameters, stopped.world.clients[0].clone(), rng).unwrap().0;
    let letter = &stopped.neighbours[0];
    assert!(fresh(&mut rng).neighbours(letter, &stopped.world.enrolled, &mut rng).is_ok());
    // Another seed gives another graph.
    let mut other = letter.clone();
    other[34 + 32 + 4] ^= 1;
    let refused = fresh(&mut rng).neighbours(&other, &stopped.world.enrolled, &mut rng);
    assert!(matches!(refused.err(), Some(Error::Coordinator { .. })));
    // Nobody else is enrolled.
    let alone = BTreeSet::from([stopped.world.clients[0].identity()]);
    let refused = fresh(&mut rng).neighbours(letter, &alone, &mut rng);
    assert!(matches!(refused.err(), Some(Error::NotEnrolled { .. })));
    // One neighbour in two places.
    let entry = 4 + 4 * 32 + 64;
    let first = letter.len() - 6 * entry;
    let mut double = letter.clone();
    double.copy_within(first + 4..first + entry, first + entry + 4);
    let refused = fresh(&mut rng).neighbours(&double, &stopped.world.enrolled, &mut rng);
    assert!(matches!(refused.err(), Some(Error::Coordinator { .. })));
    // An altered key.
    let mut altered = letter.clone();
    altered[first + 4 + 40] ^= 1;
    let refused = fresh(&mut rng).neighbours(&altered, &stopped.world.enrolled, &mut rng);
    assert!(matches!(refused.err(), Some(Error::Signature { message: "keys", .. })));
    // Too few for the minimum that the client knows.
    let mut lower = task;
    lower.minimum = 30;
    let context = start(lower, parameters, stopped.world.clients[0].clone(), &mut rng).unwrap();
    assert!(matches!(
        context.0.neighbours(letter, &stopped.world.enrolled, &mut rng).err(),
        Some(Error::OtherRound { .. })
    ));
}

#[test]
fn unsafe_parameters_are_refused() {
    let lying = |degree, threshold| {
        Pairwise { graph: Graph::Regular { degree }, threshold, most: 100, server: Server::SemiMalicious }.check()
    };
    assert!(lying(10, 5).is_err(), "2t = k: both secrets of a client could be asked for");
    assert!(lying(10, 6).is_ok());
    assert!(lying(10, 11).is_err());
    assert!(lying(10, 1).is_err());
}
