//! Loading: a policy's rules, checked against the schema before any of them decides anything.

use std::collections::BTreeMap;
use std::fmt;

use agreement::Timestamp;
use cedar_policy::{Effect, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;

use crate::SCHEMA;
use crate::error::{PolicyError, Problem};

/// The longest policy, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// The most brackets inside one another.
const MAX_DEPTH: usize = 64;

/// The most operators of one rule: expressions are walked recursively.
const MAX_OPERATORS: usize = 300;

/// A rule, with what its annotations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Whether it allows; if not, it forbids.
    pub permits: bool,
    /// How many runs it allows, if that is limited.
    pub uses: Option<u64>,
    /// The last second in which it counts.
    pub until: Option<Timestamp>,
    /// Words for whoever is refused.
    pub reason: Option<String>,
}

/// A policy that fits the schema.
#[derive(Clone)]
pub struct Policy {
    pub(crate) schema: Schema,
    /// In the order of the text, each with its evaluable form.
    pub(crate) rules: Vec<(Rule, cedar_policy::Policy)>,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules()).finish()
    }
}

impl Policy {
    /// Reads a policy and checks it strictly: types of everything that rules speak of, and annotations.
    ///
    /// # Errors
    /// [`PolicyError`], with the lines of all that is wrong. What only looks wrong (a rule that can never apply,
    /// letters of several scripts that look alike) is an error too.
    pub fn load(text: &str) -> Result<Policy, PolicyError> {
        bounded(text)?;
        let schema = schema();
        let set: PolicySet = text.parse().map_err(|e: cedar_policy::ParseErrors| {
            let problems = e.iter().map(|e| problem("policy.syntax", text, None, e)).collect();
            PolicyError { problems }
        })?;
        if set.templates().next().is_some() {
            return Err(PolicyError::one(
                "policy.syntax",
                None,
                "a rule with `?principal` or `?resource` has no meaning here",
            ));
        }
        let mut parsed: Vec<&cedar_policy::Policy> = set.policies().collect();
        // The parser numbers rules in the order of the text.
        parsed.sort_by_key(|p| p.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX));
        let mut problems = Vec::new();
        let mut rules: Vec<(Rule, cedar_policy::Policy)> = Vec::new();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (i, policy) in parsed.into_iter().enumerate() {
            match rule(policy) {
                Ok(rule) if names.values().any(|id| *id == rule.id) => {
                    problems.push(annotation(text, rule.id.clone(), "there are two rules of this name".to_owned()));
                }
                Ok(rule) => {
                    names.insert(policy.id().to_string(), rule.id.clone());
                    let policy = policy.new_id(PolicyId::new(&rule.id));
                    rules.push((rule, policy));
                }
                Err(message) => {
                    let name = policy.annotation("id").map_or_else(|| (i + 1).to_string(), str::to_owned);
                    problems.push(annotation(text, name, message));
                }
            }
        }
        let found = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        let name = |id: &PolicyId| names.get(&id.to_string()).cloned();
        problems.extend(found.validation_errors().map(|e| problem("policy.invalid", text, name(e.policy_id()), e)));
        problems.extend(found.validation_warnings().map(|w| problem("policy.invalid", text, name(w.policy_id()), w)));
        if problems.is_empty() { Ok(Policy { schema, rules }) } else { Err(PolicyError { problems }) }
    }

    /// The rules, in the order of the text.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule)
    }
}

/// The schema, which is ours and parses.
fn schema() -> Schema {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("the schema parses, as its test shows");
    schema
}

/// Refuses what would make the parser recurse deeply.
fn bounded(text: &str) -> Result<(), PolicyError> {
    if text.len() > MAX_TEXT {
        let message = format!("a policy has at most {MAX_TEXT} bytes, not {}", text.len());
        return Err(PolicyError::one("policy.too-long", None, message));
    }
    let (mut depth, mut operators) = (0usize, 0usize);
    let (mut quoted, mut escaped, mut comment, mut before) = (false, false, false, '\n');
    for (i, c) in text.char_indices() {
        match c {
            '\n' => comment = false,
            _ if comment => {}
            '"' if !escaped => quoted = !quoted,
            _ if quoted => escaped = c == '\\' && !escaped,
            '/' => comment = before == '/',
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '+' | '-' | '*' | '&' | '|' | '.' | '!' | '<' | '>' | '=' => operators += 1,
            'i' if text[i..].starts_with("if") => operators += 1,
            ';' => operators = 0,
            _ => {}
        }
        before = c;
        if depth > MAX_DEPTH || operators > MAX_OPERATORS {
            let message = "a rule is too long, or nested too deeply; make several of it";
            return Err(PolicyError::one("policy.syntax", Some(line_at(text, i)), message));
        }
    }
    Ok(())
}

/// What a rule's annotations say.
fn rule(policy: &cedar_policy::Policy) -> Result<Rule, String> {
    let permits = policy.effect() == Effect::Permit;
    if let Some((unknown, _)) = policy.annotations().find(|(k, _)| !["id", "uses", "until", "reason"].contains(k)) {
        return Err(format!("`@{unknown}` means nothing here"));
    }
    let id = policy.annotation("id").ok_or("every rule has a name, as `@id(\"means\")`")?;
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err("a name has up to 64 letters, digits, `-`, `_` and `.`".to_owned());
    }
    let uses = policy.annotation("uses").map(|text| match text.parse::<u64>() {
        Ok(n) if n > 0 && permits && n.to_string() == text => Ok(n),
        Ok(_) if !permits => Err("`@uses` belongs to a `permit`".to_owned()),
        _ => Err("`@uses` is a whole number from 1 on, as \"10\"".to_owned()),
    });
    let until = policy.annotation("until").map(|text| text.parse().map_err(|e| format!("`@until`: {e}")));
    let reason = policy.annotation("reason").map(str::to_owned);
    if reason.as_ref().is_some_and(|r| r.len() > 500 || r.chars().any(ir::text::is_invisible)) {
        return Err("`@reason` is one line of up to 500 bytes".to_owned());
    }
    Ok(Rule { id: id.to_owned(), permits, uses: uses.transpose()?, until: until.transpose()?, reason })
}

fn annotation(text: &str, rule: String, message: String) -> Problem {
    let line = text.lines().position(|l| l.contains(&format!("@id(\"{rule}\")"))).map(|i| i + 1);
    Problem { code: "policy.annotation", line, rule: Some(rule), message }
}

fn problem<E: Diagnostic>(code: &'static str, text: &str, rule: Option<String>, error: &E) -> Problem {
    let line = error.labels().and_then(|mut l| l.next()).map(|l| line_at(text, l.offset()));
    let mut message = error.to_string();
    if let Some(help) = error.help() {
        message += &format!(" ({help})");
    }
    Problem { code, line, rule, message: message.replace('\n', " ") }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}
