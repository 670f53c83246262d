//! Checkpoints: the state of a session's loops, sealed like values and dropped with the session.

use serde::{Deserialize, Serialize};

use crate::database::Read;
use crate::payload::{self, Payload};
use crate::record::{Found, Record, Table};
use crate::store::Batch;
use crate::{Secret, SessionId, Store, StoreError};

/// One checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What of: which loop, or what else a session writes down.
    pub of: String,
    /// The attempt that made it. States of one iteration from two attempts do not fit together.
    pub attempt: u32,
    /// After how many iterations.
    pub iteration: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) payload: Payload,
}

impl Record for Kept {
    const TABLE: Table = Table::Checkpoints;
}

impl Checkpoint {
    fn key(&self) -> Vec<u8> {
        [&self.attempt.to_be_bytes()[..], &self.iteration.to_be_bytes(), self.of.as_bytes()].concat()
    }

    /// What its payload is authenticated with.
    pub(crate) fn digest(&self, session: &[u8]) -> [u8; 32] {
        let bytes = [session, &self.key()].concat();
        blake3::derive_key("privity 2026-11 store: checkpoint v1", &bytes)
    }

    pub(crate) fn called(&self) -> String {
        format!("checkpoint {} of `{}` (attempt {})", self.iteration, self.of, self.attempt)
    }
}

impl Store {
    /// As [`Batch::checkpoint`], durably.
    pub fn checkpoint(
        &self,
        session: SessionId,
        at: &Checkpoint,
        beside: Option<&Checkpoint>,
        state: &[u8],
    ) -> Result<(), StoreError> {
        self.batch(|batch| batch.checkpoint(session, at, beside, state))
    }

    /// A session's checkpoints, in order.
    pub fn checkpoints(&self, session: SessionId) -> Result<Vec<Checkpoint>, StoreError> {
        let mut all: Vec<Checkpoint> =
            self.view()?.of_scope::<Kept>(&session)?.into_iter().map(|f| f.record.checkpoint).collect();
        all.sort();
        Ok(all)
    }

    /// The state at a checkpoint; none if it is not kept.
    pub fn restore_checkpoint(&self, session: SessionId, at: &Checkpoint) -> Result<Option<Secret>, StoreError> {
        let called = at.called();
        let (view, kept, key) = {
            let writing = self.lock_writing();
            let view = self.view()?;
            let Some(kept) = view.find::<Kept>(&session, &at.key())? else { return Ok(None) };
            let key = payload::key(&writing.slots, &self.keys.wrapping, &self.id, &kept.payload, &called)?;
            (view, kept, key)
        };
        payload::read(&view, &key, &kept.payload, &at.digest(&session), &called).map(Some)
    }

    /// As [`Batch::drop_checkpoint`], durably.
    pub fn drop_checkpoint(&self, session: SessionId, at: &Checkpoint) -> Result<(), StoreError> {
        self.batch(|batch| batch.drop_checkpoint(session, at))
    }

    /// As [`Batch::drop_checkpoints`], durably.
    pub fn drop_checkpoints(&self, session: SessionId) -> Result<(), StoreError> {
        self.batch(|batch| batch.drop_checkpoints(session))
    }
}

impl Batch<'_> {
    /// Keeps a loop's state. Of its other states only the one `beside` it is kept.
    pub fn checkpoint(
        &mut self,
        session: SessionId,
        at: &Checkpoint,
        beside: Option<&Checkpoint>,
        state: &[u8],
    ) -> Result<(), StoreError> {
        let payload = self.write_payload(&at.digest(&session), state)?;
        for old in self.of_scope::<Kept>(&session)? {
            let checkpoint = &old.record.checkpoint;
            if checkpoint.of == at.of && (checkpoint == at || Some(checkpoint) != beside) {
                self.drop_one(session, old)?;
            }
        }
        self.set(&session, &at.key(), &Kept { checkpoint: at.clone(), payload })
    }

    /// Drops a checkpoint, if it is there.
    pub fn drop_checkpoint(&mut self, session: SessionId, at: &Checkpoint) -> Result<(), StoreError> {
        match self.find::<Kept>(&session, &at.key())? {
            Some(record) => self.drop_one(session, Found { scope: session.to_vec(), key: at.key(), record }),
            None => Ok(()),
        }
    }

    /// Drops all checkpoints of a session, and destroys their keys.
    pub fn drop_checkpoints(&mut self, session: SessionId) -> Result<(), StoreError> {
        for found in self.of_scope::<Kept>(&session)? {
            self.drop_one(session, found)?;
        }
        Ok(())
    }

    fn drop_one(&mut self, session: SessionId, gone: Found<Kept>) -> Result<(), StoreError> {
        self.unset::<Kept>(&session, &gone.key)?;
        self.drop_payload(&gone.record.payload)
    }
}
