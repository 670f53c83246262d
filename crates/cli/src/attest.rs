//! `attest`: evidence about machines, for people who want to know what runs where.

mod approve;
mod enrol;
mod inspect;
mod log;
mod produce;
mod verify;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use attest::development::DevelopmentPki;
use attest::{Added, Certificate, Claims, Endorsements, Evidence, Policy, Roots, Time};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Attest {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify evidence, and appraise it by a policy. Exits with 1 if it is refused.
    Verify(verify::Verify),
    /// Show everything that evidence claims. Nothing of it is verified.
    Inspect(inspect::Inspect),
    /// Verify evidence, and print a policy that pins what it says: of a machine that you know to be good.
    Pin(verify::Pin),
    /// On the machine that runs this: make evidence of it. Prints the JSON container.
    Produce(produce::Produce),
    /// Measure files into a register of the TPM, once between two restarts, before they are started.
    Measure(produce::Measure),
    /// Make a TPM's attestation key known to a verifier, by its manufacturer's certificate.
    #[command(subcommand)]
    Enrol(enrol::Enrol),
    /// Sign reference values, as an owner of data.
    Approve(approve::Approve),
    /// Print a policy with reference values that every owner has signed, and with no others.
    Approved(approve::WhatIsApproved),
    /// The owners' append-only log of what they approved.
    #[command(subcommand)]
    Log(log::Log),
}

impl Attest {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Command::Verify(a) => a.json,
            Command::Inspect(a) => a.json,
            Command::Measure(a) => a.json,
            Command::Enrol(enrol::Enrol::Admit(a)) => a.json,
            Command::Pin(_)
            | Command::Produce(_)
            | Command::Enrol(_)
            | Command::Approve(_)
            | Command::Approved(_)
            | Command::Log(_) => false,
        }
    }
}

pub(crate) fn attest(a: &Attest) -> Result<(), Failure> {
    match &a.command {
        Command::Verify(a) => verify::verify(a),
        Command::Inspect(a) => inspect::inspect(a),
        Command::Pin(a) => verify::pin(a),
        Command::Produce(a) => produce::produce(a),
        Command::Measure(a) => produce::measure(a),
        Command::Enrol(a) => enrol::enrol(a),
        Command::Approve(a) => approve::approve(a),
        Command::Approved(a) => approve::approved(a),
        Command::Log(a) => log::log(a),
    }
}

impl From<attest::Error> for Failure {
    fn from(e: attest::Error) -> Failure {
        Failure::input(&format!("attest.{}", e.code()), e.to_string(), e.help())
    }
}

/// The evidence, and what stands beside it.
#[derive(Args)]
pub(crate) struct Source {
    /// The evidence: a quote, report, document or certificate, or the JSON container.
    evidence: PathBuf,
    /// The event log of its boot: a CCEL, or the TCG log of a TPM.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
}

impl Source {
    fn read(&self) -> Result<Evidence, Failure> {
        let evidence = Evidence::parse(&read(&self.evidence)?)?;
        match &self.event_log {
            Some(log) => Ok(evidence.with_event_log(&read(log)?)?),
            None => Ok(evidence),
        }
    }
}

/// What evidence is verified with.
#[derive(Args)]
pub(crate) struct With {
    /// Vendors' certificates, CRLs and collateral: a file, or all files of a folder. Can be given several times.
    #[arg(long, value_name = "DIR")]
    collateral: Vec<PathBuf>,
    /// The root of a TPM's manufacturer or cloud provider; the policy has to name it, too. Can be given several times.
    #[arg(long, value_name = "CERTIFICATE")]
    root: Vec<PathBuf>,
    /// The time to verify at; now if absent.
    #[arg(long, value_name = "2026-11-21T12:00:00Z")]
    at: Option<Time>,
    /// Also accept evidence signed by the development PKI of this seed: 32 bytes, in hexadecimal. It proves nothing.
    #[arg(long, value_name = "SEED")]
    insecure_development_roots: Option<Seed>,
}

impl With {
    /// The time, and the claims that hold at it.
    fn validate(&self, evidence: &Evidence) -> Result<(Time, Claims), Failure> {
        let at = self.at.unwrap_or_else(now);
        let claims = attest::validate(evidence, &self.endorsements()?, &self.roots()?, at)?;
        Ok((at, claims))
    }

    fn endorsements(&self) -> Result<Endorsements, Failure> {
        let mut with = Endorsements::none();
        for path in &self.collateral {
            if !path.is_dir() {
                if with.add(&read(path)?) == Added::Unknown {
                    let what = format!("{}: neither certificate nor CRL nor Intel collateral", path.display());
                    return Err(Failure::input("attest.collateral", what, "give what the vendor publishes"));
                }
                continue;
            }
            // What else lies in a folder does not matter.
            for file in files(path)? {
                with.add(&read(&file)?);
            }
        }
        Ok(with)
    }

    fn roots(&self) -> Result<Roots, Failure> {
        let mut roots = Roots::production()?;
        for path in &self.root {
            roots = roots.with_tpm_root(Certificate::parse(&read(path)?)?);
        }
        Ok(match &self.insecure_development_roots {
            Some(seed) => roots.with_insecure_development_roots(DevelopmentPki::from_seed(*seed.0).roots()?),
            None => roots,
        })
    }
}

/// Seed of a development PKI. Whoever has it can sign anything.
#[derive(Clone)]
struct Seed(Zeroizing<[u8; 32]>);

impl FromStr for Seed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, &mut seed[..]).map_err(|_| "32 bytes in hexadecimal are needed")?;
        Ok(Self(seed))
    }
}

/// Bytes in hexadecimal.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl FromStr for Bytes {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode(text).map(Self)
    }
}

fn policy(path: &Path) -> Result<Policy, Failure> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::input("attest.policy", format!("{}: not UTF-8", path.display()), "give a TOML file"))?;
    Ok(Policy::parse(text)?)
}

fn now() -> Time {
    Time::from_unix(crate::time::now_ms() / 1000)
}

fn unreadable(path: &Path, e: &std::io::Error) -> Failure {
    Failure::input("file", format!("{}: {e}", path.display()), "check the path")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| unreadable(path, &e))
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.is_file()).collect();
    files.sort();
    Ok(files)
}
