//! Asking workers to run something: one connection to each, and the results that they may tell us.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agreement::{Agreement, Ratification, Roster, SessionId, SignedReceipt, Terms};
use ir::Computation;
use net::{Credentials, Dialer, KeyPair};
use privity::{Cost, Plain, Program, Report};
use session::{Dims, Event, Observer};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_stream::wrappers::ReceiverStream;

use super::contact::{self, Contact};
use super::{Console, Reach};
use crate::error::ClientError;
use crate::proto::run_command::Command;
use crate::proto::{self, run_event};
use crate::tensor;

/// How long the other workers go on by themselves, after one of them has failed because of another.
const OWN_WORDS: Duration = Duration::from_secs(1);
/// How long they may take in all to say why a session failed, after one of them has.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Runs a program on the workers of a roster, coming as the owner of a key. Blocks until it is done. It works only where
/// every worker takes what it is given (`--ratify-all`), since nobody has signed.
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
    super::runtime()?.block_on(async {
        let client = Client::connect(program.computation(), &roster, key).await?;
        let dims = client.dims(program, dims).await?;
        let agreement = Agreement::bind(program.checked().clone(), &roster, dims, Terms::default())?;
        client.run(&agreement, &[], observer).await
    })
}

/// Binds a program to a roster and terms, asking the workers for the lengths that are not given.
///
/// # Errors
/// As [`Agreement::bind`], and if a worker that has a length cannot be asked.
pub fn propose_program(
    program: &Program,
    roster: &Path,
    key: &Path,
    dims: &Dims,
    terms: Terms,
) -> Result<Agreement, ClientError> {
    let key = KeyPair::load(key)?;
    let roster = Roster::read(roster)?;
    super::runtime()?.block_on(async {
        let unknown = program.computation().dims().into_keys().any(|dim| !dims.contains_key(&dim));
        let dims = match unknown {
            true => Client::connect(program.computation(), &roster, key).await?.dims(program, dims).await?,
            false => dims.clone(),
        };
        Ok(Agreement::bind(program.checked().clone(), &roster, dims, terms)?)
    })
}

/// Runs an agreement on its workers, coming as the owner of a key. Blocks until it is done. Workers know the ratifications
/// that were passed on to them; others can be brought.
///
/// # Errors
/// The first thing that went wrong, at whichever worker.
pub fn run_agreement(
    agreement: &Agreement,
    ratifications: &[Ratification],
    roster: &Path,
    key: &Path,
    observer: Observer,
) -> Result<Report, ClientError> {
    let key = KeyPair::load(key)?;
    let roster = Roster::read(roster)?;
    super::runtime()?.block_on(async {
        let client = Client::connect(agreement.checked().computation(), &roster, key).await?;
        client.run(agreement, ratifications, observer).await
    })
}

/// Attempts a session again that failed, on the workers of a roster, coming as the owner of a key. Blocks until it is
/// done. It goes on from the last checkpoint that all have, or from the beginning; see [`session`].
///
/// # Errors
/// If no worker knows the session, or they know different agreements by its id; and as [`run_agreement`].
pub fn resume(
    session: SessionId,
    ratifications: &[Ratification],
    roster: &Path,
    key: &Path,
    observer: Observer,
) -> Result<(Agreement, Report), ClientError> {
    let console = Console::open(Reach::by_roster(roster, key, &[])?)?;
    let (agreement, attempt) = console.recall(session)?;
    drop(console);
    let key = KeyPair::load(key)?;
    let roster = Roster::read(roster)?;
    let report = super::runtime()?.block_on(async {
        let client = Client::connect(agreement.checked().computation(), &roster, key).await?;
        client.attempt((session, attempt), &agreement, ratifications, observer).await
    })?;
    Ok((agreement, report))
}

/// Connections to the workers of all players.
struct Client {
    contacts: Vec<Contact>,
}

