//! Backups: a consistent copy of a store, made while it is in use, and the way back.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::database::{self, CHUNKS, RECORDS, STATE};
use crate::header::Header;
use crate::key::KeySource;
use crate::slots::Slots;
use crate::{Store, StoreError};

impl Store {
    /// Copies the store as it is now into a folder that does not exist or is empty. Others may go on meanwhile.
    ///
    /// The copy is a store that the same key opens. It keeps what is removed here later, and how often things were used
    /// until now: whoever puts a backup back gives uses back.
    ///
    /// # Errors
    /// If there is something in the folder, or the disk fails.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(StoreError::file(to))?;
        if fs::read_dir(to).map_err(StoreError::file(to))?.next().is_some() {
            return Err(StoreError::Exists { dir: to.to_owned() });
        }
        let (view, keys, mut header) = {
            let writing = self.lock_writing();
            (self.view()?, writing.slots.bytes()?, Header::read(&self.dir)?)
        };
        header.keys.retain(|key| key.generation == self.generation);
        Slots::restore(to, self.generation, &keys)?;
        let copy = database::create(to)?;
        let txn = copy.begin_write().map_err(database::error)?;
        let source = view.txn();
        copy_table(&source.open_table(RECORDS).map_err(database::error)?, RECORDS, &txn)?;
        copy_table(&source.open_table(CHUNKS).map_err(database::error)?, CHUNKS, &txn)?;
        copy_table(&source.open_table(STATE).map_err(database::error)?, STATE, &txn)?;
        txn.commit().map_err(database::error)?;
        drop(copy);
        header.write(to)
    }

    /// Makes a store of a backup, after every record and payload in it was verified. The backup stays as it is.
    ///
    /// # Errors
    /// The first thing in the backup that does not hold; and as [`Store::backup`].
    pub fn restore(backup: &Path, to: &Path, source: &dyn KeySource) -> Result<Store, StoreError> {
        let from = Store::open_read_only(backup, source)?;
        if let Some(problem) = from.verify()?.problems.into_iter().next() {
            return Err(problem);
        }
        from.backup(to)?;
        Store::open(to, source)
    }
}

fn copy_table<K: redb::Key + 'static>(
    from: &impl ReadableTable<K, &'static [u8]>,
    definition: TableDefinition<'_, K, &'static [u8]>,
    to: &WriteTransaction,
) -> Result<(), StoreError> {
    let mut table = to.open_table(definition).map_err(database::error)?;
    for entry in from.iter().map_err(database::error)? {
        let (key, value) = entry.map_err(database::error)?;
        table.insert(key.value(), value.value()).map_err(database::error)?;
    }
    Ok(())
}
