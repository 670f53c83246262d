//! The vault of a worker's sessions, in its store: saved values, attempts in doubt, and notes for later attempts.

use std::sync::Arc;

use agreement::{Digest, SessionId};
use audit::Event;
use ir::Scheme;
use net::Identity;
use serde::{Deserialize, Serialize};
use session::settle::{self, Decision, Standing};
use session::{Attempt, Note, Secret, StoredLabel, StoredMeta, StoredValue, Subject, Vault, VaultError};
use store::{Batch, Checkpoint, Kind, Meta, Origin, StoreError};

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::Office;

/// Where the standings of attempts are kept, by attempt.
const ATTEMPTS: &str = "attempt";
/// What notes of sessions are called among the store's checkpoints: those about inputs, and those about a loop, which
/// are followed by its number.
const INPUTS: &str = "inputs";
const LOOP: &str = "loop ";

/// See the module.
pub(crate) struct StoreVault {
    office: Arc<Office>,
    /// Whose loads the audit log tells of.
    session: Option<SessionId>,
}

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

/// Why a batch was undone.
struct Refused(VaultError);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        Refused(failed(error))
    }
}

impl From<Refused> for WorkerError {
    fn from(Refused(error): Refused) -> WorkerError {
        error.into()
    }
}

impl From<VaultError> for Refused {
    fn from(error: VaultError) -> Refused {
        Refused(error)
    }
}

impl StoreVault {
    pub(crate) fn new(office: &Arc<Office>, session: Option<SessionId>) -> StoreVault {
        StoreVault { office: Arc::clone(office), session }
    }

    /// Reads and writes at once, so that no other call comes between: all or nothing.
    fn batch<T>(&self, change: impl FnOnce(&mut Batch<'_>) -> Result<T, Refused>) -> Result<T, VaultError> {
        self.office.store.batch(change).map_err(|Refused(error)| error)
    }
}

/// Whether a value may be staged: nothing of its name is staged already, and it may take the place of what is there. Asked
/// in the batch that stages it, so that no other one comes between.
fn admit(
    batch: &Batch<'_>,
    staged: &[(store::SessionId, Meta)],
    value: &StoredMeta,
    me: Identity,
) -> Result<(), VaultError> {
    let name = &value.name;
    if staged.iter().any(|(_, meta)| meta.name == *name) {
        return Err(VaultError::Busy { name: name.clone() });
    }
    let Some(old) = batch.meta(name).map_err(failed)? else { return Ok(()) };
    let old = read(old, me).ok_or_else(|| undescribed(name))?;
    value.may_replace(&old).map_err(|difference| VaultError::Taken { name: name.clone(), difference })
}

/// What a session is told of it.
fn of_vault(error: WorkerError) -> VaultError {
    match error {
        WorkerError::Vault(error) => error,
        WorkerError::Store(error) => failed(error),
        other => VaultError::Failed { what: other.to_string() },
    }
}

fn undescribed(name: &str) -> VaultError {
    VaultError::Damaged { name: name.to_owned(), what: "its description is none".to_owned() }
}

/// What the store authenticates a value with.
pub(crate) fn described(meta: &StoredMeta) -> Meta {
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
        range: meta.range,
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
        range: meta.range,
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
        let (meta, payload) = match self.office.store.get(name) {
            Ok(found) => found,
            Err(StoreError::NoValue { .. }) => return Ok(None),
            Err(e @ StoreError::Corrupt { .. }) => {
                return Err(VaultError::Damaged { name: name.to_owned(), what: e.to_string() });
            }
            Err(e) => return Err(failed(e)),
        };
        let meta = read(meta, self.office.config.key.identity()).ok_or_else(|| undescribed(name))?;
        if let Some(session) = self.session {
            let loaded = Event::Loaded { name: name.to_owned(), session: session.to_string() };
            self.office.journal.enter(&[loaded]).map_err(of_vault)?;
        }
        Ok(Some(StoredValue { meta, bytes: Secret::from(payload.to_vec()) }))
    }

