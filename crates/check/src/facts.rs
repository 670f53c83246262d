//! Facts for policies: what lies between the inputs and each release.

use std::collections::{BTreeMap, BTreeSet};

use ir::{Block, Computation, Instr, Op, PlayerId, Span};

use crate::Checked;
use crate::disclosure::inputs;
use crate::flow::Flow;
use crate::readers::Trail;

/// A release, as a policy sees it.
#[derive(Clone, Debug)]
pub struct Release {
    /// To whom.
    pub to: Vec<PlayerId>,
    /// Whose values: they must ratify it.
    pub owners: Vec<PlayerId>,
    /// For each input that it is computed from, by name: the operators on the ways from there, and how many
    /// of each. The operators of functions that are called on the way are all counted.
    pub operators: BTreeMap<String, BTreeMap<Op, usize>>,
    /// Where it is.
    pub span: Span,
}

/// The releases of a computation, in its order.
pub fn releases(checked: &Checked) -> Vec<Release> {
    let c = checked.computation();
    let flow = Flow::new(c);
    let trail = Trail::new(&flow, &c.graph);
    let inputs = inputs(c);
    let mut found = Vec::new();
    c.graph.visit(&mut |instr| {
        if instr.op != Op::Release {
            return;
        }
        let fact = checked.fact(instr.results[0]);
        let before = before(&trail, instr);
        let operators = fact.inputs.iter().map(|i| (inputs[i].name.to_owned(), count(checked, &before, i))).collect();
        found.push(Release {
            to: instr.attrs.players("to").unwrap_or(&[]).to_vec(),
            owners: fact.label.owners(),
            operators,
            span: instr.span.clone(),
        });
    });
    found
}

/// The instructions that something released is computed by.
fn before<'a>(trail: &Trail<'a>, release: &Instr) -> Vec<&'a Instr> {
    let mut seen = BTreeSet::new();
    let mut next = release.args.clone();
    let mut instrs = Vec::new();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            instrs.extend(trail.made_by(id));
            next.extend(trail.before(id));
        }
    }
    instrs
}

/// The operators among `instrs` that input `i` reaches.
fn count(checked: &Checked, instrs: &[&Instr], i: usize) -> BTreeMap<Op, usize> {
    let mut counts = BTreeMap::new();
    let reached = instrs
        .iter()
        .filter(|instr| instr.op != Op::Input && instr.results.iter().any(|r| checked.fact(*r).inputs.contains(i)));
    for instr in reached {
        match instr.attrs.str("function").and_then(|name| checked.computation().function(name)) {
            Some(function) => all(checked.computation(), &function.graph.body, &mut counts),
            None => *counts.entry(instr.op).or_default() += 1,
        }
    }
    counts
}

fn all(c: &Computation, block: &Block, counts: &mut BTreeMap<Op, usize>) {
    for instr in &block.instrs {
        *counts.entry(instr.op).or_default() += 1;
        if let Some(region) = &instr.region {
            all(c, region, counts);
        }
    }
}
