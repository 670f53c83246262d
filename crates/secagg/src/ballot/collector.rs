//! The collector: takes contributions, each identity once, and proposes which of them enter the sum.
//!
//! It holds 64 bytes per client, never a vector: those stay on the board until the sum is taken, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::list::{Frozen, InclusionList, Vote};
use super::{Electorate, Split};
use crate::committee::Committee;
use crate::error::Error;
use crate::identity::{Enrolment, Identity};
use crate::task::Task;
use crate::wire::Bytes32;

/// What became of a contribution.
#[derive(Debug)]
pub enum Accepted {
    /// It is new. The board must keep the contribution and pass each deposit to the aggregator of the same position,
    /// before the client is told that it was accepted.
    New {
        /// Whose it is.
        client: Identity,
        /// What lists say of it, and what [`Collector::recall`] takes.
        digest: [u8; 32],
        /// One message for each aggregator (or clerk, and then the recipient).
        deposits: Vec<Vec<u8>>,
    },
    /// The very same bytes came before.
    Repeated {
        /// Whose it is.
        client: Identity,
    },
}

/// Takes contributions.
pub struct Collector<E, P = Committee> {
    task: Task,
    electorate: P,
    context: Bytes32,
    enrolment: E,
    accepted: BTreeMap<Identity, Bytes32>,
    excluded: BTreeSet<Identity>,
}

impl<E: Enrolment, P: Electorate> Collector<E, P> {
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable.
    pub fn new(task: Task, electorate: P, enrolment: E) -> Result<Self, Error> {
        task.check()?;
        let context = electorate.context(&task);
        Ok(Self { task, electorate, context, enrolment, accepted: BTreeMap::new(), excluded: BTreeSet::new() })
    }

    /// Takes a contribution; every byte of it is covered by the client's signature, which is verified.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`] (a different contribution of the same identity), [`Error::Sealed`] (it
    /// was excluded), [`Error::Late`] (the round is full), or what makes the message no contribution to this round. The
    /// state is unchanged.
    pub fn accept(&mut self, message: &[u8]) -> Result<Accepted, Error> {
        let Split { client, digest, deposits } = self.electorate.split(message, &self.context, &self.task)?;
        if !self.enrolment.admits(&client) {
            return Err(Error::NotEnrolled { culprit: client });
        }
        if self.excluded.contains(&client) {
            return Err(Error::Sealed { message: "contribution", culprit: client });
        }
        match self.accepted.get(&client) {
            Some(known) if *known == digest => return Ok(Accepted::Repeated { client }),
            Some(_) => return Err(Error::Second { message: "contribution", culprit: client }),
            None if self.accepted.len() == self.electorate.most(&self.task) => {
                return Err(Error::Late { message: "contribution", culprit: client });
            }
            None => self.accepted.insert(client, digest),
        };
        Ok(Accepted::New { client, digest, deposits })
    }

    /// Takes note of a contribution that [`accept`](Self::accept) gave this digest before: after a restart, or by another
    /// collector that shares the board. It is not verified again; of two with one identity the first one counts.
    pub fn recall(&mut self, client: Identity, digest: [u8; 32]) {
        if !self.excluded.contains(&client) {
            self.accepted.entry(client).or_insert(digest);
        }
    }

    /// Leaves a contribution out, because an aggregator or clerk cannot use it. Its client may not send another one.
    pub fn exclude(&mut self, client: &Identity) {
        if self.accepted.remove(client).is_some() {
            self.excluded.insert(*client);
        }
    }

    /// How many contributions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.accepted.len()
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// [`Error::TooFew`] under the minimum; the round is then over, with nothing revealed.
    pub fn close(self) -> Result<Closed<P>, Error> {
        if self.accepted.len() < self.task.minimum as usize {
            return Err(Error::TooFew {
                what: "contributions",
                have: self.accepted.len(),
                need: self.task.minimum as usize,
            });
        }
        let list = InclusionList::new(self.accepted);
        let digest = list.digest(&self.context);
        Ok(Closed {
            task: self.task,
            electorate: self.electorate,
            context: self.context,
            list,
            digest,
            votes: BTreeMap::new(),
        })
    }
}

/// Gathers the aggregators' votes for the closed list.
pub struct Closed<P = Committee> {
    task: Task,
    electorate: P,
    context: Bytes32,
    list: InclusionList,
    digest: Bytes32,
    votes: BTreeMap<usize, [u8; 64]>,
}

impl<P: Electorate> Closed<P> {
    /// The proposal for every aggregator.
    #[must_use]
    pub fn proposal(&self) -> Vec<u8> {
        self.list.encode_proposal(&self.context)
    }

    /// The list that is proposed.
    #[must_use]
    pub fn list(&self) -> &InclusionList {
        &self.list
    }

    /// Leaves out contributions that an aggregator did not accept, before anybody voted. So ask all of them whether they
    /// can vote before the first one does: it supports no other list afterwards.
    ///
    /// # Errors
    /// [`Error::Misuse`] once there is a vote; [`Error::TooFew`] if fewer than the minimum would be left.
    pub fn without(self, missing: &[Identity]) -> Result<Self, Error> {
        if !self.votes.is_empty() {
            return Err(Error::Misuse { what: "a list cannot change once it has a vote" });
        }
        let missing: BTreeSet<&Identity> = missing.iter().collect();
        let entries: BTreeMap<_, _> =
            self.list.entries().filter(|(id, _)| !missing.contains(*id)).map(|(id, digest)| (*id, *digest)).collect();
        if entries.len() < self.task.minimum as usize {
            return Err(Error::TooFew { what: "contributions", have: entries.len(), need: self.task.minimum as usize });
        }
        let list = InclusionList::new(entries);
        let digest = list.digest(&self.context);
        Ok(Self { list, digest, ..self })
    }

    /// What to tell a client that comes now.
    #[must_use]
    pub fn late(&self, message: &[u8]) -> Error {
        match self.electorate.split(message, &self.context, &self.task) {
            Ok(late) => Error::Late { message: "contribution", culprit: late.client },
            Err(error) => error,
        }
    }

    /// Takes a vote. Gives the frozen list once a quorum signed it.
    ///
    /// # Errors
    /// [`Error::Broken`] if the vote is for another list, or what makes it no vote of this round.
    pub fn vote(&mut self, message: &[u8]) -> Result<Option<Frozen>, Error> {
        let vote = Vote::decode(message, &self.context, &self.electorate)?;
        if vote.list != self.digest {
            return Err(match self.electorate.key(vote.member) {
                Some(key) => Error::Broken { culprit: key.identity(), what: "it voted for another list" },
                None => Error::Misuse { what: "a vote that was verified has no voter" },
            });
        }
        self.votes.insert(vote.member, vote.signature);
        if self.votes.len() < self.electorate.quorum() {
            return Ok(None);
        }
        Ok(Some(Frozen::new(self.list.clone(), self.digest, self.votes.clone())))
    }
}
