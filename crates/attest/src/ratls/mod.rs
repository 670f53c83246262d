//! RA-TLS certificates of Gramine: an SGX quote in a certificate, bound to the certificate's key. Understood for
//! interoperation, in the legacy extension and in the TCG DICE one.
//!
//! This is weaker than evidence that is sent after the handshake: nothing in it is fresh, and nothing ties it to this
//! connection. It is open to relay and diversion. Policies have to tolerate missing freshness for it, and should pass
//! the key at the other end as [`crate::Expected::key`].
//!
//! Source: *Interoperable RA-TLS* (CCC Attestation SIG); TCG, *DICE Attestation Architecture* 1.2, section 6.1.

use ciborium::Value;

use crate::bytes::{Base64Bytes, Hex, is_zero};
use crate::claims::ClaimSet;
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::sgx_tdx::QuoteEvidence;
use crate::time::Time;
use crate::x509::{Certificate, check_self_signed};

/// Gramine's own extension: the bare quote.
const LEGACY: &str = "0.6.9.42.840.113741.1337.6";
/// `tcg-dice-TaggedEvidence`.
const DICE: &str = "2.23.133.5.4.9";
/// The CBOR tag of SGX evidence.
const SGX_TAG: u64 = 60_000;

const WHAT: &str = "RA-TLS certificate";

/// A certificate as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RaTlsEvidence {
    /// The certificate, DER.
    pub certificate: Base64Bytes,
}

/// The form of the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Gramine's own: report data is the SHA-256 of the public key.
    Legacy,
    /// TCG DICE tagged evidence: report data is the SHA-256 of CBOR claims that hold the hash of the public key.
    Dice,
}

/// A quote found in a certificate whose key it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The form of the extension.
    pub form: Form,
    /// The quote.
    pub quote: Vec<u8>,
}

/// Whether a certificate carries evidence.
pub(crate) fn carries_evidence(certificate: &Certificate) -> bool {
    certificate.extension(LEGACY).is_some() || certificate.extension(DICE).is_some()
}

/// Finds the quotes in a certificate and checks that each is bound to the certificate's key. The DICE form comes
/// first. Nothing here says that a quote is genuine.
///
/// # Errors
/// [`Error::Mismatch`] if a binding does not hold.
pub fn bound_quotes(certificate: &Certificate) -> Result<Vec<Bound>> {
    let mut found = Vec::new();
    let spki = certificate.spki()?;
    if let Some(extension) = certificate.extension(DICE) {
        let (quote, claims) = parse_dice(extension)?;
        check_public_key_hash(&claims, &spki)?;
        check_report_data(&quote, &Hash::Sha256.digest(&[&claims]))?;
        found.push(Bound { form: Form::Dice, quote });
    }
    if let Some(extension) = certificate.extension(LEGACY) {
        check_report_data(extension, &Hash::Sha256.digest(&[&spki]))?;
        found.push(Bound { form: Form::Legacy, quote: extension.to_vec() });
    }
    if found.is_empty() {
        return Err(Error::unsupported(WHAT, "it carries no evidence"));
    }
    Ok(found)
}

/// Validates a certificate at a time; of two forms, both have to be good, and the claims are of the DICE one.
pub(crate) fn validate(evidence: &RaTlsEvidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let certificate = Certificate::parse(&evidence.certificate)?;
    certificate.window().check("the RA-TLS certificate", at)?;
    check_self_signed(&certificate)?;
    let mut all = Vec::new();
    for bound in bound_quotes(&certificate)? {
        let quote = QuoteEvidence { quote: bound.quote.into(), event_log: None };
        all.push(crate::sgx_tdx::validate(&quote, with, roots, at)?);
    }
    let different = all.windows(2).any(|pair| pair[0].executables != pair[1].executables);
    if different {
        return Err(Error::mismatch(WHAT, "its two quotes are of different enclaves"));
    }
    let mut claims = all.into_iter().next().ok_or_else(|| Error::unsupported(WHAT, "it carries no evidence"))?;
    claims.freshness.in_certificate = true;
    claims.freshness.bound_key = Some(Hex(Hash::Sha256.digest(&[&certificate.spki()?])));
    claims.valid = claims.valid.meet(certificate.window());
    claims.verified.push("the report data is bound to the certificate's public key".into());
    claims.limits.push("evidence inside a certificate is not fresh, and open to relay and diversion".into());
    Ok(claims)
}

fn check_report_data(quote: &[u8], expected: &[u8]) -> Result<()> {
    let quote = crate::sgx_tdx::parse_quote(quote)?;
    let data = match (quote.report.as_sgx(), quote.report.as_td10()) {
        (Some(sgx), _) => sgx.report_data,
        (None, Some(td)) => td.report_data,
        (None, None) => return Err(Error::unsupported(WHAT, "a quote of another kind")),
    };
    if data.starts_with(expected) && is_zero(&data[expected.len()..]) {
        return Ok(());
    }
    Err(Error::mismatch(WHAT, "the quote in it is not bound to its public key"))
}

/// Tag 60000 over an array of the quote and the serialised claims.
fn parse_dice(extension: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let bad = |why: &str| Error::malformed("tagged evidence", why);
    let Value::Tag(SGX_TAG, inner) = cbor(extension)? else {
        return Err(Error::unsupported("tagged evidence", "not tagged as SGX evidence"));
    };
    let Ok(parts) = inner.into_array() else { return Err(bad("is no array")) };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::Bytes(quote), Value::Bytes(claims)]) => Ok((quote, claims)),
        _ => Err(bad("is no pair of byte strings")),
    }
}

/// `pubkey-hash` holds the CBOR of `[hash algorithm, hash]`, the algorithm being 1 for SHA-256 of the IANA registry
/// of named information hashes.
fn check_public_key_hash(claims: &[u8], spki: &[u8]) -> Result<()> {
    let bad = |why: &str| Error::malformed("claims of the RA-TLS certificate", why);
    let Value::Map(entries) = cbor(claims)? else { return Err(bad("are no map")) };
    let entry = entries.into_iter().find(|(key, _)| key.as_text() == Some("pubkey-hash"));
    let Some((_, Value::Bytes(hash))) = entry else { return Err(bad("have no pubkey-hash")) };
    let Ok(parts) = cbor(&hash)?.into_array() else { return Err(bad("pubkey-hash is no array")) };
    let [Value::Integer(algorithm), Value::Bytes(hash)] = parts.as_slice() else {
        return Err(bad("pubkey-hash is no algorithm and hash"));
    };
    let algorithm = match i128::from(*algorithm) {
        1 => Hash::Sha256,
        7 => Hash::Sha384,
        8 => Hash::Sha512,
        other => return Err(Error::unsupported("claims of the RA-TLS certificate", format!("hash algorithm {other}"))),
    };
    if *hash == algorithm.digest(&[spki]) {
        return Ok(());
    }
    Err(Error::mismatch(WHAT, "its claims are of another public key"))
}

fn cbor(bytes: &[u8]) -> Result<Value> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, 16)
        .map_err(|e| Error::malformed("CBOR of the RA-TLS certificate", e))?;
    if rest.is_empty() { Ok(value) } else { Err(Error::malformed("CBOR of the RA-TLS certificate", "bytes follow it")) }
}
