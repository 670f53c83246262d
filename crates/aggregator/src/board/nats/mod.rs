//! A board in NATS JetStream, for several service processes that share rounds: any of them may be killed at any moment.
//!
//! A stream puts whatever is published in one order, for all. So each round has a log (`privity.log.TASK.ROUND`), and what
//! stands in it at which place decides everything, by the rules that the board in memory has: each process reads the log to
//! its end before it answers, and comes to the same. Contents are published before the record that refers to them, in parts
//! that the server takes (`privity.content.TASK.ROUND.SLOT`); erasing purges them. Leases are
//! in a stream beside it, the last one of each round, which is replaced only by who has seen it.
//!
//! A post takes one message for each part and two requests more, a change of phase the same; other calls take one request. A
//! process that has just started reads a log record by record. Every answer is the stream leader's, never a replica's.
//!
//! A server acknowledges before its disk has: a single one that shall lose nothing with the power needs
//! `sync_interval: always`, or take three. With `nats://` the connection is not encrypted; `tls://` demands that it is.

mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{self, RawMessageErrorKind};
use async_nats::{ConnectOptions, ServerAddr};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use secagg::Identity;
use tokio::sync::{Mutex, OwnedMutexGuard};

use self::record::{Act, Content, Entry, Outcome, Record, Round};
use super::{Board, Phase, Posted, RoundId, Slot, Status, Step, digest};
use crate::error::Error;

/// The streams.
const STREAM: &str = "privity-board";
const LEASES: &str = "privity-leases";
/// The longest part of a content, where the server takes it: answers come in base64, and have to fit one message, too.
const PART: usize = 512 << 10;
/// Rounds whose logs are remembered.
const ROUNDS: usize = 256;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
pub struct Nats {
    jetstream: jetstream::Context,
    stream: stream::Stream,
    leases: stream::Stream,
    part: usize,
    me: u64,
    rounds: Mutex<BTreeMap<RoundId, Arc<Mutex<Round>>>>,
}

impl Nats {
    /// Connects (`nats://user:password@host:4222`, or `tls://` for a connection that has to be encrypted), and makes the
    /// streams if they are not there, without replicas: who wants some makes them before.
    ///
    /// # Errors
    /// [`Error::Board`] for a text that is no address, or a server that cannot be reached or has no JetStream.
    pub async fn connect(address: &str) -> Result<Self, Error> {
        let server: ServerAddr = address.parse().map_err(|_| Error::board("this is no address of a NATS server"))?;
        let options = ConnectOptions::new().name("privity aggregator").require_tls(server.scheme() == "tls");
        let options = options.connection_timeout(PATIENCE).request_timeout(Some(PATIENCE));
        let options = options.reconnect_delay_callback(|tries| Duration::from_millis(100) * tries.min(20) as u32);
        let client = options.connect(server).await.map_err(Error::board)?;
        let part = PART.min(client.max_payload() / 2).max(1);
        let jetstream = jetstream::new(client);
        let config = stream::Config {
            name: STREAM.into(),
            subjects: vec!["privity.log.*.*".into(), "privity.content.*.*.*".into()],
            ..stream::Config::default()
        };
        let stream = jetstream.get_or_create_stream(config).await.map_err(Error::board)?;
        let config = stream::Config {
            name: LEASES.into(),
            subjects: vec!["privity.lease.*.*".into()],
            max_messages_per_subject: 1,
            ..stream::Config::default()
        };
        let leases = jetstream.get_or_create_stream(config).await.map_err(Error::board)?;
        let mut me = [0; 8];
        getrandom::fill(&mut me).map_err(Error::board)?;
        Ok(Nats { jetstream, stream, leases, part, me: u64::from_le_bytes(me), rounds: Mutex::default() })
    }

    /// Publishes; where it stands in the stream, once the server has it.
    async fn publish(&self, subject: String, payload: Vec<u8>) -> Result<u64, Error> {
        let published = self.jetstream.publish(subject, payload.into()).await.map_err(Error::board)?;
        Ok(published.await.map_err(Error::board)?.sequence)
    }

    /// Publishes a message's content.
    async fn put(&self, id: RoundId, slot: Slot, content: &[u8]) -> Result<Entry, Error> {
        let mut parts = vec![];
        for part in content.chunks(self.part) {
            parts.push(self.publish(contents(id, slot), part.to_vec()).await?);
        }
        let placed = Content { length: content.len(), parts };
        Ok(Entry { slot: slot.0, digest: digest(content), content: placed })
    }

