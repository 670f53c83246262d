//! Rows: how many rows of an input are combined, at least, on every way from one of them to a value.
//!
//! A row is a position along an input's first axis. A mean over a hundred rows combines a hundred. What is centred by
//! that mean does not: there is a way from each row to its own element on which nothing is combined, so one row is said.
//! What is counted is what is *combined*, not what it tells of a row: a maximum combines as many rows as a sum, and so
//! does a sum in which all but one are multiplied by nothing. Who relies on it also looks at the operators on the way.
//!
//! It is a lower bound under a binding of the named dimensions: where an operator is not followed, one row is said.
//! Control flow is followed by abstract interpretation, as labels are.

use std::collections::{BTreeMap, HashMap};

use ir::{Attr, Block, Dim, Graph, IndexItem, Instr, Op, Rule, Scheme, ValueId};

use crate::flow::Flow;

/// How the elements of a value come from the rows of one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Along `axis`, the element at position `at + i` is computed from row `first + i * step` by ways that combine no
    /// other, for `i < length`, and elements elsewhere by no such ways. All other ways combine `others` rows, at least.
    /// `batch` is the fold whose batch the rows are counted in.
    Aligned { axis: usize, at: u64, length: u64, first: u64, step: u64, others: u64, batch: Option<ValueId> },
    /// Every way combines so many rows, at least.
    AtLeast(u64),
}

use Reach::{Aligned, AtLeast};

impl Reach {
    /// How many rows every way combines, at least.
    fn least(self) -> u64 {
        match self {
            Aligned { .. } => 1,
            AtLeast(n) => n,
        }
    }

    /// At another axis.
    fn at_axis(self, to: usize) -> Reach {
        match self {
            Aligned { at, length, first, step, others, batch, .. } => {
                Aligned { axis: to, at, length, first, step, others, batch }
            }
            AtLeast(_) => self,
        }
    }

    /// Over axes that disappear, or shrink to one position, because everything along them is combined.
    fn reduced(self, axes: &[usize], keep: bool) -> Reach {
        match self {
            Aligned { axis, length, others, .. } if axes.contains(&axis) => AtLeast(length.min(others)),
            Aligned { axis, .. } if !keep => self.at_axis(axis - axes.iter().filter(|a| **a < axis).count()),
            _ => self,
        }
    }
}

/// The ways of both: of an element computed from elements of both, or that is one or the other.
fn join(a: Reach, b: Reach) -> Reach {
    let bound = |r: Reach, n: u64| match r {
        Aligned { axis, at, length, first, step, others, batch } => {
            Aligned { axis, at, length, first, step, others: others.min(n), batch }
        }
        AtLeast(m) => AtLeast(m.min(n)),
    };
    match (a, b) {
        (_, AtLeast(n)) => bound(a, n),
        (AtLeast(n), _) => bound(b, n),
        (Aligned { others: n, .. }, Aligned { others: m, .. }) if bound(a, m) == bound(b, n) => bound(a, m),
        _ => AtLeast(1),
    }
}

/// Changes of what a loop carries after which it is taken for one row: more than programs need.
const CHANGES: u8 = 4;

/// Follows one input through the main program.
struct Rows<'a> {
    flow: &'a Flow<'a>,
    graph: &'a Graph,
    dims: &'a BTreeMap<String, u64>,
    input: ValueId,
    reach: Vec<Option<Reach>>,
    /// How often what a loop carries has changed.
    changes: HashMap<ValueId, u8>,
    /// How many more instructions are followed.
    steps: usize,
}

/// The least number of rows of an input that are combined on any way to each of `values`, of the main program.
/// Takes the instructions that it follows off `steps`; when there are none left, one row is said of every value.
pub(crate) fn least(
    flow: &Flow<'_>,
    dims: &BTreeMap<String, u64>,
    input: ValueId,
    values: &[ValueId],
    steps: &mut usize,
) -> Vec<u64> {
    let graph = &flow.c.graph;
    *steps = steps.saturating_sub(graph.values.len());
    if *steps == 0 {
        return vec![1; values.len()];
    }
    let (reach, changes) = (vec![None; graph.values.len()], HashMap::new());
    let mut rows = Rows { flow, graph, dims, input, reach, changes, steps: *steps };
    rows.block(&graph.body);
    *steps = rows.steps;
    let of = |value: &ValueId| rows.get(*value).map_or(1, Reach::least);
    values.iter().map(|v| if rows.steps == 0 { 1 } else { of(v) }).collect()
}

