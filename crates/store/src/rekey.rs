//! A new root key under a new wrapping.
//!
//! Everything is made for the next generation beside what is there; one transaction of the database then decides. A crash
//! before it leaves the old key in force, a crash after it the new one; the rest is tidied when the store is opened.

use std::sync::Mutex;

use zeroize::Zeroizing;

use crate::database::{self, RECORDS, Read};
use crate::header::Header;
use crate::key::{KeySource, RootKey};
use crate::payload::Payload;
use crate::record;
use crate::seal::{self, Keys};
use crate::slots::Slots;
use crate::store::{Tally, Writing, write_generation, write_tally};
use crate::verify;
use crate::{Store, StoreError, fail};

impl Store {
    /// Gives the store a new root key, wrapped by `source`: from then on only that opens it.
    ///
    /// Payloads keep their own keys, which are wrapped anew. Who had the old root key and keeps an old copy of the folder
    /// can still read that copy.
    ///
    /// # Errors
    /// If the store does not verify, or the source fails: then the old key stays in force.
    pub fn rekey(&mut self, source: &dyn KeySource) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Err(StoreError::ReadOnly);
        }
        let next = self.generation + 1;
        let root = RootKey::random()?;
        let keys = Keys::of(&root);
        let mut header = Header::read(&self.dir)?;
        header.keys.retain(|key| key.generation == self.generation);
        header.add(next, &root, source)?;

        let writing = self.next_generation(next, &keys, &header)?;
        self.keys = keys;
        self.generation = next;
        self.writing = Mutex::new(writing);

        header.keys.retain(|key| key.generation == next);
        header.write(&self.dir)?;
        Slots::destroy_file(&self.dir, next - 1)
    }

    /// Writes keys and records for the next generation, and makes it the one in force.
    fn next_generation(&self, generation: u64, keys: &Keys, header: &Header) -> Result<Writing, StoreError> {
        let writing = self.lock_writing();
        let view = self.view()?;
        let survey = verify::survey(&view, &writing)?;
        if let Some(problem) = survey.problems.into_iter().next() {
            return Err(problem);
        }
        let tally = Tally { batches: writing.tally.batches, ..Tally::default() };
        let mut next = Writing { slots: Slots::create(&self.dir, generation)?, tally };
        for payload in &survey.payloads {
            let wrapped = self.rewrap(&writing.slots, keys, &payload.payload, &payload.of)?;
            next.slots.put_at(payload.payload.slot, &wrapped)?;
        }
        next.note_count(keys, &self.id)?;
        next.slots.keep(&survey.slots)?;
        header.write(&self.dir)?;
        fail::point("rekey: header has both keys");

        next.tally.batches += 1;
        let txn = self.db.begin_write().map_err(database::error)?;
        {
            let mut table = txn.open_table(RECORDS).map_err(database::error)?;
            for (place, sealed) in view.sealed_from(&[])? {
                table.remove(place.as_slice()).map_err(database::error)?;
                let plain = record::unseal_record(&self.keys, &self.id, &place, &sealed)?;
                let (place, sealed) = record::move_record(keys, &self.id, &place, &plain)?;
                next.tally.toggle(&record::share(keys, &place, &sealed));
                table.insert(place.as_slice(), sealed.as_slice()).map_err(database::error)?;
            }
        }
        write_generation(&txn, generation)?;
        write_tally(keys, &self.id, &txn, &next.tally)?;
        txn.commit().map_err(database::error)?;
        fail::point("rekey: decided");
        Ok(next)
    }

    fn rewrap(&self, slots: &Slots, keys: &Keys, payload: &Payload, of: &str) -> Result<Vec<u8>, StoreError> {
        let key: Zeroizing<[u8; 32]> = crate::payload::key(slots, &self.keys.wrapping, &self.id, payload, of)?;
        seal::seal(&keys.wrapping, &payload.wrap_bound(&self.id), key.as_slice())
            .map_err(|source| StoreError::System { what: format!("wrapping the key of {of}"), source })
    }
}
