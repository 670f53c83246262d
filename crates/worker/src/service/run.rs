//! The conversation that runs a session: `submit`, then its turn, `go`, progress, and the outcome.

use std::sync::Arc;
use std::time::Instant;

use agreement::Digest;
use net::Identity;
use session::Event;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::error::WorkerError;
use crate::jobs::{Entry, Slot, State, Ticket, Why};
use crate::office::{Job, Office};
use crate::perform::{Performed, perform};
use crate::proto::run_command::Command;
use crate::proto::run_event;
use crate::rate::Body;
use crate::traces::{Attempt, End};
use crate::{proto, tensor};

/// Events that may wait for a slow submitter; progress beyond it is dropped, results are not.
const WAITING_EVENTS: usize = 256;

type Commands = Streaming<proto::RunCommand>;
type Events = mpsc::Sender<Result<proto::RunEvent, Status>>;

/// Begins the conversation, and returns what it will say.
pub(super) fn converse(
    office: &Arc<Office>,
    caller: Identity,
    commands: Commands,
) -> ReceiverStream<Result<proto::RunEvent, Status>> {
    let (events, stream) = mpsc::channel(WAITING_EVENTS);
    let conversation = Conversation { office: Arc::clone(office), caller, events };
    tokio::spawn(conversation.hold(commands));
    ReceiverStream::new(stream)
}

struct Conversation {
    office: Arc<Office>,
    caller: Identity,
    events: Events,
}

impl Conversation {
    async fn hold(self, mut commands: Commands) {
        let last = match self.submitted(&mut commands).await {
            Ok((job, ticket)) => self.attend(job, ticket, commands).await,
            Err(error) => {
                tracing::warn!(caller = %self.caller, code = error.code(), %error, "a submission was refused");
                self.refuse(&error, None).await;
                run_event::Event::Failure(error.to_failure(None))
            }
        };
        // The stream may close just now; then nobody is left to be told.
        self.tell(last).await;
    }

