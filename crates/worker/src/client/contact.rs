//! A connection to one worker's control plane.

use std::time::{Duration, Instant};

use hyper_util::rt::TokioIo;
use net::{Alpn, Dialer, Identity, NetError, Player, Secured};
use prost::Message as _;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::clock::now_ms;
use crate::error::ClientError;
use crate::examine::ahead;
use crate::proto;
use crate::proto::worker_client::WorkerClient;
use crate::service::MAX_ANSWER;

/// Pauses between attempts at a handshake: the first, and the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);
/// A worker that lets the oldest handshake give way does so sooner than this.
const BROKEN_OFF: Duration = Duration::from_secs(2);

/// A worker that was reached, and proved to be who the roster says.
#[derive(Clone)]
pub(crate) struct Contact {
    /// Whose worker it is.
    pub(crate) player: String,
    /// Its identity.
    pub(crate) identity: Identity,
    /// Its version.
    pub(crate) version: String,
    /// By how many milliseconds its clock is ahead of ours.
    pub(crate) ahead_ms: Option<i64>,
    /// What to ask.
    pub(crate) worker: WorkerClient<Channel>,
}

impl Contact {
    /// Dials a worker, and asks for its version: whether it talks to us at all shows here.
    pub(crate) async fn reach(
        dialer: &Dialer,
        player: &str,
        endpoint: &str,
        identity: Identity,
    ) -> Result<Contact, ClientError> {
        let named = Player { id: net::PlayerId(0), name: player.into() };
        let secured = dial(dialer, &named, endpoint, identity).await?;
        let mut stream = Some(TokioIo::new(secured.stream));
        // The connection exists; tonic gets it once, and cannot open another.
        let connector = tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| std::io::Error::other("the connection was closed"));
            std::future::ready(stream)
        });
        let channel = Endpoint::from_static("http://worker").connect_with_connector(connector).await;
        let channel = channel.map_err(|e| broke_off(player, &e))?;
        let worker =
            WorkerClient::new(channel).max_decoding_message_size(MAX_ANSWER).max_encoding_message_size(MAX_ANSWER);
        let mut contact =
            Contact { player: player.to_owned(), identity, version: String::new(), ahead_ms: None, worker };
        contact.greet(dialer.identity()).await?;
        Ok(contact)
    }

    async fn greet(&mut self, us: Identity) -> Result<(), ClientError> {
        let ours = env!("CARGO_PKG_VERSION");
        let request = proto::HelloRequest { version: ours.to_owned() };
        let before = now_ms();
        let reply = match self.worker.hello(request).await {
            Ok(reply) => reply.into_inner(),
            Err(status) if !status.details().is_empty() => return Err(self.failed(&status)),
            // In TLS 1.3 a client learns only now whether its key was accepted.
            Err(_) => {
                return Err(ClientError::HungUp { player: self.player.clone(), identity: us.to_string() });
            }
        };
        let (lowest, highest) = net::frame::VERSIONS;
        if (u32::from(lowest)..=u32::from(highest)).contains(&reply.protocol) {
            self.ahead_ms = Some(ahead(before, reply.time_ms));
            self.version = reply.version.chars().take(40).collect();
            return Ok(());
        }
        Err(ClientError::Version { player: self.player.clone(), theirs: reply.version, ours: ours.to_owned() })
    }

    /// What a status says: the worker's own failure if it has one, or what the transport said.
    pub(crate) fn failed(&self, status: &Status) -> ClientError {
        match proto::Failure::decode(status.details()) {
            Ok(failure) if !failure.code.is_empty() => failed(failure, &self.player),
            _ => broke_off(&self.player, status),
        }
    }
}

/// Dials, and again where a handshake was broken off: a worker to which many come at once lets the oldest give way.
async fn dial(dialer: &Dialer, named: &Player, endpoint: &str, identity: Identity) -> Result<Secured, NetError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        match dialer.dial(named, endpoint, identity, Alpn::Control).await {
            // One that says nothing at all is not waited for again.
            Err(NetError::Handshake { .. }) if pause <= LONGEST_PAUSE && begun.elapsed() < BROKEN_OFF => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
}

/// A worker's failure.
pub(crate) fn failed(failure: proto::Failure, asked: &str) -> ClientError {
    // What a worker refuses because of another player is for its own operator to mend, too.
    let refuses = failure.code.starts_with("worker.") && !failure.player.is_empty() && failure.player != asked;
    let message = if refuses { format!("{} (so the worker of {asked})", failure.message) } else { failure.message };
    let player = if failure.player.is_empty() { asked.to_owned() } else { failure.player };
    ClientError::Worker {
        code: failure.code,
        message,
        player: Some(player),
        help: failure.help,
        remote: failure.remote,
    }
}

fn broke_off(player: &str, error: &dyn std::error::Error) -> ClientError {
    // The innermost cause says most: a reset connection, a refused key.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ClientError::BrokeOff { player: player.to_owned(), what: cause.to_string() }
}
