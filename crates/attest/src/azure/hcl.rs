//! The HCL report: a header, the hardware report, and the runtime data whose hash the hardware report carries.

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::Value;

use crate::bytes::{Hex, Reader, is_zero};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::tpm::AttestationKey;

const WHAT: &str = "HCL report";

/// Which hardware report is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardware {
    /// A SEV-SNP report, signed.
    Snp,
    /// A TD report, good on its own machine only: a TD quote has to come with it.
    Tdx,
}

/// An HCL report, parsed; its links are checked by [`super::check_links`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HclReport {
    /// Which hardware report is inside.
    pub hardware: Hardware,
    /// The hardware report.
    pub hardware_report: Vec<u8>,
    /// Its report data.
    pub report_data: [u8; 64],
    /// How the runtime data is hashed into it.
    pub hash: Hash,
    /// The runtime data (JSON), exactly as hashed.
    pub runtime_data: Vec<u8>,
    runtime: RuntimeData,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
struct RuntimeData {
    keys: Vec<BTreeMap<String, Value>>,
    #[serde(rename = "vm-configuration", default)]
    configuration: BTreeMap<String, Value>,
    #[serde(rename = "user-data", default)]
    user_data: Option<Hex>,
}

impl HclReport {
    /// Parses a report.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, bytes);
        if reader.take(4)? != b"HCLA" {
            return Err(Error::malformed(WHAT, "does not begin with HCLA"));
        }
        reader.take(28)?;
        let report = reader.take(1184)?;
        let (_size, _version) = (reader.u32_le()?, reader.u32_le()?);
        let (kind, hash, length) = (reader.u32_le()?, reader.u32_le()?, reader.u32_le()?);
        let runtime_data = reader.take(length as usize)?.to_vec();
        if !is_zero(reader.rest()) {
            return Err(Error::malformed(WHAT, "bytes follow the runtime data"));
        }
        let (hardware, hardware_report, data) = match kind {
            2 => (Hardware::Snp, report, &report[0x50..0x90]),
            4 => (Hardware::Tdx, &report[..1024], &report[128..192]),
            other => return Err(Error::unsupported(WHAT, format!("hardware report of type {other}"))),
        };
        let mut report_data = [0; 64];
        report_data.copy_from_slice(data);
        let hash = match hash {
            1 => Hash::Sha256,
            2 => Hash::Sha384,
            3 => Hash::Sha512,
            other => return Err(Error::unsupported(WHAT, format!("hash of type {other}"))),
        };
        let runtime = serde_json::from_slice(&runtime_data).map_err(|e| Error::malformed("Azure runtime data", e))?;
        Ok(Self { hardware, hardware_report: hardware_report.to_vec(), report_data, hash, runtime_data, runtime })
    }

    /// The vTPM's attestation key: the JWK `HCLAkPub`.
    pub(crate) fn attestation_key(&self) -> Result<AttestationKey> {
        let bad = |why: &str| Error::malformed("Azure runtime data", why);
        let named = |key: &&BTreeMap<String, Value>| key.get("kid").and_then(Value::as_str) == Some("HCLAkPub");
        let key = self.runtime.keys.iter().find(named).ok_or_else(|| bad("names no HCLAkPub"))?;
        if key.get("kty").and_then(Value::as_str) != Some("RSA") {
            return Err(bad("HCLAkPub is no RSA key"));
        }
        let number = |name: &str| {
            let text = key.get(name).and_then(Value::as_str).ok_or_else(|| bad("HCLAkPub lacks a number"))?;
            Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).map_err(|_| bad("HCLAkPub is not base64url"))
        };
        AttestationKey::from_rsa(&number("n")?, &number("e")?)
    }

    /// The VM's configuration, as the paravisor states it.
    pub(crate) fn configuration(&self) -> BTreeMap<String, Value> {
        self.runtime.configuration.clone()
    }

    /// What the guest put into the runtime data.
    pub(crate) fn user_data(&self) -> Option<Hex> {
        self.runtime.user_data.clone()
    }
}
