//! The worker as a process: its port, which the control plane shares with the data plane, and how it stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audit::Event;
use net::tls::Connections;
use net::{Acceptor, Credentials, Dialer, Switchboard};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::error::ClientError;
use crate::io::Control;
use crate::office::Office;
use crate::postman;
use crate::proto::worker_server::WorkerServer;
use crate::service::{Doors, MAX_ANSWER, Service};
use crate::uploads;

/// How often a quiet connection is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long last words may take to leave when the worker stops.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A worker that serves. It stops at once when this is dropped, and in good order by [`drain`](Self::drain).
pub struct Worker {
    office: Arc<Office>,
    address: SocketAddr,
    http: Option<SocketAddr>,
    tasks: JoinSet<()>,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Worker {
    /// Binds the port and serves, inside a tokio runtime.
    ///
    /// # Errors
    /// If a port cannot be bound, or the key cannot be used.
    pub async fn start(config: Config) -> Result<Worker, ClientError> {
        let failed = |e: std::io::Error| ClientError::System { what: format!("listening at {}: {e}", config.listen) };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(|e| ClientError::System { what: e.to_string() })?;
        let credentials = Credentials::new(config.key.clone())?;
        let limits = config.limits;
        let proofs = config.machines.proofs();
        let dialer = Dialer::attested(credentials.clone(), proofs.clone());
        let opened = tokio::task::spawn_blocking(move || Office::open(config, dialer)).await;
        let office = Arc::new(opened.map_err(|e| ClientError::System { what: e.to_string() })??);
        let known = Arc::clone(&office);
        let acceptor = Acceptor::attested(credentials, move |identity| known.config.knows(identity), proofs)?;
        let acceptor = if office.config.flight.is_some() { acceptor.with_tables() } else { acceptor };
        let door = net::tls::Limits {
            handshakes: limits.handshakes,
            handshakes_per_address: limits.handshakes_per_address,
            ..net::tls::Limits::default()
        };
        let net::tls::Incoming { control, data, tables } = net::tls::listen(listener, acceptor, door);
        office.count_refused_by(data.refusals());
        let http = match office.config.http {
            Some(address) => Some(crate::http::serve(address, Arc::clone(&office)).await?),
            None => None,
        };
        let mut tasks = JoinSet::new();
        if let Some(relay) = &office.config.relay {
            tasks.spawn(net::relay::attend(relay.clone(), office.config.key.clone(), address));
        }
        for aggregation in &office.config.aggregations {
            tasks.spawn(aggregation.start(&office).await?);
        }
        tasks.spawn(postman::rounds(Arc::clone(&office)));
        if let Some(courier) = office.traces.courier() {
            tasks.spawn(courier.run());
        }
        tasks.spawn(take_data(data, office.switchboard.clone()));
        if let Some(uploads) = &office.config.flight {
            tasks.spawn(take_tables(tables, uploads::service(&office, uploads), Arc::clone(&office)));
        }
        let served = tokio::spawn(take_control(control, Arc::clone(&office)));
        if office.config.ratify_all {
            tracing::warn!(
                "RATIFY-ALL: this worker runs whatever a known submitter brings, without its operator's signature"
            );
        }
        if let Some(http) = http {
            tracing::info!(address = %http, "serving health and metrics");
        }
        tracing::info!(%address, identity = %office.config.key.identity(), "listening");
        Ok(Worker { office, address, http, tasks, served })
    }

    /// What its jobs share.
    #[cfg(test)]
    pub(crate) fn office(&self) -> &Arc<Office> {
        &self.office
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where health and metrics are served, if they are.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Refuses new sessions, lets those that run go on for the grace of the configuration, cancels the rest, and
    /// returns when all have ended.
    pub async fn drain(self) {
        let load = self.office.jobs.load();
        let grace = self.office.config.jobs.grace_seconds;
        tracing::info!(running = load.running, waiting = load.waiting, grace, "stopping: nothing new is taken");
        self.office.jobs.drain().await;
        tokio::time::sleep(LAST_WORDS).await;
        let office = Arc::clone(&self.office);
        let note = move || office.journal.enter(&[Event::Stopped { reason: "told to".into() }]);
        if !matches!(tokio::task::spawn_blocking(note).await, Ok(Ok(_))) {
            tracing::error!("that it stopped could not be recorded");
        }
        tracing::info!("stopped");
    }

    /// Serves until its port is lost, which it never should be.
    ///
    /// # Errors
    /// What the transport said.
    pub async fn served(&mut self) -> Result<(), ClientError> {
        let lost = |what: String| Err(ClientError::System { what });
        match (&mut self.served).await {
            Ok(Ok(())) => lost("the port was lost".into()),
            Ok(Err(e)) => lost(e.to_string()),
            Err(e) => lost(e.to_string()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.served.abort();
        self.tasks.abort_all();
    }
}

/// Serves until the process is told to stop (SIGTERM or interrupt), and then stops in good order.
///
/// # Errors
/// As [`Worker::start`], and if the port is lost.
pub async fn serve(config: Config) -> Result<(), ClientError> {
    if config.jobs.threads > 0 {
        schemes::limit_threads(config.jobs.threads).map_err(|e| ClientError::System { what: e.to_string() })?;
    }
    let mut worker = Worker::start(config).await?;
    tokio::select! {
        lost = worker.served() => return lost,
        () = told_to_stop() => {}
    }
    tokio::select! {
        () = worker.drain() => {}
        () = told_to_stop() => tracing::warn!("told to stop a second time: stopped at once"),
    }
    Ok(())
}

#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signals it can only be killed.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn told_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

async fn take_data(mut data: Connections, switchboard: Switchboard) {
    while let Some(secured) = data.next().await {
        let switchboard = switchboard.clone();
        tokio::spawn(async move {
            if let Err(error) = switchboard.serve(secured).await {
                tracing::info!(%error, "a data connection was refused");
            }
        });
    }
}

/// Connections as they come, each with its place among those of its identity.
fn places(
    mut connections: Connections,
    office: Arc<Office>,
) -> impl futures::Stream<Item = std::io::Result<Control>> + Send + 'static {
    let most = office.config.limits.connections_per_identity;
    futures::stream::poll_fn(move |cx| {
        loop {
            let Some(secured) = std::task::ready!(connections.poll_next(cx)) else {
                return std::task::Poll::Ready(None);
            };
            let identity = secured.identity;
            match office.counts.connect(identity, most) {
                Some(held) => return std::task::Poll::Ready(Some(Ok(Control::new(secured, held)))),
                None => tracing::warn!(%identity, "a connection was refused: it holds too many already"),
            }
        }
    })
}

async fn take_control(control: Connections, office: Arc<Office>) -> Result<(), tonic::transport::Error> {
    let limits = office.config.limits;
    let incoming = places(control, Arc::clone(&office));
    let doors = Doors::control(Arc::clone(&office));
    let service = WorkerServer::new(Service { office })
        .max_decoding_message_size(limits.request())
        .max_encoding_message_size(MAX_ANSWER);
    tonic::transport::Server::builder()
        .timeout(limits.request_time())
        .layer(doors)
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(service)
        .serve_with_incoming(incoming)
        .await
}

/// Serves Arrow Flight. How long an upload may be silent is its service's own; a large one may take long.
async fn take_tables(tables: Connections, service: flight::Service, office: Arc<Office>) {
    let streams = office.config.limits.streams_per_connection;
    let served = tonic::transport::Server::builder()
        .max_concurrent_streams(streams)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(flight::WINDOW)
        .initial_connection_window_size(flight::WINDOW)
        .layer(uploads::doors(&office))
        .add_service(service.server())
        .serve_with_incoming(places(tables, office))
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "tables are no longer taken");
    }
}