    fn prepare(&self, attempt: &Attempt, partners: &[Identity], values: Vec<StoredValue>) -> Result<(), VaultError> {
        let record = Record {
            attempt: *attempt,
            standing: Standing::Prepared,
            partners: partners.iter().map(Identity::to_string).collect(),
            names: values.iter().map(|v| v.meta.name.clone()).collect(),
        };
        let me = self.office.config.key.identity();
        let values: Vec<(&StoredMeta, Meta, &[u8])> =
            values.iter().map(|v| (&v.meta, described(&v.meta), &*v.bytes)).collect();
        let (session, number) = (attempt.session.0, attempt.number);
        self.batch(|batch| {
            match recorded(batch, attempt)?.map(|r| r.standing) {
                None => {}
                Some(Standing::Aborted) => return Err(VaultError::Aborted.into()),
                Some(_) => return Err(VaultError::Failed { what: "an attempt was prepared twice".into() }.into()),
            }
            let before = batch.staged()?;
            values.iter().try_for_each(|(value, ..)| admit(batch, &before, value, me))?;
            let staged: Vec<(Meta, &[u8])> = values.iter().map(|(_, meta, bytes)| (meta.clone(), *bytes)).collect();
            batch.stage(session, number, &staged)?;
            batch.prepare(session, number)?;
            Ok(keep(batch, &record)?)
        })?;
        tracing::debug!(session = %attempt.session, values = record.names.len(), "what it saves is staged");
        Ok(())
    }

    fn answer(&self, attempt: &Attempt) -> Result<Standing, VaultError> {
        self.batch(|batch| {
            let record = recorded(batch, attempt)?;
            let standing = settle::answer(record.as_ref().map(|r| r.standing));
            if record.is_none() {
                keep(batch, &Record { attempt: *attempt, standing, partners: Vec::new(), names: Vec::new() })?;
            }
            Ok(standing)
        })
    }

    fn settle(&self, attempt: &Attempt, decision: Decision) -> Result<(), VaultError> {
        let (session, number) = (attempt.session.0, attempt.number);
        let settled = self.office.journal.change(|batch, events| {
            let mut record = match (recorded(batch, attempt)?, decision) {
                (Some(record), _) if record.standing == Standing::Prepared => record,
                (Some(record), decision) if record.standing == Standing::from(decision) => return Ok(()),
                _ => {
                    let what = "an attempt was settled that is not in doubt".into();
                    return Err(VaultError::Failed { what }.into());
                }
            };
            record.standing = decision.into();
            match decision {
                Decision::Commit => batch.commit_save(session, number)?,
                Decision::Abort => batch.abort_save(session, number)?,
            }
            keep(batch, &record)?;
            if decision == Decision::Commit {
                let session = Some(attempt.session.to_string());
                events.extend(record.names.into_iter().map(|name| Event::Stored { name, session: session.clone() }));
            }
            Ok(())
        });
        settled.map_err(of_vault)?;
        tracing::debug!(session = %attempt.session, committed = decision == Decision::Commit, "what it saves is settled");
        Ok(())
    }

    fn in_doubt(&self) -> Result<Vec<(Attempt, Vec<Identity>)>, VaultError> {
        let mut found = Vec::new();
        for (session, number) in self.office.store.in_doubt().map_err(failed)? {
            let Some(known) = self.office.store.session(session).map_err(failed)? else { continue };
            let attempt = Attempt { agreement: Digest(known.agreement), session: SessionId(session), number };
            let kept = self.office.store.note(ATTEMPTS, &key(&attempt)).map_err(failed)?;
            let Some(record) = kept.map(|bytes| parse(&bytes)).transpose()? else { continue };
            let partners = record.partners.iter().map(|p| p.parse()).collect::<Result<_, _>>().map_err(unreadable)?;
            found.push((attempt, partners));
        }
        Ok(found)
    }

    fn write(&self, note: &Note, beside: Option<&Note>, bytes: &[u8]) -> Result<(), VaultError> {
        let (at, beside) = (checkpoint(note), beside.map(checkpoint));
        self.office.store.checkpoint(note.attempt.session.0, &at, beside.as_ref(), bytes).map_err(failed)?;
        tracing::debug!(session = %note.attempt.session, of = at.of, iteration = at.iteration, "a checkpoint is written");
        Ok(())
    }

