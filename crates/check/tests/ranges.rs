//! Ranges once lengths are known: what inputs are held to, and what no longer fits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use check::{Checked, check};

/// A program with these inputs and steps, of which `r` is released.
fn parsed(dtype: &str, inputs: &str, steps: &str) -> (ir::Computation, String) {
    let source = format!(
        "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c)\n{inputs}  on trio as {dtype}\n{steps}  release r to c as \"r\"\n"
    );
    (ir::text::parse(&source).unwrap_or_else(|e| panic!("{}\n{source}", e[0])), source)
}

fn checked_in(dtype: &str, inputs: &str, steps: &str) -> Checked {
    let (parsed, source) = parsed(dtype, inputs, steps);
    check(parsed).unwrap_or_else(|e| panic!("{}\n{source}", e[0]))
}

fn checked(inputs: &str, steps: &str) -> Checked {
    checked_in("fixed<64, 16>", inputs, steps)
}

fn rows(n: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([("n".to_owned(), n)])
}

#[test]
fn what_fits_depends_on_how_many_rows_there_are() {
    let sum = checked("  input x : f64[n] at a range 0..1000\n", "    r = dot(x, x)\n");
    // 1073 times a million is just below 2^30.
    sum.budget(&rows(1073)).unwrap();
    let errors = sum.budget(&rows(1074)).unwrap_err();
    assert_eq!((errors.len(), errors[0].code), (1, "range.overflow"));
    assert!(errors[0].notes.iter().any(|n| n.contains("31 bits before the point")), "{:?}", errors[0].notes);
}

#[test]
fn an_input_without_a_range_is_held_to_what_there_is_room_for() {
    let c = checked(
        "  input x : f64[n] at a\n  input key : i64 at a\n  input y : f64 at b range 0..4\n",
        "    same = key == 7\n    r = select(same, sum(x * x), y)\n",
    );
    let bound = |n: u64| c.budget(&rows(n)).unwrap().input("x").map(|r| (r.low, r.high, r.declared));
    assert_eq!(bound(3), Some((-16384.0, 16384.0, false)));
    assert!(bound(1 << 20).unwrap().1 < 16384.0, "with more rows, their sum has less room for each");
    let budget = c.budget(&rows(3)).unwrap();
    assert_eq!(budget.input("key"), None, "a comparison takes any number");
    assert!(budget.input("y").unwrap().declared);
    // More rows than there is room for even at 1.
    assert!(c.budget(&rows(1 << 50)).is_err());
}

#[test]
fn a_program_of_a_thousand_operators_is_checked_quickly() {
    let mut steps = String::from("    v0 = x * 1.0\n");
    for i in 1..1000 {
        steps += &format!("    v{i} = clip(v{} * 1.5 - 0.25, low=-9, high=9)\n", i - 1);
    }
    let c = checked("  input x : f64[n] at a\n", &(steps + "    r = v999 + 0.0\n"));
    let start = Instant::now();
    c.budget(&rows(1000)).unwrap();
    // Some 50 passes over 3000 operators, without optimisation, beside other tests.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// The code of the first problem with a program when `n` is known, at the agreement at the latest.
fn refusal(inputs: &str, steps: &str, n: u64) -> Option<&'static str> {
    refusal_in("fixed<64, 16>", inputs, steps, n)
}

/// As [`refusal`], in a type of one's choice.
fn refusal_in(dtype: &str, inputs: &str, steps: &str, n: u64) -> Option<&'static str> {
    let (parsed, _) = parsed(dtype, inputs, steps);
    let errors = match check(parsed) {
        Ok(c) => c.budget(&rows(n)).err().unwrap_or_default(),
        Err(errors) => errors,
    };
    errors.first().map(|e| e.code)
}

/// The range of the value `r` of a program.
fn range_of_r(dtype: &str, inputs: &str, steps: &str) -> (f64, f64) {
    let c = checked_in(dtype, inputs, steps);
    let graph = &c.computation().graph;
    let r = graph.values.iter().position(|v| v.name.as_deref() == Some("r")).unwrap();
    c.budget(&rows(4)).unwrap().range(ir::ValueId(r as u32))
}

