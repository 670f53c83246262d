//! The control plane's calls: who may ask for what, and what comes back.

mod door;
mod run;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use agreement::{Digest, SessionId};
use net::Identity;
use prost::Message as _;
use session::Attempt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::clock::now_ms;
use crate::desk::{Bringer, Item};
use crate::error::WorkerError;
use crate::io::Caller;
use crate::jobs::{Entry, Why};
use crate::office::Office;
use crate::proto;
use crate::proto::answer_request::Answer as Said;
use crate::proto::worker_server::Worker;

pub(crate) use door::Doors;

/// The largest answer: outputs.
pub(crate) const MAX_ANSWER: usize = 256 << 20;

/// Lines that may wait for a slow reader.
const WAITING_LINES: usize = 64;

/// See the module.
pub(crate) struct Service {
    pub(crate) office: Arc<Office>,
}

impl Service {
    fn refused(&self, caller: Identity, error: &WorkerError) -> Status {
        refused(&self.office, caller, error)
    }

    /// Does what takes a while away from the threads that serve connections.
    async fn blocking<T: Send + 'static>(
        &self,
        caller: Identity,
        work: impl FnOnce(&Office) -> Result<T, WorkerError> + Send + 'static,
    ) -> Result<T, Status> {
        let office = Arc::clone(&self.office);
        let done = tokio::task::spawn_blocking(move || work(&office)).await;
        done.map_err(|e| Status::internal(e.to_string()))?.map_err(|e| self.refused(caller, &e))
    }

    /// `None` for an operator, who sees everything; otherwise who may see only its own.
    fn sees(&self, caller: Identity) -> Option<Identity> {
        (!self.office.config.may_operate(&caller)).then_some(caller)
    }

    fn find(&self, caller: Identity, session: &[u8]) -> Result<Arc<Entry>, Status> {
        let find = || {
            let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
            let known = self.office.jobs.find(session, self.sees(caller));
            known.ok_or_else(|| WorkerError::UnknownSession { id: session.to_string() })
        };
        find().map_err(|e| self.refused(caller, &e))
    }
}

/// Who called; the door has let it in.
fn caller<T>(request: &Request<T>) -> Result<Identity, Status> {
    let known = request.extensions().get::<Caller>().copied();
    known.map(|Caller(caller)| caller).ok_or_else(|| Status::unauthenticated("who called is not known"))
}

/// A refusal as the caller sees it; logged and counted.
pub(crate) fn refused(office: &Office, caller: Identity, error: &WorkerError) -> Status {
    tracing::warn!(%caller, code = error.code(), %error, "a request was refused");
    office.metrics.refusal(error.code());
    status(error)
}

