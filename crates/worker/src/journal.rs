//! Store and audit log together: what changes the store is in the log too, whatever is cut off between the two.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agreement::{Digest, LogHead};
use audit::{AuditError, Event, Log, Pending};
use net::KeyPair;
use store::{Batch, Posted, Store};

use crate::clock::now_ms;
use crate::config;
use crate::error::WorkerError;

/// See the module.
pub(crate) struct Journal {
    /// Everything that must not be lost.
    store: Arc<Store>,
    /// What happened here, for good.
    log: Log,
    /// What is in the log, and still in the store's outbox: the next batch takes it out.
    delivered: Mutex<HashSet<Posted>>,
}

impl Journal {
    /// Opens the log, or begins one, and delivers what the store still has for it.
    pub(crate) fn open(store: Arc<Store>, places: &config::Store, key: &KeyPair) -> Result<Journal, WorkerError> {
        let log = Log::open(&places.audit, key, now_ms())?;
        let outbox = store.outbox()?;
        let read = |bytes: &[u8]| Pending::from_bytes(bytes).ok_or(AuditError::Unreadable);
        let pending = outbox.iter().map(|(_, bytes)| read(bytes)).collect::<Result<_, _>>()?;
        for due in audit::missing(&places.audit, pending)? {
            tracing::info!(kind = due.event.kind(), "what is in the store is entered into the audit log");
            log.append(due.time, due.event)?;
        }
        let delivered = Mutex::new(outbox.into_iter().map(|(name, _)| name).collect());
        Ok(Journal { store, log, delivered })
    }

    /// Changes the store, and enters into the log what the change says has happened: both, even if the power fails in
    /// between; or neither, if the change fails.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Batch<'_>, &mut Vec<Event>) -> Result<T, WorkerError>,
    ) -> Result<T, WorkerError> {
        let time = now_ms();
        let (mut events, mut posted, mut old) = (Vec::new(), Vec::new(), Vec::new());
        let done = self.store.batch(|batch| {
            let done = change(batch, &mut events)?;
            for event in &events {
                posted.push(batch.post(&Pending { time, event: event.clone() }.to_bytes())?);
            }
            old.extend(self.delivered().iter().copied());
            old.iter().try_for_each(|name| batch.delivered(name))?;
            Ok::<_, WorkerError>(done)
        })?;
        if !events.is_empty() {
            self.append(time, &events)?;
        }
        let mut delivered = self.delivered();
        delivered.retain(|name| !old.contains(name));
        delivered.extend(posted);
        Ok(done)
    }

    /// Enters events into the log, durably, that nothing in the store stands for. Returns where it ends.
    pub(crate) fn enter(&self, events: &[Event]) -> Result<LogHead, WorkerError> {
        self.append(now_ms(), events)
    }

    /// As [`enter`](Self::enter), and nobody waits for the disk: for what nothing follows from, and strangers can cause.
    pub(crate) fn enter_unsynced(&self, event: Event) -> Result<(), AuditError> {
        self.log.append_unsynced(now_ms(), event).map(drop)
    }

    fn append(&self, time: u64, events: &[Event]) -> Result<LogHead, WorkerError> {
        let head = self.log.append_all(time, events)?;
        tracing::debug!(entries = events.len(), last = head.seq, "written into the audit log");
        Ok(LogHead { sequence: head.seq, digest: Digest(head.hash) })
    }

    fn delivered(&self) -> MutexGuard<'_, HashSet<Posted>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
