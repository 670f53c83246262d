//! A board in PostgreSQL, for several service processes that share rounds: any of them may be killed at any moment.
//!
//! A post holds the round's row shared and a change of phase holds it alone, so the two promises of a [`Board`] hold across
//! processes. Who works on a round is settled by a lease on a row of its own, taken with `FOR UPDATE SKIP LOCKED`: a process
//! that is busy with it makes no other one wait.
//!
//! The connection itself is not encrypted: use a Unix socket, or a network that you would trust with who contributed and when.
//! Values are masked or sealed before they come here. An address that demands TLS (`sslmode=require`) is refused.

use async_trait::async_trait;
use secagg::Identity;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::{Board, Phase, Posted, RoundId, SERVICE, Slot, Status, Step, digest};
use crate::error::Error;

/// Connections that are open at once.
const CONNECTIONS: usize = 8;
/// Rows whose lengths are looked at for one page.
const ROWS: i64 = 4096;
/// Two processes that start at once do not make the tables at once.
const MAKING: i64 = 0x0070_7269_7669_7479;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS privity_rounds (
        task bytea, round bigint, phase smallint NOT NULL, since_ms bigint NOT NULL, seed bytea NOT NULL,
        reason text NOT NULL, PRIMARY KEY (task, round));
    CREATE TABLE IF NOT EXISTS privity_messages (
        task bytea, round bigint, slot integer, sender bytea, digest bytea NOT NULL, length bigint NOT NULL,
        content bytea, PRIMARY KEY (task, round, slot, sender));
    ALTER TABLE privity_messages ALTER COLUMN content SET STORAGE EXTERNAL;
    CREATE TABLE IF NOT EXISTS privity_leases (
        task bytea, round bigint, holder bigint NOT NULL, until_ms bigint NOT NULL, PRIMARY KEY (task, round));";

/// See the module.
pub struct Postgres {
    config: Config,
    idle: Mutex<Vec<Client>>,
    places: Semaphore,
}

impl Postgres {
    /// Connects (`postgres://user@host/database`), and makes the tables.
    ///
    /// # Errors
    /// [`Error::Board`] for a text that says no database, or one that cannot be reached.
    pub async fn connect(address: &str) -> Result<Self, Error> {
        let config: Config = address.parse().map_err(Error::board)?;
        let board = Self { config, idle: Mutex::default(), places: Semaphore::new(CONNECTIONS) };
        let at = board.begin().await?;
        at.client.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING]).await.map_err(failed)?;
        at.client.batch_execute(TABLES).await.map_err(failed)?;
        at.commit().await?;
        Ok(board)
    }

    /// A connection for a while, on which each statement is a transaction.
    async fn borrow(&self) -> Result<Borrowed<'_>, Error> {
        let place = self.places.acquire().await.map_err(Error::board)?;
        let mut idle = self.idle.lock().await;
        let known = std::iter::from_fn(|| idle.pop()).find(|client| !client.is_closed());
        drop(idle);
        let client = match known {
            Some(client) => client,
            None => self.dial().await?,
        };
        Ok(Borrowed { board: self, client, _place: place })
    }

    /// A connection with a transaction on it. Dropped before [`Borrowed::commit`], it is closed, and all is undone.
    async fn begin(&self) -> Result<Borrowed<'_>, Error> {
        let at = self.borrow().await?;
        at.client.batch_execute("BEGIN").await.map_err(failed)?;
        Ok(at)
    }

    async fn dial(&self) -> Result<Client, Error> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(failed)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the board ended");
            }
        });
        Ok(client)
    }
}

/// A connection that is in use.
struct Borrowed<'a> {
    board: &'a Postgres,
    client: Client,
    _place: SemaphorePermit<'a>,
}

