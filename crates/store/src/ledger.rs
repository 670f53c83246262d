//! The ledger: which sessions were begun here, and how often agreements and rules were used.
//!
//! A session's begin and what it spends are one durable change, made before its first message leaves. A use is never
//! given back, also if the session fails. Nothing can be begun twice; an entry is only ever dropped once its agreement
//! has expired, and from then on anything that expires no later is refused, whatever the clock says.

use serde::{Deserialize, Serialize};

use crate::database::Read;
use crate::record::{Record, Table};
use crate::saves::{Phase, Save};
use crate::store::Batch;
use crate::{Digest, SessionId, Store, StoreError};

/// What a session brings when it begins. Times are milliseconds since 1970 (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The agreement's digest.
    pub agreement: Digest,
    /// The session's id.
    pub session: SessionId,
    /// The attempt: 0, and higher each time that the session is resumed.
    pub attempt: u32,
    /// Now.
    pub when: u64,
    /// From when on the agreement is no longer valid.
    pub expires: Option<u64>,
    /// What it spends. A resumed attempt usually spends nothing more.
    pub charges: Vec<Charge>,
}

/// One use of something that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What is counted.
    pub counter: Counter,
    /// How often it may be used; without a limit it is only counted.
    pub limit: Option<u64>,
    /// From when on it may not be used at all.
    pub until: Option<u64>,
}

/// Something whose uses are counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Counter {
    /// Runs of an agreement.
    Agreement(Digest),
    /// What a rule of a policy allowed, by the rule's name. A changed rule that shall count afresh needs another name.
    Rule(String),
}

impl Counter {
    fn key(&self) -> Vec<u8> {
        match self {
            Counter::Agreement(digest) => [b"agreement ".as_slice(), digest].concat(),
            Counter::Rule(name) => [b"rule ".as_slice(), name.as_bytes()].concat(),
        }
    }

    fn words(&self) -> String {
        match self {
            Counter::Agreement(digest) => format!("agreement {}", hex::encode(digest)),
            Counter::Rule(name) => format!("rule `{name}`"),
        }
    }
}

/// What the ledger knows of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// Its agreement.
    pub agreement: Digest,
    /// Its latest attempt.
    pub attempt: u32,
    /// When that began.
    pub begun: u64,
    /// From when on its agreement is no longer valid.
    pub expires: Option<u64>,
    /// How it stands.
    pub state: State,
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has not ended; after a restart: it was cut off.
    Running,
    /// It ended well.
    Finished {
        /// When.
        when: u64,
    },
    /// It failed.
    Failed {
        /// When.
        when: u64,
        /// The stable code of what it failed with.
        code: String,
    },
}

impl Record for Session {
    const TABLE: Table = Table::Sessions;
}

/// How often something was used.
#[derive(Serialize, Deserialize)]
pub(crate) struct Count {
    counter: Counter,
    used: u64,
    /// When it can be dropped; never if it was once used without an end.
    expires: Option<u64>,
}

impl Record for Count {
    const TABLE: Table = Table::Counters;
}

/// The latest end of anything that was dropped.
#[derive(Serialize, Deserialize)]
pub(crate) struct Watermark(u64);

impl Record for Watermark {
    const TABLE: Table = Table::Watermark;
}

impl Store {
    /// As [`Batch::begin`], durably.
    pub fn begin(&self, begin: &Begin) -> Result<(), StoreError> {
        self.batch(|batch| batch.begin(begin))
    }

    /// As [`Batch::end`], durably.
    pub fn end(&self, session: SessionId, attempt: u32, state: State) -> Result<(), StoreError> {
        self.batch(|batch| batch.end(session, attempt, state))
    }

    /// What is known of a session.
    pub fn session(&self, session: SessionId) -> Result<Option<Session>, StoreError> {
        self.view()?.find(&session, &[])
    }

    /// All sessions, the latest first.
    pub fn sessions(&self) -> Result<Vec<Session>, StoreError> {
        let mut all: Vec<Session> = self.view()?.intact::<Session>()?.into_iter().map(|f| f.record).collect();
        all.sort_by_key(|s| std::cmp::Reverse((s.begun, s.session)));
        Ok(all)
    }

    /// How often something was used.
    pub fn uses(&self, counter: &Counter) -> Result<u64, StoreError> {
        Ok(self.view()?.find::<Count>(&counter.key(), &[])?.map_or(0, |count| count.used))
    }

    /// Whether a session could spend this now. It may be too late when it begins: [`Batch::begin`] counts.
    ///
    /// # Errors
    /// As [`Batch::begin`], for the first that has expired or is used up.
    pub fn afford(&self, now: u64, charges: &[Charge]) -> Result<(), StoreError> {
        let view = self.view()?;
        charges.iter().try_for_each(|charge| afford(&view, now, charge).map(drop))
    }

    /// Everything that was counted, with how often it was used.
    pub fn counts(&self) -> Result<Vec<(Counter, u64)>, StoreError> {
        let counts = self.view()?.intact::<Count>()?;
        let mut all: Vec<_> = counts.into_iter().map(|f| (f.record.counter, f.record.used)).collect();
        all.sort();
        Ok(all)
    }

    /// Drops sessions, with their checkpoints and the marks of their saves, and counts whose agreement or rule has
    /// expired. Gives the number of sessions. Kept are sessions that run or whose save is in doubt, and all receipts.
    pub fn prune(&self, now: u64) -> Result<usize, StoreError> {
        self.batch(|batch| batch.prune(now))
    }
}

