//! `receipt verify`: what all parties state of a run, verified on any machine, without a key.

mod gather;
mod openings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use privity::agreement::{Agreement, ReceiptError, SessionReceipts, SignedReceipt, verify_receipt, verify_session};
use serde_json::json;

use crate::{Failure, agreement};
use gather::Gathered;

#[derive(Args)]
pub(crate) struct Verify {
    /// The receipts of all players: files, or folders as `receipt export` writes them.
    #[arg(required = true, value_name = "RECEIPT")]
    receipts: Vec<PathBuf>,
    /// The agreement; the one in the folder with the receipts if absent.
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,
    /// Openings of one player's commitments, as `receipt export` writes them. Those in a folder are found.
    #[arg(long, value_name = "FILE")]
    openings: Vec<PathBuf>,
    /// Compare the data that this file names (`DATA.toml`) with the commitments to inputs, under the openings.
    #[arg(long, value_name = "DATA.toml")]
    data: Option<PathBuf>,
    /// Compare what `privity run --json` printed with the commitments to outputs, under the openings.
    #[arg(long, value_name = "RESULT.json")]
    result: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is wrong with one file.
struct Bad {
    file: PathBuf,
    code: String,
    message: String,
    player: Option<String>,
    help: String,
}

impl Bad {
    fn of(file: &Path, e: &ReceiptError) -> Bad {
        let (code, player) = (e.code().to_owned(), e.player().map(str::to_owned));
        Bad { file: file.to_owned(), code, message: e.to_string(), player, help: e.help().to_owned() }
    }
}

pub(crate) fn verify(a: &Verify) -> Result<(), Failure> {
    let gathered = gather::all(&a.receipts, &a.openings)?;
    let file = gathered.agreement(a.agreement.as_deref())?;
    let agreement = agreement::load(&file)?;
    let run = judge(&agreement, &gathered)?;
    let values = openings::Values::read(&agreement, a.data.as_deref(), a.result.as_deref())?;
    let opened: Vec<_> =
        gathered.openings.iter().map(|(file, o)| o.check(file, &run, &values)).collect::<Result<_, _>>()?;
    if opened.is_empty() && (a.data.is_some() || a.result.is_some()) {
        let help = "give --openings, or the folder that `privity receipt export` wrote";
        return Err(Failure::input("receipt.opening", "there are no openings to compare values under", help));
    }
    if a.json {
        say!(
            "{}",
            json!({
                "agreement": agreement.digest().to_string(), "agreement_file": file, "session": run.session.to_string(),
                "attempt": run.attempt, "digest": run.digest.to_string(), "without_audit": run.without_audit(),
                "openings": opened.iter().map(openings::Opened::to_json).collect::<Vec<_>>(),
                "receipts": run.receipts.values().collect::<Vec<_>>(),
            })
        );
    } else {
        show(&agreement, &file, &run);
        opened.iter().for_each(|o| say!("{o}"));
    }
    Ok(())
}

fn show(agreement: &Agreement, file: &Path, run: &SessionReceipts) {
    say!("agreement {}, in {}", agreement.digest(), file.display());
    say!("session   {}, attempt {}", run.session, run.attempt);
    for (player, r) in &run.receipts {
        let rule = r.policy.as_ref().map(|rule| format!(" (rule {rule})")).unwrap_or_default();
        let audit = r.audit.map_or("no audit log".to_owned(), |head| format!("audit entry {}", head.sequence));
        say!("{player:<12} signed; ran on {}{rule}; {audit}", r.ratified.name());
        for (machine, proof) in r.machines.iter().filter_map(|(name, proofs)| Some((name, proofs.last()?))) {
            say!("{:<12} {machine} {}", "", proof.in_words());
        }
    }
    say!("receipts  {}", run.digest);
}

/// Verifies every receipt by itself, so that each that fails is told with its file, and then all together.
fn judge(agreement: &Agreement, gathered: &Gathered) -> Result<SessionReceipts, Failure> {
    let all: Vec<SignedReceipt> = gathered.receipts.iter().map(|(_, signed)| signed.clone()).collect();
    if let Some((session, attempt)) = most(&all) {
        let judged = |(file, signed): &(PathBuf, SignedReceipt)| {
            verify_receipt(agreement, session, attempt, signed).err().map(|e| Bad::of(file, &e))
        };
        let bad: Vec<Bad> = gathered.receipts.iter().filter_map(judged).collect();
        if !bad.is_empty() {
            return Err(failed(&bad, gathered.receipts.len()));
        }
    }
    verify_session(agreement, &all).map_err(|e| {
        // Two receipts of one player are in several files.
        let theirs = |r: &&(PathBuf, SignedReceipt)| {
            matches!(e, ReceiptError::Twice(_)) && Some(r.1.unverified().player.as_str()) == e.player()
        };
        let bad: Vec<Bad> = gathered.receipts.iter().filter(theirs).map(|(file, _)| Bad::of(file, &e)).collect();
        if !bad.is_empty() {
            return failed(&bad, gathered.receipts.len());
        }
        let mut failure = Failure::input(e.code(), e.to_string(), e.help());
        failure.player = e.player().map(str::to_owned);
        failure
    })
}

/// The attempt that most receipts are of: those of another one are at fault, wherever they stand.
fn most(all: &[SignedReceipt]) -> Option<(privity::agreement::SessionId, u32)> {
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for r in all.iter().map(SignedReceipt::unverified) {
        *counts.entry((r.session.0, r.attempt)).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|((session, attempt), _)| (privity::agreement::SessionId(session), attempt))
}

/// All files that fail, with the first one's code.
fn failed(bad: &[Bad], of: usize) -> Failure {
    let line = |b: &Bad| format!("{}: {}", b.file.display(), b.message);
    let lines: Vec<String> = bad.iter().map(line).collect();
    let message = match &lines[..] {
        [one] => one.clone(),
        many => format!("{} of {of} receipts fail:\n  {}", many.len(), many.join("\n  ")),
    };
    let first = &bad[0];
    let mut failure = Failure::input(&first.code, message, &first.help);
    failure.player.clone_from(&first.player);
    let each =
        |b: &Bad| json!({ "file": b.file, "code": b.code, "message": b.message, "player": b.player, "help": b.help });
    let error = json!({
        "code": first.code, "message": failure.message, "player": failure.player, "help": failure.help,
    });
    failure
        .with_diagnostics(json!({ "error": error, "failed": bad.iter().map(each).collect::<Vec<_>>() }))
        .in_full_json()
}
