//! The threshold homomorphic sum: no single party has the key.

use secagg::bfv::{
    Accepted, AwaitCommitments, Bfv, Closed, Collecting, Collector, Combiner, Frozen, HolderSecret, JointKey, Memory,
    Summing, contribute,
};
use secagg::testing::{World, digit, digits, seeded, task};
use secagg::{Error, PublicKey, Signer, Stream, Task, Vector};

const AGREEMENT: [u8; 32] = [7; 32];

struct Holders {
    signers: Vec<Signer>,
    secrets: Vec<HolderSecret>,
    key: JointKey,
}

fn signers(count: usize, rng: &mut Stream) -> (Vec<Signer>, Vec<PublicKey>) {
    let signers: Vec<Signer> = (0..count).map(|_| Signer::generate(rng)).collect();
    let keys = signers.iter().map(Signer::public).collect();
    (signers, keys)
}

/// Makes a joint key of so many holders.
fn holders(count: usize) -> Holders {
    let mut rng = seeded(11);
    let (signers, keys) = signers(count, &mut rng);
    let start = |signer: &Signer| AwaitCommitments::new(AGREEMENT, keys.clone(), signer.clone(), &mut rng).unwrap();
    let (states, commitments): (Vec<_>, Vec<_>) = signers.iter().map(start).unzip();
    let (states, shares): (Vec<_>, Vec<_>) =
        states.into_iter().map(|state| state.commitments(&commitments).unwrap()).unzip();
    let (secrets, confirmations): (Vec<_>, Vec<_>) =
        states.into_iter().map(|state| state.shares(&shares).unwrap()).unzip();
    let key = secrets[0].confirmed(&confirmations).unwrap();
    let bytes = key.encode();
    assert_eq!(bytes.len(), 184_320 + 131 * count);
    assert_eq!(JointKey::decode(&bytes, AGREEMENT, keys.clone()).unwrap().encode(), bytes);
    assert!(JointKey::decode(&bytes, [8; 32], keys.clone()).is_err(), "of another agreement");
    for at in (0..bytes.len()).step_by(9973).chain([bytes.len() - 1]) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(JointKey::decode(&altered, AGREEMENT, keys.clone()).is_err(), "byte {at}");
    }
    Holders { signers, secrets, key }
}

struct Round {
    world: World,
    task: Task,
    parameters: Bfv,
    holders: Holders,
    messages: Vec<Vec<u8>>,
}

fn round(count: usize, clients: usize, task: Task) -> Round {
    let holders = holders(count);
    let parameters = Bfv { key: holders.key.clone(), most: 1000 };
    let mut world = World::with_seed(3, clients);
    let World { rng, clients, .. } = &mut world;
    let one = |(i, client)| contribute(&task, &parameters, client, &digit(&task, i), rng).unwrap();
    let messages = clients.iter().enumerate().map(one).collect();
    Round { world, task, parameters, holders, messages }
}

impl Round {
    fn deposits(&self, message: &[u8]) -> Vec<Vec<u8>> {
        let mut collector = Collector::new(self.task, self.parameters.clone(), &self.world.enrolled).unwrap();
        match collector.accept(message).unwrap() {
            Accepted::New { deposits, .. } => deposits,
            Accepted::Repeated { .. } => panic!("it is new"),
        }
    }

    fn closed(&self, messages: &[Vec<u8>]) -> Closed<Bfv> {
        let mut collector = Collector::new(self.task, self.parameters.clone(), &self.world.enrolled).unwrap();
        messages.iter().for_each(|message| drop(collector.accept(message).unwrap()));
        collector.close().unwrap()
    }

