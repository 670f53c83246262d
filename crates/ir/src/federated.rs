//! Sums over the members of a group: the rule for their types, and what each member contributes to a round for them.
//!
//! All that a program sums over one group goes into one vector, which a member contributes once: the operands of each
//! operator in the order of the program, row by row. A weighted mean has each number times the weight, then the weight. The
//! number of members needs no part in it: whoever lists the contributions counts them.

use std::collections::BTreeMap;

use crate::attrs::Attrs;
use crate::bounds::Bound;
use crate::graph::{Computation, Instr, ValueId};
use crate::infer::{Problem, problem};
use crate::ops::Op;
use crate::place::PlayerId;
use crate::types::{DType, RingBits, Type};

type Result<T> = std::result::Result<T, Problem>;

/// What each member of a group contributes to a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The group.
    pub group: PlayerId,
    /// Fraction bits of its numbers, which become `fixed<64, fraction>`.
    pub fraction: u8,
    /// Its parts, in order.
    pub parts: Vec<Contributed>,
}

/// The part of a contribution that one operator sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contributed {
    /// The operator's result.
    pub result: ValueId,
    /// What is summed, at the group.
    pub value: ValueId,
    /// The number that it is weighted by, at the group.
    pub weight: Option<ValueId>,
    /// What the value, and its weight, is held to.
    pub bound: Option<Bound>,
}

impl Computation {
    /// What the members of a group contribute; `None` if nothing is summed over them.
    pub fn contribution(&self, group: PlayerId) -> Option<Contribution> {
        let over = |i: &&Instr| i.op.is_federated() && self.summed_group(i) == Some(group);
        let instrs: Vec<&Instr> = self.graph.body.instrs.iter().filter(over).collect();
        let first = self.graph.value(*instrs.first()?.results.first()?).ty.dtype;
        let DType::Fixed { frac: fraction, .. } = first else { return None };
        let part = |i: &&Instr| {
            let (&[result], &[value, ref weight @ ..]) = (&i.results[..], &i.args[..]) else { return None };
            Some(Contributed { result, value, weight: weight.first().copied(), bound: Bound::of(&i.attrs) })
        };
        Some(Contribution { group, fraction, parts: instrs.iter().filter_map(part).collect() })
    }

    /// The group that an operator sums over.
    pub fn summed_group(&self, instr: &Instr) -> Option<PlayerId> {
        let place = self.placement(self.graph.values.get(instr.args.first()?.index())?.placement);
        place.players.first().copied().filter(|p| self.players.get(p.index()).is_some_and(|p| p.group.is_some()))
    }

    /// The groups that something is summed over.
    pub fn contributions(&self) -> impl Iterator<Item = Contribution> + '_ {
        let groups = (0..self.players.len() as u16).map(PlayerId).filter(|p| self.player(*p).group.is_some());
        groups.filter_map(|group| self.contribution(group))
    }
}

impl Contribution {
    /// Whether contributions are checked, each, before they are summed.
    pub fn is_checked(&self) -> bool {
        self.parts.iter().any(|part| part.bound.is_some())
    }

    /// For each part where it begins in the vector, and of how many numbers it is; with the length of the vector.
    ///
    /// # Errors
    /// A named dimension that has no length, or a length beyond all bounds.
    pub fn layout(&self, c: &Computation, dims: &BTreeMap<String, u64>) -> std::result::Result<Layout, String> {
        let mut layout = Layout { parts: Vec::new(), length: 0 };
        for part in &self.parts {
            let shape = c.graph.value(part.value).ty.concrete(dims).map_err(|dim| format!("`{dim}` has no length"))?;
            let size = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
            let end = size.and_then(|size| layout.length.checked_add(size)?.checked_add(part.weight.is_some().into()));
            let (Some(size), Some(end)) = (size, end) else { return Err("a contribution is too long".to_owned()) };
            layout.parts.push((layout.length, size));
            layout.length = end;
        }
        Ok(layout)
    }
}

