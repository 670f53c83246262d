//! Everything evidence claims, with nothing verified: for people who want to know what they were sent, and for
//! writing reference values down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::azure::{AzureEvidence, HclReport};
use crate::bytes::{Base64Bytes, Hex};
use crate::claims::{BootEvent, Configuration};
use crate::error::{Error, Result};
use crate::eventlog::EventLog;
use crate::evidence::Evidence;
use crate::keys::Hash;
use crate::nitro::{Document, NitroEvidence};
use crate::ratls::RaTlsEvidence;
use crate::sgx_tdx::{Collateral, QuoteEvidence};
use crate::snp::{Report, SnpEvidence};
use crate::time::Window;
use crate::tpm::TpmEvidence;
use crate::x509::Certificate;

/// What evidence claims. Nothing in here is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// What the bytes are, in words.
    pub kind: String,
    /// Single facts, by name.
    pub facts: BTreeMap<String, String>,
    /// Measurements, by the names that policies use.
    pub measurements: BTreeMap<String, Hex>,
    /// Certificates inside.
    pub certificates: Vec<CertificateFacts>,
    /// What the event log says the boot loaded.
    pub boot: Vec<BootEvent>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateFacts {
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When it is valid.
    pub valid: Window,
    /// SHA-256 of it.
    pub fingerprint: Hex,
}

/// Reports what the bytes claim: evidence of any kind, a certificate, or Intel collateral.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Unsupported`], also if they are none of those.
pub fn inspect(bytes: &[u8]) -> Result<Inspection> {
    match Evidence::parse(bytes) {
        Ok(evidence) => inspect_evidence(&evidence),
        Err(error) => inspect_endorsement(bytes).ok_or(error),
    }
}

/// Reports what evidence claims.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Unsupported`] for its parts.
pub fn inspect_evidence(evidence: &Evidence) -> Result<Inspection> {
    match evidence {
        Evidence::Quote(evidence) => quote(evidence),
        Evidence::Snp(evidence) => snp(evidence),
        Evidence::Nitro(evidence) => nitro(evidence),
        Evidence::Tpm(evidence) => tpm(evidence),
        Evidence::Azure(evidence) => azure(evidence),
        Evidence::RaTls(evidence) => ratls(evidence),
    }
}

fn inspect_endorsement(bytes: &[u8]) -> Option<Inspection> {
    if let Ok(collateral) = Collateral::parse(bytes) {
        let mut out = Inspection { kind: "Intel collateral".into(), ..Inspection::default() };
        for (name, window) in collateral.documents().ok()? {
            out.fact(name, format!("{} to {}", window.from, window.until));
        }
        out.fact("fmspc", collateral.tcb_info().ok()?.fmspc);
        return Some(out);
    }
    let certificates = Certificate::parse_many(bytes).ok().filter(|all| !all.is_empty())?;
    let mut out = Inspection { kind: "certificates".into(), ..Inspection::default() };
    out.certificates.extend(certificates.iter().map(CertificateFacts::of));
    Some(out)
}

impl Inspection {
    fn fact(&mut self, name: &str, value: impl std::fmt::Display) {
        self.facts.insert(name.to_owned(), value.to_string());
    }

    fn configuration(&mut self, configuration: &Configuration) {
        self.fact("debug", configuration.debug);
        for (name, value) in &configuration.flags {
            self.fact(name, value);
        }
        for (name, value) in &configuration.numbers {
            self.fact(name, value);
        }
    }

    fn certificates(&mut self, carried: &[Base64Bytes]) {
        let parsed = carried.iter().filter_map(|der| Certificate::parse(der).ok());
        self.certificates.extend(parsed.map(|certificate| CertificateFacts::of(&certificate)));
    }

    fn event_log(&mut self, log: Option<&Base64Bytes>, bank: Option<Hash>, offset: u32) -> Result<()> {
        let Some(log) = log else { return Ok(()) };
        let log = EventLog::parse(log)?;
        self.fact("event-log", format!("{} events", log.events.len()));
        if let Some(bank) = bank.or(log.banks.iter().max().copied()) {
            self.boot = log.boot_events(bank, offset);
        }
        Ok(())
    }
}

impl CertificateFacts {
    fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            valid: certificate.window(),
            fingerprint: certificate.fingerprint(),
        }
    }
}

fn quote(evidence: &QuoteEvidence) -> Result<Inspection> {
    let quote = crate::sgx_tdx::parse_quote(&evidence.quote)?;
    let parts = crate::sgx_tdx::parts(&quote.report)?;
    let mut out = Inspection {
        kind: format!("Intel {} quote, version {}", parts.technology.name().to_uppercase(), quote.header.version),
        measurements: parts.measurements,
        ..Inspection::default()
    };
    out.configuration(&parts.configuration);
    out.fact("report-data", Hex(parts.report_data));
    out.fact("qe-svn", quote.header.qe_svn);
    let holds = crate::sgx_tdx::own_signature_holds(&evidence.quote, &quote);
    out.fact("signed-by-its-own-attestation-key", holds);
    if let Ok(chain) = quote.raw_cert_chain() {
        let chain = Certificate::parse_many(chain).unwrap_or_default();
        out.certificates.extend(chain.iter().map(CertificateFacts::of));
        if let Some(pck) = chain.first().and_then(|pck| dcap_qvl::intel::parse_pck_extension(pck.der()).ok()) {
            out.fact("fmspc", Hex::from(pck.fmspc));
            out.fact("cpu-svn", Hex::from(pck.cpu_svn));
            out.fact("pce-svn", pck.pce_svn);
        }
    }
    out.event_log(evidence.event_log.as_ref(), Some(Hash::Sha384), 1)?;
    Ok(out)
}

