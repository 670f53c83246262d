//! `attest enrol`: a TPM's attestation key is known to a verifier once it was shown to be in a TPM whose endorsement key
//! a manufacturer certified. Four steps, with a file for each way.

use std::path::{Path, PathBuf};

use attest::Certificate;
use attest::tpm::{Awaiting, Credential, Enrolment, check_endorsement_key};
use attester::tpm::Tpm;
use clap::{Args, Subcommand};
use privity::net::KeyPair;
use serde::de::DeserializeOwned;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Bytes, With, now, read};
use crate::{Failure, agreement};

#[derive(Subcommand)]
pub(crate) enum Enrol {
    /// On the machine: its attestation key, and the manufacturer's certificate.
    Request(Request),
    /// At the verifier: a secret that only that TPM can open, and only if that key is in it.
    Challenge(Challenge),
    /// On the machine: opens the secret.
    Answer(Answer),
    /// At the verifier: checks the answer, and prints the line that lets the key into a policy.
    Admit(Admit),
}

#[derive(Args)]
pub(crate) struct OfMachine {
    /// The TPM: a device, or the socket of a software TPM.
    #[arg(long, value_name = "PLACE", default_value = "/dev/tpmrm0")]
    tpm: PathBuf,
    /// The file to write, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Request {
    #[command(flatten)]
    machine: OfMachine,
}

#[derive(Args)]
pub(crate) struct OfVerifier {
    /// What the machine requested.
    request: PathBuf,
    /// A key of the verifier: the secret is derived from it, so that nothing has to be kept between the steps.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    #[command(flatten)]
    with: With,
}

#[derive(Args)]
pub(crate) struct Challenge {
    #[command(flatten)]
    verifier: OfVerifier,
    /// The file for the credential, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Answer {
    /// The credential that the verifier made.
    credential: PathBuf,
    #[command(flatten)]
    machine: OfMachine,
}

#[derive(Args)]
pub(crate) struct Admit {
    #[command(flatten)]
    verifier: OfVerifier,
    /// What the machine answered, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    answer: Bytes,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn enrol(command: &Enrol) -> Result<(), Failure> {
    match command {
        Enrol::Request(a) => {
            let enrolment = Tpm::open(&a.machine.tpm)?.enrolment()?;
            write(a.machine.output.as_deref(), &json!(enrolment).to_string())
        }
        Enrol::Challenge(a) => {
            let (credential, _) = challenge(&a.verifier)?;
            write(a.output.as_deref(), &json!(credential).to_string())
        }
        Enrol::Answer(a) => {
            let credential: Credential = parse(&a.credential)?;
            let secret = Tpm::open(&a.machine.tpm)?.activate(&credential)?;
            write(a.machine.output.as_deref(), &Zeroizing::new(hex::encode(&*secret)))
        }
        Enrol::Admit(a) => admit(a),
    }
}

/// The credential of a request: the same each time, for one verifier and one pair of keys.
fn challenge(a: &OfVerifier) -> Result<(Credential, Awaiting), Failure> {
    let request: Enrolment = parse(&a.request)?;
    let key = KeyPair::load(&a.key).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))?;
    let missing = || {
        let help = "a TPM that carries no certificate cannot be enrolled; a software TPM's has to be provisioned";
        Failure::input("attest.enrol", format!("{}: no certificate", a.request.display()), help)
    };
    let certificate = Certificate::parse(request.certificate.as_ref().ok_or_else(missing)?)?;
    let at = a.with.at.unwrap_or_else(now);
    let endorsement = check_endorsement_key(&certificate, &a.with.endorsements()?, &a.with.roots()?, at)?;
    let mut hash = blake3::Hasher::new_derive_key("privity 2026-11-21 attest enrol: secret and ephemeral key");
    hash.update(key.seed());
    for part in [&endorsement.spki, &request.attestation_key.0] {
        hash.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    let mut fresh = Zeroizing::new([0; 64]);
    hash.finalize_xof().fill(&mut *fresh);
    Ok(endorsement.challenge(&request.attestation_key, &fresh)?)
}

fn admit(a: &Admit) -> Result<(), Failure> {
    let (_, awaiting) = challenge(&a.verifier)?;
    let fingerprint = awaiting.answered(&a.answer.0)?;
    if a.json {
        say!("{}", json!({ "attestation-key": fingerprint }));
    } else {
        say!("attestation-keys = [\"{fingerprint}\"]");
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let wrong = |e: serde_json::Error| {
        Failure::input("attest.enrol", format!("{}: {e}", path.display()), "give the file of the step before")
    };
    serde_json::from_slice(&read(path)?).map_err(wrong)
}

fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    agreement::write(path, &Zeroizing::new(format!("{text}\n")))
}
