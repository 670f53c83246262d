//! From a verified quote to claims.

use std::collections::BTreeMap;

use dcap_qvl::PckCertFlag;
use dcap_qvl::quote::{EnclaveReport, Report, TDReport10, TDReport15};
use dcap_qvl::tcb_info::{SvnComponent, TcbStatus as IntelStatus};

use super::QuoteRoot;
use super::collateral::{Verified, component_name, shortfalls_of_newest, tee_tcb_svn};
use crate::bytes::Hex;
use crate::claims::{
    ClaimSet, Configuration, Executables, Freshness, Hardware, Tcb, TcbComponent, TcbStatus, Technology, Tier,
};
use crate::error::{Error, Result};
use crate::time::Time;

pub(super) fn from_quote(verified: &Verified, root: &QuoteRoot, at: Time) -> Result<ClaimSet> {
    let mut parts = parts(&verified.claims.report)?;
    parts.configuration.flags.extend(platform_flags(verified));
    Ok(ClaimSet {
        technology: parts.technology,
        protects: parts.technology.protects(),
        root: root.kind,
        root_fingerprint: root.fingerprint(),
        validated: at,
        valid: verified.valid,
        stale_since: verified.stale_since,
        hardware: hardware(verified)?,
        configuration: parts.configuration,
        executables: Executables { tier: Tier::None, measurements: parts.measurements, boot: Vec::new() },
        freshness: Freshness { report_data: Hex(parts.report_data), ..Freshness::default() },
        verified: vec![
            "the quote is signed by the attestation key of Intel's quoting enclave".into(),
            "the quoting enclave is certified by the platform's PCK certificate and matches Intel's identity for it"
                .into(),
            "TCB info, identity and CRLs are signed by Intel, and no certificate is revoked".into(),
        ],
        limits: limits(parts.technology),
    })
}

fn limits(technology: Technology) -> Vec<String> {
    let mut limits =
        vec!["side channels and physical attacks on memory are outside of what Intel's TCB status covers".into()];
    if technology == Technology::Tdx {
        limits.push("mrtd covers the firmware only; what it booted is in rtmr0 to rtmr3".into());
    }
    limits
}

fn status(status: IntelStatus) -> Result<TcbStatus> {
    Ok(match status {
        IntelStatus::UpToDate => TcbStatus::UpToDate,
        IntelStatus::SWHardeningNeeded => TcbStatus::SWHardeningNeeded,
        IntelStatus::ConfigurationNeeded => TcbStatus::ConfigurationNeeded,
        IntelStatus::ConfigurationAndSWHardeningNeeded => TcbStatus::ConfigurationAndSWHardeningNeeded,
        IntelStatus::TDRelaunchAdvised => TcbStatus::TDRelaunchAdvised,
        IntelStatus::TDRelaunchAdvisedConfigurationNeeded => TcbStatus::TDRelaunchAdvisedConfigurationNeeded,
        IntelStatus::OutOfDate => TcbStatus::OutOfDate,
        IntelStatus::OutOfDateConfigurationNeeded => TcbStatus::OutOfDateConfigurationNeeded,
        IntelStatus::Revoked => return Err(Error::Revoked { what: "the platform's TCB".into() }),
    })
}

fn hardware(verified: &Verified) -> Result<Hardware> {
    let claims = &verified.claims;
    let pck = &claims.platform.pck;
    let status = status(claims.tcb.status)?;
    let identity = pck.platform_instance_id.map(Hex::from).unwrap_or_else(|| Hex(pck.ppid.clone()));
    Ok(Hardware {
        tier: status.tier(),
        vendor: "Intel".into(),
        product: Some(format!("FMSPC {}", Hex::from(pck.fmspc))),
        identity: Some(identity),
        tcb: Tcb {
            tier: status.tier(),
            status,
            advisories: claims.tcb.advisory_ids.clone(),
            components: components(verified),
            evaluation: Some(claims.tcb.eval_data_number),
            date: Some(Time::from_unix(claims.platform.tcb_date_tag)),
        },
    })
}

/// Switches of the platform, where its certificate states them (those of the Platform CA do).
fn platform_flags(verified: &Verified) -> impl Iterator<Item = (String, bool)> {
    let pck = &verified.claims.platform.pck;
    let flags =
        [("dynamic-platform", pck.dynamic_platform), ("cached-keys", pck.cached_keys), ("smt", pck.smt_enabled)];
    flags.into_iter().filter_map(|(name, flag)| match flag {
        PckCertFlag::True => Some((name.to_owned(), true)),
        PckCertFlag::False => Some((name.to_owned(), false)),
        PckCertFlag::Undefined => None,
    })
}

