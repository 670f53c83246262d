//! Ranges (invariant 14): on shares nobody sees a number that does not fit, so none may arise.
//!
//! Inputs declare ranges, which their owners' workers enforce when they read them; `clip` proves a range, and `assume`
//! takes one for granted. From these follows the range of every value, by interval arithmetic that is rounded outwards
//! (`interval`, `transfer`), and each operator on a protected placement is held against the room of its kernel
//! ([`ir::Room`], `needs`). A program in which something might not fit, or an operand might be outside of its operator's
//! domain, is refused.
//!
//! An input that declares no range gets the widest one, of powers of two, for which everything fits; it is enforced in the
//! same way.
//!
//! How long named dimensions are is known only with the agreement. [`check`](crate::check()) looks at a program with the
//! shortest, and says nothing of what is computed from a length itself (`size(n)`); [`budget`](crate::Checked::budget) is
//! asked again when they are known. So no sum is over an unknown number of rows when a program runs, and a program needs
//! to state no greatest length.

mod interval;
mod lengths;
mod needs;
mod report;
mod shared;
mod transfer;
mod walk;

use std::collections::BTreeMap;

use ir::{Computation, DType, Diagnostic, Instr, ValueId};

use interval::Interval;
use lengths::Lengths;
use report::Problem;
use walk::{Fact, Walk};

/// The ranges of a computation whose dimensions are bound: nothing in it overflows unnoticed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    inputs: BTreeMap<String, InputRange>,
    values: Vec<(f64, f64)>,
    shared: BTreeMap<(usize, ValueId), (f64, f64)>,
}

/// The range that an input is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputRange {
    /// The least number.
    pub low: f64,
    /// The greatest number.
    pub high: f64,
    /// Whether the program declares it; otherwise it is what the program has room for.
    pub declared: bool,
}

impl Budget {
    /// The range that an input is held to, by its name; `None` if any number of its type will do.
    pub fn input(&self, name: &str) -> Option<InputRange> {
        self.inputs.get(name).copied()
    }

    /// All inputs that are held to a range.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, InputRange)> {
        self.inputs.iter().map(|(name, range)| (name.as_str(), *range))
    }

    /// The range of a value of the main program.
    pub fn range(&self, value: ValueId) -> (f64, f64) {
        self.values.get(value.index()).copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY))
    }

    /// The range that what an owner shares is held to on the shares, by the value that the move makes, in the main program or in
    /// a function (by its index); `None` where the placement does not hold it to any.
    pub fn shared(&self, function: Option<usize>, value: ValueId) -> Option<(f64, f64)> {
        self.shared.get(&(function.map_or(0, |f| f + 1), value)).copied()
    }
}

/// The exponents of the bounds that are tried for inputs without a declared range, from which on upwards.
const LEAST_EXPONENT: i32 = 0;
const GREATEST_EXPONENT: i32 = 126;
/// Inputs that are given a bound each; if there are more they share one.
const MOST_SINGLE: usize = 32;

/// The ranges of a computation under these lengths.
///
/// # Errors
/// Every operator that may lack room, with its budget.
pub(crate) fn of(c: &Computation, dims: &BTreeMap<String, u64>) -> Result<Budget, Vec<Diagnostic>> {
    let ranges = Ranges { c, lengths: Lengths::new(dims) };
    let open: Vec<ValueId> = c.inputs().filter(|(i, v)| ranges.is_open(i, *v)).map(|(_, v)| v).collect();
    let found = ranges.bounds(&open)?;
    let mut walk = Walk::new(c, &ranges.lengths, &found, true);
    let facts = walk.main();
    let declared = |(instr, id): (&Instr, ValueId)| {
        let name = c.graph.value(id).name.clone()?;
        let range = match (instr.attrs.range(), found.get(&id)) {
            (Some((low, high)), _) => InputRange { low, high, declared: true },
            (None, Some(bound)) => InputRange { low: bound.lo, high: bound.hi, declared: false },
            (None, None) => return None,
        };
        Some((name, range))
    };
    match crate::groups::oversized(c, dims) {
        too_long if too_long.is_empty() => {}
        too_long => return Err(too_long),
    }
    let values = facts.iter().map(|f: &Fact| (f.range.lo, f.range.hi)).collect();
    let shared = walk.shared.into_found().into_iter().map(|(at, range)| (at, (range.lo, range.hi))).collect();
    Ok(Budget { inputs: c.inputs().filter_map(declared).collect(), values, shared })
}

/// Whether a computation can be within its budget at all: with the shortest lengths, and small inputs where no range
/// is declared.
pub(crate) fn check(c: &Computation) -> Vec<Diagnostic> {
    let dims = BTreeMap::new();
    let ranges = Ranges { c, lengths: Lengths::unbound(&dims) };
    let open: Vec<ValueId> = c.inputs().filter(|(i, v)| ranges.is_open(i, *v)).map(|(_, v)| v).collect();
    let mut problems = match ranges.fits(&BTreeMap::new()) {
        true => Vec::new(),
        false => ranges.problems(&ranges.all_within(&open, LEAST_EXPONENT)),
    };
    problems.extend(crate::groups::oversized(c, &dims));
    problems
}

