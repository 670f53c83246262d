//! Health, readiness and metrics, over plain HTTP on a loopback address.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::error::ClientError;
use crate::office::Office;

/// Serves until the task is dropped; says where.
pub(crate) async fn serve(address: SocketAddr, office: Arc<Office>) -> Result<SocketAddr, ClientError> {
    let failed = |e: std::io::Error| ClientError::System { what: format!("listening at {address}: {e}") };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(office);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::warn!(%error, "health and metrics are not served any more");
        }
    });
    Ok(bound)
}

/// Ready to take sessions: not while it is being stopped.
async fn ready(State(office): State<Arc<Office>>) -> impl IntoResponse {
    match office.jobs.load().draining {
        false => (StatusCode::OK, "ready\n"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "the worker is being stopped\n"),
    }
}

async fn metrics(State(office): State<Arc<Office>>) -> impl IntoResponse {
    let form = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (form, office.metrics.text(office.jobs.load(), office.refused_connections()))
}
