//! Attestation keys, and who vouches for them; endorsement key certificates.

use tpm2_protocol::TpmUnmarshal;
use tpm2_protocol::data::{TpmEccCurve, TpmaObject, TpmtPublic, TpmuPublicId, TpmuPublicParms};

use super::parse_certificates;
use crate::bytes::{Base64Bytes, Hex};
use crate::claims::Root;
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::keys::{Hash, PublicKey};
use crate::time::{Time, Window};
use crate::x509::{Certificate, check_path, check_revocation, pem_blocks};

const WHAT: &str = "attestation key";

/// An attestation key.
#[derive(Debug, Clone)]
pub(crate) struct AttestationKey {
    pub(crate) key: PublicKey,
    /// SHA-256 of its `SubjectPublicKeyInfo`.
    pub(crate) fingerprint: Hex,
    /// Whether the TPM signs only what it made itself with it; known for keys in the TPM's own form.
    pub(crate) restricted: Option<bool>,
}

impl AttestationKey {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"-----BEGIN") {
            let blocks = pem_blocks(bytes)?;
            let block = blocks.iter().find(|(label, _)| label == "PUBLIC KEY");
            return Self::from_spki(&block.ok_or_else(|| Error::malformed(WHAT, "no PUBLIC KEY in the PEM text"))?.1);
        }
        if bytes.first() == Some(&0x30) {
            return Self::from_spki(bytes);
        }
        // A TPM2B_PUBLIC is a TPMT_PUBLIC with its length in front.
        let public = match bytes.split_first_chunk::<2>() {
            Some((size, rest)) if usize::from(u16::from_be_bytes(*size)) == rest.len() => rest,
            _ => bytes,
        };
        Self::from_tpmt(public)
    }

    fn from_spki(der: &[u8]) -> Result<Self> {
        let key = PublicKey::from_spki(der)?;
        Self::new(key, None)
    }

    fn new(key: PublicKey, restricted: Option<bool>) -> Result<Self> {
        let fingerprint = Hex(Hash::Sha256.digest(&[&key.to_spki()?]));
        Ok(Self { key, fingerprint, restricted })
    }

    /// From RSA modulus and exponent, as a JWK has them.
    pub(crate) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        Self::new(PublicKey::rsa(modulus, exponent)?, None)
    }

    /// From a `TPMT_PUBLIC`; the key has to be a restricted signing key that cannot leave its TPM: another one could
    /// have signed a quote that no TPM made.
    fn from_tpmt(bytes: &[u8]) -> Result<Self> {
        let (public, rest) = TpmtPublic::unmarshal(bytes).map_err(|e| Error::malformed(WHAT, e))?;
        if !rest.is_empty() {
            return Err(Error::malformed(WHAT, "bytes follow it"));
        }
        let has = |flag: TpmaObject| public.object_attributes.contains(flag);
        let bound = has(TpmaObject::FIXED_TPM) && has(TpmaObject::SENSITIVE_DATA_ORIGIN);
        let restricted = has(TpmaObject::RESTRICTED) && has(TpmaObject::SIGN_ENCRYPT) && !has(TpmaObject::DECRYPT);
        if !bound || !restricted {
            return Err(Error::mismatch(
                WHAT,
                "is not a restricted signing key that was made in its TPM and stays there",
            ));
        }
        Self::new(public_key(&public)?, Some(true))
    }
}

/// The key of a public area.
pub(crate) fn public_key(public: &TpmtPublic) -> Result<PublicKey> {
    match (&public.parameters, &public.unique) {
        (TpmuPublicParms::Rsa(parameters), TpmuPublicId::Rsa(modulus)) => {
            let exponent = match parameters.exponent.value() {
                0 => 65_537,
                exponent => exponent,
            };
            PublicKey::rsa(modulus, &exponent.to_be_bytes())
        }
        (TpmuPublicParms::Ecc(parameters), TpmuPublicId::Ecc(point)) => match parameters.curve_id {
            TpmEccCurve::NistP256 => PublicKey::p256(&uncompressed(&point.x, &point.y, 32)?),
            TpmEccCurve::NistP384 => PublicKey::p384(&uncompressed(&point.x, &point.y, 48)?),
            _ => Err(Error::unsupported(WHAT, "a curve other than P-256 and P-384")),
        },
        _ => Err(Error::unsupported(WHAT, "neither RSA nor ECC")),
    }
}

