//! Messages of pairwise masking and their strict decoding. Indices are places in the roster, which all clients of the
//! round are bound to by its digest.

use curve25519_dalek::scalar::Scalar;

use super::keys::{COMMITMENT, SEALED, Secret};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::shamir;
use crate::wire::{Bytes32, Reader, digest, open, start};

/// A client's keys for one round, signed by its long-term key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) key: PublicKey,
    /// For encrypting shares to this client.
    pub(crate) channel: Bytes32,
    /// For agreeing on pairwise masks; also commits to the shared scalar that it derives from.
    pub(crate) pair: Bytes32,
    /// Commitment to the seed of the client's own mask.
    pub(crate) own: Bytes32,
    pub(crate) signature: [u8; 64],
}

impl Keys {
    pub(crate) const BYTES: usize = 4 * 32 + 64;

    pub(crate) fn signed(context: &Bytes32, channel: &Bytes32, pair: &Bytes32, own: &Bytes32) -> Vec<u8> {
        [&context[..], channel, pair, own].concat()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(&self.channel);
        out.extend_from_slice(&self.pair);
        out.extend_from_slice(&self.own);
        out.extend_from_slice(&self.signature);
    }

    /// Reads and verifies the signature.
    fn read(reader: &mut Reader<'_>, context: &Bytes32) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let (channel, pair, own) = (reader.array()?, reader.array()?, reader.array()?);
        let signature = reader.array()?;
        key.verify(domain::SIGN_KEYS, &Self::signed(context, &channel, &pair, &own), &signature, "keys")?;
        Ok(Self { key, channel, pair, own, signature })
    }

    pub(crate) fn encode(&self, context: &Bytes32) -> Vec<u8> {
        let mut out = start(Kind::Keys, context, Self::BYTES);
        self.write(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8], context: &Bytes32) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Keys, context, "keys")?;
        let keys = Self::read(&mut reader, context)?;
        reader.finish()?;
        Ok(keys)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.key.identity()
    }
}

/// The digest of all clients' keys in the order of the roster.
pub(crate) fn roster_digest(context: &Bytes32, seed: &Bytes32, roster: &[Keys]) -> Bytes32 {
    let mut hasher = blake3::Hasher::new_derive_key(domain::ROSTER);
    hasher.update(context).update(seed).update(&(roster.len() as u32).to_le_bytes());
    let mut entry = Vec::with_capacity(Keys::BYTES);
    for keys in roster {
        entry.clear();
        keys.write(&mut entry);
        hasher.update(&entry);
    }
    *hasher.finalize().as_bytes()
}

/// What the server tells a client once keys are collected.
pub(crate) struct Neighbours {
    pub(crate) roster: Bytes32,
    pub(crate) clients: u32,
    pub(crate) seed: Bytes32,
    /// The client's own place.
    pub(crate) own: u32,
    /// Its neighbours, ascending.
    pub(crate) neighbours: Vec<(u32, Keys)>,
}

impl Neighbours {
    pub(crate) fn encode<'a>(
        context: &Bytes32,
        roster: &Bytes32,
        clients: u32,
        seed: &Bytes32,
        own: u32,
        neighbours: impl ExactSizeIterator<Item = (u32, &'a Keys)>,
    ) -> Vec<u8> {
        let mut out = start(Kind::Neighbours, context, 76 + neighbours.len() * (4 + Keys::BYTES));
        out.extend_from_slice(roster);
        out.extend_from_slice(&clients.to_le_bytes());
        out.extend_from_slice(seed);
        out.extend_from_slice(&own.to_le_bytes());
        out.extend_from_slice(&(neighbours.len() as u32).to_le_bytes());
        for (place, keys) in neighbours {
            out.extend_from_slice(&place.to_le_bytes());
            keys.write(&mut out);
        }
        out
    }

    /// Verifies every neighbour's signature.
    pub(crate) fn decode(bytes: &[u8], context: &Bytes32) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Neighbours, context, "neighbours")?;
        let roster = reader.array()?;
        let clients = reader.u32()?;
        let seed = reader.array()?;
        let own = reader.u32()?;
        let count = reader.count(4 + Keys::BYTES)?;
        let mut neighbours = Vec::with_capacity(count);
        for _ in 0..count {
            let place = reader.u32()?;
            neighbours.push((place, Keys::read(&mut reader, context)?));
        }
        reader.finish()?;
        Ok(Self { roster, clients, seed, own, neighbours })
    }
}

/// What is the same for all messages of one client after the keys: its place and its key.
pub(crate) struct Sender<'a> {
    pub(crate) context: &'a Bytes32,
    pub(crate) roster: &'a Bytes32,
}

