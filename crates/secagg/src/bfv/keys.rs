//! The joint key: each holder has a secret of its own, and the key's secret is their sum, which nobody has.
//!
//! ```text
//! holder   AwaitCommitments::new ──► commitment          (to every other holder, and back)
//! holder   commitments ──► share                          (likewise)
//! holder   shares ──► its secret, and a confirmation      (likewise)
//! holder   JointKey::confirmed ──► the key, signed by all: what the agreement lists
//! ```

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::MOST_HOLDERS;
use super::messages::{self, Said};
use super::ring::{BYTES, N, Poly};
use super::sample::{Small, errors, ternary};
use crate::domain;
use crate::error::Error;
use crate::identity::{PublicKey, Signer};
use crate::stream::Stream;
use crate::wire::{Bytes32, Reader, digest};

/// What all of a key's making is bound to.
fn context(agreement: &Bytes32, holders: &[PublicKey]) -> Bytes32 {
    let listed: Vec<u8> = holders.iter().flat_map(PublicKey::to_bytes).collect();
    digest(domain::CONTEXT_BFV_KEY, &[agreement, &listed])
}

fn check_holders(holders: &[PublicKey]) -> Result<(), Error> {
    if !(2..=MOST_HOLDERS).contains(&holders.len()) {
        return Err(Error::parameter(format!("{} holders (2 to {MOST_HOLDERS} are possible)", holders.len())));
    }
    match holders.iter().enumerate().find(|(i, holder)| holders[..*i].contains(holder)) {
        Some((_, twice)) => Err(Error::parameter(format!("holder {} is listed twice", twice.identity()))),
        None => Ok(()),
    }
}

/// The polynomial that is common to all shares: it follows from the context, and nobody chooses it.
pub(super) fn common(context: &Bytes32) -> Poly {
    Poly::uniform(&mut Stream::new(domain::BFV_COMMON, context))
}

/// What a holder has while a key is made.
struct Core {
    holders: Vec<PublicKey>,
    position: usize,
    signer: Signer,
    context: Bytes32,
    secret: Small,
    share: Vec<u8>,
}

impl Core {
    /// One message of each other holder of this kind, in their order, with its own among them.
    fn gathered<'m>(&self, said: Said, own: &'m [u8], others: &'m [Vec<u8>]) -> Result<Vec<&'m [u8]>, Error> {
        messages::gather(said, &self.context, &self.holders, others.iter().map(Vec::as_slice).chain([own]))
    }
}

/// Waits for the other holders' commitments.
pub struct AwaitCommitments {
    core: Core,
    message: Vec<u8>,
}

impl AwaitCommitments {
    /// Starts to make a key for an agreement, with a fresh secret. Gives the commitment for the others.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless there are 2 to 16 holders, each once, and this signer is one of them.
    pub fn new<R: CryptoRng>(
        agreement: [u8; 32],
        holders: Vec<PublicKey>,
        signer: Signer,
        rng: &mut R,
    ) -> Result<(Self, Vec<u8>), Error> {
        check_holders(&holders)?;
        let position = holders.iter().position(|holder| *holder == signer.public());
        let position = position.ok_or_else(|| Error::parameter("this key is not that of a holder"))?;
        let context = context(&agreement, &holders);
        let secret = ternary(rng);
        // −a·s + e
        let mut share = common(&context);
        share.mul(&Poly::from_coefficients(&secret));
        share.negate();
        share.add(&Poly::from_coefficients(&errors(rng)));
        let mut bytes = Vec::with_capacity(BYTES);
        share.write(&mut bytes);
        let core = Core { holders, position, signer, context, secret, share: bytes };
        let commitment = digest(domain::BFV_COMMITMENT, &[&context, &core.share]);
        let message = messages::say(Said::Commitment, &context, position, &core.signer, &commitment);
        Ok((Self { core, message: message.clone() }, message))
    }

    /// Takes all the others' commitments, in any order. Gives the share of the key.
    ///
    /// # Errors
    /// [`Error::TooFew`] if one is missing, [`Error::Second`] if a holder sent two, or what makes a message no commitment.
    pub fn commitments(self, others: &[Vec<u8>]) -> Result<(AwaitShares, Vec<u8>), Error> {
        let commitments = self.core.gathered(Said::Commitment, &self.message, others)?;
        let committed: Option<Vec<Bytes32>> = commitments.iter().map(|bytes| (*bytes).try_into().ok()).collect();
        let committed = committed.ok_or(Error::Malformed { message: "commitment", what: "not 32 bytes" })?;
        let core = self.core;
        let message = messages::say(Said::Share, &core.context, core.position, &core.signer, &core.share);
        Ok((AwaitShares { core, committed, message: message.clone() }, message))
    }
}

/// Waits for the other holders' shares.
pub struct AwaitShares {
    core: Core,
    committed: Vec<Bytes32>,
    message: Vec<u8>,
}

impl AwaitShares {
    /// Takes all the others' shares, in any order. Gives this holder's secret, and its confirmation of the joint key.
    ///
    /// # Errors
    /// [`Error::Sealed`] if a share is not what was committed to; otherwise as
    /// [`commitments`](AwaitCommitments::commitments).
    pub fn shares(self, others: &[Vec<u8>]) -> Result<(HolderSecret, Vec<u8>), Error> {
        let shares = self.core.gathered(Said::Share, &self.message, others)?;
        let mut joint = Poly::zero();
        for ((share, commitment), holder) in shares.iter().zip(&self.committed).zip(&self.core.holders) {
            if digest(domain::BFV_COMMITMENT, &[&self.core.context, share]) != *commitment {
                return Err(Error::Sealed { message: "share of the key", culprit: holder.identity() });
            }
            let broken = Error::Broken { culprit: holder.identity(), what: "its share of the key is no polynomial" };
            joint.add(&Poly::read(share).ok_or(broken)?);
        }
        let Core { holders, position, signer, context, secret, .. } = self.core;
        let mut bytes = Vec::with_capacity(BYTES);
        joint.write(&mut bytes);
        let confirmation = digest(domain::BFV_KEY, &[&context, &bytes]);
        let message = messages::say(Said::Confirmation, &context, position, &signer, &confirmation);
        Ok((HolderSecret { context, holders, joint: bytes, secret }, message))
    }
}