#[test]
fn loops_hold_their_operators_to_their_room() {
    let input = "  input x : f64 at a range -1000000..1000000\n";
    let square = |times: u32| {
        format!(
            "    v0 = x\n  r = repeat {times} with v = v0\n    on trio as fixed<64, 16>\n      w = clip(v * v, low=-1, high=1)\n    next w\n"
        )
    };
    for times in [1, 2, 64, 100, 1_000_000] {
        assert_eq!(refusal(input, &square(times), 1), Some("range.overflow"), "{times}");
    }
    let small = "  input x : f64 at a range -1000..1000\n";
    assert_eq!(refusal(small, &square(100), 1), None);
    // In a function too, which one that is followed step by step calls again.
    let function =
        "  function f(v : fixed<64, 16> at trio)\n    on trio\n      w = clip(v * v, low=-1, high=1)\n    return w\n";
    for times in [2, 100] {
        let steps = format!("    v0 = x\n  r = repeat {times} with v = v0\n    w = call f(v)\n    next w\n");
        assert_eq!(refusal(&format!("{input}{function}"), &steps, 1), Some("range.overflow"), "{times}");
    }
    // What is computed from the loop's result is held to its room as well.
    let after = square(100).replace("r = repeat", "s = repeat")
        + "  on trio as fixed<64, 16>\n    r = (s + x) * (x * 2000.0)\n";
    assert_eq!(refusal(small, &after, 1), Some("range.overflow"));
}

#[test]
fn an_input_of_a_loop_is_held_to_what_the_loop_has_room_for() {
    let c = checked(
        "  input x : f64 at a\n",
        "    v0 = x\n  r = repeat 100 with v = v0\n    on trio as fixed<64, 16>\n      w = clip(v * v, low=-1, high=1)\n    next w\n",
    );
    let bound = c.budget(&rows(1)).unwrap().input("x").unwrap();
    assert_eq!((bound.low, bound.high), (-16384.0, 16384.0));
}

#[test]
fn a_loop_that_adds_up_must_go_on_adding_the_same() {
    let carried = |next: &str| {
        format!(
            "    z0 = z\n    a0 = z * 0\n    b0 = z + 0\n    c0 = z * 0\n  p, q, r = repeat 1000 with u = a0, v = b0, w = c0\n    on trio\n{next}"
        )
    };
    let input = "  input z : i64 at a range 0..10\n";
    let grows = carried("      x = u + 100000000000000\n      y = u * 1\n      s = w + v\n    next x, y, s\n");
    assert_eq!(refusal_in("i64", input, &grows, 1), Some("range.loop"));
    let same = carried("      x = u + 100000000000000\n      y = v * 1\n      s = w + v\n    next x, y, s\n");
    assert_eq!(refusal_in("i64", input, &same, 1), None);
    assert_eq!(range_of_r("i64", input, &same), (0.0, 10_000.0));
}

#[test]
fn a_fold_over_no_batch_gives_its_initial_value() {
    let inputs = "  input x : f64[n] at a range 0..1\n  input y : f64 at b range 0..900\n";
    let fold = "    s0 = y\n    m = x\n  r = fold part of m by 8 drop with s = s0\n    on trio as fixed<64, 16>\n      t = sum(part)\n    next t\n";
    let (low, high) = range_of_r("fixed<64, 16>", inputs, fold);
    assert!(low <= 0.0 && high >= 900.0, "{low}..{high}");
}

#[test]
fn powers_are_held_to_all_that_arises() {
    let input = "  input x : f64 at a range 0.0009..1\n";
    // 1024³ is 2^30, which a product has no room for.
    assert_eq!(refusal(input, "    r = pow(x, exponent=-3)\n", 1), Some("range.overflow"));
    assert_eq!(refusal("  input x : f64 at a range 0.1..1\n", "    r = pow(x, exponent=-3)\n", 1), None);
    let signed = "  input x : f64 at a range -1..1\n";
    assert_eq!(refusal(signed, "    r = pow(x, exponent=64)\n", 1), None);
    assert_eq!(refusal(signed, "    r = pow(x, exponent=65)\n", 1), Some("range.domain"));
    // 40 products of 1.5 are off by more than a unit.
    let (_, high) = range_of_r("fixed<64, 8>", "  input x : f64 at a range 1..1.5\n", "    r = pow(x, exponent=20)\n");
    assert!(high > 1.5f64.powi(20) + 20.0 / 256.0, "{high}");
    let secret = "  input x : f64 at a range 0.5..2\n  input y : f64 at b range -1000000000000..1000000000000\n";
    assert_eq!(refusal(secret, "    r = power(x, y)\n", 1), Some("range.overflow"));
    let one = "  input x : f64 at a range 1..1.0001\n  input y : f64 at b range 0..100000\n";
    let (_, high) = range_of_r("fixed<64, 16>", one, "    r = power(x, y)\n");
    assert!(high > 1.0001f64.powi(100_000) * (1.0 + 1e5 * 2f64.powi(-44)), "{high}");
}

