//! Every operator of the language on replicated shares, run by three players, against plaintext.

use std::collections::BTreeMap;

use privity::algebra::Tensor;
use privity::{LocalData, LocalOptions, Plain, Program, run_local};

/// Runs `name = expression` lines on a committee over inputs x, y : 2×3, v : 6, positive p : 2×3, square m : 3×3, and
/// returns each result's largest error against plaintext.
fn errors(dtype: &str, lines: &[(&str, &str)], inputs: &[(&str, &[usize], Vec<f64>)]) -> BTreeMap<String, (f64, f64)> {
    errors_on("replicated(a, b, c)", dtype, lines, inputs)
}

/// As [`errors`], on a placement of one's choice.
fn errors_on(
    placement: &str,
    dtype: &str,
    lines: &[(&str, &str)],
    inputs: &[(&str, &[usize], Vec<f64>)],
) -> BTreeMap<String, (f64, f64)> {
    let mut text = format!("computation operators\n  player a, b, c, reader\n  placement trio = {placement}\n");
    for (name, shape, _) in inputs {
        let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
        let shape = if dims.is_empty() { String::new() } else { format!("[{}]", dims.join(", ")) };
        let raw = if dtype.starts_with("fixed") { "f64" } else { dtype };
        // Without a declared range an input gets what the lines have room for, which depends on all of them.
        let range = match *name {
            "p" => " range 0.5..100",
            "y" if dtype.starts_with("fixed") => " range -4..4",
            _ => "",
        };
        text += &format!("  input {name} : {raw}{shape} at a{range}\n");
    }
    text += &format!("  on trio as {dtype}\n");
    for (name, expression) in lines {
        text += &format!("    {name} = {expression}\n");
    }
    for (name, _) in lines {
        text += &format!("  release {name} to reader as \"{name}\"\n");
    }
    let program = Program::parse("operators.pv", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let plain = |shape: &[usize], values: &[f64]| {
        let t = Tensor::new(shape, values.to_vec()).unwrap();
        match dtype {
            "i64" => Plain::I64(t.map(|v| *v as i64)),
            "u64" => Plain::U64(t.map(|v| *v as u64)),
            "bool" => Plain::Bool(t.map(|v| *v != 0.0)),
            _ => Plain::F64(t),
        }
    };
    let inputs = inputs.iter().map(|(n, shape, v)| ((*n).to_owned(), plain(shape, v))).collect();
    let data = LocalData::of(&program, inputs, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    let options = LocalOptions { compare: true, ..LocalOptions::default() };
    let report = run_local(&program, data, &options).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let outputs = report.comparison.unwrap();
    assert_eq!(outputs.len(), lines.len());
    outputs.into_iter().map(|(name, c)| (name, (c.absolute, c.relative))).collect()
}

fn real_inputs() -> Vec<(&'static str, &'static [usize], Vec<f64>)> {
    vec![
        ("x", &[2, 3], vec![1.5, -2.25, 0.0, 7.75, -0.5, 3.0]),
        ("y", &[2, 3], vec![-1.5, -2.25, 4.0, 2.5, 0.125, -3.0]),
        ("p", &[2, 3], vec![0.5, 1.0, 2.0, 10.0, 3.75, 100.0]),
        ("v", &[6], vec![3.0, -1.0, 2.0, 2.0, 9.5, -7.0]),
        ("m", &[3, 3], vec![2.0, 1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 1.0, 4.0]),
    ]
}

/// Holds every result of real numbers to a bound.
fn hold(dtype: &str, bound: f64, lines: &[(&str, &str)]) {
    for (name, (absolute, _)) in errors(dtype, lines, &real_inputs()) {
        assert!(absolute <= bound, "{dtype} {name}: error {absolute:e} above {bound:e}");
    }
}

const LINEAR: &[(&str, &str)] = &[
    ("added", "x + y"),
    ("taken", "x - y"),
    ("turned", "-x"),
    ("with_constant", "x + 0.5"),
    ("summed", "sum(x)"),
    ("rows_summed", "sum(x, axis=1)"),
    ("kept", "sum(x, axis=0, keepdims=true)"),
    ("running", "cumsum(x, axis=1)"),
    ("reshaped", "reshape(x, shape=[3, 2])"),
    ("transposed", "transpose(x)"),
    ("all_axes_turned", "transpose(stack(x, y))"),
    ("indexed", "x[1, 0:2]"),
    ("joined", "concat(x, y, axis=0)"),
    ("stacked", "stack(x, y, axis=1)"),
    ("spread", "broadcast(v[0:3], shape=[2, 3])"),
    ("expanded", "expand_dims(x, axis=1)"),
    ("squeezed", "squeeze(expand_dims(x, axis=0), axis=0)"),
    ("diagonal_of", "diagonal(m)"),
];

const PRODUCTS: &[(&str, &str)] = &[
    ("multiplied", "x * y"),
    ("scaled", "x * 2.5"),
    ("squared", "square(x)"),
    ("matrices", "x @ m"),
    ("vector", "m @ v[0:3]"),
    ("inner", "dot(v, v)"),
    (
        "images",
        "conv2d(reshape(x @ transpose(y), shape=[1, 1, 2, 2]), reshape(y[:, 0:2], shape=[1, 1, 2, 2]), padding=1)",
    ),
    (
        "strided",
        "conv2d(reshape(m, shape=[1, 1, 3, 3]), reshape(y, shape=[2, 1, 1, 3]), stride=[2, 1], padding=[0, 2])",
    ),
    ("grouped", "conv2d(reshape(x, shape=[1, 2, 1, 3]), reshape(y[:, 0:2], shape=[2, 1, 1, 2]), groups=2)"),
    ("signals", "conv1d(reshape(v, shape=[1, 2, 3]), reshape(x[:, 0:2], shape=[1, 2, 2]), stride=2, padding=1)"),
    ("averaged", "mean(x)"),
    ("rows_averaged", "mean(x, axis=1)"),
    ("pooled", "avg_pool2d(reshape(m, shape=[1, 1, 3, 3]), size=2, stride=1)"),
    ("pooled_apart", "avg_pool2d(reshape(x, shape=[1, 1, 2, 3]), size=[1, 3])"),
    ("spread_of", "variance(x, axis=0)"),
    ("sample_spread", "variance(v, ddof=1)"),
];

const ORDERS: &[(&str, &str)] = &[
    ("less_than", "cast(x < y, type=T)"),
    ("at_most", "cast(x <= y, type=T)"),
    ("more", "cast(x > y, type=T)"),
    ("at_least", "cast(x >= y, type=T)"),
    ("same", "cast(x == y, type=T)"),
    ("differs", "cast(x != y, type=T)"),
    ("chosen", "select(x < y, x, y)"),
    ("lesser", "minimum(x, y)"),
    ("greater_of", "maximum(x, y)"),
    ("least_of", "min(x)"),
    ("columns_least", "min(x, axis=0)"),
    ("greatest", "max(x, axis=1, keepdims=true)"),
    ("windows_greatest", "max_pool2d(reshape(m, shape=[1, 1, 3, 3]), size=2, stride=1)"),
    ("windows_apart", "max_pool2d(reshape(stack(x, y), shape=[1, 2, 2, 3]), size=[2, 1])"),
    ("magnitude", "abs(x)"),
    ("sign_of", "sign(x)"),
    ("rectified", "relu(x)"),
    ("first_least", "argmin(v)"),
    ("first_greatest", "argmax(x, axis=1)"),
    ("both", "cast((x < y) and (x > -2), type=T)"),
    ("either", "cast((x < y) or (x == 0), type=T)"),
    ("one", "cast(logical_xor(x < y, x < 0), type=T)"),
    ("neither", "cast(not (x < y), type=T)"),
    ("some", "cast(any(x > 7, axis=1), type=T)"),
    ("every", "cast(all(x > -3), type=T)"),
    ("mixed", "select(x > 0, x < y, y < 0)"),
    ("mixed_rows", "cast(select(v[0:3] > 2, x < y, m[0] < 1), type=T)"),
    ("truthy", "cast(cast(x, type=bool), type=T)"),
    ("granted", "assume(x, low=-10, high=10)"),
];

fn typed<'a>(lines: &[(&'a str, &str)], dtype: &str) -> Vec<(&'a str, String)> {
    lines.iter().map(|(n, e)| (*n, e.replace("type=T", &format!("type={dtype}")))).collect()
}

