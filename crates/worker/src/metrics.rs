//! What a worker counts, for Prometheus. No name, no digest and no identity is a label: they would be without number,
//! and tell whoever reads the metrics who computes what.

use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::jobs::Load;

type Labelled = Family<[(&'static str, String); 1], Counter>;

/// See the module.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    sessions: Labelled,
    refusals: Labelled,
    seconds: Histogram,
    bytes: Counter,
    running: Gauge,
    waiting: Gauge,
    memory: Gauge,
    draining: Gauge,
    refused_connections: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let mut registry = Registry::with_prefix("privity");
        let metrics = Metrics {
            sessions: Labelled::default(),
            refusals: Labelled::default(),
            // From 10 ms to about 3 hours.
            seconds: Histogram::new(exponential_buckets(0.01, 2.0, 20)),
            bytes: Counter::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            memory: Gauge::default(),
            draining: Gauge::default(),
            refused_connections: Gauge::default(),
            registry: Mutex::default(),
        };
        registry.register(
            "sessions",
            "Sessions that ended, by the code of their error or ok",
            metrics.sessions.clone(),
        );
        registry.register("refusals", "Requests that were refused, by code", metrics.refusals.clone());
        registry.register("session_seconds", "How long sessions took, waiting included", metrics.seconds.clone());
        registry.register("sent_bytes", "Contents of messages to other workers", metrics.bytes.clone());
        registry.register("sessions_running", "Sessions that have their turn", metrics.running.clone());
        registry.register("sessions_waiting", "Sessions that wait for their turn", metrics.waiting.clone());
        registry.register("memory_reserved_bytes", "Memory set aside for sessions", metrics.memory.clone());
        registry.register("draining", "Whether the worker is being stopped", metrics.draining.clone());
        registry.register(
            "connections_refused",
            "Connections that were dropped, or failed in the handshake, since the start",
            metrics.refused_connections.clone(),
        );
        *metrics.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        metrics
    }

    /// A session ended: with an error of this code, or well.
    pub(crate) fn session(&self, code: Option<&str>, seconds: f64, bytes: u64) {
        self.sessions.get_or_create(&[("code", code.unwrap_or("ok").to_owned())]).inc();
        self.seconds.observe(seconds);
        self.bytes.inc_by(bytes);
    }

    /// A request was refused.
    pub(crate) fn refusal(&self, code: &str) {
        self.refusals.get_or_create(&[("code", code.to_owned())]).inc();
    }

    /// All of it, in the OpenMetrics text form.
    pub(crate) fn text(&self, load: Load, refused_connections: u64) -> String {
        let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.running.set(gauge(load.running as u64));
        self.waiting.set(gauge(load.waiting as u64));
        self.memory.set(gauge(load.memory));
        self.draining.set(i64::from(load.draining));
        self.refused_connections.set(gauge(refused_connections));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text
    }
}
