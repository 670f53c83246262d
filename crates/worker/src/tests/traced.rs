//! What a collector of traces is told of a session.

use std::collections::BTreeMap;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::trio::Trio;
use crate::otlp::any_value::Value;
use crate::otlp::trace_service_server::{TraceService, TraceServiceServer};
use crate::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse, KeyValue, Span};
use crate::traces::collector;

/// Passes on what workers tell it.
struct Collector(mpsc::UnboundedSender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let of_workers = request.into_inner().resource_spans;
        assert!(of_workers.iter().all(|w| text(&w.resource.as_ref().unwrap().attributes, "service.name").is_some()));
        for span in of_workers.into_iter().flat_map(|w| w.scope_spans).flat_map(|s| s.spans) {
            self.0.send(span).unwrap();
        }
        Ok(Response::new(ExportTraceServiceResponse {}))
    }
}

/// A collector on loopback: its address, and what it is told.
async fn collecting() -> (String, mpsc::UnboundedReceiver<Span>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector(tell));
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    (address, told)
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|a| a.key == key)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_told_of_a_session_and_of_no_value() {
    let (address, mut told) = collecting().await;
    let trio = Trio::start(|_, config| config.traces = Some(collector(&address).unwrap())).await;
    let report = trio.run(super::PROGRAM, "b").await;

    let mut whole: BTreeMap<String, Span> = BTreeMap::new();
    let mut parts: Vec<Span> = Vec::new();
    while whole.len() < 3 || parts.iter().filter(|s| s.name == "sum").count() < 3 {
        let span = told.recv().await.unwrap();
        assert!(!format!("{span:?}").contains("4321"), "{span:?}");
        let session = agreement::SessionId(span.trace_id.clone().try_into().unwrap());
        assert_eq!(session.to_string(), report.session, "one trace for one session");
        match text(&span.attributes, "privity.player") {
            Some(player) => drop(whole.insert(player, span)),
            None => parts.push(span),
        }
    }
    for (player, span) in &whole {
        assert_eq!((span.name.as_str(), span.status.as_ref().unwrap().code), ("session", 1), "{player}");
        assert!(span.start_time_unix_nano < span.end_time_unix_nano);
        let sum = parts.iter().find(|s| s.name == "sum" && s.parent_span_id == span.span_id).unwrap();
        assert_eq!(text(&sum.attributes, "privity.count").unwrap(), "1", "{player}");
        assert!(parts.iter().any(|s| s.name == "turn" && s.parent_span_id == span.span_id), "{player}");
    }
}

#[test]
fn traces_go_to_this_machine_only() {
    for fine in ["http://127.0.0.1:4317", "http://localhost:4317", "http://[::1]:4317"] {
        assert!(collector(fine).is_ok(), "{fine}");
    }
    for refused in ["http://192.0.2.1:4317", "https://127.0.0.1:4317", "http://127.0.0.1", "collector", ""] {
        assert!(collector(refused).is_err(), "{refused}");
    }
}
