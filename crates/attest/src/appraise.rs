//! Comparing validated claims with a policy: every check with its outcome in words (RFC 9334, section 8.5).

mod checks;

use serde::{Deserialize, Serialize};

use crate::bytes::Hex;
use crate::claims::{ClaimSet, Claims, Root, Tier};
use crate::policy::Policy;
use crate::time::Time;

/// What the verifier expects the evidence to be tied to. At least one has to be given, and each given one has to match.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The field the attested environment chose. Shorter than the field: the rest of the field must be zero.
    pub report_data: Option<&'a [u8]>,
    /// The verifier's challenge. Where the technology has no field of its own for it, it is compared with the report
    /// data, and must not be given together with `report_data`.
    pub nonce: Option<&'a [u8]>,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the key at the other end, for evidence carried in its certificate.
    pub key: Option<&'a [u8]>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Worth knowing, and no reason to refuse.
    Noted,
    /// Would be refused, but the policy tolerates it.
    Tolerated,
    /// Refused.
    Refused,
}

/// One check of an appraisal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// A stable name: `debug`, `pinned`, `measurement`, `tcb-status`, `freshness`, ...
    pub check: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The finding, in words.
    pub finding: String,
}

/// Trust tiers after the appraisal (AR4SI, section 2.3.4), as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrustVector {
    /// Whether the instance is known.
    pub instance_identity: i8,
    /// Its configuration.
    pub configuration: i8,
    /// What runs on it.
    pub executables: i8,
    /// The machine and its firmware.
    pub hardware: i8,
    /// Whether its memory is out of reach of its operator.
    pub runtime_opaque: i8,
    /// Whether it is tied to what the verifier chose. Not one of AR4SI's; a replay is worth nothing.
    pub freshness: i8,
}

/// An appraisal as data, shaped after EAR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Record {
    /// Whether values may go there.
    pub accepted: bool,
    /// `affirming`, `warning` if something was tolerated, `contraindicated` if refused.
    pub status: Tier,
    /// The policy's name.
    pub policy: String,
    /// SHA-256 of the policy's canonical text.
    pub policy_digest: Hex,
    /// Whether the policy says `development`: the appraisal is no proof of anything.
    pub development: bool,
    /// When it was made.
    pub at: Time,
    /// Until when it holds.
    pub expires: Time,
    /// Tiers, by aspect.
    pub trustworthiness_vector: TrustVector,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// What was appraised.
    pub claims: ClaimSet,
}

impl Record {
    /// The checks that were refused.
    pub fn refusals(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome == Outcome::Refused)
    }
}

/// The result of [`Policy::appraise`]: the only way to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Appraisal(Record);

impl std::ops::Deref for Appraisal {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

/// Proof that an appraisal accepted: nothing else makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(Record);

impl Accepted {
    /// The appraisal.
    pub fn record(&self) -> &Record {
        &self.0
    }

    /// Whether it still holds.
    pub fn holds_at(&self, at: Time) -> bool {
        at >= self.0.at && at <= self.0.expires
    }
}

impl Appraisal {
    /// The proof, or everything that was refused in one line.
    pub fn accept(self) -> Result<Accepted, Refused> {
        if self.0.accepted {
            return Ok(Accepted(self.0));
        }
        Err(Refused(Box::new(self.0)))
    }

    /// The appraisal as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.0).unwrap_or_default()
    }
}

/// An appraisal that refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Box<Record>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "policy `{}` refuses", self.0.policy)?;
        for (index, check) in self.0.refusals().enumerate() {
            write!(f, "{} {}", if index == 0 { ":" } else { ";" }, check.finding)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl Policy {
    /// Compares claims with this policy, at a time. Every check is made and listed, also after one has refused.
    pub fn appraise(&self, claims: &Claims, expected: &Expected<'_>, at: Time) -> Appraisal {
        let checks = checks::run(self, claims, expected, at);
        let worst = |outcome| checks.iter().any(|check: &Check| check.outcome == outcome);
        let (accepted, status) = match (worst(Outcome::Refused), worst(Outcome::Tolerated)) {
            (true, _) => (false, Tier::Contraindicated),
            (false, true) => (true, Tier::Warning),
            (false, false) => (true, Tier::Affirming),
        };
        let limit = claims.valid.until.plus(self.tolerate.stale_collateral_seconds);
        Appraisal(Record {
            accepted,
            status,
            policy: self.name.clone(),
            policy_digest: self.digest(),
            development: self.development,
            at,
            expires: if accepted { at.plus(self.lifetime_seconds).min(limit) } else { at },
            trustworthiness_vector: vector(claims, &checks),
            checks,
            claims: (**claims).clone(),
        })
    }
}

fn vector(claims: &ClaimSet, checks: &[Check]) -> TrustVector {
    let tier = |names: &[&str], otherwise: Tier| {
        let outcomes = checks.iter().filter(|c| names.contains(&c.check.as_str())).map(|c| match c.outcome {
            Outcome::Passed => Tier::Affirming,
            Outcome::Noted => Tier::None,
            Outcome::Tolerated => Tier::Warning,
            Outcome::Refused => Tier::Contraindicated,
        });
        outcomes.max().unwrap_or(otherwise).value()
    };
    TrustVector {
        instance_identity: match claims.root {
            Root::Production => tier(&["root"], Tier::Affirming),
            Root::Development => Tier::Contraindicated.value(),
            Root::None => tier(&["attestation-key"], Tier::None),
        },
        configuration: tier(&["debug", "require", "minimum"], claims.configuration.tier),
        executables: tier(&["pinned", "measurement", "boot"], Tier::None),
        hardware: tier(&["tcb-status", "advisory", "tcb-minimum", "collateral"], claims.hardware.tier),
        runtime_opaque: match claims.protects {
            crate::claims::Protects::Memory => Tier::Affirming.value(),
            crate::claims::Protects::Integrity => Tier::Contraindicated.value(),
        },
        freshness: tier(&["freshness", "report-data", "nonce", "key"], Tier::None),
    }
}
