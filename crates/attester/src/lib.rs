//! Evidence of the machine that this runs on, and keys that are sealed to its state.
//!
//! [`attest`] verifies; this crate produces, so it touches devices, files and sockets. Where these are is an argument:
//! nothing in here stands in for hardware, and tests serve the interfaces that kernels and Gramine serve.
//!
//! | attester | interface | evidence |
//! |---|---|---|
//! | [`TsmAttester`] | `/sys/kernel/config/tsm/report` (Linux 6.7) | SEV-SNP, TDX |
//! | [`GramineAttester`] | `/dev/attestation` inside Gramine | SGX |
//! | [`tpm::TpmAttester`] | `/dev/tpmrm0`, or a software TPM's socket | TPM 2.0 quotes: tier `integrity` only |
//!
//! ```no_run
//! use attester::{Attester, Places};
//!
//! let machine = Places::default().detect()?;
//! let evidence = machine.evidence(&[0xc4; 32])?;
//! println!("{}", evidence.to_json());
//! # Ok::<(), attester::Error>(())
//! ```

mod error;
mod gramine;
pub mod tpm;
mod tsm;

use std::path::{Path, PathBuf};

use attest::Evidence;

pub use error::{Error, Fault, Result};
pub use gramine::GramineAttester;
pub use tsm::TsmAttester;

/// Makes evidence about the machine or enclave that this runs in.
pub trait Attester: Send + Sync {
    /// Evidence whose report data (qualifying data of a TPM) is this: at most 64 bytes, the rest of the field is zero.
    ///
    /// # Errors
    /// See [`Error`].
    fn evidence(&self, report_data: &[u8]) -> Result<Evidence>;
}

/// Where the interfaces are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Gramine's pseudo-files.
    pub gramine: PathBuf,
    /// The kernel's reports of trusted security modules.
    pub tsm: PathBuf,
    /// The TPM's device or socket.
    pub tpm: PathBuf,
    /// The event log of a trust domain's boot.
    pub ccel: PathBuf,
    /// The event log of a TPM's firmware.
    pub tpm_log: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            gramine: "/dev/attestation".into(),
            tsm: "/sys/kernel/config/tsm/report".into(),
            tpm: "/dev/tpmrm0".into(),
            ccel: "/sys/firmware/acpi/tables/data/CCEL".into(),
            tpm_log: "/sys/kernel/security/tpm0/binary_bios_measurements".into(),
        }
    }
}

impl Places {
    /// The strongest attester that the machine has: one that protects memory before a TPM.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none.
    pub fn detect(&self) -> Result<Box<dyn Attester>> {
        let there = |path: &Path| path.exists().then(|| path.to_owned());
        if self.gramine.exists() {
            return Ok(Box::new(GramineAttester::new(self.gramine.clone())));
        }
        if self.tsm.exists() {
            return Ok(Box::new(TsmAttester { reports: self.tsm.clone(), event_log: there(&self.ccel) }));
        }
        if self.tpm.exists() {
            let event_log = there(&self.tpm_log);
            return Ok(Box::new(tpm::TpmAttester { event_log, ..tpm::TpmAttester::new(self.tpm.clone()) }));
        }
        Err(Error::Absent { what: "attesting hardware".into() })
    }
}

/// Bytes of report data in SGX, TDX and SEV-SNP.
const REPORT_DATA: usize = 64;

fn padded(report_data: &[u8]) -> Result<[u8; REPORT_DATA]> {
    let mut field = [0; REPORT_DATA];
    let room = field.get_mut(..report_data.len()).ok_or(Error::Misuse("report data has at most 64 bytes"))?;
    room.copy_from_slice(report_data);
    Ok(field)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io(path.display(), e))
}

/// Writes to a file that is there: interfaces of the kernel are not created by writing to them.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new().write(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|e| Error::io(path.display(), e))
}
