//! Learning on shares, as the examples show it: predictions equal those in the clear, and trained models are as good.

mod common;

use std::path::Path;

use common::{json, privity, repository};
use serde_json::Value;

fn run(folder: &Path, program: &str, data: &str) -> Value {
    let (report, code) = json(&privity(folder, &["run", program, "--local", "--data", data, "--json"]));
    assert_eq!(code, 0, "{report}");
    report
}

/// The rows of a CSV file as numbers, without its header and its first `skip` columns.
fn rows(text: &str, skip: usize) -> Vec<Vec<f64>> {
    let row = |line: &str| line.split(',').skip(skip).map(|x| x.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value["values"].as_array().unwrap().iter().flat_map(flat).collect()
}

fn flat(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(inner) => inner.iter().flat_map(flat).collect(),
        None => vec![value.as_f64().unwrap()],
    }
}

/// A linear layer with row-major weights `[inputs, outputs]`.
fn layer(x: &[f64], weights: &[f64]) -> Vec<f64> {
    let outputs = weights.len() / x.len();
    (0..outputs).map(|o| x.iter().enumerate().map(|(i, x)| x * weights[i * outputs + o]).sum()).collect()
}

fn greatest(x: &[f64]) -> usize {
    (0..x.len()).max_by(|a, b| x[*a].total_cmp(&x[*b])).unwrap()
}

#[test]
fn private_predictions_are_those_in_the_clear() {
    let digits = repository().join("examples/digits");
    let expected: Value =
        serde_json::from_str(&std::fs::read_to_string(digits.join("expected.json")).unwrap()).unwrap();
    for model in ["mlp", "cnn"] {
        let report = run(&digits, &format!("{model}.pv"), &format!("{model}.toml"));
        let found = numbers(&report["outputs"]["reader"]["digit"]);
        let wanted: Vec<f64> = flat(&expected[model]["predicted"]);
        let same = found.iter().zip(&wanted).filter(|(x, y)| x == y).count();
        assert_eq!(found.len(), 357);
        assert!(same as f64 >= 0.995 * 357.0, "{model}: {same} of 357 as in the clear");
    }
}

#[test]
fn a_trained_network_tells_as_many_digits_as_one_trained_in_the_clear() {
    let digits = repository().join("examples/digits");
    let report = run(&digits, "training.pv", "training.toml");
    let outputs = &report["outputs"]["analyst"];
    let (first, second) = (numbers(&outputs["first layer"]), numbers(&outputs["second layer"]));
    let test = rows(&std::fs::read_to_string(digits.join("test.csv")).unwrap(), 0);
    let right = test.iter().filter(|row| {
        let pixels: Vec<f64> = row[..64].iter().map(|p| p / 16.0).collect();
        let hidden: Vec<f64> = layer(&pixels, &first).iter().map(|h| h.max(0.0)).collect();
        greatest(&layer(&hidden, &second)) == row[64] as usize
    });
    // In the clear, from the same weights and in the same order: 338 of 357.
    let right = right.count();
    assert!((335..=341).contains(&right), "{right} of {}", test.len());
}

#[test]
fn a_logistic_regression_is_as_good_as_that_of_scikit_learn() {
    let example = repository().join("examples/breast_cancer");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(example.join("DATA.toml"), folder.path().join("DATA.toml")).unwrap();
    std::fs::copy(example.join("training.pv"), folder.path().join("training.pv")).unwrap();
    // It is trained on the first 456 rows.
    let tables = ["hospital_a.csv", "hospital_b.csv", "pathology.csv"].map(|file| {
        let text = std::fs::read_to_string(example.join(file)).unwrap();
        let first: Vec<&str> = text.lines().take(457).collect();
        std::fs::write(folder.path().join(file), first.join("\n") + "\n").unwrap();
        rows(&text, 1)
    });
    let report = run(folder.path(), "training.pv", "DATA.toml");
    let output = |name: &str| numbers(&report["outputs"]["analyst"][name]);
    let weights = output("weights, then the constant");
    let (average, deviation) = (output("mean of each column"), output("deviation of each column"));
    let right = (456..569).filter(|row| {
        let columns = tables[0][*row].iter().chain(&tables[1][*row]);
        let z = columns.enumerate().map(|(i, x)| ((x - average[i]) / deviation[i]).clamp(-8.0, 8.0));
        let said = z.zip(&weights).map(|(z, w)| z * w).sum::<f64>() + weights[30] > 0.0;
        said == (tables[2][*row][0] == 1.0)
    });
    // scikit-learn's LogisticRegression on the same standardised columns: 112 of 113.
    assert_eq!(right.count(), 112);
}
