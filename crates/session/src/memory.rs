//! How much memory a session will take at most, from its plan: what admission goes by.
//!
//! The bound is simple rather than tight. Every value that the player holds is counted for the whole session, although
//! it is dropped at its last use; each step also gets working space in proportion to what it takes and gives, all steps
//! at once, although they seldom run together. Loops are counted once, since iterations follow each other.

use crate::plan::{Act, Part, Plan, Step};
use ir::{Block, DType, Family, Graph, Instr, ModuleUse, Op, RingBits, Scheme, ValueId};

/// A session's own needs: connections, keys, tasks, texts.
const FIXED: u64 = 8 << 20;
/// What a protected placement holds of an element, in elements of its ring: two shares, and as much again for schemes
/// that hold more.
const SHARES: u64 = 4;
/// What testing the range of shared numbers takes for each bit of one: planes of two numbers and claims about them.
const TEST: u64 = 10;

/// What a number of a contribution that is checked takes: as it is stored, its shares, and a piece of them.
const CONTRIBUTED: u64 = 64;
/// What testing a condition on a contribution takes.
const CONDITION: u64 = 256;

/// Bytes that a plan's values and working space take at most at its player.
#[must_use]
pub fn memory_bound(plan: &Plan) -> u64 {
    let c = plan.computation();
    let mut functions = Vec::new();
    // A function calls only functions before it.
    for (function, part) in c.functions.iter().zip(&plan.functions) {
        let scope = Bound { plan, graph: &function.graph, functions: &functions };
        functions.push(scope.part(&function.graph.body, part));
    }
    let scope = Bound { plan, graph: &c.graph, functions: &functions };
    scope.part(&c.graph.body, &plan.main).saturating_add(FIXED)
}

struct Bound<'a> {
    plan: &'a Plan,
    graph: &'a Graph,
    /// What each function takes.
    functions: &'a [u64],
}

impl Bound<'_> {
    fn part(&self, block: &Block, part: &Part) -> u64 {
        let step = |s: &Step| self.step(&block.instrs[s.index], s);
        part.steps.iter().map(step).fold(0, u64::saturating_add)
    }

    fn step(&self, instr: &Instr, step: &Step) -> u64 {
        let given = self.all(&step.gives);
        let touched = given.saturating_add(self.all(&step.takes));
        let inner = match (&step.act, &instr.region) {
            (Act::Loop(part), Some(region)) => self.part(region, part),
            (Act::Call { function }, _) => self.functions.get(*function).copied().unwrap_or(u64::MAX),
            _ => 0,
        };
        // What a module may take, and as much that it writes.
        let module = ModuleUse::of(&instr.attrs).ok().filter(|_| instr.op == Op::Module);
        let module = module.map_or(0, |module| module.memory.saturating_mul(2));
        // An output arrives as a copy of its own, and leaves as a message.
        let working = match (&step.act, instr.op.family()) {
            (Act::Deliver | Act::Transfer { .. } | Act::Input, _) => 3,
            (_, Family::Local | Family::Keep | Family::Linear) => 1,
            // Of operands there are columns, and tables made of them.
            (_, Family::Multiply | Family::Module) => 3,
            // Bits and their carries, or powers and their products.
            _ => 12,
        };
        let tested = match step.act {
            Act::Transfer { .. } => instr.results.iter().map(|v| self.tested(*v)).fold(0, u64::saturating_add),
            _ => 0,
        };
        let checked = if matches!(step.act, Act::Gather) { self.checked(instr) } else { 0 };
        let tested = tested.saturating_add(checked);
        let held = given.saturating_add(inner).saturating_add(tested).saturating_add(module);
        held.saturating_add(touched.saturating_mul(working))
    }

    /// What it takes to check the contributions to a group's sums, if that is done; counted with the first of them.
    fn checked(&self, instr: &Instr) -> u64 {
        let c = self.plan.computation();
        let contribution = c.summed_group(instr).and_then(|group| c.contribution(group));
        let Some(contribution) = contribution.filter(ir::Contribution::is_checked) else { return 0 };
        if contribution.parts.first().is_none_or(|first| instr.results != [first.result]) {
            return 0;
        }
        let length = contribution.layout(c, &self.plan.dims).map_or(u64::MAX, |layout| layout.length as u64);
        let most = c.player(contribution.group).group.and_then(|size| size.most).unwrap_or(u32::MAX);
        let batch = (schemes::replicated::AT_ONCE as u64).saturating_mul(CONDITION);
        length.saturating_mul(most.into()).saturating_mul(CONTRIBUTED).saturating_add(batch)
    }

    /// What a test of the range of a value takes, if there is one.
    fn tested(&self, id: ValueId) -> u64 {
        let value = self.graph.value(id);
        if self.plan.computation().placement(value.placement).scheme != Scheme::Malicious {
            return 0;
        }
        let elements = self.elements(id).min(schemes::malicious::PIECE as u64);
        elements.saturating_mul(8 * width(value.ty.dtype) * TEST)
    }

    fn elements(&self, id: ValueId) -> u64 {
        let lengths = self.graph.value(id).ty.shape.iter().map(|d| d.eval(&self.plan.dims).unwrap_or(u64::MAX));
        lengths.fold(1, u64::saturating_mul)
    }

    fn all(&self, values: &[ValueId]) -> u64 {
        values.iter().map(|v| self.value(*v)).fold(0, u64::saturating_add)
    }

    fn value(&self, id: ValueId) -> u64 {
        let value = self.graph.value(id);
        let elements = self.elements(id);
        let protected = self.plan.computation().placement(value.placement).is_protected();
        let copies = if protected { SHARES } else { 1 };
        elements.saturating_mul(width(value.ty.dtype)).saturating_mul(copies)
    }
}

/// Bytes of one element.
fn width(dtype: DType) -> u64 {
    match dtype {
        DType::Bool => 1,
        DType::Fixed { ring: RingBits::B128, .. } => 16,
        _ => 8,
    }
}