impl Batch<'_> {
    /// Begins a session's attempt and spends what it uses: both or nothing.
    ///
    /// # Errors
    /// If this attempt or a later one was begun before, or the session has ended well; if it belongs to another
    /// agreement; if the agreement or a rule has expired or is used up.
    pub fn begin(&mut self, begin: &Begin) -> Result<(), StoreError> {
        let agreement = Counter::Agreement(begin.agreement);
        valid(self, begin.when, begin.expires, &agreement)?;
        if let Some(old) = self.find::<Session>(&begin.session, &[])? {
            if old.agreement != begin.agreement {
                return Err(StoreError::OtherAgreement { session: hex::encode(begin.session) });
            }
            if old.attempt >= begin.attempt || matches!(old.state, State::Finished { .. }) {
                return Err(StoreError::Replayed { session: hex::encode(begin.session), attempt: begin.attempt });
            }
        }
        for charge in &begin.charges {
            let end = if charge.counter == agreement { begin.expires } else { charge.until };
            self.spend(begin.when, charge, end)?;
        }
        let session = Session {
            session: begin.session,
            agreement: begin.agreement,
            attempt: begin.attempt,
            begun: begin.when,
            expires: begin.expires,
            state: State::Running,
        };
        self.set(&begin.session, &[], &session)
    }

    fn spend(&mut self, now: u64, charge: &Charge, end: Option<u64>) -> Result<(), StoreError> {
        let old = afford(self, now, charge)?;
        let used = old.as_ref().map_or(0, |count| count.used) + 1;
        let expires = match old {
            Some(old) => old.expires.zip(end).map(|(a, b)| a.max(b)),
            None => end,
        };
        self.set(&charge.counter.key(), &[], &Count { counter: charge.counter.clone(), used, expires })
    }

    /// Ends a session that failed for good, with the code of why: its checkpoints go. Says whether it had failed.
    pub fn give_up(&mut self, session: SessionId, when: u64, code: &str) -> Result<bool, StoreError> {
        let Some(old) = self.find::<Session>(&session, &[])? else { return Ok(false) };
        if !matches!(old.state, State::Failed { .. }) {
            return Ok(false);
        }
        self.drop_checkpoints(session)?;
        let state = State::Failed { when, code: code.to_owned() };
        self.set(&session, &[], &Session { state, ..old })?;
        Ok(true)
    }

    /// Records how a session's attempt ended. Its checkpoints go if it ended well; whether a failure is for good, the
    /// caller knows, who then drops them. If it has ended before, that stands.
    ///
    /// # Errors
    /// If this attempt was not begun, or is not the latest.
    pub fn end(&mut self, session: SessionId, attempt: u32, state: State) -> Result<(), StoreError> {
        let mut old = self
            .find::<Session>(&session, &[])?
            .filter(|old| old.attempt == attempt)
            .ok_or_else(|| StoreError::NotBegun { session: hex::encode(session) })?;
        if old.state != State::Running {
            return Ok(());
        }
        if matches!(state, State::Finished { .. }) {
            self.drop_checkpoints(session)?;
        }
        old.state = state;
        self.set(&session, &[], &old)
    }

    /// As [`Store::prune`].
    pub fn prune(&mut self, now: u64) -> Result<usize, StoreError> {
        let mut latest = self.find::<Watermark>(&[], &[])?.map_or(0, |mark| mark.0);
        let before = latest;
        let mut dropped = 0;
        for found in self.all::<Session>()? {
            let (id, old) = (found.record.session, found.record);
            let Some(end) = old.expires.filter(|end| *end <= now && old.state != State::Running) else { continue };
            let save = self.find::<Save>(&id, &[])?;
            if save.is_some_and(|save| matches!(save.phase, Phase::Staged | Phase::Prepared)) {
                continue;
            }
            self.drop_checkpoints(id)?;
            self.unset::<Save>(&id, &[])?;
            self.unset::<Session>(&id, &[])?;
            latest = latest.max(end);
            dropped += 1;
        }
        for found in self.all::<Count>()? {
            if let Some(end) = found.record.expires.filter(|end| *end <= now) {
                self.unset::<Count>(&found.scope, &found.key)?;
                latest = latest.max(end);
            }
        }
        if latest > before {
            self.set(&[], &[], &Watermark(latest))?;
        }
        Ok(dropped)
    }
}

/// Whether what ends then is still valid.
fn valid(from: &impl Read, now: u64, end: Option<u64>, what: &Counter) -> Result<(), StoreError> {
    let Some(end) = end else { return Ok(()) };
    let dropped = from.find::<Watermark>(&[], &[])?.map_or(0, |mark| mark.0);
    if end <= now || end <= dropped { Err(StoreError::Expired { what: what.words() }) } else { Ok(()) }
}

/// Whether one more use is left, and how often it was used so far.
fn afford(from: &impl Read, now: u64, charge: &Charge) -> Result<Option<Count>, StoreError> {
    valid(from, now, charge.until, &charge.counter)?;
    let old = from.find::<Count>(&charge.counter.key(), &[])?;
    let used = old.as_ref().map_or(0, |count| count.used);
    let limit = charge.limit.unwrap_or(u64::MAX);
    if used >= limit {
        return Err(StoreError::UsedUp { counter: charge.counter.words(), used, limit });
    }
    Ok(old)
}