    /// A content, unless it was erased in this moment.
    async fn get(&self, content: &Content) -> Result<Option<Vec<u8>>, Error> {
        let mut whole = Vec::with_capacity(content.length);
        for part in &content.parts {
            match self.stream.get_raw_message(*part).await {
                Ok(message) => whole.extend_from_slice(&message.payload),
                Err(e) if e.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
                Err(e) => return Err(Error::board(e)),
            }
        }
        if whole.len() == content.length { Ok(Some(whole)) } else { Err(Error::board("a content has another length")) }
    }

    async fn round(&self, id: RoundId) -> OwnedMutexGuard<Round> {
        let mut rounds = self.rounds.lock().await;
        if rounds.len() >= ROUNDS && !rounds.contains_key(&id) {
            // One that nobody uses just now: what is in use holds what became of its records.
            let idle = rounds.iter().find(|(_, round)| Arc::strong_count(round) == 1).map(|(id, _)| *id);
            idle.map(|idle| rounds.remove(&idle));
        }
        let round = Arc::clone(rounds.entry(id).or_default());
        drop(rounds);
        round.lock_owned().await
    }

    /// A round with its log read to the end.
    async fn current(&self, id: RoundId) -> Result<OwnedMutexGuard<Round>, Error> {
        let mut round = self.round(id).await;
        self.read_on(id, &mut round).await?;
        Ok(round)
    }

    async fn read_on(&self, id: RoundId, round: &mut Round) -> Result<(), Error> {
        loop {
            // Again after each restart: whoever wrote the record may have been killed before it got here.
            while let Some((slot, place)) = round.erased.last() {
                self.stream.purge().filter(contents(id, *slot)).sequence(*place).await.map_err(Error::board)?;
                round.erased.pop();
            }
            match self.stream.get_first_raw_message_by_subject(log(id), round.next).await {
                Ok(message) => round.take(message.sequence, &message.payload, self.me)?,
                Err(e) if e.kind() == RawMessageErrorKind::NoMessageFound => return Ok(()),
                Err(e) => return Err(Error::board(e)),
            }
        }
    }

    /// Puts a record into a round's log, and says what became of it.
    async fn append(&self, id: RoundId, act: Act) -> Result<Outcome, Error> {
        let record = serde_json::to_vec(&Record { writer: self.me, act }).map_err(Error::board)?;
        // Held, so that the round is not forgotten before its outcome was asked for.
        let held = Arc::clone(self.rounds.lock().await.entry(id).or_default());
        let place = self.publish(log(id), record).await?;
        let mut round = held.lock().await;
        if round.next <= place {
            self.read_on(id, &mut round).await?;
        }
        match round.outcome(place) {
            Some(outcome) => Ok(outcome),
            None => {
                *round = Round::default();
                Err(Error::board("the server has lost messages that it had acknowledged"))
            }
        }
    }

    async fn contents_of(&self, wanted: Vec<(Identity, Content)>) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let mut page = vec![];
        for (from, content) in wanted {
            if let Some(content) = self.get(&content).await? {
                page.push((from, content));
            }
        }
        Ok(page)
    }
}

fn log(id: RoundId) -> String {
    format!("privity.log.{}.{}", hex::encode(id.task), id.round)
}

fn contents(id: RoundId, slot: Slot) -> String {
    format!("privity.content.{}.{}.{}", hex::encode(id.task), id.round, slot.0)
}

#[async_trait]
impl Board for Nats {
    async fn open(&self, id: RoundId, phase: Phase, seed: [u8; 32], now_ms: u64) -> Result<Status, Error> {
        if let Some(status) = self.status(id).await? {
            return Ok(status);
        }
        match self.append(id, Act::Open { phase: phase.0, seed, now_ms }).await? {
            Outcome::Opened(status) => Ok(status),
            other => Err(Error::board(format!("a round that was opened is {other:?}"))),
        }
    }

    async fn latest(&self, task: [u8; 32]) -> Result<Option<u64>, Error> {
        let filter = format!("privity.log.{}.*", hex::encode(task));
        let mut logs = self.stream.info_with_subjects(filter).await.map_err(Error::board)?;
        let mut latest = None;
        while let Some((subject, _)) = logs.try_next().await.map_err(Error::board)? {
            let round = subject.rsplit('.').next().and_then(|round| round.parse().ok());
            latest = latest.max(round);
        }
        Ok(latest)
    }

