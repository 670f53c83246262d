//! The store: opening it, and changing it in batches.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::{Database, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::database::{self, Read, STATE, View};
use crate::fail;
use crate::header::Header;
use crate::key::{KeySource, RootKey};
use crate::payload::Payload;
use crate::record::{self, Record};
use crate::seal::{self, Keys, NONCE, TAG};
use crate::slots::{self, Slots};
use crate::verify;

const LOCK: &str = "lock";
const GENERATION: &str = "generation";
const TALLY: &str = "tally";

/// An open store. It can be shared between threads: reads go on beside each other and beside one [`Batch`].
///
/// Every call may wait for the disk: from async code, make it on a thread that may block.
pub struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) id: [u8; 16],
    pub(crate) db: database::Open,
    pub(crate) keys: Keys,
    pub(crate) generation: u64,
    pub(crate) writing: Mutex<Writing>,
    read_only: bool,
    /// Held while the store is open; last, so that it is let go of last.
    _lock: File,
}

/// What one batch at a time may change.
pub(crate) struct Writing {
    pub(crate) slots: Slots,
    pub(crate) tally: Tally,
}

/// The sum over all records, and how many batches there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) batches: u64,
    pub(crate) sum: [u8; 32],
}

impl Writing {
    /// Notes beside the database how many batches it has.
    pub(crate) fn note_count(&mut self, keys: &Keys, id: &[u8; 16]) -> Result<(), StoreError> {
        let sealed = seal::seal(&keys.records, &count_bound(id), &self.tally.batches.to_le_bytes())
            .map_err(|source| StoreError::System { what: "sealing a count".into(), source })?;
        self.slots.note_count(&sealed)
    }

    /// Whether the database has all batches that were noted.
    pub(crate) fn check_count(&self, keys: &Keys, id: &[u8; 16]) -> Result<(), StoreError> {
        let sealed = self.slots.count::<{ NONCE + 8 + TAG }>();
        let plain = sealed.and_then(|sealed| seal::unseal(&keys.records, &count_bound(id), &sealed));
        let noted = plain.and_then(|plain| plain.as_slice().try_into().ok()).map(u64::from_le_bytes);
        match noted {
            None => Err(StoreError::corrupt("the count of batches", "it was altered")),
            Some(noted) if noted > self.tally.batches => {
                let what = format!("it has {} batches of {noted}: an older state was put back", self.tally.batches);
                Err(StoreError::corrupt(database::FILE, what))
            }
            Some(_) => Ok(()),
        }
    }
}

impl Tally {
    /// Adds a record's share, or takes it away.
    pub(crate) fn toggle(&mut self, share: &[u8; 32]) {
        self.sum.iter_mut().zip(share).for_each(|(sum, share)| *sum ^= share);
    }
}

impl Store {
    /// Makes a store in a folder that does not exist or is empty.
    ///
    /// # Errors
    /// If there is something in the folder, or the key source fails.
    pub fn create(dir: &Path, source: &dyn KeySource) -> Result<Store, StoreError> {
        let occupied = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if occupied || dir.is_file() {
            return Err(StoreError::Exists { dir: dir.to_owned() });
        }
        // Made beside, and put in place whole: a crash leaves no half of a store.
        let name = dir.file_name().ok_or_else(|| StoreError::Exists { dir: dir.to_owned() })?;
        let beside = dir.with_file_name([name, OsStr::new(".being-made")].join(OsStr::new("")));
        if beside.exists() {
            fs::remove_dir_all(&beside).map_err(StoreError::file(&beside))?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&beside).map_err(StoreError::file(&beside))?;
        drop(Store::create_in(&beside, source)?);
        fs::rename(&beside, dir).and_then(|()| seal::sync_folder_of(dir)).map_err(StoreError::file(dir))?;
        Store::open(dir, source)
    }

