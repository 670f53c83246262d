//! The combiner: adds the masked vectors of a frozen list and removes the masks that the aggregators summed.
//!
//! It needs no secret: whoever reads the board can do it, and get the same sum. Its memory is O(d), whatever n.

use std::collections::BTreeSet;

use super::Committee;
use super::messages::{Answer, Contribution};
use crate::ballot::{Electorate, Frozen};
use crate::error::Error;
use crate::identity::Identity;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest};

/// Adds up one round.
pub struct Combiner {
    task: Task,
    committee: Committee,
    context: Bytes32,
    frozen: Frozen,
    sum: Vector,
    added: BTreeSet<Identity>,
    /// Who first answered for each set, and the digest of what it said.
    answered: Vec<Option<(usize, Bytes32)>>,
}

impl Combiner {
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable; [`Error::OtherRound`] if the list was frozen in another one.
    pub fn new(task: Task, committee: Committee, frozen: Frozen) -> Result<Self, Error> {
        task.check()?;
        let context = committee.context(&task);
        frozen.check_round(&context)?;
        let sum = Vector::zeros(task.ring, task.len as usize);
        let answered = vec![None; committee.sets().len()];
        Ok(Self { task, committee, context, frozen, sum, added: BTreeSet::new(), answered })
    }

    /// Adds a contribution from the board. Each is added once; repeats change nothing.
    ///
    /// # Errors
    /// [`Error::Late`] if it is not on the frozen list, [`Error::Second`] if the list has another one of the same
    /// identity, or what makes it no contribution to this round. The state is unchanged.
    pub fn contribution(&mut self, message: &[u8]) -> Result<(), Error> {
        let (client, masked) = self.masked(message)?;
        if !self.added.contains(&client) {
            self.sum.add_packed(masked)?;
            self.added.insert(client);
        }
        Ok(())
    }

