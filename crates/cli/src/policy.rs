//! `policy`: what a party ratifies without asking, tried out before a worker follows it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use policy::{Facts, Policy, Spent};
use privity::agreement::Timestamp;
use privity::net::Identity;
use serde_json::json;

use crate::{Failure, agreement};

#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a policy: its form, what its rules speak of, and their annotations.
    Check(Check),
    /// Say what a policy makes of an agreement, and which rule allowed or refused.
    Explain(Explain),
}

impl PolicyCommand {
    pub(crate) fn json(&self) -> bool {
        match self {
            PolicyCommand::Check(a) => a.json,
            PolicyCommand::Explain(a) => a.json,
        }
    }
}

#[derive(Args)]
pub(crate) struct Check {
    /// The policy.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The agreement.
    agreement: PathBuf,
    /// The policy.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The player whose policy it is.
    #[arg(long, value_name = "PLAYER")]
    player: String,
    /// Who submits the agreement.
    #[arg(long, value_name = "IDENTITY")]
    submitter: Option<Identity>,
    /// The time to decide at; now if absent.
    #[arg(long, value_name = "2026-11-21T12:00:00Z")]
    at: Option<Timestamp>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn policy(command: &PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Check(a) => check(a),
        PolicyCommand::Explain(a) => explain(a),
    }
}

fn load(path: &Path) -> Result<Policy, Failure> {
    Policy::load(&agreement::read(path)?).map_err(|e| {
        let lines: Vec<String> = e.problems.iter().map(|p| format!("{}: {p}", path.display())).collect();
        Failure::input(e.code(), lines.join("\n"), e.help())
    })
}

fn check(a: &Check) -> Result<(), Failure> {
    let policy = load(&a.file)?;
    if a.json {
        let rule = |r: &policy::Rule| json!({ "id": r.id, "permits": r.permits, "uses": r.uses, "until": r.until, "reason": r.reason });
        say!("{}", json!({ "rules": policy.rules().map(rule).collect::<Vec<_>>() }));
        return Ok(());
    }
    for rule in policy.rules() {
        let verb = if rule.permits { "allows" } else { "forbids" };
        let uses = rule.uses.map(|n| format!(", {n} runs")).unwrap_or_default();
        let until = rule.until.map(|t| format!(", until {t}")).unwrap_or_default();
        say!("{:<20} {verb}{uses}{until}", rule.id);
    }
    say!("{}: no problems", a.file.display());
    Ok(())
}

fn explain(a: &Explain) -> Result<(), Failure> {
    let (agreement, policy) = (agreement::load(&a.agreement)?, load(&a.policy)?);
    let facts =
        Facts::of(&agreement, &a.player, a.submitter).map_err(|e| Failure::input(e.code(), e.to_string(), e.help()))?;
    let now = a.at.map_or_else(crate::time::now_ms, |t| t.seconds() * 1000);
    let decision = policy.decide(&facts, now, &Spent::new());
    if a.json {
        say!("{}", json!({ "decision": decision, "facts": facts }));
    } else {
        say!("{}", decision.to_string().trim_end());
    }
    Ok(())
}
