//! Hostile bytes at the entry points of the sum by clerks and the homomorphic sum.

use proptest::prelude::*;
use secagg::clerks::{self, Accepted, Clerks, Member, Memory, Recipient};
use secagg::paillier::{self, Encryptor, KeyHolder, Paillier, PaillierKey, PaillierSecret};
use secagg::testing::{World, digit, seeded, task};
use secagg::{OpenKey, Ring, Signer, Task, Vector};

/// Flips a bit, cuts, extends, or keeps the header and goes on with noise.
fn spoil(message: &[u8], how: u8, at: usize, noise: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    match how % 4 {
        0 => out[at / 8 % message.len()] ^= 1 << (at % 8),
        1 => out.truncate(at % message.len()),
        2 => out.push(at as u8),
        _ => {
            out.truncate(34);
            out.extend(noise);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn clerks_and_recipient_notice_every_altered_message(
        how: u8, at: usize, noise in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let spoil = |message: &[u8]| Some(spoil(message, how, at, &noise)).filter(|spoiled| spoiled != message);
        let world = World::with_seed(1, 2);
        let mut rng = seeded(3);
        let task = Task { agreement: [7; 32], round: 2, ring: Ring::new(8).unwrap(), len: 4, minimum: 2 };
        let signers: Vec<Signer> = (0..3).map(|_| Signer::generate(&mut rng)).collect();
        let open = |i: u8| OpenKey::from_bytes(&[i + 1; 32]).unwrap();
        let members = (0u8..).zip(&signers).map(|(i, signer)| Member { key: signer.public(), seal: open(i).public() });
        let clerks = Clerks::new(members.collect(), open(9).public(), (1, 1), 3, 10).unwrap();
        let mut collector = clerks::Collector::new(task, clerks.clone(), &world.enrolled).unwrap();
        let mut states: Vec<_> = (0u8..)
            .zip(&signers)
            .map(|(i, signer)| {
                let (signer, memory) = (signer.clone(), Memory::default());
                clerks::Collecting::new(task, clerks.clone(), signer, open(i), &world.enrolled, memory).unwrap()
            })
            .collect();
        let mut deposits = vec![];
        for client in &world.clients {
            let input = Vector::from_elements(task.ring, &[1, 2, 3, 4]).unwrap();
            let message = clerks::contribute(&task, &clerks, client, &input, &mut rng).unwrap();
            prop_assert!(spoil(&message).is_none_or(|message| collector.accept(&message).is_err()));
            let Accepted::New { deposits: made, .. } = collector.accept(&message).unwrap() else { panic!("it is new") };
            for (state, deposit) in states.iter_mut().zip(&made) {
                prop_assert!(spoil(deposit).is_none_or(|deposit| state.deposit(&deposit).is_err()));
                state.deposit(deposit).unwrap();
            }
            deposits.push(made);
        }
        let mut closed = collector.close().unwrap();
        let proposal = closed.proposal();
        let (mut waiting, mut frozen) = (vec![], None);
        for state in states {
            prop_assert!(spoil(&proposal).is_none_or(|proposal| state.check_proposal(&proposal).is_err()));
            let approved = state.check_proposal(&proposal).unwrap();
            let (next, _, vote) = state.vote(approved);
            prop_assert!(spoil(&vote).is_none_or(|vote| closed.vote(&vote).is_err()));
            frozen = closed.vote(&vote).unwrap().or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.unwrap();
        let bytes = frozen.encode(&task, &clerks);
        let mut recipient = Recipient::new(task, clerks.clone(), open(9), frozen).unwrap();
        for made in &deposits {
            prop_assert!(spoil(&made[3]).is_none_or(|deposit| recipient.deposit(&deposit).is_err()));
            recipient.deposit(&made[3]).unwrap();
        }
        for (i, state) in waiting.into_iter().enumerate() {
            if i == 2 {
                if let Some(bytes) = spoil(&bytes) {
                    prop_assert!(state.frozen(&bytes).is_err());
                }
                continue;
            }
            let mut state = state.frozen(&bytes).unwrap();
            deposits.iter().for_each(|made| assert!(state.deposit(&made[i]).is_ok()));
            let tally = state.finish().unwrap();
            prop_assert!(spoil(&tally).is_none_or(|tally| recipient.tally(&tally).is_err()));
            recipient.tally(&tally).unwrap();
        }
        prop_assert_eq!(recipient.finish().unwrap().elements(), vec![2, 4, 6, 8]);
    }
}

/// Only clients sign here; between server and key holder a damaged message must not panic.
#[test]
fn homomorphic_rounds_survive_every_altered_message() {
    let mut rng = seeded(1);
    let secret = PaillierSecret::generate(&mut rng);
    let encryptor = Encryptor::new(secret.public());
    let parameters = Paillier { key: secret.public(), most: 2 };
    let task = task(64, 2, 2);
    let world = World::with_seed(2, 2);
    let key = secret.public().to_bytes();
    for (how, at) in (0..60usize).map(|i| ((i % 4) as u8, i * 7919)) {
        let noise = vec![at as u8; at % 700];
        let spoil = |message: &[u8]| spoil(message, how, at, &noise);
        let _ = PaillierKey::from_bytes(&spoil(&key));
        let mut collector = paillier::Collector::new(task, parameters.clone(), &world.enrolled).unwrap();
        if how == 0 && at % 20 != 0 {
            continue;
        }
        for (i, client) in world.clients.iter().enumerate() {
            let input = digit(&task, i);
            let message = paillier::contribute(&task, &parameters, &encryptor, client, &input, &mut rng).unwrap();
            assert!(collector.accept(&spoil(&message)).is_err());
            collector.accept(&message).unwrap();
        }
        let (server, request) = collector.close(&encryptor, &mut rng).unwrap();
        let _ = KeyHolder::new(task, &parameters, &secret, None).unwrap().decrypt(&spoil(&request));
        let (_, answer) = KeyHolder::new(task, &parameters, &secret, None).unwrap().decrypt(&request).unwrap();
        let _ = server.decrypted(&spoil(&answer));
    }
}