impl Sender<'_> {
    /// What a signature covers: round, roster, sender, content.
    fn signed(&self, place: u32, content: &Bytes32) -> Vec<u8> {
        [&self.context[..], self.roster, &place.to_le_bytes(), content].concat()
    }

    pub(crate) fn encode(&self, form: &Form, place: u32, signer: &crate::identity::Signer, content: &[u8]) -> Vec<u8> {
        let signature = signer.sign(form.domain, &self.signed(place, &digest(domain::BODY, &[content])));
        let mut out = start(form.kind, self.context, 68 + content.len());
        out.extend_from_slice(&place.to_le_bytes());
        out.extend_from_slice(&signature);
        out.extend_from_slice(content);
        out
    }

    /// What a client sent, after its signature was verified.
    pub(crate) fn decode<'m>(&self, form: &Form, bytes: &'m [u8], roster: &[Keys]) -> Result<Signed<'m>, Error> {
        let mut reader = open(bytes, form.kind, self.context, form.message)?;
        let place = reader.u32()?;
        let signature = reader.array()?;
        let keys = roster.get(place as usize).ok_or_else(|| reader.malformed("no such client"))?;
        let content = reader.rest();
        let digest = digest(domain::BODY, &[content]);
        keys.key.verify(form.domain, &self.signed(place, &digest), &signature, form.message)?;
        Ok(Signed { place, content, digest, signature })
    }

    /// Verifies a neighbour's signature over a survivor set.
    pub(crate) fn verify_agreed(
        &self,
        place: u32,
        key: &PublicKey,
        survivors: &Bytes32,
        signature: &[u8; 64],
    ) -> Result<(), Error> {
        let signed = self.signed(place, &digest(domain::BODY, &[survivors]));
        key.verify(AGREED.domain, &signed, signature, AGREED.message)
    }
}

/// A client's message whose signature was verified.
pub(crate) struct Signed<'m> {
    pub(crate) place: u32,
    pub(crate) content: &'m [u8],
    pub(crate) digest: Bytes32,
    pub(crate) signature: [u8; 64],
}

/// The format of a client's signed message.
pub(crate) struct Form {
    pub(crate) kind: Kind,
    domain: &'static [u8],
    pub(crate) message: &'static str,
}

pub(crate) const SHARES: Form = Form { kind: Kind::Shares, domain: domain::SIGN_SHARES, message: "shares" };
pub(crate) const MASKED: Form = Form { kind: Kind::Masked, domain: domain::SIGN_MASKED, message: "masked vector" };
pub(crate) const AGREED: Form = Form { kind: Kind::Agreed, domain: domain::SIGN_SURVIVORS, message: "agreement" };
pub(crate) const REVEAL: Form = Form { kind: Kind::Reveal, domain: domain::SIGN_REVEAL, message: "revealed shares" };

/// What one client made for one neighbour: its two shares, encrypted, and commitments to them.
pub(crate) struct Share {
    pub(crate) sealed: [u8; SEALED],
    pub(crate) pair: [u8; COMMITMENT],
    pub(crate) own: [u8; COMMITMENT],
}

impl Share {
    pub(crate) const BYTES: usize = SEALED + 2 * COMMITMENT;

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sealed);
        out.extend_from_slice(&self.pair);
        out.extend_from_slice(&self.own);
    }

    /// The content of a shares message: one for each neighbour, in the order of the roster.
    pub(crate) fn read_all(content: &[u8], neighbours: usize) -> Result<Vec<Self>, Error> {
        let mut reader = Reader::new(content, SHARES.message);
        let shares = (0..neighbours)
            .map(|_| Ok(Self { sealed: reader.array()?, pair: reader.array()?, own: reader.array()? }))
            .collect::<Result<_, Error>>()?;
        reader.finish()?;
        Ok(shares)
    }
}

/// The shares for one client, as the server passes them on: (owner's place, sealed), ascending.
pub(crate) fn encode_delivered(context: &Bytes32, roster: &Bytes32, shares: &[(u32, &[u8; SEALED])]) -> Vec<u8> {
    let mut out = start(Kind::Delivered, context, 36 + shares.len() * (4 + SEALED));
    out.extend_from_slice(roster);
    out.extend_from_slice(&(shares.len() as u32).to_le_bytes());
    for (owner, sealed) in shares {
        out.extend_from_slice(&owner.to_le_bytes());
        out.extend_from_slice(&sealed[..]);
    }
    out
}

pub(crate) fn decode_delivered(
    bytes: &[u8],
    context: &Bytes32,
    roster: &Bytes32,
) -> Result<Vec<(u32, [u8; SEALED])>, Error> {
    let mut reader = open(bytes, Kind::Delivered, context, "delivered shares")?;
    check_roster(&mut reader, roster)?;
    let count = reader.count(4 + SEALED)?;
    let mut shares = Vec::with_capacity(count);
    for _ in 0..count {
        shares.push((reader.u32()?, reader.array()?));
    }
    ascending(&reader, shares.iter().map(|(owner, _)| *owner))?;
    reader.finish()?;
    Ok(shares)
}

