//! Plans: what one player does, in dataflow order.
//!
//! Every worker projects its own plan from the computation that was ratified; nobody sends plans. A
//! plan keeps loops and functions rolled: its size is that of the program, not of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use agreement::Ratified;
use check::{Budget, Checked};
use ir::{Block, Computation, Graph, Instr, Op, PlacementId, PlayerId, ValueId};

use crate::error::SessionError;

/// The length of every named dimension.
pub type Dims = BTreeMap<String, u64>;

/// What one player does in one computation.
#[derive(Clone)]
pub struct Plan {
    /// The player.
    pub player: PlayerId,
    /// The lengths of named dimensions.
    pub dims: Dims,
    /// The main program.
    pub main: Part,
    /// The functions, by their index in the computation.
    pub functions: Vec<Part>,
    computation: Arc<Computation>,
    budget: Budget,
}

/// The steps of one block that concern the player.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The steps in order of definition. A step starts as soon as what it takes is there.
    pub steps: Vec<Step>,
    /// How often each value of this block is taken, with its results counted once each. A value is dropped after
    /// the last time.
    pub uses: BTreeMap<ValueId, usize>,
}

/// One step of a player.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index of the instruction in its block.
    pub index: usize,
    /// What the player does.
    pub act: Act,
    /// Values that it takes and holds, in the order of the operands; for a loop also those of enclosing blocks.
    pub takes: Vec<ValueId>,
    /// Values that it gets to hold.
    pub gives: Vec<ValueId>,
}

/// What a player does in a step.
#[derive(Clone, Debug)]
pub enum Act {
    /// Reads an input from its own data.
    Input,
    /// Takes a saved value from its vault.
    Load,
    /// Sets a value aside for its vault.
    Save,
    /// Gives its part to a sum over its group: of a member, before any session.
    Contribute,
    /// Takes its part of a sum over a group.
    Gather,
    /// Runs its side of an operator.
    Compute,
    /// Runs its side of a move between placements.
    Transfer {
        /// Where the value comes from.
        from: PlacementId,
    },
    /// Runs its side of delivering an output.
    Deliver,
    /// Runs a loop.
    Loop(Box<Part>),
    /// Runs a function.
    Call {
        /// Index of the function.
        function: usize,
    },
}

impl Plan {
    /// Projects the plan of `player` from what was ratified.
    ///
    /// # Errors
    /// If a named dimension has no length, lengths do not fit the program, or a placement cannot be run.
    pub fn project(ratified: &Ratified, player: PlayerId) -> Result<Plan, SessionError> {
        let agreement = ratified.agreement();
        Plan::within(agreement.checked(), player, agreement.dims(), agreement.budget().clone())
    }

    /// The plan that `player` would have: for explaining. Only a plan of what was ratified can be run.
    ///
    /// # Errors
    /// As [`project`](Self::project).
    pub fn preview(checked: &Checked, player: PlayerId, dims: &Dims) -> Result<Plan, SessionError> {
        Plan::within(checked, player, dims, Budget::default())
    }

    fn within(checked: &Checked, player: PlayerId, dims: &Dims, budget: Budget) -> Result<Plan, SessionError> {
        let computation = checked.computation();
        crate::bind::check_dims(computation, dims)?;
        if let Some(reason) = checked.not_runnable().first() {
            return Err(SessionError::NotRunnable { reason: reason.to_string() });
        }
        let computation = Arc::new(computation.clone());
        let mut functions: Vec<Part> = Vec::new();
        for function in &computation.functions {
            let scope = Projection { computation: &computation, graph: &function.graph, player, functions: &functions };
            functions.push(scope.part(&function.graph.body));
        }
        let scope = Projection { computation: &computation, graph: &computation.graph, player, functions: &functions };
        let main = scope.part(&computation.graph.body);
        Ok(Plan { player, dims: dims.clone(), main, functions, computation, budget })
    }

    /// The ranges that inputs are held to.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The computation that it is projected from.
    pub fn computation(&self) -> &Arc<Computation> {
        &self.computation
    }

    /// Number of steps, those of loops and functions counted once.
    pub fn len(&self) -> usize {
        fn count(part: &Part) -> usize {
            let inner = |s: &Step| if let Act::Loop(p) = &s.act { count(p) } else { 0 };
            part.steps.iter().map(|s| 1 + inner(s)).sum()
        }
        count(&self.main) + self.functions.iter().map(count).sum::<usize>()
    }

    /// Whether the player has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Part {
    fn new(steps: Vec<Step>, results: &[ValueId]) -> Part {
        let mut uses = BTreeMap::new();
        for value in steps.iter().flat_map(|s| &s.takes).chain(results) {
            *uses.entry(*value).or_insert(0) += 1;
        }
        Part { steps, uses }
    }
}

struct Projection<'a> {
    computation: &'a Computation,
    graph: &'a Graph,
    player: PlayerId,
    functions: &'a [Part],
}

