//! Ratifying without asking: what the operator's policy allows is ratified at once, and its counted uses are spent with
//! each session.

use agreement::{Agreement, Digest};
use net::Identity;
use policy::{Facts, Spent};
use serde::{Deserialize, Serialize};
use store::{Charge, Counter};

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::Office;

/// Where the rules are kept by which the policy ratified, by the agreement's digest.
pub(crate) const RULES: &str = "rules";

/// The rules by which a worker ratified an agreement.
#[derive(Serialize, Deserialize)]
pub(crate) struct ByRules {
    rules: Vec<String>,
    /// Rules that count, with how many runs they allow.
    counters: Vec<(String, u64)>,
}

impl ByRules {
    /// As they are kept.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, WorkerError> {
        serde_json::to_vec(self).map_err(|e| WorkerError::System { what: e.to_string() })
    }

    pub(crate) fn in_words(&self) -> String {
        self.rules.join(", ")
    }

    /// What each session spends.
    pub(crate) fn charges(&self) -> impl Iterator<Item = Charge> {
        let charge = |(rule, limit): &(String, u64)| Charge {
            counter: Counter::Rule(rule.clone()),
            limit: Some(*limit),
            until: None,
        };
        self.counters.iter().map(charge)
    }
}

impl Office {
    /// Ratifies an agreement that was proposed, if the policy allows it. `from` is who proposed it, if that is known: whoever
    /// passes it on is somebody else.
    pub(crate) fn ask_policy(&self, from: Option<Identity>, agreement: &Agreement) -> Result<(), WorkerError> {
        let Some(rules) = &self.config.policy else { return Ok(()) };
        let me = self.config.key.identity();
        let Some(player) = agreement.roster().players_of(me).next() else { return Ok(()) };
        let digest = agreement.digest();
        let facts = match Facts::of(agreement, player, from) {
            Ok(facts) => facts,
            Err(error) => {
                tracing::info!(agreement = %digest, %error, "the policy cannot judge it: left to the operator");
                return Ok(());
            }
        };
        let decision = rules.policy.decide(&facts, now_ms(), &self.spent()?);
        if !decision.allowed {
            tracing::info!(agreement = %digest, %decision, "the policy does not allow it: left to the operator");
            return Ok(());
        }
        let counters = decision.counters.into_iter().map(|c| (c.rule, c.limit)).collect();
        self.ratify_by(agreement, &ByRules { rules: decision.rules, counters })
    }

    /// How many runs each rule has allowed so far.
    fn spent(&self) -> Result<Spent, WorkerError> {
        let rule = |(counter, used)| match counter {
            Counter::Rule(name) => Some((name, used)),
            Counter::Agreement(_) => None,
        };
        Ok(self.store.counts()?.into_iter().filter_map(rule).collect())
    }

    /// The rules by which this worker ratified an agreement, if its policy did.
    pub(crate) fn rules_of(&self, agreement: Digest) -> Result<Option<ByRules>, WorkerError> {
        let Some(kept) = self.store.note(RULES, &agreement.0)? else { return Ok(None) };
        let read = serde_json::from_slice(&kept);
        read.map(Some).map_err(|e| WorkerError::System { what: format!("the rules of an agreement: {e}") })
    }
}
