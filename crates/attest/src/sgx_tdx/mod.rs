//! Intel SGX (DCAP quote version 3) and TDX (versions 4 and 5): signatures, collateral and TCB levels by `dcap-qvl`.
//!
//! What that library leaves unchecked and is checked here: `thisUpdate` of the CRLs, bytes after the quote, reserved
//! fields. What it decides for us, and a policy cannot undo: revoked TCBs, trust domains that can be migrated or whose
//! `SEPT_VE_DISABLE` is off, and quotes of quoting enclaves in debug mode.
//!
//! Source: Intel, *SGX ECDSA Quote Library Reference*, appendix A; *Intel TDX DCAP Quoting Library API*, appendix A.

mod claims;
mod collateral;

use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::quote::{AuthData, CertificationData, Quote};
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteClaims, QuotePolicy};

use crate::bytes::{Hex, Reader, is_zero};
use crate::claims::{ClaimSet, Root};
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::eventlog::{EventLog, describe_boot};
use crate::keys::{Hash, PublicKey};
use crate::time::Time;
use crate::x509::Certificate;

pub(crate) use claims::parts;
pub use collateral::Collateral;

/// A quote as evidence, with the event log that led to its measurements if the machine keeps one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct QuoteEvidence {
    /// The quote.
    pub quote: crate::bytes::Base64Bytes,
    /// The confidential-computing event log (CCEL, in the TCG's crypto-agile format) of a trust domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<crate::bytes::Base64Bytes>,
}

