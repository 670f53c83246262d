//! Measuring one task: what more iterations cost than fewer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use agreement::{Agreement, Profile, Ratified, Roster, Terms};
use algebra::{Prg, Seed, Tensor};
use ir::PlayerId;
use privity::{Plain, Program};
use session::SessionError;

use crate::meter;
use crate::tasks::Task;
use crate::world::{self, LinkKind};

/// What one task cost, or one sharing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// CPU seconds of all players.
    pub cpu: f64,
    /// Wall-clock seconds.
    pub wall: f64,
    /// Bytes that the player which sends most sends.
    pub bytes: u64,
    /// Rounds.
    pub rounds: u32,
}

/// What a task cost over one kind of links.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The task's name.
    pub task: &'static str,
    /// Over which links.
    pub link: &'static str,
    /// The task itself, once: medians.
    pub once: Figures,
    /// Setting up, sharing the inputs and revealing the result: what is left of a run. CPU and wall-clock time only.
    pub around: Figures,
    /// The most memory in use by all players, program and data included; where the system says it.
    pub peak: Option<u64>,
}

/// What can go wrong in a measurement.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BenchError {
    /// A task's program is refused.
    #[error("the program of task `{task}` is refused:\n{problems}")]
    Program {
        /// The task.
        task: &'static str,
        /// Why.
        problems: String,
    },
    /// A session failed.
    #[error("{0}")]
    Session(Arc<SessionError>),
    /// The system refused something.
    #[error("{what}")]
    System {
        /// What.
        what: String,
    },
}

impl BenchError {
    /// A stable code for programs to match on.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Program { .. } => "bench.program",
            Self::Session(e) => e.code(),
            Self::System { .. } => "bench.system",
        }
    }
}

impl From<SessionError> for BenchError {
    fn from(e: SessionError) -> Self {
        Self::Session(Arc::new(e))
    }
}

/// Measures a task, taking medians over so many repetitions. Blocks until it is done.
///
/// # Errors
/// If the program is refused, a session fails, or the system refuses threads or sockets.
pub fn measure(task: &'static Task, kind: LinkKind, repetitions: u32) -> Result<Measured, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| BenchError::System { what: e.to_string() })?;
    let iterations = if kind == LinkKind::Wan { 1 } else { task.iterations };
    let (fewer, more) = (prepare(task, kind, 1)?, prepare(task, kind, 1 + iterations)?);
    let run = |ratified: &Ratified| {
        // Made anew each time: what the players do not hold shall not count as theirs.
        let inputs = inputs(ratified, task);
        runtime.block_on(async {
            let (wall, cpu) = (Instant::now(), meter::cpu());
            let outcomes = world::run(ratified, kind, inputs).await?;
            let most = |f: fn(&session::Cost) -> u64| outcomes.iter().map(|o| f(&o.cost)).max().unwrap_or(0);
            Ok::<_, BenchError>(Figures {
                cpu: (meter::cpu() - cpu).as_secs_f64(),
                wall: wall.elapsed().as_secs_f64(),
                bytes: most(|c| c.bytes),
                rounds: most(|c| u64::from(c.rounds)) as u32,
            })
        })
    };
    meter::forget_peak();
    let warm = run(&fewer)?;
    let peak = meter::peak();
    let (mut cpu, mut wall, mut cpu_around, mut wall_around) = (vec![], vec![], vec![], vec![]);
    let mut bytes = 0;
    for _ in 0..repetitions.max(1) {
        let (few, many) = (run(&fewer)?, run(&more)?);
        let each = f64::from(iterations);
        let (cpu_once, wall_once) = ((many.cpu - few.cpu) / each, (many.wall - few.wall) / each);
        cpu.push(cpu_once);
        wall.push(wall_once);
        // A run with one iteration does the task twice.
        cpu_around.push(few.cpu - 2.0 * cpu_once);
        wall_around.push(few.wall - 2.0 * wall_once);
        bytes = (many.bytes - few.bytes) / u64::from(iterations);
    }
    let once = Figures { cpu: median(cpu), wall: median(wall), bytes, rounds: rounds(task, &runtime, kind, warm)? };
    let around = Figures { cpu: median(cpu_around), wall: median(wall_around), ..Figures::default() };
    Ok(Measured { task: task.name, link: kind.name(), once, around, peak })
}

/// Runs a task's program once in a process that measures by its own means, with so many iterations of its loop, over
/// links in memory; says how much memory its players' plans may take in all. Blocks until it is done.
///
/// # Errors
/// As [`measure`].
pub fn once(task: &'static Task, iterations: u32) -> Result<u64, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| BenchError::System { what: e.to_string() })?;
    let ratified = prepare(task, LinkKind::Memory, iterations)?;
    let inputs = inputs(&ratified, task);
    runtime.block_on(world::run(&ratified, LinkKind::Memory, inputs))?;
    let players = ratified.agreement().checked().computation().players.len();
    let bounds = (0..).take(players).map(|p| session::Plan::project(&ratified, PlayerId(p)));
    bounds.map(|plan| Ok(session::memory_bound(&plan?))).sum()
}