fn hold_typed(dtype: &str, bound: f64, lines: &[(&str, &str)]) {
    let lines = typed(lines, dtype);
    let lines: Vec<(&str, &str)> = lines.iter().map(|(n, e)| (*n, e.as_str())).collect();
    hold(dtype, bound, &lines);
}

#[test]
fn linear_operators_are_exact() {
    for dtype in ["fixed<64, 16>", "fixed<64, 20>", "fixed<128, 40>"] {
        hold(dtype, 0.0, LINEAR);
    }
}

#[test]
fn products_err_by_a_few_units() {
    for (dtype, unit) in
        [("fixed<64, 16>", 2f64.powi(-16)), ("fixed<64, 20>", 2f64.powi(-20)), ("fixed<128, 40>", 2f64.powi(-40))]
    {
        hold(dtype, 16.0 * unit, PRODUCTS);
    }
}

const PUBLIC: &[(&str, &str)] = &[
    ("thousandth", "x * 0.001"),
    ("by_list", "x * [0.001, -3.0, 0.3]"),
    ("turned_round", "0.7 * y"),
    ("third", "x / 3"),
    ("shares_of", "x / [3.0, 7.0, 0.1]"),
    ("of_both_signs", "x / [3.0, -7.0, 0.1]"),
    ("computed", "x * (0.001 + 0.002 / 3)"),
    ("public_matrix", "x @ [[0.5, 1.0], [0.25, -3.0], [2.0, 0.0]]"),
    ("public_rows", "[[0.5, 1.0], [0.25, -3.0]] @ x"),
    ("public_vector", "dot(v, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])"),
    ("from_public", "0.25 - x"),
    ("constants_only", "[1.0, 2.0] * 0.001"),
    ("choice_of_constants", "select(x < y, 0.3, -0.1)"),
    ("choice_by_constant", "select([1.0, -1.0, 1.0] > 0.0, x, y)"),
    ("masked_off", "select((x < y) and ([1.0, -1.0, 1.0] > 0.0), x, 0.0)"),
    ("masked_on", "select((x < y) or ([1.0, -1.0, 1.0] > 0.0), x, 0.0)"),
    ("compared", "select(x < 0.3, 1.0, 0.0)"),
    ("joined_to", "concat(x, [[0.1, 0.2, 0.3]])"),
    ("exponential_of", "exp(0.5 + 0.25)"),
    ("least_of_both", "minimum(x, 0.4)"),
    ("identity", "eye(3, type=T) @ m"),
];