/// SEC 1 form of a point whose coordinates may lack leading zeros.
fn uncompressed(x: &[u8], y: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut point = vec![4];
    for coordinate in [x, y] {
        let missing =
            size.checked_sub(coordinate.len()).ok_or_else(|| Error::malformed(WHAT, "a coordinate too long"))?;
        point.extend(std::iter::repeat_n(0, missing));
        point.extend_from_slice(coordinate);
    }
    Ok(point)
}

/// Who vouches for a key.
pub(crate) struct Vouched {
    pub(crate) root: Root,
    /// Of the root, or of the key itself.
    pub(crate) fingerprint: Hex,
    pub(crate) window: Window,
    pub(crate) vendor: String,
    pub(crate) in_words: String,
}

/// Looks for a certificate of the key and a chain from it to a root that the verifier was given. Without one, the key
/// vouches for itself, and a policy has to name it.
pub(crate) fn vouch(
    key: &AttestationKey,
    carried: &[Base64Bytes],
    with: &Endorsements,
    roots: &Roots,
    at: Time,
) -> Result<Vouched> {
    let carried = parse_certificates(carried)?;
    let pool: Vec<&Certificate> = carried.iter().chain(&with.certificates).collect();
    let own = pool.iter().find(|c| c.spki().is_ok_and(|spki| Hex(Hash::Sha256.digest(&[&spki])) == key.fingerprint));
    if let Some(leaf) = own
        && let Some((window, root)) = chain(leaf, &pool, with, roots, at)?
    {
        let development = roots.development.as_ref().is_some_and(|development| &development.tpm == root);
        return Ok(Vouched {
            root: if development { Root::Development } else { Root::Production },
            fingerprint: root.fingerprint(),
            window,
            vendor: root.subject(),
            in_words: format!("the attestation key is certified under {}", root.subject()),
        });
    }
    Ok(Vouched {
        root: Root::None,
        fingerprint: key.fingerprint.clone(),
        window: Window::ALWAYS,
        vendor: "unknown".into(),
        in_words: "the attestation key is what the policy makes of it: no chain to a known root was given".into(),
    })
}

/// Longest chain of a TPM's certificate.
const LONGEST: usize = 5;

/// The chain from a certificate to one of the TPM roots, verified; `None` if there is none.
fn chain<'a>(
    leaf: &'a Certificate,
    pool: &[&'a Certificate],
    with: &Endorsements,
    roots: &'a Roots,
    at: Time,
) -> Result<Option<(Window, &'a Certificate)>> {
    let mut path = vec![leaf];
    while path.len() < LONGEST {
        let last = path[path.len() - 1];
        let development = roots.development.iter().map(|development| &development.tpm);
        if let Some(root) = roots.tpm.iter().chain(development).find(|root| root.subject() == last.issuer()) {
            path.push(root);
            let window = check_path(&path, at)?.meet(check_revocation(&path, &with.crls, at)?);
            return Ok(Some((window, root)));
        }
        let issuer = pool.iter().find(|c| c.subject() == last.issuer() && !path.contains(c));
        let Some(issuer) = issuer else { return Ok(None) };
        path.push(issuer);
    }
    Ok(None)
}

/// An endorsement key whose certificate was verified: what an attestation key's credential is activated against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndorsementKey {
    /// Its `SubjectPublicKeyInfo`, DER.
    pub spki: Vec<u8>,
    /// When its chain holds.
    pub valid: Window,
    /// SHA-256 of the root's certificate.
    pub root_fingerprint: Hex,
}

/// `tcg-kp-EKCertificate`, 2.23.133.8.1, in DER (TCG EK Credential Profile 2.5, section 3.2.16).
pub(crate) const EK_PURPOSE: [u8; 7] = [0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x01];

/// Verifies an endorsement key's certificate up to one of the verifier's TPM roots.
///
/// # Errors
/// [`Error::Chain`] if there is no chain, if the certificate is not an endorsement key's, or whatever is wrong with it.
pub fn check_endorsement_key(
    certificate: &Certificate,
    with: &Endorsements,
    roots: &Roots,
    at: Time,
) -> Result<EndorsementKey> {
    let fail = |why: &str| Error::Chain { what: certificate.subject(), why: why.to_owned() };
    let usage = certificate.extension("2.5.29.37").unwrap_or_default();
    if !usage.windows(EK_PURPOSE.len()).any(|window| window == EK_PURPOSE) {
        return Err(fail("is not for an endorsement key"));
    }
    let pool: Vec<&Certificate> = with.certificates.iter().collect();
    let (valid, root) =
        chain(certificate, &pool, with, roots, at)?.ok_or_else(|| fail("does not lead to a root that was given"))?;
    Ok(EndorsementKey { spki: certificate.spki()?, valid, root_fingerprint: root.fingerprint() })
}