/// Rounds of the task alone. Where iterations wait for each other, those that one more takes; where they do not, rounds
/// merge, and the task's are those of a run but the first, in which inputs are shared.
fn rounds(
    task: &'static Task,
    runtime: &tokio::runtime::Runtime,
    kind: LinkKind,
    one: Figures,
) -> Result<u32, BenchError> {
    // Over slow links this would only take longer: rounds do not depend on links.
    let links = if kind == LinkKind::Wan { LinkKind::Memory } else { kind };
    let two = prepare(task, kind, 2)?;
    let data = inputs(&two, task);
    let outcomes = runtime.block_on(world::run(&two, links, data))?;
    let more = outcomes.iter().map(|o| o.cost.rounds).max().unwrap_or(0) - one.rounds;
    Ok(if more > 0 { more } else { one.rounds.saturating_sub(1) })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        0 => (figures[middle - 1] + figures[middle]) / 2.0,
        _ => figures[middle],
    }
}

/// The task's program, checked and agreed: over slow links for a network of their kind.
fn prepare(task: &'static Task, kind: LinkKind, iterations: u32) -> Result<Ratified, BenchError> {
    let program = |problems: String| BenchError::Program { task: task.name, problems };
    let checked = Program::parse(task.name, &task.with_iterations(iterations)).map_err(|e| program(e.to_string()))?;
    let dims = task.dims.iter().map(|&(name, length)| (name.to_owned(), length)).collect();
    let profile = if kind == LinkKind::Wan { Profile::Wan } else { Profile::Lan };
    let roster = Roster::in_process(checked.computation().players.iter().map(|p| p.name.as_str()));
    let terms = Terms { profile, ..Terms::default() };
    let agreement = Agreement::bind(checked.checked().clone(), &roster, dims, terms);
    let agreement = agreement.map_err(|e| program(e.to_string()))?;
    Ratified::local(agreement).map_err(|e| program(e.to_string()))
}

type Inputs = BTreeMap<PlayerId, BTreeMap<String, Plain>>;

/// Uniform inputs, the same in every run.
fn inputs(ratified: &Ratified, task: &Task) -> Inputs {
    let agreement = ratified.agreement();
    let c = agreement.checked().computation();
    let mut out = Inputs::new();
    let (low, high) = task.inputs;
    for (i, (instr, value)) in c.inputs().enumerate() {
        // Every named dimension has a length, or there would be no agreement to run.
        let Ok(shape) = c.graph.value(value).ty.concrete(agreement.dims()) else { continue };
        let mut stream = Prg::new(Seed([i as u8; 16]));
        let words = stream.elements::<u64>(shape.iter().product());
        let unit = |w: u64| low + (high - low) * (w >> 11) as f64 / (1u64 << 53) as f64;
        let values = Tensor::from_fn(shape.as_slice(), |at| unit(words[at]));
        let name = instr.attrs.str("name").unwrap_or_default().to_owned();
        out.entry(c.placement(instr.placement).players[0]).or_default().insert(name, Plain::F64(values));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Goal, TASKS};

    #[test]
    fn every_program_is_accepted_and_is_repeated_by_name() {
        for task in TASKS {
            assert_ne!(task.with_iterations(2), task.program, "{}", task.name);
            prepare(task, LinkKind::Memory, 2).unwrap_or_else(|e| panic!("{e}"));
        }
    }

    #[test]
    fn a_task_costs_what_its_kernel_says_over_every_link() {
        static SMALL: Task = Task {
            name: "relu",
            what: "ReLU",
            program: include_str!("../programs/relu.pv"),
            dims: &[("n", 64)],
            iterations: 2,
            inputs: (-1.0, 1.0),
            goal: Goal { cpu: None, wall: None, bytes: None, rounds: None, memory: None },
        };
        for kind in [LinkKind::Memory, LinkKind::Tls, LinkKind::Wan] {
            let measured = measure(&SMALL, kind, 1).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(measured.once.bytes, 35 * 64, "{}", measured.link);
            assert!(measured.once.rounds > 0 && measured.once.rounds <= 9, "{}", measured.once.rounds);
            let (head, rows) = crate::table(std::slice::from_ref(&measured));
            assert_eq!(head.len(), rows[0].len());
            assert_eq!(crate::to_json(&[measured])[0]["bytes"], 35 * 64);
        }
    }
}