/// Constants are not rounded to the fixed point of what they are multiplied with.
#[test]
fn public_operands_err_by_two_units() {
    for (dtype, unit) in [("fixed<64, 16>", 2f64.powi(-16)), ("fixed<128, 40>", 2f64.powi(-40))] {
        hold_typed(dtype, 2.5 * unit, PUBLIC);
    }
}

#[test]
fn orders_and_choices_are_exact() {
    for dtype in ["fixed<64, 16>", "fixed<128, 40>"] {
        hold_typed(dtype, 0.0, ORDERS);
        hold(dtype, 2f64.powi(-16), &[("limited", "clip(x, low=-1.1, high=2.3)")]);
    }
}

const FUNCTIONS: &[(&str, &str)] = &[
    ("divided", "x / p"),
    ("inverse", "reciprocal(p)"),
    ("root", "sqrt(p)"),
    ("inverse_root", "inverse_sqrt(p)"),
    ("deviation", "std(x, axis=0)"),
    ("sample_deviation", "std(v, ddof=1)"),
    ("exponential", "exp(y)"),
    ("logarithm", "log(p)"),
    ("logistic", "sigmoid(x)"),
    ("tangent", "tanh(x)"),
    ("doubling", "exp2(y)"),
    ("bits_of", "log2(p)"),
    ("cubed", "pow(x, exponent=3)"),
    ("falling_power", "pow(p, exponent=-2)"),
    ("odd_power", "pow(p, exponent=1.37)"),
    ("secret_power", "power(clip(p, low=0.5, high=10), y)"),
    ("gaussian", "erf(x)"),
    ("gated", "gelu(x)"),
    ("gated_by_tangent", "gelu(x, approximate=true)"),
    ("softened", "softplus(x)"),
    ("length", "norm(x, axis=1)"),
    ("shares_of_one", "softmax(x)"),
    ("log_shares", "log_softmax(x, axis=0)"),
    ("layer", "layer_norm(x)"),
    ("batch", "batch_norm_training(x)"),
    ("given", "batch_norm_inference(x, y[0], p[1])"),
];

