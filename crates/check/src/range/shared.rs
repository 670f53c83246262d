//! The ranges of what owners share on placements that hold it to them, on the shares.
//!
//! There is one range for each instruction. One that runs in several frames, of a function that is called more than once or of
//! a loop that is followed step by step, has the range of all of them, and then the program is looked at again with that: so
//! an owner that deviates, and shares in one frame what only another one has, breaks nothing that was shown.

use std::collections::BTreeMap;

use ir::{Computation, Graph, Instr, Op, Scheme, ValueId};

use super::interval::Interval;
use super::transfer::capacity;

/// Where a value is in a program: in the main program (0) or a function (from 1), and which.
pub(super) type Location = (usize, ValueId);

/// The ranges of what is shared, in one pass over a program.
#[derive(Clone, Default)]
pub(super) struct Shared {
    /// As an earlier pass found them: this one takes them to be as wide at least.
    known: BTreeMap<Location, Interval>,
    /// Of all frames of this pass.
    found: BTreeMap<Location, Interval>,
    /// Whether frames of this pass were looked at with different ranges.
    differed: bool,
}

impl Shared {
    /// The range to go on with for the result of an instruction, of which one frame has `range`. It counts if the pass is
    /// `settled` there.
    pub(super) fn range(
        &mut self,
        c: &Computation,
        graph: &Graph,
        instr: &Instr,
        range: Interval,
        settled: bool,
    ) -> Interval {
        let (&[from], &[result]) = (&instr.args[..], &instr.results[..]) else { return range };
        let from = c.placement(graph.value(from).placement).scheme;
        let to = c.placement(instr.placement).scheme;
        if instr.op != Op::Move || !from.is_plaintext() || to != Scheme::Malicious {
            return range;
        }
        let function = c.functions.iter().position(|f| std::ptr::eq(&f.graph, graph));
        let at = (function.map_or(0, |f| f + 1), result);
        let range = self.known.get(&at).map_or(range, |known| known.hull(range));
        if settled {
            let before = self.found.get(&at).copied();
            let all = before.map_or(range, |before| before.hull(range));
            self.differed |= all != range || before.is_some_and(|before| before != all);
            self.found.insert(at, all);
        }
        range
    }

    /// Whether another pass is needed, which then knows of what this one found. What still grows after that gets the range of
    /// its type.
    pub(super) fn again(&mut self, c: &Computation) -> bool {
        if !std::mem::take(&mut self.differed) {
            return false;
        }
        for (at, range) in std::mem::take(&mut self.found) {
            let grows = self.known.get(&at).is_some_and(|known| !range.is_in(*known));
            let graph = at.0.checked_sub(1).and_then(|f| c.functions.get(f)).map_or(&c.graph, |f| &f.graph);
            let all = capacity(graph.value(at.1).ty.dtype);
            self.known.insert(at, if grows { all } else { range });
        }
        true
    }

    /// What was found in the last pass.
    pub(super) fn into_found(self) -> BTreeMap<Location, Interval> {
        self.found
    }
}
