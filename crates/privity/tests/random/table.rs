//! The book's table of operators on several numbers, beside that of functions of one: how far each may err, and how far
//! it erred over all that the checker admits, up to the ends.

use privity::ir::{Attr, Attrs, DType, Dim, Op, RingBits, Scheme, Type};
use privity::{Plain, Program};

use crate::costs::{self, Costs};
use crate::judge::evaluate;
use crate::numbers::Random;
use crate::recipe::{Arg, Input, Recipe, fixed};
use crate::tolerance::{Given, tolerance};

/// The ranges of the operands, in their order.
type Ranges = Vec<(f64, f64)>;

/// An operator, with operands of such shapes and with what they are tried.
struct Row {
    shown: &'static str,
    op: Op,
    attrs: Attrs,
    shapes: &'static [&'static [u64]],
    /// Ranges by a size, of which the largest is taken that the checker admits.
    cases: Vec<fn(f64) -> Ranges>,
    /// The stated error, in words: in Z_2^64, and in Z_2^128.
    stated: [&'static str; 2],
}

fn one(size: f64) -> Ranges {
    vec![(-size, size)]
}

fn two(size: f64) -> Ranges {
    vec![(-size, size), (-size, size)]
}

/// One operand is large, the other small.
fn apart(size: f64) -> Ranges {
    vec![(-size, size), (-1.0, 1.0)]
}

fn row(
    shown: &'static str,
    op: Op,
    shapes: &'static [&'static [u64]],
    cases: &[fn(f64) -> Ranges],
    stated: [&'static str; 2],
) -> Row {
    Row { shown, op, attrs: Attrs::new(), shapes, cases: cases.to_vec(), stated }
}

impl Row {
    fn with(mut self, name: &'static str, value: Attr) -> Row {
        self.attrs.set(name, value);
        self
    }
}

/// Groups of seven numbers, so that divisors are no powers of two; and single ones.
const GROUPS: &[&[u64]] = &[&[16, 7]];
const SINGLE: &[&[u64]] = &[&[112]];
const PAIRS: &[&[u64]] = &[&[112], &[112]];

const UNITS: [&str; 2] = ["2 units"; 2];
const QUOTIENT: [&str; 2] = ["2 units + 2^-48 of the result", "2 units + 2^-33 of the result"];
const VARIANCE: [&str; 2] = ["2 units + n/(n - ddof)·(4·d + 1) units + d²·2^-48"; 2];
const NORMALISED: [&str; 2] = ["2 units + (2 + \\|x - mean\\|/64) units/s, and what a variance's error makes of s"; 2];
const POWER: [&str; 2] = ["2 units + (1 + \\|y\\|)·2^-43 of the result"; 2];

