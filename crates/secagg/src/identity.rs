//! Who signs: long-term Ed25519 keys and their fingerprints.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand_core::CryptoRng;

use crate::error::Error;

/// The BLAKE3 fingerprint of an Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub [u8; 32]);

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

/// An Ed25519 public key that is a valid point of large order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Bytes of a key on the wire.
    pub const BYTES: usize = 32;

    /// The key with these bytes; `None` unless they are a point of large order.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its fingerprint.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity(*blake3::hash(self.0.as_bytes()).as_bytes())
    }

    /// Verifies a signature of [`Signer::sign`]; `message` names what was signed.
    ///
    /// # Errors
    /// [`Error::Signature`] if it does not hold.
    pub fn verify(&self, domain: &[u8], body: &[u8], signature: &[u8; 64], message: &'static str) -> Result<(), Error> {
        self.0
            .verify_strict(&[domain, body].concat(), &Signature::from_bytes(signature))
            .map_err(|_| Error::Signature { message, culprit: self.identity() })
    }
}

/// A long-term signing key. Wiped when dropped; it has no `Debug`.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// A fresh key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(SigningKey::generate(rng))
    }

    /// The key with this secret.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The fingerprint of the public half.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.public().identity()
    }

    /// Signs in a domain, which is no other signature's.
    #[must_use]
    pub fn sign(&self, domain: &[u8], body: &[u8]) -> [u8; 64] {
        self.0.sign(&[domain, body].concat()).to_bytes()
    }
}

/// Who may contribute: what the enroller that the agreement names has decided.
pub trait Enrolment {
    /// Whether this identity may contribute.
    fn admits(&self, identity: &Identity) -> bool;
}

impl Enrolment for BTreeSet<Identity> {
    fn admits(&self, identity: &Identity) -> bool {
        self.contains(identity)
    }
}

impl Enrolment for HashSet<Identity> {
    fn admits(&self, identity: &Identity) -> bool {
        self.contains(identity)
    }
}

impl<E: Enrolment + ?Sized> Enrolment for &E {
    fn admits(&self, identity: &Identity) -> bool {
        (**self).admits(identity)
    }
}

impl<E: Enrolment + ?Sized> Enrolment for std::sync::Arc<E> {
    fn admits(&self, identity: &Identity) -> bool {
        (**self).admits(identity)
    }
}
