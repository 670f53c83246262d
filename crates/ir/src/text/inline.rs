//! Which values are printed in place, and which need a line and a name.
//!
//! What is printed in place must be read back at the same position of the instruction list. The parser
//! emits an expression's operands first, then the implicit moves and bare literals among them in order,
//! then the operator. So a walk over the instructions keeps a stack of values that wait for their use;
//! an operator may take what it uses off the top of that stack, in just that order. Whatever does not
//! fit gets a line of its own, and nothing can wait across such a line.

use std::collections::HashSet;

use crate::graph::{Block, Graph, Instr, ValueId};
use crate::ops::Op;
use crate::place::{Placement, PlacementId};
use crate::types::DType;

/// The deepest expression that is printed in place: people read it.
const MAX_DEPTH: u32 = 6;
/// The most operators of one printed expression.
const MAX_SIZE: u32 = 16;

/// How a value is printed where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By its name.
    Named,
    /// As the expression that makes it.
    InPlace,
    /// An implicit move: as the value that is moved.
    Moved,
    /// A constant: as its number.
    Literal,
}

/// The decision for all values of a graph.
pub(super) struct Forms {
    form: Vec<Form>,
    needs: Vec<Option<DType>>,
}

impl Forms {
    /// How a value is printed where it is used.
    pub(super) fn of(&self, value: ValueId) -> Form {
        self.form[value.index()]
    }

    /// The type that the `on` block around a value's expression must name.
    pub(super) fn needs(&self, value: ValueId) -> Option<DType> {
        self.needs[value.index()]
    }
}

/// Whether an instruction is printed as an expression of an `on` block rather than as its own kind of line.
pub(super) fn is_expression(instr: &Instr) -> bool {
    !instr.op.is_statement()
}

/// Whether `release` and `output` of what it released are one line: `release x to a as "name"`.
pub(super) fn releases_as(instr: &Instr, next: Option<&Instr>) -> bool {
    instr.op == Op::Release
        && next.is_some_and(|n| {
            n.op == Op::Output && n.args == instr.results && n.attrs.players("to") == instr.attrs.players("to")
        })
}

type Key = (ValueId, PlacementId, DType);

struct Walk<'a> {
    graph: &'a Graph,
    placements: &'a [Placement],
    out: Forms,
    uses: Vec<u32>,
    /// Values that a line other than an expression uses: it refers to them by name.
    by_line: Vec<bool>,
    /// Position in the list of instructions.
    position: Vec<usize>,
    count: usize,
    depth: Vec<u32>,
    size: Vec<u32>,
    /// Whether a value waits on the stack of the block being walked.
    waits: Vec<bool>,
    /// Implicit moves that the open blocks have made.
    made: Vec<HashSet<Key>>,
}

/// Decides for every value of a graph.
pub(super) fn decide(graph: &Graph, placements: &[Placement]) -> Forms {
    let n = graph.values.len();
    let mut walk = Walk {
        graph,
        placements,
        out: Forms { form: vec![Form::Named; n], needs: vec![None; n] },
        uses: vec![0; n],
        by_line: vec![false; n],
        position: vec![0; n],
        count: 0,
        depth: vec![0; n],
        size: vec![0; n],
        waits: vec![false; n],
        made: Vec::new(),
    };
    walk.count_uses(&graph.body);
    walk.block(&graph.body);
    walk.out
}

