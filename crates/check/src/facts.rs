//! Facts for policies: what others learn from one party's inputs, and what lies between these and that.

use std::collections::{BTreeMap, BTreeSet};

use ir::{Block, Computation, Instr, ModuleUse, Op, PlayerId, Span, ValueId};

use crate::Checked;
use crate::disclosure::inputs;
use crate::flow::{Flow, computes_in_clear, reader};
use crate::readers::Trail;
use crate::rows;

/// Something that others learn from a party's inputs.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The name of the value, the output or the function.
    pub name: String,
    /// Who learns it, the party itself left out.
    pub to: Vec<PlayerId>,
    /// Whether it is released; if not, labels allow it, or it is learned from how the run ends.
    pub released: bool,
    /// Whose values it is computed from.
    pub owners: Vec<PlayerId>,
    /// For each of the party's inputs that it is computed from, by name, the ways from there.
    pub ways: BTreeMap<String, Ways>,
    /// How many elements it has, over all iterations of the loops around it.
    pub elements: u64,
    /// Where it is.
    pub span: Span,
}

/// What lies between an input and something that is learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ways {
    /// The operators, and how many of each. Those of functions that are called on the way are all counted.
    pub operators: BTreeMap<Op, usize>,
    /// The digests of the modules. What these compute is in no table: who relies on operators looks at them, too.
    pub modules: BTreeSet<String>,
    /// How many rows of the input (positions along its first axis) are combined, at least, on every way from one of them.
    /// This does not say how much is told of one of them: that depends on the operators too.
    pub rows: u64,
}

/// A computation with too many releases for its size to be judged by rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the computation is too large for its releases to be followed one by one")]
pub struct TooLarge;

/// Instructions that are followed for one answer: some seconds at most.
const STEPS: usize = 1 << 24;

/// Everything that others learn from the inputs of `players`, which are one party (inputs and loaded
/// values that they have, and those that they own), in the order of the program. `dims` are the lengths of named dimensions.
///
/// What is computed from released values alone, and learned by nobody to whom these are not released, is not told
/// again.
///
/// # Errors
/// [`TooLarge`], where following every release back would take too long.
pub fn learned(
    checked: &Checked,
    players: &[PlayerId],
    dims: &BTreeMap<String, u64>,
) -> Result<Vec<Learned>, TooLarge> {
    let c = checked.computation();
    let flow = Flow::new(c);
    let inputs = inputs(c);
    let mine = inputs.iter().map(|i| players.iter().any(|p| i.concerns(c, *p)));
    let mine = mine.collect();
    let mut finder = Finder {
        checked,
        players,
        dims,
        trail: Trail::new(&flow, &c.graph),
        flow: &flow,
        mine,
        names: inputs.iter().map(|i| i.name).collect(),
        functions: of_functions(c),
        testing: testing(c),
        found: Vec::new(),
        steps: STEPS,
    };
    finder.block(&c.graph.body, 1)?;
    let (mut found, mut steps) = (finder.found, finder.steps);
    let values: Vec<ValueId> = found.iter().map(|(value, _)| *value).collect();
    for input in &inputs {
        if !found.iter().any(|(_, l)| l.ways.contains_key(input.name)) {
            continue;
        }
        let rows = rows::least(&flow, dims, input.id, &values, &mut steps);
        for ((_, learned), rows) in found.iter_mut().zip(rows) {
            if let Some(ways) = learned.ways.get_mut(input.name) {
                ways.rows = rows;
            }
        }
    }
    Ok(found.into_iter().map(|(_, learned)| learned).collect())
}

/// How many of each operator.
type Counts = BTreeMap<Op, usize>;

struct Finder<'a> {
    checked: &'a Checked,
    players: &'a [PlayerId],
    dims: &'a BTreeMap<String, u64>,
    trail: Trail<'a>,
    flow: &'a Flow<'a>,
    mine: Vec<bool>,
    names: Vec<&'a str>,
    functions: BTreeMap<&'a str, Counts>,
    /// The functions that end the run where values in the clear are not as assumed.
    testing: BTreeSet<&'a str>,
    /// With the value that is learned.
    found: Vec<(ValueId, Learned)>,
    steps: usize,
}

impl<'a> Finder<'a> {
    fn block(&mut self, block: &Block, times: u64) -> Result<(), TooLarge> {
        for instr in &block.instrs {
            self.instr(instr, times)?;
            if let Some(region) = &instr.region {
                self.block(region, times.saturating_mul(self.iterations(instr)))?;
            }
        }
        Ok(())
    }

