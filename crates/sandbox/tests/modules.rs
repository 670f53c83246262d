//! The real modules, in the sandbox and beside it.

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use privity_guest::{GiveUp, Native};
use sandbox::{Job, Limits, Module, ModuleDigest, Sandbox, SandboxError};
use tables::Table;

fn compiled(name: &str) -> Module {
    let bytes = testkit::module(name).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let home = std::env::home_dir().unwrap();
    assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "a path of this machine is in the module");
    assert!(home.as_os_str().len() < 2 || !text.contains(&*home.to_string_lossy()), "the home folder is in the module");
    Sandbox::new().unwrap().load(&bytes, &ModuleDigest::of(&bytes)).unwrap()
}

static INTERSECT: LazyLock<Module> = LazyLock::new(|| compiled("intersect"));
static LOGISTIC: LazyLock<Module> = LazyLock::new(|| compiled("logistic"));

/// Numbers that look random and are the same everywhere.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31) * 2.0 - 1.0
    })
}

fn table<const N: usize>(columns: [(&str, ArrayRef); N]) -> Table {
    Table::try_from(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn reals(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

/// Two owners' patients: every third of the one is known to the other, in another order.
struct World {
    left: Table,
    right: Table,
    x: Vec<f64>,
    z: Vec<f64>,
    y: Vec<f64>,
}

const ROWS: usize = 900;

fn world() -> World {
    let x: Vec<f64> = noise(1).take(ROWS).collect();
    let z: Vec<f64> = noise(2).take(ROWS).map(|z| 10.0 + 5.0 * z).collect();
    let y: Vec<f64> =
        noise(3).zip(x.iter().zip(&z)).map(|(e, (x, z))| f64::from(3.0 * x - 0.5 * (z - 10.0) + e > 0.0)).collect();
    let names = |rows: Vec<usize>| {
        Arc::new(rows.iter().map(|i| Some(format!("patient {i}"))).collect::<StringArray>()) as ArrayRef
    };
    let known: Vec<usize> = (0..ROWS).step_by(3).rev().collect();
    let strangers = ROWS..ROWS + 50;
    let right: Vec<usize> = strangers.chain(known).collect();
    let missing = |i: &usize| (!i.is_multiple_of(9)).then(|| z.get(*i).copied().unwrap_or(0.0));
    World {
        left: table([
            ("patient", names((0..ROWS).collect())),
            ("x", reals(x.iter().copied().map(Some))),
            ("note", names((0..ROWS).collect())),
            ("y", Arc::new(y.iter().map(|y| *y as i64).collect::<Int64Array>())),
        ]),
        right: table([("id", names(right.clone())), ("z", reals(right.iter().map(missing)))]),
        x,
        z,
        y,
    }
}

fn arguments(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let both = [("key", "patient"), ("right_key", "id")];
    both.iter().chain(more).map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn job(world: &World, arguments: &BTreeMap<String, String>, outputs: &[&str]) -> Job {
    Job {
        inputs: BTreeMap::from([("left".into(), world.left.clone()), ("right".into(), world.right.clone())]),
        arguments: arguments.clone(),
        outputs: outputs.iter().map(ToString::to_string).collect(),
    }
}

/// The same function, outside of the sandbox.
fn natively(
    run: fn(&mut dyn privity_guest::Job) -> Result<(), GiveUp>,
    world: &World,
    arguments: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Table>, GiveUp> {
    let given = |table: &Table| privity_guest::Table::decode(tables::write(table).unwrap()).unwrap();
    let inputs = BTreeMap::from([("left".into(), given(&world.left)), ("right".into(), given(&world.right))]);
    let mut job = Native { inputs, arguments: arguments.clone(), outputs: BTreeMap::new() };
    run(&mut job)?;
    let back = |table: privity_guest::Table| tables::read(table.encode().unwrap(), tables::Limits::default()).unwrap();
    Ok(job.outputs.into_iter().map(|(name, table)| (name, back(table))).collect())
}

fn real(table: &Table, column: usize) -> Vec<f64> {
    table.batches().iter().flat_map(|b| b.column(column).as_primitive::<Float64Type>().values().to_vec()).collect()
}

fn whole(table: &Table, column: usize) -> Vec<i64> {
    table.batches().iter().flat_map(|b| b.column(column).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[test]
fn an_intersection_gives_statistics_of_the_matched_rows() {
    let (world, arguments) = (world(), arguments(&[]));
    let outcome = INTERSECT.run(job(&world, &arguments, &["statistics"]), Limits::default()).unwrap();
    assert_eq!(outcome.outputs, natively(intersect::run, &world, &arguments).unwrap());
    let statistics = &outcome.outputs["statistics"];
    let text = |column: usize| {
        let names = statistics.batches()[0].column(column).as_string::<i32>().clone();
        names.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        (text(0), text(1)),
        (vec!["left".into(), "left".into(), "right".into()], ["x", "y", "z"].map(str::to_owned).to_vec())
    );
    assert_eq!(whole(statistics, 2), [300, 300, 300]);
    assert_eq!(whole(statistics, 3), [300, 300, 200]);
    let sum = |values: &[f64], keep: fn(usize) -> bool| {
        (0..ROWS).step_by(3).filter(|i| keep(*i)).map(|i| values[i]).sum::<f64>()
    };
    let sums = [sum(&world.x, |_| true), sum(&world.y, |_| true), sum(&world.z, |i| i % 9 != 0)];
    assert_eq!(real(statistics, 4), sums);
    assert_eq!(real(statistics, 5), [sums[0] / 300.0, sums[1] / 300.0, sums[2] / 200.0]);
}

#[test]
fn an_intersection_of_few_rows_is_not_told() {
    let world = world();
    for more in [
        &[("minimum", "301")][..],
        &[("minimum", "201")],
        &[("minimum", "few")],
        &[("key", "x")],
        &[("right_key", "none")],
    ] {
        let arguments = arguments(more);
        let error = INTERSECT.run(job(&world, &arguments, &["statistics"]), Limits::default()).unwrap_err();
        assert_eq!(error, SandboxError::GaveUp, "{more:?}");
        natively(intersect::run, &world, &arguments).unwrap_err();
    }
}

#[test]
fn a_key_that_is_there_twice_matches_nothing() {
    let mut world = world();
    let twice = Arc::new(StringArray::from(vec!["patient 3"; 20])) as ArrayRef;
    world.right = table([("id", twice), ("z", reals((0..20).map(|_| Some(1.0))))]);
    let why = natively(intersect::run, &world, &arguments(&[])).unwrap_err();
    assert_eq!(why.to_string(), "a key is there twice in one table");
    let error = INTERSECT.run(job(&world, &arguments(&[]), &["statistics"]), Limits::default()).unwrap_err();
    assert_eq!(error, SandboxError::GaveUp);
}

#[test]
fn a_regression_is_at_the_least_loss_and_the_same_bits_everywhere() {
    let (world, arguments) = (world(), arguments(&[("target", "y"), ("ridge", "2.5")]));
    let outcome = LOGISTIC.run(job(&world, &arguments, &["fit", "model"]), Limits::default()).unwrap();
    assert_eq!(outcome.outputs, natively(logistic::run, &world, &arguments).unwrap());
    let weights = real(&outcome.outputs["model"], 1);
    let rows: Vec<usize> = (0..ROWS).step_by(3).filter(|i| i % 9 != 0).collect();
    assert_eq!(whole(&outcome.outputs["fit"], 0), [rows.len() as i64]);
    assert!(real(&outcome.outputs["fit"], 3)[0] > 0.85);
    // Where the loss is least, its slope is none: computed here from the definition.
    let error =
        |i: usize| 1.0 / (1.0 + (-(weights[0] + weights[1] * world.x[i] + weights[2] * world.z[i])).exp()) - world.y[i];
    assert!(rows.iter().map(|i| error(*i)).sum::<f64>().abs() < 1e-6);
    for (feature, weight) in [(&world.x, weights[1]), (&world.z, weights[2])] {
        let n = rows.len() as f64;
        let mean = rows.iter().map(|i| feature[*i]).sum::<f64>() / n;
        let deviation = (rows.iter().map(|i| (feature[*i] - mean).powi(2)).sum::<f64>() / n).sqrt();
        let slope: f64 = rows.iter().map(|i| error(*i) * (feature[*i] - mean) / deviation).sum();
        assert!((slope + 2.5 * weight * deviation).abs() < 1e-6, "{slope}");
    }
}

#[test]
fn a_regression_on_too_few_rows_or_another_target_gives_up() {
    let mut world = world();
    for more in [&[("target", "none")][..], &[("target", "x")], &[], &[("target", "y"), ("ridge", "-1")]] {
        let arguments = arguments(more);
        let error = LOGISTIC.run(job(&world, &arguments, &["fit", "model"]), Limits::default()).unwrap_err();
        assert_eq!(error, SandboxError::GaveUp, "{more:?}");
    }
    world.right =
        table([("id", Arc::new(StringArray::from(vec!["patient 3"])) as ArrayRef), ("z", reals([Some(1.0)]))]);
    let arguments = arguments(&[("target", "y")]);
    let error = LOGISTIC.run(job(&world, &arguments, &["fit", "model"]), Limits::default()).unwrap_err();
    assert_eq!(error, SandboxError::GaveUp);
}

#[test]
fn little_fuel_or_memory_stops_a_real_module() {
    let (world, arguments) = (world(), arguments(&[]));
    let run = |limits| INTERSECT.run(job(&world, &arguments, &["statistics"]), limits).unwrap_err();
    assert_eq!(run(Limits { fuel: 100_000, ..Limits::default() }).code(), "sandbox.fuel");
    assert_eq!(run(Limits { memory: 1 << 20, ..Limits::default() }).code(), "sandbox.memory");
    assert_eq!(run(Limits { output: 100, ..Limits::default() }).code(), "sandbox.output-size");
}
