//! `attest verify` and `attest pin`: what evidence proves, and whether a policy accepts it.

use std::path::PathBuf;

use attest::{Appraisal, Expected, Outcome, Policy, Protects, Root};
use clap::Args;
use privity::ir::text::visible;

use super::{Bytes, Source, With, policy};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    source: Source,
    /// The policy.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    with: With,
    /// The challenge that the evidence has to answer, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    nonce: Option<Bytes>,
    /// What the machine had to put into the evidence, in hexadecimal; the rest of the field has to be zero.
    #[arg(long, value_name = "HEX")]
    report_data: Option<Bytes>,
    /// SHA-256 of the public key that the evidence has to vouch for, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    bound_key: Option<Bytes>,
    /// Print one JSON object: the appraisal.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Pin {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    with: With,
    /// The policy's name.
    #[arg(long, value_name = "NAME", default_value = "pinned")]
    name: String,
    /// Print it as what a player has to prove, for a roster.
    #[arg(long, value_name = "PLAYER")]
    claims_of: Option<String>,
}

pub(super) fn verify(a: &Verify) -> Result<(), Failure> {
    let policy = policy(&a.policy)?;
    let (at, claims) = a.with.validate(&a.source.read()?)?;
    let bytes = |given: &'_ Option<Bytes>| given.as_ref().map(|bytes| bytes.0.clone());
    let (report_data, nonce, key) = (bytes(&a.report_data), bytes(&a.nonce), bytes(&a.bound_key));
    let expected = Expected { report_data: report_data.as_deref(), nonce: nonce.as_deref(), key: key.as_deref() };
    let appraisal = policy.appraise(&claims, &expected, at);
    if a.json {
        say!("{}", serde_json::to_value(&appraisal).unwrap_or_default());
    } else {
        show(&appraisal);
    }
    match appraisal.accept() {
        Ok(_) => Ok(()),
        // All checks were shown, and say more than one line could.
        Err(refused) => Err(Failure::input("attest.refused", refused.to_string(), "").said()),
    }
}

pub(super) fn pin(a: &Pin) -> Result<(), Failure> {
    let (_, claims) = a.with.validate(&a.source.read()?)?;
    let policy = Policy::pinning(&a.name, &claims);
    match &a.claims_of {
        Some(player) => say!("{}", privity::agreement::claims_text(player, &policy).trim_end()),
        None => say!("{}", policy.to_toml()?.trim_end()),
    }
    Ok(())
}

/// Every check with its outcome in words, what is not proved, and the verdict last.
fn show(appraisal: &Appraisal) {
    let claims = &appraisal.claims;
    let product = claims.hardware.product.as_ref().map(|product| format!(" {product}")).unwrap_or_default();
    let vendor = visible(&format!("{}{product}", claims.hardware.vendor));
    say!("{} by {vendor}, verified at {}", claims.technology.name(), claims.validated);
    for check in &appraisal.checks {
        let outcome = match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Noted => "noted",
            Outcome::Tolerated => "tolerated",
            Outcome::Refused => "REFUSED",
        };
        say!("  {outcome:<10} {:<15} {}", check.check, visible(&check.finding));
    }
    for limit in &claims.limits {
        say!("  {:<10} {:<15} {limit}", "limit", "");
    }
    let refusals = appraisal.refusals().count();
    match appraisal.accepted {
        true => say!("policy `{}` accepts until {}{}", appraisal.policy, appraisal.expires, caveat(appraisal)),
        false => say!("policy `{}` refuses: {refusals} of {} checks", appraisal.policy, appraisal.checks.len()),
    }
}

/// What an acceptance must not be mistaken for.
fn caveat(appraisal: &Appraisal) -> &'static str {
    match (appraisal.claims.root, appraisal.claims.protects) {
        (Root::Development, _) => "; FOR DEVELOPMENT ONLY: anyone can have signed this",
        (_, Protects::Integrity) => "; FOR DEVELOPMENT ONLY: whoever operates the machine can read its memory",
        (_, Protects::Memory) if appraisal.development => "; the policy is for development",
        (_, Protects::Memory) => "",
    }
}