impl Rows<'_> {
    fn get(&self, id: ValueId) -> Option<Reach> {
        self.reach[id.index()]
    }

    fn rank(&self, id: ValueId) -> usize {
        self.graph.value(id).ty.rank()
    }

    fn length(&self, id: ValueId, axis: usize) -> u64 {
        // What is not bound is not relied on.
        self.graph.value(id).ty.shape.get(axis).and_then(|d| d.eval(self.dims)).unwrap_or(1)
    }

    fn block(&mut self, block: &Block) {
        for instr in &block.instrs {
            if self.steps == 0 {
                return;
            }
            self.steps -= 1;
            match instr.op {
                Op::Repeat | Op::Fold => self.looped(instr),
                Op::Call => self.call(instr),
                _ => {
                    if let Some(result) = instr.results.first() {
                        self.reach[result.index()] = self.transfer(instr, *result);
                    }
                }
            }
        }
    }

    fn transfer(&self, instr: &Instr, result: ValueId) -> Option<Reach> {
        if matches!(instr.op, Op::Input | Op::Load) {
            return (result == self.input).then(|| self.whole(result));
        }
        let reached: Vec<(ValueId, Reach)> = instr.args.iter().filter_map(|a| Some((*a, self.get(*a)?))).collect();
        let (first, reach) = *reached.first()?;
        let axis = || instr.attrs.int("axis").and_then(|a| usize::try_from(a).ok()).unwrap_or(0);
        Some(match instr.op {
            Op::MatMul => each(&reached, |arg, r| self.product(instr, arg, r)),
            Op::Dot => reached.iter().map(|(_, r)| r.reduced(&[0], false)).reduce(join)?,
            Op::Sum | Op::Mean | Op::Variance | Op::Std | Op::Min | Op::Max | Op::Any | Op::All => {
                let keep = instr.attrs.bool("keepdims").unwrap_or(false);
                reach.reduced(&instr.attrs.axes(self.rank(first)), keep)
            }
            Op::ArgMin | Op::ArgMax => reach.reduced(&[axis()], false),
            Op::Transpose => self.transposed(instr, first, reach),
            Op::Index => return self.indexed(instr, first, reach),
            Op::Concat => self.concat(instr, axis()),
            Op::Stack => {
                let all = reached.iter().map(|(_, r)| *r).reduce(join)?;
                shifted(all, |a| if a >= axis() { a + 1 } else { a })
            }
            Op::ExpandDims => shifted(reach, |a| if a >= axis() { a + 1 } else { a }),
            Op::Squeeze => match reach {
                Aligned { axis: a, .. } if a == axis() => AtLeast(1),
                _ => shifted(reach, |a| if a > axis() { a - 1 } else { a }),
            },
            Op::Reshape => self.reshaped(first, result, reach),
            Op::CumSum if matches!(reach, Aligned { axis: a, .. } if a == axis()) => AtLeast(1),
            Op::CumSum => reach,
            op if elementwise(op) => each(&reached, |arg, r| self.broadcast(arg, result, r)),
            _ => AtLeast(1),
        })
    }

    /// An input itself: a scalar is one row, and so is what an earlier computation left on shares.
    fn whole(&self, id: ValueId) -> Reach {
        let placement = self.flow.c.placement(self.graph.value(id).placement);
        match self.rank(id) {
            0 => AtLeast(1),
            // What an owner brings into an enclave has its rows, as at a player.
            _ if placement.is_protected() && placement.scheme != Scheme::Enclave => AtLeast(1),
            _ => {
                Aligned { axis: 0, at: 0, length: self.length(id, 0), first: 0, step: 1, others: u64::MAX, batch: None }
            }
        }
    }

    /// Broadcasting counts axes from the last; an axis of length 1 that is repeated is no longer aligned.
    fn broadcast(&self, arg: ValueId, result: ValueId, reach: Reach) -> Reach {
        let Aligned { axis, .. } = reach else { return reach };
        let to = axis + self.rank(result) - self.rank(arg);
        let dim = |id: ValueId, axis: usize| &self.graph.value(id).ty.shape[axis];
        if dim(arg, axis) == dim(result, to) { reach.at_axis(to) } else { AtLeast(1) }
    }

    /// The matrix product combines the last axis of its left operand with the last but one of its right.
    /// Vectors and matrices are followed, stacks of them are not, nor a matrix times itself.
    fn product(&self, instr: &Instr, arg: ValueId, reach: Reach) -> Reach {
        let Aligned { axis, length, others, .. } = reach else { return reach };
        let [x, y] = instr.args[..] else { return AtLeast(1) };
        let (left, right) = (self.rank(x), self.rank(y));
        if x == y || left > 2 || right > 2 {
            return AtLeast(1);
        }
        let inner = if arg == x { left - 1 } else { right.saturating_sub(2) };
        match (axis == inner, arg == x) {
            (true, _) => AtLeast(length.min(others)),
            (false, true) => reach.at_axis(0),
            (false, false) => reach.at_axis(left - 1),
        }
    }

    fn transposed(&self, instr: &Instr, arg: ValueId, reach: Reach) -> Reach {
        let order: Vec<usize> = match instr.attrs.ints("axes") {
            Some(axes) => axes.iter().map(|a| *a as usize).collect(),
            None => (0..self.rank(arg)).rev().collect(),
        };
        let Aligned { axis, .. } = reach else { return reach };
        order.iter().position(|a| *a == axis).map_or(AtLeast(1), |to| reach.at_axis(to))
    }

    /// Positions and ranges of the first axes; `None` if no row is left.
    fn indexed(&self, instr: &Instr, arg: ValueId, reach: Reach) -> Option<Reach> {
        let Aligned { axis, at, length, first, step, others, batch } = reach else { return Some(reach) };
        let Some(Attr::Index(items)) = instr.attrs.get("at") else { return Some(AtLeast(1)) };
        let gone = items.iter().take(axis).filter(|i| matches!(i, IndexItem::At(_))).count();
        let to = axis - gone;
        let all = self.length(arg, axis);
        let position = |i: i64| if i < 0 { all.saturating_sub(i.unsigned_abs()) } else { i.unsigned_abs().min(all) };
        Some(match items.get(axis) {
            None => reach.at_axis(to),
            Some(IndexItem::At(_)) => AtLeast(1),
            Some(IndexItem::Range { start, end, step: 1 }) => {
                let (from, end) = (start.map_or(0, position), end.map_or(all, position));
                let (low, high) = (at.max(from), (at + length).min(end));
                if low >= high {
                    return None;
                }
                let first = first + (low - at) * step;
                Aligned { axis: to, at: low - from, length: high - low, first, step, others, batch }
            }
            Some(IndexItem::Range { .. }) => AtLeast(1),
        })
    }

    /// Rows of several owners below each other keep their order; otherwise an element is of one operand.
    fn concat(&self, instr: &Instr, along: usize) -> Reach {
        let mut offset = 0u64;
        let mut found: Vec<Reach> = Vec::new();
        for arg in &instr.args {
            match self.get(*arg) {
                Some(Aligned { axis, at, length, first, step, others, batch }) if axis == along => {
                    found.push(Aligned { axis, at: at + offset, length, first, step, others, batch });
                }
                Some(reach) => found.push(reach),
                None => {}
            }
            offset = offset.saturating_add(self.length(*arg, along));
        }
        found.into_iter().reduce(join).unwrap_or(AtLeast(1))
    }

    /// Row-major: an axis stays where it is if all up to it keep their lengths.
    fn reshaped(&self, arg: ValueId, result: ValueId, reach: Reach) -> Reach {
        let Aligned { axis, .. } = reach else { return reach };
        let (from, to): (&[Dim], &[Dim]) = (&self.graph.value(arg).ty.shape, &self.graph.value(result).ty.shape);
        if to.get(..=axis) == from.get(..=axis) { reach } else { AtLeast(1) }
    }

    /// Sweeps the region until what is carried no longer changes.
    fn looped(&mut self, instr: &Instr) {
        let Some(region) = &instr.region else { return };
        let tensors = region.params.len() - region.results.len();
        for (i, (param, arg)) in region.params.iter().zip(&instr.args).enumerate() {
            let reach = self.get(*arg);
            let reach = if i < tensors { reach.map(|r| self.batch(instr, *param, r)) } else { reach };
            self.lower(*param, reach);
        }
        loop {
            self.block(region);
            let mut changed = false;
            for (param, next) in region.params[tensors..].iter().zip(&region.results) {
                let next = self.get(*next).map(|r| carried(r, instr));
                changed |= self.lower(*param, next);
            }
            if !changed || self.steps == 0 {
                break;
            }
        }
        // A fold may have no batch at all, so the initial value counts as well; it is in the parameter.
        let last = instr.op == Op::Repeat && instr.attrs.int("times").is_some_and(|n| n > 0);
        let values = if last { &region.results[..] } else { &region.params[tensors..] };
        for (value, result) in values.iter().zip(&instr.results) {
            self.reach[result.index()] = self.get(*value).map(|r| carried(r, instr));
        }
    }

    /// What a parameter may also be. It only ever goes down, also when the loop is entered again, so sweeps are few.
    fn lower(&mut self, param: ValueId, other: Option<Reach>) -> bool {
        let old = self.get(param);
        let mut new = old.into_iter().chain(other).reduce(join);
        if new == old {
            return false;
        }
        let changes = self.changes.entry(param).or_default();
        *changes = changes.saturating_add(1);
        if *changes > CHANGES {
            new = Some(AtLeast(1));
        }
        self.reach[param.index()] = new;
        new != old
    }

    /// A batch of a fold: as many rows as it has, none of which is known.
    fn batch(&self, instr: &Instr, param: ValueId, reach: Reach) -> Reach {
        match reach {
            Aligned { axis: 0, at: 0, length, others, .. } if length == self.length(instr.args[0], 0) => {
                let length = self.length(param, 0);
                Aligned { axis: 0, at: 0, length, first: 0, step: 1, others, batch: instr.results.first().copied() }
            }
            Aligned { axis: 0, .. } => AtLeast(1),
            _ => reach,
        }
    }

    /// Functions are not followed inside: what one makes of whole sums is still of as many rows.
    fn call(&mut self, instr: &Instr) {
        let Some(summary) = self.flow.summary(instr) else { return };
        for (i, result) in instr.results.iter().enumerate() {
            let args = summary.params_of(i).filter_map(|p| self.get(*instr.args.get(p)?));
            let least = args.map(Reach::least).min();
            self.reach[result.index()] = least.map(AtLeast);
        }
    }
}

