//! Who a worker is: the fingerprint of its long-term Ed25519 key, and what can be done with that key.
//!
//! Signatures are Ed25519 (RFC 8032) over a domain-separated message: a constant prefix, the length of
//! a context and the context, then the message. The prefix differs from what TLS 1.3 signs (64 spaces,
//! RFC 8446 §4.4.3) and from a certificate (an ASN.1 sequence), so that no signature of one kind can
//! pass for another although one key makes all three.

mod file;

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

pub use ::identity::{Identity, IdentityError, Invitation, InvitationError};
pub use file::KeyFileFault;

const SIGNATURE_PREFIX: &[u8] = b"privity signature v1\0";

/// An Ed25519 public key that is safe to verify with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a key. Refuses what is no point of the curve, and points of small order, for which
    /// anyone can make signatures.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, BadSignature> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadSignature)?;
        if key.is_weak() { Err(BadSignature) } else { Ok(PublicKey(key)) }
    }

    /// The key's 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The fingerprint.
    pub fn identity(&self) -> Identity {
        Identity::of_key(self.0.as_bytes())
    }

    /// Checks a signature that [`KeyPair::sign`] made in the same context.
    pub fn verify(&self, context: &str, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(&separated(context, message), &signature).map_err(|_| BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?})", self.identity())
    }
}

/// A public key or signature that does not hold. Says no more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct BadSignature;

/// A worker's long-term key. Clones share the secret, which is wiped with the last of them.
#[derive(Clone)]
pub struct KeyPair(Arc<SigningKey>);

impl KeyPair {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<KeyPair, KeyFileFault> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| KeyFileFault::Randomness)?;
        Ok(KeyPair::from_seed(&seed))
    }

    /// The key of a seed (RFC 8032 calls it the private key). The seed is the secret.
    pub fn from_seed(seed: &[u8; 32]) -> KeyPair {
        KeyPair(Arc::new(SigningKey::from_bytes(seed)))
    }

    /// The key that an invitation stands for.
    pub fn invited(invitation: &Invitation) -> KeyPair {
        KeyPair::from_seed(&invitation.seed())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The fingerprint of the public half.
    pub fn identity(&self) -> Identity {
        self.public().identity()
    }

    /// Signs a message in a context, which says what the signature is for (`privity ratification`).
    pub fn sign(&self, context: &str, message: &[u8]) -> [u8; 64] {
        self.sign_bare(&separated(context, message))
    }

    /// Signs bytes as they are: for TLS and certificates, which separate their domains themselves.
    pub(crate) fn sign_bare(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    pub(crate) fn public_bytes(&self) -> &[u8] {
        AsRef::<VerifyingKey>::as_ref(&*self.0).as_bytes()
    }

    /// The seed, which is the secret: for keys of other protocols that are derived from it or are the same key.
    /// Whatever is signed with it elsewhere must have a domain that no signature here has.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// A new invitation from the operating system's randomness.
///
/// # Errors
/// [`KeyFileFault::Randomness`] if there is none.
pub fn invite() -> Result<Invitation, KeyFileFault> {
    let mut random = Zeroizing::new([0; Invitation::LENGTH]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| KeyFileFault::Randomness)?;
    Ok(Invitation::new(&random))
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({:?}, secret withheld)", self.identity())
    }
}

fn separated(context: &str, message: &[u8]) -> Vec<u8> {
    let length = (context.len() as u64).to_be_bytes();
    [SIGNATURE_PREFIX, &length, context.as_bytes(), message].concat()
}
