//! How long axes are, as far as that is known.

use std::collections::BTreeMap;

use ir::Dim;

use super::interval::Interval;

/// The lengths of named dimensions. Of one that is not bound yet, the least: a program is checked as written for any
/// number of rows, and again when it is known.
pub(super) struct Lengths<'a> {
    dims: &'a BTreeMap<String, u64>,
    /// Whether others become known later.
    later: bool,
}

impl<'a> Lengths<'a> {
    pub(super) fn new(dims: &'a BTreeMap<String, u64>) -> Lengths<'a> {
        Lengths { dims, later: false }
    }

    /// Before an agreement binds any.
    pub(super) fn unbound(none: &'a BTreeMap<String, u64>) -> Lengths<'a> {
        Lengths { dims: none, later: true }
    }

    /// Whether nothing can be said yet of what is computed from a dimension's length: `size(n) - 1` is 0 only for the
    /// shortest.
    pub(super) fn is_unknown(&self, dim: &str) -> bool {
        self.later && !self.dims.contains_key(dim)
    }

    /// The length of one axis.
    pub(super) fn of(&self, dim: &Dim) -> Interval {
        let known = dim.eval(self.dims);
        let least = || {
            let all: BTreeMap<String, u64> =
                dim.names().map(|n| (n.to_owned(), self.dims.get(n).copied().unwrap_or(1))).collect();
            dim.eval(&all).unwrap_or(u64::MAX)
        };
        Interval::point(known.unwrap_or_else(least) as f64)
    }

    /// The product of lengths.
    pub(super) fn product<'d>(&self, dims: impl Iterator<Item = &'d Dim>) -> Interval {
        dims.fold(Interval::point(1.0), |n, d| n.times(self.of(d)))
    }
}
