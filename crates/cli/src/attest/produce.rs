//! `attest produce` and `attest measure`: on the machine that is to prove itself.

use std::path::PathBuf;

use attester::tpm::{Tpm, TpmAttester, file_digest};
use attester::{Attester, Places};
use clap::Args;
use serde_json::json;

use super::Bytes;
use crate::{Failure, agreement};

#[derive(Args)]
pub(crate) struct Produce {
    /// The verifier's challenge, in hexadecimal, of at most 64 bytes: what the evidence will be tied to.
    #[arg(long, value_name = "HEX")]
    nonce: Bytes,
    /// Attest by the TPM at this place, also if the machine has something stronger: a device, or the socket of a
    /// software TPM.
    #[arg(long, value_name = "PLACE")]
    tpm: Option<PathBuf>,
    /// The file for the evidence, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Measure {
    /// What is about to be started: binary, then configuration.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The TPM: a device, or the socket of a software TPM.
    #[arg(long, value_name = "PLACE", default_value = "/dev/tpmrm0")]
    tpm: PathBuf,
    /// The register of the SHA-256 bank to measure into.
    #[arg(long, value_name = "N", default_value_t = 14)]
    register: u32,
    /// Only say what the register will be, for a policy; nothing is measured.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

impl From<attester::Error> for Failure {
    fn from(e: attester::Error) -> Failure {
        Failure::input(e.code(), e.to_string(), e.help())
    }
}

pub(super) fn produce(a: &Produce) -> Result<(), Failure> {
    let machine: Box<dyn Attester> = match &a.tpm {
        Some(place) => Box::new(TpmAttester::new(place.clone())),
        None => Places::default().detect()?,
    };
    let evidence = machine.evidence(&a.nonce.0)?;
    agreement::write(a.output.as_deref(), &format!("{}\n", evidence.to_json()))
}

pub(super) fn measure(a: &Measure) -> Result<(), Failure> {
    let digests = a.files.iter().map(|file| file_digest(file)).collect::<Result<Vec<_>, _>>()?;
    let value = match a.dry_run {
        true => attester::tpm::expected(&digests),
        false => Tpm::open(&a.tpm)?.measure_once(a.register, &digests)?,
    };
    let (name, value) = (format!("pcr.sha256.{}", a.register), hex::encode(value));
    if a.json {
        say!("{}", json!({ "register": name, "value": value, "measured": !a.dry_run }));
    } else {
        say!("\"{name}\" = [\"{value}\"]");
    }
    Ok(())
}
