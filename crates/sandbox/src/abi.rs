//! What a module may import, and what it must export.
//!
//! All imports are of the module `privity`. A name is UTF-8 in the module's memory, given by place and length; an
//! address outside of its memory, a name that is none, and a part of an input that is not there stop the run.
//!
//! | import | |
//! |---|---|
//! | `input_size(name, name_len) -> i64` | bytes of an input as an Arrow IPC stream; -1 if there is no such input |
//! | `input_read(name, name_len, from: i64, to, len)` | copies a part of that stream to the module's memory |
//! | `argument_size(name, name_len) -> i64` | bytes of an argument of the agreement; -1 if there is no such argument |
//! | `argument_read(name, name_len, from: i64, to, len)` | copies a part of its text |
//! | `output_write(name, name_len, from, len)` | appends to an output's stream; of outputs that were not agreed on nothing is kept |
//!
//! It exports its memory as [`MEMORY`] and [`ENTRY`]`() -> i32`, which returns 0 when its outputs are written.
//! There is nothing to log or print with: what a module says would be of its inputs.
//!
//! Calls cost one unit of fuel for each byte that is copied, and [`CALL`] more.

/// The module that imports are of.
pub const IMPORTS: &str = "privity";
/// The export that runs the module.
pub const ENTRY: &str = "privity_run";
/// The export of the module's memory.
pub const MEMORY: &str = "memory";
/// Fuel that each call of an import costs, beside one unit for each byte.
pub const CALL: u64 = 100;
