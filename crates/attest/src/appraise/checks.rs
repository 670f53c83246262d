//! The checks of an appraisal, one function each.

use super::{Check, Expected, Outcome};
use crate::bytes::{Hex, is_zero};
use crate::claims::{ClaimSet, Protects, Root, TcbComponent, TcbStatus, Technology};
use crate::policy::{Policy, Value};
use crate::time::Time;

/// Collects findings.
struct Findings(Vec<Check>);

impl Findings {
    fn add(&mut self, check: &str, outcome: Outcome, finding: impl Into<String>) {
        self.0.push(Check { check: check.to_owned(), outcome, finding: finding.into() });
    }

    fn require(&mut self, check: &str, holds: bool, finding: impl Into<String>) {
        self.add(check, if holds { Outcome::Passed } else { Outcome::Refused }, finding);
    }

    /// What is wrong, unless the policy tolerates it.
    fn wrong(&mut self, check: &str, tolerated: bool, finding: impl Into<String>) {
        self.add(check, if tolerated { Outcome::Tolerated } else { Outcome::Refused }, finding);
    }
}

pub(super) fn run(policy: &Policy, claims: &ClaimSet, expected: &Expected<'_>, at: Time) -> Vec<Check> {
    let mut out = Findings(Vec::new());
    for verified in &claims.verified {
        out.add("evidence", Outcome::Passed, verified.clone());
    }
    technology(policy, claims, &mut out);
    root(policy, claims, &mut out);
    collateral(policy, claims, at, &mut out);
    tcb(policy, claims, &mut out);
    debug(policy, claims, &mut out);
    pinned(policy, claims, &mut out);
    measurements(policy, claims, &mut out);
    boot(policy, claims, &mut out);
    minimum(policy, claims, &mut out);
    require(policy, claims, &mut out);
    freshness(policy, claims, expected, &mut out);
    out.0
}

fn technology(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    let name = claims.technology.name();
    let accepted = policy.technologies.contains(&claims.technology);
    out.require("technology", accepted, format!("{name} is {}accepted", if accepted { "" } else { "not " }));
    if claims.protects == Protects::Integrity {
        let finding = "it proves what was measured, not that memory is out of reach of whoever operates the machine";
        let finding = format!("{name} has the tier integrity only: {finding}");
        out.wrong("protection", policy.development, finding);
    }
}

fn root(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    match claims.root {
        Root::Production if claims.technology == Technology::Tpm => {
            let key = claims.hardware.identity.as_ref();
            let key_named = key.is_some_and(|key| policy.trust.attestation_keys.contains(key));
            let root_named = policy.trust.roots.contains(&claims.root_fingerprint);
            let finding = match (root_named, key_named) {
                (true, _) => format!("root {} is named by the policy", claims.root_fingerprint),
                (false, true) => "the attestation key is named by the policy".to_owned(),
                (false, false) => format!("root {} is not named by the policy", claims.root_fingerprint),
            };
            out.require("root", root_named || key_named, finding);
        }
        Root::Production => out.add("root", Outcome::Passed, "the chain ends in the vendor's pinned root"),
        Root::Development => {
            let finding = "the chain ends in a development root: anyone can have signed this";
            out.wrong("root", policy.development, finding);
        }
        Root::None => {
            let key = claims.hardware.identity.clone().unwrap_or_default();
            let named = policy.trust.attestation_keys.contains(&key);
            let finding = match named {
                true => format!("attestation key {key} is named by the policy"),
                false => format!("nothing vouches for attestation key {key}: no chain, and not named by the policy"),
            };
            out.require("attestation-key", named, finding);
        }
    }
}