impl Walk<'_> {
    fn count_uses(&mut self, block: &Block) {
        for (i, instr) in block.instrs.iter().enumerate() {
            let released = i > 0 && releases_as(&block.instrs[i - 1], Some(instr));
            for arg in &instr.args {
                self.uses[arg.index()] += 1;
                // What members of a group compute is a line of theirs, never part of one elsewhere.
                if (!is_expression(instr) || instr.op.is_federated()) && !released {
                    self.by_line[arg.index()] = true;
                }
            }
            if let Some(region) = &instr.region {
                self.count_uses(region);
            }
        }
        for result in &block.results {
            self.by_line[result.index()] = true;
        }
    }

    fn block(&mut self, block: &Block) {
        self.made.push(HashSet::new());
        let mut stack: Vec<ValueId> = Vec::new();
        for (i, instr) in block.instrs.iter().enumerate() {
            self.count += 1;
            for result in &instr.results {
                self.position[result.index()] = self.count;
            }
            if instr.op == Op::Move && self.may_be_implicit(instr) {
                let moved = instr.results[0];
                self.out.needs[moved.index()] = self.is_encoded(instr).then(|| self.graph.value(moved).ty.dtype);
                self.wait(&mut stack, moved, Form::Moved);
            } else if is_expression(instr) {
                self.expression(&mut stack, instr);
            } else {
                self.settle(&mut stack, 0);
                let unnamed = instr.results.iter().all(|r| self.graph.value(*r).name.is_none());
                if unnamed && releases_as(instr, block.instrs.get(i + 1)) && self.uses[instr.results[0].index()] == 1 {
                    let released = instr.results[0].index();
                    if !self.by_line[released] {
                        self.out.form[released] = Form::InPlace;
                    }
                }
            }
            if let Some(region) = &instr.region {
                self.block(region);
            }
        }
        self.settle(&mut stack, 0);
        self.made.pop();
    }

    fn wait(&mut self, stack: &mut Vec<ValueId>, value: ValueId, form: Form) {
        self.out.form[value.index()] = form;
        self.waits[value.index()] = true;
        stack.push(value);
    }

    /// Gives a line to each value on the stack from `keep_above` values below the top downwards.
    fn settle(&mut self, stack: &mut Vec<ValueId>, keep_above: usize) {
        let end = stack.len() - keep_above;
        for value in stack.drain(..end) {
            self.out.form[value.index()] = Form::Named;
            self.waits[value.index()] = false;
        }
    }

    /// Gives a line to a value that waits, and to all below it.
    fn settle_through(&mut self, stack: &mut Vec<ValueId>, value: ValueId) {
        if let Some(at) = stack.iter().rposition(|v| *v == value) {
            self.settle(stack, stack.len() - 1 - at);
        }
    }

    /// Whether the parser would make this move by itself.
    fn may_be_implicit(&mut self, instr: &Instr) -> bool {
        let (x, m) = (instr.args[0], instr.results[0]);
        let (from, to) = (self.graph.value(x), self.graph.value(m));
        if to.name.is_some() || self.by_line[m.index()] || self.uses[m.index()] == 0 || from.placement == to.placement {
            return false;
        }
        let type_fits = self.is_encoded(instr) || from.ty.dtype == to.ty.dtype;
        let key = (x, to.placement, to.ty.dtype);
        if !type_fits || self.made.iter().any(|made| made.contains(&key)) {
            return false;
        }
        self.made.last_mut().is_some_and(|made| made.insert(key))
    }

    /// Whether a move makes of a float what the `on` block says.
    fn is_encoded(&self, instr: &Instr) -> bool {
        let place = &self.placements[instr.placement.index()];
        !place.scheme.is_plaintext() && self.graph.value(instr.args[0]).ty.dtype.is_float()
    }

    fn expression(&mut self, stack: &mut Vec<ValueId>, instr: &Instr) {
        let result = instr.results[0];
        let single =
            self.graph.value(result).name.is_none() && self.uses[result.index()] == 1 && !self.by_line[result.index()];
        if instr.op == Op::Const && single {
            (self.depth[result.index()], self.size[result.index()]) = (1, 1);
            return self.wait(stack, result, Form::Literal);
        }
        let (mut trees, deferred, own) = self.operands(instr);
        let mut needs = own;
        let crowded = 1 + trees.iter().map(|t| self.depth[t.index()]).max().unwrap_or(0) > MAX_DEPTH
            || 1 + trees.iter().map(|t| self.size[t.index()]).sum::<u32>() > MAX_SIZE;
        trees.retain(|tree| {
            let conflict = matches!((needs, self.out.needs[tree.index()]), (Some(a), Some(b)) if a != b);
            if crowded || conflict {
                self.settle_through(stack, *tree);
                return false;
            }
            needs = needs.or(self.out.needs[tree.index()]);
            true
        });
        self.take(stack, trees.iter().chain(&deferred));
        trees.retain(|t| self.out.form[t.index()] != Form::Named);
        self.out.needs[result.index()] = needs;
        self.depth[result.index()] = 1 + trees.iter().map(|t| self.depth[t.index()]).max().unwrap_or(0);
        self.size[result.index()] = 1 + trees.iter().map(|t| self.size[t.index()]).sum::<u32>();
        if single {
            self.wait(stack, result, Form::InPlace);
        } else {
            self.settle(stack, 0);
        }
    }

    /// The operands that wait, as the parser would emit them: expressions, then moves and bare literals.
    /// With them the type that the `on` block must name for these operands.
    fn operands(&mut self, instr: &Instr) -> (Vec<ValueId>, Vec<ValueId>, Option<DType>) {
        let waiting = |w: &Self, a: &ValueId, form: Form| w.waits[a.index()] && w.out.form[a.index()] == form;
        let last_tree = instr.args.iter().filter(|a| waiting(self, a, Form::InPlace)).map(|a| self.position[a.index()]);
        let last_tree = last_tree.max().unwrap_or(0);
        // A condition gives literals no type, see `Builder::literal_type`.
        let typed_from = usize::from(instr.op == Op::Select);
        let literal_type = instr.args.get(typed_from).map(|a| self.graph.value(*a).ty.dtype);
        let (mut trees, mut deferred, mut needs) = (Vec::new(), Vec::new(), None);
        let mut all_bare = true;
        let mut last_deferred = 0;
        for (i, arg) in instr.args.iter().enumerate() {
            let fits = Some(self.graph.value(*arg).ty.dtype) == literal_type;
            let at = self.position[arg.index()];
            let bare = waiting(self, arg, Form::Literal) && at > last_tree.max(last_deferred) && fits;
            all_bare &= bare || i < typed_from;
            if waiting(self, arg, Form::InPlace) {
                trees.push(*arg);
            } else if bare || waiting(self, arg, Form::Moved) {
                last_deferred = last_deferred.max(at);
                if !deferred.contains(arg) {
                    deferred.push(*arg);
                }
            } else if waiting(self, arg, Form::Literal) {
                self.out.form[arg.index()] = Form::InPlace;
                trees.push(*arg);
            }
            needs = needs.or_else(|| self.encoded_type(*arg));
        }
        if all_bare && instr.args.len() > typed_from {
            needs = needs.or(literal_type);
        }
        (trees, deferred, needs)
    }

    /// The type that an operand needs the `on` block to name, if it is an implicit move of a float.
    fn encoded_type(&self, arg: ValueId) -> Option<DType> {
        self.out.needs[arg.index()].filter(|_| self.out.form[arg.index()] == Form::Moved)
    }

    /// Takes operands off the top of the stack; those that are not there in this order get lines.
    fn take<'v>(&mut self, stack: &mut Vec<ValueId>, operands: impl DoubleEndedIterator<Item = &'v ValueId>) {
        let mut missing = Vec::new();
        for operand in operands.rev() {
            if missing.is_empty() && stack.last() == Some(operand) {
                stack.pop();
                self.waits[operand.index()] = false;
            } else {
                missing.push(*operand);
            }
        }
        for operand in missing {
            self.settle_through(stack, operand);
        }
    }
}
