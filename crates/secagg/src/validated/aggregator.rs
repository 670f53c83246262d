//! An aggregator, leader or helper: verifies with the other one, votes for one list, answers for one list.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Validation;
use super::messages::{Verifiers, decode_deposit, decode_verifiers, encode_aggregate, encode_verifiers};
use super::vdaf::{self, Query, Secret, Vdaf};
use crate::ballot::{Approved, Deposited, Electorate, Frozen, InclusionList, Memory};
use crate::domain;
use crate::error::Error;
use crate::identity::{Enrolment, Identity, Signer};
use crate::seal::OpenKey;
use crate::task::Task;
use crate::wire::{Bytes32, digest};

/// What all states share.
struct Core {
    task: Task,
    validation: Validation,
    vdaf: Arc<dyn Vdaf>,
    context: Bytes32,
    position: usize,
    signer: Signer,
    memory: Memory,
}

/// A contribution that was not verified yet.
struct Unverified {
    digest: Bytes32,
    query: Query,
}

/// Takes deposits.
pub struct Collecting<E> {
    core: Core,
    open: OpenKey,
    /// What no client knows, and the other aggregator does.
    verify_key: zeroize::Zeroizing<Bytes32>,
    enrolment: E,
    clients: BTreeMap<Identity, Unverified>,
}

impl<E: Enrolment> Collecting<E> {
    /// Joins a round. `memory` is what was stored for this round before, or the default.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable, the keys are not those of an aggregator, or the other one's are
    /// unusable.
    pub fn new(
        task: Task,
        validation: Validation,
        signer: Signer,
        open: OpenKey,
        enrolment: E,
        memory: Memory,
    ) -> Result<Self, Error> {
        let vdaf = vdaf::of(&validation, &task)?;
        let position = validation
            .position(&signer.identity())
            .filter(|&position| validation.aggregators[position].seal == open.public())
            .ok_or_else(|| Error::parameter("these keys are not those of an aggregator"))?;
        let context = validation.context(&task);
        let secret = open
            .agree(&validation.aggregators[1 - position].seal)
            .ok_or_else(|| Error::parameter("the sealing key of the other aggregator is unusable"))?;
        let verify_key = zeroize::Zeroizing::new(digest(domain::VALIDATED_KEY, &[&context, &*secret]));
        let core = Core { task, validation, vdaf, context, position, signer, memory };
        Ok(Self { core, open, verify_key, enrolment, clients: BTreeMap::new() })
    }

    /// Takes a deposit: verifies the client's signature, opens its share and queries the proof.
    ///
    /// Cost: one HPKE opening, one signature, and the query, linear in the vector's bits.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], [`Error::Sealed`] if the share does not open or is none, or what makes
    /// the message no deposit of this round. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<Deposited, Error> {
        let (header, sealed) = decode_deposit(message, &self.core.context, self.core.position)?;
        let client = header.key.identity();
        if !self.enrolment.admits(&client) {
            return Err(Error::NotEnrolled { culprit: client });
        }
        let digest = header.digest(&self.core.context);
        match self.clients.get(&client) {
            Some(known) if known.digest == digest => return Ok(Deposited::Repeated),
            Some(_) => return Err(Error::Second { message: "contribution", culprit: client }),
            None => {}
        }
        let query = self
            .query(&client, header.public, sealed)
            .ok_or(Error::Sealed { message: "input share", culprit: client })?;
        self.clients.insert(client, Unverified { digest, query });
        Ok(Deposited::New)
    }

    /// Opens an input share and queries its part of the proof.
    fn query(&self, client: &Identity, public: &[u8], sealed: &[u8]) -> Option<Query> {
        let Core { vdaf, context, position, .. } = &self.core;
        let input = Secret::new(self.open.open(&Validation::info(context, client, *position), sealed)?);
        let nonce = Validation::nonce(context, client);
        vdaf.query(&self.verify_key, context, *position, &nonce, public, &input)
    }

    /// Ends the collection: this aggregator's verifier shares, for the other one. They are the same after a restart.
    #[must_use]
    pub fn close(self) -> (AwaitVerifiers, Vec<u8>) {
        let Self { core, clients, .. } = self;
        let shares: Verifiers<'_> =
            clients.values().map(|client| (client.digest, client.query.verifier.as_slice())).collect();
        let message = encode_verifiers(&core.context, core.position, &core.signer, &shares);
        (AwaitVerifiers { core, clients }, message)
    }
}

