//! Deciding: whether everything that an agreement discloses is allowed, by which rules, and what that spends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use agreement::Timestamp;
use cedar_policy::{Authorizer, PolicySet};
use serde::Serialize;

use crate::conditions;
use crate::facts::{Disclosed, Facts};
use crate::request::{Question, question};
use crate::rules::{Policy, Rule};

/// How many runs each rule has allowed so far, by its name.
pub type Spent = BTreeMap<String, u64>;

/// A counter that a run spends one of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Counter {
    /// The rule's name.
    pub rule: String,
    /// How many runs it allows, ever.
    pub limit: u64,
}

/// What a policy says of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether the party ratifies it without asking.
    pub allowed: bool,
    /// For each disclosure what was decided and why; for a party that only helps, one without a name.
    pub judged: Vec<Judged>,
    /// The rules that allowed, one for each disclosure, each once.
    pub rules: Vec<String>,
    /// What to spend one of, durably, before the first message of every run.
    pub counters: Vec<Counter>,
}

/// What a policy says of one disclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// What is learned; empty if nothing is.
    pub name: String,
    /// By whom.
    pub readers: BTreeSet<String>,
    /// The rule by which it is allowed.
    pub allowed_by: Option<String>,
    /// The rules that forbid it.
    pub forbidden_by: Vec<String>,
    /// Why it is not allowed, rule by rule, in words.
    pub reasons: Vec<String>,
}

impl Policy {
    /// Whether the party ratifies an agreement with these facts, at a time in milliseconds since 1970 (UTC), when
    /// its rules have allowed `spent` runs so far.
    ///
    /// Cost: for each disclosure one evaluation of every rule, some ten microseconds each.
    pub fn decide(&self, facts: &Facts, now_ms: u64, spent: &Spent) -> Decision {
        let now = Timestamp::from_ms(now_ms);
        if let Err(e) = facts.terms.check_time(now_ms).or_else(not_yet_is_well) {
            let judged = Judged { reasons: vec![e.to_string()], ..Judged::of(None) };
            return Decision { allowed: false, judged: vec![judged], rules: Vec::new(), counters: Vec::new() };
        }
        let each: Vec<Option<&Disclosed>> = match &facts.disclosures[..] {
            [] => vec![None],
            some => some.iter().map(Some).collect(),
        };
        let judged: Vec<Judged> = each.into_iter().map(|d| self.judge(facts, d, now, spent)).collect();
        let allowed = judged.iter().all(|j| j.allowed_by.is_some());
        let used = |rule: &&Rule| allowed && judged.iter().any(|j| j.allowed_by.as_ref() == Some(&rule.id));
        let rules: Vec<&Rule> = self.rules().filter(used).collect();
        let counter = |r: &&Rule| Some(Counter { rule: r.id.clone(), limit: r.uses? });
        Decision {
            allowed,
            counters: rules.iter().filter_map(counter).collect(),
            rules: rules.iter().map(|r| r.id.clone()).collect(),
            judged,
        }
    }

    fn judge(&self, facts: &Facts, disclosed: Option<&Disclosed>, now: Timestamp, spent: &Spent) -> Judged {
        let mut judged = Judged::of(disclosed);
        let question = match question(&self.schema, facts, disclosed, now) {
            Ok(question) => question,
            Err(words) => {
                judged.reasons.push(words);
                return judged;
            }
        };
        let mut allowing: Option<&Rule> = None;
        let mut failed = false;
        for (rule, policy) in &self.rules {
            if let Some(lapsed) = lapsed(rule, now, spent) {
                judged.reasons.push(format!("rule {}: {lapsed}", rule.id));
                continue;
            }
            match applies(policy, &question) {
                Ok(true) if !rule.permits => {
                    let why = rule.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
                    judged.reasons.push(format!("rule {} forbids it{why}", rule.id));
                    judged.forbidden_by.push(rule.id.clone());
                }
                // A rule that counts is spent only if no other allows.
                Ok(true) if allowing.is_none_or(|a| a.uses.is_some() && rule.uses.is_none()) => allowing = Some(rule),
                Ok(true) => {}
                Ok(false) if rule.permits => {
                    let unmet = conditions::unmet(policy, &question);
                    judged.reasons.push(format!("rule {} does not apply: {unmet}", rule.id));
                }
                Ok(false) => {}
                Err(words) => {
                    failed = true;
                    judged
                        .reasons
                        .push(format!("rule {} cannot be evaluated, so nothing is allowed: {words}", rule.id));
                }
            }
        }
        match allowing.filter(|_| judged.forbidden_by.is_empty() && !failed) {
            Some(rule) => {
                judged.allowed_by = Some(rule.id.clone());
                judged.reasons.clear();
            }
            None if judged.reasons.is_empty() => judged.reasons.push("no rule allows it".to_owned()),
            None => {}
        }
        judged
    }
}

/// An agreement may be ratified before it is valid.
fn not_yet_is_well(e: agreement::AgreementError) -> Result<(), agreement::AgreementError> {
    if matches!(e, agreement::AgreementError::NotYet { .. }) { Ok(()) } else { Err(e) }
}

/// Why a rule no longer counts.
fn lapsed(rule: &Rule, now: Timestamp, spent: &Spent) -> Option<String> {
    if let Some(until) = rule.until.filter(|until| now > *until) {
        return Some(format!("it counted until {until}; now it is {now}"));
    }
    let used = spent.get(&rule.id).copied().unwrap_or(0);
    rule.uses.filter(|limit| used >= *limit).map(|limit| format!("its {limit} runs are used up"))
}

/// Whether a rule's scope and conditions are met.
///
/// # Errors
/// Words, if it cannot be evaluated, as on an overflow.
pub(crate) fn applies(policy: &cedar_policy::Policy, question: &Question) -> Result<bool, String> {
    let mut alone = PolicySet::new();
    alone.add(policy.clone()).map_err(|e| e.to_string())?;
    let response = Authorizer::new().is_authorized(&question.request, &alone, &question.entities);
    match response.diagnostics().errors().next() {
        Some(error) => Err(error.to_string()),
        // The rules that made the decision: this one, if it applies, whether it permits or forbids.
        None => Ok(response.diagnostics().reason().next().is_some()),
    }
}

impl Judged {
    fn of(disclosed: Option<&Disclosed>) -> Judged {
        Judged {
            name: disclosed.map(|d| d.name.clone()).unwrap_or_default(),
            readers: disclosed.map(|d| d.readers.clone()).unwrap_or_default(),
            allowed_by: None,
            forbidden_by: Vec::new(),
            reasons: Vec::new(),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", if self.allowed { "ratified without asking" } else { "not ratified without asking" })?;
        for judged in &self.judged {
            let readers: Vec<&str> = judged.readers.iter().map(String::as_str).collect();
            let what = match &*judged.name {
                "" => "nothing of this party's is disclosed".to_owned(),
                name => format!("\"{name}\" to {}", readers.join(", ")),
            };
            match &judged.allowed_by {
                Some(rule) => writeln!(f, "  {what}: allowed by rule {rule}")?,
                None => writeln!(f, "  {what}: refused")?,
            }
            for reason in &judged.reasons {
                writeln!(f, "    {reason}")?;
            }
        }
        for Counter { rule, limit } in &self.counters {
            writeln!(f, "  each run spends one of the {limit} of rule {rule}")?;
        }
        Ok(())
    }
}
