//! The main job: statistics and a regression over three owners' columns of 442 patients, against numpy's and
//! scikit-learn's figures (`examples/diabetes/expected.json`), in one process and on four workers.

mod common;

use common::{Parties, json, privity, repository};
use serde_json::Value;

/// Each statistic to 1e-3 and each coefficient to 1e-2, relative.
fn agrees(report: &Value) {
    let expected = std::fs::read_to_string(repository().join("examples/diabetes/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let outputs = &report["outputs"]["analyst"];
    assert_eq!(report["outputs"].as_object().unwrap().len(), 1, "only the analyst receives anything");
    assert_eq!(outputs["count"]["values"], expected["count"]);
    for (name, bound) in [
        ("mean", 1e-3),
        ("std", 1e-3),
        ("min", 1e-3),
        ("max", 1e-3),
        ("correlation with target", 1e-3),
        ("coefficients", 1e-2),
    ] {
        let found = outputs[name]["values"].as_array().unwrap();
        let wanted = expected[name].as_array().unwrap();
        assert_eq!(found.len(), wanted.len(), "{name}");
        for (x, y) in found.iter().zip(wanted) {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            assert!((x - y).abs() <= bound * y.abs(), "{name}: {x} is not {y}");
        }
    }
}

#[test]
fn in_one_process_on_every_run() {
    for _ in 0..3 {
        let args =
            ["run", "examples/diabetes/diabetes.pv", "--local", "--data", "examples/diabetes/DATA.toml", "--json"];
        let (report, code) = json(&privity(&repository(), &args));
        assert_eq!(code, 0, "{report}");
        agrees(&report);
    }
}

#[test]
fn on_four_workers() {
    let parties = Parties::started();
    let program = std::fs::read_to_string(repository().join("examples/diabetes/diabetes.pv")).unwrap();
    let (report, code) = parties.run(&program, "analyst.key");
    assert_eq!(code, 0, "{report}");
    agrees(&report);
    // No owner sees any of it.
    let (report, code) = parties.run(&program, "registry.key");
    assert_eq!((code, report["outputs"].as_object().unwrap().len()), (0, 0), "{report}");
}

#[test]
fn what_would_be_disclosed_is_shown_first() {
    let args = ["disclose", "examples/diabetes/diabetes.pv", "--json"];
    let (report, code) = json(&privity(&repository(), &args));
    assert_eq!(code, 0);
    let owners: Vec<&str> =
        report["owners"].as_array().unwrap().iter().map(|o| o["player"].as_str().unwrap()).collect();
    assert_eq!(owners, ["clinic", "laboratory", "registry"]);
    assert_eq!(report["matched"][0]["key"], "patient", "{}", report["matched"]);
}