    fn collecting(
        &self,
        position: usize,
        memory: Memory,
    ) -> Collecting<'_, &std::collections::BTreeSet<secagg::Identity>> {
        let (signer, secret) = (self.holders.signers[position].clone(), &self.holders.secrets[position]);
        let mut side =
            Collecting::new(self.task, self.parameters.clone(), signer, secret, &self.world.enrolled, memory).unwrap();
        for message in &self.messages {
            side.deposit(&self.deposits(message)[position]).unwrap();
        }
        side
    }

    /// All holders vote for the list of these messages.
    fn frozen(&self, messages: &[Vec<u8>]) -> Frozen {
        let mut closed = self.closed(messages);
        let mut frozen = None;
        for position in 0..self.holders.signers.len() {
            let side = self.collecting(position, Memory::default());
            let approved = side.check_proposal(&closed.proposal()).unwrap();
            let (_, _, vote) = side.vote(approved);
            frozen = closed.vote(&vote).unwrap().or(frozen);
        }
        frozen.unwrap()
    }

    fn summing(&self, position: usize, frozen: &Frozen) -> Summing<'_> {
        let waiting = self.collecting(position, Memory::default()).abstain();
        let mut summing = waiting.frozen(&frozen.encode(&self.task, &self.parameters)).unwrap();
        for message in &self.messages {
            summing.deposit(&self.deposits(message)[position]).unwrap();
            summing.deposit(&self.deposits(message)[position]).unwrap();
        }
        summing
    }

    fn combiner(&self, frozen: &Frozen) -> Combiner {
        let mut combiner = Combiner::new(self.task, self.parameters.clone(), frozen.clone()).unwrap();
        for message in self.messages.iter().filter(|message| self.is_on(frozen, message)) {
            combiner.contribution(message).unwrap();
            combiner.contribution(message).unwrap();
        }
        combiner
    }

    fn is_on(&self, frozen: &Frozen, message: &[u8]) -> bool {
        let at = self.messages.iter().position(|known| known == message).unwrap();
        frozen.list().get(&self.world.clients[at].identity()).is_some()
    }
}

#[test]
fn every_client_counts_once_under_a_key_that_nobody_has() {
    // More elements than one plaintext has, so that there are two.
    let it = round(3, 5, task(64, 8200, 3));
    assert_eq!(it.messages[0].len(), 2 * 368_640 + 194);
    let frozen = it.frozen(&it.messages[..4]);
    let mut combiner = it.combiner(&frozen);
    for position in 0..3 {
        let answer = it.summing(position, &frozen).answer().unwrap().1;
        assert_eq!(answer.len(), 2 * 184_320 + 131);
        assert_eq!(it.summing(position, &frozen).answer().unwrap().1, answer, "asked again it shows nothing new");
        combiner.answer(&answer).unwrap();
        combiner.answer(&answer).unwrap();
    }
    let sum = combiner.finish().unwrap();
    assert_eq!(sum.len(), 8200);
    assert_eq!(digits(&sum, 5), [1, 1, 1, 1, 0]);
}

#[test]
fn sums_wrap_as_the_ring_does_whatever_its_width() {
    let holders = holders(2);
    let parameters = Bfv { key: holders.key.clone(), most: 1 << 20 };
    for bits in [1, 17, 33, 64] {
        let task = task(bits, 4, 2);
        let world = World::with_seed(3, 3);
        let inputs: [[u64; 4]; 3] =
            [[0, 1, task.ring.max(), 1], [0, 1, task.ring.max(), 0], [0, 0, 1, task.ring.max()]];
        let mut rng = seeded(4);
        let vector = |input: &[u64; 4]| Vector::from_elements(task.ring, input).unwrap();
        let one = |(client, input)| contribute(&task, &parameters, client, &vector(input), &mut rng).unwrap();
        let messages = world.clients.iter().zip(&inputs).map(one).collect();
        let it = Round { world, task, parameters: parameters.clone(), holders: holders_of(&holders), messages };
        let frozen = it.frozen(&it.messages);
        let mut combiner = it.combiner(&frozen);
        (0..2).for_each(|position| combiner.answer(&it.summing(position, &frozen).answer().unwrap().1).unwrap());
        let expected: Vec<u64> = (0..4)
            .map(|at| inputs.iter().fold(0u64, |sum, input| sum.wrapping_add(input[at])) & task.ring.max())
            .collect();
        assert_eq!(combiner.finish().unwrap().elements(), expected, "{bits} bits");
    }
}

/// The same holders, started again from what they stored.
fn holders_of(known: &Holders) -> Holders {
    let restored = |secret: &HolderSecret| HolderSecret::from_bytes(&known.key, &secret.to_bytes()).unwrap();
    Holders {
        signers: known.signers.clone(),
        secrets: known.secrets.iter().map(restored).collect(),
        key: known.key.clone(),
    }
}

