//! A board in one file (redb), for one process.
//!
//! A thread of its own writes: what waits while it commits goes into the next transaction together, so that many clients
//! share the price of one durable write.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use secagg::Identity;
use tokio::sync::oneshot;

use super::{Board, Phase, Posted, RoundId, SERVICE, Slot, Status, Step, digest};
use crate::error::Error;

type Bytes = &'static [u8];

const ROUNDS: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("rounds");
const MESSAGES: TableDefinition<'_, Bytes, Bytes> = TableDefinition::new("messages");
const COUNTS: TableDefinition<'_, Bytes, u64> = TableDefinition::new("counts");
const LEASES: TableDefinition<'_, Bytes, (u64, u64)> = TableDefinition::new("leases");

/// Bytes of pages that are held in memory, whatever the file's size.
const CACHE: usize = 32 << 20;
/// Changes that wait for the writer, and the most that go into one transaction.
const WAITING: usize = 1024;
/// The length of a message's record without its content: its digest, and whether the content is there.
const PREFIX: usize = 33;

/// Does its change, and gives what tells its caller how it went once that is durable.
type Change = Box<dyn FnOnce(&WriteTransaction) -> Result<Told, redb::Error> + Send>;
type Told = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// See the module.
pub struct Embedded {
    database: Arc<Database>,
    /// Both are there until it is dropped.
    changes: Option<SyncSender<Change>>,
    writer: Option<JoinHandle<()>>,
}

/// The file is free when this returns, unless somebody still reads.
impl Drop for Embedded {
    fn drop(&mut self) {
        self.changes = None;
        // A writer that panicked has nothing more to say.
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

impl Embedded {
    /// Opens the board in this file, or makes it.
    ///
    /// # Errors
    /// [`Error::Board`] if the file cannot be opened, is damaged, or is open elsewhere.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::builder().set_cache_size(CACHE).create(path).map_err(Error::board)?;
        let prepare = || -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            transaction.open_table(ROUNDS)?;
            transaction.open_table(MESSAGES)?;
            transaction.open_table(COUNTS)?;
            transaction.open_table(LEASES)?;
            Ok(transaction.commit()?)
        };
        prepare().map_err(Error::board)?;
        let database = Arc::new(database);
        let (changes, waiting) = sync_channel(WAITING);
        let writes_to = Arc::clone(&database);
        let writer = std::thread::Builder::new().name("board".into());
        let writer = writer.spawn(move || write_all(&writes_to, &waiting)).map_err(Error::board)?;
        Ok(Self { database, changes: Some(changes), writer: Some(writer) })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = oneshot::channel();
        let change: Change = Box::new(move |transaction| {
            let made = work(transaction)?;
            // Whoever asked may have gone away.
            Ok(Box::new(move |durable: Result<(), Error>| drop(done.send(durable.map(|()| made)))))
        });
        let changes = self.changes.clone();
        let sent =
            tokio::task::spawn_blocking(move || changes.is_some_and(|changes| changes.send(change).is_ok())).await;
        if !matches!(sent, Ok(true)) {
            return Err(Error::board("its writer has ended"));
        }
        result.await.unwrap_or_else(|_| Err(Error::board("the change was not written")))
    }

    async fn read_with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let database = Arc::clone(&self.database);
        let read = tokio::task::spawn_blocking(move || work(&database)).await.map_err(Error::board)?;
        read.map_err(Error::board)
    }
}

/// Commits what waits, together, until nobody can send any more.
fn write_all(database: &Database, waiting: &Receiver<Change>) {
    while let Ok(first) = waiting.recv() {
        let mut told = Vec::new();
        let outcome = commit(database, std::iter::once(first).chain(waiting.try_iter()).take(WAITING), &mut told);
        let outcome = outcome.map_err(Error::board);
        told.into_iter().for_each(|tell| tell(outcome.clone()));
    }
}

/// One transaction. If a change fails none of them is made, and all who asked hear so.
fn commit(database: &Database, changes: impl Iterator<Item = Change>, told: &mut Vec<Told>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for change in changes {
        told.push(change(&transaction)?);
    }
    Ok(transaction.commit()?)
}

fn round_key(id: RoundId) -> Vec<u8> {
    [&id.task[..], &id.round.to_be_bytes()].concat()
}

