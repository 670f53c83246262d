//! Asking workers to run something: one connection to each, and the results that they may tell us.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use agreement::{Agreement, Roster, SessionId, SignedReceipt, Terms};
use hyper_util::rt::TokioIo;
use net::{Alpn, Credentials, Dialer, Identity, KeyPair, Player};
use privity::{Cost, Plain, Program, Report};
use session::{Dims, Event, Observer};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::error::ClientError;
use crate::proto::worker_client::WorkerClient;
use crate::proto::{self, run_event};
use crate::service::MAX_MESSAGE;
use crate::tensor;

/// Runs a program on the workers of a roster, coming as the owner of a key. Blocks until it is done.
///
/// The report has the outputs that this key may read. Lengths that are not in `dims` are asked of the workers whose
/// data has them.
///
/// # Errors
/// The first thing that went wrong, at whichever worker.
pub fn run_on_workers(
    program: &Program,
    roster: &Path,
    key: Option<&Path>,
    dims: &Dims,
    observer: Observer,
) -> Result<Report, ClientError> {
    let key = KeyPair::load(key.ok_or(ClientError::NoKey)?)?;
    let roster = Roster::read(roster)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| ClientError::System { what: e.to_string() })?;
    runtime.block_on(async {
        let client = Client::connect(program, &roster, key).await?;
        let dims = client.dims(program, dims).await?;
        let agreement = Agreement::bind(program.checked().clone(), &roster, dims, Terms::default())?;
        client.run(&agreement, observer).await
    })
}

/// Connections to the workers of all players.
struct Client {
    workers: BTreeMap<String, WorkerClient<Channel>>,
}

impl Client {
    async fn connect(program: &Program, roster: &Roster, key: KeyPair) -> Result<Client, ClientError> {
        let dialer = Dialer::new(Credentials::new(key)?);
        let c = program.computation();
        // What the roster lacks is told before anyone is bothered.
        let members = c.players.iter().map(|p| roster.require(&p.name)).collect::<Result<Vec<_>, _>>()?;
        let mut workers = BTreeMap::new();
        for (i, (player, member)) in c.players.iter().zip(members).enumerate() {
            let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            let named = Player { id: net::PlayerId(i as u16), name: player.name.as_str().into() };
            let secured = dialer.dial(&named, &endpoint, member.identity, Alpn::Control).await?;
            let broke = |e: tonic::transport::Error| broke_off(&player.name, &e);
            let mut stream = Some(TokioIo::new(secured.stream));
            // The connection exists; tonic gets it once, and cannot open another.
            let connector = tower::service_fn(move |_| {
                let stream = stream.take().ok_or_else(|| std::io::Error::other("the connection was closed"));
                std::future::ready(stream)
            });
            let channel =
                Endpoint::from_static("http://worker").connect_with_connector(connector).await.map_err(broke)?;
            let mut worker = WorkerClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE);
            greet(&mut worker, &player.name, dialer.identity()).await?;
            workers.insert(player.name.clone(), worker);
        }
        Ok(Client { workers })
    }

    /// The lengths of all dimensions: those given, and those that the workers' data has.
    async fn dims(&self, program: &Program, given: &Dims) -> Result<Dims, ClientError> {
        let mut dims = given.clone();
        let c = program.computation();
        for (dim, input) in c.dims() {
            let Some(input) = input.filter(|_| !dims.contains_key(&dim)) else { continue };
            let player = &c.player(c.placement(c.graph.value(input).placement).players[0]).name;
            let Some(worker) = self.workers.get(player) else { continue };
            let request = proto::DescribeRequest { computation: c.to_string(), player: player.clone() };
            let reply = worker.clone().describe(request).await.map_err(|s| broke_off(player, &s))?.into_inner();
            if let Some(failure) = reply.failure {
                return Err(failed(failure, player));
            }
            for (name, length) in reply.dims {
                dims.entry(name).or_insert(length);
            }
        }
        Ok(dims)
    }

    async fn run(self, agreement: &Agreement, observer: Observer) -> Result<Report, ClientError> {
        let begun = Instant::now();
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| ClientError::System { what: e.to_string() })?;
        let session = SessionId(id);
        let mut tasks = JoinSet::new();
        for (player, worker) in self.workers {
            let request = proto::RunRequest { agreement: agreement.text().to_owned(), session: session.0.to_vec() };
            let observer = Arc::clone(&observer);
            tasks.spawn(async move { (player.clone(), follow(worker, request, &player, &observer).await) });
        }
        let mut outcomes = BTreeMap::new();
        let mut errors = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((player, Ok(outcome))) => drop(outcomes.insert(player, outcome)),
                Ok((_, Err(error))) => errors.push(error),
                Err(e) => errors.push((false, ClientError::System { what: e.to_string() })),
            }
        }
        // Everyone who was told of an error reports it; the one who found it says most.
        // Of several that say as much, always the same one.
        errors.sort_by_key(|(echo, error)| (*echo, error.is_remote(), error.to_string()));
        match errors.into_iter().next() {
            Some((_, error)) => Err(error),
            None => report(agreement, session, outcomes, begun.elapsed().as_secs_f64()),
        }
    }
}

