//! `attest log`: the owners' append-only log of approved reference values.

use std::path::{Path, PathBuf};

use attest::approval::{Approval, Approved};
use attest::logged::{Entry, Inclusion, log_of};
use attest::merkle::SignedHead;
use clap::{Args, Subcommand};
use ed25519_dalek::{SigningKey, VerifyingKey};
use privity::net::{Identity, KeyPair};
use serde_json::json;

use super::approve::{key_of, parse};
use super::{now, read};
use crate::{Failure, agreement};

#[derive(Subcommand)]
pub(crate) enum Log {
    /// Append reference values that every owner has approved. Prints the signed head of the log.
    Append(Append),
    /// Prove that an entry is in the log.
    Prove(Prove),
    /// Verify such a proof: that the keeper's log has the values, and that every owner approved them.
    Verify(Verify),
}

#[derive(Args)]
pub(crate) struct Append {
    /// The log, a file of JSON lines; it is made if it is not there.
    log: PathBuf,
    /// The reference values (JSON).
    #[arg(long, value_name = "FILE")]
    values: PathBuf,
    /// An owner who has to have approved them. Given for each owner.
    #[arg(long, value_name = "IDENTITY", required = true)]
    owner: Vec<Identity>,
    /// An approval. Given for each.
    #[arg(long, value_name = "FILE", required = true)]
    approval: Vec<PathBuf>,
    /// The key of whoever keeps the log.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
}

#[derive(Args)]
pub(crate) struct Prove {
    /// The log.
    log: PathBuf,
    /// The entry, counted from 0; the last one if absent.
    #[arg(long, value_name = "N")]
    index: Option<u64>,
    /// Also prove that the log of this size is the beginning of this one.
    #[arg(long, value_name = "SIZE")]
    since: Option<u64>,
    /// The key of whoever keeps the log.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// The file for the proof, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The proof.
    proof: PathBuf,
    /// Whoever keeps the log.
    #[arg(long, value_name = "IDENTITY")]
    keeper: Identity,
    /// An owner who has to have approved the values. Given for each owner.
    #[arg(long, value_name = "IDENTITY", required = true)]
    owner: Vec<Identity>,
    /// An earlier head of the log, which this one has to have appended to.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

pub(super) fn log(command: &Log) -> Result<(), Failure> {
    match command {
        Log::Append(a) => append(a),
        Log::Prove(a) => prove(a),
        Log::Verify(a) => verify(a),
    }
}

fn append(a: &Append) -> Result<(), Failure> {
    let approvals = a.approval.iter().map(|file| parse(file)).collect::<Result<Vec<Approval>, _>>()?;
    let owners = a.owner.iter().map(|owner| key_of(owner, &approvals)).collect::<Result<Vec<_>, _>>()?;
    let entry = Entry { values: parse(&a.values)?, approvals };
    Approved::by_all(entry.values.clone(), &owners, &entry.approvals)?;
    let key = keeper(&a.key)?;
    let mut entries = if a.log.exists() { entries(&a.log)? } else { Vec::new() };
    entries.push(entry);
    let lines: Vec<String> = entries.iter().map(|e| String::from_utf8_lossy(&e.to_bytes()).into_owned()).collect();
    let failed = |e: std::io::Error| {
        Failure::input("file", format!("{}: {e}", a.log.display()), "name a file that you may write to")
    };
    // Beside it, and then in its place: a log is never half written.
    let beside = a.log.with_extension("new");
    std::fs::write(&beside, lines.join("\n") + "\n").map_err(failed)?;
    std::fs::rename(&beside, &a.log).map_err(failed)?;
    say!("{}", json!(SignedHead::sign(&log_of(&entries), now(), &key)));
    Ok(())
}

fn prove(a: &Prove) -> Result<(), Failure> {
    let entries = entries(&a.log)?;
    let index = a.index.unwrap_or((entries.len() as u64).saturating_sub(1));
    let proof = Inclusion::prove(&entries, index, a.since, now(), &keeper(&a.key)?)?;
    agreement::write(a.output.as_deref(), &format!("{}\n", json!(proof)))
}

fn verify(a: &Verify) -> Result<(), Failure> {
    let proof: Inclusion = parse(&a.proof)?;
    let owners = a.owner.iter().map(|owner| key_of(owner, &proof.entry.approvals)).collect::<Result<Vec<_>, _>>()?;
    let keeper = keeper_of(&proof, a.keeper)?;
    let approved = proof.verify(&keeper, &owners)?;
    if let Some(earlier) = &a.since {
        proof.verify_since(&parse(earlier)?, &keeper)?;
    }
    let (values, head) = (approved.values(), &proof.head);
    say!(
        "{} {} is entry {} of {}, approved by {} owners",
        values.name,
        values.version,
        proof.index,
        head.size,
        owners.len()
    );
    Ok(())
}

/// The keeper's key, as the proof carries it: it has to have the keeper's fingerprint.
fn keeper_of(proof: &Inclusion, keeper: Identity) -> Result<VerifyingKey, Failure> {
    let key = <[u8; 32]>::try_from(proof.keeper.0.as_slice()).ok();
    let key = key.filter(|key| privity::net::PublicKey::from_bytes(key).is_ok_and(|key| key.identity() == keeper));
    key.and_then(|key| VerifyingKey::from_bytes(&key).ok()).ok_or_else(|| {
        let what = format!("the proof is of a log that {keeper} does not keep");
        Failure::input("attest.log", what, "ask the keeper for `privity attest log prove`")
    })
}

fn keeper(file: &Path) -> Result<SigningKey, Failure> {
    let key = KeyPair::load(file).map_err(|e| Failure::input(e.code(), e.to_string(), &e.help()))?;
    Ok(SigningKey::from_bytes(key.seed()))
}

fn entries(log: &Path) -> Result<Vec<Entry>, Failure> {
    let text = String::from_utf8_lossy(&read(log)?).into_owned();
    let wrong = |(line, e): (usize, serde_json::Error)| {
        let what = format!("{}, line {}: {e}", log.display(), line + 1);
        Failure::input("attest.log", what, "a line for each entry, as `privity attest log append` writes them")
    };
    text.lines().enumerate().map(|(i, line)| serde_json::from_str(line).map_err(|e| wrong((i, e)))).collect()
}
