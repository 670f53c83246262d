//! This worker as an aggregator of clients' rounds, whose sums it keeps as shares for computations among the three.
//!
//! ```toml
//! [[aggregate]]
//! terms = "terms.toml"         # terms with [shares], in which this worker's key is an aggregator's
//! enrolment = "clients.list"   # its own copy of the enroller's list
//! ```
//!
//! A part is put into the store as a session would have saved it, so `load` in a program takes it as any saved value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aggregator::{Enrolled, Keeper, Kept, Member, Memories, Terms};
use agreement::{Digest, SessionId};
use algebra::Tensor;
use audit::Event;
use ir::{DType, RingBits, Scheme};
use net::KeyPair;
use schemes::Value;
use schemes::replicated::Share;
use serde::Deserialize;
use session::{Attempt, StoredLabel, StoredMeta, VaultError};

use crate::error::{ClientError, WorkerError};
use crate::office::Office;
use crate::rounds;
use crate::vault;

/// `[[aggregate]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAggregate {
    terms: PathBuf,
    enrolment: PathBuf,
    address: Option<String>,
}

/// Rounds in which this worker is an aggregator.
pub struct Aggregation {
    terms: Terms,
    enrolled: Enrolled,
    address: Option<String>,
}

impl Aggregation {
    /// What a configuration says, read in.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub(crate) fn read(raw: RawAggregate, base: &Path, key: Option<&KeyPair>) -> Result<Self, String> {
        let at = |what: String| format!("[[aggregate]] {}: {what}", raw.terms.display());
        let text =
            |file: &Path| std::fs::read_to_string(base.join(file)).map_err(|e| at(format!("{}: {e}", file.display())));
        let terms = Terms::parse(&text(&raw.terms)?).map_err(|e| at(e.to_string()))?;
        let enrolled = Enrolled::parse(&terms, &text(&raw.enrolment)?).map_err(|e| at(e.to_string()))?;
        if terms.draft().shares.is_none() {
            return Err(at("these terms publish their sums: run their aggregator with `privity aggregator`".into()));
        }
        if key.is_some_and(|key| !terms.holders().contains(&key.identity())) {
            return Err(at("this worker's key is not that of an aggregator of these terms".into()));
        }
        Ok(Self { terms, enrolled, address: raw.address })
    }

    /// Takes part in all rounds, until they are over or something is wrong that waiting cannot mend.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(crate) fn start(&self, office: &Arc<Office>) -> Result<impl Future<Output = ()> + Send + use<>, ClientError> {
        let (terms, list) = (self.terms.clone(), self.enrolled.clone());
        let name = terms.draft().name.clone();
        let failed = |e: aggregator::Error| ClientError::System { what: format!("[[aggregate]] {name}: {e}") };
        let folder = office.config.store.rounds();
        let member = Memories::in_folder(&folder)
            .and_then(|memories| Member::new(terms, list, office.config.key.clone(), memories, self.address.clone()));
        let member = member.map_err(failed)?.keeping(Arc::new(StoreKeeper(Arc::clone(office), self.terms.clone())));
        Ok(async move {
            match member.run().await {
                Ok(()) => tracing::info!(terms = name, "all rounds are over"),
                Err(error) => tracing::error!(terms = name, %error, "no part in these rounds any more"),
            }
        })
    }
}

/// Keeps parts in the worker's store.
struct StoreKeeper(Arc<Office>, Terms);

impl StoreKeeper {
    /// A sum for an agreement is kept only if this worker knows the agreement, and the terms are those that follow from it:
    /// nobody else counts the members.
    fn agreed(&self) -> Result<(), String> {
        let Some(named) = &self.1.draft().agreement else { return Ok(()) };
        let digest: Digest = named.digest.parse().map_err(|_| "the agreement's digest is none".to_owned())?;
        let agreement = self.0.proposed(&digest.0).map_err(|e| e.to_string())?;
        rounds::check(&agreement, &self.1).map(drop).map_err(|e| e.to_string())
    }
}

impl Keeper for StoreKeeper {
    fn keep(&self, part: &Kept) -> Result<(), aggregator::Error> {
        self.agreed().map_err(|what| aggregator::Error::System { what })?;
        let meta = described(part);
        let stored = self.0.journal.change(|batch, events| {
            match batch.meta(&meta.name)? {
                // It was kept before a restart.
                Some(old) if old.origin == vault::described(&meta).origin => Ok(()),
                Some(_) => Err(taken(&meta.name)),
                None => {
                    batch.put(&vault::described(&meta), &value(part).to_bytes())?;
                    events.push(Event::Stored { name: part.name.clone(), session: None });
                    Ok(())
                }
            }
        });
        stored.map_err(|e| aggregator::Error::System { what: e.to_string() })
    }
}

fn taken(name: &str) -> WorkerError {
    VaultError::Taken { name: name.to_owned(), difference: "it is no part of this round's sum".into() }.into()
}

/// As if an attempt had saved it that is named by the terms, the round, and what parts of one sum have in common.
fn described(part: &Kept) -> StoredMeta {
    let mut session = [0; 16];
    session.copy_from_slice(&part.origin[..16]);
    StoredMeta {
        name: part.name.clone(),
        dtype: DType::Fixed { ring: RingBits::B64, frac: part.fraction as u8 },
        shape: shape(part),
        scheme: Scheme::Replicated,
        roles: part.holders.clone(),
        role: part.role,
        range: Some((-part.bound, part.bound)),
        label: StoredLabel(BTreeMap::from([(part.owner, BTreeSet::from([part.owner]))])),
        origin: Attempt { agreement: Digest(part.terms), session: SessionId(session), number: part.round as u32 },
    }
}

fn value(part: &Kept) -> Value {
    let tensor = |values: &[u64]| {
        let flat = Tensor::from_vec(values.to_vec());
        flat.reshape(shape(part)).unwrap_or(flat)
    };
    Value::Rep64(Share::new(tensor(&part.own), tensor(&part.next)))
}

/// Of a sum the vector; of each contribution a row.
fn shape(part: &Kept) -> Vec<usize> {
    match part.rows {
        Some(rows) => vec![rows, part.own.len().checked_div(rows).unwrap_or(0)],
        None => vec![part.own.len()],
    }
}
