//! What is wrong with a policy, and what keeps an agreement from being judged.

use std::fmt;

/// A policy that is refused, with everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// The line, from 1, where known.
    pub line: Option<usize>,
    /// The rule, where known.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl PolicyError {
    pub(crate) fn one(code: &'static str, line: Option<usize>, message: impl Into<String>) -> PolicyError {
        PolicyError { problems: vec![Problem { code, line, rule: None, message: message.into() }] }
    }

    /// The code of the first problem.
    pub fn code(&self) -> &'static str {
        self.problems.first().map_or("policy.syntax", |p| p.code)
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self.code() {
            "policy.too-long" => "a policy is a page of rules; split what it decides, not its text",
            "policy.annotation" => {
                "a rule has `@id(\"name\")`, and may have `@uses(\"10\")`, `@until(\"2027-01-01T00:00:00Z\")` and `@reason(\"...\")`"
            }
            "policy.invalid" => "see the page on agreements for what rules can speak of",
            _ => "a rule is `@id(\"name\") permit (principal, action, resource) when { ... };`",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule {rule}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&all.join("; "))
    }
}

impl std::error::Error for PolicyError {}

/// Why an agreement cannot be judged by rules. It is then refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The party takes no part in it.
    #[error("{player} is no player of the agreement")]
    NoPart {
        /// The player.
        player: String,
    },
    /// Following all releases would take too long.
    #[error("{0}")]
    TooLarge(#[from] check::TooLarge),
}

impl FactsError {
    /// A stable code for programs to match on.
    pub fn code(&self) -> &'static str {
        match self {
            FactsError::NoPart { .. } => "policy.no-part",
            FactsError::TooLarge(_) => "policy.too-large",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            FactsError::NoPart { .. } => "name a player of the agreement",
            FactsError::TooLarge(_) => "read the agreement, and ratify it by hand",
        }
    }
}
