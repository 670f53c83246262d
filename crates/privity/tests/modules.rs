//! WebAssembly modules inside `enclave(e)`: what goes in and comes out, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;

use privity::algebra::Tensor;
use privity::session::{Dims, memory_bound, rehearse};
use privity::{Error, LocalData, LocalOptions, ModuleFolder, Plain, Program, Report, run_local};

/// A module with this body of its entry. `copy` writes the input `t` to the output `t`, as it is.
fn module(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "privity" "input_size" (func $size (param i32 i32) (result i64)))
            (import "privity" "input_read" (func $read (param i32 i32 i64 i32 i32)))
            (import "privity" "output_write" (func $write (param i32 i32 i32 i32)))
            (memory (export "memory") 2)
            (data (i32.const 0) "t")
            (func $copy (local $length i32)
                (local.set $length (i32.wrap_i64 (call $size (i32.const 0) (i32.const 1))))
                (call $read (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 64) (local.get $length))
                (call $write (i32.const 0) (i32.const 1) (i32.const 64) (local.get $length)))
            (func (export "privity_run") (result i32) {body} (i32.const 0)))"#
    );
    wat::parse_str(text).unwrap()
}

fn b3(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_string()
}

/// A program whose result is what the module `m` gives for two columns of numbers and one of keys.
fn program(digest: &str, gives: &str, ty: &str, shape: &str) -> Program {
    let text = format!(
        "
computation joined
  player a, b, cloud, reader
  placement vault = enclave(cloud)
  input key : i64[n]    at a
  input x   : f64[n, 2] at b
  on vault
    y = module(key, x, name=m, digest=\"{digest}\", takes=\"t(key, x)\", gives=\"{gives}\", type={ty}, shape={shape}, fuel=10, memory=1)
  release y to reader as \"y\"
"
    );
    Program::parse("joined.pv", &text).unwrap_or_else(|e| panic!("{e}"))
}

fn run(program: &Program, folder: Option<&Path>, compare: bool) -> Result<Report, Error> {
    let key = Plain::I64(Tensor::from_vec(vec![7, 8, 9]));
    let x = Plain::F64(Tensor::new([3, 2], vec![1.5, 2.5, 3.5, 4.5, 5.5, 6.5]).unwrap());
    let inputs = BTreeMap::from([("key".to_owned(), key), ("x".to_owned(), x)]);
    let data = LocalData::of(program, inputs, &BTreeMap::new(), &Dims::new())?;
    let modules = folder.map(ModuleFolder::at).unwrap_or_default();
    run_local(program, data, &LocalOptions { compare, modules, ..LocalOptions::default() })
}

/// A folder with one module, and the digest of its bytes.
fn folder(bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.wasm"), bytes).unwrap();
    (folder, b3(bytes))
}

/// The code and the words with which a module is refused or stopped.
fn refused(bytes: &[u8], gives: &str, shape: &str) -> (String, String) {
    let (folder, digest) = folder(bytes);
    let error = run(&program(&digest, gives, "f64", shape), Some(folder.path()), false).unwrap_err();
    assert_eq!(error.player().as_deref(), Some("cloud"));
    assert!(error.help().is_some_and(|help| !help.is_empty()));
    (error.code(), error.to_string())
}

#[test]
fn values_go_to_a_module_as_columns_and_come_back() {
    let (folder, digest) = folder(&module("(call $copy)"));
    for (gives, ty, shape, expected) in [
        ("t(x.1, key)", "f64", "[n, 2]", vec![2.5, 7.0, 4.5, 8.0, 6.5, 9.0]),
        ("t(x.0)", "f32", "[n]", vec![1.5, 3.5, 5.5]),
        ("t(key)", "u64", "[3]", vec![7.0, 8.0, 9.0]),
    ] {
        let report = run(&program(&digest, gives, ty, shape), Some(folder.path()), true).unwrap();
        assert_eq!(report.outputs.keys().collect::<Vec<_>>(), ["reader"]);
        assert_eq!(report.outputs["reader"]["y"].to_f64().data(), expected, "{gives}");
        assert_eq!(report.comparison.unwrap()["y"].absolute, 0.0);
    }
}

#[test]
fn only_the_named_bytes_run() {
    let (bytes, other) = (module("(call $copy)"), module("(call $copy) (call $copy)"));
    let (folder, _) = folder(&other);
    let program = program(&b3(&bytes), "t(key)", "i64", "[n]");
    let error = run(&program, Some(folder.path()), false).unwrap_err();
    assert_eq!(error.code(), "sandbox.digest");
    assert!(error.to_string().contains(&b3(&other)), "{error}");
    std::fs::remove_file(folder.path().join("m.wasm")).unwrap();
    for folder in [None, Some(folder.path())] {
        let error = run(&program, folder, false).unwrap_err();
        assert_eq!((error.code().as_str(), error.player().as_deref()), ("module.missing", Some("cloud")));
        assert!(error.to_string().contains(&b3(&bytes)), "{error}");
    }
}

#[test]
fn one_that_loops_allocates_or_asks_for_files_is_stopped() {
    let (code, words) = refused(&module("(loop $l (br $l))"), "t(x.0)", "[n]");
    assert_eq!(code, "sandbox.fuel");
    assert!(words.contains("m at cloud gave nothing: the module used up its 10000000 units of fuel"), "{words}");
    let (code, _) = refused(&module("(loop $l (drop (memory.grow (i32.const 1))) (br $l))"), "t(x.0)", "[n]");
    assert_eq!(code, "sandbox.memory");
    let open = r#"(module (import "wasi_snapshot_preview1" "path_open" (func (param i32) (result i32)))
        (memory (export "memory") 1) (func (export "privity_run") (result i32) (i32.const 0)))"#;
    let (code, words) = refused(&wat::parse_str(open).unwrap(), "t(x.0)", "[n]");
    assert_eq!(code, "sandbox.import");
    assert!(words.contains("wasi_snapshot_preview1.path_open"), "{words}");
}

