//! The combiner: adds the masked vectors of a frozen list and removes the masks that the aggregators summed.
//!
//! It needs no secret: whoever reads the board can do it, and get the same sum. Its memory is O(d), whatever n.

use std::collections::BTreeSet;

use super::Committee;
use super::messages::{Answer, Contribution, Frozen};
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
    /// [`Error::Parameter`] if the task is unusable.
    pub fn new(task: Task, committee: Committee, frozen: Frozen) -> Result<Self, Error> {
        task.check()?;
        let context = committee.context(&task);
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
        let contribution = Contribution::decode(message, &self.context, &self.task, &self.committee)?;
        let client = contribution.header.identity();
        match self.frozen.list().get(&client) {
            None => return Err(Error::Late { message: "contribution", culprit: client }),
            Some(listed) if *listed != contribution.header.digest(&self.context) => {
                return Err(Error::Second { message: "contribution", culprit: client });
            }
            Some(_) => {}
        }
        if !self.added.contains(&client) {
            self.sum.add_packed(contribution.masked)?;
            self.added.insert(client);
        }
        Ok(())
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
        let (have, need) = (self.added.len(), self.frozen.list().len());
        if have < need {
            return Err(Error::TooFew { what: "contributions of the frozen list", have, need });
        }
        let (have, need) = (self.answered.iter().flatten().count(), self.answered.len());
        if have < need {
            return Err(Error::TooFew { what: "sets of aggregators that answered", have, need });
        }
        Ok(self.sum)
    }
}
