//! What a batch has to tell somebody else: it is kept with the batch, until whoever delivers it says that it arrived.
//!
//! The worker's audit log is another file, so that no batch can write into it. An entry for it goes into the outbox in the
//! batch that it tells of, and from there into the log: whatever is cut off in between is delivered at the next start.

use crate::store::Batch;
use crate::{Secret, Store, StoreError};

/// The topic of its notes.
const OUTBOX: &str = "outbox";

/// Names one thing in the outbox; later ones are greater.
pub type Posted = [u8; 12];

impl Batch<'_> {
    /// Puts something into the outbox, behind what is there.
    pub fn post(&mut self, thing: &[u8]) -> Result<Posted, StoreError> {
        let mut name = [0; 12];
        name[..8].copy_from_slice(&self.number().to_be_bytes());
        name[8..].copy_from_slice(&self.posted.to_be_bytes());
        self.posted += 1;
        self.set_note(OUTBOX, &name, thing)?;
        Ok(name)
    }

    /// Takes something out of the outbox that arrived.
    pub fn delivered(&mut self, name: &Posted) -> Result<(), StoreError> {
        self.remove_note(OUTBOX, name).map(drop)
    }
}

impl Store {
    /// What is in the outbox, in the order in which it was put there.
    pub fn outbox(&self) -> Result<Vec<(Posted, Secret)>, StoreError> {
        let named = |(key, thing): (Vec<u8>, Secret)| Some((key.try_into().ok()?, thing));
        let mut all: Vec<(Posted, Secret)> = self.notes(OUTBOX)?.into_iter().filter_map(named).collect();
        all.sort_by_key(|(name, _)| *name);
        Ok(all)
    }
}