/// The rows of a type.
fn rows(dtype: DType) -> Vec<Row> {
    let DType::Fixed { frac, .. } = dtype else { return Vec::new() };
    let axis = |row: Row| row.with("axis", Attr::Ints(vec![1]));
    let last = |row: Row| row.with("axis", Attr::Int(1));
    let near = Attr::Real(if frac < 10 { 0.01 } else { 1e-3 });
    let power = |shown, exponent, cases: &[fn(f64) -> Ranges], stated| {
        row(shown, Op::Pow, SINGLE, cases, stated).with("exponent", Attr::Real(exponent))
    };
    vec![
        row("`x * y`", Op::Mul, PAIRS, &[two, apart], UNITS),
        row("`dot(x, y)`", Op::Dot, &[&[40], &[40]], &[two], UNITS),
        row("`x @ y`", Op::MatMul, &[&[5, 40], &[40, 3]], &[two], UNITS),
        row(
            "`x / y`",
            Op::Div,
            PAIRS,
            &[
                |s| vec![(-s, s), (1.0, s)],
                |s| vec![(-1.0, 1.0), (1.0 / s, 1.0)],
                |s| vec![(-s, s), (-100.0, -0.5)],
                |s| vec![(-1.0, 1.0), (0.25, s)],
            ],
            QUOTIENT,
        ),
        axis(row("`mean(x)`", Op::Mean, GROUPS, &[one, |_| one(1.0)], UNITS)),
        axis(row("`variance(x)`", Op::Variance, GROUPS, &[one, |_| one(1.0)], VARIANCE)),
        axis(row("`variance(x, ddof=1)`", Op::Variance, GROUPS, &[one], VARIANCE)).with("ddof", Attr::Int(1)),
        axis(row(
            "`std(x)`",
            Op::Std,
            GROUPS,
            &[one, |_| one(1.0)],
            ["2 units, and what a variance's error makes of its root"; 2],
        )),
        axis(row(
            "`norm(x)`",
            Op::Norm,
            GROUPS,
            &[one, |_| one(1.0)],
            [QUOTIENT[0], "2 units + 2^-33 of the result, and what n units make of the root of a sum of squares"],
        )),
        axis(row("`layer_norm(x)`", Op::LayerNorm, GROUPS, &[one, |_| one(1.0)], NORMALISED))
            .with("epsilon", near.clone()),
        row("`batch_norm_training(x)`", Op::BatchNormTraining, &[&[7, 16]], &[one, |_| one(1.0)], NORMALISED)
            .with("axis", Attr::Ints(vec![0]))
            .with("epsilon", near.clone()),
        row(
            "`batch_norm_inference(x, mean, variance)`",
            Op::BatchNormInference,
            &[&[7, 16], &[16], &[16]],
            &[|s| vec![(-s, s), (-1.0, 1.0), (0.25, s)], |s| vec![(-1.0, 1.0), (-1.0, 1.0), (0.0, s)]],
            ["2 units + \\|x - mean\\|/64 units, and what a unit makes of s"; 2],
        )
        .with("epsilon", near),
        last(row("`softmax(x)`", Op::Softmax, GROUPS, &[one, |_| one(4.0)], ["2 units + n·2^-56"; 2])),
        last(row("`log_softmax(x)`", Op::LogSoftmax, GROUPS, &[one, |_| one(4.0)], ["2 units + 2^-43"; 2])),
        power("`pow(x, exponent=3)`", 3.0, &[one], ["each product 1 unit, and what its factors are off"; 2]),
        power("`pow(x, exponent=-2)`", -2.0, &[|s| vec![(0.25, s)]], ["as that of the reciprocal, and of products"; 2]),
        power("`pow(x, exponent=1.37)`", 1.37, &[|s| vec![(0.01, s)]], POWER),
        row(
            "`power(x, y)`",
            Op::Power,
            PAIRS,
            &[|s| vec![(0.01, s), (-1.0, 1.5)], |s| vec![(0.5, 2.0), (-s, s)]],
            POWER,
        ),
        row("`quantile(x)`", Op::Quantile, &[&[30]], &[one], UNITS).with("q", Attr::Real(0.3)),
        row("`group_mean(x, key)`", Op::GroupMean, &[&[16], &[16]], &[|s| vec![(-s, s), (0.0, 3.0)]], QUOTIENT)
            .with("groups", Attr::Int(4)),
    ]
}

/// A program of one operator.
pub(crate) fn recipe(real: DType, op: Op, attrs: &Attrs, inputs: Vec<Input>) -> Recipe {
    let types: Vec<Type> =
        inputs.iter().map(|i| Type::new(i.becomes, i.shape.iter().map(|n| Dim::constant(*n)).collect())).collect();
    let mut recipe = Recipe { scheme: Scheme::Replicated, real, inputs, steps: Vec::new(), types, stretch: None };
    let args = (0..recipe.inputs.len()).map(Arg::Slot).collect();
    recipe.add(op, args, attrs).unwrap_or_else(|e| panic!("{}: {e}", op.name()));
    recipe
}

fn operands(row: &Row, real: DType, ranges: &Ranges) -> Vec<Input> {
    let becomes = |i: usize| if i == 1 && row.op == Op::GroupMean { DType::I64 } else { real };
    let shapes = row.shapes.iter().zip(ranges).enumerate();
    shapes
        .map(|(i, (shape, range))| Input { becomes: becomes(i), shape: shape.to_vec(), range: Some(*range) })
        .collect()
}

/// The largest size, a power of two, whose ranges the checker admits.
fn admitted(row: &Row, real: DType, case: fn(f64) -> Ranges) -> (Ranges, Recipe, Program) {
    for exponent in (1..126).rev() {
        let ranges = case(f64::from(exponent).exp2());
        let recipe = recipe(real, row.op, &row.attrs, operands(row, real, &ranges));
        if let Ok((program, _)) = recipe.program() {
            return (ranges, recipe, program);
        }
    }
    panic!("{} in {real}: no operands are admitted", row.shown)
}

/// What was found of a row: its largest error among results of at most 1, and the largest part of the stated error.
#[derive(Default)]
struct Found {
    largest: f64,
    part: f64,
    tried: Vec<String>,
}

