//! The module on tables whose least loss is checked from its definition, outside of the sandbox.

use privity_guest::{GiveUp, Native, table};

const ROWS: usize = 300;

/// Numbers between -1 and 1 that look random and are the same everywhere.
fn noise(seed: u64) -> Vec<f64> {
    let mut state = seed;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31) * 2.0 - 1.0
    });
    next.take(ROWS).collect()
}

struct World {
    x: Vec<f64>,
    z: Vec<f64>,
    y: Vec<f64>,
}

fn world() -> World {
    let (x, z, errors) = (noise(1), noise(2).iter().map(|z| 10.0 + 5.0 * z).collect::<Vec<f64>>(), noise(3));
    let y = (0..ROWS).map(|i| f64::from(3.0 * x[i] - 0.5 * (z[i] - 10.0) + errors[i] > 0.0)).collect();
    World { x, z, y }
}

fn job(world: &World, arguments: &[(&str, &str)]) -> Native {
    let keys: Vec<i64> = (0..ROWS as i64).collect();
    let left = table([("id", keys.clone().into()), ("x", world.x.clone().into()), ("y", world.y.clone().into())]);
    let backwards = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
    let right = table([("id", keys.into_iter().rev().collect::<Vec<i64>>().into()), ("z", backwards(&world.z).into())]);
    let inputs = [("left".to_owned(), left.unwrap()), ("right".to_owned(), right.unwrap())].into();
    let all = [("key", "id")];
    let arguments = all.iter().chain(arguments).map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    Native { inputs, arguments, ..Native::default() }
}

fn run(mut job: Native) -> Result<Native, GiveUp> {
    logistic::run(&mut job).map(|()| job)
}

#[test]
fn the_loss_is_least_where_it_ends() {
    let world = world();
    let done = run(job(&world, &[("target", "y"), ("ridge", "2.5")])).unwrap();
    let weights: Vec<f64> = done.outputs["model"].numbers("weight").unwrap().into_iter().flatten().collect();
    assert_eq!(weights.len(), 3);
    let fit = |column| done.outputs["fit"].numbers(column).unwrap()[0].unwrap();
    assert!(fit("accuracy") > 0.85 && fit("loss") < 0.4 && fit("iterations") < 25.0);
    let error = |i: usize| {
        let z = weights[0] + weights[1] * world.x[i] + weights[2] * world.z[i];
        1.0 / (1.0 + (-z).exp()) - world.y[i]
    };
    assert!((0..ROWS).map(error).sum::<f64>().abs() < 1e-6);
    for (feature, weight) in [(&world.x, weights[1]), (&world.z, weights[2])] {
        let mean = feature.iter().sum::<f64>() / ROWS as f64;
        let deviation = (feature.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / ROWS as f64).sqrt();
        let slope: f64 = (0..ROWS).map(|i| error(i) * (feature[i] - mean) / deviation).sum();
        assert!((slope + 2.5 * weight * deviation).abs() < 1e-6, "{slope}");
    }
}

#[test]
fn what_determines_no_model_is_given_up() {
    let world = world();
    for arguments in [
        &[][..],
        &[("target", "none")],
        &[("target", "x")],
        &[("target", "y"), ("ridge", "0")],
        &[("target", "y"), ("key", "z")],
    ] {
        run(job(&world, arguments)).err().unwrap();
    }
    let mut few = job(&world, &[("target", "y")]);
    few.inputs.insert("right".into(), table([("id", vec![3i64].into()), ("z", vec![1.0].into())]).unwrap());
    assert_eq!(run(few).err().unwrap().to_string(), "too few rows match for so many features");
}