#[test]
fn shares_that_are_missing_wrong_or_of_another_round_give_no_sum() {
    let it = round(2, 4, task(64, 1, 3));
    let frozen = it.frozen(&it.messages);
    let answers: Vec<Vec<u8>> = (0..2).map(|position| it.summing(position, &frozen).answer().unwrap().1).collect();
    let mut combiner = it.combiner(&frozen);
    combiner.answer(&answers[0]).unwrap();
    let missing = Error::TooFew { what: "holders that answered", have: 1, need: 2 };
    assert_eq!(combiner.finish().err(), Some(missing), "one holder alone decrypts nothing");
    for at in (0..answers[1].len()).step_by(20_011) {
        let mut altered = answers[1].clone();
        altered[at] ^= 1;
        assert!(it.combiner(&frozen).answer(&altered).is_err(), "byte {at}");
    }
    // A holder with another secret: its share is signed, and does not fit.
    let bytes = it.holders.secrets[1].to_bytes().iter().rev().copied().collect::<Vec<u8>>();
    let other = HolderSecret::from_bytes(&it.holders.key, &bytes).unwrap();
    let signer = it.holders.signers[1].clone();
    let mut wrong =
        Collecting::new(it.task, it.parameters.clone(), signer, &other, &it.world.enrolled, Memory::default()).unwrap();
    for message in &it.messages {
        wrong.deposit(&it.deposits(message)[1]).unwrap();
    }
    let mut wrong = wrong.abstain().frozen(&frozen.encode(&it.task, &it.parameters)).unwrap();
    it.messages.iter().for_each(|message| wrong.deposit(&it.deposits(message)[1]).unwrap());
    let wrong = wrong.answer().unwrap().1;
    let mut combiner = it.combiner(&frozen);
    combiner.answer(&answers[0]).unwrap();
    combiner.answer(&wrong).unwrap();
    let culprit = it.holders.signers[1].identity();
    assert_eq!(combiner.answer(&answers[1]).err(), Some(Error::Second { message: "decryption share", culprit }));
    assert_eq!(combiner.finish().err(), Some(Error::Contradiction { culprit, others: 1 }));
    // Shares for another list.
    let fewer = it.frozen(&it.messages[..3]);
    let other = it.summing(1, &fewer).answer().unwrap().1;
    let refused = Error::Broken { culprit, what: "it answered for another list" };
    assert_eq!(it.combiner(&frozen).answer(&other).err(), Some(refused));
    let next = Task { round: 2, ..it.task };
    assert!(matches!(Combiner::new(next, it.parameters.clone(), frozen), Err(Error::OtherRound { .. })));
}

#[test]
fn holders_answer_for_one_list_that_they_added_up_themselves() {
    let it = round(2, 5, task(64, 1, 3));
    let all = it.closed(&it.messages);
    let fewer = it.closed(&it.messages[..4]);
    let side = it.collecting(0, Memory::default());
    let approved = side.check_proposal(&all.proposal()).unwrap();
    let (_, memory, _) = side.vote(approved);
    let again = it.collecting(0, memory);
    let equivocation = Some(Error::Equivocation { message: "inclusion list" });
    assert_eq!(again.check_proposal(&fewer.proposal()).err(), equivocation, "not even after a restart");

    // A list below the minimum: as if it were of this round.
    let strict = Round { task: Task { minimum: 5, ..it.task }, ..round(2, 5, Task { minimum: 5, ..it.task }) };
    let mut forged = fewer.proposal();
    forged[2..34].copy_from_slice(&strict.messages[0][2..34]);
    let refused = strict.collecting(0, Memory::default()).check_proposal(&forged).err();
    assert_eq!(refused, Some(Error::TooFew { what: "contributions on the list", have: 4, need: 5 }));

    // Without all contributions there is no share, and others do not enter.
    let frozen = it.frozen(&it.messages[..4]);
    let waiting = it.collecting(0, Memory::default()).abstain();
    let mut summing = waiting.frozen(&frozen.encode(&it.task, &it.parameters)).unwrap();
    for message in [0, 1, 2, 4].map(|i| &it.messages[i]) {
        summing.deposit(&it.deposits(message)[0]).unwrap();
    }
    let missing = Error::TooFew { what: "contributions of the list", have: 3, need: 4 };
    assert_eq!(summing.answer().err(), Some(missing));
    let late = it.combiner(&frozen).contribution(&it.messages[4]);
    assert_eq!(late, Err(Error::Late { message: "contribution", culprit: it.world.clients[4].identity() }));
}

