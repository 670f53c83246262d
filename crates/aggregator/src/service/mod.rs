//! The service: HTTP/2 over TLS in which both ends prove their identities, on one port.
//!
//! | request | who | what |
//! |---|---|---|
//! | `GET /v1/TERMS/enrolment` | anyone known | the enroller's signed list |
//! | `GET /v1/TERMS/rounds/N` | anyone known | how the round stands (JSON); N may be `current`; `?after=PHASE&wait_ms=T` waits for a change |
//! | `POST /v1/TERMS/rounds/N/STAGE` | clients, aggregators | takes a message, once; answers when it is durable |
//! | `GET /v1/TERMS/rounds/N/letter` | pairwise clients | what the service says to the caller in this phase |
//! | `GET /v1/TERMS/rounds/N/list` | aggregators | the list to check, vote for, or answer for |
//! | `GET /v1/TERMS/rounds/N/verifiers` | aggregators | the verifier shares of the other one |
//! | `GET /v1/TERMS/rounds/N/deposits?after=ID` | aggregators | the caller's deposits, a page of them |
//! | `GET /v1/TERMS/rounds/N/result` | clients, aggregators, readers | the published sum |
//!
//! `TERMS` is the terms' digest in hexadecimal. Errors are JSON with a code, a message and a line of help. An identity is what
//! TLS proved, never what a request says; [pages](page) ask the same, over a port of their own, and sign every request.

mod answer;
mod http;
mod page;
mod status;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use net::tls::{Limits, listen};
use net::{Acceptor, Credentials, Identity, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::metrics::Metrics;
use crate::round::Rounds;

use self::page::Challenges;

pub(crate) use answer::decode_page;
pub use page::Page;
pub use status::Standing;

/// Uploads that are in memory at once: with the length of a message, what bounds memory whatever the number of clients.
const UPLOADS: usize = 32;
/// How often boards are looked at when nothing happens in this process: others may share them.
const TICK: Duration = Duration::from_millis(250);
/// The least time between two looks, so that many messages at once are looked at together.
const REST: Duration = Duration::from_millis(10);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) tasks: HashMap<[u8; 32], Arc<Rounds>>,
    pub(crate) metrics: Metrics,
    pub(crate) uploads: Semaphore,
    pub(crate) uploading: Uploading,
    challenges: Challenges,
}

/// Who is uploading just now: one message of each identity at a time, so that nobody takes all places.
#[derive(Default)]
pub(crate) struct Uploading(Mutex<HashSet<secagg::Identity>>);

/// An identity's upload, until this is dropped.
pub(crate) struct Upload<'a> {
    of: &'a Uploading,
    who: secagg::Identity,
}

impl Uploading {
    /// `None` if this identity uploads already.
    pub(crate) fn enter(&self, who: secagg::Identity) -> Option<Upload<'_>> {
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(who);
        new.then_some(Upload { of: self, who })
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.who);
    }
}

/// A running service. It ends when it is dropped; nothing that was accepted is lost by that.
pub struct Service {
    address: SocketAddr,
    http: Option<SocketAddr>,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Service {
    /// Listens, and runs the rounds of these tasks. `http` serves health, metrics and a page on a loopback address.
    ///
    /// # Errors
    /// [`Error::System`] if an address cannot be listened at; [`Error::Terms`] if the terms name another service.
    pub async fn start(
        key: KeyPair,
        listen_at: SocketAddr,
        http: Option<SocketAddr>,
        rounds: Vec<Rounds>,
    ) -> Result<Self, Error> {
        let mut known: HashMap<[u8; 32], Arc<Rounds>> = HashMap::new();
        for of_task in rounds {
            if of_task.terms().service() != key.identity() {
                let name = &of_task.terms().draft().name;
                return Err(Error::terms(format!("the terms of {name} name another service than this key's")));
            }
            known.insert(of_task.terms().digest(), Arc::new(of_task));
        }
        let (metrics, uploads, uploading) = (Metrics::new(), Semaphore::new(UPLOADS), Uploading::default());
        let challenges = Challenges::of(&key);
        let shared = Arc::new(Shared { tasks: known, metrics, uploads, uploading, challenges });
        let failed = |e: std::io::Error| Error::System { what: format!("listening at {listen_at}: {e}") };
        let listener = TcpListener::bind(listen_at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let http = match http {
            Some(at) => Some(status::serve(at, Arc::clone(&shared)).await?),
            None => None,
        };
        let guests = Arc::clone(&shared);
        let acceptor = Acceptor::new(Credentials::new(key)?, move |who| guests.knows(who))?;
        let limits = Limits { handshakes: 1024, handshakes_per_address: 1024, waiting: 1024 };
        let mut tasks = JoinSet::new();
        for rounds in shared.tasks.values() {
            tasks.spawn(run(Arc::clone(rounds), Arc::clone(&shared)));
        }
        tasks.spawn(http::serve(listen(listener, acceptor, limits).control, Arc::clone(&shared)));
        tracing::info!(%address, "listening");
        Ok(Self { address, http, shared, tasks })
    }

    /// Listens for browsers as well, and serves them a page that contributes. Says where.
    ///
    /// # Errors
    /// [`Error::System`] if the address cannot be listened at.
    pub async fn serve_page(&mut self, page: Page, at: SocketAddr) -> Result<SocketAddr, Error> {
        let failed = |e: std::io::Error| Error::System { what: format!("listening at {at}: {e}") };
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        self.tasks.spawn(page::serve(listener, page, Arc::clone(&self.shared)));
        tracing::info!(%address, "serving a page");
        Ok(address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are served, if they are.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Runs until it cannot any more, which should never be.
    pub async fn served(&mut self) {
        self.tasks.join_next().await;
    }
}

impl Shared {
    /// Who may connect: whoever has a part in one of the tasks.
    fn knows(&self, who: &Identity) -> bool {
        let who = secagg::Identity(*who.as_bytes());
        self.tasks
            .values()
            .any(|rounds| secagg::Enrolment::admits(rounds.enrolled(), &who) || rounds.terms().may_read(&who))
    }
}

/// Moves one task's rounds on, for ever.
async fn run(rounds: Arc<Rounds>, shared: Arc<Shared>) {
    loop {
        let changed = rounds.changed().notified();
        let wait = match rounds.drive(now_ms()).await {
            Ok(wait) => Duration::from_millis(wait).min(TICK),
            Err(error) => {
                tracing::warn!(%error, "a round could not be moved on; it is tried again");
                shared.metrics.refusal(error.code());
                TICK
            }
        };
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(wait) => {}
        }
        tokio::time::sleep(REST).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Uploading;

    #[test]
    fn an_identity_has_one_upload_at_a_time() {
        let (uploading, one, other) = (Uploading::default(), secagg::Identity([1; 32]), secagg::Identity([2; 32]));
        let first = uploading.enter(one);
        assert!(first.is_some() && uploading.enter(one).is_none() && uploading.enter(other).is_some());
        drop(first);
        assert!(uploading.enter(one).is_some());
    }
}
