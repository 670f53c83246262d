//! The client: five states, each named by the message it expects and consumed by it.
//!
//! A state that met a wrong message is gone, and with it the client's part in the round: nobody can try a second one.

use std::collections::BTreeMap;

use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRng;
use x25519_dalek::PublicKey as DhPublic;
use zeroize::Zeroizing;

use super::Pairwise;
use super::graph::Topology;
use super::keys::{self, Secret, Secrets};
use super::messages::{
    AGREED, Keys, MASKED, Neighbours, REVEAL, Revealed, SHARES, Sender, Share, Survivors, decode_agreements,
    decode_delivered,
};
use crate::domain;
use crate::error::Error;
use crate::identity::{Enrolment, Identity, Signer};
use crate::mask::Sign;
use crate::shamir::Polynomial;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// What all states share.
struct Core {
    task: Task,
    parameters: Pairwise,
    context: Bytes32,
    signer: Signer,
}

/// What is known once the graph is: the client's place and its neighbours.
struct Place {
    roster: Bytes32,
    clients: u32,
    own: u32,
    neighbours: BTreeMap<u32, Keys>,
}

/// Has sent its keys.
pub struct AwaitNeighbours {
    core: Core,
    secrets: Secrets,
}

/// Starts a client (figure 4, round 0): its state and its keys for the server.
///
/// # Errors
/// [`Error::Parameter`] if task or parameters are unusable.
pub fn start<R: CryptoRng>(
    task: Task,
    parameters: Pairwise,
    signer: Signer,
    rng: &mut R,
) -> Result<(AwaitNeighbours, Vec<u8>), Error> {
    task.check()?;
    parameters.check()?;
    let context = parameters.context(&task);
    let secrets = Secrets::random(rng);
    let channel = DhPublic::from(&secrets.channel).to_bytes();
    let pair = DhPublic::from(&keys::pair_key(&context, &secrets.pair)).to_bytes();
    let own = keys::own_seed(&context, &secrets.own).commitment(&context);
    let signature = signer.sign(domain::SIGN_KEYS, &Keys::signed(&context, &channel, &pair, &own));
    let message = Keys { key: signer.public(), channel, pair, own, signature }.encode(&context);
    Ok((AwaitNeighbours { core: Core { task, parameters, context, signer }, secrets }, message))
}

impl AwaitNeighbours {
    /// Round 1: shares both secrets among the neighbours. Gives the shares for the server to pass on.
    ///
    /// Cost: 2k evaluations of polynomials of degree t − 1, k key agreements, k signatures verified.
    ///
    /// # Errors
    /// [`Error::TooFew`] if the round is too small; [`Error::Coordinator`] if the graph is not the one that the seed
    /// gives or an identity comes twice; [`Error::NotEnrolled`], [`Error::Signature`] or [`Error::Broken`] for what a
    /// neighbour's keys are not.
    pub fn neighbours<R: CryptoRng>(
        self,
        message: &[u8],
        enrolment: &impl Enrolment,
        rng: &mut R,
    ) -> Result<(AwaitDelivered, Vec<u8>), Error> {
        let Self { core, secrets } = self;
        let said = Neighbours::decode(message, &core.context)?;
        let place = core.check_graph(said, enrolment)?;
        let threshold = core.parameters.threshold as usize;
        let pair = Polynomial::new(&secrets.pair, threshold, rng);
        let own = Polynomial::new(&secrets.own, threshold, rng);
        let mut content = Vec::with_capacity(place.neighbours.len() * Share::BYTES);
        let mut channels = BTreeMap::new();
        for (&holder, keys) in &place.neighbours {
            let shares = Zeroizing::new([pair.share(holder), own.share(holder)]);
            let channel = keys::channel(&secrets.channel, &keys.channel)
                .ok_or(Error::Broken { culprit: keys.identity(), what: "its key is of low order" })?;
            let sealed = keys::seal(&core.context, &channel, (place.own, holder), (&shares[0], &shares[1]))
                .and_then(|sealed| sealed.try_into().ok())
                .ok_or(Error::Misuse { what: "sealed shares have one length" })?;
            channels.insert(holder, channel);
            let commit = |which, share| keys::commitment(&core.context, place.own, holder, which, share);
            let share = Share { sealed, pair: commit(Secret::Pair, &shares[0]), own: commit(Secret::Own, &shares[1]) };
            share.write(&mut content);
        }
        let sender = Sender { context: &core.context, roster: &place.roster };
        let message = sender.encode(&SHARES, place.own, &core.signer, &content);
        Ok((AwaitDelivered { core, secrets, channels, place }, message))
    }
}

