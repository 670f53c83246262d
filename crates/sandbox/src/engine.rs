//! The engine that modules are compiled for.

use wasmtime::{Config, Engine, Linker, OptLevel};

use crate::digest::ModuleDigest;
use crate::error::SandboxError;
use crate::host::{self, State};
use crate::module::Module;

/// Bytes of stack that a module may use.
const STACK: usize = 512 << 10;

/// Compiles modules. One for a process is enough.
#[derive(Clone)]
pub struct Sandbox {
    engine: Engine,
    linker: Linker<State>,
}

impl Sandbox {
    /// The most bytes of a module. It bounds what compiling takes, which fuel does not.
    pub const LARGEST_MODULE: usize = 16 << 20;

    /// An engine for this machine.
    ///
    /// # Errors
    /// [`SandboxError::Runtime`] on a machine that it cannot compile for.
    pub fn new() -> Result<Sandbox, SandboxError> {
        let failed = |error: wasmtime::Error| SandboxError::Runtime(error.to_string());
        let engine = Engine::new(&config()).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        host::imports(&mut linker).map_err(failed)?;
        Ok(Sandbox { engine, linker })
    }

    /// Compiles the module that was agreed on. Its bytes are compared with the digest first.
    ///
    /// # Errors
    /// [`SandboxError`]: other bytes, no WebAssembly that is taken, an import that is not given, a missing export.
    pub fn load(&self, bytes: &[u8], agreed: &ModuleDigest) -> Result<Module, SandboxError> {
        if bytes.len() > Self::LARGEST_MODULE {
            return Err(SandboxError::ModuleSize { bytes: bytes.len(), most: Self::LARGEST_MODULE });
        }
        let found = ModuleDigest::of(bytes);
        if found != *agreed {
            return Err(SandboxError::Digest { found, agreed: *agreed });
        }
        Module::compile(&self.engine, &self.linker, bytes, found)
    }
}

/// What modules may use: no more than Core 2.0, and nothing whose result differs between machines.
fn config() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.epoch_interruption(true);
    config.cranelift_nan_canonicalization(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(STACK);
    config.wasm_relaxed_simd(false);
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    config.wasm_tail_call(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_custom_page_sizes(false);
    config.concurrency_support(false);
    config
}
