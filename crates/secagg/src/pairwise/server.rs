//! The server, up to the survivors' agreement. Every state collects one kind of message from each client, at most once,
//! and is closed when the caller's patience ends; what comes later is refused as late.
//!
//! Vectors are added up as they come: memory is O(d + n·k), with 200 bytes for a pair of neighbours and no vector of
//! any client.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::CryptoRng;

use super::Pairwise;
use super::graph::Topology;
use super::keys;
use super::messages::{
    AGREED, Form, Keys, MASKED, Neighbours, SHARES, Sender, Share, Signed, Survivors, encode_agreements,
    encode_delivered, roster_digest,
};
use super::unmask::CollectReveals;
use crate::domain::Kind;
use crate::error::Error;
use crate::identity::{Enrolment, Identity, PublicKey};
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// Messages to clients.
pub type Letters = Vec<(Identity, Vec<u8>)>;

/// Collects keys.
pub struct CollectKeys<E> {
    task: Task,
    parameters: Pairwise,
    context: Bytes32,
    enrolment: E,
    keys: BTreeMap<Identity, Keys>,
}

impl<E: Enrolment> CollectKeys<E> {
    /// # Errors
    /// [`Error::Parameter`] if task or parameters are unusable.
    pub fn new(task: Task, parameters: Pairwise, enrolment: E) -> Result<Self, Error> {
        task.check()?;
        parameters.check()?;
        Ok(Self { task, parameters, context: parameters.context(&task), enrolment, keys: BTreeMap::new() })
    }

    /// Takes a client's keys.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], [`Error::Second`], [`Error::Broken`] for a key of low order, [`Error::Late`] once the
    /// round is full, or what makes the message no keys of this round. The state is unchanged.
    pub fn keys(&mut self, message: &[u8]) -> Result<Identity, Error> {
        let keys = Keys::decode(message, &self.context)?;
        let culprit = keys.identity();
        if !self.enrolment.admits(&culprit) {
            return Err(Error::NotEnrolled { culprit });
        }
        match self.keys.get(&culprit) {
            Some(known) if *known == keys => return Ok(culprit),
            Some(_) => return Err(Error::Second { message: "keys", culprit }),
            None if self.keys.len() == self.parameters.most as usize => {
                return Err(Error::Late { message: "keys", culprit });
            }
            None => {}
        }
        if !keys::usable(&keys.channel) || !keys::usable(&keys.pair) {
            return Err(Error::Broken { culprit, what: "its key is of low order" });
        }
        self.keys.insert(culprit, keys);
        Ok(culprit)
    }

    /// Fixes the roster and the graph, and tells every client its neighbours.
    ///
    /// # Errors
    /// [`Error::TooFew`] for fewer clients than the minimum or than the threshold needs.
    pub fn close<R: CryptoRng>(self, rng: &mut R) -> Result<(CollectShares, Letters), Error> {
        let need = self.task.minimum.max(self.parameters.threshold + 1) as usize;
        if self.keys.len() < need {
            return Err(Error::TooFew { what: "clients that sent keys", have: self.keys.len(), need });
        }
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let roster: Vec<Keys> = self.keys.into_values().collect();
        let clients = roster.len() as u32;
        let core = Core {
            topology: Topology::new(&self.parameters, clients, &self.context, &seed),
            digest: roster_digest(&self.context, &seed, &roster),
            task: self.task,
            parameters: self.parameters,
            context: self.context,
            roster,
        };
        let letter = |own: u32| {
            let places = core.topology.neighbours(own).into_iter();
            let neighbours = places.map(|place| (place, &core.roster[place as usize]));
            Neighbours::encode(&core.context, &core.digest, clients, &seed, own, neighbours)
        };
        let letters = (0..clients).map(|own| (core.identity(own), letter(own))).collect();
        Ok((CollectShares { core, once: Once::default(), shares: BTreeMap::new() }, letters))
    }
}

/// What all later states share.
pub(super) struct Core {
    pub(super) task: Task,
    pub(super) parameters: Pairwise,
    pub(super) context: Bytes32,
    pub(super) topology: Topology,
    pub(super) roster: Vec<Keys>,
    pub(super) digest: Bytes32,
}

impl Core {
    pub(super) fn identity(&self, place: u32) -> Identity {
        self.roster[place as usize].identity()
    }

