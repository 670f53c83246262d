//! The homomorphic sum.

use secagg::paillier::{Collector, Encryptor, KeyHolder, Paillier, PaillierSecret, contribute};
use secagg::testing::{World, digit, digits, seeded, task};
use secagg::{Error, Signer};

#[test]
fn a_round_with_a_key_holder_and_everything_that_it_refuses() {
    let mut rng = seeded(1);
    let secret = PaillierSecret::generate(&mut rng);
    let encryptor = Encryptor::new(secret.public());
    let parameters = Paillier { key: secret.public(), most: 6 };
    let mut task = task(64, 40, 3);
    let world = World::with_seed(2, 6);
    let mut collector = Collector::new(task, parameters.clone(), &world.enrolled).unwrap();
    let message = |task, client: &Signer, i, rng: &mut secagg::Stream| {
        contribute(task, &parameters, &encryptor, client, &digit(task, i), rng).unwrap()
    };
    let mut all = vec![];
    for (i, client) in world.clients.iter().enumerate() {
        let message = message(&task, client, i, &mut rng);
        collector.accept(&message).unwrap();
        collector.accept(&message).unwrap();
        all.push(message);
    }
    let culprit = world.clients[0].identity();
    let second = message(&task, &world.clients[0], 0, &mut rng);
    assert_eq!(collector.accept(&second), Err(Error::Second { message: "contribution", culprit }));
    let mut altered = all[0].clone();
    altered[200] ^= 1;
    assert_eq!(collector.accept(&altered), Err(Error::Signature { message: "contribution", culprit }));
    let stranger = Signer::generate(&mut rng);
    let strange = message(&task, &stranger, 0, &mut rng);
    assert_eq!(collector.accept(&strange), Err(Error::NotEnrolled { culprit: stranger.identity() }));

    let (server, request) = collector.close(&encryptor, &mut rng).unwrap();
    let holder = |answered| KeyHolder::new(task, &parameters, &secret, answered).unwrap();
    let (stored, answer) = holder(None).decrypt(&request).unwrap();
    assert_eq!(holder(Some(stored)).decrypt(&request).unwrap().1, answer, "a repeat says nothing new");
    let mut other = request.clone();
    other[40] ^= 1;
    let refused = holder(Some(stored)).decrypt(&other);
    assert_eq!(refused.err(), Some(Error::Equivocation { message: "request" }));
    assert!(matches!(holder(None).decrypt(&request[..request.len() - 1]), Err(Error::Malformed { .. })));
    let (sum, included) = server.decrypted(&answer).unwrap();
    assert_eq!(digits(&sum, 6), [1; 6]);
    assert_eq!(included.len(), 6);

    let mut few = Collector::new(task, parameters.clone(), &world.enrolled).unwrap();
    few.accept(&all[0]).unwrap();
    let refused = few.close(&encryptor, &mut rng);
    assert_eq!(refused.err(), Some(Error::TooFew { what: "contributions", have: 1, need: 3 }));
    task.round += 1;
    let mut next = Collector::new(task, parameters.clone(), &world.enrolled).unwrap();
    assert_eq!(next.accept(&all[0]), Err(Error::OtherRound { message: "contribution" }));
}
