//! A development PKI, derived from a seed: it signs evidence of each kind for tests and for desks without the hardware.
//!
//! Whoever knows the seed can sign anything, so its roots prove nothing. A verifier accepts them only if it was built
//! with [`crate::Roots::with_insecure_development_roots`], and then only for a policy that says `development`; every
//! appraisal shows it. Nothing here is reachable from a production attester.

mod certs;
mod intel;
mod nitro;
mod snp;
mod tpm;

pub use snp::Product;

use zeroize::Zeroizing;

use crate::endorse::DevelopmentRoots;
use crate::error::Result;
use crate::keys::Hash;
use crate::time::{Time, Window};

/// Signs evidence that only development verifiers accept.
pub struct DevelopmentPki {
    seed: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for DevelopmentPki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevelopmentPki")
    }
}

/// What a made-up machine runs.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Stands for the code: its measurement is the hash of this, see [`measurement`].
    pub code: &'a [u8],
    /// At most 64 bytes, the rest is zero.
    pub report_data: &'a [u8],
    /// Whether it runs in debug mode.
    pub debug: bool,
    /// Version of the platform's firmware: 3 is current, 2 out of date, 1 revoked, 0 below every level.
    pub firmware: u8,
}

impl<'a> Guest<'a> {
    /// Code on current firmware, not in debug mode.
    pub fn new(code: &'a [u8], report_data: &'a [u8]) -> Self {
        Self { code, report_data, debug: false, firmware: CURRENT_FIRMWARE }
    }

    fn padded_report_data(&self) -> [u8; 64] {
        let mut field = [0; 64];
        let length = self.report_data.len().min(64);
        field[..length].copy_from_slice(&self.report_data[..length]);
        field
    }
}

pub(crate) const CURRENT_FIRMWARE: u8 = 3;

/// The measurement that made-up machines give code: SHA-384 (SGX: SHA-256).
pub fn measurement(code: &[u8], hash: Hash) -> Vec<u8> {
    hash.digest(&[b"development measurement", code])
}

/// Development certificates hold for a hundred years from 2020.
const FROM: u64 = 1_577_836_800;
const FOREVER: Window = Window { from: Time::at(FROM), until: Time::at(FROM + 100 * 365 * 86_400) };

impl DevelopmentPki {
    /// From a seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed: Zeroizing::new(seed) }
    }

    /// Its roots, for [`crate::Roots::with_insecure_development_roots`].
    ///
    /// # Errors
    /// None in practice: encoding of fixed names and derived keys.
    pub fn roots(&self) -> Result<DevelopmentRoots> {
        Ok(DevelopmentRoots {
            intel: self.authority256("Intel")?.certificate,
            amd: self.authority384("AMD")?.certificate,
            nitro: self.authority384("Nitro")?.certificate,
            tpm: self.authority256("TPM")?.certificate,
        })
    }
}
