//! From the key that signed a report to AMD's root, and what the certificate says about the machine.

use der::Decode;

use super::report::{Report, SigningKey};
use super::verify_signature;
use crate::bytes::{Hex, is_zero};
use crate::claims::Root;
use crate::endorse::{Endorsements, Roots};
use crate::error::{Error, Result};
use crate::time::{Time, Window};
use crate::x509::{Certificate, check_path, check_revocation};

/// A report whose signature and chain verified.
pub(super) struct Verified {
    pub(super) root: Root,
    pub(super) root_fingerprint: Hex,
    pub(super) product: &'static str,
    pub(super) window: Window,
}

/// Certificate extensions (57230, table 8).
mod oid {
    pub(super) const PRODUCT: &str = "1.3.6.1.4.1.3704.1.2";
    pub(super) const BOOT_LOADER: &str = "1.3.6.1.4.1.3704.1.3.1";
    pub(super) const TEE: &str = "1.3.6.1.4.1.3704.1.3.2";
    pub(super) const SNP: &str = "1.3.6.1.4.1.3704.1.3.3";
    pub(super) const SPL: [&str; 4] =
        ["1.3.6.1.4.1.3704.1.3.4", "1.3.6.1.4.1.3704.1.3.5", "1.3.6.1.4.1.3704.1.3.6", "1.3.6.1.4.1.3704.1.3.7"];
    pub(super) const MICROCODE: &str = "1.3.6.1.4.1.3704.1.3.8";
    pub(super) const FMC: &str = "1.3.6.1.4.1.3704.1.3.9";
    pub(super) const HARDWARE_ID: &str = "1.3.6.1.4.1.3704.1.4";
    pub(super) const PROVIDER: &str = "1.3.6.1.4.1.3704.1.5";
}

/// Tries every certificate that could be the report's; returns the first that verifies, or the reason of the one that
/// came furthest.
pub(super) fn verify(
    report: &Report,
    bytes: &[u8],
    candidates: &[&Certificate],
    with: &Endorsements,
    roots: &Roots,
    at: Time,
) -> Result<Verified> {
    let mut failure = None;
    let endorses = |c: &&&Certificate| c.extension(oid::SNP).is_some();
    for key in candidates.iter().filter(endorses) {
        match verify_with(report, bytes, key, with, roots, at) {
            Ok(verified) => return Ok(verified),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let what = format!("the {} certificate of the machine", report.signing_key.name());
    Err(failure.unwrap_or(Error::MissingEndorsement { what }))
}

fn verify_with(
    report: &Report,
    bytes: &[u8],
    key: &Certificate,
    with: &Endorsements,
    roots: &Roots,
    at: Time,
) -> Result<Verified> {
    let product = product_of(key, roots)?;
    if !report.is_of(product) {
        return Err(Error::mismatch("SNP report", format!("its CPU is not {product}, which its certificate is for")));
    }
    check_against(report, key)?;
    verify_signature(bytes, key)?;
    let (path, root) = path(report, key, product, roots)?;
    let window = check_path(&path, at)?.meet(check_revocation(&path, &with.crls, at)?);
    let root_fingerprint = path[path.len() - 1].fingerprint();
    Ok(Verified { root, root_fingerprint, product, window })
}

/// The product a certificate is for, of those whose roots are known.
fn product_of(key: &Certificate, roots: &Roots) -> Result<&'static str> {
    let value = key.extension(oid::PRODUCT).ok_or_else(|| Error::mismatch("VCEK", "names no product"))?;
    let name = der::asn1::Ia5StringRef::from_der(value).map_err(|e| Error::malformed("VCEK product", e))?;
    // "Milan-B0" names a stepping, "Milan" none.
    let family = name.as_str().split('-').next().unwrap_or_default();
    let known = roots.amd.iter().find(|product| product.name == family);
    known.map(|product| product.name).ok_or_else(|| Error::unsupported("VCEK product", name.as_str()))
}

fn path<'a>(
    report: &Report,
    key: &'a Certificate,
    product: &str,
    roots: &'a Roots,
) -> Result<(Vec<&'a Certificate>, Root)> {
    if let Some(development) = &roots.development
        && key.issuer() == development.amd.subject()
    {
        return Ok((vec![key, &development.amd], Root::Development));
    }
    let pinned = roots.amd.iter().find(|p| p.name == product);
    let pinned = pinned.ok_or_else(|| Error::unsupported("VCEK product", product))?;
    let issuer = match report.signing_key {
        SigningKey::Vcek => &pinned.ask,
        SigningKey::Vlek => &pinned.asvk,
    };
    Ok((vec![key, issuer, &pinned.ark], Root::Production))
}

/// What the certificate says about the machine has to be what the report says.
fn check_against(report: &Report, key: &Certificate) -> Result<()> {
    let tcb = &report.reported_tcb;
    let expected = [
        (oid::BOOT_LOADER, "boot loader", Some(tcb.boot_loader)),
        (oid::TEE, "TEE", Some(tcb.tee)),
        (oid::SNP, "SNP firmware", Some(tcb.snp)),
        (oid::MICROCODE, "microcode", Some(tcb.microcode)),
        (oid::FMC, "FMC", tcb.fmc),
    ];
    for (oid, name, reported) in expected {
        let certified = integer(key, oid)?;
        if certified != reported {
            let word = |v: Option<u8>| v.map_or_else(|| "none".to_owned(), |v| v.to_string());
            let why = format!("{name} is {} in the report and {} in the certificate", word(reported), word(certified));
            return Err(Error::mismatch("TCB of the SNP report", why));
        }
    }
    let reserved = oid::SPL.iter().map(|oid| integer(key, oid)).collect::<Result<Vec<_>>>()?;
    if !tcb.reserved_is_zero() || reserved.iter().flatten().any(|version| *version != 0) {
        return Err(Error::mismatch("TCB of the SNP report", "versions in reserved places"));
    }
    match report.signing_key {
        SigningKey::Vcek => check_chip(report, key),
        SigningKey::Vlek if key.extension(oid::PROVIDER).is_none() => {
            Err(Error::mismatch("SNP report", "says that a VLEK signed it, and the certificate is no VLEK's"))
        }
        SigningKey::Vlek => Ok(()),
    }
}

/// Turin's hardware ids have eight bytes, in a report field of 64; older ones fill it.
fn check_chip(report: &Report, key: &Certificate) -> Result<()> {
    if report.chip_id_masked {
        return Err(Error::mismatch("SNP report", "its chip id is masked, so it cannot be matched with the VCEK"));
    }
    let id = key.extension(oid::HARDWARE_ID).ok_or_else(|| Error::mismatch("VCEK", "names no chip"))?;
    let expected = if report.reported_tcb.fmc.is_some() { 8 } else { 64 };
    let same = id.len() == expected && report.chip_id.starts_with(id) && is_zero(&report.chip_id[id.len()..]);
    if same && !is_zero(id) {
        return Ok(());
    }
    let why = format!("is of chip {}, the certificate of chip {}", Hex::from(report.chip_id), Hex::from(id));
    Err(Error::mismatch("SNP report", why))
}

fn integer(key: &Certificate, oid: &str) -> Result<Option<u8>> {
    key.extension(oid).map(|der| u8::from_der(der).map_err(|e| Error::malformed("VCEK extension", e))).transpose()
}
