//! A holder: votes for one list, adds up its ciphertexts, answers for that sum alone.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{Said, say, second};
use super::ring::{BYTES, Poly};
use super::sample::flood;
use super::{Bfv, HolderSecret, plain};
use crate::ballot::{Approved, Deposited, Electorate, Frozen, InclusionList, Memory};
use crate::error::Error;
use crate::identity::{Enrolment, Identity, Signer};
use crate::task::Task;
use crate::wire::Bytes32;

/// What all states share.
struct Core<'s> {
    task: Task,
    parameters: Bfv,
    context: Bytes32,
    position: usize,
    signer: Signer,
    secret: &'s HolderSecret,
    memory: Memory,
    /// The digest of each contribution: ciphertexts are read again when the list is known.
    known: BTreeMap<Identity, Bytes32>,
}

/// Takes deposits.
pub struct Collecting<'s, E> {
    core: Core<'s>,
    enrolment: E,
}

/// Has voted; waits for the frozen list.
pub struct AwaitFrozen<'s> {
    core: Core<'s>,
}

/// Adds up the deposits of the frozen list.
pub struct Summing<'s> {
    core: Core<'s>,
    frozen: Frozen,
    added: BTreeSet<Identity>,
    sums: Vec<Poly>,
}

impl<'s, E: Enrolment> Collecting<'s, E> {
    /// Joins a round. `memory` is what was stored for this round before, or the default.
    ///
    /// # Errors
    /// [`Error::Parameter`] if task or parameters are unusable, or signer or secret are not those of a holder.
    pub fn new(
        task: Task,
        parameters: Bfv,
        signer: Signer,
        secret: &'s HolderSecret,
        enrolment: E,
        memory: Memory,
    ) -> Result<Self, Error> {
        parameters.check(&task)?;
        let position = parameters.position(&signer.identity()).filter(|_| secret.is_part_of(&parameters.key));
        let position = position.ok_or_else(|| Error::parameter("these keys are not those of a holder"))?;
        let context = parameters.context(&task);
        let core = Core { task, parameters, context, position, signer, secret, memory, known: BTreeMap::new() };
        Ok(Self { core, enrolment })
    }

    /// Takes note of a deposit; keep it on the board, as it is read again. Memory is 64 bytes for each client.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], or what makes the message no deposit of this round. The state is
    /// unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<Deposited, Error> {
        let (header, _) = second(message, &self.core.context, plain::plaintexts(&self.core.task))?;
        let client = header.identity();
        if !self.enrolment.admits(&client) {
            return Err(Error::NotEnrolled { culprit: client });
        }
        let digest = header.digest(&self.core.context);
        match self.core.known.insert(client, digest) {
            None => Ok(Deposited::New),
            Some(known) if known == digest => Ok(Deposited::Repeated),
            Some(known) => {
                self.core.known.insert(client, known);
                Err(Error::Second { message: "contribution", culprit: client })
            }
        }
    }

    /// Whether this holder can vote for a proposal: at least the minimum, no more than there is room for, and every
    /// contribution accepted here.
    ///
    /// # Errors
    /// [`Error::Unaccepted`] names whom the collector should leave out; [`Error::Equivocation`] if another list was
    /// voted for before a restart; [`Error::TooFew`] under the minimum.
    pub fn check_proposal(&self, message: &[u8]) -> Result<Approved, Error> {
        let core = &self.core;
        Approved::of_proposal(message, &core.context, &core.task, |list, digest| core.check_list(list, digest))
    }

    /// Votes. Store the memory before the vote leaves; no other list will be supported in this round.
    #[must_use]
    pub fn vote(self, approved: Approved) -> (AwaitFrozen<'s>, Memory, Vec<u8>) {
        let mut core = self.core;
        core.memory = approved.memory();
        let vote = approved.vote(&core.signer, core.position, &core.context);
        let memory = core.memory;
        (AwaitFrozen { core }, memory, vote)
    }

    /// Goes on without voting again, as after a restart.
    #[must_use]
    pub fn abstain(self) -> AwaitFrozen<'s> {
        AwaitFrozen { core: self.core }
    }
}

impl<'s> AwaitFrozen<'s> {
    /// Takes the frozen list.
    ///
    /// # Errors
    /// [`Error::Equivocation`] if it voted for another list, [`Error::Unaccepted`], or as [`Frozen::decode`].
    pub fn frozen(self, message: &[u8]) -> Result<Summing<'s>, Error> {
        let core = self.core;
        let frozen = Frozen::decode(message, &core.task, &core.parameters)?;
        core.check_list(frozen.list(), frozen.digest())?;
        let sums = (0..plain::plaintexts(&core.task)).map(|_| Poly::zero()).collect();
        Ok(Summing { core, frozen, added: BTreeSet::new(), sums })
    }
}

impl Summing<'_> {
    /// Adds a deposit that is on the list, once; any other changes nothing.
    ///
    /// # Errors
    /// [`Error::Second`] for another contribution than the listed one, or what makes the message no deposit of this
    /// round. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<(), Error> {
        let (header, polynomials) = second(message, &self.core.context, plain::plaintexts(&self.core.task))?;
        let client = header.identity();
        match self.frozen.list().get(&client) {
            None => return Ok(()),
            Some(listed) if *listed != header.digest(&self.core.context) => {
                return Err(Error::Second { message: "contribution", culprit: client });
            }
            Some(_) => {}
        }
        if self.added.insert(client) {
            self.sums.iter_mut().zip(&polynomials).for_each(|(sum, polynomial)| sum.add(polynomial));
        }
        Ok(())
    }

    /// This holder's decryption share of the sum: its last word in this round, and always the same. Store the memory before
    /// it leaves.
    ///
    /// # Errors
    /// [`Error::TooFew`] until all deposits of the list were added.
    pub fn answer(self) -> Result<(Memory, Vec<u8>), Error> {
        let Self { core, frozen, added, sums } = self;
        let (have, need) = (added.len(), frozen.list().len());
        if have < need {
            return Err(Error::TooFew { what: "contributions of the list", have, need });
        }
        let list = frozen.digest();
        let bits = core.parameters.flood(&core.task)?;
        let (factor, mut stream) = (core.secret.factor(), core.secret.stream(&core.context, &list));
        let mut content = Vec::with_capacity(32 + sums.len() * BYTES);
        content.extend_from_slice(&list);
        for mut share in sums {
            // s·c₁ and noise
            share.mul(&factor);
            share.add(&Poly::from_coefficients(&flood(bits, &mut stream)));
            share.write(&mut content);
        }
        let message = say(Said::Decryption, &core.context, core.position, &core.signer, &content);
        Ok((Approved::new(list).memory(), message))
    }
}

impl Core<'_> {
    /// One list a round, and only contributions that were accepted here, as many as there is room for.
    fn check_list(&self, list: &InclusionList, digest: Bytes32) -> Result<(), Error> {
        if list.len() > self.parameters.most as usize {
            return Err(Error::Coordinator { what: "a list of more contributions than there is room for" });
        }
        self.memory.check(list, digest, |client| self.known.get(client))
    }
}
