//! `doctor`: whether all workers of a roster reach each other, and what to mend.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use privity::ir::text::visible;
use serde_json::json;
use worker::Finding;

use crate::Failure;

/// What is looked at, in the order in which it is found.
const CHECKS: [&str; 7] = ["name", "port", "key", "version", "clock", "round trip", "bandwidth"];

#[derive(Args)]
pub(crate) struct Doctor {
    /// The workers that this roster names.
    #[arg(long, value_name = "ROSTER.toml")]
    roster: PathBuf,
    /// The key to come as.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn doctor(a: &Doctor) -> Result<(), Failure> {
    let findings = worker::examine_roster(&a.roster, &a.key)?;
    let wrong: Vec<&Finding> = findings.iter().filter(|f| !f.ok).collect();
    if a.json {
        say!("{}", json!({ "ok": wrong.is_empty(), "findings": findings }));
    } else {
        say!("{}", table(&findings));
        for finding in &wrong {
            say!("\n{} to {}: {}\n  = help: {}", from(finding), finding.to, visible(&finding.found), finding.help);
        }
    }
    match wrong.len() {
        0 => Ok(()),
        count => {
            let message = format!("{count} of {} findings are not as they should be", findings.len());
            let failure = Failure::input("doctor.findings", message, "mend what is named, and run it again");
            // As JSON it was all said.
            Err(if a.json { failure.of_a_peer().said() } else { failure.of_a_peer() })
        }
    }
}

fn from(finding: &Finding) -> &str {
    if finding.from.is_empty() { "here" } else { &finding.from }
}

/// One line for each way.
fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["from", "to"].iter().chain(&CHECKS));
    let mut ways: Vec<(&str, &str)> = Vec::new();
    for finding in findings {
        let way = (from(finding), finding.to.as_str());
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    for way in ways {
        let found = |check: &&str| {
            let finding = findings.iter().find(|f| (from(f), f.to.as_str()) == way && f.check == **check);
            finding.map_or("", |f| if f.ok { f.found.as_str() } else { "NOT" })
        };
        table.add_row([way.0, way.1].into_iter().chain(CHECKS.iter().map(found)));
    }
    table
}
