//! One pass over a program: the range of every value, and what operators lack.
//!
//! Loops stay rolled: what they carry is shown to keep a range by induction, widened until the body no longer leaves it.
//! A loop of few iterations that does not settle is followed step by step, and one that only adds up is bounded by its
//! number of iterations. Functions are looked at for the ranges that they are called with.

use std::collections::{BTreeMap, HashMap};

use ir::{Block, Computation, Graph, Instr, Op, PlacementId, Scheme, Type, ValueId};

use super::interval::Interval;
use super::lengths::Lengths;
use super::needs::{self, Lack};
use super::report::{Cause, Problem};
use super::shared::Shared;
use super::transfer::{Site, capacity};

/// What is known of the numbers of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fact {
    pub(super) range: Interval,
    /// No number is nearer to zero than this, though the range may lie around zero, as that of a list of constants.
    pub(super) apart: f64,
    /// It rests on an input that declares no range.
    pub(super) open: bool,
    /// It is the result of an operator that was refused: what follows from it is not told again.
    pub(super) told: bool,
    /// It rests on a length that is not known yet: what follows from it is told once it is.
    pub(super) later: bool,
    /// A placement of shares holds it in the clear, as it does constants: kernels take it as it is.
    pub(super) clear: bool,
}

impl Fact {
    const NOTHING: Fact =
        Fact { range: Interval::ALL, apart: 0.0, open: false, told: true, later: false, clear: false };

    fn join(self, other: Fact) -> Fact {
        Fact {
            range: self.range.hull(other.range),
            apart: self.apart.min(other.apart),
            open: self.open | other.open,
            told: self.told | other.told,
            later: self.later | other.later,
            clear: self.clear & other.clear,
        }
    }

    fn covers(self, other: Fact) -> bool {
        other.range.is_in(self.range) && self.apart <= other.apart && (self.later || !other.later)
    }

    /// Whether nothing is told of what follows from it.
    fn is_silent(self) -> bool {
        self.told || self.later
    }
}

/// Instructions looked at in one pass; a program that needs more is refused, since it cannot be judged in time.
const MOST_STEPS: usize = 400_000;
/// Loops of up to so many iterations may be followed step by step.
const MOST_FOLLOWED: u64 = 64;
/// Ranges that a function is looked at for, before they are joined.
const MOST_CALLS: usize = 8;
/// Ranges that a function is looked at for at all; beyond, it is looked at for any numbers.
const MOST_SUMMARIES: usize = 64;
/// Problems that are told.
const MOST_PROBLEMS: usize = 50;

/// A pass over one program.
pub(super) struct Walk<'a> {
    c: &'a Computation,
    lengths: &'a Lengths<'a>,
    /// Ranges of inputs in the place of those declared, or of none.
    inputs: &'a BTreeMap<ValueId, Interval>,
    /// Only whether there is a problem is wanted, not which.
    probe: bool,
    pub(super) problems: Vec<Problem<'a>>,
    /// In loops that have not settled nothing is told.
    quiet: u32,
    steps: usize,
    calls: Vec<Vec<Summary>>,
    /// What owners share.
    pub(super) shared: Shared,
}

/// A function, looked at for certain ranges of its parameters.
struct Summary {
    args: Vec<Fact>,
    results: Vec<Fact>,
    /// Whether its problems were told.
    told: bool,
}

/// The values of one graph.
pub(super) struct Frame<'a> {
    pub(super) graph: &'a Graph,
    pub(super) facts: Vec<Fact>,
    /// The operands of each sum.
    sums: HashMap<ValueId, [ValueId; 2]>,
}