/// Asks a worker for its versions: whether it talks to us at all shows here, before anything is submitted.
async fn greet(worker: &mut WorkerClient<Channel>, player: &str, us: Identity) -> Result<(), ClientError> {
    let ours = env!("CARGO_PKG_VERSION");
    let request = proto::HelloRequest { version: ours.to_owned() };
    // In TLS 1.3 a client learns only now whether its key was accepted.
    let hung_up = |_| ClientError::HungUp { player: player.to_owned(), identity: us.to_string() };
    let reply = worker.hello(request).await.map_err(hung_up)?.into_inner();
    let (lowest, highest) = net::frame::VERSIONS;
    if (u32::from(lowest)..=u32::from(highest)).contains(&reply.protocol) {
        return Ok(());
    }
    Err(ClientError::Version { player: player.to_owned(), theirs: reply.version, ours: ours.to_owned() })
}

/// Follows one worker to its outcome. An error says whether it is only an echo of another player's.
async fn follow(
    mut worker: WorkerClient<Channel>,
    request: proto::RunRequest,
    player: &str,
    observer: &Observer,
) -> Result<proto::Outcome, (bool, ClientError)> {
    let broke = |s: tonic::Status| (true, broke_off(player, &s));
    let mut events = worker.run(request).await.map_err(broke)?.into_inner();
    while let Some(event) = events.message().await.map_err(broke)? {
        match event.event {
            Some(run_event::Event::Progress(progress)) => tell(observer, player, &progress),
            Some(run_event::Event::Outcome(outcome)) => return Ok(outcome),
            Some(run_event::Event::Failure(failure)) => return Err((failure.echo, failed(failure, player))),
            None => {}
        }
    }
    Err((false, ClientError::BrokeOff { player: player.to_owned(), what: "it ended without a result".into() }))
}

fn tell(observer: &Observer, player: &str, progress: &proto::Progress) {
    let player = player.to_owned();
    let (done, of) = (progress.done as usize, progress.of as usize);
    let line = |text: &str| text.parse().unwrap_or(0);
    match progress.kind.as_str() {
        "started" => observer(Event::Started { player, steps: of }),
        "step" => {
            let (op, at) = progress.detail.split_once('\n').unwrap_or((&progress.detail, ""));
            // Operators are known by name; what another version calls otherwise is not shown.
            if let Some(op) = ir::Op::parse(op) {
                observer(Event::Step { player, op: op.name(), line: line(at), done });
            }
        }
        "iteration" => observer(Event::Iteration { player, line: line(&progress.detail), done, of }),
        "finished" => {
            let rounds = line(&progress.detail);
            observer(Event::Finished { player, rounds, bytes: progress.done });
        }
        _ => {}
    }
}

fn report(
    agreement: &Agreement,
    session: SessionId,
    outcomes: BTreeMap<String, proto::Outcome>,
    seconds: f64,
) -> Result<Report, ClientError> {
    let mut cost = Cost { seconds, ..Cost::default() };
    let mut outputs: BTreeMap<String, BTreeMap<String, Plain>> = BTreeMap::new();
    let mut receipts = Vec::new();
    for player in &agreement.checked().computation().players {
        let Some(outcome) = outcomes.get(&player.name) else { continue };
        cost.rounds = cost.rounds.max(outcome.rounds);
        cost.bytes.insert(player.name.clone(), outcome.bytes);
        let bad = || ClientError::BadOutput { player: player.name.clone() };
        for (name, tensor) in &outcome.outputs {
            let value = tensor::from_proto(tensor).ok_or_else(bad)?;
            outputs.entry(player.name.clone()).or_default().insert(name.clone(), value);
        }
        let receipt: SignedReceipt = serde_json::from_str(&outcome.receipt).map_err(|_| bad())?;
        receipt.verify_for(agreement, session, &player.name).map_err(|_| bad())?;
        receipts.push(receipt);
    }
    Ok(Report {
        session: session.to_string(),
        computation: agreement.computation_digest().to_string(),
        outputs,
        cost,
        receipt: agreement::session_digest(receipts.iter().map(SignedReceipt::unverified)).to_string(),
        comparison: None,
    })
}

fn failed(failure: proto::Failure, asked: &str) -> ClientError {
    let player = if failure.player.is_empty() { asked.to_owned() } else { failure.player };
    ClientError::Worker {
        code: failure.code,
        message: failure.message,
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
