//! What can happen at a worker.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One thing that happened. Digests, sessions and identities are in their text form; nothing here is secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// The log was begun. Always its first entry.
    Opened {
        /// The form of the log, 1.
        form: u32,
        /// The worker's identity.
        worker: String,
        /// Its public key, in hexadecimal: what signatures are verified with.
        key: String,
    },
    /// A last line that a crash tore was cut off.
    Mended {
        /// Bytes that were cut off.
        bytes: u64,
    },
    /// The worker started.
    Started {
        /// Its version.
        version: String,
    },
    /// The worker stopped, on purpose.
    Stopped {
        /// Why.
        reason: String,
    },
    /// An agreement was proposed.
    Proposed {
        /// Its digest.
        agreement: String,
        /// By whom.
        by: String,
    },
    /// Someone ratified an agreement.
    Ratified {
        /// Its digest.
        agreement: String,
        /// Who.
        by: String,
        /// The rule of the policy that allowed it, if no person did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
    },
    /// Someone declined an agreement.
    Declined {
        /// Its digest.
        agreement: String,
        /// Who.
        by: String,
        /// Why, in their words.
        reason: String,
    },
    /// A run began here.
    RunBegun {
        /// The agreement's digest.
        agreement: String,
        /// The session.
        session: String,
        /// The attempt, from 0.
        attempt: u32,
        /// Who asked for it.
        by: String,
    },
    /// A run ended here.
    RunEnded {
        /// The agreement's digest.
        agreement: String,
        /// The session.
        session: String,
        /// The attempt.
        attempt: u32,
        /// The stable code of what it failed with; none if it ended well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The player concerned, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        player: Option<String>,
    },
    /// A result left this worker for someone who may read it.
    Released {
        /// The session.
        session: String,
        /// The output.
        output: String,
        /// To whom.
        to: String,
    },
    /// A value was stored.
    Stored {
        /// Its name.
        name: String,
        /// The session that saved it; none if the operator put it there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// A stored value was loaded by a session.
    Loaded {
        /// Its name.
        name: String,
        /// The session.
        session: String,
    },
    /// A stored value was removed: by the operator, or as an upload that was used up.
    Removed {
        /// Its name.
        name: String,
    },
    /// A copy of a stored value, opened, was written into a file by the operator.
    Exported {
        /// Its name.
        name: String,
    },
    /// A player signed two different receipts of one session. The first stays.
    Contradicted {
        /// The session.
        session: String,
        /// The player.
        player: String,
    },
    /// A policy was loaded.
    PolicyLoaded {
        /// The digest of its text.
        digest: String,
    },
    /// A machine proved itself for a session, and was accepted.
    MachineProved {
        /// The session.
        session: String,
        /// The player whose machine it is.
        player: String,
        /// Digest of its evidence.
        evidence: String,
        /// Digest of the appraisal.
        appraisal: String,
        /// The technology.
        technology: String,
        /// What it protects: `memory`, or `integrity` only.
        tier: String,
        /// Digest of this worker's policy.
        policy: String,
        /// Digest of the agreement's claims, if it has some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claims: Option<String>,
        /// Whether one of these is for development.
        development: bool,
        /// Until when it holds, in milliseconds since 1970.
        expires_ms: u64,
    },
    /// A machine did not prove what it had to, and nothing went there.
    MachineRefused {
        /// The session.
        session: String,
        /// The player whose machine it is.
        player: String,
        /// Which checks, in words.
        reason: String,
    },
    /// The key of a sealed table was released to a machine that proved itself.
    KeyReleased {
        /// The agreement's digest.
        agreement: String,
        /// The session.
        session: String,
        /// The attempt.
        attempt: u32,
        /// The input whose table it is.
        input: String,
        /// The player whose machine it is.
        player: String,
        /// Digest of its evidence.
        evidence: String,
    },
    /// An owner uploaded a table.
    Uploaded {
        /// The dataset: the agreement's digest and the input.
        dataset: String,
        /// Who.
        by: String,
        /// Its rows.
        rows: u64,
    },
    /// A table left this worker.
    Downloaded {
        /// The dataset.
        dataset: String,
        /// To whom.
        by: String,
        /// Its rows.
        rows: u64,
    },
    /// Something that was asked for was refused.
    Refused {
        /// What was asked for (`run`, `propose`, `upload`, `download`, `release`).
        what: String,
        /// Who asked, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The stable code of the refusal.
        code: String,
        /// The agreement's digest, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agreement: Option<String>,
    },
    /// Something that this version does not know, or that a caller names itself.
    #[serde(skip)]
    Other {
        /// Its kind.
        kind: String,
        /// Its fields. None may be called `seq`, `time`, `kind`, `prev` or `signature`; such are left out.
        fields: Map<String, Value>,
    },
}

/// What every entry has besides its event.
pub(crate) const RESERVED: [&str; 5] = ["seq", "time", "kind", "prev", "signature"];

impl Event {
    /// The name of its kind (`run-begun`).
    pub fn kind(&self) -> String {
        match self {
            Event::Other { kind, .. } => kind.clone(),
            known => match serde_json::to_value(known) {
                Ok(Value::Object(fields)) => fields.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
                _ => String::new(),
            },
        }
    }

    /// Its fields, its kind first.
    pub(crate) fn to_fields(&self) -> Map<String, Value> {
        match self {
            Event::Other { kind, fields } => {
                let mut all = Map::new();
                all.insert("kind".into(), Value::String(kind.clone()));
                let free = fields.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
                all.extend(free.map(|(name, value)| (name.clone(), value.clone())));
                all
            }
            known => match serde_json::to_value(known) {
                Ok(Value::Object(fields)) => fields,
                _ => Map::new(),
            },
        }
    }

    /// The event of these fields. A kind that is unknown, or has other fields than it had, is kept as it is.
    pub(crate) fn from_fields(mut fields: Map<String, Value>) -> Option<Event> {
        if let Ok(known) = serde_json::from_value::<Event>(Value::Object(fields.clone()))
            && known.to_fields() == fields
        {
            return Some(known);
        }
        let Some(Value::String(kind)) = fields.shift_remove("kind") else { return None };
        Some(Event::Other { kind, fields })
    }
}
