//! The vault of a worker's sessions, in its store: saved values, attempts in doubt, and notes for later attempts.

use std::sync::Arc;

use agreement::{Digest, SessionId};
use audit::Event;
use ir::Scheme;
use net::Identity;
use serde::{Deserialize, Serialize};
use session::settle::{self, Decision, Standing};
use session::{Attempt, Note, Secret, StoredLabel, StoredMeta, StoredValue, Vault, VaultError};
use store::{Batch, Kind, Meta, Origin, StoreError};

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::Office;

/// Where the standings of attempts are kept, by attempt.
const ATTEMPTS: &str = "attempt";
/// Where notes of sessions are kept, after the session.
const NOTES: &str = "note";
/// See the module.
pub(crate) struct StoreVault(pub(crate) Arc<Office>);

/// What is recorded of an attempt that saves.
#[derive(Serialize, Deserialize)]
struct Record {
    attempt: Attempt,
    standing: Standing,
    #[serde(default)]
    partners: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
}

impl StoreVault {
    fn record(&self, attempt: &Attempt) -> Result<Option<Record>, VaultError> {
        let record = self.0.store.note(ATTEMPTS, &key(attempt)).map_err(failed)?;
        record.map(|bytes| serde_json::from_slice(&bytes).map_err(unreadable)).transpose()
    }

    fn records(&self) -> Result<Vec<Record>, VaultError> {
        let all = self.0.store.notes(ATTEMPTS).map_err(failed)?;
        all.iter().map(|(_, bytes)| serde_json::from_slice(bytes).map_err(unreadable)).collect()
    }

    /// Whether a value may be staged by an attempt.
    fn admit(&self, value: &StoredValue) -> Result<(), VaultError> {
        let name = &value.meta.name;
        let staged = |r: &Record| r.standing == Standing::Prepared && r.names.contains(name);
        if self.records()?.iter().any(staged) {
            return Err(VaultError::Busy { name: name.clone() });
        }
        let Some(old) = self.fetch(name)? else { return Ok(()) };
        value.meta.may_replace(&old.meta).map_err(|difference| VaultError::Taken { name: name.clone(), difference })
    }
}

/// What the store authenticates a value with.
fn described(meta: &StoredMeta) -> Meta {
    let kind = match meta.scheme {
        Scheme::Host => Kind::Plain,
        scheme => Kind::Share {
            handle: meta.handle().0,
            scheme: scheme.spec().name.to_owned(),
            role: meta.role as u32,
            roles: meta.roles.clone(),
        },
    };
    let origin =
        Origin { agreement: meta.origin.agreement.0, session: meta.origin.session.0, attempt: meta.origin.number };
    Meta {
        name: meta.name.clone(),
        kind,
        dtype: meta.dtype.to_string(),
        shape: meta.shape.iter().map(|n| *n as u64).collect(),
        label: meta.label.0.clone(),
        origin: Some(origin),
        when: now_ms(),
    }
}

/// The same, read back. What its owner put into the store has no origin; it is held in the clear by `me` alone.
fn read(meta: Meta, me: Identity) -> Option<StoredMeta> {
    let (scheme, roles, role) = match meta.kind {
        Kind::Plain => (Scheme::Host, vec![me], 0),
        Kind::Share { scheme, role, roles, .. } => (Scheme::parse(&scheme)?, roles, role as usize),
    };
    let origin = meta.origin.unwrap_or(Origin { agreement: [0; 32], session: [0; 16], attempt: 0 });
    Some(StoredMeta {
        name: meta.name,
        dtype: meta.dtype.parse().ok()?,
        shape: meta.shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().ok()?,
        scheme,
        roles,
        role,
        label: StoredLabel(meta.label),
        origin: Attempt {
            agreement: Digest(origin.agreement),
            session: SessionId(origin.session),
            number: origin.attempt,
        },
    })
}

impl Vault for StoreVault {
    fn fetch(&self, name: &str) -> Result<Option<StoredValue>, VaultError> {
        let (meta, payload) = match self.0.store.get(name) {
            Ok(found) => found,
            Err(StoreError::NoValue { .. }) => return Ok(None),
            Err(e @ StoreError::Corrupt { .. }) => {
                return Err(VaultError::Damaged { name: name.to_owned(), what: e.to_string() });
            }
            Err(e) => return Err(failed(e)),
        };
        let unknown = || VaultError::Damaged { name: name.to_owned(), what: "its description is none".to_owned() };
        let meta = read(meta, self.0.config.key.identity()).ok_or_else(unknown)?;
        Ok(Some(StoredValue { meta, bytes: Secret::from(payload.to_vec()) }))
    }

