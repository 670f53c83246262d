//! What a module is given, and where it writes.

use std::collections::BTreeMap;
use std::fmt;

use crate::table::Table;

/// What a module is given, and where it writes.
pub trait Job {
    /// An input, all of it.
    ///
    /// # Errors
    /// If the job has no such input.
    fn table(&self, name: &str) -> Result<Table, GiveUp>;

    /// An argument, if the job has it.
    fn argument(&self, name: &str) -> Option<String>;

    /// Writes an output. Each is written once.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&mut self, name: &str, table: &Table) -> Result<(), GiveUp>;
}

impl dyn Job + '_ {
    /// An argument that must be there.
    ///
    /// # Errors
    /// If it is not.
    pub fn needed(&self, name: &str) -> Result<String, GiveUp> {
        self.argument(name).ok_or_else(|| GiveUp::new(format!("the argument `{name}` is missing")))
    }

    /// A number among the arguments, or what stands for it.
    ///
    /// # Errors
    /// If it is no such number.
    pub fn number<T: std::str::FromStr>(&self, name: &str, otherwise: T) -> Result<T, GiveUp> {
        let Some(text) = self.argument(name) else { return Ok(otherwise) };
        text.trim().parse().map_err(|_| GiveUp::new(format!("the argument `{name}` is no such number")))
    }
}

/// Why a module cannot do what was asked. The words are for tests at a desk: out of the sandbox comes only that it
/// gave up, since the reason may say something of the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiveUp(String);

impl GiveUp {
    /// With a reason.
    pub fn new(reason: impl Into<String>) -> GiveUp {
        GiveUp(reason.into())
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GiveUp {}

/// A job in this process, without a sandbox: for tests and comparisons.
#[derive(Clone, Default)]
pub struct Native {
    /// The inputs, by name.
    pub inputs: BTreeMap<String, Table>,
    /// The arguments, by name.
    pub arguments: BTreeMap<String, String>,
    /// What was written, by name.
    pub outputs: BTreeMap<String, Table>,
}

impl Job for Native {
    fn table(&self, name: &str) -> Result<Table, GiveUp> {
        self.inputs.get(name).cloned().ok_or_else(|| GiveUp::new(format!("there is no input `{name}`")))
    }

    fn argument(&self, name: &str) -> Option<String> {
        self.arguments.get(name).cloned()
    }

    fn write(&mut self, name: &str, table: &Table) -> Result<(), GiveUp> {
        match self.outputs.insert(name.into(), table.clone()) {
            None => Ok(()),
            Some(_) => Err(GiveUp::new(format!("the output `{name}` is written twice"))),
        }
    }
}