fn components(verified: &Verified) -> Vec<TcbComponent> {
    let pck = &verified.claims.platform.pck;
    let named = |component: SvnComponent, have: u16| TcbComponent::have(&component_name(component), have);
    let mut all: Vec<TcbComponent> =
        (0u8..).zip(pck.cpu_svn).map(|(i, svn)| named(SvnComponent::Sgx(i), svn.into())).collect();
    all.push(named(SvnComponent::PceSvn, pck.pce_svn));
    if let Some(tee) = tee_tcb_svn(&verified.claims.report) {
        all.extend((0u8..).zip(tee).map(|(i, svn)| named(SvnComponent::Tdx(i), (*svn).into())));
        all.push(named(SvnComponent::TdxModuleIsvSvn, tee[0].into()));
    }
    for short in shortfalls_of_newest(&verified.tcb_info, &verified.claims) {
        let name = component_name(short.component);
        if let Some(component) = all.iter_mut().find(|component| component.name == name) {
            component.needs = Some(short.needs.into());
        }
    }
    all
}

/// What a report says, whoever signed it.
pub(crate) struct Parts {
    pub(crate) technology: Technology,
    pub(crate) configuration: Configuration,
    pub(crate) measurements: BTreeMap<String, Hex>,
    pub(crate) report_data: Vec<u8>,
}

/// Reads a report.
pub(crate) fn parts(report: &Report) -> Result<Parts> {
    match report {
        Report::SgxEnclave(report) => sgx(report),
        Report::TD10(report) => Ok(tdx(report, None)),
        Report::TD15(report) => Ok(tdx(&report.base, Some(report))),
        Report::TD15Ex(report) => Ok(tdx(&report.base.base, Some(&report.base))),
    }
}

fn names<const N: usize>(entries: [(&str, &[u8]); N]) -> BTreeMap<String, Hex> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), Hex::from(value))).collect()
}

/// Attributes: Intel SDM volume 3D, section 36.7.1; report body: table 38-21.
fn sgx(report: &EnclaveReport) -> Result<Parts> {
    let bit = |index: u32| report.attributes[0] >> index & 1 == 1;
    if !bit(0) {
        return Err(Error::mismatch("SGX report", "the enclave is not initialised"));
    }
    let debug = bit(1);
    let flags = [("mode64", bit(2)), ("provision-key", bit(4)), ("einit-token-key", bit(5)), ("kss", bit(7))];
    let config_svn = u16::from_le_bytes([report.reserved4[0], report.reserved4[1]]);
    let numbers = [
        ("isv-prod-id", u64::from(report.isv_prod_id)),
        ("isv-svn", u64::from(report.isv_svn)),
        ("config-svn", u64::from(config_svn)),
        ("misc-select", u64::from(report.misc_select)),
    ];
    let measurements = names([
        ("mrenclave", &report.mr_enclave),
        ("mrsigner", &report.mr_signer),
        ("config-id", &report.reserved3[32..]),
        ("isv-ext-prod-id", &report.reserved1[12..]),
        ("isv-family-id", &report.reserved4[44..]),
        ("attributes", &report.attributes),
    ]);
    Ok(Parts {
        technology: Technology::Sgx,
        configuration: configuration(debug, &flags, &numbers),
        measurements,
        report_data: report.report_data.to_vec(),
    })
}

/// Attributes: Intel TDX Module ABI specification (348551), table 3.23.
fn tdx(report: &TDReport10, newer: Option<&TDReport15>) -> Parts {
    let attributes = u64::from_le_bytes(report.td_attributes);
    let bit = |index: u32| attributes >> index & 1 == 1;
    // Any of the eight TUD bits makes the domain untrusted, not DEBUG alone.
    let debug = report.td_attributes[0] != 0;
    let flags = [
        ("icssd", bit(16)),
        ("sept-ve-disable", bit(28)),
        ("migratable", bit(29)),
        ("pks", bit(30)),
        ("perfmon", bit(63)),
    ];
    let mut measurements = names([
        ("mrtd", &report.mr_td),
        ("rtmr0", &report.rt_mr0),
        ("rtmr1", &report.rt_mr1),
        ("rtmr2", &report.rt_mr2),
        ("rtmr3", &report.rt_mr3),
        ("mrconfigid", &report.mr_config_id),
        ("mrowner", &report.mr_owner),
        ("mrownerconfig", &report.mr_owner_config),
        ("mrseam", &report.mr_seam),
        ("mrsignerseam", &report.mr_signer_seam),
        ("td-attributes", &report.td_attributes),
        ("xfam", &report.xfam),
    ]);
    if let Some(newer) = newer {
        measurements.insert("mrservicetd".into(), Hex::from(newer.mr_service_td));
    }
    Parts {
        technology: Technology::Tdx,
        configuration: configuration(debug, &flags, &[]),
        measurements,
        report_data: report.report_data.to_vec(),
    }
}

fn configuration(debug: bool, flags: &[(&str, bool)], numbers: &[(&str, u64)]) -> Configuration {
    Configuration {
        tier: if debug { Tier::Contraindicated } else { Tier::Affirming },
        debug,
        flags: flags.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        numbers: numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    }
}
