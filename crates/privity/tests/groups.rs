//! Sums over groups, in one process: against figures in the clear, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;

use privity::algebra::Tensor;
use privity::{Error, LocalData, LocalOptions, Plain, Program, Report, run_local};
use proptest::prelude::*;

const PROGRAM: &str = "
computation crowd
  player a, b, c, press
  group people of at least 3 at most 40
  placement committee = replicated(a, b, c)
  input answer : f64[2] at people range -200..200
  input trust  : f64 at people range 0.5..8
  input offset : f64 at press range -10..10
  on people
    clipped = clip(answer, low=-100, high=100)
    positive = clipped > 0.0
  on press
    shift = cast(offset, type=fixed<64, 20>)
  on committee as fixed<64, 20>
    total = federated_sum(clipped)
    count = federated_sum(positive)
    mean = federated_mean(answer)
    weighted = federated_mean(clipped, trust)
    moved = total + shift
  release moved to press as \"moved\"
  release count to press as \"count\"
  release mean to press as \"mean\"
  release weighted to press as \"weighted\"
";

/// Where the sums are: on shares, or inside an enclave.
const PLACES: [&str; 2] = ["replicated(a, b, c)", "enclave(b)"];

fn at(program: &str, place: &str) -> Program {
    Program::parse("crowd.pv", &program.replace(PLACES[0], place)).unwrap()
}

fn run(place: &str, answers: &[[f64; 2]], trust: &[f64]) -> Result<Report, Error> {
    let program = at(PROGRAM, place);
    let flat = answers.iter().flatten().copied().collect();
    let inputs = BTreeMap::from([
        ("answer".to_owned(), Plain::F64(Tensor::new([answers.len(), 2], flat).unwrap())),
        ("trust".to_owned(), Plain::F64(Tensor::from_vec(trust.to_vec()))),
        ("offset".to_owned(), Plain::F64(Tensor::new([], vec![2.5]).unwrap())),
    ]);
    let data = LocalData::of(&program, inputs, &BTreeMap::new(), &BTreeMap::new())?;
    run_local(&program, data, &LocalOptions { compare: true, ..LocalOptions::default() })
}

fn numbers(report: &Report, name: &str) -> Vec<f64> {
    report.outputs["press"][name].to_f64().data().to_vec()
}

fn near(found: &[f64], expected: &[f64], within: f64) {
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!((x - y).abs() <= within, "{found:?} is not {expected:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sums_and_means_are_those_in_the_clear(
        members in proptest::collection::vec(([-200.0..200.0f64, -200.0..200.0f64], 0.5..8.0f64), 3..40),
        place in prop::sample::select(&PLACES[..]),
    ) {
        let (answers, trust): (Vec<[f64; 2]>, Vec<f64>) = members.iter().copied().unzip();
        let report = run(place, &answers, &trust).unwrap();
        let column = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            (0..2).map(|j| members.iter().map(|(a, w)| of(a[j], *w)).sum::<f64>()).collect()
        };
        let clip = |x: f64| x.clamp(-100.0, 100.0);
        let (count, weight) = (members.len() as f64, trust.iter().sum::<f64>());
        // Each member rounds to 2^-20; on shares a mean is divided only roughly.
        let moved: Vec<f64> = column(&|x, _| clip(x)).iter().map(|x| x + 2.5).collect();
        near(&numbers(&report, "moved"), &moved, 1e-3);
        near(&numbers(&report, "count"), &column(&|x, _| f64::from(u8::from(x > 0.0))), 1e-3);
        near(&numbers(&report, "mean"), &column(&|x, _| x / count), 1e-3);
        near(&numbers(&report, "weighted"), &column(&|x, w| clip(x) * w / weight), 1e-3);
        for (name, comparison) in report.comparison.unwrap() {
            prop_assert!(comparison.absolute <= 1e-3, "{name}: {}", comparison.absolute);
        }
    }
}

#[test]
fn a_sum_over_too_few_or_too_many_is_never_made() {
    for place in PLACES {
        let with = |n: usize| run(place, &vec![[1.0, 2.0]; n], &vec![1.0; n]);
        for n in [0, 1, 2, 41] {
            let error = with(n).unwrap_err();
            assert_eq!(error.code(), "session.group-size", "{error}");
            assert!(error.to_string().contains("at least 3 and at most 40"), "{error}");
        }
        assert!(with(3).is_ok() && with(40).is_ok());
    }
}

