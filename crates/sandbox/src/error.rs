//! Why a module did not run, or was stopped.

use tables::TableError;

use crate::digest::ModuleDigest;

/// Why a module did not run, or was stopped. No error holds anything of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// It is not the module that was agreed on.
    #[error("the module has the digest {found}, and {agreed} was agreed on")]
    Digest {
        /// What it has.
        found: ModuleDigest,
        /// What was agreed on.
        agreed: ModuleDigest,
    },
    /// It is longer than any module.
    #[error("the module has {bytes} bytes; the most is {most}")]
    ModuleSize {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        most: usize,
    },
    /// It is no WebAssembly, or uses what is not taken.
    #[error("this is no module that is taken: {0}")]
    Invalid(String),
    /// It asks for something outside of the sandbox.
    #[error("the module asks for {0}, which the sandbox does not give")]
    Import(String),
    /// It lacks an export.
    #[error("the module does not export {0}")]
    Export(&'static str),
    /// A table cannot be given to it.
    #[error("the input `{name}` cannot be given to the module: {error}")]
    Input {
        /// Which.
        name: String,
        /// Why.
        error: String,
    },
    /// It used more fuel than was agreed.
    #[error("the module used up its {fuel} units of fuel")]
    Fuel {
        /// What it had.
        fuel: u64,
    },
    /// Whoever runs it ended it ([`Interrupt`](crate::Interrupt)).
    #[error("the module was interrupted")]
    Interrupted,
    /// It asked for more memory, or a larger table, than was agreed.
    #[error("the module asked for more than {most} {unit}")]
    Memory {
        /// The most.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// It wrote more than was agreed.
    #[error("the module wrote more than {most} bytes")]
    OutputSize {
        /// The most, of all outputs.
        most: usize,
    },
    /// It recursed too deep.
    #[error("the module's stack is full{}", place(.at))]
    Stack {
        /// The function.
        at: Option<String>,
    },
    /// It misused an import: an address, a name or a part that is not there.
    #[error("the module called {import} wrongly: {what}")]
    Misuse {
        /// Which import.
        import: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// It stopped itself, or did what WebAssembly does not allow.
    #[error("the module stopped: {what}{}", place(.at))]
    Trapped {
        /// What it did.
        what: String,
        /// The function.
        at: Option<String>,
    },
    /// It returned something other than 0: it cannot do what was asked with these inputs and arguments.
    #[error("the module gave up")]
    GaveUp,
    /// An output is no table.
    #[error("the module's output `{name}` is no table: {error}")]
    Output {
        /// Which.
        name: String,
        /// Why.
        error: TableError,
    },
    /// The runtime itself failed: the system gave it no memory, for instance.
    #[error("the sandbox could not run the module: {0}")]
    Runtime(String),
}

fn place(at: &Option<String>) -> String {
    at.as_ref().map(|name| format!(", in {name}")).unwrap_or_default()
}

impl SandboxError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            SandboxError::Digest { .. } => "sandbox.digest",
            SandboxError::ModuleSize { .. } => "sandbox.module-size",
            SandboxError::Invalid(_) => "sandbox.invalid",
            SandboxError::Import(_) => "sandbox.import",
            SandboxError::Export(_) => "sandbox.export",
            SandboxError::Input { .. } => "sandbox.input",
            SandboxError::Fuel { .. } => "sandbox.fuel",
            SandboxError::Interrupted => "sandbox.interrupted",
            SandboxError::Memory { .. } => "sandbox.memory",
            SandboxError::OutputSize { .. } => "sandbox.output-size",
            SandboxError::Stack { .. } => "sandbox.stack",
            SandboxError::Misuse { .. } => "sandbox.misuse",
            SandboxError::Trapped { .. } => "sandbox.trapped",
            SandboxError::GaveUp => "sandbox.gave-up",
            SandboxError::Output { .. } => "sandbox.output",
            SandboxError::Runtime(_) => "sandbox.runtime",
        }
    }

    /// Whether which error this is may depend on what the inputs hold. Who may not read the inputs may be told that
    /// the run failed, and no more.
    #[must_use]
    pub fn depends_on_inputs(&self) -> bool {
        !matches!(
            self,
            SandboxError::Digest { .. }
                | SandboxError::ModuleSize { .. }
                | SandboxError::Invalid(_)
                | SandboxError::Import(_)
                | SandboxError::Export(_)
                | SandboxError::Input { .. }
        )
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            SandboxError::Digest { .. } => {
                "fetch the module that the agreement names, or propose an agreement on this one"
            }
            SandboxError::ModuleSize { .. } => "build it for size, without debug information",
            SandboxError::Invalid(_) => {
                "build it for wasm32-unknown-unknown, without threads, 64-bit memory, exceptions or relaxed SIMD"
            }
            SandboxError::Import(_) => {
                "modules get tables and arguments only; build for wasm32-unknown-unknown with the guest library"
            }
            SandboxError::Export(_) => "make the entry with `privity_guest::module!`",
            SandboxError::Input { .. } => "give tables whose columns the sandbox takes",
            SandboxError::Fuel { .. } => "agree on more fuel, or on a module that needs less",
            SandboxError::Interrupted => "see why its session ended",
            SandboxError::Memory { .. } => "agree on more memory, or give fewer rows",
            SandboxError::OutputSize { .. } => "agree on larger outputs",
            SandboxError::Stack { .. } => "the module recurses too deep: mend it",
            SandboxError::Misuse { .. } => "use the guest library, which calls as the sandbox expects",
            SandboxError::Trapped { .. } => "run it on data of your own at your desk, where you can look inside",
            SandboxError::GaveUp => "look in the module's documents for what inputs and arguments it takes",
            SandboxError::Output { .. } => {
                "write each agreed output as one Arrow IPC stream, as the guest library does"
            }
            SandboxError::Runtime(_) => "look at the memory that the worker may take",
        }
    }
}