    fn instr(&mut self, instr: &Instr, times: u64) -> Result<(), TooLarge> {
        let c = self.checked.computation();
        match instr.op {
            Op::Release => {
                let to = instr.attrs.players("to").unwrap_or(&[]);
                self.learn(instr, instr.results[0], to, times)
            }
            Op::Output => self.deliver(instr, instr.args[0], instr.attrs.players("to").unwrap_or(&[]), times),
            Op::Move => match reader(c.placement(instr.placement)) {
                Some(to) => self.deliver(instr, instr.args[0], &[to], times),
                None => Ok(()),
            },
            Op::Module => self.end(instr, times),
            Op::Assume if computes_in_clear(c.placement(instr.placement)).is_some() => self.test(instr, times),
            Op::Call => {
                self.call(instr, times)?;
                let name = instr.attrs.str("function").unwrap_or_default();
                if self.testing.contains(name) { self.test(instr, times) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// A player looks whether a value is as assumed, and ends the run if not: all others learn whether it was.
    fn test(&mut self, instr: &Instr, times: u64) -> Result<(), TooLarge> {
        let everyone: Vec<PlayerId> = (0..self.checked.computation().players.len() as u16).map(PlayerId).collect();
        for result in &instr.results {
            let known = self.found.len();
            self.learn(instr, *result, &everyone, times)?;
            for (_, learned) in &mut self.found[known..] {
                learned.name = format!("whether {} is as assumed", learned.name);
            }
        }
        Ok(())
    }

    /// A module can end the run by whatever it computes: all others learn whether it did.
    fn end(&mut self, instr: &Instr, times: u64) -> Result<(), TooLarge> {
        let known = self.found.len();
        self.test(instr, times)?;
        let module = instr.attrs.str("name").unwrap_or_default();
        for (_, learned) in &mut self.found[known..] {
            learned.name = format!("whether the module {module} comes to its end");
            learned.elements = times;
        }
        Ok(())
    }

    fn iterations(&self, instr: &Instr) -> u64 {
        let int = |name| instr.attrs.int(name).and_then(|n| u64::try_from(n).ok()).unwrap_or(1);
        if instr.op == Op::Repeat {
            return int("times");
        }
        let first = instr.args.first().and_then(|a| self.checked.computation().graph.value(*a).ty.shape.first());
        first.and_then(|d| d.eval(self.dims)).unwrap_or(u64::MAX) / int("by").max(1)
    }

    /// Whether a value is computed from an input of the party.
    fn concerns(&self, value: ValueId) -> bool {
        self.checked.fact(value).inputs.iter().any(|i| self.mine[i])
    }

    /// A value comes to players: those to whom it, or what it is computed from, was released are left out.
    fn deliver(&mut self, instr: &Instr, value: ValueId, to: &[PlayerId], times: u64) -> Result<(), TooLarge> {
        let c = self.checked.computation();
        let from = c.graph.value(value).placement;
        let at = |p: PlayerId| c.host(p) == from;
        let mut to: Vec<PlayerId> = to.iter().copied().filter(|p| !self.players.contains(p) && !at(*p)).collect();
        if to.is_empty() || !self.concerns(value) {
            return Ok(());
        }
        if !self.checked.fact(value).unreleased.iter().any(|i| self.mine[i]) {
            let releases: Vec<&Instr> = self.before(value)?.into_iter().filter(|i| i.op == Op::Release).collect();
            let releases = releases.iter().filter(|r| self.concerns(r.results[0]));
            let lists: Vec<&[PlayerId]> = releases.map(|r| r.attrs.players("to").unwrap_or(&[])).collect();
            to.retain(|p| !lists.iter().all(|list| list.contains(p)));
        }
        if to.is_empty() { Ok(()) } else { self.learn(instr, value, &to, times) }
    }

    /// What a function shows of its operands, which is not followed inside.
    fn call(&mut self, instr: &Instr, times: u64) -> Result<(), TooLarge> {
        let Some(summary) = self.flow.summary(instr) else { return Ok(()) };
        for (arg, needs) in instr.args.iter().zip(&summary.needs) {
            let to: Vec<PlayerId> = needs.keys().copied().collect();
            let known = self.found.len();
            self.deliver(instr, *arg, &to, times)?;
            for (_, learned) in &mut self.found[known..] {
                learned.elements = u64::MAX;
                learned.ways.values_mut().for_each(|ways| add(&self.functions, instr, &mut ways.operators));
            }
        }
        Ok(())
    }

    fn learn(&mut self, instr: &Instr, value: ValueId, to: &[PlayerId], times: u64) -> Result<(), TooLarge> {
        let to: Vec<PlayerId> = to.iter().copied().filter(|p| !self.players.contains(p)).collect();
        if to.is_empty() || !self.concerns(value) {
            return Ok(());
        }
        let checked = self.checked;
        let c = checked.computation();
        let before = self.before(value)?;
        let mut ways: BTreeMap<String, Ways> = BTreeMap::new();
        for i in checked.fact(value).inputs.iter().filter(|i| self.mine[*i]) {
            self.steps = self.steps.checked_sub(before.len()).ok_or(TooLarge)?;
            let mut operators = Counts::new();
            let reached = |instr: &&&Instr| instr.results.iter().any(|r| checked.fact(*r).inputs.contains(i));
            let between = before.iter().filter(|i| !matches!(i.op, Op::Input | Op::Load)).filter(reached);
            let mut modules = BTreeSet::new();
            for instr in between {
                add(&self.functions, instr, &mut operators);
                modules.extend(ModuleUse::of(&instr.attrs).ok().filter(|_| instr.op == Op::Module).map(|m| m.digest));
            }
            ways.insert(self.names[i].to_owned(), Ways { operators, modules, rows: 1 });
        }
        let shape = &c.graph.value(value).ty.shape;
        let size = shape.iter().map(|d| d.eval(self.dims).unwrap_or(u64::MAX)).fold(1, u64::saturating_mul);
        let name = instr.attrs.str("name").or(instr.attrs.str("function")).map(str::to_owned);
        self.found.push((
            value,
            Learned {
                name: name.unwrap_or_else(|| self.name(value)),
                to,
                released: instr.op == Op::Release,
                owners: checked.fact(value).label.owners(),
                ways,
                elements: size.saturating_mul(times),
                span: instr.span.clone(),
            },
        ));
        Ok(())
    }

    /// The name under which a value is delivered, or its own.
    fn name(&self, value: ValueId) -> String {
        let c = self.checked.computation();
        let output = c.outputs().find(|o| o.args.first() == Some(&value)).and_then(|o| o.attrs.str("name"));
        let name = output.or_else(|| self.trail.name(value));
        name.map_or_else(|| self.trail.describe(value), str::to_owned)
    }

    /// The instructions that a value is computed by.
    fn before(&mut self, value: ValueId) -> Result<Vec<&'a Instr>, TooLarge> {
        let mut seen = BTreeSet::new();
        let mut next = vec![value];
        let mut instrs = Vec::new();
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                self.steps = self.steps.checked_sub(1).ok_or(TooLarge)?;
                instrs.extend(self.trail.made_by(id));
                next.extend(self.trail.before(id));
            }
        }
        Ok(instrs)
    }
}

/// The operators of each function, those of the functions it calls included. Calls are earlier, so each is counted
/// once and added as often as it is called.
fn of_functions(c: &Computation) -> BTreeMap<&str, Counts> {
    let mut all = BTreeMap::new();
    for function in &c.functions {
        let mut counts = Counts::new();
        function.graph.visit(&mut |instr| add(&all, instr, &mut counts));
        all.insert(function.name.as_str(), counts);
    }
    all
}

/// The functions with an assumption about values in the clear, in them or in those they call.
fn testing(c: &Computation) -> BTreeSet<&str> {
    let mut all = BTreeSet::new();
    for function in &c.functions {
        let mut tests = false;
        function.graph.visit(&mut |instr| {
            let clear = instr.op == Op::Assume && computes_in_clear(c.placement(instr.placement)).is_some();
            tests |= clear || instr.op == Op::Call && instr.attrs.str("function").is_some_and(|f| all.contains(f));
        });
        if tests {
            all.insert(function.name.as_str());
        }
    }
    all
}

fn add(functions: &BTreeMap<&str, Counts>, instr: &Instr, counts: &mut Counts) {
    let called = instr.attrs.str("function").filter(|_| instr.op == Op::Call).and_then(|name| functions.get(name));
    let own = Counts::from([(instr.op, 1)]);
    for (op, n) in called.unwrap_or(&own) {
        let count = counts.entry(*op).or_default();
        *count = count.saturating_add(*n);
    }
}
