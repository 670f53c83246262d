//! Modules that try to do what they may not. Each is stopped, with an error that says by what.

mod common;

use common::{echo, job, load, module, numbers, small};
use proptest::prelude::*;
use sandbox::{Limits, ModuleDigest, Sandbox, SandboxError};

fn stopped(body: &str, more: &str) -> SandboxError {
    let error = load(&module(body, more)).unwrap().run(job(&[1.0]), small()).unwrap_err();
    assert!(error.depends_on_inputs());
    error
}

fn refused(body: &str, more: &str) -> SandboxError {
    let error = load(&module(body, more)).unwrap_err();
    assert!(!error.depends_on_inputs());
    error
}

#[test]
fn one_that_loops_runs_out_of_fuel() {
    assert_eq!(stopped("(loop $l (br $l))", ""), SandboxError::Fuel { fuel: small().fuel });
}

#[test]
fn one_that_copies_without_end_runs_out_of_fuel() {
    // Few instructions, many bytes: copying is paid by the byte.
    let copy = "(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 100000)) (br $l))";
    assert_eq!(stopped(copy, "").code(), "sandbox.fuel");
    let read =
        r#"(loop $l (call $read (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 64) (i32.const 100)) (br $l))"#;
    assert_eq!(stopped(read, "").code(), "sandbox.fuel");
    let table = "(table $t 1000 funcref)";
    for fill in [
        "(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 1000)) (br $l))",
        "(loop $l (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 999)) (br $l))",
    ] {
        assert_eq!(stopped(fill, table).code(), "sandbox.fuel");
    }
}

#[test]
fn a_start_function_is_bounded_too() {
    assert_eq!(stopped("", "(func $first (loop $l (br $l))) (start $first)").code(), "sandbox.fuel");
}

#[test]
fn one_that_allocates_without_end_runs_out_of_memory() {
    let error = stopped("(loop $l (drop (memory.grow (i32.const 1))) (br $l))", "");
    assert_eq!(error, SandboxError::Memory { most: small().memory, unit: "bytes of memory" });
    let error =
        stopped("(loop $l (drop (table.grow $t (ref.null func) (i32.const 100))) (br $l))", "(table $t 1 funcref)");
    assert_eq!(error, SandboxError::Memory { most: small().elements, unit: "elements of tables" });
}

#[test]
fn one_that_begins_too_large_does_not_begin() {
    let text = r#"(module (memory (export "memory") 65536) (func (export "privity_run") (result i32) (i32.const 0)))"#;
    assert_eq!(load(text).unwrap().run(job(&[1.0]), small()).unwrap_err().code(), "sandbox.memory");
    assert_eq!(stopped("", "(table 100000 funcref)").code(), "sandbox.memory");
}

