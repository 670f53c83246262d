//! Ranges once lengths are known: what inputs are held to, and what no longer fits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use check::{Checked, check};

fn checked(inputs: &str, steps: &str) -> Checked {
    let source = format!(
        "computation c\n  player a, b, c\n  placement trio = replicated(a, b, c)\n{inputs}  on trio as fixed<64, 16>\n{steps}  release r to c as \"r\"\n"
    );
    let parsed = ir::text::parse(&source).unwrap_or_else(|e| panic!("{}\n{source}", e[0]));
    check(parsed).unwrap_or_else(|e| panic!("{}\n{source}", e[0]))
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
