//! Messages of the threshold homomorphic sum, of which input alters one: whoever reads it refuses it without a panic, unless nothing
//! changed, since all of them are signed.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secagg::bfv::{
    Accepted, AwaitCommitments, Bfv, Collecting, Collector, Combiner, Frozen, HolderSecret, JointKey, Memory,
    contribute,
};
use secagg::{Identity, PublicKey, Ring, Signer, Stream, Task, Vector};

const AGREEMENT: [u8; 32] = [7; 32];

/// A round of two holders and two clients, as far as its frozen list.
struct Round {
    task: Task,
    parameters: Bfv,
    signers: Vec<Signer>,
    public: Vec<PublicKey>,
    secrets: Vec<HolderSecret>,
    enrolled: BTreeSet<Identity>,
    commitments: Vec<Vec<u8>>,
    shares: Vec<Vec<u8>>,
    confirmations: Vec<Vec<u8>>,
    contributions: Vec<Vec<u8>>,
    deposits: Vec<Vec<u8>>,
    frozen: Frozen,
    answer: Vec<u8>,
}

/// The holders begin, always in the same way.
fn begin(signers: &[Signer], public: &[PublicKey]) -> (Vec<AwaitCommitments>, Vec<Vec<u8>>) {
    let mut rng = Stream::new("privity fuzz v1 a joint key", &[]);
    let mut one = |signer: &Signer| AwaitCommitments::new(AGREEMENT, public.to_vec(), signer.clone(), &mut rng);
    signers.iter().map(|signer| one(signer).expect("a holder")).unzip()
}

