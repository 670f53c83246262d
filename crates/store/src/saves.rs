//! Two-phase saves: values of a session that become visible everywhere or nowhere.
//!
//! A worker stages the values of an attempt (durable, invisible), and prepares: from then on it commits or aborts as its
//! peers decide, also after a restart. Until it is prepared it may abort alone, and a restart does; an attempt that was
//! aborted can never be prepared. Every step can be repeated.

use serde::{Deserialize, Serialize};

use crate::database::Read;
use crate::record::{Record, Table};
use crate::store::Batch;
use crate::value::Held;
use crate::{Meta, SessionId, Store, StoreError};

/// How far the save of a session's attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Values are staged; the worker may still abort alone.
    Staged,
    /// The worker does as its peers decide.
    Prepared,
    /// The values are visible.
    Committed,
    /// The values are gone; the attempt can never be prepared.
    Aborted,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Staged => "staged",
            Phase::Prepared => "prepared",
            Phase::Committed => "committed",
            Phase::Aborted => "aborted",
        }
    }
}

/// The save of a session's latest attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Save {
    /// The attempt.
    pub attempt: u32,
    /// How far it is.
    pub phase: Phase,
}

impl Record for Save {
    const TABLE: Table = Table::Saves;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StagedValue(pub(crate) Held);

impl Record for StagedValue {
    const TABLE: Table = Table::Staged;
}

impl Store {
    /// As [`Batch::stage`], durably.
    pub fn stage(&self, session: SessionId, attempt: u32, values: &[(Meta, &[u8])]) -> Result<(), StoreError> {
        self.batch(|batch| batch.stage(session, attempt, values))
    }

    /// As [`Batch::prepare`], durably.
    pub fn prepare(&self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        self.batch(|batch| batch.prepare(session, attempt))
    }

    /// As [`Batch::commit_save`], durably.
    pub fn commit(&self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        self.batch(|batch| batch.commit_save(session, attempt))
    }

    /// As [`Batch::abort_save`], durably.
    pub fn abort(&self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        self.batch(|batch| batch.abort_save(session, attempt))
    }

    /// How far the save of a session is; none if nothing was staged or aborted.
    pub fn save_of(&self, session: SessionId) -> Result<Option<Save>, StoreError> {
        self.view()?.find(&session, &[])
    }

    /// What sessions have staged and neither committed nor aborted, without payloads.
    pub fn staged(&self) -> Result<Vec<(SessionId, Meta)>, StoreError> {
        staged(&self.view()?)
    }

    /// Whether this attempt's save is prepared, and not decided.
    pub fn prepared(&self, session: SessionId, attempt: u32) -> Result<bool, StoreError> {
        Ok(self.save_of(session)? == Some(Save { attempt, phase: Phase::Prepared }))
    }

    /// Sessions whose save is prepared and not decided: to be settled with the peers after a restart.
    pub fn in_doubt(&self) -> Result<Vec<(SessionId, u32)>, StoreError> {
        self.in_phase(Phase::Prepared)
    }

    /// Aborts what was staged and not prepared: after a restart, since the session that staged it is gone.
    pub fn abort_unprepared(&self) -> Result<Vec<(SessionId, u32)>, StoreError> {
        let staged = self.in_phase(Phase::Staged)?;
        if !staged.is_empty() {
            self.batch(|batch| staged.iter().try_for_each(|(session, attempt)| batch.abort_save(*session, *attempt)))?;
        }
        Ok(staged)
    }

    fn in_phase(&self, phase: Phase) -> Result<Vec<(SessionId, u32)>, StoreError> {
        let saves = self.view()?.all::<Save>()?.into_iter().filter(|f| f.record.phase == phase);
        let mut found: Vec<(SessionId, u32)> =
            saves.filter_map(|f| Some((f.scope.try_into().ok()?, f.record.attempt))).collect();
        found.sort_unstable();
        Ok(found)
    }
}

impl Batch<'_> {
    /// As [`Store::save_of`].
    pub fn save_of(&self, session: SessionId) -> Result<Option<Save>, StoreError> {
        self.find(&session, &[])
    }

    /// As [`Store::staged`].
    pub fn staged(&self) -> Result<Vec<(SessionId, Meta)>, StoreError> {
        staged(self)
    }