fn collateral(policy: &Policy, claims: &ClaimSet, at: Time, out: &mut Findings) {
    let window = claims.valid;
    if at < window.from || at < claims.validated {
        let from = window.from.max(claims.validated);
        out.add("collateral", Outcome::Refused, format!("it is {at}, and the claims hold from {from} only"));
        return;
    }
    let end = claims.stale_since.unwrap_or(window.until).min(window.until);
    if at <= end {
        out.add("collateral", Outcome::Passed, format!("endorsements hold from {} to {end}", window.from));
        return;
    }
    let (late, allowed) = (at.since(end), policy.tolerate.stale_collateral_seconds);
    let finding = format!("endorsements ran out at {end}, {late} s ago; the policy tolerates {allowed} s");
    out.wrong("collateral", late <= allowed, finding);
}

fn tcb(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    let tcb = &claims.hardware.tcb;
    let tolerated = policy.tolerate.tcb.contains(&tcb.status);
    match tcb.status {
        TcbStatus::UpToDate => out.add("tcb-status", Outcome::Passed, "the platform is UpToDate"),
        TcbStatus::NotStated => {
            out.add("tcb-status", Outcome::Noted, "this technology states no platform firmware");
        }
        TcbStatus::Unrated => {
            let set = tcb.components.iter().any(|c| policy.minimum.contains_key(&c.name));
            if set {
                out.add("tcb-status", Outcome::Passed, "the policy sets minimum firmware versions");
            } else {
                let finding = "the evidence does not say whether the firmware is current, and the policy sets no minimum \
                               for it";
                out.wrong("tcb-status", tolerated, finding);
            }
        }
        status => {
            let short = shortfalls(&tcb.components);
            out.wrong("tcb-status", tolerated, format!("the platform is {status:?}{short}"));
        }
    }
    for advisory in &tcb.advisories {
        let tolerated = policy.tolerate.advisories.contains(advisory);
        out.wrong("advisory", tolerated, format!("advisory {advisory} applies to the platform"));
    }
}

/// The components below the newest level, in words.
pub(crate) fn shortfalls(components: &[TcbComponent]) -> String {
    let short: Vec<String> = components
        .iter()
        .filter_map(|c| c.needs.map(|needs| format!("{} has {}, needs {needs}", c.name, c.have)))
        .collect();
    if short.is_empty() { String::new() } else { format!("; short of the newest level: {}", short.join(", ")) }
}

fn debug(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    if claims.configuration.debug {
        let finding = "it runs in debug mode: its operator can read and change it";
        out.wrong("debug", policy.tolerate.debug, finding);
    } else {
        out.add("debug", Outcome::Passed, "it does not run in debug mode");
    }
}

fn pinned(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    if policy.pins_code(claims.technology) {
        out.add("pinned", Outcome::Passed, "the policy pins what code runs");
        let booted = claims.technology.booted();
        if let Some(booted) = booted
            && !policy.measurements.keys().any(|name| name.starts_with(booted))
        {
            let finding = format!("the policy pins what boots the machine, not what it booted ({booted}*)");
            out.add("pinned", Outcome::Noted, finding);
        }
    } else {
        let finding = "the policy pins no measurement, so it accepts any code";
        out.wrong("pinned", policy.tolerate.unpinned, finding);
    }
}

fn measurements(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    for (name, accepted) in &policy.measurements {
        let Some(value) = claims.executables.measurements.get(name) else {
            out.add("measurement", Outcome::Refused, format!("the evidence has no measurement {name}"));
            continue;
        };
        let holds = accepted.contains(value);
        let finding = match holds {
            true => format!("{name} is {value}, a reference value"),
            false => format!("{name} is {value}, none of the {} reference values", accepted.len()),
        };
        out.require("measurement", holds, finding);
    }
}

fn boot(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    for (kind, accepted) in &policy.boot {
        let mut found = false;
        for event in claims.executables.boot.iter().filter(|event| &event.kind == kind) {
            found = true;
            let digest = event.digest.to_string();
            let shown = event.text.as_deref().unwrap_or(&digest);
            let holds = accepted.iter().any(|value| value == &digest || Some(value.as_str()) == event.text.as_deref());
            let not = if holds { "" } else { "not " };
            out.require("boot", holds, format!("{kind} `{shown}` is {not}a reference value"));
        }
        if !found {
            out.add("boot", Outcome::Refused, format!("the event log has no {kind}"));
        }
    }
}

