//! An aggregator: opens the seeds that are sealed to it, votes for one list, answers for one list.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::Committee;
use super::kept::{Kept, Part};
use super::messages::{Answer, Deposit};
use crate::ballot::{Approved, Deposited, Electorate, Frozen, InclusionList, Memory};
use crate::domain;
use crate::dp::Noise;
use crate::error::Error;
use crate::identity::{Enrolment, Identity, Signer};
use crate::mask::{Seed, Sign};
use crate::seal::OpenKey;
use crate::stream::Stream;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest};

/// What both states share.
struct Core {
    task: Task,
    committee: Committee,
    context: Bytes32,
    position: usize,
    signer: Signer,
    open: OpenKey,
    memory: Memory,
    seeds: BTreeMap<Identity, Entry>,
}

/// A client's contribution, as far as an aggregator knows it.
struct Entry {
    digest: Bytes32,
    /// Digest of the packed masked vector.
    body: Bytes32,
    /// One for each set that the aggregator belongs to.
    seeds: Vec<Seed>,
}

/// Takes deposits.
pub struct Collecting<E> {
    core: Core,
    enrolment: E,
}

/// Has voted; waits for the frozen list.
pub struct AwaitFrozen {
    core: Core,
}

impl<E: Enrolment> Collecting<E> {
    /// Joins a round. `memory` is what was stored for this round before, or the default.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable or the keys are not those of a member.
    pub fn new(
        task: Task,
        committee: Committee,
        signer: Signer,
        open: OpenKey,
        enrolment: E,
        memory: Memory,
    ) -> Result<Self, Error> {
        task.check()?;
        let position = committee
            .position(&signer.identity())
            .filter(|&position| committee.members()[position].seal == open.public())
            .ok_or_else(|| Error::parameter("these keys are not those of a member of the committee"))?;
        let context = committee.context(&task);
        let core = Core { task, committee, context, position, signer, open, memory, seeds: BTreeMap::new() };
        Ok(Self { core, enrolment })
    }

    /// Takes a deposit: verifies the client's signature and opens its seeds.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], [`Error::Sealed`] if the seeds do not open or are not what the client
    /// committed to, or what makes the message no deposit of this round. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<Deposited, Error> {
        let core = &mut self.core;
        let deposit = Deposit::decode(message, &core.context, &core.committee, core.position)?;
        let client = deposit.header.identity();
        if !self.enrolment.admits(&client) {
            return Err(Error::NotEnrolled { culprit: client });
        }
        let digest = deposit.header.digest(&core.context);
        match core.seeds.get(&client) {
            Some(known) if known.digest == digest => return Ok(Deposited::Repeated),
            Some(_) => return Err(Error::Second { message: "contribution", culprit: client }),
            None => {}
        }
        let seeds = core.open_seeds(&client, &deposit).ok_or(Error::Sealed { message: "seeds", culprit: client })?;
        core.seeds.insert(client, Entry { digest, body: deposit.header.body, seeds });
        Ok(Deposited::New)
    }

    /// Whether this aggregator can vote for a proposal: at least the minimum, and every contribution accepted here.
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
    pub fn vote(self, approved: Approved) -> (AwaitFrozen, Memory, Vec<u8>) {
        let mut core = self.core;
        core.memory = approved.memory();
        let vote = approved.vote(&core.signer, core.position, &core.context);
        let memory = core.memory;
        (AwaitFrozen { core }, memory, vote)
    }

    /// Goes on without voting, as when the others froze a list while this aggregator was away.
    #[must_use]
    pub fn abstain(self) -> AwaitFrozen {
        AwaitFrozen { core: self.core }
    }
}

impl AwaitFrozen {
    /// Decodes a frozen list and checks that this aggregator may answer for it.
    ///
    /// # Errors
    /// [`Error::Equivocation`] if it voted for another list, [`Error::Unaccepted`], or as [`Frozen::decode`].
    pub fn check_frozen(&self, message: &[u8]) -> Result<Frozen, Error> {
        let frozen = Frozen::decode(message, &self.core.task, &self.core.committee)?;
        self.core.check_list(frozen.list(), frozen.digest())?;
        Ok(frozen)
    }

