//! The control plane's server, and the port that it shares with the data plane.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use net::tls::Limits;
use net::{Acceptor, Credentials, Dialer, Switchboard};
use session::Event;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::config::Config;
use crate::error::{ClientError, WorkerError};
use crate::io::{Caller, Control};
use crate::job::{Job, Office};
use crate::proto::worker_server::{Worker, WorkerServer};
use crate::proto::{self, run_event};

/// The largest message of the control plane: a program's text, or outputs.
pub(crate) const MAX_MESSAGE: usize = 256 << 20;

/// Events that may wait for a slow submitter; progress beyond it is dropped, results are not.
const WAITING_EVENTS: usize = 256;

/// Serves until the process is stopped.
///
/// # Errors
/// If the port cannot be bound, or the key cannot be used.
pub async fn serve(config: Config) -> Result<(), ClientError> {
    let refused = |e: std::io::Error| ClientError::System { what: format!("listening at {}: {e}", config.listen) };
    let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(|e| ClientError::System { what: e.to_string() })?;
    let credentials = Credentials::new(config.key.clone())?;
    let office = Arc::new(Office {
        dialer: Dialer::new(credentials.clone()),
        switchboard: Switchboard::new(),
        begun: Mutex::new(HashSet::new()),
        config,
    });
    let known = Arc::clone(&office);
    let acceptor = Acceptor::new(credentials, move |identity| known.config.knows(identity))?;
    let incoming = net::tls::listen(listener, acceptor, Limits::default());
    if office.config.ratify_all {
        tracing::warn!(
            "RATIFY-ALL: this worker runs whatever a known submitter brings, without its operator's signature"
        );
    }
    tracing::info!(%address, identity = %office.config.key.identity(), "listening");

    if let Some(relay) = &office.config.relay {
        tokio::spawn(net::relay::attend(relay.clone(), office.config.key.clone(), address));
    }

    let net::tls::Incoming { mut control, mut data } = incoming;
    let switchboard = office.switchboard.clone();
    tokio::spawn(async move {
        while let Some(secured) = data.next().await {
            let switchboard = switchboard.clone();
            tokio::spawn(async move {
                if let Err(error) = switchboard.serve(secured).await {
                    tracing::info!(%error, "a data connection was refused");
                }
            });
        }
    });
    let control = futures::stream::poll_fn(move |cx| control.poll_next(cx));
    let control = control.map(|secured| Ok::<_, std::io::Error>(Control(secured)));
    let service = WorkerServer::new(Service { office })
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(control)
        .await
        .map_err(|e| ClientError::System { what: e.to_string() })
}

/// Reads bytes as each message that a worker takes from outside, as far as that goes without a session: for fuzzing.
pub fn read_messages(bytes: &[u8]) {
    use prost::Message as _;
    if let Ok(request) = proto::RunRequest::decode(bytes) {
        // What is refused is refused; the point is that nothing panics.
        let _ = agreement::Agreement::from_text(&request.agreement);
    }
    if let Ok(request) = proto::DescribeRequest::decode(bytes) {
        let _ = ir::text::parse(&request.computation).map(check::check);
    }
    if let Ok(event) = proto::RunEvent::decode(bytes)
        && let Some(run_event::Event::Outcome(outcome)) = event.event
    {
        outcome.outputs.values().for_each(|t| drop(crate::tensor::from_proto(t)));
    }
}

struct Service {
    office: Arc<Office>,
}

/// Who called. Every connection has proved an identity; one without is a defect.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().copied().ok_or_else(|| Status::unauthenticated("who called is not known"))
}

