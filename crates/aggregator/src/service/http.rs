//! Requests: what is asked of the service, by whoever proved to be somebody. Connections of its port.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use net::tls::Connections;
use net::{Identity, Secured};
use tokio::task::JoinSet;

use super::status::Standing;
use super::{Shared, answer, now_ms};
use crate::board::Posted;
use crate::error::Error;
use crate::round::{Rounds, Stage, phases};

/// How long an upload may take, and for how many bytes it may take a second more.
const UPLOAD: Duration = Duration::from_secs(10);
const LEAST_RATE: usize = 64 << 10;
/// The longest that a caller may wait for a change.
const LONGEST_WAIT: u64 = 30_000;
/// How often the board is looked at meanwhile: another process may change it.
const LOOK: Duration = Duration::from_millis(250);
/// Requests that one connection may have open.
const STREAMS: u32 = 32;
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves connections for ever.
pub(super) async fn serve(mut connections: Connections, shared: Arc<Shared>) {
    // They end with this task.
    let mut open = JoinSet::new();
    while let Some(secured) = connections.next().await {
        open.spawn(connection(secured, Arc::clone(&shared)));
        while open.try_join_next().is_some() {}
    }
}

async fn connection(secured: Secured, shared: Arc<Shared>) {
    let Secured { identity, stream, .. } = secured;
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, identity, request).await) }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Some(KEEPALIVE))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%identity, %error, "a connection ended");
    }
}

/// Answers a request of whoever was proved to be `who`.
pub(super) async fn respond(shared: &Shared, who: Identity, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match handle(shared, who, request).await {
        Ok(response) => response,
        Err(error) => refuse(shared, &error),
    }
}

/// Says why not, and counts it.
pub(super) fn refuse(shared: &Shared, error: &Error) -> Response<Full<Bytes>> {
    tracing::debug!(code = error.code(), %error, "a request was refused");
    shared.metrics.refusal(error.code());
    answer::refusal(error)
}

async fn handle(shared: &Shared, who: Identity, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Error> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let [version, task, rest @ ..] = segments.as_slice() else { return Err(Error::Unknown { what: "path" }) };
    if *version != "v1" {
        return Err(Error::Unknown { what: "version of the interface" });
    }
    let digest = hex::decode(task).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let rounds = digest.and_then(|digest| shared.tasks.get(&digest)).ok_or(Error::Unknown { what: "set of terms" })?;
    let caller = secagg::Identity(*who.as_bytes());
    let get = request.method() == Method::GET;
    match rest {
        ["enrolment"] if get => Ok(answer::bytes(rounds.enrolled().text().as_bytes().to_vec())),
        ["rounds", round] if get => standing(rounds, round, &query).await,
        ["rounds", round, "letter"] if get => {
            Ok(answer::bytes(rounds.letter(number(rounds, round).await?, caller).await?))
        }
        ["rounds", round, "list"] if get => Ok(answer::bytes(rounds.list(number(rounds, round).await?, caller).await?)),
        ["rounds", round, "verifiers"] if get => {
            Ok(answer::bytes(rounds.verifiers(number(rounds, round).await?, caller).await?))
        }
        ["rounds", round, "masked-sum"] if get => {
            Ok(answer::bytes(rounds.masked_sum(number(rounds, round).await?, caller).await?))
        }
        ["rounds", round, "masked"] if get => {
            let after = parameter(&query, "after").and_then(identity);
            let page = rounds.masked_each(number(rounds, round).await?, caller, after).await?;
            Ok(answer::bytes(answer::encode_page(&page)))
        }
        ["rounds", round, "deposits"] if get => {
            let after = parameter(&query, "after").and_then(identity);
            let page = rounds.deposits(number(rounds, round).await?, caller, after).await?;
            Ok(answer::bytes(answer::encode_page(&page)))
        }
        ["rounds", round, "result"] if get => {
            let published = rounds.published(number(rounds, round).await?, caller).await?;
            Ok(answer::bytes(published.encode()))
        }
        ["rounds", round, stage] if request.method() == Method::POST => {
            let stage = Stage::named(stage).ok_or(Error::Unknown { what: "stage" })?;
            let round = number(rounds, round).await?;
            take(shared, rounds, round, stage, caller, request).await
        }
        _ => Err(Error::Unknown { what: "path" }),
    }
}

/// Takes a message of a stage.
async fn take(
    shared: &Shared,
    rounds: &Rounds,
    round: u64,
    stage: Stage,
    caller: secagg::Identity,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Error> {
    // Looked at before there is a place for it: places are few, and whoever has one may take its time.
    rounds.expect(round, stage, caller).await?;
    let _alone = shared.uploading.enter(caller).ok_or(Error::Busy)?;
    let _place = shared.uploads.acquire().await.map_err(|e| Error::System { what: e.to_string() })?;
    let longest = rounds.terms().longest_message(stage.sender());
    let patience = UPLOAD + Duration::from_secs((longest / LEAST_RATE) as u64);
    let body = Limited::new(request.into_body(), longest).collect();
    let body = match tokio::time::timeout(patience, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return Err(Error::Answer { what: format!("the message did not arrive: {error}") }),
        Err(_) => return Err(Error::Timeout),
    };
    let posted = rounds.receive(round, stage, caller, &body, now_ms()).await?;
    shared.metrics.message(stage, body.len());
    Ok(answer::json(&serde_json::json!({ "new": posted == Posted::New })))
}

/// How a round stands, after a change if the caller waits for one.
async fn standing(rounds: &Rounds, round: &str, query: &str) -> Result<Response<Full<Bytes>>, Error> {
    let after = parameter(query, "after").and_then(phases::named);
    let wait = parameter(query, "wait_ms").and_then(|ms| ms.parse::<u64>().ok()).unwrap_or(0).min(LONGEST_WAIT);
    let until = now_ms() + wait;
    let asked = round.parse::<u64>().ok();
    loop {
        let changed = rounds.changed().notified();
        let now = now_ms();
        let found = match asked {
            Some(round) => rounds.progress(round, now).await,
            None => rounds.progress(number(rounds, round).await?, now).await,
        };
        match found {
            // A round that is to come is waited for.
            Err(Error::Unknown { .. }) if now < until => {}
            Ok(progress) if Some(progress.phase) == after && now < until => {}
            found => return Ok(answer::json(&serde_json::json!(Standing::from(found?)))),
        }
        let left = Duration::from_millis(until.saturating_sub(now)).min(LOOK);
        let _ = tokio::time::timeout(left, changed).await;
    }
}

/// The round of a path.
async fn number(rounds: &Rounds, text: &str) -> Result<u64, Error> {
    match text {
        "current" => rounds.current().await,
        number => number.parse().map_err(|_| Error::Unknown { what: "round" }),
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn identity(text: &str) -> Option<secagg::Identity> {
    hex::decode(text).ok()?.try_into().ok().map(secagg::Identity)
}
