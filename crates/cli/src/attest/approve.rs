//! `attest approve` and `attest approved`: what an enclave has to be, signed by every owner of data that goes there.

use std::path::{Path, PathBuf};

use attest::approval::{Approval, Approved, ReferenceValues};
use clap::Args;
use ed25519_dalek::{SigningKey, VerifyingKey};
use privity::net::{Identity, KeyPair, PublicKey};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{policy, read};
use crate::{Failure, agreement};

#[derive(Args)]
pub(crate) struct Approve {
    /// The reference values (JSON): name, version, digest of the source, technology, measurements.
    values: PathBuf,
    /// Your key.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The file for the approval, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct WhatIsApproved {
    /// The reference values (JSON).
    values: PathBuf,
    /// An owner who has to have approved them. Given for each owner.
    #[arg(long, value_name = "IDENTITY", required = true)]
    owner: Vec<Identity>,
    /// An approval. Given for each.
    #[arg(long, value_name = "FILE", required = true)]
    approval: Vec<PathBuf>,
    /// The policy to put the values into.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

pub(super) fn approve(a: &Approve) -> Result<(), Failure> {
    let values: ReferenceValues = parse(&a.values)?;
    let key = KeyPair::load(&a.key).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))?;
    // Its message begins with a domain of its own: no signature of another kind begins so.
    let approval = Approval::sign(&values, &SigningKey::from_bytes(key.seed()));
    agreement::write(a.output.as_deref(), &format!("{}\n", json!(approval)))
}

pub(super) fn approved(a: &WhatIsApproved) -> Result<(), Failure> {
    let approvals = a.approval.iter().map(|file| parse(file)).collect::<Result<Vec<Approval>, _>>()?;
    let owners = a.owner.iter().map(|owner| key_of(owner, &approvals)).collect::<Result<Vec<_>, _>>()?;
    let approved = Approved::by_all(parse(&a.values)?, &owners, &approvals)?;
    say!("{}", approved.pin(policy(&a.policy)?).to_toml()?.trim_end());
    Ok(())
}

/// The key of an owner, as its approval carries it: it has to have the owner's fingerprint.
pub(super) fn key_of(owner: &Identity, approvals: &[Approval]) -> Result<VerifyingKey, Failure> {
    let keys = approvals.iter().filter_map(|approval| <[u8; 32]>::try_from(approval.owner.0.as_slice()).ok());
    let mut theirs = keys.filter(|key| PublicKey::from_bytes(key).is_ok_and(|key| key.identity() == *owner));
    let key = theirs.next().and_then(|key| VerifyingKey::from_bytes(&key).ok());
    key.ok_or_else(|| {
        let what = format!("{owner} has not approved");
        Failure::input("attest.approved", what, "ask for `privity attest approve` with the key of that identity")
    })
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let wrong = |e: serde_json::Error| {
        Failure::input(
            "attest.approve",
            format!("{}: {e}", path.display()),
            "the book's page on machines shows its form",
        )
    };
    serde_json::from_slice(&read(path)?).map_err(wrong)
}