fn slot_key(id: RoundId, slot: Slot) -> Vec<u8> {
    [round_key(id), slot.0.to_be_bytes().to_vec()].concat()
}

fn key(id: RoundId, slot: Slot, from: Identity) -> Vec<u8> {
    [slot_key(id, slot), from.0.to_vec()].concat()
}

fn sender(key: &[u8]) -> Option<Identity> {
    key.get(42..)?.try_into().ok().map(Identity)
}

fn encode(status: &Status) -> Vec<u8> {
    [&[status.phase.0][..], &status.since_ms.to_be_bytes(), &status.seed, status.reason.as_bytes()].concat()
}

fn decode(bytes: &[u8]) -> Option<Status> {
    let (head, reason) = bytes.split_at_checked(41)?;
    Some(Status {
        phase: Phase(head[0]),
        since_ms: u64::from_be_bytes(head[1..9].try_into().ok()?),
        seed: head[9..41].try_into().ok()?,
        reason: String::from_utf8_lossy(reason).into_owned(),
    })
}

fn damaged() -> redb::Error {
    redb::Error::Corrupted("a record of a round has another form".into())
}

/// The round's status inside of a transaction.
fn status_in(rounds: &impl ReadableTable<Bytes, Bytes>, id: RoundId) -> Result<Option<Status>, redb::Error> {
    match rounds.get(round_key(id).as_slice())? {
        Some(record) => decode(record.value()).map(Some).ok_or_else(damaged),
        None => Ok(None),
    }
}

fn put(
    transaction: &WriteTransaction,
    id: RoundId,
    slot: Slot,
    from: Identity,
    content: &[u8],
) -> Result<(), redb::Error> {
    let record = [&digest(content)[..], &[1], content].concat();
    let before = transaction.open_table(MESSAGES)?.insert(key(id, slot, from).as_slice(), record.as_slice())?.is_some();
    if !before {
        let mut counts = transaction.open_table(COUNTS)?;
        let count = counts.get(slot_key(id, slot).as_slice())?.map_or(0, |count| count.value());
        counts.insert(slot_key(id, slot).as_slice(), count + 1)?;
    }
    Ok(())
}

fn post(
    transaction: &WriteTransaction,
    id: RoundId,
    phase: Phase,
    from: Identity,
    messages: &[(Slot, Vec<u8>)],
) -> Result<Option<Posted>, redb::Error> {
    let Some((slot, first)) = messages.first() else { return Ok(Some(Posted::Repeated)) };
    if let Some(known) = transaction.open_table(MESSAGES)?.get(key(id, *slot, from).as_slice())? {
        let same = known.value().get(..32) == Some(&digest(first)[..]);
        return Ok(Some(if same { Posted::Repeated } else { Posted::Different }));
    }
    match status_in(&transaction.open_table(ROUNDS)?, id)? {
        None => return Ok(None),
        Some(status) if status.phase != phase => return Ok(Some(Posted::Closed(status.phase))),
        Some(_) => {}
    }
    for (slot, content) in messages {
        put(transaction, id, *slot, from, content)?;
    }
    Ok(Some(Posted::New))
}

/// Keeps of each message of a slot only that it came.
fn erase(transaction: &WriteTransaction, id: RoundId, slot: Slot) -> Result<(), redb::Error> {
    let mut messages = transaction.open_table(MESSAGES)?;
    let range = (key(id, slot, Identity([0; 32])), key(id, slot, Identity([0xff; 32])));
    let mut prefixes = Vec::new();
    for entry in messages.range(range.0.as_slice()..=range.1.as_slice())? {
        let (key, record) = entry?;
        let mut prefix = record.value().get(..PREFIX).ok_or_else(damaged)?.to_vec();
        prefix[PREFIX - 1] = 0;
        prefixes.push((key.value().to_vec(), prefix));
    }
    for (key, prefix) in prefixes {
        messages.insert(key.as_slice(), prefix.as_slice())?;
    }
    Ok(())
}

