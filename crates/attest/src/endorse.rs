//! What stands beside evidence: vendors' pinned roots, and the certificates, CRLs and collateral a verifier was given.

use crate::error::{Error, Result};
use crate::sgx_tdx::Collateral;
use crate::x509::{Certificate, pem_blocks};

/// Where chains of trust may end. The vendors' production roots are pinned in this crate.
#[derive(Debug, Clone)]
pub struct Roots {
    pub(crate) intel: Certificate,
    pub(crate) amd: Vec<AmdProduct>,
    pub(crate) nitro: Certificate,
    /// Roots of TPM manufacturers and cloud providers, given by the verifier's operator.
    pub(crate) tpm: Vec<Certificate>,
    pub(crate) development: Option<DevelopmentRoots>,
}

/// AMD's certificates for one product line.
#[derive(Debug, Clone)]
pub(crate) struct AmdProduct {
    pub(crate) name: &'static str,
    pub(crate) ark: Certificate,
    pub(crate) ask: Certificate,
    pub(crate) asvk: Certificate,
}

/// Roots of a development PKI (see [`crate::development`]). Whoever knows its seed can sign anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevelopmentRoots {
    /// Stands in for Intel's SGX root.
    pub intel: Certificate,
    /// Stands in for AMD's ARK, of every product.
    pub amd: Certificate,
    /// Stands in for the AWS Nitro root.
    pub nitro: Certificate,
    /// Stands in for the root of a TPM's manufacturer.
    pub tpm: Certificate,
}

const PINNED: &str = "pinned root";

impl Roots {
    /// Intel's SGX root, AMD's ARKs (Milan, Genoa, Turin) and the AWS Nitro root G1.
    ///
    /// # Errors
    /// None in practice: the certificates are part of the crate, and a test parses them.
    pub fn production() -> Result<Self> {
        let parse = |der: &[u8]| Certificate::parse(der).map_err(|e| Error::malformed(PINNED, e));
        macro_rules! amd {
            ($name:literal, $file:literal) => {
                AmdProduct {
                    name: $name,
                    ark: parse(include_bytes!(concat!("../roots/", $file, "-ark.der")))?,
                    ask: parse(include_bytes!(concat!("../roots/", $file, "-ask.der")))?,
                    asvk: parse(include_bytes!(concat!("../roots/", $file, "-asvk.der")))?,
                }
            };
        }
        Ok(Self {
            intel: parse(include_bytes!("../roots/intel-sgx-root.der"))?,
            amd: vec![amd!("Milan", "milan"), amd!("Genoa", "genoa"), amd!("Turin", "turin")],
            nitro: parse(include_bytes!("../roots/aws-nitro-root-g1.der"))?,
            tpm: Vec::new(),
            development: None,
        })
    }

    /// Adds a root of a TPM manufacturer or cloud provider. A policy has to name its fingerprint, too.
    pub fn with_tpm_root(mut self, root: Certificate) -> Self {
        self.tpm.push(root);
        self
    }

    /// Accepts development roots beside the production ones. Only for a verifier that was started with an explicit
    /// flag for it; claims that end there satisfy only policies that say `development`.
    pub fn with_insecure_development_roots(mut self, roots: DevelopmentRoots) -> Self {
        self.development = Some(roots);
        self
    }
}

/// Certificates, CRLs and collateral beside the evidence. Nothing in here is trusted by being here.
#[derive(Debug, Clone, Default)]
pub struct Endorsements {
    /// Intel collateral; of several, the one that is current is used.
    pub intel: Vec<Collateral>,
    /// Certificates: VCEK or VLEK, intermediates of a TPM's attestation or endorsement key.
    pub certificates: Vec<Certificate>,
    /// CRLs, in DER. Each that is of an issuer in a chain is applied to it.
    pub crls: Vec<Vec<u8>>,
}

/// What [`Endorsements::add`] found a file to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// Intel collateral in JSON.
    IntelCollateral,
    /// This many certificates.
    Certificates(usize),
    /// A CRL.
    Crl,
    /// Nothing that is known.
    Unknown,
}

impl Endorsements {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a file of whatever kind: Intel collateral (JSON), certificates or a CRL (DER, PEM).
    pub fn add(&mut self, bytes: &[u8]) -> Added {
        if bytes.trim_ascii_start().starts_with(b"{") {
            return match Collateral::parse(bytes) {
                Ok(collateral) => {
                    self.intel.push(collateral);
                    Added::IntelCollateral
                }
                Err(_) => Added::Unknown,
            };
        }
        if let Ok(certificates) = Certificate::parse_many(bytes)
            && !certificates.is_empty()
        {
            let count = certificates.len();
            self.certificates.extend(certificates);
            return Added::Certificates(count);
        }
        let der = match pem_blocks(bytes) {
            Ok(blocks) if !blocks.is_empty() => blocks[0].1.clone(),
            _ => bytes.to_vec(),
        };
        if crate::x509::crl_window(&der).is_ok() {
            self.crls.push(der);
            return Added::Crl;
        }
        Added::Unknown
    }
}