/// An error as a status: the failure is its details, so that a client need not read words.
pub(crate) fn status(error: &WorkerError) -> Status {
    let mut failure = error.to_failure(None);
    // Details travel in a header, which must stay small.
    truncate(&mut failure.message, 2048);
    truncate(&mut failure.help, 1024);
    let code = match error {
        WorkerError::TooMany { .. } | WorkerError::Busy { .. } => Code::ResourceExhausted,
        WorkerError::NotOperator { .. } => Code::PermissionDenied,
        WorkerError::UnknownSession { .. } | WorkerError::Unproposed { .. } => Code::NotFound,
        WorkerError::Draining => Code::Unavailable,
        _ => Code::FailedPrecondition,
    };
    Status::with_details(code, "see the details", failure.encode_to_vec().into())
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

type Answers<T> = ReceiverStream<Result<T, Status>>;

#[tonic::async_trait]
impl Worker for Service {
    async fn hello(&self, _: Request<proto::HelloRequest>) -> Result<Response<proto::HelloReply>, Status> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Response::new(proto::HelloReply { version, protocol: u32::from(net::frame::VERSIONS.1), time_ms: now_ms() }))
    }

    async fn echo(&self, request: Request<proto::EchoRequest>) -> Result<Response<proto::EchoReply>, Status> {
        Ok(Response::new(proto::EchoReply { payload: request.into_inner().payload }))
    }

    async fn examine(&self, request: Request<proto::ExamineRequest>) -> Result<Response<proto::ExamineReply>, Status> {
        let caller = caller(&request)?;
        let findings = self.office.examine().await.map_err(|e| self.refused(caller, &e))?;
        Ok(Response::new(proto::ExamineReply { findings: findings.into_iter().map(Into::into).collect() }))
    }

    async fn describe(
        &self,
        request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        // Whole datasets are read for it: one at a time, whoever asks.
        let _alone = self.office.describing.lock().await;
        let dims = self.blocking(caller, move |office| office.describe(&request.computation, &request.player)).await?;
        Ok(Response::new(proto::DescribeReply { dims: dims.into_iter().collect() }))
    }

    type RunStream = Answers<proto::RunEvent>;

    async fn run(&self, request: Request<Streaming<proto::RunCommand>>) -> Result<Response<Self::RunStream>, Status> {
        let caller = caller(&request)?;
        Ok(Response::new(run::converse(&self.office, caller, request.into_inner())))
    }

    async fn jobs(&self, request: Request<proto::JobsRequest>) -> Result<Response<proto::JobsReply>, Status> {
        let caller = caller(&request)?;
        let sees = self.sees(caller);
        let all = move |office: &Office| {
            let table = office.jobs.list(sees);
            let mut jobs: Vec<proto::Job> = table.iter().map(|entry| entry.to_proto()).collect();
            if sees.is_none() {
                let me = office.config.key.identity();
                let player = office.config.roster.players_of(me).next().unwrap_or_default();
                let known = table.iter().map(|entry| entry.about.session).collect();
                jobs.extend(office.past_jobs(player, &known)?);
                jobs.sort_by_key(|job| job.submitted_ms);
            }
            Ok(jobs)
        };
        Ok(Response::new(proto::JobsReply { jobs: self.blocking(caller, all).await? }))
    }

    type WatchStream = Answers<proto::JobLine>;

    async fn watch(&self, request: Request<proto::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let entry = self.find(caller, &request.session)?;
        let (lines, stream) = mpsc::channel(WAITING_LINES);
        tokio::spawn(tell(entry, lines, request.follow));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn recall(&self, request: Request<proto::RecallRequest>) -> Result<Response<proto::RecallReply>, Status> {
        let caller = caller(&request)?;
        let (sees, session) = (self.sees(caller), request.into_inner().session);
        Ok(Response::new(self.blocking(caller, move |office| office.recall(sees, &session)).await?))
    }

    async fn cancel(&self, request: Request<proto::CancelRequest>) -> Result<Response<proto::CancelReply>, Status> {
        let caller = caller(&request)?;
        let session = request.into_inner().session;
        let found = self.find(caller, &session);
        match &found {
            Ok(entry) if !entry.state().is_over() => {
                let state = entry.state().name().to_owned();
                tracing::info!(session = %entry.about.session, %caller, state, "a session is cancelled");
                entry.stop(Why::Asked(caller));
                return Ok(Response::new(proto::CancelReply { state }));
            }
            Err(refused) if self.sees(caller).is_some() => return Err(refused.clone()),
            // One that failed might be attempted again; operators know it also from before a restart.
            Ok(_) | Err(_) => {}
        }
        let id = SessionId(session[..].try_into().map_err(|_| self.refused(caller, &WorkerError::SessionId))?);
        if self.blocking(caller, move |office| office.give_up(id)).await? {
            tracing::info!(session = %id, %caller, "a session that failed is not to be attempted again");
            return Ok(Response::new(proto::CancelReply { state: "failed".to_owned() }));
        }
        found.map(|entry| Response::new(proto::CancelReply { state: entry.state().name().to_owned() }))
    }

    async fn post(&self, request: Request<proto::PostRequest>) -> Result<Response<proto::PostReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let post = move |office: &Office| {
            let from = Bringer { identity: caller, relayed: request.relayed };
            let posted = office.post_in(from, &request.agreement, request.statements);
            posted.inspect_err(|e| office.note_refusal("propose", caller, e.code(), None)).map(|item| reply(&item))
        };
        Ok(Response::new(self.blocking(caller, post).await?))
    }

    async fn inbox(&self, request: Request<proto::InboxRequest>) -> Result<Response<proto::InboxReply>, Status> {
        let caller = caller(&request)?;
        let sees = self.sees(caller);
        let digest = request.into_inner().digest;
        let inbox = move |office: &Office| {
            let alone = !digest.is_empty();
            let items = office.inbox(sees, &digest)?;
            let shown = items
                .iter()
                .map(|item| Ok(item.to_proto(office.rules_of(item.agreement.digest())?.map(|r| r.in_words()), alone)));
            shown.collect::<Result<Vec<_>, WorkerError>>()
        };
        Ok(Response::new(proto::InboxReply { proposals: self.blocking(caller, inbox).await? }))
    }

    async fn answer(&self, request: Request<proto::AnswerRequest>) -> Result<Response<proto::PostReply>, Status> {
        let caller = caller(&request)?;
        if !self.office.config.may_operate(&caller) {
            return Err(self.refused(caller, &WorkerError::NotOperator { identity: caller.to_string() }));
        }
        let request = request.into_inner();
        let answer = move |office: &Office| match request.answer {
            Some(Said::Ratify(_)) => office.answer(&request.digest, None).map(|item| reply(&item)),
            Some(Said::Decline(reason)) => office.answer(&request.digest, Some(reason)).map(|item| reply(&item)),
            None => Err(WorkerError::Statements { count: 0 }),
        };
        Ok(Response::new(self.blocking(caller, answer).await?))
    }

    async fn receipts(
        &self,
        request: Request<proto::ReceiptsRequest>,
    ) -> Result<Response<proto::ReceiptsReply>, Status> {
        let caller = caller(&request)?;
        let sees = self.sees(caller);
        let request = request.into_inner();
        let exchange = move |office: &Office| office.exchange(sees, &request.session, &request.receipts);
        Ok(Response::new(self.blocking(caller, exchange).await?))
    }

    async fn challenge(
        &self,
        request: Request<proto::ChallengeRequest>,
    ) -> Result<Response<proto::ChallengeReply>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let challenge = move |office: &Office| {
            let challenge = office.challenge(caller, &asked.session, &asked.input);
            challenge.inspect_err(|e| office.note_refusal("release", caller, e.code(), None))
        };
        let challenge = self.blocking(caller, challenge).await?.to_vec();
        Ok(Response::new(proto::ChallengeReply { challenge }))
    }

    async fn release(&self, request: Request<proto::ReleaseRequest>) -> Result<Response<proto::ReleaseReply>, Status> {
        let caller = caller(&request)?;
        let (asked, shared) = (request.into_inner(), Arc::clone(&self.office));
        let release = move |office: &Office| {
            let released = shared.release(caller, &asked);
            released.inspect_err(|e| office.note_refusal("release", caller, e.code(), None))
        };
        let message = self.blocking(caller, release).await?;
        Ok(Response::new(proto::ReleaseReply { message }))
    }

    async fn settle(&self, request: Request<proto::SettleRequest>) -> Result<Response<proto::SettleReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let office = Arc::clone(&self.office);
        let stands = move |_: &Office| {
            let attempt = Attempt {
                agreement: Digest(request.agreement.try_into().map_err(|_| WorkerError::SessionId)?),
                session: SessionId(request.session.try_into().map_err(|_| WorkerError::SessionId)?),
                number: request.attempt,
            };
            office.standing(caller, &attempt)
        };
        let standing = u32::from(self.blocking(caller, stands).await?.to_byte());
        Ok(Response::new(proto::SettleReply { standing }))
    }
}

/// What was said of an agreement, and how it stands.
fn reply(item: &Item) -> proto::PostReply {
    proto::PostReply { standing: item.standing().to_owned(), statements: item.statements() }
}

/// Sends the lines of a session: those that are known, or all until it ends.
async fn tell(entry: Arc<Entry>, lines: mpsc::Sender<Result<proto::JobLine, Status>>, follow: bool) {
    let mut changes = entry.changes();
    let mut from = 0;
    loop {
        changes.mark_unchanged();
        let (new, next, over) = entry.lines(from);
        from = next;
        for line in new {
            if lines.send(Ok(line)).await.is_err() {
                return;
            }
        }
        let more = async { follow && !over && changes.changed().await.is_ok() };
        let more: Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(more);
        tokio::select! {
            more = more => if !more { return },
            () = lines.closed() => return,
        }
    }
}
