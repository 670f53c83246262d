//! What a run is given, and what comes out.

use std::collections::{BTreeMap, BTreeSet};

use tables::Table;

/// What a module is run on. All names are the agreement's.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The tables, by name.
    pub inputs: BTreeMap<String, Table>,
    /// Public texts, by name: which column is the key, how many iterations.
    pub arguments: BTreeMap<String, String>,
    /// The outputs that it must write. What else it writes is dropped.
    pub outputs: BTreeSet<String>,
}

/// What a run may use at most. Part of what is agreed on, so that all get the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: about one for each instruction, and one for each byte copied.
    pub fuel: u64,
    /// Bytes of memory.
    pub memory: usize,
    /// Elements of its tables of functions, together.
    pub elements: usize,
    /// Bytes of all outputs.
    pub output: usize,
}

impl Default for Limits {
    /// 100 billion units of fuel (some minutes), 1 GiB of memory, 64 Ki elements, 256 MiB of output.
    fn default() -> Limits {
        Limits { fuel: 100_000_000_000, memory: 1 << 30, elements: 1 << 16, output: 256 << 20 }
    }
}

/// What came out of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The outputs, by name: all that the job names.
    pub outputs: BTreeMap<String, Table>,
    /// Fuel that was used. It depends on the inputs, so whoever may not read them may not be told.
    pub fuel: u64,
}
