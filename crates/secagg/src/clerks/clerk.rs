//! A clerk: checks what is shared with it, votes for one list, adds up its shares over one list.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{Header, Tally, decode_deposit, decode_elements, encode_elements};
use super::{Clerks, field};
use crate::ballot::{Approved, Deposited, Electorate, Frozen, Memory};
use crate::domain;
use crate::error::Error;
use crate::identity::{Enrolment, Identity, Signer};
use crate::seal::OpenKey;
use crate::task::Task;
use crate::wire::Bytes32;

/// What all states share.
struct Core {
    task: Task,
    clerks: Clerks,
    context: Bytes32,
    position: usize,
    signer: Signer,
    open: OpenKey,
    memory: Memory,
    accepted: BTreeMap<Identity, Bytes32>,
}

/// Takes deposits.
pub struct Collecting<E> {
    core: Core,
    enrolment: E,
}

impl<E: Enrolment> Collecting<E> {
    /// Joins a round. `memory` is what was stored for this round before, or the default.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable or the keys are not those of a clerk.
    pub fn new(
        task: Task,
        clerks: Clerks,
        signer: Signer,
        open: OpenKey,
        enrolment: E,
        memory: Memory,
    ) -> Result<Self, Error> {
        clerks.check(&task)?;
        let position = clerks
            .position(&signer.identity())
            .filter(|&position| clerks.members[position].seal == open.public())
            .ok_or_else(|| Error::parameter("these keys are not those of a clerk"))?;
        let context = clerks.context(&task);
        let core = Core { task, clerks, context, position, signer, open, memory, accepted: BTreeMap::new() };
        Ok(Self { core, enrolment })
    }

    /// Checks a deposit; its shares stay on the board until the list is frozen.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], [`Error::Sealed`] if the shares do not open or are none, or what makes
    /// the message no deposit of this round. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<Deposited, Error> {
        let (header, sealed) = self.core.decode(message)?;
        let client = header.identity();
        if !self.enrolment.admits(&client) {
            return Err(Error::NotEnrolled { culprit: client });
        }
        let digest = header.digest(&self.core.context);
        match self.core.accepted.get(&client) {
            Some(known) if *known == digest => return Ok(Deposited::Repeated),
            Some(_) => return Err(Error::Second { message: "contribution", culprit: client }),
            None => {}
        }
        self.core.shares(&client, sealed)?;
        self.core.accepted.insert(client, digest);
        Ok(Deposited::New)
    }

    /// Whether this clerk can vote for a proposal.
    ///
    /// # Errors
    /// [`Error::Unaccepted`] names whom to leave out; [`Error::Equivocation`] if another list was voted for before a
    /// restart; [`Error::TooFew`] under the minimum.
    pub fn check_proposal(&self, message: &[u8]) -> Result<Approved, Error> {
        let core = &self.core;
        Approved::of_proposal(message, &core.context, &core.task, |list, digest| {
            core.clerks.check_list(list)?;
            core.memory.check(list, digest, |client| core.accepted.get(client))
        })
    }

    /// Votes. Store the memory before the vote leaves; no other list will be supported in this round.
    #[must_use]
    pub fn vote(self, approved: Approved) -> (AwaitFrozen, Memory, Vec<u8>) {
        let mut core = self.core;
        core.memory = approved.memory();
        let vote = approved.vote(&core.signer, core.position, &core.context);
        let memory = core.memory;
        (AwaitFrozen { core }, memory, vote)
    }
}

/// Has voted; waits for the frozen list.
pub struct AwaitFrozen {
    core: Core,
}

impl AwaitFrozen {
    /// Starts tallying over a frozen list.
    ///
    /// # Errors
    /// [`Error::Equivocation`] if this clerk voted for another list, [`Error::Unaccepted`], or as [`Frozen::decode`].
    pub fn frozen(self, message: &[u8]) -> Result<Tallying, Error> {
        let core = self.core;
        let frozen = Frozen::decode(message, &core.task, &core.clerks)?;
        core.clerks.check_list(frozen.list())?;
        core.memory.check(frozen.list(), frozen.digest(), |client| core.accepted.get(client))?;
        let sums = vec![0; core.clerks.batches(&core.task)];
        Ok(Tallying { core, frozen, added: BTreeSet::new(), sums })
    }
}

/// Adds up shares.
pub struct Tallying {
    core: Core,
    frozen: Frozen,
    added: BTreeSet<Identity>,
    sums: Vec<u64>,
}

impl Tallying {
    /// Adds a deposit from the board, each client once.
    ///
    /// # Errors
    /// [`Error::Late`] if its client is not on the list, or as [`Collecting::deposit`]. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<Deposited, Error> {
        let (header, sealed) = self.core.decode(message)?;
        let client = header.identity();
        match self.frozen.list().get(&client) {
            None => return Err(Error::Late { message: "contribution", culprit: client }),
            Some(listed) if *listed != header.digest(&self.core.context) => {
                return Err(Error::Second { message: "contribution", culprit: client });
            }
            Some(_) if self.added.contains(&client) => return Ok(Deposited::Repeated),
            Some(_) => {}
        }
        let shares = self.core.shares(&client, sealed)?;
        self.sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum = field::add(*sum, share));
        self.added.insert(client);
        Ok(Deposited::New)
    }

    /// The tally: the clerk's last word in this round.
    ///
    /// # Errors
    /// [`Error::TooFew`] if a deposit of the list is missing.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let (have, need) = (self.added.len(), self.frozen.list().len());
        if have < need {
            return Err(Error::TooFew { what: "deposits of the frozen list", have, need });
        }
        let (core, list) = (self.core, self.frozen.digest());
        let sums = encode_elements(&self.sums);
        let signature = core.signer.sign(domain::SIGN_TALLY, &Tally::signed(&core.context, &list, &sums));
        Ok(Tally::encode(&core.context, core.position, &list, &signature, &sums))
    }
}

impl Core {
    fn decode<'m>(&self, message: &'m [u8]) -> Result<(Header, &'m [u8]), Error> {
        decode_deposit(message, &self.context, &self.clerks, self.position)
    }

    /// The shares in a deposit's box.
    fn shares(&self, client: &Identity, sealed: &[u8]) -> Result<Vec<u64>, Error> {
        let info = Clerks::clerk_info(&self.context, client, self.position);
        let content = self.open.open(&info, sealed).map(zeroize::Zeroizing::new);
        content
            .and_then(|content| decode_elements(&content, self.clerks.batches(&self.task)))
            .ok_or(Error::Sealed { message: "shares", culprit: *client })
    }
}