impl Client {
    async fn connect(c: &Computation, roster: &Roster, key: KeyPair) -> Result<Client, ClientError> {
        let dialer = Dialer::new(Credentials::new(key)?);
        // What the roster lacks is told before anyone is bothered.
        let single = || c.players.iter().filter(|p| p.group.is_none());
        let members = single().map(|p| roster.require(&p.name)).collect::<Result<Vec<_>, _>>()?;
        let mut contacts = Vec::new();
        for (player, member) in single().zip(members) {
            let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
            contacts.push(Contact::reach(&dialer, &player.name, &endpoint, member.identity).await?);
        }
        // See `run`.
        contacts.sort_by_key(|c| c.identity);
        Ok(Client { contacts })
    }

    /// The lengths of all dimensions: those given, and those that the workers' data has.
    async fn dims(&self, program: &Program, given: &Dims) -> Result<Dims, ClientError> {
        let mut dims = given.clone();
        let c = program.computation();
        for (dim, input) in c.dims() {
            let Some(input) = input.filter(|_| !dims.contains_key(&dim)) else { continue };
            let player = &c.player(c.placement(c.graph.value(input).placement).players[0]).name;
            let Some(contact) = self.contacts.iter().find(|contact| contact.player == *player) else { continue };
            let request = proto::DescribeRequest { computation: c.to_string(), player: player.clone() };
            let reply = contact.worker.clone().describe(request).await.map_err(|s| contact.failed(&s))?.into_inner();
            for (name, length) in reply.dims {
                dims.entry(name).or_insert(length);
            }
        }
        Ok(dims)
    }

    /// Runs a new session.
    async fn run(
        self,
        agreement: &Agreement,
        ratifications: &[Ratification],
        observer: Observer,
    ) -> Result<Report, ClientError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|e| ClientError::System { what: e.to_string() })?;
        self.attempt((SessionId(id), 0), agreement, ratifications, observer).await
    }

    /// Asks for the session's turn at one worker after the other, always in the order of identities, so that no two
    /// sessions hold what the other waits for; then all begin.
    async fn attempt(
        self,
        (session, attempt): (SessionId, u32),
        agreement: &Agreement,
        ratifications: &[Ratification],
        observer: Observer,
    ) -> Result<Report, ClientError> {
        let begun = Instant::now();
        let word = watch::Sender::new(Word::Wait);
        let mut tasks = JoinSet::new();
        let mut ended = Vec::new();
        let mut together = true;
        for contact in self.contacts {
            let request = proto::RunRequest {
                agreement: agreement.text().to_owned(),
                session: session.0.to_vec(),
                ratifications: ratifications.iter().map(ToString::to_string).collect(),
                attempt,
            };
            let (admitted, turn) = oneshot::channel();
            let following = Following {
                contact,
                word: word.subscribe(),
                admitted: Some(admitted),
                observer: Arc::clone(&observer),
            };
            tasks.spawn(async move { (following.contact.player.clone(), following.follow(request).await) });
            tokio::select! {
                Ok(()) = turn => {}
                Some(done) = tasks.join_next() => {
                    // One that ends before all have begun has failed; the others hear that we have gone.
                    ended.push(done);
                    tasks.abort_all();
                    together = false;
                    break;
                }
            }
        }
        word.send_replace(Word::Go);
        let mut failed = None;
        while let Some(done) = next(&mut tasks, failed, &word).await {
            if let Ok((_, Err((echo, _)))) = &done {
                // The workers tell each other; this reaches also one that nobody can tell just now. Who found what another
                // only echoes is not interrupted before it has said so.
                if !*echo {
                    word.send_replace(Word::Stop);
                }
                failed = failed.or(Some(Instant::now()));
            }
            ended.push(done);
        }
        let mut outcomes = BTreeMap::new();
        let mut errors = Vec::new();
        for done in ended {
            match done {
                Ok((player, Ok(outcome))) => drop(outcomes.insert(player, outcome)),
                Ok((_, Err(error))) => errors.push(error),
                Err(e) if e.is_cancelled() => {}
                Err(e) => errors.push((false, ClientError::System { what: e.to_string() })),
            }
        }
        // Those that only ended because we told them to say nothing, if another says something.
        if errors.iter().any(|(echo, error)| !(*echo && error.code() == "session.given-up")) {
            errors.retain(|(echo, error)| !(*echo && error.code() == "session.given-up"));
        }
        // Everyone who was told of an error reports it; the one who found it says most. Where nobody did, that a worker
        // broke off is what we saw ourselves. Of several that say as much, always the same one.
        let told = |echo: bool, error: &ClientError| echo && matches!(error, ClientError::Worker { .. });
        errors.sort_by_key(|(echo, error)| (*echo, told(*echo, error), error.is_remote(), error.to_string()));
        match errors.into_iter().next() {
            Some((_, error)) if together => Err(ClientError::Session { session, error: Box::new(error) }),
            Some((_, error)) => Err(error),
            None => report(agreement, session, outcomes, begun.elapsed().as_secs_f64()),
        }
    }
}