#[tonic::async_trait]
impl Worker for Service {
    async fn hello(&self, _: Request<proto::HelloRequest>) -> Result<Response<proto::HelloReply>, Status> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Response::new(proto::HelloReply { version, protocol: u32::from(net::frame::VERSIONS.1) }))
    }

    async fn describe(
        &self,
        request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let office = Arc::clone(&self.office);
        let describe = move || {
            permitted(&office, caller)?;
            office.describe(&request.computation, &request.player)
        };
        let described = tokio::task::spawn_blocking(describe).await.map_err(|e| Status::internal(e.to_string()))?;
        let reply = match described {
            Ok(dims) => proto::DescribeReply { dims: dims.into_iter().collect(), failure: None },
            Err(error) => proto::DescribeReply { dims: Default::default(), failure: Some(error.to_failure(None)) },
        };
        Ok(Response::new(reply))
    }

    type RunStream = ReceiverStream<Result<proto::RunEvent, Status>>;

    async fn run(&self, request: Request<proto::RunRequest>) -> Result<Response<Self::RunStream>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (events, stream) = mpsc::channel(WAITING_EVENTS);
        let office = Arc::clone(&self.office);
        tokio::spawn(async move {
            let event = tokio::select! {
                event = perform(&office, caller, &request, &events) => event,
                // Whoever asked has gone: nobody waits for the result, so the session ends for everyone.
                () = events.closed() => return,
            };
            // The stream may close just now; then nobody is left to be told.
            let _ = events.send(Ok(proto::RunEvent { event: Some(event) })).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn permitted(office: &Office, caller: Caller) -> Result<(), WorkerError> {
    match office.config.may_submit(&caller.0) {
        true => Ok(()),
        false => Err(WorkerError::Forbidden { identity: caller.0.to_string() }),
    }
}

type Events = mpsc::Sender<Result<proto::RunEvent, Status>>;

/// Runs what was asked for, and returns the last event.
async fn perform(
    office: &Arc<Office>,
    caller: Caller,
    request: &proto::RunRequest,
    events: &Events,
) -> run_event::Event {
    let admitted = permitted(office, caller).and_then(|()| office.admit(&request.agreement, &request.session));
    let job = match admitted {
        Ok(job) => job,
        Err(error) => {
            tracing::warn!(caller = %caller.0, code = error.code(), %error, "an agreement was refused");
            return run_event::Event::Failure(error.to_failure(None));
        }
    };
    let (session, agreement) = (job.session, job.ratified.agreement().digest());
    let player = office.name(&job).to_owned();
    tracing::info!(%session, %agreement, player, caller = %caller.0, "a session begins");
    match follow(office, &job, caller, events).await {
        Ok(outcome) => {
            tracing::info!(%session, rounds = outcome.rounds, bytes = outcome.bytes, seconds = outcome.seconds, "a session ended well");
            run_event::Event::Outcome(outcome)
        }
        Err(error) => {
            tracing::warn!(%session, code = error.code(), %error, "a session failed");
            run_event::Event::Failure(error.to_failure(Some(&player)))
        }
    }
}

/// Runs a job, passing its progress on.
async fn follow(
    office: &Arc<Office>,
    job: &Job,
    caller: Caller,
    events: &Events,
) -> Result<proto::Outcome, WorkerError> {
    let observer_events = events.clone();
    let observer = Arc::new(move |event: Event| {
        if let Some(progress) = progress(&event) {
            // A submitter that does not keep up misses progress, nothing else.
            let _ = observer_events.try_send(Ok(proto::RunEvent { event: Some(run_event::Event::Progress(progress)) }));
        }
    });
    office.run(job, observer, office.config.may_read(&caller.0)).await
}

fn progress(event: &Event) -> Option<proto::Progress> {
    let make = |kind: &str, detail: String, done: usize, of: usize| {
        Some(proto::Progress { kind: kind.to_owned(), detail, done: done as u64, of: of as u64 })
    };
    match event {
        Event::Started { steps, .. } => make("started", String::new(), 0, *steps),
        Event::Step { op, line, done, .. } => make("step", format!("{op}\n{line}"), *done, 0),
        Event::Iteration { done, of, line, .. } => make("iteration", line.to_string(), *done, *of),
        Event::Finished { rounds, bytes, .. } => make("finished", rounds.to_string(), *bytes as usize, 0),
        _ => None,
    }
}