/// Waits for the other aggregator's verifier shares.
pub struct AwaitVerifiers {
    core: Core,
    clients: BTreeMap<Identity, Unverified>,
}

impl AwaitVerifiers {
    /// Verifies all contributions. Whoever's is not in its range, as both shares together say, is named; so is whoever
    /// the other aggregator has no share of.
    ///
    /// # Errors
    /// What makes the message none of the other aggregator in this round.
    pub fn verifiers(self, message: &[u8]) -> Result<(AwaitProposal, Vec<Error>), Error> {
        let Self { core, clients } = self;
        let (from, culprit, others) = decode_verifiers(message, &core.context, &core.validation)?;
        if from == core.position {
            return Err(Error::Broken { culprit, what: "its own verifier shares are not the other aggregator's" });
        }
        let (mut verified, mut refused) = (BTreeMap::new(), vec![]);
        for (client, Unverified { digest, query }) in clients {
            let Some(other) = others.get(&digest) else {
                refused.push(Error::Sealed { message: "other aggregator's input share", culprit: client });
                continue;
            };
            let own = query.verifier.as_slice();
            let shares = if core.position == 0 { [own, other] } else { [other, own] };
            match core.vdaf.output(&core.context, core.position, &query.state, shares) {
                Some(output) => drop(verified.insert(client, Verified { digest, output })),
                None => refused.push(Error::Broken { culprit: client, what: "its contribution is not in its range" }),
            }
        }
        Ok((AwaitProposal { core, verified }, refused))
    }
}

/// A contribution that is in its range.
struct Verified {
    digest: Bytes32,
    output: Secret,
}

/// Waits for a list to vote for.
pub struct AwaitProposal {
    core: Core,
    verified: BTreeMap<Identity, Verified>,
}

impl AwaitProposal {
    /// Whether this aggregator can vote for a proposal: at least the minimum, and every contribution verified.
    ///
    /// # Errors
    /// [`Error::Unaccepted`] names whom the collector should leave out; [`Error::Equivocation`] if another list was
    /// voted for before a restart; [`Error::TooFew`] under the minimum.
    pub fn check_proposal(&self, message: &[u8]) -> Result<Approved, Error> {
        let core = &self.core;
        Approved::of_proposal(message, &core.context, &core.task, |list, digest| {
            check_list(core, &self.verified, list, digest)
        })
    }

    /// Votes. Store the memory before the vote leaves; no other list will be supported in this round.
    #[must_use]
    pub fn vote(self, approved: Approved) -> (AwaitFrozen, Memory, Vec<u8>) {
        let Self { mut core, verified } = self;
        core.memory = approved.memory();
        let vote = approved.vote(&core.signer, core.position, &core.context);
        let memory = core.memory;
        (AwaitFrozen { core, verified }, memory, vote)
    }

    /// Goes on without voting again, as after a restart.
    #[must_use]
    pub fn abstain(self) -> AwaitFrozen {
        AwaitFrozen { core: self.core, verified: self.verified }
    }
}

/// Has voted; waits for the frozen list.
pub struct AwaitFrozen {
    core: Core,
    verified: BTreeMap<Identity, Verified>,
}

impl AwaitFrozen {
    /// Answers with the share of the aggregate over the frozen list: the aggregator's last word in this round. Store the
    /// memory before the answer leaves.
    ///
    /// # Errors
    /// [`Error::Equivocation`] if it voted for another list, [`Error::Unaccepted`], or as [`Frozen::decode`].
    pub fn answer(self, message: &[u8]) -> Result<(Memory, Vec<u8>), Error> {
        let Self { core, verified } = self;
        let frozen = Frozen::decode(message, &core.task, &core.validation)?;
        check_list(&core, &verified, frozen.list(), frozen.digest())?;
        let listed = frozen.list().entries().filter_map(|(client, _)| verified.get(client));
        let share = core.vdaf.aggregate(&mut listed.map(|client| client.output.as_slice()));
        let share = share.ok_or(Error::Misuse { what: "output shares of one round do not add up" })?;
        let answer = encode_aggregate(&core.context, core.position, &core.signer, &frozen.digest(), &share);
        Ok((Approved::new(frozen.digest()).memory(), answer))
    }
}

/// One list a round, and only contributions that were verified here.
fn check_list(
    core: &Core,
    verified: &BTreeMap<Identity, Verified>,
    list: &InclusionList,
    digest: Bytes32,
) -> Result<(), Error> {
    core.memory.check(list, digest, |client| verified.get(client).map(|known| &known.digest))
}