/// Rows in order, picked, counted and summed: exact.
const ROWS: &[(&str, &str)] = &[
    ("in_order", "sort(v)"),
    ("falling", "sort(v, descending=true)"),
    ("ordering", "argsort(v)"),
    ("by_key", "sort_by(transpose(x), v[0:3])"),
    ("by_key_falling", "sort_by(v, cast(v, type=i64), descending=true)"),
    ("flags_by_key", "cast(sort_by(v > 2, v), type=T)"),
    ("mixed_up", "sum(shuffle(v))"),
    ("best", "top_k(v, k=3)"),
    ("bins", "histogram(v, edges=[-2, 0, 2, 9])"),
    ("picked", "take(m, cast(v, type=i64))"),
    ("picked_flag", "cast(take(v > 2, cast(v[2], type=i64)), type=T)"),
    ("placed", "put(m, cast(v[1:3], type=i64), x)"),
    ("totals", "group_sum(v, cast(v, type=i64), groups=4)"),
    ("sizes", "group_count(cast(v, type=i64), groups=4)"),
    ("runs", "segment_sum(v, cast(v, type=i64))"),
    ("ends", "cast(segment_last(cast(v, type=i64)), type=T)"),
];

/// The same with a quotient.
const SHARES_OF_ROWS: &[(&str, &str)] = &[
    ("quartile", "quantile(v, q=0.3)"),
    ("middle", "median(v)"),
    ("means", "group_mean(v, cast(v, type=i64), groups=4)"),
];

#[test]
fn rows_are_exact() {
    for dtype in ["fixed<64, 16>", "fixed<128, 40>"] {
        hold_typed(dtype, 0.0, ROWS);
        hold(dtype, 2f64.powi(-14), SHARES_OF_ROWS);
    }
}

#[test]
fn functions_of_real_numbers() {
    hold("fixed<64, 16>", 2e-3, FUNCTIONS);
    hold("fixed<128, 40>", 1e-6, FUNCTIONS);
}

#[test]
fn no_operator_that_the_scheme_claims_is_left_untested() {
    use privity::ir::{DType, OPS, Op, RingBits, Scheme};
    // Not operators of single values, or with tests of their own.
    let apart = [
        Op::Input,
        Op::Move,
        Op::Classify,
        Op::Release,
        Op::Output,
        Op::Load,
        Op::Save,
        Op::Repeat,
        Op::Fold,
        Op::Call,
        Op::Const,
        Op::Fill,
        Op::Eye,
        Op::Size,
        Op::Clip,
        Op::FederatedSum,
        Op::FederatedMean,
    ];
    let infix = |op: Op| match op {
        Op::Add => "x + y",
        Op::Sub => "x - y",
        Op::Mul => "x * y",
        Op::Div => "x / p",
        Op::Neg => "-x",
        Op::Equal => "x == y",
        Op::NotEqual => "x != y",
        Op::Less => "x < y",
        Op::LessEqual => "x <= y",
        Op::Greater => "x > y",
        Op::GreaterEqual => "x >= y",
        Op::And => " and ",
        Op::Or => " or ",
        Op::Not => "not ",
        Op::MatMul => " @ ",
        Op::Index => "[1, 0:2]",
        _ => "",
    };
    let all: Vec<&str> =
        [LINEAR, PRODUCTS, ORDERS, FUNCTIONS, ROWS, SHARES_OF_ROWS].concat().iter().map(|(_, e)| *e).collect();
    let fixed = DType::Fixed { ring: RingBits::B64, frac: 16 };
    for spec in OPS.iter().filter(|s| Scheme::Replicated.can(s.op, fixed) && !apart.contains(&s.op)) {
        let (call, sign) = (format!("{}(", spec.name), infix(spec.op));
        let tested = all.iter().any(|e| e.contains(&call) || (!sign.is_empty() && e.contains(sign)));
        assert!(tested, "`{}` has no line in this file", spec.name);
    }
}