    async fn status(&self, id: RoundId) -> Result<Option<Status>, Error> {
        Ok(self.current(id).await?.state.as_ref().map(|state| state.status.clone()))
    }

    async fn post(
        &self,
        id: RoundId,
        phase: Phase,
        from: Identity,
        messages: &[(Slot, Vec<u8>)],
    ) -> Result<Posted, Error> {
        let Some((slot, first)) = messages.first() else { return Ok(Posted::Repeated) };
        let round = self.current(id).await?;
        let state = round.state.as_ref().ok_or(Error::Unknown { what: "round" })?;
        // What would be refused anyway leaves no content behind.
        if let Some(refused) = state.refuses(phase, *slot, from, &digest(first)) {
            return Ok(refused);
        }
        drop(round);
        let mut entries = Vec::with_capacity(messages.len());
        for (slot, content) in messages {
            entries.push(self.put(id, *slot, content).await?);
        }
        match self.append(id, Act::Post { phase: phase.0, from: from.0, messages: entries }).await? {
            Outcome::Posted(posted) => Ok(posted),
            other => Err(Error::board(format!("what was posted is {other:?}"))),
        }
    }

    async fn read(&self, id: RoundId, slot: Slot, from: Identity) -> Result<Option<Vec<u8>>, Error> {
        let round = self.current(id).await?;
        let content = round.state.as_ref().and_then(|state| state.get(slot, from)).cloned();
        drop(round);
        match content {
            Some(content) => self.get(&content).await,
            None => Ok(None),
        }
    }

    async fn page(
        &self,
        id: RoundId,
        slot: Slot,
        after: Option<Identity>,
        most: usize,
    ) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
        let round = self.current(id).await?;
        let Some(state) = &round.state else { return Ok(vec![]) };
        let page = state.page(slot, after, most, |content| content.length);
        let wanted = page.map(|(from, content)| (from, content.clone())).collect();
        drop(round);
        self.contents_of(wanted).await
    }

    async fn senders(&self, id: RoundId, slot: Slot) -> Result<Vec<Identity>, Error> {
        let round = self.current(id).await?;
        Ok(round.state.iter().flat_map(|state| state.of(slot, None)).map(|(from, _)| from).collect())
    }

    async fn count(&self, id: RoundId, slot: Slot) -> Result<u64, Error> {
        Ok(self.current(id).await?.state.as_ref().map(|state| state.count(slot)).unwrap_or_default())
    }

    async fn advance(&self, id: RoundId, step: Step<'_>) -> Result<bool, Error> {
        let round = self.current(id).await?;
        let phase = round.state.as_ref().map(|state| state.status.phase);
        drop(round);
        if phase != Some(step.from) {
            return Ok(false);
        }
        let document = match &step.document {
            Some((slot, content)) => Some(self.put(id, *slot, content).await?),
            None => None,
        };
        match self.append(id, Act::advance(&step, document)).await? {
            Outcome::Advanced(done) => Ok(done),
            other => Err(Error::board(format!("a change of phase is {other:?}"))),
        }
    }

    async fn lease(&self, id: RoundId, holder: u64, now_ms: u64, until_ms: u64) -> Result<bool, Error> {
        let subject = format!("privity.lease.{}.{}", hex::encode(id.task), id.round);
        let last = match self.leases.get_last_raw_message_by_subject(&subject).await {
            Ok(last) => {
                let (now_with, until): (u64, u64) = serde_json::from_slice(&last.payload).map_err(Error::board)?;
                if now_with != holder && until > now_ms {
                    return Ok(false);
                }
                last.sequence
            }
            Err(e) if e.kind() == RawMessageErrorKind::NoMessageFound => 0,
            Err(e) => return Err(Error::board(e)),
        };
        let value = serde_json::to_vec(&(holder, until_ms)).map_err(Error::board)?;
        let message = PublishMessage::build().payload(value.into()).expected_last_subject_sequence(last);
        let published = self.jetstream.send_publish(subject, message).await.map_err(Error::board)?;
        match published.await {
            Ok(_) => Ok(true),
            // Somebody else was first.
            Err(e) if e.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(e) => Err(Error::board(e)),
        }
    }
}