impl Borrowed<'_> {
    /// Ends the transaction; what it did is durable when this returns.
    async fn commit(self) -> Result<(), Error> {
        self.client.batch_execute("COMMIT").await.map_err(failed)?;
        self.give_back().await;
        Ok(())
    }

    async fn give_back(self) {
        self.board.idle.lock().await.push(self.client);
    }

    async fn all(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.client.query(query, values).await.map_err(failed)
    }

    async fn first(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, Error> {
        self.client.query_opt(query, values).await.map_err(failed)
    }

    async fn execute(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.client.execute(query, values).await.map_err(failed)
    }

    async fn status(&self, id: RoundId, lock: &str) -> Result<Option<Status>, Error> {
        let query =
            format!("SELECT phase, since_ms, seed, reason FROM privity_rounds WHERE task = $1 AND round = $2{lock}");
        let Some(row) = self.first(&query, &[&&id.task[..], &number(id)]).await? else { return Ok(None) };
        let (phase, since, seed): (i16, i64, &[u8]) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
        let phase = u8::try_from(phase).map_err(|_| Error::board("a phase that is none"))?;
        let seed = seed.try_into().map_err(|_| Error::board("a seed of another length"))?;
        Ok(Some(Status { phase: Phase(phase), since_ms: since.cast_unsigned(), seed, reason: get(&row, 3)? }))
    }

    /// Puts a message; `false` if there is one already.
    async fn put(&self, id: RoundId, slot: Slot, from: Identity, content: &[u8]) -> Result<bool, Error> {
        let query = "INSERT INTO privity_messages (task, round, slot, sender, digest, length, content)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let (digest, length) = (digest(content), content.len() as i64);
        let values: [&(dyn ToSql + Sync); 7] =
            [&&id.task[..], &number(id), &slot_number(slot), &&from.0[..], &&digest[..], &length, &content];
        Ok(self.execute(query, &values).await? == 1)
    }

    /// What became of a message that is there, if it is.
    async fn known(&self, id: RoundId, slot: Slot, from: Identity, new: &[u8]) -> Result<Option<Posted>, Error> {
        let query = "SELECT digest FROM privity_messages WHERE task = $1 AND round = $2 AND slot = $3 AND sender = $4";
        let row = self.first(query, &[&&id.task[..], &number(id), &slot_number(slot), &&from.0[..]]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(if get::<&[u8]>(&row, 0)? == digest(new) { Posted::Repeated } else { Posted::Different }))
    }
}

/// What the database said, without what it was about.
fn failed(error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(said) => Error::board(format!("{}: {}", said.code().code(), said.message())),
        None => Error::board(error),
    }
}

fn number(id: RoundId) -> i64 {
    id.round.cast_signed()
}

fn slot_number(slot: Slot) -> i32 {
    i32::from(slot.0)
}

fn sender(row: &Row) -> Result<Identity, Error> {
    let bytes: &[u8] = get(row, 0)?;
    bytes.try_into().map(Identity).map_err(|_| Error::board("an identity of another length"))
}

/// A column; a database that somebody changed by hand is an error, not a panic.
fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Error> {
    row.try_get(column).map_err(failed)
}