    /// Answers with the sums of the masks over the frozen list: the aggregator's last word in this round. Store the
    /// memory before the answer leaves.
    ///
    /// Cost: one expansion for every client and set; O(d) memory beyond the seeds.
    ///
    /// # Errors
    /// [`Error::Unaccepted`], [`Error::Equivocation`] or [`Error::OtherRound`] if the list was not checked here.
    pub fn answer(self, frozen: &Frozen) -> Result<(Memory, Vec<u8>), Error> {
        let core = self.settled(frozen)?;
        let mut sums = Vec::new();
        (0..core.committee.sets_of(core.position).count())
            .for_each(|set| core.masks(frozen, set, Sign::Plus).pack_into(&mut sums));
        Ok(core.answered(frozen, &sums))
    }

    /// The same with noise, so that the sum carries that of all aggregators: it hides contributions while one of them adds its own. For
    /// the same list it is the same noise, however often it is asked for.
    ///
    /// Cost: as [`answer`](Self::answer), and a sample for every element.
    ///
    /// # Errors
    /// [`Error::Misuse`] unless [all have to answer](Committee::is_unanimous): of others each set is answered for by several, who have
    /// to agree. [`Error::Vector`] for noise that the ring has no room for, and as [`answer`](Self::answer).
    pub fn answer_with(self, frozen: &Frozen, noise: &Noise) -> Result<(Memory, Vec<u8>), Error> {
        if !self.core.committee.is_unanimous() {
            return Err(Error::Misuse { what: "only a committee of which all have to answer adds noise" });
        }
        let core = self.settled(frozen)?;
        let mut sum = core.masks(frozen, 0, Sign::Plus);
        noise.add(&mut sum, &mut core.noise(frozen))?;
        Ok(core.answered(frozen, &sum.pack()))
    }

    /// Keeps its [part](Part) of the sum instead of answering: nobody else ever unmasks it. `masked` is the sum of the masked
    /// vectors of the list ([`Combiner::finish_masked`](super::Combiner::finish_masked)), the same for all aggregators.
    /// Store the memory before the part is used.
    ///
    /// Cost: as [`answer`](Self::answer).
    ///
    /// # Errors
    /// [`Error::Misuse`] unless the committee is one that [keeps](Committee::keeps), and as
    /// [`answer`](Self::answer).
    pub fn keep(self, frozen: &Frozen, masked: &Vector) -> Result<(Memory, Kept), Error> {
        let core = self.keeping(frozen)?;
        let origin = digest(domain::KEPT, &[&core.context, &frozen.digest(), &masked.pack()]);
        let kept = core.kept(masked, origin, |at| Ok(core.masks(frozen, at, Sign::Minus)))?;
        Ok((core.memory, kept))
    }

    /// Keeps its [part](Part) of each contribution of the list, one after the other in the order of the list, instead of
    /// answering. `masked` has the packed masked vectors by client ([`Combiner::masked`](super::Combiner::masked)). Store
    /// the memory before the part is used.
    ///
    /// Cost: as [`answer`](Self::answer), but O(n·d) memory.
    ///
    /// # Errors
    /// [`Error::TooFew`] if one is missing; [`Error::Coordinator`] for one that is not what its client signed; and as
    /// [`keep`](Self::keep).
    pub fn keep_each(self, frozen: &Frozen, masked: &BTreeMap<Identity, Vec<u8>>) -> Result<(Memory, Kept), Error> {
        let core = self.keeping(frozen)?;
        // The list's digest is over what each client signed, so over every masked vector.
        let origin = digest(domain::KEPT_EACH, &[&core.context, &frozen.digest()]);
        let masked = core.rows(frozen, masked)?;
        let kept = core.kept(&masked, origin, |at| core.masks_of_each(frozen, at))?;
        Ok((core.memory, kept))
    }

    fn keeping(self, frozen: &Frozen) -> Result<Core, Error> {
        if !self.core.committee.keeps() {
            return Err(Error::Misuse {
                what: "only a committee of which two of three unmask keeps sums, or one alone",
            });
        }
        self.settled(frozen)
    }

    /// With the memory of the only list that this aggregator unmasks in this round.
    fn settled(self, frozen: &Frozen) -> Result<Core, Error> {
        let mut core = self.core;
        frozen.check_round(&core.context)?;
        core.check_list(frozen.list(), frozen.digest())?;
        core.memory = Approved::new(frozen.digest()).memory();
        Ok(core)
    }
}

