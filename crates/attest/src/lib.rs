//! Evidence about machines, and its appraisal. Pure: no I/O, no clock.

mod appraise;
pub mod approval;
mod bytes;
mod claims;
mod endorse;
mod error;
mod eventlog;
mod evidence;
mod inspect;
mod keys;
pub mod merkle;
mod policy;
mod time;
mod x509;

pub mod azure;
pub mod development;
pub mod nitro;
pub mod ratls;
pub mod sgx_tdx;
pub mod snp;
pub mod tpm;

pub use appraise::{Accepted, Appraisal, Check, Expected, Outcome, Record, Refused, TrustVector};
pub use bytes::{Base64Bytes, Hex};
pub use claims::{
    BootEvent, ClaimSet, Claims, Configuration, Executables, Freshness, Hardware, Protects, Root, Tcb, TcbComponent,
    TcbStatus, Technology, Tier,
};
pub use endorse::{Added, DevelopmentRoots, Endorsements, Roots};
pub use error::{Error, Fault, Result};
pub use eventlog::{Event, EventLog};
pub use evidence::{Evidence, MOST_BYTES, validate, validate_bytes};
pub use inspect::{CertificateFacts, Inspection, inspect, inspect_evidence};
pub use keys::Hash;
pub use policy::{Policy, Tolerances, Trust, Value};
pub use time::{Time, Window};
pub use x509::Certificate;
