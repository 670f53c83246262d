//! Looking after workers: their sessions, what happens in them, and ending them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use agreement::{Agreement, Digest, Roster, SessionId};
use net::{Credentials, Dialer, Identity, KeyPair};
use tokio::runtime::Runtime;

use super::contact::Contact;
use crate::config::Config;
use crate::error::ClientError;
use crate::proto;

/// Which workers to speak with, and whose key to come with.
pub struct Reach {
    key: KeyPair,
    workers: Vec<(String, String, Identity)>,
}

impl Reach {
    /// The workers of a roster: of these players, or of all if none is named.
    ///
    /// # Errors
    /// Files that cannot be read, and players that the roster does not have.
    pub fn by_roster(roster: &Path, key: &Path, players: &[String]) -> Result<Reach, ClientError> {
        let key = KeyPair::load(key)?;
        let roster = Roster::read(roster)?;
        for player in players {
            roster.require(player)?;
        }
        let wanted = roster.iter().filter(|(name, _)| players.is_empty() || players.iter().any(|p| p == name));
        let worker = |(name, member): (&str, &agreement::Member)| {
            let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            (name.to_owned(), endpoint, member.identity)
        };
        Ok(Reach { key, workers: wanted.map(worker).collect() })
    }

    /// One's own worker, by its configuration, on its own machine.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn own(config: &Path) -> Result<Reach, ClientError> {
        let config = Config::read(config)?;
        let ip = match config.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let endpoint = SocketAddr::new(ip, config.listen.port()).to_string();
        let identity = config.key.identity();
        let name = config.roster.players_of(identity).next().unwrap_or_default().to_owned();
        Ok(Reach { key: config.key, workers: vec![(name, endpoint, identity)] })
    }
}

/// A session, as a worker knows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Job {
    /// Whose worker says so.
    pub worker: String,
    /// Its id.
    pub session: SessionId,
    /// Digest of its agreement.
    pub agreement: Digest,
    /// The computation's name.
    pub computation: String,
    /// Identity of who submitted it.
    pub submitter: String,
    /// `waiting`, `admitted`, `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Milliseconds since 1970, UTC.
    pub submitted_ms: u64,
    /// 0 if it has not begun.
    pub started_ms: u64,
    /// 0 if it has not ended.
    pub ended_ms: u64,
    /// Bytes of memory that were set aside for it.
    pub memory: u64,
    /// Steps done, iterations of loops counted each.
    pub done: u64,
    /// Code of the error that ended it; empty if none did.
    pub code: String,
}

impl Job {
    fn from_proto(worker: &str, job: proto::Job) -> Result<Job, ClientError> {
        let bad = || ClientError::BadOutput { player: worker.to_owned() };
        Ok(Job {
            worker: worker.to_owned(),
            session: SessionId(job.session.try_into().map_err(|_| bad())?),
            agreement: Digest(job.agreement.try_into().map_err(|_| bad())?),
            computation: job.computation,
            submitter: job.submitter,
            state: job.state,
            submitted_ms: job.submitted_ms,
            started_ms: job.started_ms,
            ended_ms: job.ended_ms,
            memory: job.memory,
            done: job.done,
            code: job.code,
        })
    }
}

/// Connections to workers. Calls block.
pub struct Console {
    runtime: Runtime,
    contacts: Vec<Contact>,
    unreachable: Vec<(String, ClientError)>,
}

impl Console {
    /// Connects to the workers. Those that cannot be reached are left out, unless none can be.
    ///
    /// # Errors
    /// If no worker can be reached: the first one's error.
    pub fn open(reach: Reach) -> Result<Console, ClientError> {
        let runtime = super::runtime()?;
        let dialer = Dialer::new(Credentials::new(reach.key)?);
        let reached = runtime.block_on(async {
            let each = reach.workers.iter().map(|(player, endpoint, identity)| {
                let dialer = &dialer;
                async move { (player.clone(), Contact::reach(dialer, player, endpoint, *identity).await) }
            });
            futures::future::join_all(each).await
        });
        let (mut contacts, mut unreachable) = (Vec::new(), Vec::new());
        for (player, contact) in reached {
            match contact {
                Ok(contact) => contacts.push(contact),
                Err(error) => unreachable.push((player, error)),
            }
        }
        if contacts.is_empty() && !unreachable.is_empty() {
            return Err(unreachable.remove(0).1);
        }
        Ok(Console { runtime, contacts, unreachable })
    }

