//! Gramine's pseudo-files: what an SGX enclave says of itself (Gramine documentation, "Attestation and Secret
//! Provisioning").

use std::path::PathBuf;

use attest::Evidence;

use crate::error::{Error, Result};
use crate::{Attester, padded, read, write};

/// Attests by the files below `/dev/attestation`.
#[derive(Debug, Clone)]
pub struct GramineAttester {
    folder: PathBuf,
}

impl GramineAttester {
    /// With the files in a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Attester for GramineAttester {
    fn evidence(&self, report_data: &[u8]) -> Result<Evidence> {
        let field = padded(report_data)?;
        let kind = read(&self.folder.join("attestation_type"))?;
        if kind.trim_ascii() != b"dcap" {
            let kind = String::from_utf8_lossy(kind.trim_ascii()).into_owned();
            return Err(Error::Absent { what: format!("DCAP attestation: Gramine was started with `{kind}`, and it") });
        }
        write(&self.folder.join("user_report_data"), &field)?;
        let evidence = Evidence::parse(&read(&self.folder.join("quote"))?)?;
        if evidence.kind() != "quote" {
            return Err(Error::answer("Gramine", format!("a {} in place of a quote", evidence.kind())));
        }
        Ok(evidence)
    }
}
