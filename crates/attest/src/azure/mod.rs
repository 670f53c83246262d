//! Azure confidential VMs: a hardware report (SEV-SNP or TDX) made at boot by the paravisor, whose report data is the
//! hash of runtime data that names the vTPM's attestation key, and a TPM quote by that key over the verifier's
//! challenge.
//!
//! The chain is: hardware root → report → runtime data → attestation key → quote → registers and challenge. Every
//! link is checked. The hardware measurement covers the paravisor; the registers cover what it booted.
//!
//! Source: Microsoft, *Azure confidential VM guest attestation design* (HCL report, runtime data).

mod hcl;

use std::collections::BTreeMap;

pub use hcl::{Hardware, HclReport};

use crate::bytes::{Base64Bytes, Hex, is_zero};
use crate::claims::{ClaimSet, Technology};
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::sgx_tdx::QuoteEvidence;
use crate::snp::SnpEvidence;
use crate::time::Time;
use crate::tpm::{Quoted, TpmQuote};

/// Evidence of an Azure confidential VM.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AzureEvidence {
    /// The HCL report, from the vTPM's NV index 0x01400001.
    pub hcl_report: Base64Bytes,
    /// The vTPM's quote.
    pub quote: TpmQuote,
    /// TDX: the quote that Azure's quoting service made of the TD report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub td_quote: Option<Base64Bytes>,
    /// SEV-SNP: the VCEK certificate, if the machine sent it along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Base64Bytes>,
    /// The TCG event log of the vTPM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<Base64Bytes>,
}

/// The links inside evidence that need no root: report data, runtime data, attestation key, quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// What the quote says.
    pub quoted: Quoted,
    /// The report whose report data names the runtime data.
    pub report: HclReport,
}

/// Checks every link below the hardware report: nothing here says that the report is genuine.
///
/// # Errors
/// [`Error::Mismatch`] or [`Error::Signature`] for the link that does not hold.
pub fn check_links(evidence: &AzureEvidence) -> Result<Links> {
    let report = HclReport::parse(&evidence.hcl_report)?;
    let (head, tail) = report.report_data.split_at(report.hash.size());
    if head != report.hash.digest(&[&report.runtime_data]) || !is_zero(tail) {
        return Err(Error::mismatch("Azure runtime data", "its hash is not the report data of the hardware report"));
    }
    let key = report.attestation_key()?;
    let (quoted, _) = crate::tpm::verify_quotes(std::slice::from_ref(&evidence.quote), &key)?;
    if report.hardware == Hardware::Tdx {
        let quote = evidence.td_quote.as_ref();
        let quote = quote.ok_or_else(|| Error::MissingEndorsement { what: "the TD quote of the Azure VM".into() })?;
        let quote = crate::sgx_tdx::parse_quote(quote)?;
        let td = quote.report.as_td10().ok_or_else(|| Error::mismatch("Azure TD quote", "is not of a trust domain"))?;
        if td.report_data != report.report_data {
            return Err(Error::mismatch("Azure TD quote", "its report data is not that of the TD report"));
        }
    }
    Ok(Links { quoted, report })
}