#[test]
fn a_member_outside_of_its_range_is_refused() {
    let error = run(PLACES[0], &[[1.0, 2.0], [201.0, 2.0], [1.0, 2.0]], &[1.0; 3]).unwrap_err();
    assert_eq!(error.code(), "session.input-range", "{error}");
    let error = run(PLACES[0], &[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], &[1.0; 4]).unwrap_err();
    assert!(error.to_string().contains("members"), "{error}");
}

/// Sums with bounds, of numbers that may be anything: two checked ones share one check, and a third is not held to any.
const BOUNDED: &str = "
computation bounded
  player a, b, c, press
  group people of at least 3 at most 40
  placement committee = replicated(a, b, c)
  input answer : f64[2] at people range -1000000000000000000..1000000000000000000
  input other  : f64 at people range -10..10
  input trust  : f64 at people range 0.1..20
  on committee as fixed<64, 20>
    total = federated_sum(answer, low=-1, high=0.75)
    mean = federated_mean(answer, norm=1.125)
    rest = federated_sum(other)
    weighted = federated_mean(other, trust, low=-4, high=4.5, lightest=0.5, heaviest=8)
  release total to press as \"total\"
  release weighted to press as \"weighted\"
  release mean to press as \"mean\"
  release rest to press as \"rest\"
";

fn run_bounded(place: &str, answers: &[[f64; 2]]) -> Result<Report, Error> {
    run_weighted(place, answers, &vec![2.0; answers.len()])
}

fn run_weighted(place: &str, answers: &[[f64; 2]], trust: &[f64]) -> Result<Report, Error> {
    let program = at(BOUNDED, place);
    let flat = answers.iter().flatten().copied().collect();
    let other = (0..answers.len()).map(|i| i as f64 / 8.0).collect();
    let inputs = BTreeMap::from([
        ("answer".to_owned(), Plain::F64(Tensor::new([answers.len(), 2], flat).unwrap())),
        ("other".to_owned(), Plain::F64(Tensor::from_vec(other))),
        ("trust".to_owned(), Plain::F64(Tensor::from_vec(trust.to_vec()))),
    ]);
    let data = LocalData::of(&program, inputs, &BTreeMap::new(), &BTreeMap::new())?;
    run_local(&program, data, &LocalOptions { compare: true, ..LocalOptions::default() })
}

const UNIT: f64 = 1.0 / (1 << 20) as f64;

/// Within both bounds, on the grid of units; the norm has room for what rounding may add, which is less than two units.
fn keeps(x: &[f64; 2]) -> bool {
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter().all(|x| (-1.0..=0.75).contains(x)) && norm <= 1.125 + 2f64.sqrt() * UNIT
}

/// A member's number: within, at an end, a unit beyond it, or far beyond all that the ring holds.
fn number() -> impl Strategy<Value = f64> {
    let grid = (-1i64 << 20..=3 << 18).prop_map(|units| units as f64 * UNIT);
    let ends = prop::sample::select(vec![-1.0, 0.75, -1.0 - UNIT, 0.75 + UNIT]);
    let wraps = prop::sample::select(vec![2f64.powi(44), 2f64.powi(44) + 0.5, -2f64.powi(43), 1e18, -1e18]);
    prop_oneof![12 => grid, 3 => ends, 1 => wraps]
}