impl Projection<'_> {
    fn holds(&self, value: &ValueId) -> bool {
        self.takes_part(self.graph.value(*value).placement)
    }

    fn takes_part(&self, placement: PlacementId) -> bool {
        self.computation.placement(placement).role(self.player).is_some()
    }

    fn held(&self, values: &[ValueId]) -> Vec<ValueId> {
        values.iter().copied().filter(|v| self.holds(v)).collect()
    }

    fn part(&self, block: &Block) -> Part {
        let steps = block.instrs.iter().enumerate().filter_map(|(index, instr)| self.step(index, instr)).collect();
        Part::new(steps, &self.held(&block.results))
    }

    /// The player's side of an instruction, if it has one.
    fn step(&self, index: usize, instr: &Instr) -> Option<Step> {
        let gives = self.held(&instr.results);
        let mut takes = self.held(&instr.args);
        let here = self.takes_part(instr.placement);
        let act = match instr.op {
            Op::Input => here.then_some(Act::Input)?,
            Op::Load => here.then_some(Act::Load)?,
            Op::Save => here.then_some(Act::Save)?,
            Op::Move => {
                let from = self.graph.value(instr.args[0]).placement;
                (here || self.takes_part(from)).then_some(Act::Transfer { from })?
            }
            Op::Output => {
                let reads = instr.attrs.players("to").is_some_and(|to| to.contains(&self.player));
                (here || reads).then_some(Act::Deliver)?
            }
            Op::Repeat | Op::Fold => {
                let region = instr.region.as_ref()?;
                let part = self.part(region);
                if part.steps.is_empty() && gives.is_empty() && takes.is_empty() {
                    return None;
                }
                takes.extend(captures(&part, region));
                Act::Loop(Box::new(part))
            }
            Op::Call => {
                let name = instr.attrs.str("function")?;
                let function = self.computation.functions.iter().position(|f| f.name == name)?;
                let idle = self.functions[function].steps.is_empty() && gives.is_empty() && takes.is_empty();
                (!idle).then_some(Act::Call { function })?
            }
            op if op.is_federated() && here => Act::Gather,
            op if op.is_federated() => (!takes.is_empty()).then_some(Act::Contribute)?,
            _ => here.then_some(Act::Compute)?,
        };
        Some(Step { index, act, takes, gives })
    }
}

/// Values of enclosing blocks that a region uses, each once.
fn captures(part: &Part, region: &Block) -> Vec<ValueId> {
    let mut own: BTreeSet<ValueId> = region.params.iter().copied().collect();
    own.extend(region.instrs.iter().flat_map(|i| &i.results));
    part.uses.keys().copied().filter(|v| !own.contains(v)).collect()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.computation;
        writeln!(f, "plan of {} for {}", c.player(self.player).name, c.name)?;
        for (function, part) in c.functions.iter().zip(&self.functions) {
            if !part.steps.is_empty() {
                writeln!(f, "  function {}", function.name)?;
                show(f, c, &function.graph, &function.graph.body, part, self.player, 2)?;
            }
        }
        show(f, c, &c.graph, &c.graph.body, &self.main, self.player, 1)
    }
}

/// One line a step: what is made, by which operator, where and in which role.
fn show(
    f: &mut fmt::Formatter<'_>,
    c: &Computation,
    graph: &Graph,
    block: &Block,
    part: &Part,
    player: PlayerId,
    depth: usize,
) -> fmt::Result {
    let name = |v: &ValueId| graph.value(*v).name.clone().unwrap_or_else(|| format!("%{}", v.0));
    let list = |vs: &[ValueId]| vs.iter().map(name).collect::<Vec<_>>().join(", ");
    for step in &part.steps {
        let instr = &block.instrs[step.index];
        let placement = c.placement(instr.placement);
        let role = placement.role(player).map(|r| placement.scheme.spec().roles[r]).unwrap_or("-");
        let gives = if step.gives.is_empty() { String::new() } else { format!("{} = ", list(&step.gives)) };
        write!(f, "{}{gives}", "  ".repeat(depth))?;
        match &step.act {
            Act::Input => writeln!(f, "input, {} from own data", graph.value(step.gives[0]).ty)?,
            Act::Load | Act::Save => {
                let name = instr.attrs.str("name").unwrap_or_default();
                let word = if matches!(step.act, Act::Load) { "from" } else { "as" };
                let what = list(&step.takes);
                writeln!(f, "{}({what}) {word} \"{name}\" on {placement} as {role}", instr.op.name())?;
            }
            Act::Contribute => {
                writeln!(f, "contribute({}) to a sum over the group on {placement}", list(&step.takes))?;
            }
            Act::Gather => {
                writeln!(f, "{}({}) from own store on {placement} as {role}", instr.op.name(), list(&instr.args))?;
            }
            Act::Compute => writeln!(f, "{}({}) on {placement} as {role}", instr.op.name(), list(&step.takes))?,
            Act::Transfer { from } => {
                writeln!(f, "move({}) from {} to {placement}", list(&instr.args), c.placement(*from))?;
            }
            Act::Deliver => {
                let to = c.names(instr.attrs.players("to").unwrap_or_default()).join(", ");
                writeln!(
                    f,
                    "output({}) to {to} as {:?}",
                    list(&instr.args),
                    instr.attrs.str("name").unwrap_or_default()
                )?;
            }
            Act::Call { .. } => {
                writeln!(f, "call {}({})", instr.attrs.str("function").unwrap_or_default(), list(&step.takes))?
            }
            Act::Loop(inner) => {
                let times = instr.attrs.int("times").map(|n| format!(" {n} times"));
                let every = instr.attrs.int("checkpoint").map(|n| format!(", a checkpoint every {n}"));
                writeln!(f, "{}{}{}", instr.op.name(), times.unwrap_or_default(), every.unwrap_or_default())?;
                if let Some(region) = &instr.region {
                    show(f, c, graph, region, inner, player, depth + 1)?;
                }
            }
        }
    }
    Ok(())
}