    fn create_in(dir: &Path, source: &dyn KeySource) -> Result<Store, StoreError> {
        let lock = lock(dir, true)?;
        let (root, mut header) = (RootKey::random()?, Header::new()?);
        header.add(0, &root, source)?;
        let mut slots = Slots::create(dir, 0)?;
        slots.sync()?;
        let db = database::create(dir)?;
        let store = Store {
            dir: dir.to_owned(),
            id: header.id,
            db: database::Open::new(db),
            keys: Keys::of(&root),
            generation: 0,
            writing: Mutex::new(Writing { slots, tally: Tally::default() }),
            read_only: false,
            _lock: lock,
        };
        store.batch::<_, StoreError>(|batch| {
            for table in [database::RECORDS, database::CHUNKS] {
                batch.txn.open_table(table).map_err(database::error)?;
            }
            write_generation(&batch.txn, 0)
        })?;
        header.write(dir)?;
        Ok(store)
    }

    /// Opens a store, and checks every record in it (payloads are checked when they are read).
    ///
    /// # Errors
    /// [`StoreError::WrongKey`], before anything is touched; [`StoreError::InUse`]; [`StoreError::Corrupt`] with the
    /// first bad entry, in which case [`Store::open_read_only`] still reads what is intact.
    pub fn open(dir: &Path, source: &dyn KeySource) -> Result<Store, StoreError> {
        let mut store = Store::open_unchecked(dir, source, true)?;
        let survey = verify::survey(&store.view()?, &store.lock_writing())?;
        if let Some(problem) = survey.problems.into_iter().next() {
            return Err(problem);
        }
        store.tidy(&survey.slots)?;
        Ok(store)
    }

    /// Opens a store for reading, however damaged it is: as far as its header and its key allow. Writes nothing.
    ///
    /// # Errors
    /// As [`Store::open`], but for damage to records.
    pub fn open_read_only(dir: &Path, source: &dyn KeySource) -> Result<Store, StoreError> {
        Store::open_unchecked(dir, source, false)
    }

    /// Whether there is a store in a folder.
    pub fn exists(dir: &Path) -> bool {
        !matches!(Header::read(dir), Err(StoreError::NotAStore { .. }))
    }

    fn open_unchecked(dir: &Path, source: &dyn KeySource, writable: bool) -> Result<Store, StoreError> {
        let header = Header::read(dir)?;
        let roots = header.open(dir, source)?;
        let lock = lock(dir, writable)?;
        let db = database::open(dir, writable)?;
        let (generation, tally) = read_state(&db)?;
        let Some((_, root)) = roots.into_iter().find(|(g, _)| *g == generation) else {
            return Err(StoreError::WrongKey { dir: dir.to_owned(), kind: source.kind().into() });
        };
        let keys = Keys::of(&root);
        let tally = seal::unseal(&keys.records, &tally_bound(&header.id), &tally)
            .and_then(|plain| postcard::from_bytes(&plain).ok())
            .ok_or_else(|| StoreError::corrupt("the sum over all records", "it was altered"));
        let tally = if writable { tally? } else { tally.unwrap_or_default() };
        let slots = Slots::open(dir, generation, writable)?;
        Ok(Store {
            dir: dir.to_owned(),
            id: header.id,
            db: database::Open::new(db),
            keys,
            generation,
            writing: Mutex::new(Writing { slots, tally }),
            read_only: !writable,
            _lock: lock,
        })
    }

    /// Destroys what a crash left: keys that no record names, and files of other generations.
    fn tidy(&mut self, used: &BTreeSet<u32>) -> Result<(), StoreError> {
        self.lock_writing().slots.keep(used)?;
        let mut header = Header::read(&self.dir)?;
        if header.keys.len() > 1 {
            header.keys.retain(|key| key.generation == self.generation);
            header.write(&self.dir)?;
        }
        for other in [self.generation.wrapping_sub(1), self.generation + 1] {
            if slots::path(&self.dir, other).exists() {
                Slots::destroy_file(&self.dir, other)?;
            }
        }
        Header::tidy(&self.dir)
    }

    /// The store's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store's id: random, made with it. Backups have the id of their store.
    pub fn id(&self) -> [u8; 16] {
        self.id
    }