#[async_trait]
impl Board for Postgres {
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error> {
        let at = self.borrow().await?;
        // Asked for again and again: what is there is read without a write.
        let mut status = at.status(id, "").await?;
        if status.is_none() {
            let query = "INSERT INTO privity_rounds (task, round, phase, since_ms, seed, reason)
                VALUES ($1, $2, $3, $4, $5, '') ON CONFLICT DO NOTHING";
            let (phase, now) = (i16::from(phase.0), now_ms.cast_signed());
            at.execute(query, &[&&id.task[..], &number(id), &phase, &now, &&seed[..]]).await?;
            status = at.status(id, "").await?;
        }
        at.give_back().await;
        status.ok_or_else(|| Error::board("a round that was opened is not there"))
    }

    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error> {
        let at = self.borrow().await?;
        let row = at.first("SELECT max(round) FROM privity_rounds WHERE task = $1", &[&&task[..]]).await?;
        at.give_back().await;
        let latest: Option<i64> = row.map(|row| get(&row, 0)).transpose()?.flatten();
        Ok(latest.map(i64::cast_unsigned))
    }

    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error> {
        let at = self.borrow().await?;
        let status = at.status(id, "").await?;
        at.give_back().await;
        Ok(status)
    }

    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error> {
        let Some((slot, first)) = messages.first() else { return Ok(Posted::Repeated) };
        let at = self.begin().await?;
        let status = at.status(id, " FOR SHARE").await?;
        let posted = match (at.known(id, *slot, from, first).await?, status) {
            (Some(known), _) => known,
            (None, None) => return Err(Error::Unknown { what: "round" }),
            (None, Some(status)) if status.phase != phase => Posted::Closed(status.phase),
            (None, Some(_)) if at.put(id, *slot, from, first).await? => {
                for (slot, content) in &messages[1..] {
                    at.put(id, *slot, from, content).await?;
                }
                Posted::New
            }
            // Another process took one of the same identity in this moment.
            (None, Some(_)) => at.known(id, *slot, from, first).await?.unwrap_or(Posted::Different),
        };
        at.commit().await?;
        Ok(posted)
    }

    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error> {
        let at = self.borrow().await?;
        let query = "SELECT content FROM privity_messages WHERE task = $1 AND round = $2 AND slot = $3 AND sender = $4";
        let row = at.first(query, &[&&id.task[..], &number(id), &slot_number(slot), &&from.0[..]]).await?;
        at.give_back().await;
        Ok(row.map(|row| get(&row, 0)).transpose()?.flatten())
    }

    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let after = after.map_or(vec![], |after| after.0.to_vec());
        let at = self.borrow().await?;
        let lengths = "SELECT sender, length FROM privity_messages
            WHERE task = $1 AND round = $2 AND slot = $3 AND sender > $4 AND content IS NOT NULL
            ORDER BY sender LIMIT $5";
        let (round, slot) = (number(id), slot_number(slot));
        let rows = at.all(lengths, &[&&id.task[..], &round, &slot, &after, &ROWS]).await?;
        let (mut last, mut bytes) = (None, 0);
        for row in &rows {
            bytes += get::<i64>(row, 1)? as usize;
            if bytes > most && last.is_some() {
                break;
            }
            last = Some(sender(row)?);
        }
        let mut page = vec![];
        if let Some(last) = last {
            let contents = "SELECT sender, content FROM privity_messages
                WHERE task = $1 AND round = $2 AND slot = $3 AND sender > $4 AND sender <= $5 AND content IS NOT NULL
                ORDER BY sender";
            let rows = at.all(contents, &[&&id.task[..], &round, &slot, &after, &&last.0[..]]).await?;
            page = rows.iter().map(|row| Ok((sender(row)?, get(row, 1)?))).collect::<Result<_, Error>>()?;
        }
        at.give_back().await;
        Ok(page)
    }

    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error> {
        let at = self.borrow().await?;
        let query = "SELECT sender FROM privity_messages WHERE task = $1 AND round = $2 AND slot = $3 ORDER BY sender";
        let rows = at.all(query, &[&&id.task[..], &number(id), &slot_number(slot)]).await?;
        at.give_back().await;
        rows.iter().map(sender).collect()
    }

    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error> {
        let at = self.borrow().await?;
        let query = "SELECT count(*) FROM privity_messages WHERE task = $1 AND round = $2 AND slot = $3";
        let row = at.first(query, &[&&id.task[..], &number(id), &slot_number(slot)]).await?;
        at.give_back().await;
        Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.unwrap_or_default().cast_unsigned())
    }

    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error> {
        let Step { from, to, now_ms, reason, document, erase } = step;
        let at = self.begin().await?;
        let query = "UPDATE privity_rounds SET phase = $4, since_ms = $5, reason = $6
            WHERE task = $1 AND round = $2 AND phase = $3";
        let (from, to, now) = (i16::from(from.0), i16::from(to.0), now_ms.cast_signed());
        let changed = at.execute(query, &[&&id.task[..], &number(id), &from, &to, &now, &reason]).await? == 1;
        if changed {
            if let Some((slot, content)) = &document {
                at.put(id, *slot, SERVICE, content).await?;
            }
            let slots: Vec<i32> = erase.iter().copied().map(slot_number).collect();
            let query = "UPDATE privity_messages SET content = NULL WHERE task = $1 AND round = $2 AND slot = ANY($3)";
            at.execute(query, &[&&id.task[..], &number(id), &slots]).await?;
        }
        at.commit().await?;
        Ok(changed)
    }

    async fn lease(&self, id: RoundId, holder: u64, now_ms: u64, until_ms: u64) -> Result<bool, Error> {
        let (holder, now, until) = (holder.cast_signed(), now_ms.cast_signed(), until_ms.cast_signed());
        let at = self.begin().await?;
        let make = "INSERT INTO privity_leases (task, round, holder, until_ms) VALUES ($1, $2, $3, 0)
            ON CONFLICT DO NOTHING";
        at.execute(make, &[&&id.task[..], &number(id), &holder]).await?;
        let lock = "SELECT holder, until_ms FROM privity_leases WHERE task = $1 AND round = $2 FOR UPDATE SKIP LOCKED";
        let row = at.first(lock, &[&&id.task[..], &number(id)]).await?;
        let free = match row {
            Some(row) => get::<i64>(&row, 0)? == holder || get::<i64>(&row, 1)? <= now,
            None => false,
        };
        if free {
            let take = "UPDATE privity_leases SET holder = $3, until_ms = $4 WHERE task = $1 AND round = $2";
            at.execute(take, &[&&id.task[..], &number(id), &holder, &until]).await?;
        }
        at.commit().await?;
        Ok(free)
    }
}
