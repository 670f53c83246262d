//! What several tests of modules share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use sandbox::{Job, Limits, Module, ModuleDigest, Outcome, Sandbox, SandboxError};
use tables::Table;

/// A module with this body of its entry, and whatever else. The names `x` and `y` lie at 0 and 1 of its memory.
pub(crate) fn module(body: &str, more: &str) -> String {
    format!(
        r#"(module
            (import "privity" "input_size" (func $size (param i32 i32) (result i64)))
            (import "privity" "input_read" (func $read (param i32 i32 i64 i32 i32)))
            (import "privity" "output_write" (func $write (param i32 i32 i32 i32)))
            (memory (export "memory") 2)
            (data (i32.const 0) "x")
            (data (i32.const 1) "y")
            {more}
            (func $run (export "privity_run") (result i32) {body} (i32.const 0)))"#
    )
}

/// Copies the input `x` to the output `y`, as it is.
pub(crate) fn echo() -> String {
    let copy = "(local $length i32)
        (local.set $length (i32.wrap_i64 (call $size (i32.const 0) (i32.const 1))))
        (call $read (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 64) (local.get $length))
        (call $write (i32.const 1) (i32.const 1) (i32.const 64) (local.get $length))";
    module(copy, "")
}

/// Small limits, so that tests of them are quick.
pub(crate) fn small() -> Limits {
    Limits { fuel: 10_000_000, memory: 1 << 20, elements: 1000, output: 1 << 20 }
}

/// Compiles a module from text.
pub(crate) fn load(text: &str) -> Result<Module, SandboxError> {
    let bytes = wat::parse_str(text).unwrap();
    Sandbox::new().unwrap().load(&bytes, &ModuleDigest::of(&bytes))
}

/// A table of one column `value`.
pub(crate) fn column(values: &[f64]) -> Table {
    let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
    Table::try_from(RecordBatch::try_from_iter([("value", column)]).unwrap()).unwrap()
}

/// The job of one input `x` and one output `y`.
pub(crate) fn job(values: &[f64]) -> Job {
    let mut job = Job::default();
    job.inputs.insert("x".into(), column(values));
    job.outputs.insert("y".into());
    job
}

/// Compiles and runs a module on it.
pub(crate) fn run(text: &str, values: &[f64], limits: Limits) -> Result<Outcome, SandboxError> {
    load(text)?.run(job(values), limits)
}

/// The values of a table of one column.
pub(crate) fn numbers(table: &Table) -> Vec<f64> {
    table.batches().iter().flat_map(|b| b.column(0).as_primitive::<Float64Type>().values().to_vec()).collect()
}
