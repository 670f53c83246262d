//! Evidence about machines, and its appraisal (RFC 9334). Pure: no I/O, no clock, no randomness, no async; time,
//! certificates and collateral are arguments.
//!
//! # Two steps, two types
//!
//! ```text
//! bytes ──Evidence::parse──▶ Evidence ──validate──▶ Claims ──Policy::appraise──▶ Appraisal ──accept──▶ Accepted
//!                               ▲ Endorsements, Roots, time    ▲ Policy, Expected, time
//! ```
//!
//! [`validate`] checks everything that can be checked without knowing what is wanted: signatures, chains up to pinned
//! roots, validity, revocation, that certificates and collateral are of this very machine, that logs replay. Its errors
//! ([`Error`]) can be tolerated by no policy. [`Policy::appraise`] compares the [`Claims`] with what is wanted, and
//! lists every check with its outcome in words; what would be refused passes only if the policy tolerates it in writing.
//! [`inspect()`] reports what evidence claims, with nothing verified.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use attest::{Endorsements, Expected, Policy, Roots, validate_bytes};
//!
//! # let read = |file: &str| std::fs::read(format!("{}/testdata/snp/{file}", env!("CARGO_MANIFEST_DIR")));
//! let mut beside = Endorsements::none();
//! beside.add(&read("ms/genoa-vcek.pem")?);
//! let at = "2026-06-01T00:00:00Z".parse()?;
//! let claims = validate_bytes(&read("ms/genoa-report.bin")?, &beside, &Roots::production()?, at)?;
//!
//! let policy = Policy::parse("name = 'p'\ntechnologies = ['snp']\n[minimum]\nsnp = 20")?;
//! let appraisal = policy.appraise(&claims, &Expected::default(), at);
//! let refused: Vec<&str> = appraisal.refusals().map(|check| check.check.as_str()).collect();
//! assert_eq!(refused, ["pinned", "freshness"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What each technology proves, and what it does not
//!
//! | technology | proves | does not prove | measurements |
//! |---|---|---|---|
//! | SGX ([`sgx_tdx`]) | this enclave, on a platform whose firmware Intel rates so; memory is out of reach of the operator | absence of side channels | `mrenclave`, `mrsigner`, `config-id`, `isv-ext-prod-id`, `isv-family-id`, `attributes` |
//! | TDX ([`sgx_tdx`]) | this firmware booted a virtual machine, and `rtmr0` to `rtmr3` what that booted | what runs, if only `mrtd` is pinned | `mrtd`, `rtmr0`…`rtmr3`, `mrconfigid`, `mrowner`, `mrownerconfig`, `mrseam`, `mrsignerseam`, `td-attributes`, `xfam` |
//! | SEV-SNP ([`snp`]) | this launch image, on this chip (VCEK) or with this cloud provider (VLEK) | that firmware is current: the policy has to give minimum versions | `measurement`, `host-data`, `id-key-digest`, `author-key-digest`, `family-id`, `image-id` |
//! | Nitro ([`nitro`]) | this enclave image, isolated from its parent instance by AWS's hypervisor | anything against AWS itself; no firmware versions | `pcr0`…`pcr15` |
//! | Azure ([`azure`]) | the hardware proofs of SNP or TDX for the paravisor, and what it booted by its vTPM | anything against the paravisor, which holds the vTPM's keys | those of SNP or TDX, `pcr.sha256.N` |
//! | TPM 2.0 ([`tpm`]) | which values this TPM's registers had at this challenge | that memory is protected, or that whoever was in charge before the first measurement told the truth: tier `integrity` only | `pcr.<bank>.N` |
//! | RA-TLS ([`ratls`]) | that an enclave's quote names the key of a certificate | freshness, and that the connection ends there: open to relay | those of SGX |
//!
//! # Invariants
//!
//! 1. Only [`validate`] makes [`Claims`], only [`Policy::appraise`] an [`Appraisal`], and only an accepting one an
//!    [`Accepted`].
//! 2. Nothing among [`Endorsements`] or in evidence is trusted by being there: chains end in roots pinned in this crate,
//!    or named by the policy.
//! 3. Refused by default, each with its own reason: debug mode, a policy that pins no code, firmware that is out of date
//!    or of unknown currency, advisories, stale collateral, wrong report data, missing freshness, integrity-only
//!    machines, development roots. Revoked firmware, expired certificates and broken bindings cannot be tolerated.
//! 4. A flip of any byte that a signature covers turns acceptance into refusal; any other flip changes no claim.
//! 5. No input makes a parser panic, and work is bounded by the size of the input (at most [`MOST_BYTES`]).
//! 6. Development roots count only for a verifier that asked for them by name and a policy that says `development`.
//! 7. What an event log says counts only as far as its replay equals registers that a quote covers.

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
pub mod logged;
pub mod merkle;
mod policy;
mod time;
mod words;
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