    pub(super) fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The workers that could not be reached, and why.
    pub fn unreachable(&self) -> &[(String, ClientError)] {
        &self.unreachable
    }

    /// The sessions that the workers let us see, those of each worker in the order in which they came.
    ///
    /// # Errors
    /// The first worker's that does not answer.
    pub fn jobs(&self) -> Result<Vec<Job>, ClientError> {
        self.block_on(async {
            let mut all = Vec::new();
            for contact in &self.contacts {
                let reply = contact.worker.clone().jobs(proto::JobsRequest {}).await;
                for job in reply.map_err(|s| contact.failed(&s))?.into_inner().jobs {
                    all.push(Job::from_proto(&contact.player, job)?);
                }
            }
            Ok(all)
        })
    }

    /// Tells what happened in a session: whose worker says so, when (milliseconds since 1970, UTC), and what. With
    /// `follow`, goes on until it has ended at all workers.
    ///
    /// # Errors
    /// If no worker knows the session, or one breaks off.
    pub fn watch(
        &self,
        session: SessionId,
        follow: bool,
        mut each: impl FnMut(&str, u64, &str),
    ) -> Result<(), ClientError> {
        self.block_on(async {
            let mut streams = futures::stream::SelectAll::new();
            let mut refused = None;
            for contact in &self.contacts {
                let request = proto::WatchRequest { session: session.0.to_vec(), follow };
                match contact.worker.clone().watch(request).await {
                    Ok(reply) => streams.push(Box::pin(lines(contact.clone(), reply.into_inner()))),
                    Err(status) => refused = refused.or(Some(contact.failed(&status))),
                }
            }
            if let Some(error) = refused.filter(|_| streams.is_empty()) {
                return Err(error);
            }
            while let Some(line) = futures::StreamExt::next(&mut streams).await {
                let (player, line) = line?;
                each(&player, line.at_ms, &line.text);
            }
            Ok(())
        })
    }

    /// The agreement of a session that was begun, and the number of its next attempt: one more than any worker knows.
    ///
    /// # Errors
    /// If no worker knows the session, or two know different agreements by its id.
    pub fn recall(&self, session: SessionId) -> Result<(Agreement, u32), ClientError> {
        self.runtime.block_on(async {
            let (mut found, mut refused) = (None, None);
            for contact in &self.contacts {
                let request = proto::RecallRequest { session: session.0.to_vec() };
                let reply = match contact.worker.clone().recall(request).await {
                    Ok(reply) => reply.into_inner(),
                    Err(status) => {
                        refused = refused.or(Some(contact.failed(&status)));
                        continue;
                    }
                };
                let bad = || ClientError::BadOutput { player: contact.player.clone() };
                let agreement = Agreement::from_text(&reply.agreement).map_err(|_| bad())?;
                found = match found {
                    None => Some((agreement, reply.attempts)),
                    Some((known, attempts)) if known == agreement => Some((known, reply.attempts.max(attempts))),
                    Some(_) => return Err(bad()),
                };
            }
            let nobody = || ClientError::System { what: "no worker could be asked".into() };
            found.ok_or_else(|| refused.unwrap_or_else(nobody))
        })
    }

    /// Ends a session at the workers that know it, which tell all others. Returns the state that it was in at each.
    ///
    /// # Errors
    /// If no worker knows the session, or lets us.
    pub fn cancel(&self, session: SessionId) -> Result<Vec<(String, String)>, ClientError> {
        self.block_on(async {
            let each = self.contacts.iter().map(|contact| async move {
                let request = proto::CancelRequest { session: session.0.to_vec() };
                let reply = contact.worker.clone().cancel(request).await;
                (contact, reply)
            });
            let (mut states, mut refused) = (Vec::new(), None);
            for (contact, reply) in futures::future::join_all(each).await {
                match reply {
                    Ok(reply) => states.push((contact.player.clone(), reply.into_inner().state)),
                    Err(status) => refused = refused.or(Some(contact.failed(&status))),
                }
            }
            match refused.filter(|_| states.is_empty()) {
                Some(error) => Err(error),
                None => Ok(states),
            }
        })
    }
}

/// The lines of one worker.
fn lines(
    contact: Contact,
    stream: tonic::Streaming<proto::JobLine>,
) -> impl futures::Stream<Item = Result<(String, proto::JobLine), ClientError>> {
    futures::StreamExt::map(stream, move |line| match line {
        Ok(line) => Ok((contact.player.clone(), line)),
        Err(status) => Err(contact.failed(&status)),
    })
}
