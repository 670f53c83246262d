//! What operators cost, as `explain` predicts it: rows of the book's table, in which a run must cost the same.

use std::collections::BTreeMap;

use privity::ir::{Attr, Attrs, DType, Literal, Number, Op, RingBits};
use privity::{Program, Report};

use crate::numbers::Random;
use crate::recipe::{Arg, Input, Recipe, fixed};
use crate::table::recipe;

/// The cost of one operator.
pub(crate) struct Costs {
    /// Rounds.
    pub(crate) rounds: u32,
    /// Bytes for each element of the first operand, of the three players.
    pub(crate) bytes: String,
}

/// What an operator costs beside sharing its operands and revealing its result.
pub(crate) fn of(real: DType, op: Op, attrs: &Attrs, inputs: &[Input]) -> Costs {
    let program = |recipe: &Recipe| recipe.program().unwrap_or_else(|e| panic!("{}: {e}", op.name())).0;
    let predicted = |recipe: &Recipe| {
        let found = program(recipe).predict(&BTreeMap::new()).unwrap_or_else(|e| panic!("{}: {e}", op.name()));
        (found.rounds, found.bytes.into_values().collect::<Vec<u64>>())
    };
    let once = recipe(real, op, attrs, inputs.to_vec());
    let without = Recipe { steps: Vec::new(), types: once.types[..inputs.len()].to_vec(), ..once.clone() };
    // Its result released twice, against twice the operator: what is left is the operator itself.
    let (mut copied, mut twice) = (once.clone(), once.clone());
    let again = once.steps[0].clone();
    let copy = copied.add(Op::ExpandDims, vec![Arg::Slot(inputs.len())], &Attrs::new().with("axis", Attr::Int(0)));
    copy.and_then(|()| twice.add(op, again.args, attrs)).unwrap_or_else(|e| panic!("{}: {e}", op.name()));
    let (copied, twice, without) = (predicted(&copied), predicted(&twice), predicted(&without));
    let elements: u64 = inputs[0].shape.iter().product();
    let bytes = twice.1.iter().zip(&copied.1).take(3).map(|(b, a)| (b - a).div_ceil(elements).to_string());
    Costs { rounds: twice.0 - without.0, bytes: bytes.collect::<Vec<_>>().join(" / ") }
}

/// Holds what a program was predicted to cost to what its run cost.
pub(crate) fn hold(program: &Program, report: &Report) {
    let predicted = program.predict(&BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
    let name = |p| program.computation().player(p).name.clone();
    let bytes: BTreeMap<String, u64> = predicted.bytes.into_iter().map(|(p, n)| (name(p), n)).collect();
    let found = (report.cost.rounds, &report.cost.bytes);
    assert_eq!(found, (predicted.rounds, &bytes), "a prediction is exact:\n{}", program.computation());
}

/// An operator on rows, with operands of which the first has a row for each of n.
struct Row {
    shown: &'static str,
    op: Op,
    attrs: Attrs,
    inputs: fn(u64) -> Vec<Input>,
}

fn numbers(n: u64) -> Input {
    Input { becomes: fixed(RingBits::B64, 16), shape: vec![n], range: Some((-100.0, 100.0)) }
}

fn keys(n: u64) -> Input {
    Input { becomes: DType::I64, shape: vec![n], range: Some((0.0, 7.0)) }
}

fn rows() -> Vec<Row> {
    let row = |shown, op, inputs| Row { shown, op, attrs: Attrs::new(), inputs };
    let with = |row: Row, name: &'static str, value| Row { attrs: row.attrs.clone().with(name, value), ..row };
    let vector = |n| vec![numbers(n)];
    let keyed = |n| vec![numbers(n), keys(n)];
    let edges = [-10.0, -1.0, 0.0, 1.0, 10.0].map(Number::Real).to_vec();
    let edges = Attr::Literal(Literal { shape: vec![edges.len() as u64], values: edges });
    vec![
        row("`shuffle(x)`", Op::Shuffle, vector),
        row("`sort(x)`", Op::Sort, vector),
        row("`argsort(x)`", Op::ArgSort, vector),
        row("`sort_by(x, key)`", Op::SortBy, keyed),
        with(row("`top_k(x, k=5)`", Op::TopK, vector), "k", Attr::Int(5)),
        row("`median(x)`", Op::Median, vector),
        row("`max(x)`", Op::Max, vector),
        row("`argmax(x)`", Op::ArgMax, vector),
        with(row("`histogram(x)`, 4 bins", Op::Histogram, vector), "edges", edges),
        row("`take(x, index)`, 4 positions", Op::Take, |n| vec![numbers(n), keys(4)]),
        row("`put(x, index, y)`, 4 positions", Op::Put, |n| vec![numbers(n), keys(4), numbers(4)]),
        with(row("`group_sum(x, key)`, 8 groups", Op::GroupSum, keyed), "groups", Attr::Int(8)),
        with(row("`group_mean(x, key)`, 8 groups", Op::GroupMean, keyed), "groups", Attr::Int(8)),
        with(row("`group_count(key)`, 8 groups", Op::GroupCount, |n| vec![keys(n)]), "groups", Attr::Int(8)),
        row("`segment_sum(x, key)`", Op::SegmentSum, keyed),
        row("`segment_last(key)`", Op::SegmentLast, |n| vec![keys(n)]),
        row("`x < y`", Op::Less, |n| vec![numbers(n), numbers(n)]),
        row("`relu(x)`", Op::Relu, vector),
        row("`exp(x)`", Op::Exp, |n| vec![Input { range: Some((-5.0, 5.0)), ..numbers(n) }]),
        row("`sigmoid(x)`", Op::Sigmoid, vector),
        with(row("`sigmoid(x, fast=true)`", Op::Sigmoid, vector), "fast", Attr::Bool(true)),
    ]
}

const HEAD: &str = "\n## What operators on rows cost\n\n\
For vectors of n numbers of `fixed<64, 16>` and keys of `i64`, as `privity explain` predicts it; a run must cost exactly the \
same. Bytes are those that each of the three players sends for each element; rounds of independent operators merge.\n\n\
| operator | rounds, n = 64 | bytes | rounds, n = 1000 | bytes |\n|---|---|---|---|---|\n";

/// The table of operators on rows.
pub(crate) fn table() -> String {
    let real = fixed(RingBits::B64, 16);
    let line = |row: &Row| {
        let [few, many] = [64, 1000].map(|n| of(real, row.op, &row.attrs, &(row.inputs)(n)));
        format!("| {} | {} | {} | {} | {} |\n", row.shown, few.rounds, few.bytes, many.rounds, many.bytes)
    };
    HEAD.to_owned() + &rows().iter().map(line).collect::<String>()
}

#[test]
fn operators_on_rows_cost_what_is_predicted() {
    let real = fixed(RingBits::B64, 16);
    for row in rows() {
        let recipe = recipe(real, row.op, &row.attrs, (row.inputs)(37));
        let (program, _) = recipe.program().unwrap_or_else(|e| panic!("{}: {e}", row.shown));
        let report = crate::run(&program, recipe.data(&program, &mut Random::new(5)).unwrap_or_else(|e| panic!("{e}")));
        hold(&program, &report.unwrap_or_else(|e| panic!("{}: {e}", row.shown)));
    }
}
