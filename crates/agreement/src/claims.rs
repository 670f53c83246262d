//! Claims: what players must prove about their machines, and what that means for the placements in a computation.
//!
//! Claims stand in the roster as an appraisal policy in full, so all parties sign the same reference values. Each worker
//! appraises by its own policy, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use attest::Policy;
use ir::{Computation, PlayerId, Scheme};

use crate::error::AgreementError;
use crate::roster::Roster;

/// A policy as the claims of a player, as a roster has them.
pub fn claims_text(player: &str, policy: &Policy) -> String {
    let tables = BTreeMap::from([("players", BTreeMap::from([(player, BTreeMap::from([("claims", policy)]))]))]);
    // All of a policy's parts are of TOML's types.
    toml::to_string(&tables).unwrap_or_default()
}

/// The names of the placements inside a player's machine.
fn enclaves(c: &Computation, player: PlayerId) -> Vec<&str> {
    let inside = c.placements.iter().filter(|p| p.scheme == Scheme::Enclave && p.players.contains(&player));
    inside.map(|p| p.name.as_str()).collect()
}

/// An enclave is worth what its machine proves; in one process there is no machine to prove anything.
pub(crate) fn check(c: &Computation, roster: &Roster) -> Result<(), AgreementError> {
    if roster.is_in_process() {
        return Ok(());
    }
    for place in c.placements.iter().filter(|p| p.scheme == Scheme::Enclave) {
        let player = c.names(&place.players).concat();
        if roster.require(&player)?.claims.is_none() {
            return Err(AgreementError::NoClaims { player, placement: place.name.clone() });
        }
    }
    Ok(())
}

/// What machines must prove, in words that belong to the disclosure.
pub(crate) fn in_words(c: &Computation, roster: &Roster) -> String {
    let mut out = String::new();
    for (name, member) in roster.iter() {
        let Some(policy) = &member.claims else { continue };
        let _ = writeln!(out, "\n{name} proves its machine to each other player before anything goes there:");
        for line in policy.in_words() {
            let _ = writeln!(out, "       {line}");
        }
        let inside = c.player_named(name).map(|p| enclaves(c, p)).unwrap_or_default();
        if policy.development && !inside.is_empty() {
            let what = inside.join(" and ");
            let _ = writeln!(
                out,
                "       FOR DEVELOPMENT ONLY: whoever operates {name} may be able to read its memory, so all that is in {what}"
            );
        }
    }
    out
}