    /// Whose contribution a message is, and its packed masked vector: for aggregators that
    /// [keep each](super::AwaitFrozen::keep_each) of them. It tells nothing.
    ///
    /// # Errors
    /// As [`contribution`](Self::contribution).
    pub fn masked<'m>(&self, message: &'m [u8]) -> Result<(Identity, &'m [u8]), Error> {
        let contribution = Contribution::decode(message, &self.context, &self.task, &self.committee)?;
        let client = contribution.header.identity();
        match self.frozen.list().get(&client) {
            None => Err(Error::Late { message: "contribution", culprit: client }),
            Some(listed) if *listed != contribution.header.digest(&self.context) => {
                Err(Error::Second { message: "contribution", culprit: client })
            }
            Some(_) => Ok((client, contribution.masked)),
        }
    }

    /// Takes an aggregator's answer and removes the masks that nobody answered for before.
    ///
    /// # Errors
    /// [`Error::AnswersDiffer`] if another aggregator that knows the same seeds said otherwise, or what makes it no
    /// answer of this round. The state is unchanged.
    pub fn answer(&mut self, message: &[u8]) -> Result<(), Error> {
        let answer = Answer::decode(message, &self.context, &self.task, &self.committee, &self.frozen)?;
        let sets: Vec<usize> = self.committee.sets_of(answer.member).collect();
        let digests: Vec<Bytes32> = answer.sums.iter().map(|sum| digest(crate::domain::BODY, &[sum])).collect();
        for (&set, said) in sets.iter().zip(&digests) {
            if let Some((first, known)) = self.answered[set]
                && known != *said
            {
                let identity = |member: usize| self.committee.members()[member].key.identity();
                return Err(Error::AnswersDiffer { first: identity(first), second: identity(answer.member) });
            }
        }
        for ((&set, said), sum) in sets.iter().zip(&digests).zip(&answer.sums) {
            if self.answered[set].is_none() {
                self.sum.subtract(&Vector::unpack(self.task.ring, self.task.len as usize, sum)?)?;
                self.answered[set] = Some((answer.member, *said));
            }
        }
        Ok(())
    }

    /// Contributions of the list that are still to be added.
    pub fn missing(&self) -> impl Iterator<Item = &Identity> {
        self.frozen.list().entries().map(|(client, _)| client).filter(|client| !self.added.contains(client))
    }

    /// Whether [`finish`](Self::finish) will give the sum.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.added.len() == self.frozen.list().len() && self.answered.iter().all(Option::is_some)
    }

    /// The sum over the frozen list.
    ///
    /// # Errors
    /// [`Error::TooFew`] if a contribution or the answer for a set of aggregators is missing.
    pub fn finish(self) -> Result<Vector, Error> {
        self.check_added()?;
        let (have, need) = (self.answered.iter().flatten().count(), self.answered.len());
        if have < need {
            return Err(Error::TooFew { what: "sets of aggregators that answered", have, need });
        }
        Ok(self.sum)
    }

    /// The sum of the masked vectors of the frozen list, with all masks on it, for aggregators that
    /// [keep](super::AwaitFrozen::keep) it as shares. It tells nothing.
    ///
    /// # Errors
    /// [`Error::TooFew`] if a contribution is missing; [`Error::Misuse`] if an aggregator has answered.
    pub fn finish_masked(self) -> Result<Vector, Error> {
        self.check_added()?;
        if self.answered.iter().any(Option::is_some) {
            return Err(Error::Misuse { what: "a sum that is kept as shares is not unmasked" });
        }
        Ok(self.sum)
    }

    fn check_added(&self) -> Result<(), Error> {
        let (have, need) = (self.added.len(), self.frozen.list().len());
        if have < need {
            return Err(Error::TooFew { what: "contributions of the frozen list", have, need });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Accepted, Collector, Memory, contribute};
    use super::*;
    use crate::domain;
    use crate::identity::Signer;
    use crate::testing::{CommitteeRound, World, digit, task};

    /// A member of a 2-of-3 committee that signs a wrong sum is given away by the other member that knows the seeds.
    #[test]
    fn a_wrong_answer_is_noticed_where_another_aggregator_knows_the_seeds() {
        let mut world = World::with_seed(1, 4);
        let task = task(64, 1, 2);
        let round = CommitteeRound::new(task, 3, 2, 2, 0, &mut world.rng);
        let mut collector = Collector::new(task, round.committee.clone(), &world.enrolled).unwrap();
        let mut aggregators: Vec<_> = (0..3).map(|i| round.aggregator(i, &world, Memory::default()).unwrap()).collect();
        for (i, client) in world.clients.iter().enumerate() {
            let mut rng = crate::testing::seeded(i as u64);
            let message = contribute(&task, &round.committee, client, &digit(&task, i), &mut rng).unwrap();
            let Accepted::New { deposits, .. } = collector.accept(&message).unwrap() else { panic!("it is new") };
            aggregators.iter_mut().zip(deposits).for_each(|(to, deposit)| assert!(to.deposit(&deposit).is_ok()));
        }
        let mut closed = collector.close().unwrap();
        let proposal = closed.proposal();
        let (mut waiting, mut frozen) = (vec![], None);
        for aggregator in aggregators {
            let approved = aggregator.check_proposal(&proposal).unwrap();
            let (next, _, vote) = aggregator.vote(approved);
            frozen = closed.vote(&vote).unwrap().or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.unwrap();
        let answers: Vec<_> = waiting.into_iter().map(|it| it.answer(&frozen).unwrap().1).collect();

        let context = round.committee.context(&task);
        let honest = Answer::decode(&answers[0], &context, &task, &round.committee, &frozen).unwrap();
        let mut sums = honest.sums.concat();
        sums[0] ^= 1;
        let signed = Answer::signed(&context, &frozen.digest(), &sums);
        let liar = Signer::from_bytes(&round.secrets[0].0);
        let signature = liar.sign(domain::SIGN_ANSWER, &signed);
        let lie = Answer::encode(&context, 0, &frozen.digest(), &signature, &sums);

        let mut combiner = Combiner::new(task, round.committee.clone(), frozen).unwrap();
        combiner.answer(&answers[1]).unwrap();
        let (first, second) = (round.committee.members()[1].key.identity(), liar.identity());
        assert_eq!(combiner.answer(&lie).err(), Some(Error::AnswersDiffer { first, second }));
        assert!(combiner.answer(&answers[0]).is_ok(), "the state is unchanged");
    }
}