    /// Whether it was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Makes several changes at once: all of them, durably, or none.
    ///
    /// One batch costs about three waits for the disk, whatever it holds; batches of several threads follow each other.
    ///
    /// # Errors
    /// Those of the closure, which undo the batch, and those of the disk.
    pub fn batch<T, E: From<StoreError>>(&self, change: impl FnOnce(&mut Batch<'_>) -> Result<T, E>) -> Result<T, E> {
        if self.read_only {
            return Err(StoreError::ReadOnly.into());
        }
        let writing = self.lock_writing();
        let txn = self.db.begin_write().map_err(database::error)?;
        let tally = writing.tally;
        let mut batch = Batch { store: self, writing, txn, tally, written: Vec::new(), freed: Vec::new(), posted: 0 };
        match change(&mut batch) {
            Ok(done) => batch.commit().map(|()| done).map_err(E::from),
            Err(e) => {
                batch.undo();
                Err(e)
            }
        }
    }

    pub(crate) fn view(&self) -> Result<View<'_>, StoreError> {
        View::new(&self.db, &self.keys, &self.id)
    }

    pub(crate) fn lock_writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes that become durable together. Made by [`Store::batch`].
pub struct Batch<'s> {
    pub(crate) store: &'s Store,
    pub(crate) writing: MutexGuard<'s, Writing>,
    pub(crate) txn: WriteTransaction,
    tally: Tally,
    /// Slots of keys that were written, and of keys to destroy.
    written: Vec<u32>,
    pub(crate) freed: Vec<u32>,
    /// Things that it put into the outbox.
    pub(crate) posted: u32,
}

impl Batch<'_> {
    /// Its number among those that the store has seen; no other batch that is committed has it.
    pub(crate) fn number(&self) -> u64 {
        self.tally.batches
    }

    /// Writes a record in place of what is there.
    pub(crate) fn set<R: Record>(&mut self, scope: &[u8], key: &[u8], record: &R) -> Result<(), StoreError> {
        let (place, sealed) = record::seal_record(self.keys(), self.store(), scope, key, record)?;
        let share = record::share(self.keys(), &place, &sealed);
        let mut table = self.txn.open_table(database::RECORDS).map_err(database::error)?;
        let old = table.insert(place.as_slice(), sealed.as_slice()).map_err(database::error)?;
        if let Some(old) = old {
            self.tally.toggle(&record::share(&self.store.keys, &place, old.value()));
        }
        self.tally.toggle(&share);
        Ok(())
    }

    /// Removes a record, and says whether there was one.
    pub(crate) fn unset<R: Record>(&mut self, scope: &[u8], key: &[u8]) -> Result<bool, StoreError> {
        let place = record::place(self.keys(), R::TABLE, scope, key);
        let mut table = self.txn.open_table(database::RECORDS).map_err(database::error)?;
        let old = table.remove(place.as_slice()).map_err(database::error)?;
        let Some(old) = old else { return Ok(false) };
        self.tally.toggle(&record::share(&self.store.keys, &place, old.value()));
        Ok(true)
    }

    /// Puts a payload's key into a slot.
    pub(crate) fn put_key(&mut self, key: &[u8; 32], payload: &Payload) -> Result<u32, StoreError> {
        let (wrapping, id) = (&self.store.keys.wrapping, &self.store.id);
        let slot = self.writing.slots.put(|slot| {
            let mut placed = payload.clone();
            placed.slot = slot;
            seal::seal(wrapping, &placed.wrap_bound(id), key)
                .map_err(|source| StoreError::System { what: "wrapping a key".into(), source })
        })?;
        self.written.push(slot);
        Ok(slot)
    }

    /// Makes everything durable: keys before the records that name them, destruction after.
    fn commit(mut self) -> Result<(), StoreError> {
        self.tally.batches += 1;
        if let Err(e) = self
            .writing
            .slots
            .sync()
            .and_then(|()| write_tally(&self.store.keys, &self.store.id, &self.txn, &self.tally))
        {
            self.undo();
            return Err(e);
        }
        let Batch { store, txn, mut writing, tally, freed, .. } = self;
        fail::point("batch: keys are written");
        // If this fails, the database refuses everything until it is opened again, and then knows which state counts:
        // so keys are neither destroyed nor reused now.
        txn.commit().map_err(database::error)?;
        writing.tally = tally;
        writing.note_count(&store.keys, &store.id)?;
        fail::point("batch: decided");
        if freed.is_empty() { Ok(()) } else { writing.slots.destroy(&freed) }
    }

    /// Forgets the batch. Its keys name nothing; what is left of them is overwritten now, or when the store is opened.
    fn undo(mut self) {
        let written = std::mem::take(&mut self.written);
        let _ = self.txn.abort();
        if !written.is_empty() {
            let _ = self.writing.slots.destroy(&written);
        }
    }
}

