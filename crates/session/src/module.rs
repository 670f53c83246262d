//! WebAssembly modules inside enclaves: values of the program to tables, a run in the sandbox, and the table that it
//! gives to a value again.
//!
//! How a run ends depends on values that nobody outside of the enclave may see: the session is told that a module
//! was stopped, and nothing of why, unless whoever runs it has all data at hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use algebra::Tensor;
use ir::{Attr, Attrs, DType, Instr, ModuleUse, Op};
use sandbox::{Interrupt, Job, Limits, Module, ModuleDigest, SandboxError};
use schemes::{Env, Party, Plain};
use tables::{Column, Table};

use crate::error::SessionError;
use crate::plan::{Dims, Plan};

/// The modules that a player has, compiled.
#[derive(Clone, Default)]
pub struct Modules {
    ready: Arc<BTreeMap<ModuleDigest, Module>>,
    how: How,
}

/// What a run of a module tells.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum How {
    /// What it gives, or that it was stopped.
    #[default]
    Silent,
    /// Also why it was stopped.
    Candid,
    /// Nothing: what it gives is made up.
    MadeUp,
}

impl Modules {
    /// For a session between workers.
    pub fn new(modules: impl IntoIterator<Item = Module>) -> Modules {
        let ready = modules.into_iter().map(|module| (*module.digest(), module)).collect();
        Modules { ready: Arc::new(ready), how: How::Silent }
    }

    /// The same for whoever holds all data anyway: an error says why a module was stopped.
    #[must_use]
    pub fn candid(self) -> Modules {
        Modules { how: How::Candid, ..self }
    }

    /// For rehearsing: whatever there is runs nothing.
    pub(crate) fn made_up() -> Modules {
        Modules { how: How::MadeUp, ..Modules::default() }
    }

    /// That all modules are there that the player of a plan runs.
    pub(crate) fn complete(&self, plan: &Plan) -> Result<(), SessionError> {
        let c = plan.computation();
        let mine = c.modules().filter(|(instr, _)| c.placement(instr.placement).role(plan.player).is_some());
        for (_, module) in mine.filter(|_| self.how != How::MadeUp) {
            self.get(&module, &c.player(plan.player).name)?;
        }
        Ok(())
    }

    fn get(&self, module: &ModuleUse, player: &str) -> Result<&Module, SessionError> {
        let digest = module.digest.parse().ok();
        let found = digest.and_then(|digest: ModuleDigest| self.ready.get(&digest));
        found.ok_or_else(|| ModuleError::missing(module, player).into())
    }

    /// Runs the module of an instruction, away from the thread that waits for messages, until nobody waits for what it gives.
    pub(crate) async fn run(
        &self,
        party: &Party,
        instr: &Instr,
        player: &str,
        operands: &[&Plain],
        env: &Env<'_>,
    ) -> Result<Plain, SessionError> {
        if self.how == How::MadeUp {
            return crate::rehearse::made_up(env.dtype, env.shape, None);
        }
        let (work, interrupt) = self.prepare(instr, player, operands, env)?;
        let _left = Left(interrupt);
        party.compute(usize::MAX, work).await
    }

    /// As [`run`](Self::run), on this thread.
    pub(crate) fn run_here(
        &self,
        instr: &Instr,
        player: &str,
        operands: &[&Plain],
        env: &Env<'_>,
    ) -> Result<Plain, SessionError> {
        let (work, _) = self.prepare(instr, player, operands, env)?;
        work()
    }

    /// All that a run needs, so that it can be done on any thread; and what ends it.
    fn prepare(
        &self,
        instr: &Instr,
        player: &str,
        operands: &[&Plain],
        env: &Env<'_>,
    ) -> Result<(impl FnOnce() -> Result<Plain, SessionError> + Send + 'static, Interrupt), SessionError> {
        let used = ModuleUse::of(&instr.attrs).map_err(|problem| SessionError::Internal { what: problem.message })?;
        let module = self.get(&used, player)?.clone();
        let inputs = inputs(&used, operands).map_err(|what| SessionError::Internal { what })?;
        let (candid, player) = (self.how == How::Candid, player.to_owned());
        let (dtype, shape) = (env.dtype, env.shape.to_vec());
        let interrupt = module.interrupt();
        let own = interrupt.clone();
        let work = move || {
            let memory = usize::try_from(used.memory).unwrap_or(usize::MAX);
            let limits = Limits { fuel: used.fuel, memory, output: memory, ..Limits::default() };
            let arguments = used.arguments.iter().cloned().collect();
            let job = Job { inputs, arguments, outputs: [used.gives.name.clone()].into() };
            let given = module.run_until(job, limits, &own).map_err(Stopped::from);
            let value = given.and_then(|mut outcome| {
                let table = outcome.outputs.remove(&used.gives.name);
                value(&table.ok_or(Stopped::output("is not there"))?, &used, dtype, &shape)
            });
            value.map_err(|why| ModuleError::stopped(&used, &player, why, candid).into())
        };
        Ok((work, interrupt))
    }
}

/// Ends a run that goes on when its session has left it.
struct Left(Interrupt);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

/// The tables that a module takes, of values that are their columns.
fn inputs(used: &ModuleUse, operands: &[&Plain]) -> Result<BTreeMap<String, Table>, String> {
    let mut rest = operands.iter();
    let mut tables = BTreeMap::new();
    for table in &used.takes {
        let mut columns = Vec::new();
        for (name, operand) in table.columns.iter().zip(rest.by_ref()) {
            columns.extend(split(name, operand).ok_or("a module takes no such value")?);
        }
        let made = Table::of(columns).map_err(|e| format!("the table {table}: {e}"))?;
        tables.insert(table.name.clone(), made);
    }
    Ok(tables)
}