/// A holder's part of a joint key's secret. Wiped when dropped; it has no `Debug`.
pub struct HolderSecret {
    context: Bytes32,
    holders: Vec<PublicKey>,
    joint: Vec<u8>,
    secret: Small,
}

impl HolderSecret {
    /// The joint key, once all holders confirmed it, this one included.
    ///
    /// # Errors
    /// [`Error::Broken`] if a holder confirmed another key; otherwise as
    /// [`commitments`](AwaitCommitments::commitments).
    pub fn confirmed(&self, confirmations: &[Vec<u8>]) -> Result<JointKey, Error> {
        let all = confirmations.iter().map(Vec::as_slice);
        let said = messages::gather(Said::Confirmation, &self.context, &self.holders, all)?;
        let expected = digest(domain::BFV_KEY, &[&self.context, &self.joint]);
        if let Some((holder, _)) = self.holders.iter().zip(said).find(|(_, digest)| *digest != expected) {
            return Err(Error::Broken { culprit: holder.identity(), what: "it confirmed another joint key" });
        }
        let mut ordered = vec![vec![]; self.holders.len()];
        for message in confirmations {
            ordered[messages::position(Said::Confirmation, &self.context, message)?].clone_from(message);
        }
        JointKey::new(self.context, self.holders.clone(), self.joint.clone(), ordered)
    }

    /// Whether it is a part of this key's secret.
    pub(super) fn is_part_of(&self, key: &JointKey) -> bool {
        self.context == key.context && self.joint == key.bytes
    }

    /// The secret as a factor.
    pub(super) fn factor(&self) -> Poly {
        Poly::from_coefficients(&self.secret)
    }

    /// Randomness that follows from this secret and what it is for, and that nobody else knows.
    pub(super) fn stream(&self, context: &Bytes32, list: &Bytes32) -> Stream {
        let seed = Zeroizing::new(digest(domain::BFV_FLOOD_SEED, &[context, list, &self.to_bytes()]));
        Stream::new(domain::BFV_FLOOD, &*seed)
    }

    /// Its bytes for a store: secret as they are.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.secret.iter().map(|&x| (x + 1) as u8).collect())
    }

    /// A holder's part of this key from its bytes. That they belong together shows in the first sum.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no secret.
    pub fn from_bytes(key: &JointKey, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != N || bytes.iter().any(|&byte| byte > 2) {
            return Err(Error::Malformed { message: "secret of a holder", what: "not as many of three numbers" });
        }
        let secret = Zeroizing::new(bytes.iter().map(|&byte| i128::from(byte) - 1).collect());
        Ok(Self { context: key.context, holders: key.holders.clone(), joint: key.bytes.clone(), secret })
    }
}

/// A joint key, confirmed by all its holders: part of the agreement.
#[derive(Clone)]
pub struct JointKey {
    context: Bytes32,
    holders: Vec<PublicKey>,
    bytes: Vec<u8>,
    /// Each holder's confirmation, in their order.
    confirmations: Vec<Vec<u8>>,
    polynomial: Poly,
}

impl JointKey {
    fn new(
        context: Bytes32,
        holders: Vec<PublicKey>,
        bytes: Vec<u8>,
        confirmations: Vec<Vec<u8>>,
    ) -> Result<Self, Error> {
        let polynomial =
            Poly::read(&bytes).ok_or(Error::Malformed { message: "joint key", what: "not a polynomial" })?;
        Ok(Self { context, holders, bytes, confirmations, polynomial })
    }

    /// Its bytes: 184,320 and 131 for each holder.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.bytes[..], &self.confirmations.concat()].concat()
    }

    /// Decodes and verifies: all of these holders confirmed it for this agreement.
    ///
    /// # Errors
    /// [`Error::Parameter`] for holders that cannot be, or what makes the bytes no such key.
    pub fn decode(bytes: &[u8], agreement: [u8; 32], holders: Vec<PublicKey>) -> Result<Self, Error> {
        check_holders(&holders)?;
        let context = context(&agreement, &holders);
        let mut reader = Reader::new(bytes, "joint key");
        let polynomial = reader.take(BYTES)?;
        let mut confirmations = vec![];
        for _ in &holders {
            confirmations.push(reader.take(messages::SAID + 32)?.to_vec());
        }
        reader.finish()?;
        let said = messages::gather(Said::Confirmation, &context, &holders, confirmations.iter().map(Vec::as_slice))?;
        let expected = digest(domain::BFV_KEY, &[&context, polynomial]);
        if let Some((holder, _)) = holders.iter().zip(said).find(|(_, digest)| *digest != expected) {
            return Err(Error::Broken { culprit: holder.identity(), what: "it confirmed another joint key" });
        }
        Self::new(context, holders, polynomial.to_vec(), confirmations)
    }

    /// Who holds its parts.
    #[must_use]
    pub fn holders(&self) -> &[PublicKey] {
        &self.holders
    }

    /// What rounds under it are bound to.
    pub(super) fn digest(&self) -> Bytes32 {
        digest(domain::BFV_KEY, &[&self.context, &self.bytes])
    }

    pub(super) fn polynomial(&self) -> &Poly {
        &self.polynomial
    }

    pub(super) fn common(&self) -> Poly {
        common(&self.context)
    }
}
