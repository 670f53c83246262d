//! Facts for policies: what lies between the inputs and each release.

use std::collections::{BTreeMap, BTreeSet};

use ir::{Computation, Instr, Op, PlayerId, Span};

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
    let functions = of_functions(c);
    let mut found = Vec::new();
    c.graph.visit(&mut |instr| {
        if instr.op != Op::Release {
            return;
        }
        let fact = checked.fact(instr.results[0]);
        let before = before(&trail, instr);
        let count = |i: usize| {
            let mut counts = Counts::new();
            let reached = |instr: &&&Instr| instr.results.iter().any(|r| checked.fact(*r).inputs.contains(i));
            before
                .iter()
                .filter(|i| !matches!(i.op, Op::Input | Op::Load))
                .filter(reached)
                .for_each(|i| add(&functions, i, &mut counts));
            counts
        };
        let operators = fact.inputs.iter().map(|i| (inputs[i].name.to_owned(), count(i))).collect();
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

/// How many of each operator.
type Counts = BTreeMap<Op, usize>;

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

fn add(functions: &BTreeMap<&str, Counts>, instr: &Instr, counts: &mut Counts) {
    let called = instr.attrs.str("function").filter(|_| instr.op == Op::Call).and_then(|name| functions.get(name));
    let own = Counts::from([(instr.op, 1)]);
    for (op, n) in called.unwrap_or(&own) {
        let count = counts.entry(*op).or_default();
        *count = count.saturating_add(*n);
    }
}