/// What an iteration hands on: rows counted in its own batch are others in the next.
fn carried(reach: Reach, of: &Instr) -> Reach {
    match reach {
        Aligned { batch: Some(b), .. } if of.results.first() == Some(&b) => AtLeast(1),
        _ => reach,
    }
}

/// Joins what each operand brings.
fn each(all: &[(ValueId, Reach)], f: impl Fn(ValueId, Reach) -> Reach) -> Reach {
    all.iter().map(|(arg, reach)| f(*arg, *reach)).reduce(join).unwrap_or(AtLeast(1))
}

fn shifted(reach: Reach, to: impl Fn(usize) -> usize) -> Reach {
    match reach {
        Aligned { axis, .. } => reach.at_axis(to(axis)),
        AtLeast(_) => reach,
    }
}

/// Whether an operator's result has at each position what it computes from its operands' elements at that position.
fn elementwise(op: Op) -> bool {
    let copies = matches!(op, Op::Move | Op::Cast | Op::Classify | Op::Release | Op::Broadcast);
    copies
        || matches!(
            op.spec().rule,
            Rule::Unary
                | Rule::UnaryReal
                | Rule::Binary
                | Rule::BinaryReal
                | Rule::Compare
                | Rule::Order
                | Rule::Logic
                | Rule::Select
        )
}