impl<'a> Frame<'a> {
    fn new(graph: &'a Graph) -> Frame<'a> {
        Frame { graph, facts: vec![Fact::NOTHING; graph.values.len()], sums: HashMap::new() }
    }

    fn of(&self, ids: &[ValueId]) -> Vec<Fact> {
        ids.iter().map(|v| self.facts[v.index()]).collect()
    }

    /// What loops carry and functions take and give; none of it is left in the clear.
    fn set(&mut self, ids: &[ValueId], facts: &[Fact]) {
        for (id, fact) in ids.iter().zip(facts) {
            self.facts[id.index()] = Fact { clear: false, ..*fact };
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        c: &'a Computation,
        lengths: &'a Lengths<'a>,
        inputs: &'a BTreeMap<ValueId, Interval>,
        probe: bool,
    ) -> Walk<'a> {
        let calls = c.functions.iter().map(|_| Vec::new()).collect();
        let shared = Shared::default();
        Walk { c, lengths, inputs, probe, problems: Vec::new(), quiet: 0, steps: 0, calls, shared }
    }

    /// Walks the main program, and gives the facts of its values.
    pub(super) fn main(&mut self) -> Vec<Fact> {
        loop {
            let mut frame = Frame::new(&self.c.graph);
            self.block(&mut frame, &self.c.graph.body);
            if self.is_done() || !self.shared.again(self.c) {
                return frame.facts;
            }
            let (shared, steps) = (std::mem::take(&mut self.shared), self.steps);
            *self = Walk { shared, steps, ..Walk::new(self.c, self.lengths, self.inputs, self.probe) };
        }
    }

    /// Whether more would tell nothing new.
    fn is_done(&self) -> bool {
        (self.probe && !self.problems.is_empty()) || self.problems.len() >= MOST_PROBLEMS || self.steps > MOST_STEPS
    }

    fn tell(&mut self, frame: &Frame<'a>, instr: &'a Instr, cause: Cause) {
        if self.quiet == 0 && !self.is_done() {
            self.problems.push(Problem::new(self.c, frame, instr, cause, self.probe));
        }
    }

    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block) {
        for instr in &block.instrs {
            self.steps += 1;
            if self.steps == MOST_STEPS {
                let quiet = std::mem::take(&mut self.quiet);
                self.tell(frame, instr, Cause::TooLong);
                self.quiet = quiet;
            }
            if self.is_done() {
                return;
            }
            match instr.op {
                Op::Repeat | Op::Fold => self.looped(frame, instr),
                Op::Call => self.call(frame, instr),
                _ => self.step(frame, instr),
            }
        }
    }

    fn is_blind(&self, placement: PlacementId) -> bool {
        self.c.placement(placement).scheme.room(ir::DType::I64).is_some()
    }

    /// One operator.
    fn step(&mut self, frame: &mut Frame<'a>, instr: &'a Instr) {
        let facts = frame.of(&instr.args);
        let Some(result) = instr.results.first() else { return };
        let types: Vec<&Type> = instr.args.iter().map(|v| &frame.graph.value(*v).ty).collect();
        let ty = &frame.graph.value(*result).ty;
        if let (Op::Add, &[a, b]) = (instr.op, &instr.args[..]) {
            frame.sums.insert(*result, [a, b]);
        }
        if matches!(instr.op, Op::Input | Op::Load) {
            frame.facts[result.index()] = self.input(instr, *result, ty);
            return;
        }
        let ranges: Vec<Interval> = facts.iter().map(|f| f.range).collect();
        let apart: Vec<f64> = facts.iter().map(|f| f.apart).collect();
        let clear: Vec<bool> = facts.iter().map(|f| f.clear).collect();
        let scheme = self.c.placement(instr.placement).scheme;
        let kernel = if instr.op.is_federated() { Some(ty) } else { types.first().copied() };
        // What members contribute is summed in a ring wherever the sum goes.
        let carrier = if instr.op.is_federated() { Scheme::Replicated } else { scheme };
        let room = kernel.and_then(|t| carrier.room(t.dtype));
        let site = Site {
            instr,
            args: &ranges,
            apart: &apart,
            clear: &clear,
            verified: scheme == Scheme::Malicious,
            types: &types,
            ty,
            room,
            blind: self.is_blind(instr.placement),
            lengths: self.lengths,
            share_of_whole: is_share_of_whole(frame, instr),
            members: self.members(instr),
        };
        let unknown = instr.op == Op::Size && instr.attrs.str("dim").is_some_and(|d| self.lengths.is_unknown(d));
        let silent = unknown || facts.iter().any(|f| f.is_silent());
        let lack = if silent { None } else { needs::lack(&site).or_else(|| self.misfit(frame, instr, ty)) };
        let limited = matches!(instr.op, Op::Clip | Op::Assume | Op::Sigmoid | Op::Tanh | Op::Sign);
        let limited = limited || site.bound().is_some();
        let open = facts.iter().any(|f| f.open) && !limited && ty.dtype != ir::DType::Bool;
        let range = site.result();
        let range = self.shared.range(self.c, frame.graph, instr, range, self.quiet == 0);
        let told = lack.is_some() || facts.iter().any(|f| f.told);
        let later = unknown || facts.iter().any(|f| f.later);
        if let Some(lack) = lack {
            self.tell(frame, instr, Cause::Lack(lack));
        }
        let clear = matches!(scheme, Scheme::Replicated | Scheme::Malicious) && site.stays_clear();
        frame.facts[result.index()] = Fact { range, apart: site.result_apart(), open, told, later, clear };
    }

