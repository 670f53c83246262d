//! The real modules in the sandbox beside the same functions natively: CPU time of one run each, the least of several.
//! `cargo bench --package privity-sandbox`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use privity_guest::{GiveUp, Native};
use rustix::time::{ClockId, clock_gettime};
use sandbox::{Job, Limits, ModuleDigest, Sandbox};
use tables::Table;

const ROUNDS: usize = 5;

fn main() {
    // Cargo says so where tests are run: there is nothing to test here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "{:<12}{:>10}{:>12}{:>12}{:>8}{:>14}{:>12}",
        "module", "rows", "native ms", "sandbox ms", "ratio", "fuel", "compile ms"
    );
    compare("intersect", intersect::run, 200_000, 4, &["statistics"]);
    compare("logistic", logistic::run, 50_000, 20, &["fit", "model"]);
}

fn compare(
    name: &str,
    run: fn(&mut dyn privity_guest::Job) -> Result<(), GiveUp>,
    rows: usize,
    columns: usize,
    outputs: &[&str],
) {
    let bytes = testkit::module(name).expect("the module builds");
    let sandbox = Sandbox::new().expect("this machine is supported");
    let (module, compiling) = timed(|| sandbox.load(&bytes, &ModuleDigest::of(&bytes)).expect("the module is taken"));
    let inputs = [("left", table(rows, columns, 1)), ("right", table(rows, columns, 2))];
    let arguments: BTreeMap<String, String> =
        [("key", "id"), ("target", "t1")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let (mut native, mut inside, mut fuel) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        // Both begin with tables as they lie in memory, and end with tables: each includes its copies.
        let time = timed(|| {
            let given =
                |table: &Table| privity_guest::Table::decode(tables::write(table).expect("written")).expect("read");
            let inputs = inputs.iter().map(|(name, table)| ((*name).to_owned(), given(table))).collect();
            let mut job = Native { inputs, arguments: arguments.clone(), outputs: BTreeMap::new() };
            run(&mut job).expect("the module runs");
        });
        native = native.min(time.1);
        let (outcome, time) = timed(|| {
            let inputs = inputs.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect();
            let outputs = outputs.iter().map(ToString::to_string).collect();
            module
                .run(Job { inputs, arguments: arguments.clone(), outputs }, Limits::default())
                .expect("the module runs")
        });
        (inside, fuel) = (inside.min(time), outcome.fuel);
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = inside.as_secs_f64() / native.as_secs_f64();
    println!(
        "{name:<12}{rows:>10}{:>12.1}{:>12.1}{ratio:>8.2}{fuel:>14}{:>12.0}",
        ms(native),
        ms(inside),
        ms(compiling)
    );
}

/// Rows with a key, a target of 0 and 1, and columns of numbers; the right table's keys are in another order, and half
/// of them are the left's.
fn table(rows: usize, columns: usize, side: u64) -> Table {
    let mut state = side;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31) - 0.5
    };
    let n = rows as i64;
    // 48,271 is prime, so this is a permutation of any number of rows that it does not divide.
    let ids = (0..n).map(|i| if side == 1 { i } else { i * 48_271 % n + n / 2 });
    let mut all: Vec<(String, ArrayRef)> = vec![("id".into(), Arc::new(ids.collect::<Int64Array>()))];
    all.push((format!("t{side}"), Arc::new((0..n).map(|_| i64::from(noise() > 0.0)).collect::<Int64Array>())));
    for column in 0..columns {
        all.push((format!("c{side}_{column}"), Arc::new((0..n).map(|_| Some(noise())).collect::<Float64Array>())));
    }
    Table::try_from(RecordBatch::try_from_iter(all).expect("columns of one length")).expect("columns that are taken")
}

/// What it gives, and the CPU time of this thread that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
    };
    let before = now();
    let done = work();
    (done, now() - before)
}