/// A weight on the grid: within, at an end, or a unit beyond it.
fn weight() -> impl Strategy<Value = f64> {
    let grid = (1i64 << 19..=8 << 20).prop_map(|units| units as f64 * UNIT);
    prop_oneof![12 => grid, 2 => prop::sample::select(vec![0.5, 8.0, 0.5 - UNIT, 8.0 + UNIT])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn who_breaks_a_bound_is_in_no_sum(
        members in prop::collection::vec(([number(), number()], weight()), 3..40),
        place in prop::sample::select(&PLACES[..]),
    ) {
        let (rows, trust): (Vec<[f64; 2]>, Vec<f64>) = members.into_iter().unzip();
        let keeps = |i: &usize| keeps(&rows[*i]) && (0.5..=8.0).contains(&trust[*i]) && *i as f64 / 8.0 <= 4.5;
        let kept: Vec<usize> = (0..rows.len()).filter(keeps).collect();
        let run = run_weighted(place, &rows, &trust);
        if kept.len() < 3 {
            prop_assert_eq!(run.unwrap_err().code(), "session.group-bounds");
            return Ok(());
        }
        let report = run.unwrap();
        let sum = |j: usize| kept.iter().map(|i| rows[*i][j]).sum::<f64>();
        near(&numbers(&report, "total"), &[sum(0), sum(1)], 1e-9);
        let count = kept.len() as f64;
        near(&numbers(&report, "mean"), &[sum(0) / count, sum(1) / count], 1e-4);
        near(&numbers(&report, "rest"), &[kept.iter().map(|i| *i as f64 / 8.0).sum()], 1e-9);
        let weights: f64 = kept.iter().map(|i| trust[*i]).sum();
        let weighted: f64 = kept.iter().map(|i| trust[*i] * *i as f64 / 8.0).sum();
        near(&numbers(&report, "weighted"), &[weighted / weights], 1e-4);
        let broke: Vec<String> = (0..rows.len()).filter(|i| !keeps(i)).map(|i| (i + 1).to_string()).collect();
        let told: Vec<&String> = report.notes.iter().filter(|note| note.contains("broke a bound")).collect();
        if broke.is_empty() {
            prop_assert!(told.is_empty(), "{told:?}");
        } else {
            let of = format!("{} of {} members of people", broke.len(), rows.len());
            let told_who = |note: &&String| note.starts_with(&of) && note.ends_with(&format!(": {}", broke.join(", ")));
            prop_assert!(told.len() == 1 && told.iter().all(told_who), "{told:?}");
        }
        for (name, comparison) in report.comparison.unwrap() {
            prop_assert!(comparison.absolute <= 1e-4, "{name}: {}", comparison.absolute);
        }
    }
}

#[test]
fn a_bound_itself_is_within_and_a_unit_more_is_not() {
    // Of each member but the first `rest` has something.
    for place in PLACES {
        let rest = |rows: &[[f64; 2]]| numbers(&run_bounded(place, rows).unwrap(), "rest");
        let last = |row| rest(&[[0.0; 2], [0.0; 2], [0.0; 2], row]);
        for inside in [[0.75, -0.75], [-1.0, 0.5], [0.675, -0.9]] {
            near(&last(inside), &[0.75], 1e-9);
        }
        for outside in [[0.75 + UNIT, 0.0], [0.0, -1.0 - UNIT], [0.75, -0.9], [0.0, 2f64.powi(44)]] {
            near(&last(outside), &[0.375], 1e-9);
            near(&rest(&[outside, [0.0, 0.5], [0.25, 0.0], [0.0, -0.5]]), &[0.75], 1e-9);
        }
    }
}

#[test]
fn too_few_that_keep_their_bounds_are_not_summed() {
    for place in PLACES {
        let error = run_bounded(place, &[[0.0; 2], [0.5; 2], [1.0; 2]]).unwrap_err();
        assert_eq!(error.code(), "session.group-bounds", "{error}");
        assert!(error.to_string().contains("fewer than 3 members of people"), "{error}");
    }
}

#[test]
fn a_check_costs_what_is_predicted_for_the_most_members() {
    let program = at(BOUNDED, PLACES[0]);
    let predicted = program.predict(&BTreeMap::new()).unwrap();
    let cost = |n: usize| run_bounded(PLACES[0], &vec![[0.25, 0.5]; n]).unwrap().cost;
    let (most, few) = (cost(40), cost(3));
    assert_eq!((most.rounds, few.rounds), (predicted.rounds, predicted.rounds));
    let bytes: u64 = most.bytes.values().sum();
    assert_eq!(bytes, predicted.bytes.values().sum::<u64>());
    assert!(few.bytes.values().sum::<u64>() < bytes);
}

#[test]
fn what_a_run_costs_does_not_depend_on_the_members() {
    for (place, n) in PLACES.into_iter().flat_map(|place| [(place, 3), (place, 25)]) {
        let predicted = at(PROGRAM, place).predict(&BTreeMap::new()).unwrap();
        let report = run(place, &vec![[1.0, 2.0]; n], &vec![1.0; n]).unwrap();
        assert_eq!(report.cost.rounds, predicted.rounds);
        assert_eq!(report.cost.bytes.values().sum::<u64>(), predicted.bytes.values().sum::<u64>());
    }
}

#[test]
fn the_example_is_that_of_numpy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pulse");
    let text = std::fs::read_to_string(folder.join("pulse.pv")).unwrap();
    let program = Program::parse("pulse.pv", &text).unwrap();
    let data = LocalData::read(&program, &folder.join("DATA.toml"), &BTreeMap::new()).unwrap();
    let report = run_local(&program, data, &LocalOptions::default()).unwrap();
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: BTreeMap<String, f64> = serde_json::from_str(&expected).unwrap();
    for (name, figure) in expected {
        near(&numbers(&report, &name), &[figure], 1e-3);
    }
}
