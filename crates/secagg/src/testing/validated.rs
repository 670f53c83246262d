//! Whole rounds of the validated sum, with clients and aggregators that lie.

use std::collections::BTreeSet;

use rand_core::CryptoRng;

use super::World;
use crate::ballot::Electorate;
use crate::committee::Member;
use crate::error::Error;
use crate::identity::{Identity, Signer};
use crate::seal::OpenKey;
use crate::task::Task;
use crate::validated::client::lie;
use crate::validated::messages::{decode_aggregate, encode_aggregate};
use crate::validated::{
    Accepted, AwaitProposal, Closed, Collecting, Collector, Combiner, Memory, Statistic, Validation,
};
use crate::vector::Vector;

/// Two aggregators with their secrets.
#[derive(Clone)]
pub struct ValidatedRound {
    /// What is summed.
    pub task: Task,
    /// The aggregators and what they check, as everyone knows it.
    pub validation: Validation,
    /// Secrets of leader and helper: signing and opening.
    pub secrets: [([u8; 32], [u8; 32]); 2],
}

/// How a round ended.
pub struct ValidatedOutcome {
    /// The sum, if one was published.
    pub sum: Result<Vector, Error>,
    /// Everything that was refused on the way.
    pub refused: Vec<Error>,
}

impl ValidatedRound {
    /// Two fresh aggregators.
    ///
    /// # Panics
    /// If the statistic is none.
    pub fn new<R: CryptoRng>(task: Task, statistic: Statistic, rng: &mut R) -> Self {
        let mut secret = || {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let secrets = [(secret(), secret()), (secret(), secret())];
        let [leader, helper] = secrets
            .map(|(sign, open)| Member { key: Signer::from_bytes(&sign).public(), seal: opening(&open).public() });
        let validation = Validation::new(leader, helper, statistic).expect("a statistic");
        Self { task, validation, secrets }
    }

    fn signer(&self, position: usize) -> Signer {
        Signer::from_bytes(&self.secrets[position].0)
    }

    /// Starts an aggregator, as for the first time or after a crash.
    ///
    /// # Panics
    /// If the statistic does not fit the task.
    pub fn aggregator<'w>(
        &self,
        position: usize,
        world: &'w World,
        memory: Memory,
    ) -> Collecting<&'w BTreeSet<Identity>> {
        let open = opening(&self.secrets[position].1);
        Collecting::new(self.task, self.validation.clone(), self.signer(position), open, &world.enrolled, memory)
            .expect("a member of the round")
    }

    fn collector<'w>(&self, world: &'w World) -> Collector<&'w BTreeSet<Identity>, Validation> {
        Collector::new(self.task, self.validation.clone(), &world.enrolled).expect("a usable task")
    }

    /// What leader and helper get of a contribution.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn deposits(&self, world: &World, message: &[u8]) -> Vec<Vec<u8>> {
        match self.collector(world).accept(message) {
            Ok(Accepted::New { deposits, .. }) => deposits,
            other => panic!("no new contribution: {other:?}"),
        }
    }

    /// The list of these contributions.
    ///
    /// # Panics
    /// If one of them is none, or they are too few.
    #[must_use]
    pub fn closed(&self, world: &World, messages: &[Vec<u8>]) -> Closed<Validation> {
        let mut collector = self.collector(world);
        messages.iter().for_each(|message| drop(collector.accept(message).expect("a contribution")));
        collector.close().expect("enough of them")
    }

    /// An aggregator that took and verified these contributions with the other one.
    ///
    /// # Panics
    /// If one of them is none.
    #[must_use]
    pub fn verified(&self, world: &World, messages: &[Vec<u8>], position: usize, memory: Memory) -> AwaitProposal {
        let [own, other] = [(position, memory), (1 - position, Memory::default())].map(|(position, memory)| {
            let mut side = self.aggregator(position, world, memory);
            for message in messages {
                side.deposit(&self.deposits(world, message)[position]).expect("a deposit");
            }
            side.close()
        });
        own.0.verifiers(&other.1).expect("verifier shares of this round").0
    }

    /// What a client sends that shares elements as they are allowed under another statistic.
    ///
    /// # Panics
    /// If that statistic does not fit the task.
    pub fn lie<R: CryptoRng>(&self, client: &Signer, as_if: Statistic, elements: &[u64], rng: &mut R) -> Vec<u8> {
        let [leader, helper] = [0, 1].map(|i| self.validation.aggregators()[i].clone());
        let as_if = Validation::new(leader, helper, as_if).expect("a statistic");
        lie((&self.task, &self.validation, &as_if), client, elements, |_, _, _| {}, rng).expect("shares")
    }

    /// What a client sends that alters its public share, or the input share of leader or helper.
    ///
    /// # Panics
    /// If the elements are out of range.
    pub fn alter<R: CryptoRng>(
        &self,
        client: &Signer,
        elements: &[u64],
        alter: impl FnOnce(&mut [u8], &mut [u8], &mut [u8]),
        rng: &mut R,
    ) -> Vec<u8> {
        lie((&self.task, &self.validation, &self.validation), client, elements, alter, rng).expect("shares")
    }

    /// Plays a round in which these messages arrive.
    ///
    /// # Panics
    /// If an honest aggregator refuses what is its part.
    #[must_use]
    pub fn play(&self, world: &World, messages: &[Vec<u8>]) -> ValidatedOutcome {
        self.play_with(world, messages, |_, share| share)
    }

    /// The same, with what aggregators that lie make of their shares of the sum.
    ///
    /// # Panics
    /// As [`play`](Self::play).
    pub fn play_with(
        &self,
        world: &World,
        messages: &[Vec<u8>],
        answer: impl Fn(usize, Vec<u8>) -> Vec<u8>,
    ) -> ValidatedOutcome {
        let mut refused = vec![];
        let mut collector = self.collector(world);
        let mut sides = [0, 1].map(|position| self.aggregator(position, world, Memory::default()));
        for message in messages {
            match collector.accept(message) {
                Ok(Accepted::New { deposits, .. }) => {
                    for (side, deposit) in sides.iter_mut().zip(&deposits) {
                        refused.extend(side.deposit(deposit).err());
                    }
                }
                Ok(Accepted::Repeated { .. }) => {}
                Err(error) => refused.push(error),
            }
        }
        let [(leader, first), (helper, second)] = sides.map(Collecting::close);
        let mut ready = vec![];
        for (side, other) in [(leader, second), (helper, first)] {
            let (side, out) = side.verifiers(&other).expect("verifier shares of this round");
            refused.extend(out);
            ready.push(side);
        }
        let sum = collector.close().and_then(|closed| self.finish(closed, ready, answer));
        ValidatedOutcome { sum, refused }
    }

    /// From the list, which both find the same contributions fit for, to the sum.
    fn finish(
        &self,
        mut closed: Closed<Validation>,
        ready: Vec<AwaitProposal>,
        answer: impl Fn(usize, Vec<u8>) -> Vec<u8>,
    ) -> Result<Vector, Error> {
        if let Err(Error::Unaccepted { missing }) = ready[0].check_proposal(&closed.proposal()) {
            closed = closed.without(&missing)?;
        }
        let (mut frozen, mut waiting) = (None, vec![]);
        for side in ready {
            let approved = side.check_proposal(&closed.proposal())?;
            let (next, _, vote) = side.vote(approved);
            frozen = closed.vote(&vote)?.or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.ok_or(Error::TooFew { what: "votes for the list", have: 0, need: 2 })?;
        let bytes = frozen.encode(&self.task, &self.validation);
        let context = self.validation.context(&self.task);
        let mut combiner = Combiner::new(self.task, self.validation.clone(), frozen)?;
        for (position, side) in waiting.into_iter().enumerate() {
            let (_, message) = side.answer(&bytes)?;
            let (_, _, list, share) = decode_aggregate(&message, &context, &self.validation)?;
            let share = answer(position, share.to_vec());
            combiner.answer(&encode_aggregate(&context, position, &self.signer(position), &list, &share))?;
        }
        combiner.finish()
    }
}

fn opening(secret: &[u8; 32]) -> OpenKey {
    OpenKey::from_bytes(secret).expect("any 32 bytes are a key")
}
