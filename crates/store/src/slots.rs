//! `keys.N`: the wrapped keys of payloads, in slots of one size, so that a key can be destroyed by overwriting it.
//!
//! A database that copies on write would keep a removed key in its free pages. Here a slot is written where it stands.
//! A slot is made durable before the record that names it, and overwritten after that record is gone; what a crash
//! leaves in between is found and overwritten when the store is next opened.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::fail;
use crate::seal::{NONCE, TAG};

/// The first slot holds no key but the number of batches that the database has, sealed: see [`Slots::count`].
const COUNT: u32 = 0;
/// Bytes of a slot. A power of two, so that none crosses a block of the disk.
const SLOT: usize = 128;
/// Bytes of a wrapped key.
pub(crate) const WRAPPED: usize = NONCE + 32 + TAG;

pub(crate) struct Slots {
    file: File,
    path: PathBuf,
    /// Slots of the file, used and free.
    count: u32,
    free: BTreeSet<u32>,
    dirty: bool,
}

/// The file of a generation.
pub(crate) fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("keys.{generation}"))
}

impl Slots {
    /// A new, empty file.
    pub(crate) fn create(dir: &Path, generation: u64) -> Result<Slots, StoreError> {
        let path = path(dir, generation);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::file(&path))?;
        Ok(Slots { file, path, count: 1, free: BTreeSet::new(), dirty: true })
    }

    /// The file of a generation. All slots count as used until [`Slots::keep`].
    pub(crate) fn open(dir: &Path, generation: u64, writable: bool) -> Result<Slots, StoreError> {
        let path = path(dir, generation);
        let file = match OpenOptions::new().read(true).write(writable).open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::corrupt(format!("keys.{generation}"), "it is missing"));
            }
            other => other.map_err(StoreError::file(&path))?,
        };
        let length = file.metadata().map_err(StoreError::file(&path))?.len();
        let count = u32::try_from(length.div_ceil(SLOT as u64)).unwrap_or(u32::MAX);
        Ok(Slots { file, path, count, free: BTreeSet::new(), dirty: false })
    }

    /// Overwrites every slot that is not in use, and frees it.
    pub(crate) fn keep(&mut self, used: &BTreeSet<u32>) -> Result<(), StoreError> {
        for slot in (1..self.count).filter(|slot| !used.contains(slot)) {
            let mut bytes = [0; SLOT];
            // A last slot that is cut off reads as an error: overwriting it makes the file whole.
            if self.file.read_exact_at(&mut bytes, offset(slot)).is_err() || bytes.iter().any(|b| *b != 0) {
                self.write(slot, &[])?;
                fail::point("keys: a left one overwritten");
            }
            self.free.insert(slot);
        }
        self.sync()
    }

    /// Puts a wrapped key into a free slot; durable after [`Slots::sync`].
    pub(crate) fn put(&mut self, wrap: impl FnOnce(u32) -> Result<Vec<u8>, StoreError>) -> Result<u32, StoreError> {
        let slot = self.free.first().copied().unwrap_or(self.count);
        if slot == u32::MAX {
            return Err(StoreError::Database { what: "no slot is left for another key".into() });
        }
        self.write(slot, &wrap(slot)?)?;
        fail::point("keys: one written");
        self.free.remove(&slot);
        self.count = self.count.max(slot + 1);
        Ok(slot)
    }

    /// A wrapped key, if the file has that slot.
    pub(crate) fn get(&self, slot: u32) -> Option<[u8; WRAPPED]> {
        let mut bytes = [0; WRAPPED];
        self.file.read_exact_at(&mut bytes, offset(slot)).ok()?;
        Some(bytes)
    }

    /// Notes how many batches the database has. It is written after each of them and not waited for, so that it never
    /// says more than the database has, unless an older database was put in place, or a damaged one fell back.
    pub(crate) fn note_count(&mut self, sealed: &[u8]) -> Result<(), StoreError> {
        let dirty = self.dirty;
        self.write(COUNT, sealed)?;
        // Only a key makes the next batch wait for this file.
        self.dirty = dirty;
        Ok(())
    }

    /// What was noted, sealed, in a slot of `N` bytes.
    pub(crate) fn count<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, offset(COUNT)).ok()?;
        Some(bytes)
    }

    /// Overwrites keys, durably, and frees their slots.
    pub(crate) fn destroy(&mut self, slots: &[u32]) -> Result<(), StoreError> {
        for slot in slots {
            self.write(*slot, &[])?;
            fail::point("keys: one overwritten");
        }
        self.sync()?;
        self.free.extend(slots);
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), StoreError> {
        if self.dirty {
            self.file.sync_data().map_err(StoreError::file(&self.path))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// The whole file, for a backup.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; self.count as usize * SLOT];
        self.file.read_exact_at(&mut bytes, 0).map_err(StoreError::file(&self.path))?;
        Ok(bytes)
    }

    /// Writes a whole file, as [`Slots::bytes`] gave it.
    pub(crate) fn restore(dir: &Path, generation: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let mut slots = Slots::create(dir, generation)?;
        slots.file.write_all_at(bytes, 0).map_err(StoreError::file(&slots.path))?;
        slots.sync()
    }

    /// Writes the wrapped keys of another generation at the places that they have.
    pub(crate) fn put_at(&mut self, slot: u32, wrapped: &[u8]) -> Result<(), StoreError> {
        self.count = self.count.max(slot + 1);
        self.write(slot, wrapped)
    }

    /// Overwrites every slot and removes the file.
    pub(crate) fn destroy_file(dir: &Path, generation: u64) -> Result<(), StoreError> {
        let mut slots = Slots::open(dir, generation, true)?;
        slots.keep(&BTreeSet::new())?;
        slots.write(COUNT, &[])?;
        slots.sync()?;
        fail::point("keys: an old file emptied");
        std::fs::remove_file(&slots.path).map_err(StoreError::file(&slots.path))
    }

    fn write(&mut self, slot: u32, content: &[u8]) -> Result<(), StoreError> {
        let mut bytes = [0; SLOT];
        bytes[..content.len()].copy_from_slice(content);
        self.dirty = true;
        self.file.write_all_at(&bytes, offset(slot)).map_err(StoreError::file(&self.path))
    }
}

fn offset(slot: u32) -> u64 {
    u64::from(slot) * SLOT as u64
}
