//! A compiled module, and a run of it.

use std::collections::BTreeMap;

use tables::Table;
use wasmtime::{Engine, ExternType, InstancePre, Linker, Store, Trap, WasmBacktrace};

use crate::abi;
use crate::digest::ModuleDigest;
use crate::error::SandboxError;
use crate::host::{State, Stop};
use crate::interrupt::Interrupt;
use crate::job::{Job, Limits, Outcome};

/// A module that was compiled, and asks for nothing that it may not have.
#[derive(Clone)]
pub struct Module {
    digest: ModuleDigest,
    ready: InstancePre<State>,
}

impl Module {
    pub(crate) fn compile(
        engine: &Engine,
        linker: &Linker<State>,
        bytes: &[u8],
        digest: ModuleDigest,
    ) -> Result<Module, SandboxError> {
        let invalid = |error: wasmtime::Error| SandboxError::Invalid(format!("{error:#}"));
        let module = wasmtime::Module::from_binary(engine, bytes).map_err(invalid)?;
        for import in module.imports() {
            let known = import.module() == abi::IMPORTS && linker_has(linker, engine, import.name());
            if !known {
                return Err(SandboxError::Import(shown(&format!("{}.{}", import.module(), import.name()))));
            }
        }
        if !matches!(module.get_export(abi::MEMORY), Some(ExternType::Memory(_))) {
            return Err(SandboxError::Export("its memory as `memory`"));
        }
        let entry = module.get_export(abi::ENTRY);
        let runs = |ty: &ExternType| {
            ty.func()
                .is_some_and(|f| f.params().len() == 0 && f.results().len() == 1 && f.results().all(|r| r.is_i32()))
        };
        if !entry.as_ref().is_some_and(runs) {
            return Err(SandboxError::Export("`privity_run() -> i32`"));
        }
        // What is left to be wrong is the type of an import.
        let ready = linker.instantiate_pre(&module).map_err(|e| SandboxError::Import(shown(&format!("{e:#}"))))?;
        Ok(Module { digest, ready })
    }

    /// What it is called in agreements.
    #[must_use]
    pub fn digest(&self) -> &ModuleDigest {
        &self.digest
    }

    /// Runs it, on this thread, in an instance of its own. Nothing stays from one run to the next.
    ///
    /// # Errors
    /// [`SandboxError`], of which [`SandboxError::depends_on_inputs`] says whom it may be told.
    pub fn run(&self, job: Job, limits: Limits) -> Result<Outcome, SandboxError> {
        self.run_until(job, limits, &self.interrupt())
    }

    /// What ends a run that it is given to.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.ready.module().engine())
    }

    /// As [`run`](Self::run), until it is interrupted.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`SandboxError::Interrupted`].
    pub fn run_until(&self, job: Job, limits: Limits, interrupt: &Interrupt) -> Result<Outcome, SandboxError> {
        let mut store = self.store(job, limits)?;
        let failed = |error: wasmtime::Error| stopped(&error, &limits);
        interrupt.watch(&mut store).map_err(failed)?;
        store.set_fuel(limits.fuel).map_err(failed)?;
        store.limiter(|state| state);
        let instance = self.ready.instantiate(&mut store).map_err(failed)?;
        let entry = instance.get_typed_func::<(), i32>(&mut store, abi::ENTRY).map_err(failed)?;
        if entry.call(&mut store, ()).map_err(failed)? != 0 {
            return Err(SandboxError::GaveUp);
        }
        let fuel = limits.fuel - store.get_fuel().map_err(failed)?;
        let outputs = store.into_data().outputs.into_iter();
        let outputs = outputs.map(|(name, bytes)| output(name, bytes, &limits)).collect::<Result<_, _>>()?;
        Ok(Outcome { outputs, fuel })
    }

    fn store(&self, job: Job, limits: Limits) -> Result<Store<State>, SandboxError> {
        let inputs = job.inputs.into_iter().map(|(name, table)| match tables::write(&table) {
            Ok(bytes) => Ok((name, bytes)),
            Err(error) => Err(SandboxError::Input { name, error: error.to_string() }),
        });
        let inputs = inputs.collect::<Result<BTreeMap<_, _>, _>>()?;
        let arguments = job.arguments.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
        let outputs = job.outputs.into_iter().map(|name| (name, Vec::new())).collect();
        Ok(Store::new(self.ready.module().engine(), State::new(inputs, arguments, outputs, limits)))
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Module({})", self.digest)
    }
}

fn linker_has(linker: &Linker<State>, engine: &Engine, name: &str) -> bool {
    let nothing = State::new(BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), Limits::default());
    linker.get(Store::new(engine, nothing), abi::IMPORTS, name).is_ok()
}

fn output(name: String, bytes: Vec<u8>, limits: &Limits) -> Result<(String, Table), SandboxError> {
    let most = tables::Limits { bytes: limits.output, ..tables::Limits::default() };
    match tables::read(bytes, most) {
        Ok(table) => Ok((name, table)),
        Err(error) => Err(SandboxError::Output { name, error }),
    }
}

/// What stopped a run.
fn stopped(error: &wasmtime::Error, limits: &Limits) -> SandboxError {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match *stop {
            Stop::Memory { most, unit } => SandboxError::Memory { most, unit },
            Stop::Output => SandboxError::OutputSize { most: limits.output },
            Stop::Fuel => SandboxError::Fuel { fuel: limits.fuel },
            Stop::Interrupted => SandboxError::Interrupted,
            Stop::Misuse { import, what } => SandboxError::Misuse { import, what },
        };
    }
    let frame = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first());
    let at = frame.map(|f| f.func_name().map_or_else(|| format!("function {}", f.func_index()), shown));
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => SandboxError::Fuel { fuel: limits.fuel },
        Some(Trap::StackOverflow) => SandboxError::Stack { at },
        Some(trap) => SandboxError::Trapped { what: trap.to_string().replace("wasm trap: ", ""), at },
        None => SandboxError::Runtime(error.root_cause().to_string()),
    }
}

/// A name out of a module's bytes, made fit to be shown.
fn shown(name: &str) -> String {
    name.escape_debug().take(200).collect()
}
