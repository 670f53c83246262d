//! What a machine proved to a worker before values went there, as it stands in that worker's receipt.

use serde::{Deserialize, Serialize};

use crate::encode::Encoder;
use crate::id::Digest;

/// One appraisal of one player's machine. A session has several where appraisals ran out, or connections broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// BLAKE3 of the evidence.
    pub evidence: Digest,
    /// BLAKE3 of the worker's record of the appraisal.
    pub appraisal: Digest,
    /// The technology: `tdx`, `snp`, `tpm`, …
    pub technology: String,
    /// What it protects: `memory`, or `integrity` only, where its operator can read memory.
    pub tier: String,
    /// SHA-256 of the worker's own policy, in hexadecimal.
    pub policy: String,
    /// SHA-256 of the claims of the agreement that it was appraised by as well, if it has some for this player.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// Whether one of the two is for development: then this proves nothing to anyone else.
    pub development: bool,
    /// Until when it holds, in milliseconds since 1970 (UTC).
    pub expires_ms: u64,
}

impl Proof {
    pub(crate) fn encode(&self, e: &mut Encoder) {
        e.bytes(&self.evidence.0).bytes(&self.appraisal.0);
        e.bytes(self.technology.as_bytes()).bytes(self.tier.as_bytes()).bytes(self.policy.as_bytes());
        e.number(self.claims.is_some().into()).bytes(self.claims.as_deref().unwrap_or_default().as_bytes());
        e.number(self.development.into()).number(self.expires_ms);
    }

    /// In a line.
    pub fn in_words(&self) -> String {
        let (technology, evidence) = (&self.technology, &self.evidence.to_string()[..16]);
        let limit = if self.tier == "integrity" { "; its operator can read its memory" } else { "" };
        let proves = if self.development { "; FOR DEVELOPMENT ONLY" } else { "" };
        let until = crate::terms::Timestamp::from_seconds(self.expires_ms / 1000);
        let until = until.map_or_else(String::new, |t| format!(" until {t}"));
        format!("proved by {technology}, evidence {evidence}…{until}{limit}{proves}")
    }
}
