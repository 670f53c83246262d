//! The datasets under `examples/` load against the types that their programs declare.

use std::collections::BTreeMap;
use std::path::Path;

use data::{Datasets, DimBinding, Inputs, Values};

fn load(example: &str) -> (Vec<Inputs>, BTreeMap<String, u64>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
    let source = std::fs::read_to_string(folder.join(format!("{example}.pv"))).unwrap();
    let computation = ir::text::parse(&source).unwrap();
    let datasets = Datasets::read(&folder.join("DATA.toml")).unwrap();
    datasets.check_names(&computation).unwrap();
    let mut dims = DimBinding::new();
    let inputs = computation
        .players
        .iter()
        .map(|p| Inputs::load(&datasets, &computation, &p.name, &mut dims).unwrap_or_else(|e| panic!("{e}")))
        .collect();
    (inputs, dims.lengths())
}

#[test]
fn diabetes() {
    let (inputs, dims) = load("diabetes");
    assert_eq!(dims, BTreeMap::from([("n".to_owned(), 442)]));
    let (clinic, laboratory, registry, analyst) = (&inputs[0], &inputs[1], &inputs[2], &inputs[3]);
    assert_eq!(clinic.values["vitals"].values.shape(), [442, 4]);
    assert_eq!(laboratory.values["blood"].values.shape(), [442, 6]);
    assert!(clinic.keys["n"] == laboratory.keys["n"] && clinic.keys["n"] == registry.keys["n"]);
    assert!(analyst.values.is_empty() && analyst.keys.is_empty());
    let Values::F64(target) = &registry.values["target"].values else { panic!() };
    let mean = target.data().iter().sum::<f64>() / 442.0;
    assert!((mean - 152.13348416289594).abs() < 1e-9, "{mean}");
}

#[test]
fn breast_cancer() {
    let (inputs, dims) = load("breast_cancer");
    assert_eq!(dims, BTreeMap::from([("n".to_owned(), 569)]));
    let Values::Bool(benign) = &inputs[2].values["benign"].values else { panic!() };
    assert_eq!(benign.data().iter().filter(|b| **b).count(), 357);
}