#[test]
fn what_it_gives_is_as_declared_or_nothing() {
    let copies = module("(call $copy)");
    for (gives, shape, what) in [
        ("t(z)", "[n]", "the column `z` is missing"),
        ("t(x.0)", "[2]", "has 3 rows, and 2 were declared"),
        ("t(x.0)", "[]", "has 3 rows, and 1 were declared"),
    ] {
        let (code, words) = refused(&copies, gives, shape);
        assert_eq!(code, "module.output");
        assert!(words.contains(what), "{words}");
    }
    // What it writes under other names comes out nowhere.
    assert_eq!(refused(&copies, "u(x.0)", "[n]").0, "sandbox.output");
    assert_eq!(refused(&module("(return (i32.const 1))"), "t(x.0)", "[n]").0, "sandbox.gave-up");
}

#[test]
fn what_a_run_costs_is_known_without_the_module() {
    let (folder, digest) = folder(&module("(call $copy)"));
    let program = program(&digest, "t(x.1, key)", "f64", "[n, 2]");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let predicted = runtime.block_on(rehearse(program.checked(), &Dims::from([("n".to_owned(), 3)]))).unwrap();
    let report = run(&program, Some(folder.path()), false).unwrap();
    assert_eq!(predicted.rounds, report.cost.rounds);
    assert_eq!(predicted.bytes.values().collect::<Vec<_>>(), report.cost.bytes.values().collect::<Vec<_>>());
}

#[test]
fn its_memory_is_set_aside_where_it_runs() {
    let small = program(&b3(b"any"), "t(key)", "i64", "[n]");
    let large = small.computation().to_string().replace("memory=1)", "memory=100)");
    let large = Program::parse("large.pv", &large).unwrap();
    let bound = |program: &Program, player: &str| {
        let plan = program.plan(program.player(player).unwrap(), &Dims::from([("n".to_owned(), 3)])).unwrap();
        memory_bound(&plan)
    };
    // As much as it may take, and as much that it may write.
    assert_eq!(bound(&large, "cloud") - bound(&small, "cloud"), (2 * 99) << 20);
    assert_eq!(bound(&large, "a"), bound(&small, "a"));
}