/// A number of the claims, or a component of the TCB.
fn number(claims: &ClaimSet, name: &str) -> Option<u64> {
    let component = claims.hardware.tcb.components.iter().find(|c| c.name == name).map(|c| c.have);
    let evaluation = claims.hardware.tcb.evaluation.filter(|_| name == "evaluation").map(u64::from);
    claims.configuration.numbers.get(name).copied().or(component).or(evaluation)
}

fn minimum(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    for (name, least) in &policy.minimum {
        let check =
            if claims.hardware.tcb.components.iter().any(|c| &c.name == name) { "tcb-minimum" } else { "minimum" };
        match number(claims, name) {
            Some(have) => {
                out.require(check, have >= *least, format!("{name} is {have}, the policy asks for at least {least}"));
            }
            None => out.add(check, Outcome::Refused, format!("the evidence does not state {name}")),
        }
    }
}

fn require(policy: &Policy, claims: &ClaimSet, out: &mut Findings) {
    for (name, wanted) in &policy.require {
        let have = match wanted {
            Value::Flag(_) => claims.configuration.flags.get(name).copied().map(Value::Flag),
            Value::Number(_) => number(claims, name).map(Value::Number),
        };
        let words = |value: &Value| match value {
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
        };
        match have {
            Some(have) => {
                let finding = format!("{name} is {}, the policy asks for {}", words(&have), words(wanted));
                out.require("require", &have == wanted, finding);
            }
            None => out.add("require", Outcome::Refused, format!("the evidence does not state {name}")),
        }
    }
}

fn freshness(policy: &Policy, claims: &ClaimSet, expected: &Expected<'_>, out: &mut Findings) {
    let fresh = &claims.freshness;
    let mut tied = false;
    if let Some(wanted) = expected.report_data {
        tied |= compare("report-data", "report data", &fresh.report_data, wanted, out);
    }
    if let Some(wanted) = expected.nonce {
        match (&fresh.nonce, expected.report_data) {
            (Some(nonce), _) => tied |= compare("nonce", "nonce", nonce, wanted, out),
            (None, None) => tied |= compare("nonce", "report data", &fresh.report_data, wanted, out),
            (None, Some(_)) => {
                let finding = "the evidence has one field only: hash the nonce into the report data";
                out.add("nonce", Outcome::Refused, finding);
            }
        }
    }
    if let Some(wanted) = expected.key {
        let holds = fresh.bound_key.as_ref().is_some_and(|key| key.0 == wanted);
        let finding = match (&fresh.bound_key, holds) {
            (Some(_), true) => "the evidence vouches for the key at the other end".to_owned(),
            (Some(key), false) => format!("the evidence vouches for key {key}, not for {}", Hex::from(wanted)),
            (None, _) => "the evidence vouches for no key".to_owned(),
        };
        out.require("key", holds, finding);
    }
    if tied && !fresh.in_certificate {
        out.add("freshness", Outcome::Passed, "the evidence is tied to what the verifier expects");
    } else {
        let finding = "the evidence is not tied to anything the verifier chose, so it may be a replay";
        out.wrong("freshness", policy.tolerate.missing_freshness, finding);
    }
}

/// Least length of a challenge that can make evidence fresh.
const LEAST_CHALLENGE: usize = 8;

/// Compares a field with what is expected; true if it matches and is long enough to make the evidence fresh.
fn compare(check: &str, field_name: &str, field: &Hex, wanted: &[u8], out: &mut Findings) -> bool {
    let holds = match field.0.split_at_checked(wanted.len()) {
        Some((head, tail)) => head == wanted && is_zero(tail),
        None => false,
    };
    let finding = match holds {
        true => format!("{field_name} is as expected"),
        false => format!("{field_name} is {field}, expected {}", Hex::from(wanted)),
    };
    out.require(check, holds, finding);
    holds && wanted.len() >= LEAST_CHALLENGE
}