#[test]
fn integers_are_exact() {
    let whole = vec![
        ("x", &[2, 3][..], vec![4.0, -2.0, 0.0, 7.0, -5.0, 3.0]),
        ("y", &[2, 3][..], vec![-4.0, -2.0, 4.0, 2.0, 1.0, -3.0]),
        ("v", &[6][..], vec![3.0, -1.0, 2.0, 2.0, 9.0, -7.0]),
        ("m", &[3, 3][..], vec![2.0, 1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 1.0, 4.0]),
    ];
    let mut lines: Vec<(&str, String)> = typed(ORDERS, "i64");
    let exact = [
        "with_constant",
        "scaled",
        "pooled",
        "pooled_apart",
        "averaged",
        "rows_averaged",
        "spread_of",
        "sample_spread",
    ];
    lines.extend(typed(ROWS, "i64"));
    for (name, expression) in LINEAR.iter().chain(PRODUCTS).filter(|(n, _)| !exact.contains(n)) {
        lines.push((name, (*expression).to_owned()));
    }
    lines.push(("limited", "clip(x, low=-3, high=4)".to_owned()));
    let lines: Vec<(&str, &str)> = lines.iter().map(|(n, e)| (*n, e.as_str())).collect();
    for (name, (absolute, _)) in errors("i64", &lines, &whole) {
        assert_eq!(absolute, 0.0, "{name}");
    }
}

#[test]
fn casts_between_types_on_shares() {
    let lines = &[
        ("wider", "cast(x, type=fixed<128, 40>)"),
        ("narrower", "cast(cast(x, type=fixed<128, 40>), type=fixed<64, 10>)"),
        ("whole", "cast(v, type=i64)"),
        ("rounded", "cast(x, type=i64)"),
        ("back", "cast(cast(v, type=i64), type=fixed<64, 16>)"),
    ];
    for (name, (absolute, _)) in errors("fixed<64, 16>", lines, &real_inputs()) {
        let bound = if ["whole", "back", "rounded"].contains(&name.as_str()) { 0.0 } else { 2f64.powi(-10) };
        assert!(absolute <= bound, "{name}: {absolute:e}");
    }
}

#[test]
fn what_is_no_number_never_looks_exact() {
    use privity::Comparison;
    let plain = |v: f64| Plain::F64(Tensor::from_vec(vec![v]));
    for (result, wanted) in [(1.0, f64::INFINITY), (f64::NAN, 1.0), (5.0, f64::NAN)] {
        let c = Comparison::of(&plain(result), plain(wanted));
        assert!(c.absolute.is_infinite() && c.relative.is_infinite(), "{result} beside {wanted}: {c:?}");
    }
    assert_eq!(Comparison::of(&plain(2.0), plain(2.0)).relative, 0.0);
}

#[test]
fn a_limit_below_all_numbers_of_a_type_limits_nothing() {
    let inputs: &[(&'static str, &'static [usize], Vec<f64>)] = &[("x", &[3], vec![0.0, 5.0, 9.0])];
    let found = errors("u64", &[("s", "clip(x, low=-4, high=7)"), ("t", "clip(x, low=-1e30, high=1e30)")], inputs);
    assert!(found.values().all(|(absolute, _)| *absolute == 0.0), "{found:?}");
}

