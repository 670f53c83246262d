//! WebAssembly modules named by digest: tables in, tables out, and nothing else.
//!
//! A [`Module`] has no ambient authority: no files, no network, no clock, no randomness, no threads. All that it can
//! import are the functions of [`abi`]. Fuel, memory, tables, stack and outputs are bounded ([`Limits`]), and
//! a run is a function of module, inputs and arguments alone: NaNs are canonical, and vector instructions whose result may
//! differ between machines are refused.
//!
//! **Secrets.** Every output is taken to be computed from all inputs. How a run fails depends on them too:
//! [`SandboxError::depends_on_inputs`] says whether more than the fact of failure may be told to who may not read them.
//! How long a run takes is not hidden.
//!
//! **Ending a run.** [`Interrupt`] ends it from another thread, for a session that nobody waits for any more.
//!
//! **Cost.** Compiling takes about a second per megabyte of module, once; a run has no rounds and sends nothing.
//!
//! Specification: WebAssembly Core 2.0, without threads, 64-bit memories, exceptions and garbage collection.

pub mod abi;
mod digest;
mod engine;
mod error;
mod host;
mod interrupt;
mod job;
mod module;

pub use digest::{ModuleDigest, ParseDigestError};
pub use engine::Sandbox;
pub use error::SandboxError;
pub use interrupt::Interrupt;
pub use job::{Job, Limits, Outcome};
pub use module::Module;
