//! How rounds stand, for programs; and health and metrics over plain HTTP on a loopback address.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use net::Identity;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::{Shared, now_ms};
use crate::error::Error;
use crate::round::{Progress, phases};

/// How a round stands, as JSON says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The round's number.
    pub round: u64,
    /// Its phase, by name.
    pub phase: String,
    /// Milliseconds until the phase ends by itself, if it does.
    pub closes_in_ms: Option<u64>,
    /// How many messages of the phase there are.
    pub have: u64,
    /// How many there can be.
    pub of: u64,
    /// Why it failed, or nothing.
    pub reason: String,
    /// Identities that contributed and are not in the sum, because an aggregator cannot use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

impl Standing {
    /// Whether nothing can come any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        phases::named(&self.phase).is_some_and(phases::is_over)
    }
}

impl From<Progress> for Standing {
    fn from(progress: Progress) -> Self {
        let Progress { round, phase, closes_in_ms, have, of, reason, left_out } = progress;
        let left_out = left_out.iter().map(|client| Identity::from_bytes(client.0).to_string()).collect();
        Self { round, phase: phases::name(phase).to_owned(), closes_in_ms, have, of, reason, left_out }
    }
}

/// Serves health, metrics and the rounds under way, until the process ends; says where.
pub(super) async fn serve(at: SocketAddr, shared: Arc<Shared>) -> Result<SocketAddr, Error> {
    let failed = |e: std::io::Error| Error::System { what: format!("listening at {at}: {e}") };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let routes = Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/rounds", get(rounds))
        .with_state(shared);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::warn!(%error, "health and metrics are not served any more");
        }
    });
    Ok(bound)
}

/// The rounds under way, for people. It asks [`rounds`] every second, and nobody else.
async fn page() -> impl IntoResponse {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    let head = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    (head, include_str!("page.html"))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let form = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (form, shared.metrics.text())
}

/// The current round of every task.
async fn rounds(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mut all = Vec::new();
    for rounds in shared.tasks.values() {
        let progress = match rounds.current().await {
            Ok(round) => rounds.progress(round, now_ms()).await,
            Err(error) => Err(error),
        };
        let standing = progress.map(Standing::from).ok();
        let terms = rounds.terms().draft();
        let (task, of, minimum) = (&terms.name, terms.rounds, terms.minimum);
        all.push(serde_json::json!({ "task": task, "rounds": of, "minimum": minimum, "standing": standing }));
    }
    ([(header::CONTENT_TYPE, "application/json")], serde_json::Value::from(all).to_string())
}
