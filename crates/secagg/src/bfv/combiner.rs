//! The combiner: adds up the ciphertexts of a frozen list and the decryption shares. It needs no secret; its memory does not
//! grow with the number of clients.

use std::collections::BTreeSet;

use super::messages::{Said, first, heard};
use super::ring::{BYTES, Poly};
use super::{Bfv, plain};
use crate::ballot::{Electorate, Frozen};
use crate::domain;
use crate::error::Error;
use crate::identity::Identity;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest};

/// Combines one round.
pub struct Combiner {
    task: Task,
    parameters: Bfv,
    context: Bytes32,
    frozen: Frozen,
    sums: Vec<Poly>,
    added: BTreeSet<Identity>,
    /// The digest of what each holder answered.
    answered: Vec<Option<Bytes32>>,
}

impl Combiner {
    /// # Errors
    /// [`Error::Parameter`] if task or parameters are unusable; [`Error::OtherRound`] if the list was frozen in another
    /// round.
    pub fn new(task: Task, parameters: Bfv, frozen: Frozen) -> Result<Self, Error> {
        parameters.check(&task)?;
        let context = parameters.context(&task);
        frozen.check_round(&context)?;
        let sums = (0..plain::plaintexts(&task)).map(|_| Poly::zero()).collect();
        let answered = vec![None; parameters.key.holders().len()];
        Ok(Self { task, parameters, context, frozen, sums, added: BTreeSet::new(), answered })
    }

    /// Adds a contribution from the board. Each is added once; repeats change nothing.
    ///
    /// # Errors
    /// [`Error::Late`] if it is not on the frozen list, [`Error::Second`] if the list has another one of the same
    /// identity, or what makes it no contribution to this round. The state is unchanged.
    pub fn contribution(&mut self, message: &[u8]) -> Result<(), Error> {
        let (header, polynomials) = first(message, &self.context, self.sums.len())?;
        let client = header.identity();
        match self.frozen.list().get(&client) {
            None => return Err(Error::Late { message: "contribution", culprit: client }),
            Some(listed) if *listed != header.digest(&self.context) => {
                return Err(Error::Second { message: "contribution", culprit: client });
            }
            Some(_) => {}
        }
        if self.added.insert(client) {
            self.add(&polynomials);
        }
        Ok(())
    }

    /// Takes a holder's decryption share; the very same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Second`] for another share of the same holder, or what makes the message none of this round and list. The
    /// state is unchanged.
    pub fn answer(&mut self, message: &[u8]) -> Result<(), Error> {
        let holders = self.parameters.key.holders();
        let (position, content) = heard(Said::Decryption, &self.context, holders, message)?;
        let culprit = holders[position].identity();
        let (list, share) = content.split_at_checked(32).unwrap_or_default();
        if list != self.frozen.digest() {
            return Err(Error::Broken { culprit, what: "it answered for another list" });
        }
        let said = digest(domain::BODY, &[content]);
        match self.answered[position] {
            Some(known) if known == said => return Ok(()),
            Some(_) => return Err(Error::Second { message: "decryption share", culprit }),
            None => {}
        }
        let broken = Error::Broken { culprit, what: "its decryption share is not of as many polynomials" };
        let share: Option<Vec<Poly>> = share.chunks(BYTES).map(Poly::read).collect();
        let share = share.filter(|share| share.len() == self.sums.len()).ok_or(broken)?;
        self.add(&share);
        self.answered[position] = Some(said);
        Ok(())
    }

    fn add(&mut self, polynomials: &[Poly]) {
        self.sums.iter_mut().zip(polynomials).for_each(|(sum, polynomial)| sum.add(polynomial));
    }

    /// The sum over the frozen list.
    ///
    /// # Errors
    /// [`Error::TooFew`] until all contributions and answers are there; [`Error::Contradiction`] if they do not fit each
    /// other: a holder's share, or a client's ciphertext, is not what it should be.
    pub fn finish(self) -> Result<Vector, Error> {
        let missing = |what, have, need| Err(Error::TooFew { what, have, need });
        let (have, need) = (self.added.len(), self.frozen.list().len());
        if have < need {
            return missing("contributions of the list", have, need);
        }
        let (have, need) = (self.answered.iter().flatten().count(), self.answered.len());
        if have < need {
            return missing("holders that answered", have, need);
        }
        let sum = plain::decode(&self.task, &self.parameters, &self.sums)?;
        let holders = self.parameters.key.holders();
        let (Some(last), others) = (holders.last(), holders.len() - 1) else {
            return Err(Error::Misuse { what: "a key without holders" });
        };
        sum.ok_or(Error::Contradiction { culprit: last.identity(), others })
    }
}