/// Where the parts of a contribution are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// For each part the position of its first number, and how many of them are values. A weight follows them.
    pub parts: Vec<(usize, usize)>,
    /// The length of the whole.
    pub length: usize,
}

/// The type of a sum over the members: the operand's shape in fixed point of 64 bits.
pub(crate) fn infer(op: Op, args: &[&Type], attrs: &Attrs) -> Result<Type> {
    let name = op.name();
    let (most, x) = (if op == Op::FederatedMean { 2 } else { 1 }, args[0]);
    if args.len() > most {
        return Err(problem("type.arity", format!("`{name}` takes at most {most} operand(s), not {}", args.len())));
    }
    if let Some(other) = args.iter().find(|t| t.dtype == DType::Bytes) {
        return Err(problem("type.operand", format!("`{name}` needs numbers or truth values, not {other}")));
    }
    if let Some(weight) = args.get(1).filter(|w| w.rank() > 0 || !w.dtype.is_numeric()) {
        return Err(problem(
            "type.operand",
            format!("the weight of `{name}` is one number of each member, not {weight}"),
        ));
    }
    bounded(op, args, attrs)?;
    match attrs.dtype("type").unwrap_or(x.dtype) {
        dtype @ DType::Fixed { ring: RingBits::B64, frac: 1..=48 } => Ok(Type::new(dtype, x.shape.clone())),
        other => Err(problem("type.operand", format!("`{name}` gives fixed point of 64 bits, not {other}"))
            .help("say what it becomes, as `type=fixed<64, 16>`: 1 to 48 fraction bits")),
    }
}

/// Bounds are one of two kinds; with a weight there is one, which holds the weight, too.
fn bounded(op: Op, args: &[&Type], attrs: &Attrs) -> Result<()> {
    let name = op.name();
    let wrong = |what: String| Err(problem("attribute.value", what));
    let (low, high, norm) = (attrs.real("low"), attrs.real("high"), attrs.real("norm"));
    let (lightest, heaviest) = (attrs.real("lightest"), attrs.real("heaviest"));
    match (low, high, norm) {
        (Some(_), None, _) | (None, Some(_), _) => {
            return wrong(format!("`{name}` bounds numbers from both sides: it needs `low` and `high`"));
        }
        (Some(_), Some(_), Some(_)) => {
            return wrong(format!("`{name}` takes either `low` and `high`, or `norm`"));
        }
        (Some(low), Some(high), None) if low > high => {
            return wrong(format!("`low` of `{name}` is greater than `high`"));
        }
        (None, None, Some(norm)) if norm <= 0.0 => return wrong(format!("`norm` of `{name}` is positive")),
        _ => {}
    }
    let weighted = args.len() > 1;
    match (lightest, heaviest) {
        (None, None) if weighted && norm.is_some() => {
            Err(problem("group.weighted", format!("`{name}` with a weight has no bound of a norm")).help(
                "bound its numbers, as `low=-1, high=1, lightest=1, heaviest=100`, or take the mean without weights",
            ))
        }
        (None, None) if weighted && low.is_some() => Err(problem(
            "group.weighted",
            format!("`{name}` bounds numbers, and not the weights that they are multiplied by"),
        )
        .help("bound these, too, as `lightest=1, heaviest=100`")),
        (None, None) => Ok(()),
        _ if !weighted || low.is_none() => {
            wrong(format!("`lightest` and `heaviest` of `{name}` are with a weight, and `low` and `high`"))
        }
        (Some(lightest), Some(heaviest)) if lightest > 0.0 && lightest <= heaviest => Ok(()),
        (Some(_), Some(_)) => {
            wrong(format!("weights of `{name}` are positive, and `lightest` is no greater than `heaviest`"))
        }
        _ => wrong(format!("`{name}` bounds weights from both sides: it needs `lightest` and `heaviest`")),
    }
}