#[test]
fn normalising_has_more_fraction_bits_on_the_way() {
    let inputs = |most: u64| {
        format!(
            "  input x : f64[4] at a range 0..{most}\n  input m : f64[4] at a range 0..0\n  input v : f64[4] at b range 1..1\n"
        )
    };
    let steps = "    r = batch_norm_inference(x, m, v)\n";
    // 2^(56 - 2·16) = 2^24.
    assert_eq!(refusal(&inputs(16_000_000), steps, 1), None);
    assert_eq!(refusal(&inputs(17_000_000), steps, 1), Some("range.overflow"));
}

#[test]
fn norms_and_deviations_reckon_with_truncated_squares() {
    let input = "  input x : f64[4] at a range 0.0001..0.0001\n";
    let (low, _) = range_of_r("fixed<128, 20>", input, "    r = norm(x)\n");
    // Each square, of 10^-8, may become 0.
    assert!(low <= 0.0, "{low}");
    let (_, high) = range_of_r("fixed<64, 16>", input, "    r = std(x)\n");
    assert!(high > (1f64 / 65536.0).sqrt(), "{high}");
}

#[test]
fn wide_means_of_groups_and_quantiles_have_the_room_of_their_kernels() {
    let wide = |most: &str| format!("  input x : f64[4] at a range 0..{most}\n  input k : u64[4] at b\n");
    let mean = "    r = group_mean(x, k, groups=2)\n";
    // The sum is divided: below 2^(124 - 2·40).
    assert_eq!(refusal_in("fixed<128, 40>", &wide("1000000000000"), mean, 1), None);
    assert_eq!(refusal_in("fixed<128, 40>", &wide("10000000000000"), mean, 1), Some("range.overflow"));
    // Neighbours times a number of 30 bits: below 2^(126 - 30 - 10).
    let median = "    r = median(x)\n";
    assert_eq!(refusal_in("fixed<128, 10>", &wide("1e25"), median, 1), None);
    assert_eq!(refusal_in("fixed<128, 10>", &wide("1e27"), median, 1), Some("range.overflow"));
}

#[test]
fn by_a_public_number_only_operand_and_result_must_fit() {
    let input = "  input x : f64 at a range 0..1000000000000\n";
    for scaled in ["x * 0.5", "0.5 * x", "x / 4.0", "x * 2.0 / 8.0", "x * (1.0 / 3.0)"] {
        assert_eq!(refusal(input, &format!("    r = {scaled}\n"), 1), None, "{scaled}");
    }
    // 2^46 is 7·10^13.
    assert_eq!(refusal(input, "    r = x * 100.0\n", 1), Some("range.overflow"));
    assert_eq!(refusal(input, "    r = x / 0.01\n", 1), Some("range.overflow"));
    assert_eq!(refusal(input, "    r = x / 0.0\n", 1), Some("range.domain"));
    assert_eq!(range_of_r("fixed<64, 16>", input, "    r = x * 0.5\n"), (0.0, 5e11));
}

#[test]
fn whole_numbers_are_limited_to_whole_numbers() {
    let input = "  input x : i64 at a range -100..100\n";
    assert_eq!(range_of_r("i64", input, "    r = clip(x, low=0.5, high=7.5)\n"), (1.0, 7.0));
    assert_eq!(refusal_in("i64", input, "    r = clip(x, low=0.5, high=0.7)\n", 1), Some("range.declared"));
    assert_eq!(refusal_in("i64", input, "    r = assume(x, low=0.5, high=0.7)\n", 1), Some("range.declared"));
    let natural = "  input x : u64 at a\n";
    assert_eq!(range_of_r("u64", natural, "    r = clip(x, low=-9, high=-5)\n"), (0.0, 0.0));
}

