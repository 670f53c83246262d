//! Public keys and the signature algorithms that attestation uses: ECDSA on P-256 and P-384, RSA PKCS #1 v1.5 and
//! PSS (RFC 8017). All from RustCrypto; only verification.

use rsa::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha256, Sha384, Sha512};
use signature::hazmat::PrehashVerifier;
use spki::SubjectPublicKeyInfoRef;

use crate::error::{Error, Result};

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-1: only for event logs and PCR banks, never for a signature.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The digest of the parts, one after the other.
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn run<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            for part in parts {
                digest.update(part);
            }
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha1 => run::<sha1::Sha1>(parts),
            Self::Sha256 => run::<Sha256>(parts),
            Self::Sha384 => run::<Sha384>(parts),
            Self::Sha512 => run::<Sha512>(parts),
        }
    }

    /// Bytes of a digest.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The name policies use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// From the TPM's algorithm identifier (TCG Algorithm Registry, table 3).
    pub(crate) fn from_tpm(identifier: u16) -> Option<Self> {
        match identifier {
            0x0004 => Some(Self::Sha1),
            0x000b => Some(Self::Sha256),
            0x000c => Some(Self::Sha384),
            0x000d => Some(Self::Sha512),
            _ => None,
        }
    }
}

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// ECDSA; the curve is the key's.
    Ecdsa(Hash),
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS; the salt is as long as the digest, or any length a TPM chose.
    RsaPss(Hash),
}

/// A public key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    Rsa(rsa::RsaPublicKey),
}

const EC: &str = "1.2.840.10045.2.1";
const RSA: &str = "1.2.840.113549.1.1.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";

impl PublicKey {
    /// From the DER of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self> {
        let bad = |why: &dyn std::fmt::Display| Error::malformed("public key", why);
        let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|e| bad(&e))?;
        let algorithm = spki.algorithm.oid.to_string();
        let curve = spki.algorithm.parameters_oid().map(|oid| oid.to_string()).unwrap_or_default();
        let raw = spki.subject_public_key.raw_bytes();
        match (algorithm.as_str(), curve.as_str()) {
            (EC, P256) => Self::p256(raw),
            (EC, P384) => Self::p384(raw),
            (RSA, _) => rsa::RsaPublicKey::from_public_key_der(der).map(Self::Rsa).map_err(|e| bad(&e)),
            _ => Err(Error::unsupported("public key", format!("algorithm {algorithm} {curve}"))),
        }
    }

    /// From an uncompressed point on P-256 (SEC 1).
    pub(crate) fn p256(point: &[u8]) -> Result<Self> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(Self::P256)
            .map_err(|_| Error::malformed("public key", "not a point on P-256"))
    }

    /// From an uncompressed point on P-384 (SEC 1).
    pub(crate) fn p384(point: &[u8]) -> Result<Self> {
        p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(Self::P384)
            .map_err(|_| Error::malformed("public key", "not a point on P-384"))
    }

    /// From modulus and exponent, both big-endian.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        use rsa::BoxedUint;
        let bad = |why: &dyn std::fmt::Display| Error::malformed("public key", why);
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, 8 * bytes.len().max(1) as u32);
        let (n, e) = (number(modulus).map_err(|e| bad(&e))?, number(exponent).map_err(|e| bad(&e))?);
        rsa::RsaPublicKey::new(n, e).map(Self::Rsa).map_err(|e| bad(&e))
    }

    /// DER of its `SubjectPublicKeyInfo`.
    pub(crate) fn to_spki(&self) -> Result<Vec<u8>> {
        use rsa::pkcs8::EncodePublicKey;
        let document = match self {
            Self::P256(key) => key.to_public_key_der(),
            Self::P384(key) => key.to_public_key_der(),
            Self::Rsa(key) => key.to_public_key_der(),
        };
        document.map(|der| der.as_bytes().to_vec()).map_err(|e| Error::malformed("public key", e))
    }

    /// Verifies a signature: DER `Ecdsa-Sig-Value` (RFC 3279) for ECDSA, the raw number for RSA.
    pub(crate) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        match (self, scheme) {
            (Self::P256(key), Scheme::Ecdsa(hash)) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|s| key.verify_prehash(&hash.digest(&[message]), &s).is_ok()),
            (Self::P384(key), Scheme::Ecdsa(hash)) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|s| key.verify_prehash(&hash.digest(&[message]), &s).is_ok()),
            (Self::Rsa(key), Scheme::RsaPkcs1(hash)) => verify_pkcs1(key, hash, message, signature),
            (Self::Rsa(key), Scheme::RsaPss(hash)) => verify_pss(key, hash, message, signature),
            _ => false,
        }
    }

    /// Verifies ECDSA given as `r` and `s`, big-endian and as wide as the field.
    pub(crate) fn verify_scalars(&self, hash: Hash, message: &[u8], r: &[u8], s: &[u8]) -> bool {
        fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
            let skip = bytes.len().saturating_sub(N);
            let (lead, value) = bytes.split_at(skip);
            let mut out = [0; N];
            out[N - value.len()..].copy_from_slice(value);
            lead.iter().all(|b| *b == 0).then_some(out)
        }
        let digest = hash.digest(&[message]);
        match self {
            Self::P256(key) => fixed::<32>(r)
                .zip(fixed::<32>(s))
                .and_then(|(r, s)| p256::ecdsa::Signature::from_scalars(r, s).ok())
                .is_some_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Self::P384(key) => fixed::<48>(r)
                .zip(fixed::<48>(s))
                .and_then(|(r, s)| p384::ecdsa::Signature::from_scalars(r, s).ok())
                .is_some_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            Self::Rsa(_) => false,
        }
    }
}

fn verify_pkcs1(key: &rsa::RsaPublicKey, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    let Ok(signature) = Signature::try_from(signature) else { return false };
    let digest = hash.digest(&[message]);
    match hash {
        Hash::Sha1 => false,
        Hash::Sha256 => VerifyingKey::<Sha256>::new(key.clone()).verify_prehash(&digest, &signature).is_ok(),
        Hash::Sha384 => VerifyingKey::<Sha384>::new(key.clone()).verify_prehash(&digest, &signature).is_ok(),
        Hash::Sha512 => VerifyingKey::<Sha512>::new(key.clone()).verify_prehash(&digest, &signature).is_ok(),
    }
}

fn verify_pss(key: &rsa::RsaPublicKey, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    use rsa::pss::{Signature, VerifyingKey};
    let Ok(signature) = Signature::try_from(signature) else { return false };
    let digest = hash.digest(&[message]);
    // TPMs fill the encoded message with salt, X.509 issuers use the digest's length: the length is read from the
    // signature, and the padding is checked either way.
    macro_rules! verify {
        ($digest:ty) => {
            VerifyingKey::<$digest>::new_with_auto_salt_len(key.clone()).verify_prehash(&digest, &signature).is_ok()
        };
    }
    match hash {
        Hash::Sha1 => false,
        Hash::Sha256 => verify!(Sha256),
        Hash::Sha384 => verify!(Sha384),
        Hash::Sha512 => verify!(Sha512),
    }
}