    fn read(&self, note: &Note) -> Result<Option<Secret>, VaultError> {
        let found = self.office.store.restore_checkpoint(note.attempt.session.0, &checkpoint(note)).map_err(failed)?;
        Ok(found.map(|bytes| Secret::from(bytes.to_vec())))
    }

    /// A session has one agreement: the ledger sees to that.
    fn notes(&self, agreement: Digest, session: SessionId) -> Result<Vec<Note>, VaultError> {
        let kept = self.office.store.checkpoints(session.0).map_err(failed)?;
        let attempt = |number| Attempt { agreement, session, number };
        let read = |at: Checkpoint| {
            let subject = subject(&at).ok_or_else(|| unreadable(&at.of))?;
            Ok(Note { attempt: attempt(at.attempt), subject })
        };
        let mut all: Vec<Note> = kept.into_iter().map(read).collect::<Result<_, VaultError>>()?;
        all.sort();
        Ok(all)
    }

    fn forget(&self, _: Digest, session: SessionId) -> Result<(), VaultError> {
        self.office.store.drop_checkpoints(session.0).map_err(failed)
    }
}

impl Office {
    /// Where an attempt of a session that was begun here stands, as one of its players asks.
    pub(crate) fn standing(self: &Arc<Self>, caller: Identity, attempt: &Attempt) -> Result<Standing, WorkerError> {
        let agreement = self.agreement_of(attempt.session)?;
        let unknown = || WorkerError::UnknownSession { id: attempt.session.to_string() };
        let stranger = agreement.digest() != attempt.agreement || !agreement.signers().contains_key(&caller);
        // What is answered is recorded: not for numbers that no attempt can have.
        if stranger || attempt.number >= session::ATTEMPTS {
            return Err(unknown());
        }
        Ok(StoreVault::new(self, None).answer(attempt)?)
    }

    /// Forgets attempts at sessions that the ledger no longer has: nobody can ask for these.
    pub(crate) fn forget_attempts(&self) -> Result<(), WorkerError> {
        let kept = self.store.notes(ATTEMPTS)?;
        let mut gone = Vec::new();
        for (key, bytes) in kept {
            let record: Record = parse(&bytes)?;
            if self.store.session(record.attempt.session.0)?.is_none() {
                gone.push(key);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        Ok(self.store.batch(|batch| gone.iter().try_for_each(|key| batch.remove_note(ATTEMPTS, key).map(drop)))?)
    }
}

/// What is recorded of an attempt.
fn recorded(batch: &Batch<'_>, attempt: &Attempt) -> Result<Option<Record>, Refused> {
    let kept = batch.note(ATTEMPTS, &key(attempt))?;
    Ok(kept.map(|bytes| parse(&bytes)).transpose()?)
}

fn parse(bytes: &[u8]) -> Result<Record, VaultError> {
    serde_json::from_slice(bytes).map_err(unreadable)
}

fn keep(batch: &mut Batch<'_>, record: &Record) -> Result<(), StoreError> {
    // A record of digests and names always has a JSON form; an empty one would read as damaged.
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    batch.set_note(ATTEMPTS, &key(&record.attempt), &bytes)
}

fn key(attempt: &Attempt) -> Vec<u8> {
    [&attempt.agreement.0[..], &attempt.session.0, &attempt.number.to_be_bytes()].concat()
}

/// What the store calls a note.
fn checkpoint(note: &Note) -> Checkpoint {
    let (of, iteration) = match note.subject {
        Subject::Inputs => (INPUTS.to_owned(), 0),
        Subject::Loop { index, iteration } => (format!("{LOOP}{index}"), iteration),
    };
    Checkpoint { of, attempt: note.attempt.number, iteration }
}

/// The same, read back.
fn subject(at: &Checkpoint) -> Option<Subject> {
    match at.of.strip_prefix(LOOP) {
        Some(index) => Some(Subject::Loop { index: index.parse().ok()?, iteration: at.iteration }),
        None => (at.of == INPUTS).then_some(Subject::Inputs),
    }
}

fn failed(error: StoreError) -> VaultError {
    VaultError::Failed { what: error.to_string() }
}

fn unreadable(error: impl std::fmt::Display) -> VaultError {
    VaultError::Failed { what: format!("a record cannot be read: {error}") }
}