impl Core {
    /// Whether the server's graph is the one that its seed gives, and all neighbours may take part.
    fn check_graph(&self, said: Neighbours, enrolment: &impl Enrolment) -> Result<Place, Error> {
        let least = self.task.minimum.max(self.parameters.threshold + 1);
        if said.clients < least {
            return Err(Error::TooFew { what: "clients", have: said.clients as usize, need: least as usize });
        }
        if said.clients > self.parameters.most || said.own >= said.clients {
            return Err(Error::Coordinator { what: "more clients than the parameters allow" });
        }
        let topology = Topology::new(&self.parameters, said.clients, &self.context, &said.seed);
        if !said.neighbours.iter().map(|(place, _)| *place).eq(topology.neighbours(said.own)) {
            return Err(Error::Coordinator { what: "the neighbours are not those of the graph" });
        }
        let mut seen = std::collections::BTreeSet::from([self.signer.identity()]);
        for (_, keys) in &said.neighbours {
            let identity = keys.identity();
            if !enrolment.admits(&identity) {
                return Err(Error::NotEnrolled { culprit: identity });
            }
            if !seen.insert(identity) {
                return Err(Error::Coordinator { what: "one identity is two neighbours" });
            }
        }
        let neighbours = said.neighbours.into_iter().collect();
        Ok(Place { roster: said.roster, clients: said.clients, own: said.own, neighbours })
    }
}

/// Has sent its shares.
pub struct AwaitDelivered {
    core: Core,
    secrets: Secrets,
    channels: BTreeMap<u32, keys::Channel>,
    place: Place,
}

/// The two shares that a client holds of a neighbour's secrets, if it could read them.
type Held = BTreeMap<u32, Option<Zeroizing<[Scalar; 2]>>>;

impl AwaitDelivered {
    /// Round 2: masks the input with its own mask and one for each neighbour that shared its secrets.
    ///
    /// Cost: one expansion for each neighbour and one more, as many key agreements.
    ///
    /// # Errors
    /// [`Error::TooFew`] if fewer neighbours than the threshold shared; [`Error::Coordinator`] if somebody else's
    /// shares were delivered; [`Error::Vector`] if the input does not fit.
    pub fn delivered(self, message: &[u8], input: &Vector) -> Result<(AwaitSurvivors, Vec<u8>), Error> {
        let Self { core, secrets, channels, place } = self;
        core.task.check_input(input)?;
        let delivered = decode_delivered(message, &core.context, &place.roster)?;
        let need = core.parameters.threshold as usize;
        if delivered.len() < need {
            return Err(Error::TooFew { what: "neighbours that shared", have: delivered.len(), need });
        }
        let mut masked = input.clone();
        let mut held = Held::new();
        let pair_key = keys::pair_key(&core.context, &secrets.pair);
        for (owner, sealed) in delivered {
            let (keys, channel) = place
                .neighbours
                .get(&owner)
                .zip(channels.get(&owner))
                .ok_or(Error::Coordinator { what: "shares of somebody who is no neighbour" })?;
            let shares = keys::open(&core.context, channel, (owner, place.own), &sealed);
            held.insert(owner, shares.map(|(pair, own)| Zeroizing::new([pair, own])));
            let sign = if place.own < owner { Sign::Plus } else { Sign::Minus };
            keys::pair_seed(&core.context, &pair_key, &keys.pair, (place.own, owner))
                .ok_or(Error::Broken { culprit: keys.identity(), what: "its key is of low order" })?
                .apply(&core.context, sign, &mut masked);
        }
        keys::own_seed(&core.context, &secrets.own).apply(&core.context, Sign::Plus, &mut masked);
        let sender = Sender { context: &core.context, roster: &place.roster };
        let message = sender.encode(&MASKED, place.own, &core.signer, &masked.pack());
        Ok((AwaitSurvivors { core, place, held }, message))
    }
}

