//! The combiner: adds the two shares of the sum. It needs no secret, and no contribution.

use std::sync::Arc;

use super::Validation;
use super::messages::decode_aggregate;
use super::vdaf::{self, Vdaf};
use crate::ballot::{Electorate, Frozen};
use crate::error::Error;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// Combines one round.
pub struct Combiner {
    task: Task,
    validation: Validation,
    vdaf: Arc<dyn Vdaf>,
    context: Bytes32,
    frozen: Frozen,
    shares: [Option<Vec<u8>>; 2],
}

impl Combiner {
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable; [`Error::OtherRound`] if the list was frozen in another one.
    pub fn new(task: Task, validation: Validation, frozen: Frozen) -> Result<Self, Error> {
        let vdaf = vdaf::of(&validation, &task)?;
        let context = validation.context(&task);
        frozen.check_round(&context)?;
        Ok(Self { task, validation, vdaf, context, frozen, shares: [None, None] })
    }

    /// Takes an aggregator's answer; the very same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Second`] for another answer of the same aggregator, or what makes the message no answer of this round. The
    /// state is unchanged.
    pub fn answer(&mut self, message: &[u8]) -> Result<(), Error> {
        let (from, culprit, list, share) = decode_aggregate(message, &self.context, &self.validation)?;
        if list != self.frozen.digest() {
            return Err(Error::Broken { culprit, what: "it answered for another list" });
        }
        match &self.shares[from] {
            Some(known) if known == share => {}
            Some(_) => return Err(Error::Second { message: "answer", culprit }),
            None => self.shares[from] = Some(share.to_vec()),
        }
        Ok(())
    }

    /// The sum over the frozen list.
    ///
    /// # Errors
    /// [`Error::TooFew`] until both aggregators answered; [`Error::AnswersDiffer`] if their shares are not of one sum: no
    /// contributions in their range have it.
    pub fn finish(self) -> Result<Vector, Error> {
        let [Some(leader), Some(helper)] = &self.shares else {
            let have = self.shares.iter().flatten().count();
            return Err(Error::TooFew { what: "aggregators that answered", have, need: 2 });
        };
        let contributions = self.frozen.list().len();
        let most = self.validation.statistic.greatest() * contributions as u64;
        let sums = self.vdaf.result([leader, helper], contributions);
        let [first, second] = self.validation.aggregators.each_ref().map(|member| member.key.identity());
        let sums = sums
            .filter(|sums| sums.len() == self.task.len as usize && sums.iter().all(|&sum| sum <= most))
            .ok_or(Error::AnswersDiffer { first, second })?;
        Vector::from_elements(self.task.ring, &sums)
    }
}