fn snp(evidence: &SnpEvidence) -> Result<Inspection> {
    let report = Report::parse(&evidence.report)?;
    let mut out = Inspection {
        kind: format!("AMD SEV-SNP report, version {}, signed by a {}", report.version, report.signing_key.name()),
        measurements: crate::snp::measurements(&report),
        ..Inspection::default()
    };
    out.configuration(&crate::snp::configuration(&report));
    out.fact("report-data", Hex::from(report.report_data));
    out.fact("chip-id", Hex::from(report.chip_id));
    for component in report.reported_tcb.components() {
        out.fact(&format!("tcb-{}", component.name), component.have);
    }
    if let Some((family, model)) = report.cpuid {
        out.fact("cpu", format!("family {family:#x}, model {model:#x}"));
    }
    out.certificates(&evidence.certificates);
    Ok(out)
}

fn nitro(evidence: &NitroEvidence) -> Result<Inspection> {
    let document = Document::parse(&evidence.document)?;
    let pcrs = document.pcrs.iter().map(|(index, value)| (format!("pcr{index}"), Hex(value.clone())));
    let mut out = Inspection {
        kind: "AWS Nitro attestation document".into(),
        measurements: pcrs.collect(),
        ..Inspection::default()
    };
    out.fact("debug", document.is_debug());
    out.fact("module-id", &document.module_id);
    out.fact("timestamp", document.timestamp);
    let fields = [("nonce", &document.nonce), ("user-data", &document.user_data), ("public-key", &document.public_key)];
    for (name, value) in fields {
        if let Some(value) = value {
            out.fact(name, Hex::from(value));
        }
    }
    let chain = std::iter::once(&document.certificate).chain(document.cabundle.iter().rev());
    out.certificates.extend(chain.map(CertificateFacts::of));
    Ok(out)
}

fn tpm(evidence: &TpmEvidence) -> Result<Inspection> {
    let mut out = Inspection { kind: "TPM 2.0 quotes".into(), ..Inspection::default() };
    let key = crate::tpm::AttestationKey::parse(&evidence.attestation_key)?;
    out.fact("attestation-key", &key.fingerprint);
    for quote in &evidence.quotes {
        let quoted = crate::tpm::parse_quote(&quote.message)?;
        out.fact("challenge", Hex(quoted.extra_data));
        out.fact("firmware-version", format!("{:#x}", quoted.firmware_version));
        let named = |pcr: &crate::tpm::Pcr| (format!("pcr.{}.{}", pcr.bank.name(), pcr.index), pcr.value.clone());
        out.measurements.extend(quote.pcrs.iter().map(named));
    }
    out.certificates(&evidence.certificates);
    out.event_log(evidence.event_log.as_ref(), None, 0)?;
    Ok(out)
}

fn azure(evidence: &AzureEvidence) -> Result<Inspection> {
    let report = HclReport::parse(&evidence.hcl_report)?;
    let mut out = match report.hardware {
        crate::azure::Hardware::Snp => {
            let report = Base64Bytes(report.hardware_report.clone());
            snp(&SnpEvidence { report, certificates: evidence.certificates.clone() })?
        }
        crate::azure::Hardware::Tdx => {
            let missing = || Error::MissingEndorsement { what: "the TD quote of the Azure VM".into() };
            quote(&QuoteEvidence { quote: evidence.td_quote.clone().ok_or_else(missing)?, event_log: None })?
        }
    };
    out.kind = format!("Azure vTPM over {}", out.kind);
    let quoted = crate::tpm::parse_quote(&evidence.quote.message)?;
    out.fact("challenge", Hex(quoted.extra_data));
    for (name, value) in report.configuration() {
        out.fact(&name, value);
    }
    for pcr in &evidence.quote.pcrs {
        out.measurements.insert(format!("pcr.{}.{}", pcr.bank.name(), pcr.index), pcr.value.clone());
    }
    out.event_log(evidence.event_log.as_ref(), None, 0)?;
    Ok(out)
}

fn ratls(evidence: &RaTlsEvidence) -> Result<Inspection> {
    let certificate = Certificate::parse(&evidence.certificate)?;
    let bound = crate::ratls::bound_quotes(&certificate)?;
    let first = bound.into_iter().next().ok_or_else(|| Error::unsupported("certificate", "it carries no evidence"))?;
    let mut out = quote(&QuoteEvidence { quote: first.quote.into(), event_log: None })?;
    out.kind = format!("RA-TLS certificate ({:?} form) with {}", first.form, out.kind);
    out.certificates.insert(0, CertificateFacts::of(&certificate));
    Ok(out)
}
