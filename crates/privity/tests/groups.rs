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
  on committee as fixed<64, 20>
    total = federated_sum(clipped)
    count = federated_sum(positive)
    mean = federated_mean(answer)
    weighted = federated_mean(clipped, trust)
    moved = total + offset
  release moved to press as \"moved\"
  release count to press as \"count\"
  release mean to press as \"mean\"
  release weighted to press as \"weighted\"
";

fn run(answers: &[[f64; 2]], trust: &[f64]) -> Result<Report, Error> {
    let program = Program::parse("crowd.pv", PROGRAM).unwrap();
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
    ) {
        let (answers, trust): (Vec<[f64; 2]>, Vec<f64>) = members.iter().copied().unzip();
        let report = run(&answers, &trust).unwrap();
        let column = |of: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            (0..2).map(|j| members.iter().map(|(a, w)| of(a[j], *w)).sum::<f64>()).collect()
        };
        let clip = |x: f64| x.clamp(-100.0, 100.0);
        let (count, weight) = (members.len() as f64, trust.iter().sum::<f64>());
        // Each member rounds to 2^-20; a mean is divided on shares.
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
    let with = |n: usize| run(&vec![[1.0, 2.0]; n], &vec![1.0; n]);
    for n in [0, 1, 2, 41] {
        let error = with(n).unwrap_err();
        assert_eq!(error.code(), "session.group-size", "{error}");
        assert!(error.to_string().contains("at least 3 and at most 40"), "{error}");
    }
    assert!(with(3).is_ok() && with(40).is_ok());
}

#[test]
fn a_member_outside_of_its_range_is_refused() {
    let error = run(&[[1.0, 2.0], [201.0, 2.0], [1.0, 2.0]], &[1.0; 3]).unwrap_err();
    assert_eq!(error.code(), "session.input-range", "{error}");
    let error = run(&[[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]], &[1.0; 4]).unwrap_err();
    assert!(error.to_string().contains("members"), "{error}");
}

#[test]
fn what_a_run_costs_does_not_depend_on_the_members() {
    let program = Program::parse("crowd.pv", PROGRAM).unwrap();
    let predicted = program.predict(&BTreeMap::new()).unwrap();
    for n in [3, 25] {
        let report = run(&vec![[1.0, 2.0]; n], &vec![1.0; n]).unwrap();
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
