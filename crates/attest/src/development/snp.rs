//! Made-up SEV-SNP reports, with the VCEK they are signed by.

use der::Encode;
use p384::ecdsa::SigningKey;
use p384::ecdsa::signature::Signer;
use zeroize::Zeroizing;

use super::certs::{Authority, extension};
use super::{DevelopmentPki, Guest, measurement};
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::snp::SnpEvidence;
use crate::time::{Time, Window};

/// AMD's product lines; each has its own report version here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Report version 2.
    Milan,
    /// Report version 3.
    Genoa,
    /// Report version 5, with the TCB layout and the short hardware id of family 1Ah.
    Turin,
}

impl Product {
    fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }

    /// Report version, CPU family and model.
    fn version(self) -> (u32, u8, u8) {
        match self {
            Self::Milan => (2, 0, 0),
            Self::Genoa => (3, 0x19, 0x11),
            Self::Turin => (5, 0x1a, 0x02),
        }
    }

    /// Boot loader 3, TEE 1, SNP firmware as given, microcode 115; Turin has FMC 2 before them.
    fn tcb(self, snp: u8) -> [u8; 8] {
        match self {
            Self::Milan | Self::Genoa => [3, 1, 0, 0, 0, 0, snp, 115],
            Self::Turin => [2, 3, 1, snp, 0, 0, 0, 115],
        }
    }
}

impl DevelopmentPki {
    /// A report of a guest, with its VCEK certificate beside it. The SNP firmware has the guest's firmware version.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn snp(&self, guest: &Guest<'_>, product: Product) -> Result<SnpEvidence> {
        let root = self.authority384("AMD")?;
        let (vcek, chip) = self.vcek(&root, product, guest.firmware)?;
        let mut report = unsigned(guest, product, &chip);
        let signature: p384::ecdsa::Signature = vcek
            .key
            .try_sign(&report[..crate::snp::REPORT_SIGNED])
            .map_err(|e| Error::verifier("development PKI", e))?;
        let (r, s) = signature.split_bytes();
        for (field, value) in [(crate::snp::REPORT_SIGNED, r), (crate::snp::REPORT_SIGNED + 72, s)] {
            for (slot, byte) in report[field..].iter_mut().zip(value.iter().rev()) {
                *slot = *byte;
            }
        }
        Ok(SnpEvidence { report: report.into(), certificates: vec![vcek.certificate.der().into()] })
    }

    /// A CRL of the development root that revokes the VCEK of a product and firmware version, good for thirty days.
    ///
    /// # Errors
    /// None in practice: encoding of fixed values.
    pub fn amd_crl(&self, revoked: (Product, u8), at: Time) -> Result<Vec<u8>> {
        let root = self.authority384("AMD")?;
        let (vcek, _) = self.vcek(&root, revoked.0, revoked.1)?;
        self.crl384(&root, Window { from: at, until: at.plus(30 * 86_400) }, &[vcek.certificate])
    }

    fn vcek(
        &self,
        root: &Authority<SigningKey>,
        product: Product,
        firmware: u8,
    ) -> Result<(Authority<SigningKey>, Zeroizing<Vec<u8>>)> {
        let chip = self.derive(&format!("chip {}", product.name()), 0);
        let name = format!("VCEK {} {firmware}", product.name());
        let extensions = self.vcek_extensions(product, firmware, &chip)?;
        Ok((self.issue384(&name, ("AMD root", &root.key), extensions)?, chip))
    }

    fn vcek_extensions(&self, product: Product, snp: u8, chip: &[u8]) -> Result<Vec<x509_cert::ext::Extension>> {
        let base = "1.3.6.1.4.1.3704.1";
        let bad = |e| Error::verifier("development PKI", e);
        let name = der::asn1::Ia5StringRef::new(product.name()).map_err(bad)?.to_der().map_err(bad)?;
        let turin = product == Product::Turin;
        let mut versions = vec![(1, 3u8), (2, 1), (3, snp), (4, 0), (5, 0), (6, 0), (7, 0), (8, 115)];
        versions.extend(turin.then_some((9, 2)));
        let mut all = vec![extension(&format!("{base}.2"), name)?];
        for (index, version) in versions {
            all.push(extension(&format!("{base}.3.{index}"), version.to_der().map_err(bad)?)?);
        }
        all.push(extension(&format!("{base}.4"), chip_id(product, chip)[..if turin { 8 } else { 64 }].to_vec())?);
        Ok(all)
    }
}

fn chip_id(product: Product, chip: &[u8]) -> [u8; 64] {
    let mut id = [0; 64];
    let length = if product == Product::Turin { 8 } else { chip.len().min(64) };
    id[..length].copy_from_slice(&chip[..length]);
    id
}

fn unsigned(guest: &Guest<'_>, product: Product, chip: &[u8]) -> Vec<u8> {
    let (version, family, model) = product.version();
    let mut report = vec![0; crate::snp::REPORT_SIZE];
    let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
    let policy = 0x3_0000u64 | u64::from(guest.debug) << 19;
    let tcb = product.tcb(guest.firmware);
    put(0x00, &version.to_le_bytes());
    put(0x08, &policy.to_le_bytes());
    put(0x34, &1u32.to_le_bytes());
    put(0x38, &tcb);
    put(0x50, &guest.padded_report_data());
    put(0x90, &measurement(guest.code, Hash::Sha384));
    put(0x180, &tcb);
    put(0x188, &[family, model]);
    put(0x1a0, &chip_id(product, chip));
    put(0x1e0, &tcb);
    put(0x1f0, &tcb);
    report
}