#[test]
fn second_altered_and_foreign_contributions_are_refused() {
    let it = round(2, 3, task(64, 1, 2));
    let mut rng = seeded(9);
    let mut collector = Collector::new(it.task, it.parameters.clone(), &it.world.enrolled).unwrap();
    let culprit = it.world.clients[0].identity();
    let second = contribute(&it.task, &it.parameters, &it.world.clients[0], &digit(&it.task, 0), &mut rng).unwrap();
    collector.accept(&it.messages[0]).unwrap();
    let refused = Error::Second { message: "contribution", culprit };
    assert_eq!(collector.accept(&second).err(), Some(refused.clone()));
    let mut side = it.collecting(0, Memory::default());
    assert_eq!(side.deposit(&it.deposits(&second)[0]).err(), Some(refused));
    for at in [1, 40, 70, 130, 200, 200_000, it.messages[1].len() - 1] {
        let mut altered = it.messages[1].clone();
        altered[at] ^= 1;
        assert!(collector.accept(&altered).is_err(), "byte {at}");
    }
    let stranger = Signer::generate(&mut rng);
    let strange = contribute(&it.task, &it.parameters, &stranger, &digit(&it.task, 0), &mut rng).unwrap();
    assert_eq!(collector.accept(&strange).err(), Some(Error::NotEnrolled { culprit: stranger.identity() }));
    let next = Task { round: 2, ..it.task };
    let other = contribute(&next, &it.parameters, &it.world.clients[1], &digit(&next, 1), &mut rng).unwrap();
    assert_eq!(collector.accept(&other).err(), Some(Error::OtherRound { message: "contribution" }));
    let tight = Bfv { most: 1, ..it.parameters.clone() };
    assert!(tight.check(&it.task).is_err(), "less room than the minimum");
    assert!(Bfv { most: u32::MAX, ..it.parameters.clone() }.check(&task(64, 1 << 24, 2)).is_err());
}

/// Whoever speaks last could otherwise choose the key, and know its secret.
#[test]
fn a_share_of_the_key_is_what_was_committed_to() {
    let mut rng = seeded(5);
    let (signers, keys) = signers(2, &mut rng);
    let mut start = |i: usize| AwaitCommitments::new(AGREEMENT, keys.clone(), signers[i].clone(), &mut rng).unwrap();
    let ((honest, first), (liar, second)) = (start(0), start(1));
    let (other, _) = start(1);
    let commitments = vec![first.clone(), second.clone()];
    let (honest, share) = honest.commitments(&commitments).unwrap();
    let (_, fitting) = liar.commitments(&commitments).unwrap();
    let (_, chosen) = other.commitments(std::slice::from_ref(&first)).unwrap();
    let culprit = signers[1].identity();
    let refused = honest.shares(&[share.clone(), chosen]).err();
    assert_eq!(refused, Some(Error::Sealed { message: "share of the key", culprit }));
    let (honest, _) = start(0);
    let missing = Error::TooFew { what: "holders that spoke", have: 1, need: 2 };
    assert_eq!(honest.commitments(&[]).err(), Some(missing));
    let (honest, _) = start(0);
    assert!(honest.commitments(&[fitting]).is_err(), "another kind of message");
    let (honest, _) = start(0);
    let again = start(1).1;
    let twice = honest.commitments(&[second, again]).err();
    assert_eq!(twice, Some(Error::Second { message: "commitment", culprit }));
    let stranger = Signer::generate(&mut seeded(6));
    assert!(AwaitCommitments::new(AGREEMENT, keys.clone(), stranger, &mut seeded(7)).is_err());
    let twice = vec![keys[0], keys[0]];
    assert!(AwaitCommitments::new(AGREEMENT, twice, signers[0].clone(), &mut seeded(7)).is_err());
}