/// Has sent its masked vector.
pub struct AwaitSurvivors {
    core: Core,
    place: Place,
    held: Held,
}

impl AwaitSurvivors {
    /// Neighbours whose shares could not be read: either they or the server spoiled them.
    pub fn unreadable(&self) -> impl Iterator<Item = Identity> + '_ {
        let unread = self.held.iter().filter(|(_, shares)| shares.is_none());
        unread.filter_map(|(owner, _)| Some(self.place.neighbours.get(owner)?.identity()))
    }

    /// Round 3: signs the survivor set.
    ///
    /// # Errors
    /// [`Error::TooFew`] if it is smaller than the minimum or too few neighbours are in it;
    /// [`Error::Coordinator`] if this client is not in it.
    pub fn survivors(self, message: &[u8]) -> Result<(AwaitAgreements, Vec<u8>), Error> {
        let Self { core, place, held } = self;
        let survivors = Survivors::decode(message, &core.context, &place.roster, place.clients)?;
        let (have, need) = (survivors.count(), core.task.minimum as usize);
        if have < need {
            return Err(Error::TooFew { what: "survivors", have, need });
        }
        if !survivors.contains(place.own) {
            return Err(Error::Coordinator { what: "it says that this client vanished" });
        }
        let need = core.parameters.threshold as usize;
        let have = held.keys().filter(|&&place| survivors.contains(place)).count();
        if have < need {
            return Err(Error::TooFew { what: "neighbours that survived", have, need });
        }
        let sender = Sender { context: &core.context, roster: &place.roster };
        let digest = survivors.digest(&core.context, &place.roster);
        let message = sender.encode(&AGREED, place.own, &core.signer, &digest);
        Ok((AwaitAgreements { core, place, held, survivors }, message))
    }
}

/// Has signed the survivor set.
pub struct AwaitAgreements {
    core: Core,
    place: Place,
    held: Held,
    survivors: Survivors,
}

impl AwaitAgreements {
    /// Round 4: reveals, of each neighbour, the share of its pairwise secret if it vanished, else that of its own mask.
    /// This is the client's last word; all its secrets of the round are wiped.
    ///
    /// # Errors
    /// [`Error::TooFew`] if fewer surviving neighbours than the threshold signed this survivor set;
    /// [`Error::Coordinator`] if a signature is not a surviving neighbour's; [`Error::Signature`] if one is for another
    /// set.
    pub fn agreements(self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let Self { core, place, held, survivors } = self;
        let signatures = decode_agreements(message, &core.context, &place.roster)?;
        let sender = Sender { context: &core.context, roster: &place.roster };
        let digest = survivors.digest(&core.context, &place.roster);
        for (signatory, signature) in &signatures {
            let keys = place
                .neighbours
                .get(signatory)
                .filter(|_| survivors.contains(*signatory))
                .ok_or(Error::Coordinator { what: "a signature of somebody who is no surviving neighbour" })?;
            sender.verify_agreed(*signatory, &keys.key, &digest, signature)?;
        }
        let (have, need) = (signatures.len(), core.parameters.threshold as usize);
        if have < need {
            return Err(Error::TooFew { what: "neighbours that signed the survivor set", have, need });
        }
        let mut content = Zeroizing::new(Vec::with_capacity(held.len() * Revealed::BYTES));
        for (&owner, shares) in &held {
            let Some(shares) = shares else { continue };
            let secret = if survivors.contains(owner) { Secret::Own } else { Secret::Pair };
            Revealed { owner, secret, share: shares[secret as usize] }.write(&mut content);
        }
        Ok(sender.encode(&REVEAL, place.own, &core.signer, &content))
    }
}
