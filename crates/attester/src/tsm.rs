//! The kernel's reports of trusted security modules: SEV-SNP and TDX guests (Linux, `Documentation/ABI/testing/
//! configfs-tsm-report`).

use std::fs;
use std::path::{Path, PathBuf};

use attest::sgx_tdx::QuoteEvidence;
use attest::snp::SnpEvidence;
use attest::{Base64Bytes, Evidence};

use crate::error::{Error, Result};
use crate::{Attester, padded, read, write};

/// Attests by folders that it makes below `/sys/kernel/config/tsm/report`.
#[derive(Debug, Clone)]
pub struct TsmAttester {
    /// Where reports are made.
    pub reports: PathBuf,
    /// The event log (CCEL) of a trust domain, if evidence is to carry it.
    pub event_log: Option<PathBuf>,
}

/// A report in the making. Its folder goes when it does.
struct Report(PathBuf);

impl Report {
    fn begin(reports: &Path) -> Result<Report> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(|_| Error::answer("the operating system", "gave no randomness"))?;
        let folder = reports.join(format!("privity-{}", hex::encode(name)));
        match fs::create_dir(&folder) {
            Ok(()) => Ok(Report(folder)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::Absent { what: format!("{}", reports.display()) })
            }
            Err(e) => Err(Error::io(folder.display(), e)),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        read(&self.0.join(name))
    }

    /// Counts the writes to the report.
    fn generation(&self) -> Result<Vec<u8>> {
        Ok(self.read("generation")?.trim_ascii().to_vec())
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // The kernel takes its files with it. That it stays would be untidy, and no more.
        let _ = fs::remove_dir(&self.0);
    }
}

impl Attester for TsmAttester {
    fn evidence(&self, report_data: &[u8]) -> Result<Evidence> {
        let field = padded(report_data)?;
        let report = Report::begin(&self.reports)?;
        write(&report.0.join("inblob"), &field)?;
        let before = report.generation()?;
        let (out, provider) = (report.read("outblob")?, report.read("provider")?);
        let certificates = report.read("auxblob").unwrap_or_default();
        if report.generation()? != before {
            return Err(Error::answer("the kernel", "something else wrote to the report meanwhile"));
        }
        let evidence = match provider.trim_ascii() {
            b"sev_guest" => {
                // A host that has no certificates gives no table.
                let certificates = match certificates.as_slice() {
                    [] => Vec::new(),
                    table => attest::snp::parse_certificate_table(table)?,
                };
                Evidence::Snp(SnpEvidence { report: out.into(), certificates })
            }
            b"tdx_guest" => {
                let event_log = self.event_log.as_deref().map(read).transpose()?.map(Base64Bytes);
                Evidence::Quote(QuoteEvidence { quote: out.into(), event_log })
            }
            other => {
                let why = format!("reports of `{}` are not understood", String::from_utf8_lossy(other));
                return Err(Error::answer("the kernel", why));
            }
        };
        // What a verifier could not read is no evidence.
        attest::inspect_evidence(&evidence)?;
        Ok(evidence)
    }
}