#[test]
fn what_rests_on_a_length_is_told_once_it_is_known() {
    let input = "  input x : f64[n] at a range 0..100\n";
    let steps = "    r = sum(x) / cast(size(n, type=i64) - 1, type=fixed<64, 16>)\n";
    assert_eq!(refusal(input, steps, 5), None);
    assert_eq!(refusal(input, steps, 1), Some("range.domain"));
    // In a loop as well.
    let steps = "    v0 = sum(x)\n  r = repeat 100 with v = v0\n    on trio as fixed<64, 16>\n      w = clip(v / cast(size(n, type=i64) - 1, type=fixed<64, 16>), low=0, high=100)\n    next w\n";
    assert_eq!(refusal(input, steps, 5), None);
    assert_eq!(refusal(input, steps, 1), Some("range.domain"));
}

/// The ranges that values which owners share on a verified placement are held to, by their names there.
fn shared(steps: &str) -> Result<BTreeMap<String, (f64, f64)>, &'static str> {
    let source = format!(
        "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c; malicious)\n  input x : f64[4] at a range 0..10\n{steps}  \
         release r to c as \"r\"\n"
    );
    let parsed = ir::text::parse(&source).unwrap_or_else(|e| panic!("{}\n{source}", e[0]));
    let checked = check(parsed).map_err(|e| e[0].code)?;
    let budget = checked.budget(&rows(4)).map_err(|e| e[0].code)?;
    let c = checked.computation();
    let graphs =
        std::iter::once((None, &c.graph)).chain(c.functions.iter().enumerate().map(|(i, f)| (Some(i), &f.graph)));
    let mut found = BTreeMap::new();
    for (function, graph) in graphs {
        graph.visit(&mut |instr| {
            let range = instr.results.first().and_then(|v| budget.shared(function, *v));
            if let Some(range) = range.filter(|_| instr.op == ir::Op::Move) {
                let from = graph.value(instr.args[0]).name.clone().unwrap_or_default();
                assert!(found.insert(from, range).is_none());
            }
        });
    }
    Ok(found)
}

#[test]
fn what_owners_share_is_held_to_one_range_for_each_line() {
    let on = "  on trio as fixed<64, 16>\n";
    let plain = shared(&format!("{on}    r = x * x\n")).unwrap();
    assert_eq!(plain, BTreeMap::from([("x".to_owned(), (0.0, 10.0))]));
    // A function that is called with numbers up to 10 and up to 30.
    let function = |factor: &str| {
        format!(
            "  function twice(v : f64[4] at a)\n{on}      y = v * v\n    return y\n  on a\n    w = x * {factor}\n  p = call twice(x)\n  q = call twice(w)\n{on}    r = p + q\n"
        )
        .replace("  on trio as fixed<64, 16>\n      y", "    on trio as fixed<64, 16>\n      y")
    };
    let both = shared(&function("3.0")).unwrap();
    assert!(both["v"].0 <= 0.0 && both["v"].1 >= 30.0 && both["v"].1 < 30.1, "{both:?}");
    // An owner may share the greater numbers in either call, so there must be room for them in both.
    assert_eq!(shared(&function("10000.0")), Err("range.overflow"));
    // A loop that is followed step by step.
    let doubling = format!("  u = repeat 3 with v = x\n    on a\n      t = v * 2.0\n    next t\n{on}    r = u * u\n");
    let after = shared(&doubling).unwrap();
    assert!(after["u"].1 >= 80.0 && after["u"].1 < 80.1, "{after:?}");
}

#[test]
fn in_a_loop_that_is_followed_every_step_has_room_for_the_last_ones_numbers() {
    let on = "    on trio as fixed<64, 16>\n";
    let program = |factor: &str| {
        format!(
            "  on trio as fixed<64, 16>\n    none = x * 0.0\n  u, s = repeat 3 with v = x, w = none\n{on}      y = v * v + w * 0.0\n    on a\n      t = v * {factor}\n    next t, y\n  on trio as fixed<64, 16>\n    r = s\n"
        )
    };
    let all = shared(&program("2.0")).unwrap();
    assert!(all["v"].1 >= 40.0 && all["v"].1 < 40.1, "{all:?}");
}