    fn sender(&self) -> Sender<'_> {
        Sender { context: &self.context, roster: &self.digest }
    }

    /// Verifies a client's message; one of an earlier stage is late.
    pub(super) fn receive<'m>(&self, form: &Form, message: &'m [u8]) -> Result<Signed<'m>, Error> {
        if let Some(late) = self.late(form.kind, message) {
            return Err(late);
        }
        self.sender().decode(form, message, &self.roster)
    }

    /// A message of an earlier stage, by what it says of itself.
    fn late(&self, now: Kind, message: &[u8]) -> Option<Error> {
        let kind = *message.get(1)?;
        let earlier = [(Kind::Keys, "keys"), (Kind::Shares, SHARES.message), (Kind::Masked, MASKED.message)]
            .into_iter()
            .chain([(Kind::Agreed, AGREED.message)])
            .find(|(earlier, _)| *earlier as u8 == kind && kind < now as u8);
        let (_, name) = earlier?;
        let culprit = if kind == Kind::Keys as u8 {
            PublicKey::from_bytes(message.get(34..66)?.try_into().ok()?)?.identity()
        } else {
            let place = u32::from_le_bytes(message.get(34..38)?.try_into().ok()?);
            self.roster.get(place as usize)?.identity()
        };
        Some(Error::Late { message: name, culprit })
    }

    /// How many of a client's neighbours are in a set.
    fn neighbours_in<V>(&self, place: u32, set: &BTreeMap<u32, V>) -> usize {
        self.topology.neighbours(place).iter().filter(|other| set.contains_key(other)).count()
    }
}

/// Remembers what each client sent in a stage, so that it counts once.
#[derive(Default)]
pub(super) struct Once(BTreeMap<u32, Bytes32>);

impl Once {
    /// Whether this is new; the very same again is not, and another one is refused.
    pub(super) fn is_new(&self, core: &Core, form: &Form, signed: &Signed<'_>) -> Result<bool, Error> {
        match self.0.get(&signed.place) {
            None => Ok(true),
            Some(known) if *known == signed.digest => Ok(false),
            Some(_) => Err(Error::Second { message: form.message, culprit: core.identity(signed.place) }),
        }
    }

    pub(super) fn note(&mut self, signed: &Signed<'_>) {
        self.0.insert(signed.place, signed.digest);
    }
}

/// Collects encrypted shares.
pub struct CollectShares {
    core: Core,
    once: Once,
    /// Of each client that shared, what it made for each of its neighbours, in their order.
    shares: BTreeMap<u32, Vec<Share>>,
}

impl CollectShares {
    /// Takes a client's shares for its neighbours.
    ///
    /// # Errors
    /// [`Error::Second`], [`Error::Late`] for keys, or what makes the message no shares of this round. The state is
    /// unchanged.
    pub fn shares(&mut self, message: &[u8]) -> Result<Identity, Error> {
        let signed = self.core.receive(&SHARES, message)?;
        if self.once.is_new(&self.core, &SHARES, &signed)? {
            let shares = Share::read_all(signed.content, self.core.topology.neighbours(signed.place).len())?;
            self.once.note(&signed);
            self.shares.insert(signed.place, shares);
        }
        Ok(self.core.identity(signed.place))
    }

    /// Passes the shares on to those who shared. A client of which too few neighbours shared is left out: its secrets
    /// could not be recovered.
    ///
    /// # Errors
    /// [`Error::TooFew`] if fewer than the minimum are left.
    pub fn close(self) -> Result<(CollectMasked, Letters), Error> {
        let Self { core, mut shares, .. } = self;
        let threshold = core.parameters.threshold as usize;
        loop {
            let weak: Vec<u32> =
                shares.keys().copied().filter(|&place| core.neighbours_in(place, &shares) < threshold).collect();
            if weak.is_empty() {
                break;
            }
            weak.iter().for_each(|place| drop(shares.remove(place)));
        }
        let (have, need) = (shares.len(), core.task.minimum as usize);
        if have < need {
            return Err(Error::TooFew { what: "clients with enough neighbours that shared", have, need });
        }
        let mut commitments = Commitments::new();
        let mut delivered: BTreeMap<u32, Vec<_>> = shares.keys().map(|&place| (place, vec![])).collect();
        for (&owner, made) in &shares {
            for (holder, share) in core.topology.neighbours(owner).into_iter().zip(made) {
                if let Some(letters) = delivered.get_mut(&holder) {
                    letters.push((owner, &share.sealed));
                    commitments.insert((owner, holder), [share.pair, share.own]);
                }
            }
        }
        let letters = delivered
            .iter()
            .map(|(&holder, made)| (core.identity(holder), encode_delivered(&core.context, &core.digest, made)))
            .collect();
        let sum = Vector::zeros(core.task.ring, core.task.len as usize);
        let sharing = shares.into_keys().collect();
        Ok((CollectMasked { core, sharing, commitments, once: Once::default(), sum }, letters))
    }
}

