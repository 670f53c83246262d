//! The database below the store: three tables, read in a transaction of either kind.

use std::fs::OpenOptions;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::StoreError;
use crate::overlay::Overlay;
use crate::record::{self, Found, Record};
use crate::seal::Keys;

/// Sealed records by place.
pub(crate) const RECORDS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records");
/// Sealed parts of payloads, by payload and number.
pub(crate) const CHUNKS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("chunks");
/// The generation of the root key in the clear, and the sealed sum over all records.
pub(crate) const STATE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("state");

/// A place, and the sealed record there.
pub(crate) type Sealed = (Vec<u8>, Vec<u8>);

pub(crate) const FILE: &str = "records.redb";
/// Memory for pages of the database, read and written: what a worker takes for its store, however much is in it.
const CACHE: usize = 8 << 20;

pub(crate) fn error(error: impl Into<redb::Error>) -> StoreError {
    error.into().into()
}

/// Creates the file of a new store.
pub(crate) fn create(dir: &Path) -> Result<Database, StoreError> {
    Database::builder().set_cache_size(CACHE).create(dir.join(FILE)).map_err(error)
}

/// Opens the file; if it is not to be written, whatever the database does to it stays in memory.
pub(crate) fn open(dir: &Path, writable: bool) -> Result<Database, StoreError> {
    let path = dir.join(FILE);
    let file = match OpenOptions::new().read(true).write(writable).open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(StoreError::corrupt(FILE, "it is missing")),
        other => other.map_err(StoreError::file(&path))?,
    };
    if file.metadata().map_err(StoreError::file(&path))?.len() == 0 {
        return Err(StoreError::corrupt(FILE, "it is empty"));
    }
    let mut builder = Database::builder();
    // Without the check, a damaged file can make the database panic, or overwrite what it takes for free.
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    if writable {
        return builder.open(&path).map_err(error);
    }
    let overlay = || {
        let file = file.try_clone().map_err(StoreError::file(&path))?;
        Overlay::new(file).map_err(StoreError::file(&path))
    };
    match builder.create_with_backend(overlay()?).map_err(error) {
        Err(StoreError::Corrupt { .. }) => {
            builder.set_check_integrity_on_open(false);
            guarded(|| builder.create_with_backend(overlay()?).map_err(error))
        }
        other => other,
    }
}

/// Reading a damaged file, which the database does not promise to do without a panic. It is only done to save what can be
/// read, from a store that is opened for reading only, so that no state is left behind that others rely on.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StoreError::corrupt(FILE, "the database cannot make sense of its file")))
}

/// An open database. Closing one whose file is damaged may panic, too; what was committed is on disk by then.
pub(crate) struct Open(Option<Database>);

impl Open {
    pub(crate) fn new(db: Database) -> Open {
        Open(Some(db))
    }
}

impl std::ops::Deref for Open {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is taken only when it is dropped"))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let db = self.0.take();
        // Nothing is left to be told: whoever read the damaged file got an error.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// A transaction that records can be read in.
pub(crate) trait Read {
    fn keys(&self) -> &Keys;
    fn store(&self) -> &[u8; 16];