impl Round {
    fn new() -> Self {
        let mut rng = Stream::new("privity fuzz v1 keys of a homomorphic round", &[]);
        let mut signers = || (0..2).map(|_| Signer::generate(&mut rng)).collect::<Vec<_>>();
        let (signers, clients) = (signers(), signers());
        let public: Vec<PublicKey> = signers.iter().map(Signer::public).collect();
        let (states, commitments) = begin(&signers, &public);
        let told = states.into_iter().map(|state| state.commitments(&commitments).expect("honest commitments"));
        let (states, shares): (Vec<_>, Vec<_>) = told.unzip();
        let told = states.into_iter().map(|state| state.shares(&shares).expect("honest shares"));
        let (secrets, confirmations): (Vec<HolderSecret>, Vec<_>) = told.unzip();
        let key = secrets[0].confirmed(&confirmations).expect("honest confirmations");
        let task = Task { agreement: AGREEMENT, round: 1, ring: Ring::new(32).expect("a ring"), len: 4, minimum: 2 };
        let parameters = Bfv { key, most: 1000 };
        let enrolled: BTreeSet<Identity> = clients.iter().map(Signer::identity).collect();
        let vector = Vector::from_elements(task.ring, &[1, 2, 3, 4]).expect("a vector");
        let one = |client: &Signer| contribute(&task, &parameters, client, &vector, &mut rng).expect("a contribution");
        let contributions: Vec<Vec<u8>> = clients.iter().map(one).collect();
        let mut collector = Collector::new(task, parameters.clone(), &enrolled).expect("a collector");
        let mut deposits = Vec::new();
        for message in &contributions {
            let Ok(Accepted::New { deposits: mut two, .. }) = collector.accept(message) else { panic!("it is new") };
            deposits.push(two.remove(0));
        }
        let mut closed = collector.close().expect("enough");
        let mut frozen = None;
        let mut waiting = Vec::new();
        for (signer, secret) in signers.iter().zip(&secrets) {
            let (parameters, signer) = (parameters.clone(), signer.clone());
            let side = Collecting::new(task, parameters, signer, secret, &enrolled, Memory::default());
            let mut side = side.expect("a holder");
            for deposit in &deposits {
                side.deposit(deposit).expect("honest");
            }
            let approved = side.check_proposal(&closed.proposal()).expect("honest");
            let (next, _, vote) = side.vote(approved);
            frozen = closed.vote(&vote).expect("honest").or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.expect("all voted");
        let list = frozen.encode(&task, &parameters);
        let mut summing = waiting.remove(0).frozen(&list).expect("honest");
        deposits.iter().for_each(|deposit| summing.deposit(deposit).expect("honest"));
        let (_, answer) = summing.answer().expect("all are there");
        drop(waiting);
        Self {
            task,
            parameters,
            signers,
            public,
            secrets,
            enrolled,
            commitments,
            shares,
            confirmations,
            contributions,
            deposits,
            frozen,
            answer,
        }
    }

    /// Whether what reads this kind of message takes it; `which` messages there are of a kind.
    fn takes(&self, kind: u8, read: impl Fn(&[u8]) -> Vec<u8>) -> (bool, bool) {
        let of = |honest: &[u8]| {
            let message = read(honest);
            (message == honest, message)
        };
        let with = |all: &[Vec<u8>], message: Vec<u8>| [all[0].clone(), message].to_vec();
        match kind % 7 {
            0 => {
                let (same, message) = of(&self.commitments[1]);
                let (mut states, _) = begin(&self.signers, &self.public);
                (same, states.remove(0).commitments(&with(&self.commitments, message)).is_ok())
            }
            1 => {
                let (same, message) = of(&self.shares[1]);
                let (mut states, _) = begin(&self.signers, &self.public);
                let (state, _) = states.remove(0).commitments(&self.commitments).expect("honest commitments");
                (same, state.shares(&with(&self.shares, message)).is_ok())
            }
            2 => {
                let (same, message) = of(&self.confirmations[1]);
                (same, self.secrets[0].confirmed(&with(&self.confirmations, message)).is_ok())
            }
            3 => {
                let (same, message) = of(&self.parameters.key.encode());
                (same, JointKey::decode(&message, AGREEMENT, self.public.clone()).is_ok())
            }
            4 => {
                let (same, message) = of(&self.contributions[0]);
                let collector = Collector::new(self.task, self.parameters.clone(), &self.enrolled);
                (same, collector.expect("a collector").accept(&message).is_ok())
            }
            5 => {
                let (same, message) = of(&self.deposits[0]);
                let (parameters, signer) = (self.parameters.clone(), self.signers[0].clone());
                let side =
                    Collecting::new(self.task, parameters, signer, &self.secrets[0], &self.enrolled, Memory::default());
                (same, side.expect("a holder").deposit(&message).is_ok())
            }
            _ => {
                let (same, message) = of(&self.answer);
                let combiner = Combiner::new(self.task, self.parameters.clone(), self.frozen.clone());
                (same, combiner.expect("of this round").answer(&message).is_ok())
            }
        }
    }
}

static ROUND: LazyLock<Round> = LazyLock::new(Round::new);

/// A message with some bytes changed, and then cut or made longer; or, after an odd number, the rest of the input instead.
fn altered(honest: &[u8], input: &[u8]) -> Vec<u8> {
    let Some((how, rest)) = input.split_first() else { return honest.to_vec() };
    if how % 2 == 1 {
        return rest.to_vec();
    }
    let mut message = honest.to_vec();
    let (edits, tail) = rest.as_chunks::<5>();
    for [a, b, c, d, change] in edits {
        let length = message.len().max(1);
        if let Some(byte) = message.get_mut(u32::from_le_bytes([*a, *b, *c, *d]) as usize % length) {
            *byte ^= change;
        }
    }
    match tail {
        [] => {}
        [low, high, ..] if how % 4 == 0 => message.truncate(usize::from(u16::from_le_bytes([*low, *high]))),
        more => message.extend(more),
    }
    message
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, input)) = input.split_first() else { return };
    let (same, taken) = ROUND.takes(*kind, |honest| altered(honest, input));
    assert!(same || !taken, "what was altered is not taken");
});