/// Of each (owner, holder), the commitments to both shares.
pub(super) type Commitments = BTreeMap<(u32, u32), [[u8; keys::COMMITMENT]; 2]>;

/// Collects masked vectors.
pub struct CollectMasked {
    core: Core,
    /// Whose masks the others have put on.
    sharing: BTreeSet<u32>,
    commitments: Commitments,
    once: Once,
    sum: Vector,
}

impl CollectMasked {
    /// Adds a client's masked vector to the sum.
    ///
    /// # Errors
    /// [`Error::Second`], [`Error::Late`] for what belongs to an earlier stage, [`Error::Broken`] of a client that did
    /// not share, or what makes the message no masked vector of this round. The state is unchanged.
    pub fn masked(&mut self, message: &[u8]) -> Result<Identity, Error> {
        let signed = self.core.receive(&MASKED, message)?;
        let culprit = self.core.identity(signed.place);
        if !self.sharing.contains(&signed.place) {
            return Err(Error::Broken { culprit, what: "it sent a masked vector, but no shares in time" });
        }
        if self.once.is_new(&self.core, &MASKED, &signed)? {
            self.sum.add_packed(signed.content)?;
            self.once.note(&signed);
        }
        Ok(culprit)
    }

    /// Fixes the survivor set, once, and announces it to the survivors.
    ///
    /// # Errors
    /// [`Error::TooFew`] if fewer than the minimum survived; nothing was revealed.
    pub fn close(self) -> Result<(CollectAgreed, Letters), Error> {
        let Self { core, sharing, commitments, once, sum } = self;
        let (have, need) = (once.0.len(), core.task.minimum as usize);
        if have < need {
            return Err(Error::TooFew { what: "masked vectors", have, need });
        }
        let survivors = Survivors::new(core.topology.clients(), once.0.keys().copied());
        let letter = survivors.encode(&core.context, &core.digest);
        let letters = once.0.keys().map(|&place| (core.identity(place), letter.clone())).collect();
        let tally = Tally { core, sharing, commitments, survivors, sum };
        Ok((CollectAgreed { tally, signatures: BTreeMap::new() }, letters))
    }
}

/// What is fixed once the survivors are: all that unmasking needs.
pub(super) struct Tally {
    pub(super) core: Core,
    pub(super) sharing: BTreeSet<u32>,
    pub(super) commitments: Commitments,
    pub(super) survivors: Survivors,
    pub(super) sum: Vector,
}

/// Collects signatures over the survivor set.
pub struct CollectAgreed {
    tally: Tally,
    signatures: BTreeMap<u32, [u8; 64]>,
}

impl CollectAgreed {
    /// Takes a survivor's signature over the survivor set.
    ///
    /// # Errors
    /// [`Error::Broken`] if it signed another set or is no survivor, [`Error::Late`], or what makes the message no
    /// agreement of this round. The state is unchanged.
    pub fn agreed(&mut self, message: &[u8]) -> Result<Identity, Error> {
        let core = &self.tally.core;
        let signed = core.receive(&AGREED, message)?;
        let culprit = core.identity(signed.place);
        if !self.tally.survivors.contains(signed.place) {
            return Err(Error::Broken { culprit, what: "it signed a survivor set that it is not in" });
        }
        if signed.content != self.tally.survivors.digest(&core.context, &core.digest) {
            return Err(Error::Broken { culprit, what: "it signed another survivor set" });
        }
        self.signatures.insert(signed.place, signed.signature);
        Ok(culprit)
    }

    /// Tells every survivor that signed which of its neighbours did.
    ///
    /// # Errors
    /// [`Error::TooFew`] if nobody has enough neighbours that signed.
    pub fn close(self) -> Result<(CollectReveals, Letters), Error> {
        let Self { tally, signatures } = self;
        let core = &tally.core;
        let need = core.parameters.threshold as usize;
        let mut letters = Letters::new();
        for &place in signatures.keys() {
            let neighbours = core.topology.neighbours(place).into_iter();
            let signed: Vec<_> =
                neighbours.filter_map(|other| Some((other, *signatures.get(&other)?))).take(need).collect();
            if signed.len() == need {
                letters.push((core.identity(place), encode_agreements(&core.context, &core.digest, &signed)));
            }
        }
        if letters.len() < need {
            return Err(Error::TooFew { what: "survivors that agree", have: letters.len(), need });
        }
        Ok((CollectReveals::new(tally), letters))
    }
}