    /// How many members a sum over a group may be of.
    fn members(&self, instr: &Instr) -> Interval {
        let group = self.c.summed_group(instr).filter(|_| instr.op.is_federated());
        let size = group.and_then(|g| self.c.player(g).group);
        size.map_or(Interval::point(1.0), |s| Interval::new(s.least.into(), s.most.map_or(f64::INFINITY, f64::from)))
    }

    fn input(&self, instr: &Instr, id: ValueId, ty: &Type) -> Fact {
        let declared = instr.attrs.range().map(|(low, high)| Interval::new(low, high));
        let given = self.inputs.get(&id).copied().or(declared);
        let open = declared.is_none() && ty.dtype.is_numeric();
        Fact {
            range: given.unwrap_or_else(|| capacity(ty.dtype)),
            apart: 0.0,
            open,
            told: false,
            later: false,
            clear: false,
        }
    }

    /// A declared range that does not fit the type its input becomes: every such number would be refused.
    fn misfit(&self, frame: &Frame<'a>, instr: &'a Instr, ty: &Type) -> Option<Lack> {
        let [arg] = instr.args[..] else { return None };
        if instr.op != Op::Move || !self.is_blind(instr.placement) || self.is_blind(frame.graph.value(arg).placement) {
            return None;
        }
        let inputs = &frame.graph.body.instrs;
        let is_input = std::ptr::eq(frame.graph, &self.c.graph)
            && frame.graph.value(arg).name.is_some()
            && inputs.iter().take_while(|i| i.op == Op::Input).any(|i| i.results == [arg] && i.attrs.range().is_some());
        let size = frame.facts[arg.index()].range;
        (is_input && !size.is_in(capacity(ty.dtype))).then_some(Lack::Type { size, to: ty.dtype })
    }

    // Loops.

    fn times(&self, frame: &Frame<'a>, instr: &Instr) -> f64 {
        let whole = |name| instr.attrs.int(name).unwrap_or(1).max(1) as f64;
        match instr.op {
            Op::Repeat => whole("times"),
            _ => {
                let rows = instr.args.first().and_then(|v| frame.graph.value(*v).ty.shape.first());
                (rows.map_or(1.0, |d| self.lengths.of(d).hi) / whole("by")).floor().max(1.0)
            }
        }
    }

    /// The carried values after one iteration that starts with `state`.
    fn iteration(&mut self, frame: &mut Frame<'a>, region: &'a Block, state: &[Fact]) -> Vec<Fact> {
        let batches = region.params.len() - region.results.len();
        frame.set(&region.params[batches..], state);
        self.block(frame, region);
        frame.of(&region.results)
    }

    fn looped(&mut self, frame: &mut Frame<'a>, instr: &'a Instr) {
        let Some(region) = &instr.region else { return };
        let batches = region.params.len() - region.results.len();
        let args = frame.of(&instr.args);
        frame.set(&region.params[..batches], &args[..batches]);
        let init = &args[batches..];
        let times = self.times(frame, instr);
        let looked_at: Vec<usize> = self.calls.iter().map(Vec::len).collect();
        self.quiet += 1;
        let settled = self.induction(frame, region, init).or_else(|| self.adding_up(frame, region, init, times));
        self.quiet -= 1;
        // Calls with what a sweep only tried out would widen those that are made.
        self.forget_calls(&looked_at);
        let follow = times <= MOST_FOLLOWED as f64;
        let (before, shared) = (self.problems.len(), self.shared.clone());
        if let Some(state) = &settled {
            let next = self.iteration(frame, region, state);
            if self.quiet > 0 || self.problems.len() == before || !follow || self.steps >= MOST_STEPS {
                // A fold may have no batch at all, so the initial value counts as well.
                let results: Vec<Fact> = init.iter().zip(&next).map(|(a, b)| a.join(*b)).collect();
                return frame.set(&instr.results, &results);
            }
            // What was told is forgotten, and with it that it was.
            self.problems.truncate(before);
            self.forget_calls(&looked_at);
            self.shared = shared;
        }
        if !follow {
            self.unsettled(frame, instr, region, init);
            return frame.set(&instr.results, &vec![Fact::NOTHING; instr.results.len()]);
        }
        let mut state = init.to_vec();
        for _ in 0..times as u64 {
            let next = self.iteration(frame, region, &state);
            let stays = next == state;
            state = next;
            if stays || self.is_done() {
                break;
            }
        }
        if instr.op == Op::Fold {
            // There may be no batch at all.
            state = init.iter().zip(&state).map(|(a, b)| a.join(*b)).collect();
        }
        frame.set(&instr.results, &state);
    }

