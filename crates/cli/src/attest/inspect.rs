//! `attest inspect`: everything that evidence claims, with nothing verified.

use attest::Inspection;
use clap::Args;
use privity::ir::text::visible;

use super::{Source, read};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    source: Source,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) fn inspect(a: &Inspect) -> Result<(), Failure> {
    // Certificates and collateral can be looked at, too; only evidence has an event log.
    let found = match &a.source.event_log {
        Some(_) => attest::inspect_evidence(&a.source.read()?)?,
        None => attest::inspect(&read(&a.source.evidence)?)?,
    };
    if a.json {
        say!("{}", serde_json::to_value(&found).unwrap_or_default());
    } else {
        show(&found);
    }
    Ok(())
}

fn show(found: &Inspection) {
    say!("{}; nothing of this is verified", found.kind);
    for (name, value) in &found.facts {
        say!("  {name:<24} {}", visible(value));
    }
    if !found.measurements.is_empty() {
        say!("measurements");
    }
    for (name, value) in &found.measurements {
        say!("  {name:<24} {value}");
    }
    if !found.certificates.is_empty() {
        say!("certificates");
    }
    for certificate in &found.certificates {
        let (from, until) = (certificate.valid.from, certificate.valid.until);
        let (subject, issuer) = (visible(&certificate.subject), visible(&certificate.issuer));
        say!("  {subject}, by {issuer}, {from} to {until}");
    }
    if !found.boot.is_empty() {
        say!("boot");
    }
    for event in &found.boot {
        let digest = event.digest.to_string();
        say!("  {:>2} {:<21} {}", event.register, event.kind, visible(event.text.as_deref().unwrap_or(&digest)));
    }
}
