//! `audit`: a worker's audit log, for anyone who has the file. Needs no secret.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use audit::{AuditError, Entry, Head};
use clap::{Args, Subcommand};
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
    /// A head that the worker gave: a JSON file with one, or a receipt that holds one.
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
    let heads = a.head.iter().map(|file| head(file)).collect::<Result<Vec<Head>, Failure>>()?;
    let report = audit::verify(&a.file, &key, &heads)?;
    Ok(json!({
        "worker": worker.to_string(), "entries": report.entries, "heads": heads.len(), "head": report.head,
        "torn_bytes": report.torn,
    }))
}

/// A head in a file of its own, or somewhere in a receipt.
fn head(file: &Path) -> Result<Head, Failure> {
    let wrong = |what: String| {
        let help = "give a receipt of the log's worker, or the `head` that `privity audit verify --json` shows";
        Failure::input("audit.head", format!("{}: {what}", file.display()), help)
    };
    let text = std::fs::read(file).map_err(|e| wrong(e.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    find_head(&value, 0).ok_or_else(|| wrong("it holds no head of a log".into()))
}

fn find_head(value: &Value, depth: usize) -> Option<Head> {
    let fields = value.as_object().filter(|_| depth < 4)?;
    let whole = serde_json::from_value(value.clone()).ok();
    whole.or_else(|| fields.values().find_map(|inner| find_head(inner, depth + 1)))
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
