//! Named values: payloads with their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use net::Identity;
use serde::{Deserialize, Serialize};

use crate::database::Read;
use crate::error::MOST_NAME;
use crate::payload::{self, Payload};
use crate::record::{Record, Table};
use crate::store::Batch;
use crate::{Digest, Secret, SessionId, Store, StoreError};

/// All that is known of a value besides its bytes. Authenticated with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// What it is called; 1 to 255 bytes without control characters.
    pub name: String,
    /// Whether it is the value or a share of it.
    pub kind: Kind,
    /// Its type in the language's text (`fixed<64, 16>`).
    pub dtype: String,
    /// Its shape; empty for a scalar.
    pub shape: Vec<u64>,
    /// The least and the greatest number that it may hold, if that is known.
    pub range: Option<(f64, f64)>,
    /// Its label: whose it is, and for each owner the readers that it allows. Public if there is no owner. A computation
    /// that loads it inherits this.
    #[serde(with = "label")]
    pub label: Label,
    /// The run that saved it; none if its owner put it here.
    pub origin: Option<Origin>,
    /// When it was saved, in milliseconds since 1970 (UTC), by this worker's clock.
    pub when: u64,
}

/// A label, by identity: names of players are one computation's own.
pub type Label = BTreeMap<Identity, BTreeSet<Identity>>;

/// A run that saved a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its agreement.
    pub agreement: Digest,
    /// Its session.
    pub session: SessionId,
    /// Its attempt.
    pub attempt: u32,
}

/// What the bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The value itself.
    Plain,
    /// One player's share.
    Share {
        /// The same at all players that hold a share, and at no other value.
        handle: Digest,
        /// The scheme's name (`replicated`).
        scheme: String,
        /// The part that this worker has in it, from 0.
        role: u32,
        /// Who has which part.
        #[serde(with = "identities")]
        roles: Vec<Identity>,
    },
}

impl Meta {
    /// Refuses names that cannot be.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let fits = (1..=MOST_NAME).contains(&self.name.len()) && !self.name.contains(char::is_control);
        if fits { Ok(()) } else { Err(StoreError::Name { name: self.name.chars().take(40).collect() }) }
    }

    /// What a payload is authenticated with.
    pub(crate) fn digest(&self) -> Result<[u8; 32], StoreError> {
        let bytes = postcard::to_allocvec(self).map_err(|e| StoreError::Database { what: e.to_string() })?;
        Ok(blake3::derive_key("privity 2026-11 store: description of a value v1", &bytes))
    }
}

/// A value's record.
#[derive(Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) meta: Meta,
    pub(crate) payload: Payload,
}

impl Record for Held {
    const TABLE: Table = Table::Values;
}

impl Store {
    /// Keeps a value, durably, in place of one of the same name, whose key is destroyed.
    ///
    /// Needs memory for one part (1 MiB) and the database's cache (64 MiB) besides the payload.
    pub fn put(&self, meta: &Meta, payload: &[u8]) -> Result<(), StoreError> {
        self.batch(|batch| batch.put(meta, payload))
    }

    /// A value. Needs memory for the payload and the database's cache.
    ///
    /// # Errors
    /// If there is none, or anything in it does not hold.
    pub fn get(&self, name: &str) -> Result<(Meta, Secret), StoreError> {
        // The key is taken while no batch can destroy it; the view then keeps the rest.
        let (view, held, key) = {
            let writing = self.lock_writing();
            let view = self.view()?;
            let held: Held = view.find(&[], name.as_bytes())?.ok_or_else(|| no_value(name))?;
            let key = payload::key(&writing.slots, &self.keys.wrapping, &self.id, &held.payload, &called(name))?;
            (view, held, key)
        };
        let plain = payload::read(&view, &key, &held.payload, &held.meta.digest()?, &called(name))?;
        Ok((held.meta, plain))
    }

    /// What is known of a value, without its payload; none if there is none.
    pub fn meta(&self, name: &str) -> Result<Option<Meta>, StoreError> {
        Ok(self.view()?.find::<Held>(&[], name.as_bytes())?.map(|held| held.meta))
    }