/// The next that ends. Once one has failed, the others have a while to say what they know, then are told to stop: one that
/// hangs is not waited for.
async fn next<T: 'static>(
    tasks: &mut JoinSet<T>,
    failed: Option<Instant>,
    word: &watch::Sender<Word>,
) -> Option<Result<T, JoinError>> {
    let Some(since) = failed else { return tasks.join_next().await };
    if let Ok(done) = tokio::time::timeout_at((since + OWN_WORDS).into(), tasks.join_next()).await {
        return done;
    }
    word.send_replace(Word::Stop);
    tokio::time::timeout_at((since + LAST_WORDS).into(), tasks.join_next()).await.ok().flatten()
}

/// One worker's side of a session, as the submitter sees it.
struct Following {
    contact: Contact,
    word: watch::Receiver<Word>,
    admitted: Option<oneshot::Sender<()>>,
    observer: Observer,
}

impl Following {
    /// Follows the worker to its outcome. An error says whether it is only an echo of another player's.
    async fn follow(mut self, request: proto::RunRequest) -> Result<proto::Outcome, (bool, ClientError)> {
        let player = self.contact.player.clone();
        let ended =
            || (false, ClientError::BrokeOff { player: player.clone(), what: "it ended without a result".into() });
        let broke = |contact: &Contact, s: &tonic::Status| (true, contact.failed(s));
        // Held to the end: when the commands end, so does the session.
        let (commands, stream) = mpsc::channel(4);
        let command = |command| proto::RunCommand { command: Some(command) };
        commands.send(command(Command::Submit(request))).await.map_err(|_| ended())?;
        let events = self.contact.worker.run(ReceiverStream::new(stream)).await;
        let mut events = events.map_err(|s| broke(&self.contact, &s))?.into_inner();
        let mut said = Word::Wait;
        loop {
            let event = tokio::select! {
                event = events.message() => event.map_err(|s| broke(&self.contact, &s))?,
                Some(word) = told(&mut self.word, said) => {
                    said = word;
                    let order = match word {
                        Word::Stop => Command::Stop(proto::Stop {}),
                        Word::Wait | Word::Go => Command::Go(proto::Go {}),
                    };
                    // A worker that takes no more orders has ended, and says so.
                    let _ = commands.send(command(order)).await;
                    continue;
                }
            };
            match event.ok_or_else(ended)?.event {
                Some(run_event::Event::Admitted(_)) => drop(self.admitted.take().map(|a| a.send(()))),
                Some(run_event::Event::Progress(progress)) => tell(&self.observer, &player, &progress),
                Some(run_event::Event::Outcome(outcome)) => return Ok(outcome),
                Some(run_event::Event::Failure(failure)) => {
                    return Err((failure.echo, contact::failed(failure, &player)));
                }
                Some(run_event::Event::Waiting(_)) | None => {}
            }
        }
    }
}

/// What the workers of a session are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Wait,
    Go,
    Stop,
}

/// The next word after the one that was passed on.
async fn told(word: &mut watch::Receiver<Word>, said: Word) -> Option<Word> {
    word.wait_for(|word| *word != said).await.ok().map(|word| *word)
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
        notes: Vec::new(),
    })
}