    /// A state that the body does not leave, and that holds the initial one. What these sweeps find lacking is not told yet,
    /// so it silences nothing either: the state is only as told as the initial one.
    fn induction(&mut self, frame: &mut Frame<'a>, region: &'a Block, init: &[Fact]) -> Option<Vec<Fact>> {
        let mut state = init.to_vec();
        for sweep in 0..40 {
            let next = self.iteration(frame, region, &state);
            if state.iter().zip(&next).all(|(s, n)| s.covers(*n)) {
                return Some(state);
            }
            if self.is_done() {
                return None;
            }
            for (s, n) in state.iter_mut().zip(&next) {
                let joined = s.join(*n);
                let range = if sweep < 2 { joined.range } else { further(s.range, joined.range) };
                *s = Fact { range, told: s.told, ..joined };
            }
            if state.iter().any(|s| s.range.magnitude() > 2f64.powi(130)) {
                return None;
            }
        }
        None
    }

    /// For a loop that only adds to what it carries: its initial value, and the number of iterations times what is added.
    /// One iteration from the initial state tells what is added, and one from the state so found, that no iteration adds
    /// more, and that all else stays as it is.
    fn adding_up(&mut self, frame: &mut Frame<'a>, region: &'a Block, init: &[Fact], times: f64) -> Option<Vec<Fact>> {
        let carried = &region.params[region.params.len() - region.results.len()..];
        let first = self.iteration(frame, region, init);
        let moving: Vec<usize> = (0..init.len()).filter(|i| !init[*i].covers(first[*i])).collect();
        let mut state = init.to_vec();
        let mut steps = Vec::new();
        for i in moving {
            let (added, step) = step(frame, region, carried[i], region.results[i])?;
            // Before the last iteration, so that what it makes is judged as it is.
            let sum = init[i].range.plus(step.hull(Interval::point(0.0)).times(Interval::point(times - 1.0)));
            let dtype = frame.graph.value(carried[i]).ty.dtype;
            let joined = init[i].join(frame.facts[added.index()]);
            state[i] = Fact { range: drifted(sum, dtype, times), apart: 0.0, told: init[i].told, ..joined };
            steps.push((i, step));
        }
        let next = self.iteration(frame, region, &state);
        for i in 0..state.len() {
            let stays = match steps.iter().find(|(moving, _)| *moving == i) {
                Some((_, most)) => {
                    let (added, again) = step(frame, region, carried[i], region.results[i])?;
                    again.is_in(*most) && (state[i].later || !frame.facts[added.index()].later)
                }
                None => state[i].covers(next[i]),
            };
            if !stays {
                return None;
            }
        }
        Some(state)
    }

    /// Names what keeps no range.
    fn unsettled(&mut self, frame: &mut Frame<'a>, instr: &'a Instr, region: &'a Block, init: &[Fact]) {
        self.quiet += 1;
        let next = self.iteration(frame, region, init);
        self.quiet -= 1;
        let leaves = init.iter().zip(&next).position(|(a, b)| !a.covers(*b)).unwrap_or(0);
        if !init.iter().chain(&next).any(|f| f.later) && !init.iter().any(|f| f.told) {
            let param = region.params[region.params.len() - region.results.len() + leaves];
            self.tell(frame, instr, Cause::Unsettled { param, first: init[leaves].range, then: next[leaves].range });
        }
    }