#[test]
fn data_past_its_memory_is_not_written() {
    assert_eq!(stopped("", r#"(data (i32.const 131071) "xyz")"#).code(), "sandbox.trapped");
}

#[test]
fn one_that_recurses_fills_its_stack() {
    let error = stopped("(drop (call $run))", "");
    assert!(matches!(&error, SandboxError::Stack { at: Some(at) } if at == "run"), "{error}");
}

#[test]
fn one_that_opens_a_file_is_refused_by_name() {
    let open = r#"(import "wasi_snapshot_preview1" "path_open" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#;
    let text = format!(
        r#"(module {open} (memory (export "memory") 1) (func (export "privity_run") (result i32) (i32.const 0)))"#
    );
    let error = load(&text).unwrap_err();
    assert_eq!(error, SandboxError::Import("wasi_snapshot_preview1.path_open".into()));
    assert_eq!(
        error.to_string(),
        "the module asks for wasi_snapshot_preview1.path_open, which the sandbox does not give"
    );
}

#[test]
fn imports_of_another_name_type_or_kind_are_refused() {
    for import in [
        r#"(import "privity" "clock" (func (result i64)))"#,
        r#"(import "privity" "input_size" (func (result i64)))"#,
        r#"(import "privity" "input_size" (global i32))"#,
        r#"(import "env" "input_size" (func (param i32 i32) (result i64)))"#,
        r#"(import "env" "table" (table 1 funcref))"#,
    ] {
        let text = format!(
            r#"(module {import} (memory (export "memory") 1) (func (export "privity_run") (result i32) (i32.const 0)))"#
        );
        assert_eq!(load(&text).unwrap_err().code(), "sandbox.import", "{import}");
    }
}

#[test]
fn what_could_differ_between_machines_is_refused() {
    let relaxed =
        "(drop (f32x4.relaxed_madd (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0)))";
    assert_eq!(refused(relaxed, "").code(), "sandbox.invalid");
    assert_eq!(refused("(drop (i32.atomic.load (i32.const 0)))", "").code(), "sandbox.invalid");
    for text in [
        r#"(module (memory (export "memory") 1 1 shared) (func (export "privity_run") (result i32) (i32.const 0)))"#,
        r#"(module (memory (export "memory") i64 1) (func (export "privity_run") (result i32) (i32.const 0)))"#,
        r#"(module (memory (export "memory") 1) (memory 1) (func (export "privity_run") (result i32) (i32.const 0)))"#,
        r#"(module (memory (export "memory") 1) (tag) (func (export "privity_run") (result i32) (i32.const 0)))"#,
    ] {
        assert_eq!(load(text).unwrap_err().code(), "sandbox.invalid", "{text}");
    }
}

#[test]
fn exports_are_what_they_must_be() {
    for text in [
        "(module)",
        r#"(module (memory (export "memory") 1))"#,
        r#"(module (func (export "privity_run") (result i32) (i32.const 0)))"#,
        r#"(module (memory (export "memory") 1) (func (export "privity_run")))"#,
        r#"(module (memory (export "memory") 1) (func (export "privity_run") (param i32) (result i32) (i32.const 0)))"#,
    ] {
        assert_eq!(load(text).unwrap_err().code(), "sandbox.export", "{text}");
    }
}

#[test]
fn lengths_that_lie_are_misuse() {
    for (call, import) in [
        ("(drop (call $size (i32.const 131071) (i32.const 9)))", "input_size"),
        ("(drop (call $size (i32.const -1) (i32.const 9)))", "input_size"),
        ("(call $read (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 131070) (i32.const 100))", "input_read"),
        ("(call $read (i32.const 0) (i32.const 1) (i64.const -1) (i32.const 0) (i32.const 1))", "input_read"),
        ("(call $read (i32.const 0) (i32.const 1) (i64.const 1000000) (i32.const 0) (i32.const 1))", "input_read"),
        ("(call $read (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 1))", "input_read"),
        ("(call $write (i32.const 1) (i32.const 1) (i32.const 131071) (i32.const 2))", "output_write"),
    ] {
        let error = stopped(call, "");
        assert!(matches!(error, SandboxError::Misuse { import: i, .. } if i == import), "{call}: {error}");
    }
    // A length past all fuel is not even looked at.
    let huge = "(call $read (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 0) (i32.const -1))";
    assert_eq!(stopped(huge, "").code(), "sandbox.fuel");
}

#[test]
fn outputs_are_bounded_and_must_be_tables() {
    let flood = "(loop $l (call $write (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 60000)) (br $l))";
    assert_eq!(stopped(flood, ""), SandboxError::OutputSize { most: small().output });
    let garbage = "(call $write (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 100))";
    let error = stopped(garbage, "");
    assert!(matches!(&error, SandboxError::Output { name, .. } if name == "y"), "{error}");
    assert_eq!(stopped("", "").code(), "sandbox.output", "nothing was written");
    let other = "(call $write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 2))";
    assert_eq!(stopped(other, "").code(), "sandbox.output", "what nobody asked for is dropped");
    let flood = flood.replacen("(i32.const 1)", "(i32.const 0)", 1);
    assert_eq!(stopped(&flood, "").code(), "sandbox.output-size", "and counted");
}

#[test]
fn one_that_stops_itself_is_told_by_its_function() {
    let error = stopped("(call $inner)", "(func $inner unreachable)");
    assert_eq!(error.to_string(), "the module stopped: wasm `unreachable` instruction executed, in inner");
    assert_eq!(stopped("(return (i32.const 7))", ""), SandboxError::GaveUp);
    assert_eq!(stopped("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "").code(), "sandbox.trapped");
}

#[test]
fn only_the_agreed_bytes_run() {
    let bytes = wat::parse_str(echo()).unwrap();
    let agreed = ModuleDigest::of(&bytes);
    let sandbox = Sandbox::new().unwrap();
    sandbox.load(&bytes, &agreed).unwrap();
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(sandbox.load(&other, &agreed).unwrap_err().code(), "sandbox.digest");
    assert_eq!(agreed.to_string().parse(), Ok(agreed));
    let large = vec![0; Sandbox::LARGEST_MODULE + 1];
    assert_eq!(sandbox.load(&large, &ModuleDigest::of(&large)).unwrap_err().code(), "sandbox.module-size");
}

#[test]
fn nan_has_one_form() {
    // 0/0 with a sign, stored as the output's only value: the payload must be the canonical one.
    let outcome = common::run(&echo(), &[f64::from_bits(0x7ff8_0000_0000_1234)], small()).unwrap();
    assert_eq!(numbers(&outcome.outputs["y"])[0].to_bits(), 0x7ff8_0000_0000_1234, "what is only moved stays");
    let text =
        r#"(func $odd (param f64 f64) (result i64) (i64.reinterpret_f64 (f64.add (local.get 0) (local.get 1))))"#;
    let body = r#"(if (i64.ne
        (call $odd (f64.reinterpret_i64 (i64.const 0xfff8000000001234)) (f64.const 1)) (i64.const 0x7ff8000000000000))
        (then unreachable))"#;
    assert_eq!(stopped(body, text).code(), "sandbox.output", "the sum's NaN is canonical, so nothing was written");
}

#[test]
fn nothing_stays_from_one_run_to_the_next() {
    let module = load(&echo()).unwrap();
    for values in [vec![1.0; 500], vec![2.0]] {
        assert_eq!(numbers(&module.run(job(&values), small()).unwrap().outputs["y"]), values);
    }
}

#[test]
fn a_run_uses_the_same_fuel_again() {
    let values: Vec<f64> = (0..1000).map(f64::from).collect();
    let used = |_| common::run(&echo(), &values, Limits::default()).unwrap().fuel;
    let used: Vec<u64> = (0..3).map(used).collect();
    assert!(used[0] > 8000 && used.iter().all(|u| *u == used[0]), "{used:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_module_is_refused_or_bounded(place in 0usize..400, value in any::<u8>()) {
        let mut bytes = wat::parse_str(echo()).unwrap();
        let place = place % bytes.len();
        bytes[place] = value;
        let sandbox = Sandbox::new().unwrap();
        if let Ok(module) = sandbox.load(&bytes, &ModuleDigest::of(&bytes)) {
            let _ = module.run(job(&[1.0, 2.0]), small());
        }
    }

    #[test]
    fn noise_is_no_module(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [b"\0asm\x01\0\0\0".as_slice(), &bytes].concat();
        let sandbox = Sandbox::new().unwrap();
        prop_assert!(sandbox.load(&bytes, &ModuleDigest::of(&bytes)).is_err());
    }
}

#[test]
fn one_that_never_ends_ends_when_it_is_interrupted_and_others_go_on() {
    let sandbox = Sandbox::new().unwrap();
    let compile = |body: &str| {
        let bytes = wat::parse_str(module(body, "")).unwrap();
        sandbox.load(&bytes, &ModuleDigest::of(&bytes)).unwrap()
    };
    let endless = compile("(loop $l (br $l))");
    let other = compile(
        "(local $i i32) (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 100000000)))) (return (i32.const 1))",
    );
    let plenty = Limits { fuel: u64::MAX / 2, ..small() };
    let interrupt = endless.interrupt();
    let (begun, beginning) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let ended = scope.spawn(|| {
            begun.send(()).unwrap();
            endless.run_until(job(&[1.0]), plenty, &interrupt)
        });
        let other = scope.spawn(|| other.run(job(&[1.0]), plenty));
        beginning.recv().unwrap();
        interrupt.interrupt();
        assert_eq!(ended.join().unwrap().unwrap_err(), SandboxError::Interrupted);
        assert_eq!(other.join().unwrap().unwrap_err(), SandboxError::GaveUp, "nobody asked it to end");
    });
    // Nor does it begin when it was interrupted before.
    assert_eq!(endless.run_until(job(&[1.0]), plenty, &interrupt).unwrap_err(), SandboxError::Interrupted);
}