#[test]
fn the_least_integer_is_negative() {
    let inputs: &[(&'static str, &'static [usize], Vec<f64>)] = &[("x", &[4], vec![i64::MIN as f64, -1.0, 0.0, 5.0])];
    let found = errors("i64", &[("s", "sign(x)"), ("below", "x < 0")], inputs);
    assert!(found.values().all(|(absolute, _)| *absolute == 0.0), "{found:?}");
}

#[test]
fn a_variance_of_too_few_values_is_told_with_rows_and_ddof() {
    let text = |shape: &str| {
        format!(
            "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c)\n  input x : f64{shape} at a\n  \
             on trio as fixed<64, 16>\n    s = variance(x, axis=0, ddof=1)\n  release s to a as \"s\"\n"
        )
    };
    let problems = Program::parse("c.pv", &text("[1, 3]")).unwrap_err();
    assert_eq!(problems.diagnostics[0].code, "shape.ddof");
    assert!(problems.diagnostics[0].message.contains("1 row(s) with ddof=1"));
    let program = Program::parse("c.pv", &text("[n]")).unwrap();
    let one = Plain::F64(Tensor::from_vec(vec![1.0]));
    let data = LocalData::of(&program, BTreeMap::from([("x".to_owned(), one)]), &BTreeMap::new(), &BTreeMap::new());
    let error = run_local(&program, data.unwrap(), &LocalOptions::default()).unwrap_err();
    assert_eq!(error.code(), "session.dim-misfit");
    assert!(error.to_string().contains("1 row(s) with ddof=1"), "{error}");
}

#[test]
fn more_of_the_greatest_than_there_are_numbers_are_told_before_the_run() {
    let text = "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c)\n  input x : f64[n] at a\n  \
                on trio as fixed<64, 16>\n    s = top_k(x, k=5)\n  release s to a as \"s\"\n";
    let program = Program::parse("c.pv", text).unwrap();
    let three = Plain::F64(Tensor::from_vec(vec![1.0, 2.0, 3.0]));
    let data = LocalData::of(&program, BTreeMap::from([("x".to_owned(), three)]), &BTreeMap::new(), &BTreeMap::new());
    let error = run_local(&program, data.unwrap(), &LocalOptions::default()).unwrap_err();
    assert_eq!(error.code(), "session.dim-misfit");
    assert!(error.to_string().contains("k=5 of 3 number(s)"), "{error}");
}

#[test]
fn powers_of_inverses_and_large_products_by_public_numbers_are_right() {
    let lines = [
        ("inverse_cube", "pow(clip(p, low=0.1, high=1), exponent=-3)"),
        ("inverse_fourth", "pow(clip(p, low=0.1, high=1), exponent=-4)"),
    ];
    let found = errors("fixed<64, 20>", &lines, &[("p", &[3], vec![0.5, 0.75, 1.0])]);
    assert!(found.values().all(|(absolute, _)| *absolute < 1e-4), "{found:?}");
    let far: &[(&'static str, &'static [usize], Vec<f64>)] = &[("x", &[3], vec![1e12, -9e11, 123_456_789.0])];
    let lines = [("half", "x * 0.5"), ("third", "x / 3.0"), ("thousandth", "0.001 * x")];
    for placement in ["replicated(a, b, c)", "replicated(a, b, c; malicious)"] {
        let found = errors_on(placement, "fixed<64, 16>", &lines, far);
        assert!(found.values().all(|(absolute, _)| *absolute < 1e-3), "{placement}: {found:?}");
    }
}

