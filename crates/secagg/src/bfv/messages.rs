//! Messages of the threshold homomorphic sum and their strict decoding.

use super::ring::{BYTES, Poly};
use crate::ballot::Split;
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::{Identity, PublicKey, Signer};
use crate::wire::{Bytes32, Reader, digest, open, start};

/// Bytes of what a holder says beside its content.
pub(super) const SAID: usize = 34 + 1 + 64;

/// What a client signs: digests of the two halves of its ciphertexts.
pub(super) struct Header {
    pub(super) key: PublicKey,
    /// Of all first polynomials, and of all second ones.
    pub(super) halves: [Bytes32; 2],
    pub(super) signature: [u8; 64],
}

impl Header {
    pub(super) fn signed(context: &Bytes32, key: &PublicKey, halves: &[Bytes32; 2]) -> Vec<u8> {
        [&context[..], &key.to_bytes(), halves.as_flattened()].concat()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(self.halves.as_flattened());
        out.extend_from_slice(&self.signature);
    }

    /// Reads and verifies; what is returned was signed by its key for this round.
    fn read(reader: &mut Reader<'_>, context: &Bytes32) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(&reader.array()?).ok_or_else(|| reader.malformed("not a public key"))?;
        let halves = [reader.array()?, reader.array()?];
        let signature = reader.array()?;
        let signed = Self::signed(context, &key, &halves);
        key.verify(domain::SIGN_CIPHERTEXT, &signed, &signature, "contribution")?;
        Ok(Self { key, halves, signature })
    }

    pub(super) fn identity(&self) -> Identity {
        self.key.identity()
    }

    /// What an inclusion list says of it.
    pub(super) fn digest(&self, context: &Bytes32) -> Bytes32 {
        digest(domain::HEADER, &[&Self::signed(context, &self.key, &self.halves), &self.signature])
    }
}

/// A client's one message.
pub(super) fn encode(context: &Bytes32, header: &Header, halves: &[Vec<u8>; 2]) -> Vec<u8> {
    let mut out = start(Kind::Ciphertext, context, 160 + halves[0].len() + halves[1].len());
    header.write(&mut out);
    halves.iter().for_each(|half| out.extend_from_slice(half));
    out
}