impl Core {
    /// The answer with these sums, and the memory that goes before it.
    fn answered(self, frozen: &Frozen, sums: &[u8]) -> (Memory, Vec<u8>) {
        let signed = Answer::signed(&self.context, &frozen.digest(), sums);
        let signature = self.signer.sign(domain::SIGN_ANSWER, &signed);
        let answer = Answer::encode(&self.context, self.position, &frozen.digest(), &signature, sums);
        (self.memory, answer)
    }

    /// The randomness of this aggregator's noise in the sum over a list: as secret as its key. The signature that it is made of is
    /// deterministic (RFC 8032), and is never sent.
    fn noise(&self, frozen: &Frozen) -> Stream {
        let signature = Zeroizing::new(
            self.signer.sign(domain::SIGN_NOISE, &digest(domain::NOISE, &[&self.context, &frozen.digest()])),
        );
        Stream::new(domain::NOISE, &*signature)
    }

    /// The sum of the masks of one of this aggregator's sets over a list that was checked, or its negative.
    fn masks(&self, frozen: &Frozen, set: usize, sign: Sign) -> Vector {
        let mut sum = Vector::zeros(self.task.ring, self.task.len as usize);
        for (client, _) in frozen.list().entries() {
            if let Some(entry) = self.seeds.get(client) {
                entry.seeds[set].apply(&self.context, sign, &mut sum);
            }
        }
        sum
    }

    /// The masks of one of this aggregator's sets for every contribution of a list that was checked, negated.
    fn masks_of_each(&self, frozen: &Frozen, set: usize) -> Result<Vector, Error> {
        let row = |(client, _): (&Identity, &Bytes32)| {
            let mut row = Vector::zeros(self.task.ring, self.task.len as usize);
            let entry = self.seeds.get(client).ok_or(Error::Unaccepted { missing: vec![*client] })?;
            entry.seeds[set].apply(&self.context, Sign::Minus, &mut row);
            Ok(row)
        };
        let list = frozen.list();
        Vector::concat(self.task.ring, list.len() * self.task.len as usize, list.entries().map(row))
    }

    /// The masked vectors of a list that was checked, in its order; each as its client signed it.
    fn rows(&self, frozen: &Frozen, masked: &BTreeMap<Identity, Vec<u8>>) -> Result<Vector, Error> {
        let (list, len) = (frozen.list(), self.task.len as usize);
        let row = |(client, _): (&Identity, &Bytes32)| {
            let (Some(entry), Some(row)) = (self.seeds.get(client), masked.get(client)) else {
                let have = list.entries().filter(|(client, _)| masked.contains_key(client)).count();
                return Err(Error::TooFew { what: "contributions of the frozen list", have, need: list.len() });
            };
            if digest(domain::BODY, &[row]) != entry.body {
                return Err(Error::Coordinator { what: "a masked vector is not the one that its client signed" });
            }
            Vector::unpack(self.task.ring, len, row)
        };
        Vector::concat(self.task.ring, list.len() * len, list.entries().map(row))
    }

    /// This aggregator's part of what was masked, from the negated masks of each of its sets.
    fn kept(
        &self,
        masked: &Vector,
        origin: Bytes32,
        masks: impl Fn(usize) -> Result<Vector, Error>,
    ) -> Result<Kept, Error> {
        let mut sets = self.committee.sets_of(self.position);
        let part = match (sets.next(), sets.next()) {
            (Some(first), Some(_)) => Part::shares(self.position, (first, masks(0)?), masks(1)?, masked)?,
            _ => Part::whole(masks(0)?, masked)?,
        };
        Ok(Kept { role: self.position, part, origin })
    }

    /// The seeds of a deposit, if the box opens and they are what was committed to.
    fn open_seeds(&self, client: &Identity, deposit: &Deposit<'_>) -> Option<Vec<Seed>> {
        let info = Committee::seal_info(&self.context, client, self.position);
        let content = Zeroizing::new(self.open.open(&info, deposit.sealed)?);
        let (seeds, _) = content.as_chunks::<32>();
        let seeds: Vec<Seed> = seeds.iter().map(|seed| Seed(*seed)).collect();
        let all_open = self
            .committee
            .sets_of(self.position)
            .zip(&seeds)
            .all(|(set, seed)| seed.opens(&self.context, &deposit.header.seeds[set]));
        all_open.then_some(seeds)
    }

    /// One list a round, and only contributions that were accepted here.
    fn check_list(&self, list: &InclusionList, digest: Bytes32) -> Result<(), Error> {
        self.memory.check(list, digest, |client| self.seeds.get(client).map(|entry| &entry.digest))
    }
}