#[test]
fn what_one_run_saves_the_next_one_loads() {
    let head = "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c)\n";
    let save = format!(
        "{head}  input x : f64[3] at a range -9..9\n  on trio as fixed<64, 16>\n    w = x * 2.0\n  save w as \"model\"\n"
    );
    let load = format!(
        "{head}  load model : fixed<64, 16>[n] at trio owner a range -20..20\n  on trio\n    s = sum(model)\n  release s to b as \"s\"\n"
    );
    let (save, load) = (Program::parse("save.pv", &save).unwrap(), Program::parse("load.pv", &load).unwrap());
    let options = LocalOptions::default();
    let none = BTreeMap::new();
    let inputs = BTreeMap::from([("x".to_owned(), Plain::F64(Tensor::from_vec(vec![1.0, 2.0, 4.5])))]);
    run_local(&save, LocalData::of(&save, inputs, &none, &BTreeMap::new()).unwrap(), &options).unwrap();
    assert_eq!(options.vaults.stored()["b"]["model"], "3 × fixed<64, 16>, replicated");
    // The length comes from what is stored.
    let report = run_local(&load, LocalData::default(), &options).unwrap();
    assert!((report.outputs["b"]["s"].to_f64().data()[0] - 15.0).abs() < 1e-3);
    let error = run_local(
        &load,
        LocalData { dims: BTreeMap::from([("n".to_owned(), 3)]), ..LocalData::default() },
        &LocalOptions::default(),
    );
    assert_eq!(error.unwrap_err().code(), "store.missing");
    // A range that does not hold the saved one is refused.
    let narrow = load.computation().to_string().replace("-20..20", "-17..20");
    let narrow = Program::parse("narrow.pv", &narrow).unwrap();
    let error = run_local(&narrow, LocalData::default(), &options).unwrap_err();
    assert_eq!(error.code(), "store.misfit");
    assert!(error.to_string().contains("its range is"), "{error}");
    // What it will cost is known without what is stored.
    let predicted = load.predict(&BTreeMap::from([("n".to_owned(), 3)])).unwrap();
    assert_eq!(predicted.rounds, report.cost.rounds);
}

#[test]
fn verified_shares_have_the_same_operators() {
    let on = |dtype: &str, bound: f64, lines: &[(&str, &str)]| {
        let lines = typed(lines, dtype);
        let lines: Vec<(&str, &str)> = lines.iter().map(|(n, e)| (*n, e.as_str())).collect();
        for (name, (absolute, _)) in errors_on("replicated(a, b, c; malicious)", dtype, &lines, &real_inputs()) {
            assert!(absolute <= bound, "{dtype} {name}: error {absolute:e} above {bound:e}");
        }
    };
    on("fixed<64, 16>", 0.0, LINEAR);
    on("fixed<64, 16>", 16.0 * 2f64.powi(-16), PRODUCTS);
    on("fixed<64, 16>", 0.0, ORDERS);
    on("fixed<64, 16>", 2e-3, VERIFIED);
    // Sorting compares and exchanges there, which takes its time: one of each kind.
    let kinds = ["by_key", "flags_by_key", "mixed_up", "bins", "picked", "placed", "totals", "runs"];
    let rows: Vec<(&str, &str)> = ROWS.iter().copied().filter(|(n, _)| kinds.contains(n)).collect();
    on("fixed<64, 16>", 0.0, &rows);
    on("fixed<64, 16>", 2f64.powi(-14), &SHARES_OF_ROWS[..1]);
    on("fixed<64, 16>", 3.0 * 2f64.powi(-16), PUBLIC);
    on("fixed<128, 40>", 3.0 * 2f64.powi(-40), &PUBLIC[..6]);
    on(
        "fixed<128, 40>",
        1e-6,
        &[("inner", "dot(v, v)"), ("rectified", "relu(x)"), ("limited", "clip(x, low=-1, high=2)")],
    );
}

/// Functions that verified shares have.
const VERIFIED: &[(&str, &str)] = &[
    ("divided", "x / p"),
    ("inverse", "reciprocal(p)"),
    ("root", "sqrt(p)"),
    ("inverse_root", "inverse_sqrt(p)"),
    ("deviation", "std(x, axis=0)"),
    ("exponential", "exp(y)"),
    ("logarithm", "log(p)"),
    ("logistic", "sigmoid(x)"),
    ("tangent", "tanh(x)"),
];