    // Functions.

    /// Forgets the calls that were looked at since there were so many of each function.
    fn forget_calls(&mut self, before: &[usize]) {
        self.calls.iter_mut().zip(before).for_each(|(summaries, before)| summaries.truncate(*before));
    }

    fn call(&mut self, frame: &mut Frame<'a>, instr: &'a Instr) {
        let name = instr.attrs.str("function").unwrap_or_default();
        let Some(callee) = self.c.functions.iter().position(|f| f.name == name) else { return };
        let args = frame.of(&instr.args);
        let holds = |(a, b): (&Fact, &Fact)| a.covers(*b) && a.told == b.told && a.later == b.later;
        let known = |s: &&Summary| (s.told || self.quiet > 0) && s.args.iter().zip(&args).all(holds);
        let exact = self.calls[callee].iter().filter(known).min_by_key(|s| s.args != args);
        if let Some(summary) = exact {
            let results = summary.results.clone();
            return frame.set(&instr.results, &results);
        }
        let mut args = args;
        if self.calls[callee].len() >= MOST_CALLS {
            for (i, arg) in args.iter_mut().enumerate() {
                let all = self.calls[callee].iter().map(|s| s.args[i]).fold(*arg, Fact::join);
                let many = self.calls[callee].len() >= MOST_SUMMARIES;
                let range = if many { Interval::ALL } else { further(arg.range, all.range) };
                *arg = Fact { range, told: arg.told, later: arg.later, ..all };
            }
        }
        let graph = &self.c.functions[callee].graph;
        let mut inner = Frame::new(graph);
        inner.set(&graph.body.params, &args);
        self.block(&mut inner, &graph.body);
        let results = inner.of(&graph.body.results);
        frame.set(&instr.results, &results);
        self.calls[callee].push(Summary { args, results, told: self.quiet == 0 });
    }
}

/// Where a range grew, out to the next power of 16.
fn further(old: Interval, new: Interval) -> Interval {
    let out = |x: f64| match (x.abs().log2() / 4.0, x > 0.0) {
        (size, true) => 16f64.powi(size.ceil().max(-16.0) as i32).max(x),
        // Towards zero, and then past it.
        (size, false) if size > -16.0 => -16f64.powi(size.floor() as i32).min(-x),
        _ => 0.0,
    };
    Interval {
        lo: if new.lo < old.lo { -out(-new.lo) } else { old.lo },
        hi: if new.hi > old.hi { out(new.hi) } else { old.hi },
    }
}

/// What a region adds to a value that it carries, with its range; `None` if it does anything else with it.
fn step(frame: &Frame<'_>, region: &Block, carried: ValueId, result: ValueId) -> Option<(ValueId, Interval)> {
    let made = region.instrs.iter().find(|instr| instr.results == [result])?;
    let range = |v: &ValueId| frame.facts[v.index()].range;
    match (made.op, &made.args[..]) {
        (Op::Add, [a, b]) if *a == carried => Some((*b, range(b))),
        (Op::Add, [a, b]) if *b == carried => Some((*a, range(a))),
        (Op::Sub, [a, b]) if *a == carried => Some((*b, range(b).negated())),
        _ => None,
    }
}

/// Where a sum of so many terms may be in its type: floating point rounds each time, and `u64` may wrap.
fn drifted(sum: Interval, dtype: ir::DType, times: f64) -> Interval {
    match dtype {
        ir::DType::F64 => sum.widened(sum.magnitude() * times * 2f64.powi(-52), 0.0),
        ir::DType::F32 => sum.widened(sum.magnitude() * times * 2f64.powi(-23), 0.0),
        ir::DType::U64 if !sum.is_in(capacity(dtype)) => capacity(dtype),
        _ => sum,
    }
}

/// Whether a quotient is `a / (a + b)` of numbers that are not negative.
fn is_share_of_whole(frame: &Frame<'_>, instr: &Instr) -> bool {
    let (Op::Div, &[a, whole]) = (instr.op, &instr.args[..]) else { return false };
    let positive = |v: &ValueId| frame.facts[v.index()].range.lo >= 0.0;
    frame.sums.get(&whole).is_some_and(|parts| parts.contains(&a) && parts.iter().all(positive))
}