/// Parses a quote; refuses what follows it, other than zeros (some drivers return a buffer of fixed size).
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Unsupported`].
pub fn parse_quote(bytes: &[u8]) -> Result<Quote> {
    let length = quote_length(bytes)?;
    let (quote, padding) =
        bytes.split_at_checked(length).ok_or_else(|| Error::malformed("quote", "ends before its signature data"))?;
    if !is_zero(padding) {
        return Err(Error::malformed("quote", format!("{} bytes follow it", padding.len())));
    }
    let parsed = Quote::parse(quote).map_err(|e| Error::malformed("quote", format!("{e:#}")))?;
    check_lengths(&parsed, quote.len())?;
    Ok(parsed)
}

/// Every length field says what is there, and version 4's outer certification data is a report of the quoting
/// enclave: the library reads past what a length leaves over.
fn check_lengths(quote: &Quote, length: usize) -> Result<()> {
    let inner =
        |auth: usize, certification: &CertificationData| 384 + 64 + 2 + auth + 6 + certification.body.data.len();
    let (signature, consistent) = match &quote.auth_data {
        AuthData::V3(data) => (128 + inner(data.qe_auth_data.data.len(), &data.certification_data), true),
        AuthData::V4(data) => {
            let outer = &data.certification_data;
            let report = &data.qe_report_data;
            let nested = inner(report.qe_auth_data.data.len(), &report.certification_data);
            (128 + 6 + outer.body.data.len(), outer.cert_type == 6 && outer.body.data.len() == nested)
        }
    };
    if consistent && quote.signed_length() + 4 + signature == length {
        return Ok(());
    }
    Err(Error::malformed("quote", "its length fields contradict each other"))
}

/// Whether the bytes begin like a quote of a known version, of Intel's quoting enclave.
pub(crate) fn is_quote(bytes: &[u8]) -> bool {
    let kind = (bytes.get(..2), bytes.get(4..8));
    matches!(kind, (Some([3, 0]), Some([0, 0, 0, 0])) | (Some([4 | 5, 0]), Some([0x81, 0, 0, 0])))
        && bytes.get(12..28) == Some(&dcap_qvl::INTEL_QE_VENDOR_ID[..])
}

/// Header, body and signature data of a quote, by its own length fields.
fn quote_length(bytes: &[u8]) -> Result<usize> {
    let mut reader = Reader::new("quote", bytes);
    let header = reader.take(48)?;
    let version = u16::from_le_bytes([header[0], header[1]]);
    let tee = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let body = match (version, tee) {
        (3, 0) => 384,
        (4, 0x81) => 584,
        (5, 0x81) => {
            reader.u16_le()?;
            reader.u32_le()? as usize
        }
        _ => return Err(Error::unsupported("quote", format!("version {version} of TEE type {tee:#x}"))),
    };
    reader.take(body)?;
    let signature = reader.u32_le()? as usize;
    reader.take(signature)?;
    Ok(bytes.len() - reader.rest().len())
}

/// Validates a quote at a time: signature chain, collateral, TCB level, event log.
pub(crate) fn validate(evidence: &QuoteEvidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let quote = parse_quote(&evidence.quote)?;
    let root = root_of(&quote, roots)?;
    let verified = collateral::verify_with_best(&evidence.quote, &quote, with, &root, at).map_err(|error| {
        // Without collateral nothing can be said of the platform, but an altered quote shows all the same.
        match error {
            Error::MissingEndorsement { .. } if !own_signature_holds(&evidence.quote, &quote) => {
                Error::signature("the quote")
            }
            error => error,
        }
    })?;
    let mut claims = claims::from_quote(&verified, &root, at)?;
    if let Some(log) = &evidence.event_log {
        let log = EventLog::parse(log)?;
        let boot = replay(&log, &claims)?;
        describe_boot(&mut claims, boot);
        claims.verified.push(format!("the event log ({} events) replays to rtmr0 to rtmr3", log.events.len()));
    }
    Ok(claims)
}

/// Whether the quote is signed by the attestation key that it carries: says nothing about whose key that is.
pub(crate) fn own_signature_holds(bytes: &[u8], quote: &Quote) -> bool {
    let data = quote.auth_data.clone().into_v3();
    let mut point = vec![4];
    point.extend(data.ecdsa_attestation_key);
    let (r, s) = data.ecdsa_signature.split_at(32);
    let signed = bytes.get(..quote.signed_length()).unwrap_or_default();
    PublicKey::p256(&point).is_ok_and(|key| key.verify_scalars(Hash::Sha256, signed, r, s))
}

/// The root a quote's own certificate chain claims to end in.
struct QuoteRoot {
    kind: Root,
    certificate: Vec<u8>,
}

impl QuoteRoot {
    fn fingerprint(&self) -> Hex {
        Hex(Hash::Sha256.digest(&[&self.certificate]))
    }
}

fn root_of(quote: &Quote, roots: &Roots) -> Result<QuoteRoot> {
    let production = roots.intel.der().to_vec();
    if let Some(development) = &roots.development {
        let chain = quote.raw_cert_chain().ok().map(Certificate::parse_many).transpose()?.unwrap_or_default();
        if chain.last() == Some(&development.intel) {
            return Ok(QuoteRoot { kind: Root::Development, certificate: development.intel.der().to_vec() });
        }
    }
    Ok(QuoteRoot { kind: Root::Production, certificate: production })
}

/// One verification by the library, without its policy: ours is applied later, to the claims.
fn verify(quote: &[u8], collateral: &Collateral, root: &QuoteRoot, at: Time) -> Result<QuoteClaims> {
    QuoteVerifier::<RustCryptoConfig>::new_with_config(root.certificate.clone())
        .allow_debug(true)
        .verify_with_policy(quote, &collateral.0, at.unix(), &QuotePolicy::claims_only(at.unix()))
        .map_err(|e| Error::Intel { why: format!("{e:#}") })
}

/// Replays a log into `rtmr0` to `rtmr3`: register 1 of the log is `rtmr0` (UEFI 2.10, section 38.4.1).
fn replay(log: &EventLog, claims: &ClaimSet) -> Result<Vec<crate::claims::BootEvent>> {
    let registers = log.replay(Hash::Sha384)?;
    for index in 0..4u32 {
        let replayed = registers.get(&(index + 1)).cloned().unwrap_or_else(|| vec![0; 48]);
        let quoted = claims.executables.measurements.get(&format!("rtmr{index}"));
        if quoted.is_none_or(|quoted| quoted.0 != replayed) {
            let why = format!("replays rtmr{index} to {}, which is not what is quoted", Hex(replayed));
            return Err(Error::mismatch("event log", why));
        }
    }
    Ok(log.boot_events(Hash::Sha384, 1))
}