#[async_trait]
impl Board for Embedded {
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error> {
        self.write(move |transaction| {
            let mut rounds = transaction.open_table(ROUNDS)?;
            if let Some(known) = status_in(&rounds, id)? {
                return Ok(known);
            }
            let fresh = Status { phase, since_ms: now_ms, seed, reason: String::new() };
            rounds.insert(round_key(id).as_slice(), encode(&fresh).as_slice())?;
            Ok(fresh)
        })
        .await
    }

    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error> {
        self.read_with(move |database| {
            let rounds = database.begin_read()?.open_table(ROUNDS)?;
            let (first, last) = (RoundId { task, round: 0 }, RoundId { task, round: u64::MAX });
            let mut range = rounds.range(round_key(first).as_slice()..=round_key(last).as_slice())?;
            let Some(entry) = range.next_back() else { return Ok(None) };
            let (key, _) = entry?;
            let round = key.value().get(32..40).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
            Ok(Some(u64::from_be_bytes(round)))
        })
        .await
    }

    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error> {
        self.read_with(move |database| status_in(&database.begin_read()?.open_table(ROUNDS)?, id)).await
    }

    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error> {
        let messages = messages.to_vec();
        let posted = self.write(move |transaction| post(transaction, id, phase, from, &messages)).await?;
        posted.ok_or(Error::Unknown { what: "round" })
    }

    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error> {
        self.read_with(move |database| {
            let messages = database.begin_read()?.open_table(MESSAGES)?;
            let record = messages.get(key(id, slot, from).as_slice())?;
            Ok(record.and_then(|record| content(record.value())))
        })
        .await
    }

    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        self.read_with(move |database| {
            let messages = database.begin_read()?.open_table(MESSAGES)?;
            let first = key(id, slot, after.unwrap_or(SERVICE));
            let last = key(id, slot, Identity([0xff; 32]));
            let (mut page, mut bytes) = (vec![], 0);
            for entry in messages.range(first.as_slice()..=last.as_slice())? {
                let (key, record) = entry?;
                let from = sender(key.value()).ok_or_else(damaged)?;
                let Some(content) = content(record.value()).filter(|_| Some(from) != after) else { continue };
                bytes += content.len();
                if bytes > most && !page.is_empty() {
                    break;
                }
                page.push((from, content));
            }
            Ok(page)
        })
        .await
    }

    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error> {
        self.read_with(move |database| {
            let messages = database.begin_read()?.open_table(MESSAGES)?;
            let (first, last) = (key(id, slot, SERVICE), key(id, slot, Identity([0xff; 32])));
            let range = messages.range(first.as_slice()..=last.as_slice())?;
            range.map(|entry| sender(entry?.0.value()).ok_or_else(damaged)).collect()
        })
        .await
    }

    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error> {
        self.read_with(move |database| {
            let counts = database.begin_read()?.open_table(COUNTS)?;
            Ok(counts.get(slot_key(id, slot).as_slice())?.map_or(0, |count| count.value()))
        })
        .await
    }

    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error> {
        let Step { from, to, now_ms, reason, document, erase: slots } = step;
        let (reason, slots) = (reason.to_owned(), slots.to_vec());
        self.write(move |transaction| {
            {
                let mut rounds = transaction.open_table(ROUNDS)?;
                let Some(before) = status_in(&rounds, id)?.filter(|status| status.phase == from) else {
                    return Ok(false);
                };
                let after = Status { phase: to, since_ms: now_ms, seed: before.seed, reason };
                rounds.insert(round_key(id).as_slice(), encode(&after).as_slice())?;
            }
            if let Some((slot, content)) = &document {
                put(transaction, id, *slot, SERVICE, content)?;
            }
            slots.iter().try_for_each(|slot| erase(transaction, id, *slot))?;
            Ok(true)
        })
        .await
    }

    async fn lease(&self, id: RoundId, holder: u64, now_ms: u64, until_ms: u64) -> Result<bool, Error> {
        self.write(move |transaction| {
            let mut leases = transaction.open_table(LEASES)?;
            let held = leases.get(round_key(id).as_slice())?.map(|lease| lease.value());
            if held.is_some_and(|(by, until)| by != holder && until > now_ms) {
                return Ok(false);
            }
            leases.insert(round_key(id).as_slice(), (holder, until_ms))?;
            Ok(true)
        })
        .await
    }
}

/// The content of a message's record, unless it was erased.
fn content(record: &[u8]) -> Option<Vec<u8>> {
    (record.get(PREFIX - 1) == Some(&1)).then(|| record[PREFIX..].to_vec())
}
