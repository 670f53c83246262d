//! `audit`: a worker's audit log, for anyone who has the file. Needs no secret.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use audit::{AuditError, Entry, Head};
use clap::{Args, Subcommand};
use privity::agreement::SignedReceipt;
use privity::net::{Identity, PublicKey};
use serde_json::{Value, json};

use crate::Failure;
use crate::time::utc;

#[derive(Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the entries, the latest last.
    Show(Show),
    /// Check every entry, and that none is missing of which a head or receipt is known.
    Verify(Verify),
    /// Write the entries of a log that holds as one JSON document.
    Export(Export),
}

#[derive(Args)]
struct Show {
    /// The log.
    file: PathBuf,
    /// Only entries of this kind (`run-ended`).
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only the last so many.
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Verify {
    /// The log.
    file: PathBuf,
    /// The identity of its worker, as you know it otherwise. Without it, the log's own is taken, and shown.
    #[arg(long, value_name = "IDENTITY")]
    worker: Option<Identity>,
    /// A receipt of the worker, which says how far its log went; or a head as `verify --json` shows it.
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Export {
    #[command(flatten)]
    verify: Verify,
    /// The file, which must not exist.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Audit {
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Command::Show(a) => a.json,
            Command::Verify(a) => a.json,
            Command::Export(a) => a.verify.json,
        }
    }
}

pub(crate) fn audit(a: &Audit) -> Result<(), Failure> {
    match &a.command {
        Command::Show(a) => show(a),
        Command::Verify(a) => {
            let found = verify(a)?;
            if a.json {
                say!("{found}");
            } else {
                say!("{} entries hold, signed by {}", found["entries"], found["worker"].as_str().unwrap_or_default());
                if a.worker.is_none() {
                    eprintln!("compare this identity with your roster, or give it with --worker");
                }
            }
            Ok(())
        }
        Command::Export(a) => export(a),
    }
}

impl From<AuditError> for Failure {
    fn from(e: AuditError) -> Failure {
        Failure::input(e.code(), e.to_string(), e.help())
    }
}

fn show(a: &Show) -> Result<(), Failure> {
    let wanted = |entry: &Entry| a.kind.as_ref().is_none_or(|kind| entry.event.kind() == *kind);
    let mut shown = std::collections::VecDeque::new();
    let mut failed = None;
    for entry in audit::entries(&a.file)? {
        match entry {
            Ok(entry) if wanted(&entry) => shown.push_back(entry),
            Ok(_) => {}
            Err(e) => failed = Some(e),
        }
        if a.last.is_some_and(|last| shown.len() > last) {
            shown.pop_front();
        }
    }
    if a.json {
        // What follows a broken entry is not shown, and the answer is then the error.
        if failed.is_none() {
            let entries: Vec<Value> = shown.iter().map(Entry::to_json).collect();
            say!("{}", json!({ "entries": entries }));
        }
    } else {
        shown.iter().for_each(|entry| say!("{}", line(entry)));
    }
    failed.map_or(Ok(()), |e| Err(e.into()))
}

/// An entry in one line.
fn line(entry: &Entry) -> String {
    const OWN: [&str; 6] = ["seq", "time", "kind", "prev", "hash", "signature"];
    let Value::Object(all) = entry.to_json() else { return String::new() };
    let fields = all.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{:>6}  {}  {:<13} {}", entry.seq, utc(entry.time), entry.event.kind(), fields.join(" "))
}

fn verify(a: &Verify) -> Result<Value, Failure> {
    let key: PublicKey = audit::signer(&a.file)?;
    let worker = key.identity();
    if let Some(expected) = a.worker.filter(|expected| *expected != worker) {
        let (theirs, ours) = (worker.to_string(), expected.to_string());
        return Err(AuditError::Foreign { file: a.file.clone(), theirs, ours }.into());
    }
    let (mut heads, mut stated) = (Vec::new(), Vec::new());
    for file in &a.head {
        match end(file, worker)? {
            End::Head(head) => heads.push(head),
            End::Stated(seq, hash) => stated.push((seq, hash)),
        }
    }
    let report = audit::verify_with(&a.file, &key, &heads, &stated)?;
    Ok(json!({
        "worker": worker.to_string(), "entries": report.entries, "heads": heads.len() + stated.len(), "head": report.head,
        "torn_bytes": report.torn,
    }))
}

/// How far a log went at some time.
enum End {
    /// As the log itself signs it.
    Head(Head),
    /// As a receipt states it, whose signature was verified: number and hash of an entry.
    Stated(u64, [u8; 32]),
}

/// What a file says of the end of this worker's log: a receipt of it, or a head.
fn end(file: &Path, worker: Identity) -> Result<End, Failure> {
    let wrong = |what: String| {
        let help = "give a receipt of the log's worker, or the `head` that `privity audit verify --json` shows";
        Failure::input("audit.head", format!("{}: {what}", file.display()), help)
    };
    let text = std::fs::read(file).map_err(|e| wrong(e.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    if let Ok(signed) = serde_json::from_value::<SignedReceipt>(value.clone()) {
        let receipt = signed.verify().map_err(|e| wrong(e.to_string()))?;
        if receipt.players.get(&receipt.player).map(|seen| seen.0) != Some(worker) {
            return Err(wrong(format!("it is a receipt of {}, whose log this is not", receipt.player)));
        }
        let end = receipt.audit.ok_or_else(|| wrong("this receipt says nothing of a log".into()))?;
        return Ok(End::Stated(end.sequence, end.digest.0));
    }
    // As `--json` shows it, or the head alone.
    let head = serde_json::from_value(value["head"].clone()).or_else(|_| serde_json::from_value(value));
    head.map(End::Head).map_err(|_| wrong("it holds no head of a log".into()))
}

fn export(a: &Export) -> Result<(), Failure> {
    let mut document = verify(&a.verify)?;
    let entries = audit::entries(&a.verify.file)?.map(|entry| entry.map(|e| e.to_json()));
    document["entry"] = Value::Array(entries.collect::<Result<_, _>>()?);
    let failed = |e: std::io::Error| {
        Failure::input("audit.export", format!("{}: {e}", a.to.display()), "choose a file that does not exist")
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(&a.to).map_err(failed)?;
    writeln!(file, "{document:#}").map_err(failed)?;
    if a.verify.json {
        say!("{}", json!({ "file": a.to, "entries": document["entries"] }));
    } else {
        say!("{} entries are in {}", document["entries"], a.to.display());
    }
    Ok(())
}