    /// Counts and records a refusal.
    async fn refuse(&self, error: &WorkerError, agreement: Option<Digest>) {
        self.office.metrics.refusal(error.code());
        let (office, caller, code) = (Arc::clone(&self.office), self.caller, error.code().to_owned());
        let note = move || office.note_refusal("run", caller, &code, agreement);
        if let Err(error) = tokio::task::spawn_blocking(note).await {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    async fn tell(&self, event: run_event::Event) {
        let _ = self.events.send(Ok(proto::RunEvent { event: Some(event) })).await;
    }

    /// The first command: what is to run. It is read and checked, and put in the queue.
    async fn submitted(&self, commands: &mut Commands) -> Result<(Arc<Job>, Ticket), WorkerError> {
        let bringing = self.office.counts.bring(self.caller, Body::Submission).await;
        let command = timeout(self.office.config.limits.request_time(), commands.message()).await;
        let Ok(Ok(Some(proto::RunCommand { command: Some(Command::Submit(request)) }))) = command else {
            return Err(WorkerError::NoSubmission);
        };
        let office = Arc::clone(&self.office);
        let admit = move || office.admit(&request);
        let job =
            tokio::task::spawn_blocking(admit).await.map_err(|e| WorkerError::System { what: e.to_string() })??;
        drop(bringing);
        let ticket = self.office.jobs.enter(job.about(self.caller))?;
        Ok((Arc::new(job), ticket))
    }

    /// Everything from the queue to the last event.
    async fn attend(&self, job: Arc<Job>, mut ticket: Ticket, commands: Commands) -> run_event::Event {
        let entry = Arc::clone(&ticket.entry);
        let trace = Arc::new(self.office.traces.attempt(&job));
        let (go, gone) = oneshot::channel();
        let listening = tokio::spawn(listen(commands, Arc::clone(&entry), go));
        let begun = Instant::now();
        let (session, agreement) = (job.session, job.ratified.agreement().digest());
        tracing::info!(%session, %agreement, player = job.name(), caller = %self.caller, memory = job.memory, "a session is submitted");
        let done = async {
            let _slot = self.turn(&mut ticket, gone).await?;
            trace.begins();
            perform(&self.office, &job, &entry, self.observer(&entry, &trace)).await
        };
        let done = done.await;
        listening.abort();
        let seconds = begun.elapsed().as_secs_f64();
        match done.and_then(|performed| self.outcome(performed)) {
            Ok(outcome) => {
                entry.over(None);
                trace.ended(&End::Well { rounds: outcome.rounds, bytes: outcome.bytes });
                self.office.metrics.session(None, seconds, outcome.bytes);
                tracing::info!(%session, rounds = outcome.rounds, bytes = outcome.bytes, seconds, "a session ended well");
                run_event::Event::Outcome(outcome)
            }
            Err(error) => {
                if entry.state() != State::Running {
                    self.refuse(&error, Some(agreement)).await;
                }
                // What is told to others says less than the log.
                let mut failure = error.to_failure(Some(job.name()));
                // To the submitter, that it gave up is no news.
                failure.echo |= entry.was_given_up() && failure.code == "session.given-up";
                entry.over(Some((error.code(), failure.message.clone())));
                trace.ended(&End::Badly { code: error.code() });
                // What it wanted to save may be in doubt.
                self.office.post.nudge();
                self.office.metrics.session(Some(error.code()), seconds, 0);
                tracing::warn!(%session, seconds, code = error.code(), %error, "a session failed");
                run_event::Event::Failure(failure)
            }
        }
    }

    /// Waits for the session's turn here, and then for the submitter to say that it has it everywhere.
    async fn turn(&self, ticket: &mut Ticket, go: oneshot::Receiver<()>) -> Result<Slot, WorkerError> {
        let entry = Arc::clone(&ticket.entry);
        let before = self.office.jobs.load().waiting.saturating_sub(1);
        self.tell(run_event::Event::Waiting(proto::Waiting { before: before as u32 })).await;
        let mut slot = tokio::select! {
            slot = ticket.turn() => slot?,
            why = entry.stopped() => return Err(why.error().into()),
        };
        entry.admitted();
        self.tell(run_event::Event::Admitted(proto::Admitted {})).await;
        tokio::select! {
            went = timeout(self.office.config.jobs.meeting(), go) => match went {
                Ok(Ok(())) => {
                    slot.went();
                    Ok(slot)
                }
                // The commands ended; why is on its way.
                Ok(Err(_)) => Err(Why::ClientGone.error().into()),
                Err(_) => Err(WorkerError::NoGo { seconds: self.office.config.jobs.meeting_seconds }),
            },
            why = entry.stopped() => Err(why.error().into()),
        }
    }

    fn observer(&self, entry: &Arc<Entry>, trace: &Arc<Attempt>) -> session::Observer {
        let (events, entry, trace) = (self.events.clone(), Arc::clone(entry), Arc::clone(trace));
        Arc::new(move |event: Event| {
            entry.observe(&event);
            if let Event::Step { op, line, done, .. } = &event {
                trace.step(op);
                tracing::debug!(session = %entry.about.session, op, line, done, "a step is done");
            }
            if let Some(progress) = progress(&event) {
                // A submitter that does not keep up misses progress, nothing else.
                let _ = events.try_send(Ok(proto::RunEvent { event: Some(run_event::Event::Progress(progress)) }));
            }
        })
    }

    fn outcome(&self, performed: Performed) -> Result<proto::Outcome, WorkerError> {
        let Performed { outcome, receipt } = performed;
        let may_read = self.office.config.may_read(&self.caller);
        let outputs = outcome.outputs.iter().filter(|_| may_read);
        Ok(proto::Outcome {
            outputs: outputs.map(|(name, value)| (name.clone(), tensor::to_proto(value))).collect(),
            delivered: outcome.outputs.keys().cloned().collect(),
            rounds: outcome.cost.rounds,
            bytes: outcome.cost.bytes,
            seconds: outcome.cost.elapsed.as_secs_f64(),
            receipt: serde_json::to_string(&receipt).map_err(|e| WorkerError::System { what: e.to_string() })?,
        })
    }
}

/// Hears what the submitter says after the first command. When it is gone, nobody waits for the result, so the session
/// ends for everyone.
async fn listen(mut commands: Commands, entry: Arc<Entry>, go: oneshot::Sender<()>) {
    let mut go = Some(go);
    loop {
        match commands.message().await.map(|c| c.and_then(|c| c.command)) {
            Ok(Some(Command::Go(_))) => drop(go.take().map(|go| go.send(()))),
            Ok(Some(Command::Stop(_))) => entry.stop(Why::GivenUp),
            Ok(Some(Command::Submit(_))) => {}
            Ok(None) | Err(_) => {
                if !entry.state().is_over() {
                    tracing::warn!(session = %entry.about.session, submitter = %entry.about.submitter, "whoever submitted a session has gone");
                }
                return entry.stop(Why::ClientGone);
            }
        }
    }
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