/// Validates evidence at a time.
pub(crate) fn validate(evidence: &AzureEvidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let links = check_links(evidence)?;
    let (mut claims, technology) = match links.report.hardware {
        Hardware::Snp => {
            let report = Base64Bytes(links.report.hardware_report.clone());
            let snp = SnpEvidence { report, certificates: evidence.certificates.clone() };
            let claims = crate::snp::validate(&snp, with, roots, at)?;
            // The paravisor runs at level 0. A guest above it could ask for a report over runtime data of its own.
            if claims.configuration.numbers.get("vmpl") != Some(&0) {
                return Err(Error::mismatch("Azure hardware report", "was not made at privilege level 0"));
            }
            (claims, Technology::AzureSnp)
        }
        Hardware::Tdx => {
            let quote = evidence.td_quote.clone().unwrap_or_default();
            let quote = QuoteEvidence { quote, event_log: None };
            (crate::sgx_tdx::validate(&quote, with, roots, at)?, Technology::AzureTdx)
        }
    };
    let key = links.report.attestation_key()?;
    let (_, banks) = crate::tpm::verify_quotes(std::slice::from_ref(&evidence.quote), &key)?;
    claims.technology = technology;
    claims.executables.measurements.extend(crate::tpm::measurements(&banks));
    claims.executables.measurements.extend(links.report.user_data().map(|data| ("runtime-user-data".to_owned(), data)));
    claims.configuration.flags.extend(vm_flags(&links.report.configuration()));
    claims.freshness.report_data = Hex(links.quoted.extra_data.clone());
    claims
        .verified
        .push("the report data is the hash of the runtime data, which names the vTPM's attestation key".into());
    claims.verified.push("the vTPM's quote is signed by that key and covers the values of its registers".into());
    claims.limits.push(
        "the hardware measurement covers Azure's paravisor, which runs the vTPM; what it booted is in pcr.*".into(),
    );
    if let Some(log) = &evidence.event_log {
        let log = crate::eventlog::EventLog::parse(log)?;
        let boot = crate::tpm::replay(&log, &banks)?;
        crate::eventlog::describe_boot(&mut claims, boot);
        claims.verified.push(format!("the event log ({} events) replays to the quoted registers", log.events.len()));
    }
    Ok(claims)
}

/// Switches of the VM's configuration, as the paravisor states them.
fn vm_flags(configuration: &BTreeMap<String, serde_json::Value>) -> BTreeMap<String, bool> {
    let known = ["secure-boot", "console-enabled", "tpm-enabled", "tpm-persisted"];
    let flag = |name: &&str| Some(((**name).to_owned(), configuration.get(*name)?.as_bool()?));
    known.iter().filter_map(flag).collect()
}

/// Whether JSON is the form in which `az-cvm-vtpm` and Trustee send evidence.
pub(crate) fn is_trustee_json(value: &serde_json::Value) -> bool {
    value.get("hcl_report").is_some() && value.get("tpm_quote").is_some()
}

#[derive(serde::Deserialize)]
struct TrusteeEvidence {
    hcl_report: String,
    tpm_quote: TrusteeQuote,
    vcek: Option<String>,
    td_quote: Option<String>,
}

#[derive(serde::Deserialize)]
struct TrusteeQuote {
    message: Hex,
    signature: Hex,
    pcrs: Vec<Hex>,
}

/// Parses that form: base64url without padding; a bare RSASSA signature with SHA-256; 24 registers of SHA-256.
pub(crate) fn parse_trustee_json(value: serde_json::Value) -> Result<AzureEvidence> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let bad = |e: &dyn std::fmt::Display| Error::malformed("Azure evidence", e);
    let evidence: TrusteeEvidence = serde_json::from_value(value).map_err(|e| bad(&e))?;
    let decode =
        |text: &String| Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).map(Base64Bytes).map_err(|e| bad(&e));
    let signature = evidence.tpm_quote.signature.0;
    let length = u16::try_from(signature.len()).map_err(|e| bad(&e))?;
    // TPMT_SIGNATURE: TPM_ALG_RSASSA, TPM_ALG_SHA256, and the signature with its length.
    let mut tpmt = vec![0x00, 0x14, 0x00, 0x0b];
    tpmt.extend(length.to_be_bytes());
    tpmt.extend(signature);
    let pcr = |(index, value)| crate::tpm::Pcr { bank: Hash::Sha256, index, value };
    Ok(AzureEvidence {
        hcl_report: decode(&evidence.hcl_report)?,
        quote: TpmQuote {
            message: Base64Bytes(evidence.tpm_quote.message.0),
            signature: Base64Bytes(tpmt),
            pcrs: (0u32..).zip(evidence.tpm_quote.pcrs).map(pcr).collect(),
        },
        td_quote: evidence.td_quote.as_ref().map(decode).transpose()?,
        certificates: evidence.vcek.as_ref().map(decode).transpose()?.into_iter().collect(),
        event_log: None,
    })
}