struct Ranges<'a> {
    c: &'a Computation,
    lengths: Lengths<'a>,
}

type Bounds = BTreeMap<ValueId, Interval>;

impl Ranges<'_> {
    /// Whether an input declares no range, though its type has numbers.
    fn is_open(&self, instr: &Instr, id: ValueId) -> bool {
        instr.attrs.range().is_none() && self.c.graph.value(id).ty.dtype.is_numeric()
    }

    fn fits(&self, inputs: &Bounds) -> bool {
        let mut walk = Walk::new(self.c, &self.lengths, inputs, true);
        walk.main();
        walk.problems.is_empty()
    }

    fn within(&self, id: ValueId, exponent: i32) -> Interval {
        let bound = 2f64.powi(exponent);
        let low = if self.c.graph.value(id).ty.dtype == DType::U64 { 0.0 } else { -bound };
        Interval { lo: low, hi: bound }
    }

    fn all_within(&self, open: &[ValueId], exponent: i32) -> Bounds {
        open.iter().map(|id| (*id, self.within(*id, exponent))).collect()
    }

    /// The widest ranges for inputs that declare none: none at all if everything fits, else one bound for all of them,
    /// and then for each the widest that the others leave.
    fn bounds(&self, open: &[ValueId]) -> Result<Bounds, Vec<Diagnostic>> {
        if self.fits(&Bounds::new()) {
            return Ok(Bounds::new());
        }
        let mut bounds = self.all_within(open, LEAST_EXPONENT);
        if open.is_empty() || !self.fits(&bounds) {
            return Err(self.problems(&bounds));
        }
        bounds = self.all_within(open, self.greatest(|e| self.fits(&self.all_within(open, e))));
        if open.len() > MOST_SINGLE {
            return Ok(bounds);
        }
        for id in open {
            let before = bounds.remove(id);
            if self.fits(&bounds) {
                continue;
            }
            let with = |e: i32| {
                let mut bounds = bounds.clone();
                bounds.insert(*id, self.within(*id, e));
                bounds
            };
            let single = with(self.greatest(|e| self.fits(&with(e))));
            bounds.extend(before.map(|b| (*id, single[id].hull(b))));
        }
        Ok(bounds)
    }

    /// The greatest exponent that fits, by bisection: wider ranges never fit better.
    fn greatest(&self, fits: impl Fn(i32) -> bool) -> i32 {
        let (mut good, mut bad) = (LEAST_EXPONENT, GREATEST_EXPONENT);
        while bad - good > 1 {
            let middle = (good + bad) / 2;
            if fits(middle) { good = middle } else { bad = middle }
        }
        good
    }

    /// All problems in words.
    fn problems(&self, inputs: &Bounds) -> Vec<Diagnostic> {
        let mut walk = Walk::new(self.c, &self.lengths, inputs, false);
        walk.main();
        let smaller = self.smaller(inputs, &walk.problems);
        // A loop or function may be walked more than once; each operator is told once.
        let first = |(i, p): &(usize, &Problem<'_>)| !walk.problems[..*i].iter().any(|q| q.is_at(p));
        walk.problems.iter().enumerate().filter(first).map(|(i, p)| p.diagnostic(&smaller[i])).collect()
    }

    /// For each problem the declared ranges, shrunk by a power of two, under which it is none.
    fn smaller(&self, inputs: &Bounds, problems: &[Problem<'_>]) -> Vec<Vec<(String, Interval)>> {
        let mut found = vec![Vec::new(); problems.len()];
        let declared: Vec<(String, ValueId, Interval)> = self
            .c
            .inputs()
            .filter_map(|(i, id)| {
                let (low, high) = i.attrs.range()?;
                Some((self.c.graph.value(id).name.clone()?, id, Interval::new(low, high)))
            })
            .collect();
        for halvings in 1..=24 {
            if declared.is_empty() || found.iter().all(|f| !f.is_empty()) {
                break;
            }
            let part = 2f64.powi(-halvings);
            let shrunk = |r: Interval| Interval { lo: (r.lo * part).ceil(), hi: (r.hi * part).floor() };
            let mut bounds = inputs.clone();
            bounds.extend(declared.iter().map(|(_, id, r)| (*id, shrunk(*r))).filter(|(_, r)| r.lo <= r.hi));
            let mut walk = Walk::new(self.c, &self.lengths, &bounds, false);
            walk.main();
            for (problem, smaller) in problems.iter().zip(&mut found) {
                let gone = !walk.problems.iter().any(|p| p.is_at(problem));
                if smaller.is_empty() && gone {
                    *smaller = declared.iter().map(|(name, _, r)| (name.clone(), shrunk(*r))).collect();
                }
            }
        }
        found
    }
}
