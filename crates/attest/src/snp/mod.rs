//! AMD SEV-SNP: attestation reports of versions 2, 3 and 5, with VCEK and VLEK chains, of Milan, Genoa and Turin.
//!
//! Checked beyond the signature: the chain up to the pinned ARK and its validity, the certificate's TCB and hardware
//! id against the report, the product against the report's CPUID, which key the report says signed it, reserved bytes.
//!
//! Source: AMD, *SEV Secure Nested Paging Firmware ABI* (56860) 1.58, sections 7.3 and 8.17.3; *VCEK Certificate and
//! KDS Interface* (57230) 1.0.

mod chain;
mod report;

pub(crate) use report::SIGNED as REPORT_SIGNED;
pub use report::{REPORT_SIZE, Report, SigningKey, TcbVersion};

use crate::bytes::{Base64Bytes, Hex};
use crate::claims::{ClaimSet, Configuration, Executables, Freshness, Hardware, Tcb, TcbStatus, Technology, Tier};
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::time::Time;
use crate::x509::Certificate;

/// A report as evidence, with the certificates the host put beside it, if any.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SnpEvidence {
    /// The report, 1184 bytes.
    pub report: Base64Bytes,
    /// Certificates (DER): VCEK or VLEK. They may as well be among the endorsements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Base64Bytes>,
}

/// Certificates of the table that a host passes to its guest beside a report (configfs-tsm's `auxblob`): entries of
/// GUID, offset and length, closed by a zero GUID; each entry's bytes are a certificate in DER (GHCB specification
/// 56421, section 4.1.8.1). Entries that are no certificates are left out.
///
/// # Errors
/// [`Error::Malformed`] for a table that points outside of itself.
pub fn parse_certificate_table(bytes: &[u8]) -> Result<Vec<Base64Bytes>> {
    const WHAT: &str = "SNP certificate table";
    let mut reader = crate::bytes::Reader::new(WHAT, bytes);
    let mut found = Vec::new();
    loop {
        let (guid, offset, length) = (reader.array::<16>()?, reader.u32_le()? as usize, reader.u32_le()? as usize);
        if crate::bytes::is_zero(&guid) {
            return Ok(found);
        }
        let outside = || Error::malformed(WHAT, "an entry points outside of it");
        let entry = bytes.get(offset..).and_then(|rest| rest.get(..length)).ok_or_else(outside)?;
        found.extend(Certificate::parse(entry).is_ok().then(|| Base64Bytes::from(entry)));
    }
}

/// Validates a report at a time.
pub(crate) fn validate(evidence: &SnpEvidence, with: &Endorsements, roots: &Roots, at: Time) -> Result<ClaimSet> {
    let report = Report::parse(&evidence.report)?;
    if evidence.certificates.len() > 16 {
        return Err(Error::malformed("SNP evidence", "more than sixteen certificates"));
    }
    let carried = evidence.certificates.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>>>()?;
    let candidates: Vec<&Certificate> = carried.iter().chain(&with.certificates).collect();
    let verified = chain::verify(&report, &evidence.report, &candidates, with, roots, at)?;
    Ok(claims(&report, &verified, at))
}

fn claims(report: &Report, verified: &chain::Verified, at: Time) -> ClaimSet {
    let mut limits = vec![
        "AMD's evidence does not say whether firmware is current: the policy has to give minimum versions".to_owned(),
    ];
    if report.signing_key == SigningKey::Vlek {
        limits.push("a VLEK names a cloud provider, not one chip".to_owned());
    }
    if report.policy >> 18 & 1 == 1 {
        limits.push("the guest policy lets a migration agent export the guest to another machine".to_owned());
    }
    ClaimSet {
        technology: Technology::Snp,
        protects: Technology::Snp.protects(),
        root: verified.root,
        root_fingerprint: verified.root_fingerprint.clone(),
        validated: at,
        valid: verified.window,
        stale_since: None,
        hardware: Hardware {
            tier: Tier::Affirming,
            vendor: "AMD".into(),
            product: Some(verified.product.to_owned()),
            identity: (report.signing_key == SigningKey::Vcek).then(|| Hex::from(report.chip_id)),
            tcb: Tcb {
                tier: TcbStatus::Unrated.tier(),
                status: TcbStatus::Unrated,
                advisories: Vec::new(),
                components: report.reported_tcb.components(),
                evaluation: None,
                date: None,
            },
        },
        configuration: configuration(report),
        executables: Executables { tier: Tier::None, measurements: measurements(report), boot: Vec::new() },
        freshness: Freshness { report_data: Hex::from(report.report_data), ..Freshness::default() },
        verified: vec![
            format!("the report is signed by the {} in its certificate", report.signing_key.name()),
            format!("that certificate is issued by AMD for {} and valid", verified.product),
            "its TCB versions and hardware id are those of the report".into(),
        ],
        limits,
    }
}

pub(crate) fn configuration(report: &Report) -> Configuration {
    let policy = |bit: u32| report.policy >> bit & 1 == 1;
    let platform = |bit: u32| report.platform_info >> bit & 1 == 1;
    let debug = policy(19);
    let flags = [
        ("smt-allowed", policy(16)),
        ("migratable", policy(18)),
        ("single-socket", policy(20)),
        ("smt", platform(0)),
        ("tsme", platform(1)),
        ("ecc", platform(2)),
        ("rapl-disabled", platform(3)),
        ("ciphertext-hiding", platform(4)),
        ("alias-check-complete", platform(5)),
    ];
    let numbers = [
        ("vmpl", u64::from(report.vmpl)),
        ("guest-svn", u64::from(report.guest_svn)),
        ("report-version", u64::from(report.version)),
        ("abi-major", report.policy >> 8 & 0xff),
        ("abi-minor", report.policy & 0xff),
    ];
    Configuration {
        tier: if debug { Tier::Contraindicated } else { Tier::Affirming },
        debug,
        flags: flags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

pub(crate) fn measurements(report: &Report) -> std::collections::BTreeMap<String, Hex> {
    let fields: [(&str, &[u8]); 7] = [
        ("measurement", &report.measurement),
        ("host-data", &report.host_data),
        ("id-key-digest", &report.id_key_digest),
        ("author-key-digest", &report.author_key_digest),
        ("family-id", &report.family_id),
        ("image-id", &report.image_id),
        ("report-id", &report.report_id),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), Hex::from(value))).collect()
}

/// Verifies the report's own signature: ECDSA P-384 over SHA-384 of the first 672 bytes, `r` and `s` little-endian in
/// 72 bytes each, the rest zero (56860, table 139).
fn verify_signature(bytes: &[u8], key: &Certificate) -> Result<()> {
    let fail = || Error::signature("the SNP report");
    let (signed, signature) = bytes.split_at_checked(report::SIGNED).ok_or_else(fail)?;
    let (Some(r), Some(s), Some(rest)) = (signature.get(..72), signature.get(72..144), signature.get(144..)) else {
        return Err(fail());
    };
    let big_endian = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let verifies = key.public_key()?.verify_scalars(Hash::Sha384, signed, &big_endian(r), &big_endian(s));
    if verifies && crate::bytes::is_zero(rest) { Ok(()) } else { Err(fail()) }
}
