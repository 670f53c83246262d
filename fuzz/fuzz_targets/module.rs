//! Any bytes are a module that runs within its limits, or refused; its outputs are tables or refused. No panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sandbox::{Job, Limits, ModuleDigest, Sandbox};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::new().expect("this machine is supported"));

fuzz_target!(|input: &[u8]| {
    if let Ok(module) = SANDBOX.load(input, &ModuleDigest::of(input)) {
        let job = Job { outputs: ["y".to_owned()].into(), ..Job::default() };
        let limits = Limits { fuel: 1_000_000, memory: 1 << 20, elements: 1000, output: 1 << 16 };
        let _ = module.run(job, limits);
    }
});
