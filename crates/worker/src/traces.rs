//! Traces of sessions for a collector (OTLP over gRPC), where the operator names one.
//!
//! A session is one trace, whose id is the session's, so that what all its workers tell comes together. Each attempt at a
//! worker is a span, with one below it for its turn and one for each kind of operator. They say what the log says:
//! session, agreement, player, counts, and how it ended; nothing of values. Nothing ever waits for a collector: what it
//! does not take in time is dropped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::transport::{Endpoint, Uri};

use crate::clock::now_ns;
use crate::office::Job;
use crate::otlp::any_value::Value;
use crate::otlp::trace_service_client::TraceServiceClient;
use crate::otlp::{
    AnyValue, ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, Span, Status,
};

/// Spans that wait for the collector.
const WAITING: usize = 4096;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long the collector may take for them.
const PATIENCE: Duration = Duration::from_secs(10);
/// The protocol's number for a span that is no call.
const INTERNAL: u32 = 1;
const OK: u32 = 1;
const ERROR: u32 = 2;

/// Where spans go; nowhere if there is no collector.
pub(crate) struct Traces {
    queue: Option<mpsc::Sender<Span>>,
    courier: Mutex<Option<Courier>>,
}

/// Brings spans to the collector.
pub(crate) struct Courier {
    collector: Endpoint,
    queue: mpsc::Receiver<Span>,
    resource: Resource,
}

/// A collector's address: `http://` and a loopback address, since nothing here is encrypted.
///
/// # Errors
/// Why it is none, in words.
pub(crate) fn collector(address: &str) -> Result<Uri, String> {
    let uri: Uri = address.parse().map_err(|e| format!("{address} is no address: {e}"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() == Some("http") && loopback && uri.port().is_some() {
        true => Ok(uri),
        false => Err(format!(
            "{address} is not of the form http://127.0.0.1:4317: traces are sent without encryption, on loopback only"
        )),
    }
}

impl Traces {
    /// To this collector, as this worker.
    pub(crate) fn new(collector: Option<&Uri>, worker: &str) -> Traces {
        let Some(collector) = collector else { return Traces { queue: None, courier: Mutex::default() } };
        let (queue, waiting) = mpsc::channel(WAITING);
        let resource = Resource {
            attributes: vec![
                text("service.name", "privity-worker"),
                text("service.version", env!("CARGO_PKG_VERSION")),
                text("service.instance.id", worker),
            ],
        };
        let collector = Endpoint::from(collector.clone()).connect_timeout(PATIENCE).timeout(PATIENCE);
        let courier = Courier { collector, queue: waiting, resource };
        Traces { queue: Some(queue), courier: Mutex::new(Some(courier)) }
    }

    /// The one who brings the spans away, to be started once.
    pub(crate) fn courier(&self) -> Option<Courier> {
        self.courier.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// An attempt that was just submitted.
    pub(crate) fn attempt(&self, job: &Job) -> Attempt {
        let queue = self.queue.clone();
        let agreement = job.ratified.agreement();
        let attributes = match queue {
            None => Vec::new(),
            Some(_) => vec![
                text("privity.agreement", agreement.digest().to_string()),
                text("privity.computation", agreement.checked().computation().name.clone()),
                text("privity.player", job.name()),
                number("privity.attempt", u64::from(job.attempt)),
            ],
        };
        let name = format!("{} {}", job.attempt, job.name());
        let trace = job.session.0.to_vec();
        Attempt { queue, name, trace, attributes, submitted: now_ns(), seen: Mutex::default() }
    }
}

impl Courier {
    /// Goes on for as long as the worker serves.
    pub(crate) async fn run(mut self) {
        let mut client = TraceServiceClient::new(self.collector.connect_lazy());
        let mut spans = Vec::new();
        while self.queue.recv_many(&mut spans, BATCH).await > 0 {
            let count = spans.len();
            let scope = Scope { name: "privity".into(), version: env!("CARGO_PKG_VERSION").into() };
            let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: std::mem::take(&mut spans) }];
            let of_us = ResourceSpans { resource: Some(self.resource.clone()), scope_spans };
            let request = ExportTraceServiceRequest { resource_spans: vec![of_us] };
            if let Err(status) = client.export(request).await {
                tracing::debug!(count, %status, "the collector of traces did not take spans");
            }
        }
    }
}

/// One attempt at a session, while it is watched.
pub(crate) struct Attempt {
    queue: Option<mpsc::Sender<Span>>,
    name: String,
    trace: Vec<u8>,
    attributes: Vec<KeyValue>,
    submitted: u64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When it had its turn at all workers.
    begun: Option<u64>,
    kinds: BTreeMap<&'static str, Kind>,
}

/// The operators of one kind.
struct Kind {
    first: u64,
    last: u64,
    count: u64,
}

/// How an attempt ended.
pub(crate) enum End<'a> {
    Well { rounds: u32, bytes: u64 },
    Badly { code: &'a str },
}

impl Attempt {
    /// It had its turn, and begins.
    pub(crate) fn begins(&self) {
        self.seen().begun.get_or_insert_with(now_ns);
    }

    /// An operator was done.
    pub(crate) fn step(&self, op: &'static str) {
        if self.queue.is_some() {
            let now = now_ns();
            let mut seen = self.seen();
            let kind = seen.kinds.entry(op).or_insert(Kind { first: now, last: now, count: 0 });
            kind.last = now;
            kind.count += 1;
        }
    }

    /// It ended; everything is told.
    pub(crate) fn ended(&self, end: &End<'_>) {
        let Some(queue) = &self.queue else { return };
        let now = now_ns();
        let seen = self.seen();
        let mut whole = self.span("session", Vec::new(), (self.submitted, now));
        whole.attributes.clone_from(&self.attributes);
        whole.status = Some(match end {
            End::Well { rounds, bytes } => {
                whole.attributes.extend([number("privity.rounds", u64::from(*rounds)), number("privity.sent", *bytes)]);
                Status { code: OK, message: String::new() }
            }
            End::Badly { code } => Status { code: ERROR, message: (*code).to_owned() },
        });
        let parent = whole.span_id.clone();
        let turn = self.span("turn", parent.clone(), (self.submitted, seen.begun.unwrap_or(now)));
        let kinds = seen.kinds.iter().map(|(op, kind)| {
            let mut span = self.span(op, parent.clone(), (kind.first, kind.last));
            span.attributes.push(number("privity.count", kind.count));
            span
        });
        for span in [whole, turn].into_iter().chain(kinds) {
            // A collector that does not keep up misses something.
            let _ = queue.try_send(span);
        }
    }

    /// A span whose id follows from what it is, so that none comes twice.
    fn span(&self, name: &str, parent_span_id: Vec<u8>, (start, end): (u64, u64)) -> Span {
        let mut hasher = blake3::Hasher::new_derive_key("privity 2026-11 span v1");
        for part in [&self.trace[..], self.name.as_bytes(), name.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        Span {
            trace_id: self.trace.clone(),
            span_id: hasher.finalize().as_bytes()[..8].to_vec(),
            parent_span_id,
            name: name.to_owned(),
            kind: INTERNAL,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: Vec::new(),
            status: None,
        }
    }

    /// No code panics while it holds the lock.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }) }
}

fn number(key: &str, value: u64) -> KeyValue {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(Value::IntValue(value)) }) }
}