    /// Stages values of a session's attempt, invisibly. A value staged before under the same name is replaced; what an
    /// earlier attempt staged and did not prepare is dropped.
    ///
    /// # Errors
    /// If this attempt, or a later one, is prepared or decided; or an earlier one is prepared or committed.
    pub fn stage(&mut self, session: SessionId, attempt: u32, values: &[(Meta, &[u8])]) -> Result<(), StoreError> {
        match self.save_of(session)? {
            None => {}
            Some(save) if save == (Save { attempt, phase: Phase::Staged }) => {}
            Some(save) if save.attempt < attempt && matches!(save.phase, Phase::Staged | Phase::Aborted) => {
                self.drop_staged(session)?;
            }
            Some(save) => return Err(refused(session, save, "staged")),
        }
        for (meta, payload) in values {
            meta.check()?;
            let name = meta.name.as_bytes();
            if let Some(StagedValue(old)) = self.find(&session, name)? {
                self.drop_payload(&old.payload)?;
            }
            let payload = self.write_payload(&meta.digest()?, payload)?;
            self.set(&session, name, &StagedValue(Held { meta: meta.clone(), payload }))?;
        }
        self.set(&session, &[], &Save { attempt, phase: Phase::Staged })
    }

    /// Promises to commit or abort as the peers decide. A session that saves nothing may prepare without staging.
    ///
    /// # Errors
    /// If the attempt was aborted or committed, or is not the latest.
    pub fn prepare(&mut self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        match self.save_of(session)? {
            None => {}
            Some(save) if save.attempt == attempt && matches!(save.phase, Phase::Staged | Phase::Prepared) => {}
            Some(save) => return Err(refused(session, save, "prepared")),
        }
        self.set(&session, &[], &Save { attempt, phase: Phase::Prepared })
    }

    /// Makes all values of a prepared attempt visible, each in place of the one of its name. Again is no error.
    ///
    /// # Errors
    /// If the attempt is not prepared.
    pub fn commit_save(&mut self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        match self.save_of(session)? {
            Some(save) if save == (Save { attempt, phase: Phase::Committed }) => return Ok(()),
            Some(save) if save == (Save { attempt, phase: Phase::Prepared }) => {}
            Some(save) => return Err(refused(session, save, "committed")),
            None => return Err(StoreError::NotBegun { session: hex::encode(session) }),
        }
        for found in self.of_scope::<StagedValue>(&session)? {
            self.unset::<StagedValue>(&session, &found.key)?;
            self.hold(found.record.0)?;
        }
        self.set(&session, &[], &Save { attempt, phase: Phase::Committed })
    }

    /// Drops what an attempt staged, prepared or not, and records that it can never be prepared: also if nothing was
    /// staged yet. Again is no error.
    ///
    /// # Errors
    /// If the attempt was committed, or a later one has begun.
    pub fn abort_save(&mut self, session: SessionId, attempt: u32) -> Result<(), StoreError> {
        match self.save_of(session)? {
            Some(save) if save.attempt > attempt => return Err(refused(session, save, "aborted")),
            Some(save) if save.phase == Phase::Committed => return Err(refused(session, save, "aborted")),
            Some(save) if save.attempt < attempt && save.phase == Phase::Prepared => {
                return Err(refused(session, save, "aborted"));
            }
            _ => self.drop_staged(session)?,
        }
        self.set(&session, &[], &Save { attempt, phase: Phase::Aborted })
    }

    fn drop_staged(&mut self, session: SessionId) -> Result<(), StoreError> {
        for found in self.of_scope::<StagedValue>(&session)? {
            self.unset::<StagedValue>(&session, &found.key)?;
            self.drop_payload(&found.record.0.payload)?;
        }
        Ok(())
    }
}

fn staged(from: &impl Read) -> Result<Vec<(SessionId, Meta)>, StoreError> {
    let all = from.all::<StagedValue>()?.into_iter();
    let mut found: Vec<(SessionId, Meta)> =
        all.filter_map(|f| Some((f.scope.try_into().ok()?, f.record.0.meta))).collect();
    found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    Ok(found)
}

fn refused(session: SessionId, save: Save, asked: &'static str) -> StoreError {
    StoreError::Phase { session: hex::encode(session), phase: save.phase.name(), asked }
}
