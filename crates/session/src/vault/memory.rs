//! A vault in memory: for runs in one process. What it holds dies with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agreement::{Digest, SessionId};
use net::Identity;

use super::{Attempt, Note, Secret, StoredMeta, StoredValue, Vault, VaultError};
use crate::settle::{self, Decision, Standing};

/// See the module.
#[derive(Default)]
pub struct MemoryVault(Mutex<State>);

#[derive(Default)]
struct State {
    values: BTreeMap<String, StoredValue>,
    staged: BTreeMap<Attempt, (Vec<Identity>, Vec<StoredValue>)>,
    standings: BTreeMap<Attempt, Standing>,
    notes: BTreeMap<Note, Secret>,
}

impl MemoryVault {
    /// What is stored, by name.
    pub fn list(&self) -> Vec<StoredMeta> {
        self.lock().values.values().map(|v| v.meta.clone()).collect()
    }

    /// Puts a value there as it is, outside of any session.
    pub fn put(&self, value: StoredValue) {
        self.lock().values.insert(value.meta.name.clone(), value);
    }

    /// Removes a value. Says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.lock().values.remove(name).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a value may be staged by an attempt.
    fn admit(&self, value: &StoredValue) -> Result<(), VaultError> {
        let name = &value.meta.name;
        if self.staged.values().flat_map(|(_, values)| values).any(|v| v.meta.name == *name) {
            return Err(VaultError::Busy { name: name.clone() });
        }
        let Some(old) = self.values.get(name) else { return Ok(()) };
        value.meta.may_replace(&old.meta).map_err(|difference| VaultError::Taken { name: name.clone(), difference })
    }
}

impl Vault for MemoryVault {
    fn fetch(&self, name: &str) -> Result<Option<StoredValue>, VaultError> {
        Ok(self.lock().values.get(name).cloned())
    }

    fn prepare(&self, attempt: &Attempt, partners: &[Identity], values: Vec<StoredValue>) -> Result<(), VaultError> {
        let mut state = self.lock();
        match state.standings.get(attempt) {
            None => {}
            Some(Standing::Aborted) => return Err(VaultError::Aborted),
            Some(_) => return Err(VaultError::Failed { what: "an attempt was prepared twice".into() }),
        }
        values.iter().try_for_each(|v| state.admit(v))?;
        state.standings.insert(*attempt, Standing::Prepared);
        state.staged.insert(*attempt, (partners.to_vec(), values));
        Ok(())
    }

    fn answer(&self, attempt: &Attempt) -> Result<Standing, VaultError> {
        let mut state = self.lock();
        let standing = settle::answer(state.standings.get(attempt).copied());
        state.standings.insert(*attempt, standing);
        Ok(standing)
    }

    fn settle(&self, attempt: &Attempt, decision: Decision) -> Result<(), VaultError> {
        let mut state = self.lock();
        match (state.standings.get(attempt), decision) {
            (Some(Standing::Prepared), _) => {}
            (Some(Standing::Committed), Decision::Commit) | (Some(Standing::Aborted), Decision::Abort) => return Ok(()),
            _ => return Err(VaultError::Failed { what: "an attempt was settled that is not in doubt".into() }),
        }
        let (_, values) = state.staged.remove(attempt).unwrap_or_default();
        if decision == Decision::Commit {
            state.values.extend(values.into_iter().map(|v| (v.meta.name.clone(), v)));
        }
        state.standings.insert(*attempt, decision.into());
        Ok(())
    }

    fn in_doubt(&self) -> Result<Vec<(Attempt, Vec<Identity>)>, VaultError> {
        Ok(self.lock().staged.iter().map(|(attempt, (partners, _))| (*attempt, partners.clone())).collect())
    }

    fn write(&self, note: &Note, beside: Option<&Note>, bytes: &[u8]) -> Result<(), VaultError> {
        let mut state = self.lock();
        let same = |n: &Note| {
            let of = |n: &Note| (n.attempt.agreement, n.attempt.session);
            of(n) == of(note) && n.subject.is_of(&note.subject)
        };
        state.notes.retain(|n, _| !same(n) || Some(n) == beside);
        state.notes.insert(*note, bytes.to_vec().into());
        Ok(())
    }

    fn read(&self, note: &Note) -> Result<Option<Secret>, VaultError> {
        Ok(self.lock().notes.get(note).cloned())
    }

    fn notes(&self, agreement: Digest, session: SessionId) -> Result<Vec<Note>, VaultError> {
        let state = self.lock();
        let ours = |n: &&Note| (n.attempt.agreement, n.attempt.session) == (agreement, session);
        Ok(state.notes.keys().filter(ours).copied().collect())
    }

    fn forget(&self, agreement: Digest, session: SessionId) -> Result<(), VaultError> {
        self.lock().notes.retain(|n, _| (n.attempt.agreement, n.attempt.session) != (agreement, session));
        Ok(())
    }
}