/// Who of the roster is counted: one bit for each client.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Survivors {
    pub(crate) clients: u32,
    pub(crate) bits: Vec<u8>,
}

impl Survivors {
    pub(crate) fn new(clients: u32, alive: impl Iterator<Item = u32>) -> Self {
        let mut bits = vec![0; clients.div_ceil(8) as usize];
        alive.for_each(|place| bits[(place / 8) as usize] |= 1 << (place % 8));
        Self { clients, bits }
    }

    pub(crate) fn contains(&self, place: u32) -> bool {
        self.bits.get((place / 8) as usize).is_some_and(|byte| byte >> (place % 8) & 1 == 1)
    }

    pub(crate) fn count(&self) -> usize {
        self.bits.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    pub(crate) fn digest(&self, context: &Bytes32, roster: &Bytes32) -> Bytes32 {
        digest(domain::SURVIVORS, &[context, roster, &self.clients.to_le_bytes(), &self.bits])
    }

    pub(crate) fn encode(&self, context: &Bytes32, roster: &Bytes32) -> Vec<u8> {
        let mut out = start(Kind::Survivors, context, 32 + self.bits.len());
        out.extend_from_slice(roster);
        out.extend_from_slice(&self.bits);
        out
    }

    pub(crate) fn decode(bytes: &[u8], context: &Bytes32, roster: &Bytes32, clients: u32) -> Result<Self, Error> {
        let mut reader = open(bytes, Kind::Survivors, context, "survivors")?;
        check_roster(&mut reader, roster)?;
        let bits = reader.take(clients.div_ceil(8) as usize)?.to_vec();
        let padding = reader.malformed("its padding is not zero");
        reader.finish()?;
        match bits.last() {
            Some(last) if !clients.is_multiple_of(8) && last >> (clients % 8) != 0 => Err(padding),
            _ => Ok(Self { clients, bits }),
        }
    }
}

/// Neighbours' signatures over the survivor set: (place, signature), ascending.
pub(crate) fn encode_agreements(context: &Bytes32, roster: &Bytes32, signatures: &[(u32, [u8; 64])]) -> Vec<u8> {
    let mut out = start(Kind::Agreements, context, 36 + signatures.len() * 68);
    out.extend_from_slice(roster);
    out.extend_from_slice(&(signatures.len() as u32).to_le_bytes());
    for (place, signature) in signatures {
        out.extend_from_slice(&place.to_le_bytes());
        out.extend_from_slice(signature);
    }
    out
}

pub(crate) fn decode_agreements(
    bytes: &[u8],
    context: &Bytes32,
    roster: &Bytes32,
) -> Result<Vec<(u32, [u8; 64])>, Error> {
    let mut reader = open(bytes, Kind::Agreements, context, "agreements")?;
    check_roster(&mut reader, roster)?;
    let count = reader.count(68)?;
    let mut signatures = Vec::with_capacity(count);
    for _ in 0..count {
        signatures.push((reader.u32()?, reader.array()?));
    }
    ascending(&reader, signatures.iter().map(|(place, _)| *place))?;
    reader.finish()?;
    Ok(signatures)
}

/// One share that a client reveals.
#[derive(Clone, Copy)]
pub(crate) struct Revealed {
    pub(crate) owner: u32,
    pub(crate) secret: Secret,
    pub(crate) share: Scalar,
}

impl Revealed {
    pub(crate) const BYTES: usize = 4 + 1 + 32;

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.owner.to_le_bytes());
        out.push(self.secret as u8);
        out.extend_from_slice(self.share.as_bytes());
    }

    /// The content of a reveal message, ascending by owner: at most one share of each.
    pub(crate) fn read_all(content: &[u8]) -> Result<Vec<Self>, Error> {
        let mut reader = Reader::new(content, REVEAL.message);
        let count = content.len() / Self::BYTES;
        let mut shares = Vec::with_capacity(count);
        for _ in 0..count {
            let owner = reader.u32()?;
            let secret = match reader.u8()? {
                0 => Secret::Pair,
                1 => Secret::Own,
                _ => return Err(reader.malformed("no such secret")),
            };
            let share = shamir::decode(&reader.array()?).ok_or_else(|| reader.malformed("not a scalar"))?;
            shares.push(Self { owner, secret, share });
        }
        ascending(&reader, shares.iter().map(|share| share.owner))?;
        reader.finish()?;
        Ok(shares)
    }
}

fn check_roster(reader: &mut Reader<'_>, roster: &Bytes32) -> Result<(), Error> {
    if reader.array::<32>()? == *roster {
        Ok(())
    } else {
        Err(Error::Coordinator { what: "it speaks of another roster than before" })
    }
}

fn ascending(reader: &Reader<'_>, places: impl Iterator<Item = u32>) -> Result<(), Error> {
    if places.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(reader.malformed("not in strictly ascending order")) }
}
