//! `receipt verify`: what all parties state of a run, verified on any machine, without a key.

use std::path::PathBuf;

use clap::Args;
use privity::agreement::{SignedReceipt, verify_session};
use serde_json::{Value, json};

use crate::{Failure, agreement};

#[derive(Args)]
pub(crate) struct Verify {
    /// The receipts of all players: files of one receipt, or of a list.
    #[arg(required = true, value_name = "RECEIPT")]
    receipts: Vec<PathBuf>,
    /// The agreement.
    #[arg(long, value_name = "FILE")]
    agreement: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn verify(a: &Verify) -> Result<(), Failure> {
    let agreement = agreement::load(&a.agreement)?;
    let mut receipts: Vec<SignedReceipt> = Vec::new();
    for path in &a.receipts {
        let text = agreement::read(path)?;
        let bad = |e: serde_json::Error| {
            let help = "give receipts as a worker wrote them";
            Failure::input("receipt.syntax", format!("{}: {e}", path.display()), help)
        };
        match serde_json::from_str::<Value>(&text).map_err(bad)? {
            list @ Value::Array(_) => receipts.extend(serde_json::from_value::<Vec<SignedReceipt>>(list).map_err(bad)?),
            one => receipts.push(serde_json::from_value(one).map_err(bad)?),
        }
    }
    let run = verify_session(&agreement, &receipts).map_err(|e| {
        let mut failure = Failure::input(e.code(), e.to_string(), e.help());
        failure.player = e.player().map(str::to_owned);
        failure
    })?;
    if a.json {
        let stated = json!(run.receipts.values().collect::<Vec<_>>());
        say!(
            "{}",
            json!({
                "agreement": agreement.digest().to_string(), "session": run.session.to_string(),
                "attempt": run.attempt, "digest": run.digest.to_string(),
                "without_audit": run.without_audit(), "receipts": stated,
            })
        );
        return Ok(());
    }
    say!("agreement {}", agreement.digest());
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
    Ok(())
}