/// The columns of a vector or matrix, with their names.
fn split(name: &str, value: &Plain) -> Option<Vec<(String, Column)>> {
    fn columns<T: Copy>(t: &Tensor<T>) -> Vec<Vec<T>> {
        let width = t.shape().get(1).copied().unwrap_or(1);
        (0..width).map(|j| t.data().iter().copied().skip(j).step_by(width).collect()).collect()
    }
    let columns: Vec<Column> = match value {
        Plain::Bool(t) => columns(t).into_iter().map(Column::Bool).collect(),
        Plain::I64(t) => columns(t).into_iter().map(Column::I64).collect(),
        Plain::U64(t) => columns(t).into_iter().map(Column::U64).collect(),
        Plain::F32(t) => columns(t).into_iter().map(Column::F32).collect(),
        Plain::F64(t) => columns(t).into_iter().map(Column::F64).collect(),
        Plain::Fixed64(..) | Plain::Fixed128(..) => return None,
    };
    Some(match value.shape().len() {
        1 => columns.into_iter().map(|column| (name.to_owned(), column)).collect(),
        _ => columns.into_iter().enumerate().map(|(j, column)| (format!("{name}.{j}"), column)).collect(),
    })
}

/// The value that a module's table is to be.
fn value(table: &Table, used: &ModuleUse, dtype: DType, shape: &[usize]) -> Result<Plain, Stopped> {
    let rows = shape.first().copied().unwrap_or(1);
    let column = |name: &String| {
        let numbers = table.numbers(name).map_err(|e| Stopped::output(&e.to_string()))?;
        let vector = match numbers {
            Column::Bool(v) => Plain::Bool(Tensor::from_vec(v)),
            Column::I64(v) => Plain::I64(Tensor::from_vec(v)),
            Column::U64(v) => Plain::U64(Tensor::from_vec(v)),
            Column::F32(v) => Plain::F32(Tensor::from_vec(v)),
            Column::F64(v) => Plain::F64(Tensor::from_vec(v)),
        };
        if vector.len() != rows {
            return Err(Stopped::output(&format!("has {} rows, and {rows} were declared", vector.len())));
        }
        schemes::plain::cast(&vector, dtype).map_err(|e| Stopped::output(&e.to_string()))
    };
    let columns = used.gives.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let (columns, dims): (Vec<&Plain>, Dims) = (columns.iter().collect(), Dims::new());
    let env = Env { dtype, operand: dtype, shape, dims: &dims };
    let (op, attrs) = match shape.len() {
        2 => (Op::Stack, Attrs::new().with("axis", Attr::Int(1))),
        _ => (Op::Reshape, Attrs::new()),
    };
    schemes::plain::apply(op, &attrs, &columns, &env).map_err(|e| Stopped::output(&e.to_string()))
}

/// Why a run gave nothing.
struct Stopped {
    code: &'static str,
    what: String,
    help: &'static str,
}

impl Stopped {
    fn output(what: &str) -> Stopped {
        let help = "compare `gives`, `shape` and `type` in the program with what the module writes";
        Stopped { code: "module.output", what: format!("its output {what}"), help }
    }
}

impl From<SandboxError> for Stopped {
    fn from(error: SandboxError) -> Stopped {
        Stopped { code: error.code(), what: error.to_string(), help: error.help() }
    }
}

/// A module that a session needs and does not have, or that was stopped.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the module {name} at {player} {what}")]
pub struct ModuleError {
    /// What the program calls it.
    pub name: String,
    /// At whose worker.
    pub player: String,
    /// A stable code.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub help: &'static str,
}

impl ModuleError {
    fn of(module: &ModuleUse, player: &str, (code, what): (&'static str, String), help: &'static str) -> ModuleError {
        ModuleError { name: module.name.clone(), player: player.to_owned(), code, what, help }
    }

    /// Nobody gave the player the module.
    pub fn missing(module: &ModuleUse, player: &str) -> ModuleError {
        let help = "put its bytes as NAME.wasm into the folder that `[modules]` in the worker's configuration names, \
                    or `--modules` of a local run";
        ModuleError::of(module, player, ("module.missing", format!("is not there (BLAKE3 {})", module.digest)), help)
    }

    /// Its file cannot be read.
    pub fn unreadable(module: &ModuleUse, player: &str, why: &std::io::Error) -> ModuleError {
        let help = "see whether the worker may read its file";
        ModuleError::of(module, player, ("module.unreadable", format!("cannot be read: {why}")), help)
    }

    /// What is there under its name is not taken: before it saw anything of a value.
    pub fn refused(module: &ModuleUse, player: &str, why: &SandboxError) -> ModuleError {
        ModuleError::of(module, player, (why.code(), format!("is refused: {why}")), why.help())
    }

    fn stopped(module: &ModuleUse, player: &str, why: Stopped, candid: bool) -> ModuleError {
        if candid {
            return ModuleError::of(module, player, (why.code, format!("gave nothing: {}", why.what)), why.help);
        }
        let help = "its fuel or memory was not enough, or it cannot compute on such inputs: a local run of the same \
                    program, on data of your own, says why";
        ModuleError::of(module, player, ("module.stopped", "gave nothing".to_owned()), help)
    }
}
