//! What the service counts, for Prometheus. No identity, task or round is a label: they would be without number.

use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::round::Stage;

type Labelled = Family<[(&'static str, String); 1], Counter>;

/// See the module.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    messages: Labelled,
    bytes: Counter,
    refusals: Labelled,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("privity_aggregator");
        let (messages, bytes, refusals) = (Labelled::default(), Counter::default(), Labelled::default());
        registry.register("messages", "Messages that were taken, by stage", messages.clone());
        registry.register("received_bytes", "Contents of messages that were taken", bytes.clone());
        registry.register("refusals", "Requests that were refused, by code", refusals.clone());
        Self { registry: Mutex::new(registry), messages, bytes, refusals }
    }

    /// A message was taken.
    pub(crate) fn message(&self, stage: Stage, bytes: usize) {
        self.messages.get_or_create(&[("stage", stage.name().to_owned())]).inc();
        self.bytes.inc_by(bytes as u64);
    }

    /// A request was refused.
    pub(crate) fn refusal(&self, code: &str) {
        self.refusals.get_or_create(&[("code", code.to_owned())]).inc();
    }

    /// All of it, in the OpenMetrics text form.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text
    }
}