impl Found {
    fn hold(&mut self, row: &Row, recipe: &Recipe, program: &Program, ranges: &Ranges) {
        let inputs = recipe.data(program, &mut Random::new(17)).unwrap_or_else(|e| panic!("{e}"));
        let report = crate::run(program, inputs).unwrap_or_else(|e| panic!("{} {ranges:?}: {e}", row.shown));
        let outputs = &report.outputs["reader"];
        let step = &recipe.steps[0];
        let args: Vec<Plain> = (0..recipe.inputs.len()).map(|i| outputs[&format!("v{i}")].clone()).collect();
        let (types, ty) = (recipe.operand_types(step), &recipe.types[recipe.inputs.len()]);
        let wanted = evaluate(step, &args, ty, types[types.len() - 1].dtype).unwrap_or_else(|e| panic!("{e}")).to_f64();
        let given = Given { step, args: &args, types: &types, ty, any_public: false };
        let result = outputs[&format!("v{}", recipe.inputs.len())].to_f64();
        for ((z, w), allowed) in result.data().iter().zip(wanted.data()).zip(tolerance(&given, &wanted)) {
            // What does not vary, over a deviation of nothing.
            if w.is_nan() {
                continue;
            }
            let error = (z - w).abs();
            assert!(error <= allowed, "{} in {} {ranges:?}: {z} instead of {w}, off by {error:e}", row.shown, ty.dtype);
            self.part = self.part.max(error / allowed);
            if w.abs() <= 1.0 {
                self.largest = self.largest.max(error);
            }
        }
        self.tried.push(words(ranges));
    }
}

fn words(ranges: &Ranges) -> String {
    let number = |v: f64| match v {
        v if v.abs() >= 4.0 && v.abs().log2().fract() == 0.0 => {
            format!("{}2^{}", if v < 0.0 { "-" } else { "" }, v.abs().log2())
        }
        v if v > 0.0 && v < 0.2 && v.log2().fract() == 0.0 => format!("2^{}", v.log2()),
        v => v.to_string(),
    };
    let names = ["x", "y", "z"];
    let one = |(name, (low, high)): (&&str, &(f64, f64))| format!("{name} in {}..{}", number(*low), number(*high));
    names.iter().zip(ranges).map(one).collect::<Vec<_>>().join(", ")
}

fn line(row: &Row, real: DType, small: bool) -> String {
    let mut found = Found::default();
    for case in &row.cases {
        let (ranges, recipe, program) = admitted(row, real, *case);
        let tried = words(&ranges);
        if !found.tried.contains(&tried) {
            found.hold(row, &recipe, &program, &ranges);
        }
    }
    let (ranges, ..) = admitted(row, real, row.cases[0]);
    let Costs { rounds, bytes } = costs::of(real, row.op, &row.attrs, &operands(row, real, &ranges));
    format!(
        "| {} | `{real}` | {} | {} | {:.1e} | {:.0} % | {rounds} | {bytes} |\n",
        row.shown,
        found.tried.join("; "),
        row.stated[usize::from(!small)],
        found.largest,
        100.0 * found.part,
    )
}

const TYPES: [(RingBits, u8); 5] =
    [(RingBits::B64, 8), (RingBits::B64, 16), (RingBits::B64, 20), (RingBits::B128, 20), (RingBits::B128, 40)];

const HEAD: &str = "\n## Operators on several numbers\n\n\
*Made by `BLESS=1 cargo test -p privity --test random table`, which also holds every measured error to the stated one.*\n\n\
Each is a program of its own, of which the checker admits operands up to the ranges that stand here: the largest powers of two \
for operands of these shapes (groups of 7 numbers, sums of 40 products), and some small ranges. Data lie all over a range and \
at its ends. n is how many numbers are taken together, d the greatest of them less the least, s the root of variance plus \
epsilon (1e-3; 0.01 for 8 fraction bits). The other columns are those above; bytes are for each element of the first \
operand.\n\n\
| operator | type | operands | stated | largest | of the stated | rounds | bytes |\n|---|---|---|---|---|---|---|---|\n";

/// A page without what was measured of errors, which depends on masks.
fn lasting(page: &str) -> Vec<Vec<&str>> {
    let kept = |line| str::split(line, " | ").enumerate().filter(|(i, _)| !(4..=5).contains(i)).map(|(_, cell)| cell);
    page.lines().map(|line| kept(line).collect()).collect()
}

#[test]
fn the_table_of_errors_and_costs_holds() {
    let mut page = HEAD.to_owned();
    for at in 0..rows(fixed(RingBits::B64, 16)).len() {
        for (ring, frac) in TYPES {
            let real = fixed(ring, frac);
            page += &line(&rows(real)[at], real, ring == RingBits::B64);
        }
    }
    page += &costs::table();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/src/errors.md");
    let mut found = std::fs::read_to_string(path).unwrap_or_default();
    let rest = found.split_off(found.find("\n## ").unwrap_or(found.len()));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, found + &page).unwrap();
        return;
    }
    let current = lasting(&rest) == lasting(&page);
    assert!(current, "book/src/errors.md is out of date: BLESS=1 cargo test -p privity --test random table");
}