/// A contribution whose halves are what was signed.
fn decode<'m>(message: &'m [u8], context: &Bytes32, plaintexts: usize) -> Result<(Header, [&'m [u8]; 2]), Error> {
    let mut reader = open(message, Kind::Ciphertext, context, "contribution")?;
    let header = Header::read(&mut reader, context)?;
    let halves = [reader.take(plaintexts * BYTES)?, reader.take(plaintexts * BYTES)?];
    reader.finish()?;
    check_half(&header, 0, halves[0])?;
    check_half(&header, 1, halves[1])?;
    Ok((header, halves))
}

fn check_half(header: &Header, which: usize, half: &[u8]) -> Result<(), Error> {
    match digest(domain::BODY, &[half]) == header.halves[which] {
        true => Ok(()),
        false => {
            let what = "a half of its ciphertexts is not the one that was signed";
            Err(Error::Broken { culprit: header.identity(), what })
        }
    }
}

/// The polynomials of a half.
fn polynomials(header: &Header, half: &[u8]) -> Result<Vec<Poly>, Error> {
    let broken = Error::Broken { culprit: header.identity(), what: "its ciphertext is no pair of polynomials" };
    half.chunks(BYTES).map(Poly::read).collect::<Option<_>>().ok_or(broken)
}

/// The first halves, for the combiner.
pub(super) fn first(message: &[u8], context: &Bytes32, plaintexts: usize) -> Result<(Header, Vec<Poly>), Error> {
    let (header, halves) = decode(message, context, plaintexts)?;
    let first = polynomials(&header, halves[0])?;
    Ok((header, first))
}

/// Verifies a contribution and takes it apart: the second half for each holder.
pub(super) fn split(message: &[u8], context: &Bytes32, plaintexts: usize, holders: usize) -> Result<Split, Error> {
    let (header, halves) = decode(message, context, plaintexts)?;
    for half in halves {
        polynomials(&header, half)?;
    }
    let mut deposit = start(Kind::HalfCiphertext, context, 160 + halves[1].len());
    header.write(&mut deposit);
    deposit.extend_from_slice(halves[1]);
    Ok(Split { client: header.identity(), digest: header.digest(context), deposits: vec![deposit; holders] })
}

/// The second halves, as a holder gets them.
pub(super) fn second(message: &[u8], context: &Bytes32, plaintexts: usize) -> Result<(Header, Vec<Poly>), Error> {
    let mut reader = open(message, Kind::HalfCiphertext, context, "deposit")?;
    let header = Header::read(&mut reader, context)?;
    let half = reader.take(plaintexts * BYTES)?;
    reader.finish()?;
    if digest(domain::BODY, &[half]) != header.halves[1] {
        return Err(Error::Coordinator { what: "a half of a ciphertext is not the one that its client signed" });
    }
    let second = polynomials(&header, half)?;
    Ok((header, second))
}

/// What holders say, signed.
#[derive(Clone, Copy)]
pub(super) enum Said {
    /// What the share of the key will be.
    Commitment,
    /// The share of the key.
    Share,
    /// Which joint key it is.
    Confirmation,
    /// The list's digest and decryption shares for the sum over it.
    Decryption,
}

impl Said {
    fn form(self) -> (Kind, &'static [u8], &'static str) {
        match self {
            Self::Commitment => (Kind::KeyCommitment, domain::SIGN_KEY_COMMITMENT, "commitment"),
            Self::Share => (Kind::KeyShare, domain::SIGN_KEY_SHARE, "share of the key"),
            Self::Confirmation => (Kind::KeyConfirmation, domain::SIGN_KEY_CONFIRMATION, "confirmation of the key"),
            Self::Decryption => (Kind::Decryption, domain::SIGN_DECRYPTION, "decryption share"),
        }
    }
}

fn signed(context: &Bytes32, position: usize, content: &[u8]) -> Vec<u8> {
    [&context[..], &[position as u8], &digest(domain::BODY, &[content])].concat()
}

pub(super) fn say(said: Said, context: &Bytes32, position: usize, signer: &Signer, content: &[u8]) -> Vec<u8> {
    let (kind, domain, _) = said.form();
    let mut out = start(kind, context, SAID + content.len());
    out.push(position as u8);
    out.extend_from_slice(&signer.sign(domain, &signed(context, position, content)));
    out.extend_from_slice(content);
    out
}

/// The position of whoever says that it said this.
pub(super) fn position(said: Said, context: &Bytes32, message: &[u8]) -> Result<usize, Error> {
    let (kind, _, name) = said.form();
    Ok(usize::from(open(message, kind, context, name)?.u8()?))
}

/// Who of the holders said it, and what.
pub(super) fn heard<'m>(
    said: Said,
    context: &Bytes32,
    holders: &[PublicKey],
    message: &'m [u8],
) -> Result<(usize, &'m [u8]), Error> {
    let (kind, domain, name) = said.form();
    let mut reader = open(message, kind, context, name)?;
    let position = usize::from(reader.u8()?);
    let signature = reader.array()?;
    let key = holders.get(position).ok_or_else(|| reader.malformed("no such holder"))?;
    let content = reader.rest();
    key.verify(domain, &signed(context, position, content), &signature, name)?;
    Ok((position, content))
}

/// What each holder said, in their order.
pub(super) fn gather<'m>(
    said: Said,
    context: &Bytes32,
    holders: &[PublicKey],
    messages: impl Iterator<Item = &'m [u8]>,
) -> Result<Vec<&'m [u8]>, Error> {
    let (_, _, name) = said.form();
    let mut all = vec![None; holders.len()];
    for message in messages {
        let (position, content) = heard(said, context, holders, message)?;
        if all[position].is_some_and(|known| known != content) {
            return Err(Error::Second { message: name, culprit: holders[position].identity() });
        }
        all[position] = Some(content);
    }
    let (have, need) = (all.iter().flatten().count(), holders.len());
    let missing = Error::TooFew { what: "holders that spoke", have, need };
    all.into_iter().collect::<Option<_>>().ok_or(missing)
}
