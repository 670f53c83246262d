//! Random programs over the whole operator table: whatever the checker admits must come out right.
//!
//! A program is made of random operators on inputs with random ranges, on shares of either ring, semi-honest and verified,
//! and in the clear. Operators that the checker refuses are left out, or their operands limited. Every value is released, so
//! that each operator is held against plaintext on just the numbers that it was given, to the error that it states, and
//! each value against the range that the checker found. In half of them some steps are in a function or a loop. Data lie within the inputs' ranges and often at their ends.
//!
//! `PRIVITY_PROGRAMS=20000` runs so many programs (40 otherwise), `PRIVITY_SEED=7` others; a failure prints the smallest
//! program that shows it.

mod attrs;
mod costs;
mod judge;
mod numbers;
mod recipe;
mod stretch;
mod table;
mod tolerance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use privity::ir::{Op, ValueId};
use privity::{LocalData, LocalOptions, Plain, Program, Report, run_local};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use judge::{Seen, judge};
use numbers::Random;
use recipe::Recipe;
use stretch::{BEGAN, Stretch};

/// The operators that were run, for all programs together.
static RUN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Runs a recipe and judges every value.
fn hold(recipe: &Recipe, seed: u64) -> Result<(), String> {
    let Ok((program, values)) = recipe.program() else { return Ok(()) };
    let text = || program.computation().to_string();
    let mut random = Random::new(seed);
    let inputs = recipe.data(&program, &mut random)?;
    let shown = format!("{:?}", inputs.values().map(|p| p.to_f64().data().to_vec()).collect::<Vec<_>>());
    let outputs = match run(&program, inputs) {
        Ok(mut report) => report.outputs.remove("reader").unwrap_or_default(),
        // In the clear what does not fit is an error, and no wrong number.
        Err(_) if recipe.is_clear() => return Ok(()),
        Err(e) => return Err(format!("{e}\n{}data {shown}", text())),
    };
    let budget = program.checked().budget(&BTreeMap::new()).map_err(|_| "a budget only once".to_owned())?;
    let mut seen: Vec<Seen> = Vec::new();
    // What a slot is outside of a function or a loop, while steps inside are judged.
    let mut outside = None;
    for (slot, value) in values.iter().enumerate() {
        let result = &outputs[&format!("v{slot}")];
        let at = |e: String| format!("v{slot} {e}\n{}data {shown}", text());
        within(budget.range(*value), result).map_err(at)?;
        let step = slot.checked_sub(recipe.inputs.len());
        if let Some(stretch) = recipe.stretch.as_ref().filter(|s| Some(s.steps.start) == step) {
            let inside = stretch.inside(&seen, outputs.get(BEGAN)).map_err(at)?;
            outside = inside.map(|(slot, inside)| (slot, std::mem::replace(&mut seen[slot], inside)));
        }
        if recipe.stretch.as_ref().is_some_and(|s| Some(s.steps.end) == step)
            && let Some((slot, value)) = outside.take()
        {
            seen[slot] = value;
        }
        seen.push(judge(recipe, slot, &seen, result).map_err(at)?);
    }
    let mut run = RUN.lock().map_err(|e| e.to_string())?;
    run.extend(recipe.steps.iter().map(|s| s.op.name()));
    run.extend(recipe.stretch.as_ref().map(Stretch::name));
    Ok(())
}

/// Runs a program, of which all is released to `reader`.
fn run(program: &Program, inputs: BTreeMap<String, Plain>) -> Result<Report, privity::Error> {
    let data = LocalData::of(program, inputs, &BTreeMap::new(), &BTreeMap::new())?;
    run_local(program, data, &LocalOptions::default())
}

/// Whether a result lies in the range that the checker found for it.
fn within((low, high): (f64, f64), result: &Plain) -> Result<(), String> {
    let slack = |x: f64| if x.is_finite() { x.abs() * 2f64.powi(-50) } else { 0.0 };
    match result.to_f64().data().iter().find(|x| !(low - slack(low) <= **x && **x <= high + slack(high))) {
        Some(x) => Err(format!("is {x:?}, and the checker says that it lies in {low:?}..{high:?}")),
        None => Ok(()),
    }
}

#[test]
fn what_is_admitted_is_right() {
    let cases = setting("PRIVITY_PROGRAMS", 40) as u32;
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&setting("PRIVITY_SEED", 1).to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let genes = (any::<u64>(), prop::collection::vec(any::<u64>(), 1..4), prop::collection::vec(any::<u64>(), 1..12));
    let outcome = runner.run(&genes, |(kind, inputs, steps)| {
        hold(&Recipe::of(kind, &inputs, &steps), kind).map_err(TestCaseError::fail)
    });
    if let Err(e) = outcome {
        panic!("{e}");
    }
    if cases >= 2000 {
        let run = RUN.lock().unwrap();
        let regions = [Op::Call, Op::Repeat, Op::Fold];
        let never: Vec<&str> = recipe::operators().chain(regions).map(Op::name).filter(|n| !run.contains(n)).collect();
        assert!(never.is_empty(), "never run: {never:?}");
    }
}

/// The values of a recipe, in order: moved inputs, then the results of its steps.
type Values = Vec<ValueId>;
