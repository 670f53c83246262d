//! The survey example on shares, against numpy's figures (`examples/survey/expected.json`), and traps of other systems.

use std::collections::BTreeMap;
use std::path::Path;

use privity::algebra::Tensor;
use privity::{LocalData, LocalOptions, Plain, Program, run_local, tensor};
use serde_json::Value;

/// Numbers of nested lists, one after the other.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

#[test]
fn the_survey_is_that_of_numpy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/survey");
    let text = std::fs::read_to_string(folder.join("survey.pv")).unwrap();
    let program = Program::parse("survey.pv", &text).unwrap();
    let data = LocalData::read(&program, &folder.join("DATA.toml"), &BTreeMap::new()).unwrap();
    let options = LocalOptions { compare: true, ..LocalOptions::default() };
    let report = run_local(&program, data, &options).unwrap();
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let found = |name: &str| {
        let outputs = report.outputs.values().next().unwrap();
        flat(&tensor(&outputs[name])["values"])
    };
    let quartiles = [found("lower quartile"), found("median"), found("upper quartile")].concat();
    let pairs = [
        (quartiles, &expected["quartiles"]),
        (found("histogram"), &expected["histogram"]),
        (found("counts"), &expected["counts"]),
        (found("means"), &expected["means"]),
    ];
    for (found, expected) in pairs {
        let expected = flat(expected);
        assert_eq!(found.len(), expected.len());
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() <= 1e-4, "{x} is not {y}");
        }
    }
    for (name, comparison) in report.comparison.unwrap() {
        assert!(comparison.absolute <= 1e-4, "{name}: {}", comparison.absolute);
    }
}

fn run(lines: &str, outputs: &[&str], x: &[f64], y: &[f64]) -> Result<BTreeMap<String, f64>, String> {
    let n = x.len();
    let mut text = format!(
        "computation traps\n  player a, b, c\n  placement trio = replicated(a, b, c)\n  \
         input x : f64[{n}] at a\n  input y : f64[{n}] at b range 0..12\n  on trio as fixed<64, 16>\n"
    );
    lines.lines().for_each(|line| text += &format!("    {}\n", line.trim()));
    outputs.iter().for_each(|name| text += &format!("  release {name} to c as \"{name}\"\n"));
    let program = Program::parse("traps.pv", &text).map_err(|e| e.to_string())?;
    let plain = |v: &[f64]| Plain::F64(Tensor::from_vec(v.to_vec()));
    let inputs = BTreeMap::from([("x".to_owned(), plain(x)), ("y".to_owned(), plain(y))]);
    let data = LocalData::of(&program, inputs, &BTreeMap::new(), &BTreeMap::new()).map_err(|e| e.to_string())?;
    let options = LocalOptions { compare: true, ..LocalOptions::default() };
    let report = run_local(&program, data, &options).map_err(|e| e.to_string())?;
    Ok(report.comparison.unwrap_or_default().into_iter().map(|(name, c)| (name, c.absolute)).collect())
}

/// A division that errs by 1.5e-2 at its default precision has been shipped in this field.
#[test]
fn divisions_err_by_no_more_than_two_units() {
    let x: Vec<f64> = (0..200).map(|i| f64::from(i * i % 97) * 0.5 - 20.0).collect();
    let y: Vec<f64> = (0..200).map(|i| (f64::from(i * 7 % 31) * 0.75 - 11.375).abs()).collect();
    let errors = run("d = maximum(y, 0.1)\nz = x / d\nw = reciprocal(d)", &["z", "w"], &x, &y).unwrap();
    // Operands are encoded with half a unit of error each; an eighth is the least divisor.
    assert!(errors["z"] <= 3.0 * 2f64.powi(-16) && errors["w"] <= 3.0 * 2f64.powi(-16), "{errors:?}");
}

/// 1231234² has been wrapped silently: here it is right, or refused.
#[test]
fn a_large_square_is_right_or_refused() {
    match run("z = x * x", &["z"], &[1231234.0], &[0.0]) {
        Ok(errors) => assert!(errors["z"] <= 1e-3, "{errors:?}"),
        Err(refusal) => assert!(!refusal.is_empty()),
    }
}
