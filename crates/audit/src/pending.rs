//! Entries that are decided before they are written.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Map, Value};

use crate::{AuditError, Event, entries};

/// An entry that is yet to be written. Until it is, it is kept together with what it tells of.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// When it happened, in milliseconds since 1970 (UTC).
    pub time: u64,
    /// What happened.
    pub event: Event,
}

impl Pending {
    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut all = Map::new();
        all.insert("time".into(), self.time.into());
        all.extend(self.event.to_fields());
        Value::Object(all).to_string().into_bytes()
    }

    /// Reads it back; none if it is none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Pending> {
        let Ok(Value::Object(mut fields)) = serde_json::from_slice(bytes) else { return None };
        let time = fields.shift_remove("time")?.as_u64()?;
        Some(Pending { time, event: Event::from_fields(fields)? })
    }
}

/// Which of these a log lacks, in their order: an entry of the same time and content is the same one.
///
/// Reads the whole log; signatures are not verified.
///
/// # Errors
/// The first entry that does not fit.
pub fn missing(file: &Path, pending: Vec<Pending>) -> Result<Vec<Pending>, AuditError> {
    let times: HashSet<u64> = pending.iter().map(|p| p.time).collect();
    let mut found: HashMap<u64, Vec<Event>> = HashMap::new();
    for entry in entries(file)? {
        let entry = entry?;
        if times.contains(&entry.time) {
            found.entry(entry.time).or_default().push(entry.event);
        }
    }
    let mut lacks = |p: &Pending| {
        let there = found.get_mut(&p.time);
        // What the log has once stands for one.
        let same = there.and_then(|all| Some(all.swap_remove(all.iter().position(|event| *event == p.event)?)));
        same.is_none()
    };
    Ok(pending.into_iter().filter(|p| lacks(p)).collect())
}
