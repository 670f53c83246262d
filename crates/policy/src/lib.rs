//! What a party ratifies without asking: written rules over the facts of an agreement.
//!
//! A policy is the data owner's, never the submitter's. Its rules are in the Cedar language; what they can speak of
//! stands in [`SCHEMA`], and a policy that does not fit it is refused when it is [loaded](Policy::load). A rule
//! carries annotations:
//!
//! | annotation | meaning |
//! |---|---|
//! | `@id("means")` | its name; every rule has one, and counters go by it |
//! | `@uses("10")` | how many runs it allows, ever (`permit` only) |
//! | `@until("2027-01-01T00:00:00Z")` | the last second in which it counts |
//! | `@reason("...")` | words for whoever is refused |
//!
//! [`Policy::decide`] asks once for everything that others would learn from the party's data. All of it must be
//! allowed by some rule and forbidden by none; what no rule speaks of is refused. A rule that cannot be evaluated
//! refuses. Whoever runs the agreement spends one of each of the decision's [`Counter`]s, durably, before the first
//! message of every run.
//!
//! Nothing here reads a clock, a file or a socket; times and what was spent are arguments.

mod conditions;
mod decide;
mod error;
mod facts;
mod request;
mod rules;

pub use decide::{Counter, Decision, Judged, Spent};
pub use error::{FactsError, PolicyError, Problem};
pub use facts::{Disclosed, Facts};
pub use rules::{Policy, Rule};

/// What rules can speak of, as a Cedar schema.
pub const SCHEMA: &str = include_str!("schema.cedarschema");