    /// The sealed record at a place.
    fn sealed(&self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sealed records whose place begins so.
    fn sealed_from(&self, prefix: &[u8]) -> Result<Vec<Sealed>, StoreError>;

    /// Looks at a sealed chunk.
    fn chunk<T>(&self, key: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError>;

    /// One record.
    fn find<R: Record>(&self, scope: &[u8], key: &[u8]) -> Result<Option<R>, StoreError> {
        let place = record::place(self.keys(), R::TABLE, scope, key);
        let Some(sealed) = self.sealed(&place)? else { return Ok(None) };
        let plain = record::unseal_record(self.keys(), self.store(), &place, &sealed)?;
        record::decode(&place, &plain).map(|found| Some(found.record))
    }

    /// All records of a scope, in no order that means anything.
    fn of_scope<R: Record>(&self, scope: &[u8]) -> Result<Vec<Found<R>>, StoreError> {
        self.read_all(&record::scope(self.keys(), R::TABLE, scope))
    }

    /// All records of a table.
    fn all<R: Record>(&self) -> Result<Vec<Found<R>>, StoreError> {
        self.read_all(&[R::TABLE as u8])
    }

    /// All records of a table that can be read; what cannot is left to [`crate::Store::verify`].
    fn intact<R: Record>(&self) -> Result<Vec<Found<R>>, StoreError> {
        let sealed = self.sealed_from(&[R::TABLE as u8])?;
        Ok(sealed.iter().filter_map(|(place, sealed)| self.open_one(place, sealed).ok()).collect())
    }

    fn read_all<R: Record>(&self, prefix: &[u8]) -> Result<Vec<Found<R>>, StoreError> {
        self.sealed_from(prefix)?.iter().map(|(place, sealed)| self.open_one(place, sealed)).collect()
    }

    fn open_one<R: Record>(&self, place: &[u8], sealed: &[u8]) -> Result<Found<R>, StoreError> {
        let plain = record::unseal_record(self.keys(), self.store(), place, sealed)?;
        record::decode(place, &plain)
    }
}

/// A state of the store, as it was when reading began.
pub(crate) struct View<'s> {
    txn: ReadTransaction,
    keys: &'s Keys,
    store: &'s [u8; 16],
}

impl<'s> View<'s> {
    pub(crate) fn new(db: &Database, keys: &'s Keys, store: &'s [u8; 16]) -> Result<View<'s>, StoreError> {
        Ok(View { txn: db.begin_read().map_err(error)?, keys, store })
    }

    pub(crate) fn txn(&self) -> &ReadTransaction {
        &self.txn
    }
}

impl Read for View<'_> {
    fn keys(&self) -> &Keys {
        self.keys
    }

    fn store(&self) -> &[u8; 16] {
        self.store
    }

    fn sealed(&self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| get(&self.txn.open_table(RECORDS).map_err(error)?, place, <[u8]>::to_vec))
    }

    fn sealed_from(&self, prefix: &[u8]) -> Result<Vec<Sealed>, StoreError> {
        guarded(|| scan(&self.txn.open_table(RECORDS).map_err(error)?, prefix))
    }

    fn chunk<T>(&self, key: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        guarded(|| get(&self.txn.open_table(CHUNKS).map_err(error)?, key, look))
    }
}

/// The same for a transaction that writes.
pub(crate) fn sealed(txn: &WriteTransaction, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    get(&txn.open_table(RECORDS).map_err(error)?, place, <[u8]>::to_vec)
}

/// The same for a transaction that writes.
pub(crate) fn sealed_from(txn: &WriteTransaction, prefix: &[u8]) -> Result<Vec<Sealed>, StoreError> {
    scan(&txn.open_table(RECORDS).map_err(error)?, prefix)
}

/// The same for a transaction that writes.
pub(crate) fn chunk<T>(
    txn: &WriteTransaction,
    key: &[u8],
    look: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StoreError> {
    get(&txn.open_table(CHUNKS).map_err(error)?, key, look)
}

type Bytes<'a> = &'a [u8];

fn get<T>(
    table: &impl ReadableTable<Bytes<'static>, Bytes<'static>>,
    key: &[u8],
    look: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StoreError> {
    Ok(table.get(key).map_err(error)?.map(|found| look(found.value())))
}

fn scan(table: &impl ReadableTable<Bytes<'static>, Bytes<'static>>, prefix: &[u8]) -> Result<Vec<Sealed>, StoreError> {
    let mut found = Vec::new();
    for entry in table.range(prefix..).map_err(error)? {
        let (place, sealed) = entry.map_err(error)?;
        if !place.value().starts_with(prefix) {
            break;
        }
        found.push((place.value().to_vec(), sealed.value().to_vec()));
    }
    Ok(found)
}