    fn prepare(&self, attempt: &Attempt, partners: &[Identity], values: Vec<StoredValue>) -> Result<(), VaultError> {
        match self.record(attempt)?.map(|r| r.standing) {
            None => {}
            Some(Standing::Aborted) => return Err(VaultError::Aborted),
            Some(_) => return Err(VaultError::Failed { what: "an attempt was prepared twice".into() }),
        }
        values.iter().try_for_each(|v| self.admit(v))?;
        let record = Record {
            attempt: *attempt,
            standing: Standing::Prepared,
            partners: partners.iter().map(Identity::to_string).collect(),
            names: values.iter().map(|v| v.meta.name.clone()).collect(),
        };
        let staged: Vec<(Meta, &[u8])> = values.iter().map(|v| (described(&v.meta), &*v.bytes)).collect();
        let (session, number) = (attempt.session.0, attempt.number);
        let prepare = |batch: &mut Batch<'_>| {
            batch.stage(session, number, &staged)?;
            batch.prepare(session, number)?;
            keep(batch, &record)
        };
        self.0.store.batch(prepare).map_err(failed)
    }

    fn answer(&self, attempt: &Attempt) -> Result<Standing, VaultError> {
        let record = self.record(attempt)?;
        let standing = settle::answer(record.as_ref().map(|r| r.standing));
        if record.is_none() {
            let record = Record { attempt: *attempt, standing, partners: Vec::new(), names: Vec::new() };
            self.0.store.batch(|batch| keep(batch, &record)).map_err(failed)?;
        }
        Ok(standing)
    }

    fn settle(&self, attempt: &Attempt, decision: Decision) -> Result<(), VaultError> {
        let record = self.record(attempt)?;
        let mut record = match (record, decision) {
            (Some(record), _) if record.standing == Standing::Prepared => record,
            (Some(record), decision) if record.standing == Standing::from(decision) => return Ok(()),
            _ => return Err(VaultError::Failed { what: "an attempt was settled that is not in doubt".into() }),
        };
        record.standing = decision.into();
        let (session, number) = (attempt.session.0, attempt.number);
        let settle = |batch: &mut Batch<'_>| {
            match decision {
                Decision::Commit => batch.commit_save(session, number)?,
                Decision::Abort => batch.abort_save(session, number)?,
            }
            keep(batch, &record)
        };
        self.0.store.batch(settle).map_err(failed)?;
        if decision == Decision::Commit {
            let session = Some(attempt.session.to_string());
            let stored = |name: &String| Event::Stored { name: name.clone(), session: session.clone() };
            let events: Vec<Event> = record.names.iter().map(stored).collect();
            self.0.note_all(&events).map_err(|e| VaultError::Failed { what: e.to_string() })?;
        }
        Ok(())
    }

    fn in_doubt(&self) -> Result<Vec<(Attempt, Vec<Identity>)>, VaultError> {
        let doubtful = self.records()?.into_iter().filter(|r| r.standing == Standing::Prepared);
        let read = |r: Record| {
            let partners = r.partners.iter().map(|p| p.parse()).collect::<Result<_, _>>().map_err(unreadable)?;
            Ok((r.attempt, partners))
        };
        doubtful.map(read).collect()
    }

    fn write(&self, note: &Note, bytes: &[u8]) -> Result<(), VaultError> {
        let key = serde_json::to_vec(note).map_err(unreadable)?;
        self.0.store.set_note(&topic(note.attempt.agreement, note.attempt.session), &key, bytes).map_err(failed)
    }

    fn read(&self, note: &Note) -> Result<Option<Secret>, VaultError> {
        let key = serde_json::to_vec(note).map_err(unreadable)?;
        let found = self.0.store.note(&topic(note.attempt.agreement, note.attempt.session), &key).map_err(failed)?;
        Ok(found.map(|bytes| Secret::from(bytes.to_vec())))
    }

    fn notes(&self, agreement: Digest, session: SessionId) -> Result<Vec<Note>, VaultError> {
        let found = self.0.store.notes(&topic(agreement, session)).map_err(failed)?;
        let read = |(key, _): &(Vec<u8>, _)| serde_json::from_slice(key).map_err(unreadable);
        let mut all: Vec<Note> = found.iter().map(read).collect::<Result<_, _>>()?;
        all.sort();
        Ok(all)
    }

    fn erase(&self, note: &Note) -> Result<(), VaultError> {
        let key = serde_json::to_vec(note).map_err(unreadable)?;
        let topic = topic(note.attempt.agreement, note.attempt.session);
        self.0.store.remove_note(&topic, &key).map(drop).map_err(failed)
    }
}

impl Office {
    /// Where an attempt of a session that was begun here stands, as one of its players asks.
    pub(crate) fn standing(self: &Arc<Self>, caller: Identity, attempt: &Attempt) -> Result<Standing, WorkerError> {
        let agreement = self.agreement_of(attempt.session)?;
        let unknown = || WorkerError::UnknownSession { id: attempt.session.to_string() };
        if agreement.digest() != attempt.agreement || !agreement.signers().contains_key(&caller) {
            return Err(unknown());
        }
        Ok(StoreVault(Arc::clone(self)).answer(attempt)?)
    }
}

fn keep(batch: &mut Batch<'_>, record: &Record) -> Result<(), StoreError> {
    // A record of digests and names always has a JSON form; an empty one would read as damaged.
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    batch.set_note(ATTEMPTS, &key(&record.attempt), &bytes)
}

fn key(attempt: &Attempt) -> Vec<u8> {
    [&attempt.agreement.0[..], &attempt.session.0, &attempt.number.to_be_bytes()].concat()
}

fn topic(agreement: Digest, session: SessionId) -> String {
    format!("{NOTES} {agreement} {session}")
}

fn failed(error: StoreError) -> VaultError {
    VaultError::Failed { what: error.to_string() }
}

fn unreadable(error: impl std::fmt::Display) -> VaultError {
    VaultError::Failed { what: format!("a record cannot be read: {error}") }
}
