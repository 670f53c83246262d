//! Evidence of every kind as one type, and finding out from bytes which kind they are.

use serde::{Deserialize, Serialize};

use crate::azure::AzureEvidence;
use crate::bytes::Base64Bytes;
use crate::claims::Claims;
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::nitro::NitroEvidence;
use crate::ratls::RaTlsEvidence;
use crate::sgx_tdx::QuoteEvidence;
use crate::snp::SnpEvidence;
use crate::time::Time;
use crate::tpm::TpmEvidence;
use crate::x509::Certificate;

/// Evidence, parsed as far as telling its kind needs. Its JSON form is the container in which machines send it: an
/// object with `kind` and the parts in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Evidence {
    /// Intel SGX or TDX.
    Quote(QuoteEvidence),
    /// AMD SEV-SNP.
    Snp(SnpEvidence),
    /// AWS Nitro.
    Nitro(NitroEvidence),
    /// TPM 2.0.
    Tpm(TpmEvidence),
    /// Azure confidential VM.
    Azure(AzureEvidence),
    /// RA-TLS certificate with a quote inside.
    RaTls(RaTlsEvidence),
}

/// No evidence is larger; a bound on work for hostile input.
pub const MOST_BYTES: usize = 4 << 20;

impl Evidence {
    /// Finds out what the bytes are and parses them: a raw quote, report or document, its hexadecimal text, or the
    /// JSON container.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::Unsupported`], also if no kind fits.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MOST_BYTES {
            return Err(Error::malformed("evidence", format!("{} bytes are too many", bytes.len())));
        }
        if bytes.trim_ascii_start().starts_with(b"{") {
            return Self::parse_json(bytes);
        }
        Self::parse_binary(bytes).or_else(|error| match hexadecimal(bytes) {
            Some(decoded) => Self::parse_binary(&decoded),
            None => Err(error),
        })
    }

    fn parse_json(bytes: &[u8]) -> Result<Self> {
        let bad = |e| Error::malformed("evidence", e);
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(bad)?;
        if crate::azure::is_trustee_json(&value) {
            return crate::azure::parse_trustee_json(value).map(Self::Azure);
        }
        serde_json::from_value(value).map_err(bad)
    }

    fn parse_binary(bytes: &[u8]) -> Result<Self> {
        if crate::sgx_tdx::is_quote(bytes) {
            crate::sgx_tdx::parse_quote(bytes)?;
            return Ok(Self::Quote(QuoteEvidence { quote: bytes.into(), event_log: None }));
        }
        if bytes.len() == crate::snp::REPORT_SIZE {
            crate::snp::Report::parse(bytes)?;
            return Ok(Self::Snp(SnpEvidence { report: bytes.into(), certificates: Vec::new() }));
        }
        if matches!(bytes.first(), Some(0x84 | 0xd2)) {
            crate::nitro::Document::parse(bytes)?;
            return Ok(Self::Nitro(NitroEvidence { document: Base64Bytes::from(bytes) }));
        }
        if bytes.starts_with(b"-----BEGIN CERTIFICATE") || bytes.first() == Some(&0x30) {
            let certificate = Certificate::parse(bytes)?;
            if !crate::ratls::carries_evidence(&certificate) {
                return Err(Error::unsupported("evidence", "a certificate that carries none"));
            }
            return Ok(Self::RaTls(RaTlsEvidence { certificate: certificate.der().into() }));
        }
        if crate::tpm::is_go_tpm_tools(bytes) {
            return crate::tpm::parse_go_tpm_tools(bytes).map(Self::Tpm);
        }
        Err(Error::unsupported("evidence", "it is of no kind that is known"))
    }

    /// The same with an event log beside it: a CCEL for a trust domain's quote, the TCG log for a TPM's or Azure VM's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for kinds that have none.
    pub fn with_event_log(mut self, log: &[u8]) -> Result<Self> {
        let slot = match &mut self {
            Self::Quote(evidence) => &mut evidence.event_log,
            Self::Tpm(evidence) => &mut evidence.event_log,
            Self::Azure(evidence) => &mut evidence.event_log,
            Self::Snp(_) | Self::Nitro(_) | Self::RaTls(_) => {
                return Err(Error::unsupported("event log", "this kind of evidence has none"));
            }
        };
        *slot = Some(log.into());
        Ok(self)
    }

    /// Its kind, as in the JSON container.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Quote(_) => "quote",
            Self::Snp(_) => "snp",
            Self::Nitro(_) => "nitro",
            Self::Tpm(_) => "tpm",
            Self::Azure(_) => "azure",
            Self::RaTls(_) => "ra-tls",
        }
    }

    /// The JSON container.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn hexadecimal(bytes: &[u8]) -> Option<Vec<u8>> {
    hex::decode(bytes.trim_ascii()).ok()
}

/// Validates evidence at a time: every signature, chain and digest that the evidence and its endorsements contain, and
/// that they are about the same machine. What the claims are worth is for [`crate::Policy::appraise`].
///
/// # Errors
/// Whatever no policy could tolerate; see [`Error`].
pub fn validate(evidence: &Evidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<Claims> {
    let claims = match evidence {
        Evidence::Quote(evidence) => crate::sgx_tdx::validate(evidence, with, roots, at),
        Evidence::Snp(evidence) => crate::snp::validate(evidence, with, roots, at),
        Evidence::Nitro(evidence) => crate::nitro::validate(evidence, roots, at),
        Evidence::Tpm(evidence) => crate::tpm::validate(evidence, with, roots, at),
        Evidence::Azure(evidence) => crate::azure::validate(evidence, with, roots, at),
        Evidence::RaTls(evidence) => crate::ratls::validate(evidence, with, roots, at),
    };
    claims.map(Claims::new)
}

/// [`Evidence::parse`], then [`validate`]: one pure entry point from bytes.
///
/// # Errors
/// As those.
pub fn validate_bytes(bytes: &[u8], with: &Endorsements, roots: &Roots, at: Time) -> Result<Claims> {
    validate(&Evidence::parse(bytes)?, with, roots, at)
}
