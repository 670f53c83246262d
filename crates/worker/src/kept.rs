//! Where this worker keeps what rounds of aggregation give it: shares in its store, as a session would have saved them, so that
//! `load` in a program takes them as any saved value; and what it unmasked alone in its memory, for sessions of one agreement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aggregator::{Keeper, Kept, Part, Terms};
use agreement::{Digest, SessionId};
use algebra::Tensor;
use audit::Event;
use ir::{DType, RingBits, Scheme};
use schemes::replicated::Share;
use schemes::{Plain, Value};
use session::{Attempt, StoredLabel, StoredMeta, StoredValue, VaultError};

use crate::office::Office;
use crate::rounds;
use crate::vault;

/// What this worker's machine has in its memory alone, by its name: sums over groups of agreements, in the clear. Nothing of it
/// goes into the store, which is its operator's.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<String, StoredValue>>);

impl Memory {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.with(|kept| kept.contains_key(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<StoredValue> {
        self.with(|kept| kept.get(name).cloned())
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, StoredValue>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keeps shares in the worker's store.
pub(crate) struct StoreKeeper(pub(crate) Arc<Office>, pub(crate) Terms);

impl Keeper for StoreKeeper {
    fn keep(&self, kept: &Kept) -> Result<(), aggregator::Error> {
        agreed(&self.0, &self.1)?;
        let (meta, value) = (described(kept, Scheme::Replicated), value(kept));
        let stored = self.0.journal.change(|batch, events| {
            match batch.meta(&meta.name)? {
                // It was kept before a restart.
                Some(old) if old.origin == vault::described(&meta).origin => Ok(()),
                Some(_) => Err(taken(&meta.name).into()),
                None => {
                    batch.put(&vault::described(&meta), &value.to_bytes())?;
                    events.push(Event::Stored { name: kept.name.clone(), session: None });
                    Ok(())
                }
            }
        });
        stored.map_err(system)
    }
}

/// Keeps the whole in this process's memory.
pub(crate) struct MachineKeeper(pub(crate) Arc<Office>, pub(crate) Terms);

impl Keeper for MachineKeeper {
    fn keep(&self, kept: &Kept) -> Result<(), aggregator::Error> {
        agreed(&self.0, &self.1)?;
        // To a session this worker is the holder, whatever key its machine made for the round.
        let meta = StoredMeta { roles: vec![self.0.config.key.identity()], ..described(kept, Scheme::Enclave) };
        let stored = StoredValue { bytes: value(kept).to_bytes().into(), meta };
        self.0.inside.with(|known| match known.get(&stored.meta.name) {
            Some(old) if old.meta.origin == stored.meta.origin => Ok(()),
            Some(_) => Err(system(taken(&stored.meta.name))),
            None => {
                tracing::info!(name = stored.meta.name, "what members contributed is in this machine's memory");
                known.insert(stored.meta.name.clone(), stored);
                Ok(())
            }
        })
    }
}

/// A sum for an agreement is kept only if this worker knows the agreement, and the terms are those that follow from it: nobody else
/// counts the members.
fn agreed(office: &Office, terms: &Terms) -> Result<(), aggregator::Error> {
    let Some(named) = &terms.draft().agreement else { return Ok(()) };
    let digest: Digest = named.digest.parse().map_err(|_| system("the agreement's digest is none"))?;
    let agreement = office.proposed(&digest.0).map_err(system)?;
    rounds::check(&agreement, terms).map(drop).map_err(system)
}

fn system(what: impl ToString) -> aggregator::Error {
    aggregator::Error::System { what: what.to_string() }
}

fn taken(name: &str) -> VaultError {
    VaultError::Taken { name: name.to_owned(), difference: "it is no part of this round's sum".into() }
}

/// As if an attempt had saved it that is named by the terms, the round, and what parts of one sum have in common.
fn described(kept: &Kept, scheme: Scheme) -> StoredMeta {
    let mut session = [0; 16];
    session.copy_from_slice(&kept.origin[..16]);
    StoredMeta {
        name: kept.name.clone(),
        dtype: DType::Fixed { ring: RingBits::B64, frac: kept.fraction as u8 },
        shape: shape(kept),
        scheme,
        roles: kept.holders.clone(),
        role: kept.role,
        range: Some((-kept.bound, kept.bound)),
        label: StoredLabel(BTreeMap::from([(kept.owner, BTreeSet::from([kept.owner]))])),
        origin: Attempt { agreement: Digest(kept.terms), session: SessionId(session), number: kept.round as u32 },
    }
}

fn value(kept: &Kept) -> Value {
    let tensor = |values: &[u64]| {
        let flat = Tensor::from_vec(values.to_vec());
        flat.reshape(shape(kept)).unwrap_or(flat)
    };
    match &kept.part {
        Part::Shares { own, next } => Value::Rep64(Share::new(tensor(own), tensor(next))),
        Part::Whole(values) => Value::Plain(Plain::Fixed64(tensor(values), kept.fraction as u8)),
    }
}

/// Of a sum the vector; of each contribution a row.
fn shape(kept: &Kept) -> Vec<usize> {
    match kept.rows {
        Some(rows) => vec![rows, kept.part.len().checked_div(rows).unwrap_or(0)],
        None => vec![kept.part.len()],
    }
}