    /// All values by name, each with the bytes of its payload. Of a damaged store, those that are intact.
    pub fn list(&self) -> Result<Vec<(Meta, u64)>, StoreError> {
        let mut all: Vec<(Meta, u64)> =
            self.view()?.intact::<Held>()?.into_iter().map(|f| (f.record.meta, f.record.payload.length)).collect();
        all.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        Ok(all)
    }

    /// Removes a value and destroys its key, durably.
    ///
    /// Backups keep what they had; see the crate's documentation for what a disk may keep.
    ///
    /// # Errors
    /// If there is none.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.batch(|batch| batch.remove(name))
    }

    /// Writes a value's payload, in the clear, and gives what is known of it.
    ///
    /// # Errors
    /// As [`Store::get`], and those of the writer.
    pub fn export(&self, name: &str, to: &mut dyn Write) -> Result<Meta, StoreError> {
        let (meta, payload) = self.get(name)?;
        to.write_all(&payload)
            .and_then(|()| to.flush())
            .map_err(|source| StoreError::System { what: format!("exporting `{name}`"), source })?;
        Ok(meta)
    }
}

impl Batch<'_> {
    /// As [`Store::meta`].
    pub fn meta(&self, name: &str) -> Result<Option<Meta>, StoreError> {
        Ok(self.find::<Held>(&[], name.as_bytes())?.map(|held| held.meta))
    }

    /// As [`Store::put`].
    pub fn put(&mut self, meta: &Meta, payload: &[u8]) -> Result<(), StoreError> {
        meta.check()?;
        let payload = self.write_payload(&meta.digest()?, payload)?;
        self.hold(Held { meta: meta.clone(), payload })
    }

    /// As [`Store::remove`].
    pub fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        let held: Held = self.find(&[], name.as_bytes())?.ok_or_else(|| no_value(name))?;
        self.unset::<Held>(&[], name.as_bytes())?;
        self.drop_payload(&held.payload)
    }

    /// Makes a value visible in place of the one of its name.
    pub(crate) fn hold(&mut self, held: Held) -> Result<(), StoreError> {
        let name = held.meta.name.as_bytes();
        if let Some(old) = self.find::<Held>(&[], name)? {
            self.drop_payload(&old.payload)?;
        }
        self.set(&[], name, &held)
    }
}

/// How a value is called in an error.
pub(crate) fn called(name: &str) -> String {
    format!("value `{name}`")
}

fn no_value(name: &str) -> StoreError {
    StoreError::NoValue { name: name.chars().take(MOST_NAME).collect() }
}

/// An identity as its 32 bytes.
pub(crate) mod identity {
    use net::Identity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(identity: &Identity, s: S) -> Result<S::Ok, S::Error> {
        identity.as_bytes().serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Identity, D::Error> {
        <[u8; 32]>::deserialize(d).map(Identity::from_bytes)
    }
}

mod identities {
    use net::Identity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(identities: &[Identity], s: S) -> Result<S::Ok, S::Error> {
        identities.iter().map(Identity::as_bytes).collect::<Vec<_>>().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Identity>, D::Error> {
        Ok(Vec::<[u8; 32]>::deserialize(d)?.into_iter().map(Identity::from_bytes).collect())
    }
}

mod label {
    use std::collections::{BTreeMap, BTreeSet};

    use net::Identity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Label;

    type Bytes = BTreeMap<[u8; 32], BTreeSet<[u8; 32]>>;

    pub(super) fn serialize<S: Serializer>(label: &Label, s: S) -> Result<S::Ok, S::Error> {
        let bytes = |readers: &BTreeSet<Identity>| readers.iter().map(|r| *r.as_bytes()).collect();
        label.iter().map(|(owner, readers)| (*owner.as_bytes(), bytes(readers))).collect::<Bytes>().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Label, D::Error> {
        let identities = |readers: BTreeSet<[u8; 32]>| readers.into_iter().map(Identity::from_bytes).collect();
        let bytes = Bytes::deserialize(d)?;
        Ok(bytes.into_iter().map(|(owner, readers)| (Identity::from_bytes(owner), identities(readers))).collect())
    }
}
