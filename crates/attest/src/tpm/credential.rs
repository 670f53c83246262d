//! Making sure that an attestation key is in the TPM whose endorsement key a manufacturer certified: a secret that only
//! that TPM can open, and only if that very key is in it.
//!
//! Source: TPM 2.0 Library 1.59, part 1, sections 24 (credential protection), 11.4.10 (KDFs) and C.6.4 (ECC secrets).

use aes::Aes128;
use aes::cipher::KeyIvInit;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::key::{AttestationKey, EndorsementKey};
use crate::bytes::{Base64Bytes, Hex};
use crate::error::{Error, Result};
use crate::keys::PublicKey;

/// What a machine sends to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Enrolment {
    /// Its attestation key, a `TPMT_PUBLIC`.
    pub attestation_key: Base64Bytes,
    /// The manufacturer's certificate of its endorsement key, if it carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Base64Bytes>,
}

/// A secret for one TPM and one key in it, for `TPM2_ActivateCredential`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Credential {
    /// The content of the `TPM2B_ID_OBJECT`.
    pub blob: Base64Bytes,
    /// The content of the `TPM2B_ENCRYPTED_SECRET`.
    pub secret: Base64Bytes,
}

/// An enrolment whose credential was sent, and not answered yet.
pub struct Awaiting {
    secret: Zeroizing<[u8; 32]>,
    attestation_key: Hex,
}

impl Awaiting {
    /// Takes what the machine found in its credential: the right secret shows that the attestation key is in the TPM of
    /// that endorsement key. Returns the key's fingerprint, for [`crate::Trust::attestation_keys`].
    ///
    /// # Errors
    /// [`Error::Mismatch`] for any other secret.
    pub fn answered(self, secret: &[u8]) -> Result<Hex> {
        if bool::from(self.secret.ct_eq(secret)) {
            return Ok(self.attestation_key);
        }
        Err(Error::mismatch("enrolment", "the answer is not the secret that was sent"))
    }
}

impl EndorsementKey {
    /// A credential for this endorsement key and an attestation key (a `TPMT_PUBLIC`: a restricted signing key that
    /// cannot leave its TPM). `fresh` is randomness, never used for anything else.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for endorsement keys other than on P-256; [`Error::Malformed`] or [`Error::Mismatch`] for
    /// an attestation key that is not one.
    pub fn challenge(&self, attestation_key: &[u8], fresh: &Zeroizing<[u8; 64]>) -> Result<(Credential, Awaiting)> {
        let key = AttestationKey::parse(attestation_key)?;
        if key.restricted != Some(true) {
            return Err(Error::mismatch("attestation key", "its attributes are not known: give its TPMT_PUBLIC"));
        }
        let PublicKey::P256(endorsement) = PublicKey::from_spki(&self.spki)? else {
            return Err(Error::unsupported("endorsement key", "only those on P-256 are"));
        };
        let (secret, scalar) = fresh.split_at(32);
        let mut kept = Zeroizing::new([0; 32]);
        kept.copy_from_slice(secret);
        let scalar = p256::SecretKey::from_slice(scalar);
        let scalar = scalar.map_err(|_| Error::verifier("randomness", "is no scalar of P-256: draw again"))?;
        let (seed, point) = agree(&scalar, &p256::PublicKey::from(endorsement));
        let name = name(attestation_key);
        let blob = protect(&seed, &name, secret);
        let credential = Credential { blob: blob.into(), secret: point.into() };
        Ok((credential, Awaiting { secret: kept, attestation_key: key.fingerprint }))
    }
}

/// The name of an object: its name algorithm (SHA-256) and the digest of its public area.
fn name(public: &[u8]) -> Vec<u8> {
    [&[0x00, 0x0b], &Sha256::digest(public)[..]].concat()
}

/// The seed agreed on with the endorsement key (`KDFe`), and the ephemeral point as a `TPMS_ECC_POINT`.
fn agree(scalar: &p256::SecretKey, endorsement: &p256::PublicKey) -> (Zeroizing<[u8; 32]>, Vec<u8>) {
    let shared = diffie_hellman(scalar.to_nonzero_scalar(), endorsement.as_affine());
    let ephemeral = scalar.public_key().to_sec1_point(false);
    let theirs = endorsement.to_sec1_point(false);
    // Uncompressed points: a tag, then 32 bytes of each coordinate.
    let (x, y) = ephemeral.as_bytes()[1..].split_at(32);
    let seed = Sha256::new()
        .chain_update(1u32.to_be_bytes())
        .chain_update(shared.raw_secret_bytes())
        .chain_update(b"IDENTITY\0")
        .chain_update(x)
        .chain_update(&theirs.as_bytes()[1..33]);
    let point = [&[0, 32], x, &[0, 32], y].concat();
    (Zeroizing::new(seed.finalize().into()), point)
}

/// Encrypts and authenticates a secret under keys of the seed and the object's name.
fn protect(seed: &[u8; 32], name: &[u8], secret: &[u8]) -> Vec<u8> {
    let key = derive(seed, b"STORAGE\0", name, 128);
    // A `TPM2B_DIGEST`.
    let mut identity = [&[0, 32], secret].concat();
    let mut cipher_key = Zeroizing::new([0; 16]);
    cipher_key.copy_from_slice(&key[..16]);
    cfb_mode::Encryptor::<Aes128>::new(&(*cipher_key).into(), &[0; 16].into()).encrypt(&mut identity);
    let integrity = derive(seed, b"INTEGRITY\0", &[], 256);
    let outer = hmac(&integrity[..], &[&identity, name]);
    [&[0, 32], &outer[..], &identity].concat()
}

/// `KDFa` with SHA-256, for at most 256 bits.
fn derive(seed: &[u8; 32], label: &[u8], context: &[u8], bits: u32) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(hmac(seed, &[&1u32.to_be_bytes(), label, context, &bits.to_be_bytes()]))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
