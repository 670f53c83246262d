//! The part of aggregators and clerks that votes: for one list a round, whatever happens.

use super::{Electorate, InclusionList, Vote};
use crate::domain::Kind;
use crate::error::Error;
use crate::identity::{Identity, Signer};
use crate::task::Task;
use crate::wire::{Bytes32, open, start};

/// What became of a deposit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deposited {
    /// It is new.
    New,
    /// The same contribution was deposited before.
    Repeated,
}

/// What an aggregator or clerk must not forget over a restart, lest it support two lists: to be stored durably, under the
/// round, *before* the vote or answer that comes with it leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// The one list that it supports.
    list: Option<Bytes32>,
}

/// A list that was found fit to vote for.
pub struct Approved(Bytes32);

impl Approved {
    pub(crate) fn new(list: Bytes32) -> Self {
        Self(list)
    }

    /// A collector's proposal that is of this round and passes `check`, which gets the list and its digest.
    pub(crate) fn of_proposal(
        message: &[u8],
        context: &Bytes32,
        task: &Task,
        check: impl FnOnce(&InclusionList, Bytes32) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let list = InclusionList::decode_proposal(message, context, task)?;
        let digest = list.digest(context);
        check(&list, digest)?;
        Ok(Self(digest))
    }

    /// The vote for it.
    pub(crate) fn vote(&self, signer: &Signer, position: usize, context: &Bytes32) -> Vec<u8> {
        Vote::sign(signer, position, self, context).encode(context)
    }

    pub(crate) fn list(&self) -> &Bytes32 {
        &self.0
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory { list: Some(self.0) }
    }
}

impl Memory {
    /// One list a round, and only contributions that were accepted: `known` says under which digest.
    pub(crate) fn check<'k>(
        &self,
        list: &InclusionList,
        digest: Bytes32,
        known: impl Fn(&Identity) -> Option<&'k Bytes32>,
    ) -> Result<(), Error> {
        if self.list.is_some_and(|supported| supported != digest) {
            return Err(Error::Equivocation { message: "inclusion list" });
        }
        let missing: Vec<_> = list
            .entries()
            .filter(|(client, listed)| known(client) != Some(*listed))
            .map(|(client, _)| *client)
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::Unaccepted { missing }) }
    }

    /// Its bytes for a store.
    #[must_use]
    pub fn encode(&self, task: &Task, electorate: &impl Electorate) -> Vec<u8> {
        let mut out = start(Kind::Memory, &electorate.context(task), 32);
        out.extend_from_slice(self.list.as_ref().map_or(&[], |list| &list[..]));
        out
    }

    /// # Errors
    /// [`Error::Malformed`], [`Error::Version`] or [`Error::OtherRound`].
    pub fn decode(bytes: &[u8], task: &Task, electorate: &impl Electorate) -> Result<Self, Error> {
        let reader = open(bytes, Kind::Memory, &electorate.context(task), "memory")?;
        match reader.rest() {
            [] => Ok(Self { list: None }),
            rest => {
                let list = rest
                    .try_into()
                    .map_err(|_| Error::Malformed { message: "memory", what: "neither empty nor one digest" })?;
                Ok(Self { list: Some(list) })
            }
        }
    }
}