impl Read for Batch<'_> {
    fn keys(&self) -> &Keys {
        &self.store.keys
    }

    fn store(&self) -> &[u8; 16] {
        &self.store.id
    }

    fn sealed(&self, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        database::sealed(&self.txn, place)
    }

    fn sealed_from(&self, prefix: &[u8]) -> Result<Vec<database::Sealed>, StoreError> {
        database::sealed_from(&self.txn, prefix)
    }

    fn chunk<T>(&self, key: &[u8], look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, StoreError> {
        database::chunk(&self.txn, key, look)
    }
}

/// How often, and how far apart, a lock that somebody holds is tried: a process that is just being started by one that had the
/// store open holds it, too, until it runs its own program.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(5);

/// Writers exclude everyone, readers exclude writers.
fn lock(dir: &Path, writable: bool) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let open =
        |path| OpenOptions::new().read(true).write(writable).create(writable).mode(0o600).truncate(false).open(path);
    let file = match open(&path) {
        // A copy on a disk that cannot be written: nobody else writes there either.
        Err(e) if !writable && e.kind() == ErrorKind::NotFound => File::open(dir),
        other => other,
    };
    let file = file.map_err(StoreError::file(&path))?;
    for _ in 0..TRIES {
        match if writable { file.try_lock() } else { file.try_lock_shared() } {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            Err(TryLockError::Error(e)) => return Err(StoreError::file(&path)(e)),
        }
    }
    Err(StoreError::InUse { dir: dir.to_owned() })
}

pub(crate) fn write_generation(txn: &WriteTransaction, generation: u64) -> Result<(), StoreError> {
    let mut table = txn.open_table(STATE).map_err(database::error)?;
    table.insert(GENERATION, generation.to_le_bytes().as_slice()).map_err(database::error)?;
    Ok(())
}

pub(crate) fn write_tally(keys: &Keys, id: &[u8; 16], txn: &WriteTransaction, tally: &Tally) -> Result<(), StoreError> {
    let plain = postcard::to_allocvec(tally).map_err(|e| StoreError::Database { what: e.to_string() })?;
    let sealed = seal::seal(&keys.records, &tally_bound(id), &plain)
        .map_err(|source| StoreError::System { what: "sealing a record".into(), source })?;
    let mut table = txn.open_table(STATE).map_err(database::error)?;
    table.insert(TALLY, sealed.as_slice()).map_err(database::error)?;
    Ok(())
}

fn tally_bound(id: &[u8; 16]) -> Vec<u8> {
    [b"privity 2026-11 store: sum v1".as_slice(), id].concat()
}

fn count_bound(id: &[u8; 16]) -> Vec<u8> {
    [b"privity 2026-11 store: count of batches v1".as_slice(), id].concat()
}

/// The generation, and the sum as it is sealed.
fn read_state(db: &Database) -> Result<(u64, Vec<u8>), StoreError> {
    database::guarded(|| {
        use redb::ReadableDatabase;
        let txn = db.begin_read().map_err(database::error)?;
        let table = txn.open_table(STATE).map_err(database::error)?;
        let read = |key: &str| -> Result<Vec<u8>, StoreError> {
            let found = table.get(key).map_err(database::error)?;
            found
                .map(|v| v.value().to_vec())
                .ok_or_else(|| StoreError::corrupt(database::FILE, format!("it has no {key}")))
        };
        let generation = read(GENERATION)?
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| StoreError::corrupt(database::FILE, "its generation has another length"))?;
        Ok((generation, read(TALLY)?))
    })
}
