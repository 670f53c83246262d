//! Computing inside `enclave(e)`: what comes in and goes out, and what is refused.

use std::collections::BTreeMap;

use privity::algebra::Tensor;
use privity::session::Dims;
use privity::{LocalData, LocalOptions, Plain, Program, Report, run_local};

/// Runs a program in this process; with `compare` also in plaintext.
fn run(text: &str, inputs: &[(&str, Vec<f64>)], compare: bool) -> Result<Report, privity::Error> {
    let program = Program::parse("enclave.pv", text)?;
    let plain = |values: &Vec<f64>| Plain::F64(Tensor::new(&[values.len()][..], values.clone()).unwrap());
    let inputs = inputs.iter().map(|(name, values)| ((*name).to_owned(), plain(values))).collect();
    let data = LocalData::of(&program, inputs, &BTreeMap::new(), &Dims::new())?;
    run_local(&program, data, &LocalOptions { compare, ..LocalOptions::default() })
}

const HEAD: &str = "
computation inside
  player a, b, c, cloud, reader
  placement vault = enclave(cloud)
  placement trio = replicated(a, b, c)
  input x : f64[3] at a range -100..100
  input y : f64[3] at b range -100..100
";

#[test]
fn values_go_in_from_players_and_shares_and_out_to_both() {
    let text = format!(
        "{HEAD}
  on trio as fixed<64, 16>
    product = x * y
  on vault
    average = mean(product)
    ratio = clip(sum(x / y), low=-100, high=100)
  on trio as fixed<64, 16>
    twice = ratio * 2.0
  release average to reader as \"average\"
  release ratio to reader as \"ratio\"
  release twice to reader as \"twice\"
"
    );
    let report = run(&text, &[("x", vec![1.0, 2.0, 3.0]), ("y", vec![2.0, 4.0, 8.0])], true).unwrap();
    assert_eq!(report.outputs.keys().collect::<Vec<_>>(), ["reader"]);
    let comparison = report.comparison.unwrap();
    assert!(comparison.values().all(|c| c.absolute < 1e-3), "{comparison:?}");
    let plain = |name: &str| comparison[name].plaintext.to_f64().data()[0];
    assert!((plain("ratio") - 1.375).abs() < 1e-9 && (plain("average") - 34.0 / 3.0).abs() < 1e-3);
    assert!(report.notes[0].contains("a local run proves nothing about vault"), "{:?}", report.notes);
}

/// The code of the first thing that the checker refuses.
fn refused(lines: &str) -> String {
    let error = run(&format!("{HEAD}{lines}"), &[], false).unwrap_err();
    error.to_string()
}

#[test]
fn its_operator_gets_nothing_and_nothing_outlives_the_session() {
    let cases = [
        // The machine's owner is another placement than the machine.
        ("  on vault\n    s = sum(x)\n  on cloud\n    t = s * 2.0\n", "cloud may not read"),
        ("  on vault\n    s = sum(x)\n  output s to cloud as \"s\"\n", "cloud may not read"),
        ("  on vault\n    s = sum(x)\n  save s as \"s\"\n", "`save` of f64 cannot run on vault"),
        ("  on vault\n    z = shuffle(x)\n", "`shuffle` of f64[3] cannot run on vault"),
        (
            "  on vault\n    s = sum(x)\n  t = repeat 4 checkpoint 2 with v = s\n    on vault\n      w = v * 0.5\n    next w\n",
            "a checkpoint would keep what the loop carries on vault",
        ),
    ];
    for (lines, says) in cases {
        let said = refused(lines);
        assert!(said.contains(says), "{lines}{said}");
    }
}

#[test]
fn what_fails_inside_does_not_say_where() {
    let text = format!(
        "{HEAD}
  on vault
    small = assume(x, low=0, high=10)
    s = sum(small)
  release s to reader as \"s\"
"
    );
    let report = run(&text, &[("x", vec![1.0, 2.0, 3.0]), ("y", vec![0.0; 3])], false).unwrap();
    assert_eq!(report.outputs["reader"]["s"].to_f64().data(), [6.0]);
    let error = run(&text, &[("x", vec![1.0, 2.0, 33.0]), ("y", vec![0.0; 3])], false).unwrap_err();
    assert_eq!(error.code(), "value.inside");
    assert!(!error.to_string().contains("element"), "{error}");
    // That it may fail is told before anyone signs.
    let program = Program::parse("enclave.pv", &text).unwrap();
    let disclosure = program.checked().disclosure().to_string();
    assert!(
        disclosure.contains("cloud checks that `small` is within 0..10; if not, the run ends, and all learn that"),
        "{disclosure}"
    );
}
