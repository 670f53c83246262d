//! `agreement ratify` and `agreement decline`: a party's answer to an agreement that it read, as a file.

use std::path::{Path, PathBuf};

use clap::Args;
use privity::agreement::{AgreementError, Decline, Ratification};
use privity::net::KeyPair;
use serde_json::json;

use crate::{Failure, agreement};

#[derive(Args)]
pub(crate) struct Ratify {
    /// The agreement, which you read.
    file: PathBuf,
    /// The key of your worker, whose identity is in the roster.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The file for the ratification, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object; needs `-o`.
    #[arg(long, requires = "output")]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct DeclineArgs {
    #[command(flatten)]
    pub(crate) answer: Ratify,
    /// Why, for the other parties to read.
    #[arg(long, value_name = "WORDS")]
    reason: String,
}

pub(crate) fn ratify(a: &Ratify) -> Result<(), Failure> {
    let (agreement, key) = (agreement::load(&a.file)?, load_key(&a.key)?);
    if let Err(e @ AgreementError::Expired { .. }) = agreement.check_time(crate::time::now_ms()) {
        return Err(agreement::refused(&a.file, e));
    }
    let ratification = Ratification::sign(&agreement, &key);
    ratification.verify(&agreement).map_err(|e| agreement::refused(&a.file, e))?;
    answer(a, &ratification.to_string(), "ratified", &agreement.digest().to_string())
}

pub(crate) fn decline(a: &DeclineArgs) -> Result<(), Failure> {
    let (agreement, key) = (agreement::load(&a.answer.file)?, load_key(&a.answer.key)?);
    let told = |e| agreement::refused(&a.answer.file, e);
    let decline = Decline::sign(&agreement, &a.reason, &key).map_err(told)?;
    decline.verify(&agreement).map_err(told)?;
    answer(&a.answer, &decline.to_string(), "declined", &agreement.digest().to_string())
}

fn load_key(path: &Path) -> Result<KeyPair, Failure> {
    KeyPair::load(path).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))
}

fn answer(a: &Ratify, text: &str, verb: &str, digest: &str) -> Result<(), Failure> {
    agreement::write(a.output.as_deref(), text)?;
    match &a.output {
        Some(file) if a.json => say!("{}", json!({ "file": file, "agreement": digest, "answer": verb })),
        Some(file) => say!("{verb} {digest}: {}", file.display()),
        None => {}
    }
    Ok(())
}
