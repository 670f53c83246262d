//! Inclusion lists, votes for them, and lists with the votes of a quorum.

use std::collections::BTreeMap;

use super::{Approved, Electorate};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, Signer};
use crate::task::Task;
use crate::wire::{Bytes32, Reader, digest, open, start};

/// Which contributions enter the sum: each identity at most once, with the digest of its contribution.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InclusionList {
    entries: BTreeMap<Identity, Bytes32>,
}

impl InclusionList {
    pub(crate) fn new(entries: BTreeMap<Identity, Bytes32>) -> Self {
        Self { entries }
    }

    /// The identities on it, ascending, with the digest of the contribution of each.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Identity, &[u8; 32])> {
        self.entries.iter()
    }

    /// The digest of this identity's contribution, if it is on the list.
    #[must_use]
    pub fn get(&self, identity: &Identity) -> Option<&[u8; 32]> {
        self.entries.get(identity)
    }

    /// How many contributions are on it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.entries.len() as u32).to_le_bytes());
        for (identity, contribution) in &self.entries {
            out.extend_from_slice(&identity.0);
            out.extend_from_slice(contribution);
        }
    }

    /// Ascending order is demanded, so a list has one encoding and no identity twice.
    fn read(reader: &mut Reader<'_>, task: &Task) -> Result<Self, Error> {
        let count = reader.count(64)?;
        let mut entries = BTreeMap::new();
        let mut last = None;
        for _ in 0..count {
            let identity = Identity(reader.array()?);
            if last.is_some_and(|last| last >= identity) {
                return Err(reader.malformed("identities are not in strictly ascending order"));
            }
            last = Some(identity);
            entries.insert(identity, reader.array()?);
        }
        if entries.len() < task.minimum as usize {
            return Err(Error::TooFew {
                what: "contributions on the list",
                have: entries.len(),
                need: task.minimum as usize,
            });
        }
        Ok(Self { entries })
    }

    pub(crate) fn digest(&self, context: &Bytes32) -> Bytes32 {
        let mut body = Vec::with_capacity(4 + 64 * self.entries.len());
        self.write(&mut body);
        digest(domain::LIST, &[context, &body])
    }

    pub(crate) fn encode_proposal(&self, context: &Bytes32) -> Vec<u8> {
        let mut out = start(Kind::Proposal, context, 4 + 64 * self.entries.len());
        self.write(&mut out);
        out
    }

    pub(crate) fn decode_proposal(bytes: &[u8], context: &Bytes32, task: &Task) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Proposal, context, "proposal")?;
        let list = Self::read(&mut reader, task)?;
        reader.finish()?;
        Ok(list)
    }
}

/// A voter's signature over one list.
pub(crate) struct Vote {
    pub(crate) member: usize,
    pub(crate) list: Bytes32,
    pub(crate) signature: [u8; 64],
}

impl Vote {
    /// A voter's signature over the list that it approved.
    pub(crate) fn sign(signer: &Signer, member: usize, approved: &Approved, context: &Bytes32) -> Self {
        let signature = signer.sign(domain::SIGN_VOTE, &Self::signed(context, approved.list()));
        Self { member, list: *approved.list(), signature }
    }

    pub(crate) fn signed(context: &Bytes32, list: &Bytes32) -> Vec<u8> {
        [&context[..], list].concat()
    }

    pub(crate) fn encode(&self, context: &Bytes32) -> Vec<u8> {
        let mut out = start(Kind::Vote, context, 128);
        out.push(self.member as u8);
        out.extend_from_slice(&self.list);
        out.extend_from_slice(&self.signature);
        out
    }

    pub(crate) fn decode(bytes: &[u8], context: &Bytes32, electorate: &impl Electorate) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Vote, context, "vote")?;
        let member = usize::from(reader.u8()?);
        let list = reader.array()?;
        let signature = reader.array()?;
        let key = electorate.key(member).ok_or_else(|| reader.malformed("no such voter"))?;
        reader.finish()?;
        key.verify(domain::SIGN_VOTE, &Self::signed(context, &list), &signature, "vote")?;
        Ok(Self { member, list, signature })
    }
}

/// An inclusion list with the signatures of a quorum: only with it is there an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frozen {
    list: InclusionList,
    digest: Bytes32,
    votes: BTreeMap<usize, [u8; 64]>,
}

impl Frozen {
    /// From verified votes for this list, of a quorum.
    pub(crate) fn new(list: InclusionList, digest: Bytes32, votes: BTreeMap<usize, [u8; 64]>) -> Self {
        Self { list, digest, votes }
    }

    /// The list.
    #[must_use]
    pub fn list(&self) -> &InclusionList {
        &self.list
    }

    /// The list's digest, bound to the round.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Refuses a list that was frozen in another round or by others.
    pub(crate) fn check_round(&self, context: &Bytes32) -> Result<(), Error> {
        if self.list.digest(context) == self.digest {
            Ok(())
        } else {
            Err(Error::OtherRound { message: "frozen list" })
        }
    }

    /// Its bytes on the board.
    #[must_use]
    pub fn encode(&self, task: &Task, electorate: &impl Electorate) -> Vec<u8> {
        let mut out = start(Kind::Frozen, &electorate.context(task), 8 + 64 * self.list.len() + 65 * self.votes.len());
        self.list.write(&mut out);
        out.push(self.votes.len() as u8);
        for (member, signature) in &self.votes {
            out.push(*member as u8);
            out.extend_from_slice(signature);
        }
        out
    }

    /// Decodes and verifies: minimum size, each identity once, a quorum of valid signatures.
    ///
    /// # Errors
    /// [`Error::TooFew`] under the minimum or the quorum, [`Error::Signature`], [`Error::OtherRound`] or
    /// [`Error::Malformed`].
    pub fn decode(bytes: &[u8], task: &Task, electorate: &impl Electorate) -> Result<Self, Error> {
        let context = electorate.context(task);
        let mut reader = open(bytes, Kind::Frozen, &context, "frozen list")?;
        let list = InclusionList::read(&mut reader, task)?;
        let digest = list.digest(&context);
        let mut votes = BTreeMap::new();
        let mut next = 0;
        for _ in 0..reader.u8()? {
            let member = usize::from(reader.u8()?);
            let signature = reader.array()?;
            if member < next {
                return Err(reader.malformed("voters are not in strictly ascending order"));
            }
            next = member + 1;
            let key = electorate.key(member).ok_or_else(|| reader.malformed("no such voter"))?;
            key.verify(domain::SIGN_VOTE, &Vote::signed(&context, &digest), &signature, "vote")?;
            votes.insert(member, signature);
        }
        reader.finish()?;
        if votes.len() < electorate.quorum() {
            return Err(Error::TooFew { what: "votes for the list", have: votes.len(), need: electorate.quorum() });
        }
        Ok(Self { list, digest, votes })
    }
}
