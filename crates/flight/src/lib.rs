//! Arrow Flight: tables in and out of a worker, by identity.
//!
//! A [`Service`] answers the calls of Flight (`do_put`, `do_get`, `list_flights`, `get_flight_info`, `get_schema`,
//! `do_action`) over connections of their own kind: TLS 1.3 with both keys pinned, so it knows who calls, and the proof of machines
//! where one has to prove itself, before the first call. What a caller may do
//! follows from the [`Rules`] alone: only a dataset's owner uploads it, once, and a result nobody; only those that it was agreed for
//! download it, once that is approved. Whether a dataset exists is told to nobody else. Everything that is done or refused is
//! told to a [`Log`] first; where that fails, nothing is done.
//!
//! A dataset is a flight whose descriptor's path is its name, one part; its ticket is its name too.
//!
//! Stock clients know neither pinned keys nor identities, and appraise nothing. They talk to a [`Proxy`] on their own machine,
//! which goes a [`Way`] to the worker with the party's key, and appraises its machine.
//!
//! Specification: Apache Arrow Flight RPC, `Flight.proto`. Not taken: handshakes, `do_exchange` and polling.

mod convert;
mod error;
mod log;
mod proxy;
mod room;
mod rules;
mod serve;
mod service;
mod store;
mod upload;
mod way;

pub use error::Refusal;
pub use log::{Deed, Event, Log};
pub use proxy::{Proxy, Token};
pub use rules::{Dataset, Rules};
pub use serve::{Caller, Connection, WINDOW, serve};
pub use service::{Bounds, Service};
pub use store::{Memory, Store, StoreFault};
pub use way::Way;
