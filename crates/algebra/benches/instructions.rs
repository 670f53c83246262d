//! Instructions that the hot kernels execute, counted by Valgrind's Callgrind: the same on every run, however busy the machine
//! is, so that a small change shows.
//!
//! The bench starts itself under Callgrind once for each kernel, which counts inside of [`counted`] alone. Valgrind has
//! no AVX-512: what is counted is the path for AVX2. One thread.

use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use algebra::{Prg, Ring, Seed, Tensor, Threads, Window, compose, conv2d, decompose, matmul};

/// A kernel, with everything that it works on.
type Kernel = Box<dyn FnOnce()>;

/// Names of kernels, and how many multiplications, elements or bits one run has, by which the count is divided.
const KERNELS: &[(&str, f64, &str)] = &[
    ("matmul-64", 240.0 * 240.0 * 240.0, "multiplication"),
    ("matmul-128", 120.0 * 120.0 * 120.0, "multiplication"),
    ("matrix-vector-64", 512.0 * 512.0, "multiplication"),
    ("conv2d-64", 8.0 * 50.0 * 64.0 * 20.0 * 25.0, "multiplication"),
    ("mul-add2-64", 65536.0, "element"),
    ("mul-add2-128", 65536.0, "element"),
    ("decompose-64", 65536.0, "element"),
    ("compose-64", 65536.0, "element"),
    ("prg", 65536.0 * 8.0, "byte"),
];

fn random<R: Ring>(shape: &[usize]) -> Tensor<R> {
    Prg::new(Seed([7; 16])).tensor(shape)
}

fn product<R: Ring>(n: usize, columns: usize) -> Kernel {
    let (a, b) = (random::<R>(&[n, n]), random::<R>(&[n, columns]));
    Box::new(move || drop(black_box(matmul(&a, &b))))
}

fn two_products<R: Ring>() -> Kernel {
    let t = random::<R>(&[1 << 16]);
    Box::new(move || drop(black_box(Tensor::mul_add2(&t, &t, &t, &t))))
}

fn kernel(name: &str) -> Option<Kernel> {
    Some(match name {
        "matmul-64" => product::<u64>(240, 240),
        "matmul-128" => product::<u128>(120, 120),
        "matrix-vector-64" => product::<u64>(512, 1),
        "conv2d-64" => {
            let (images, kernel) = (random::<u64>(&[8, 20, 12, 12]), random::<u64>(&[50, 20, 5, 5]));
            Box::new(move || drop(black_box(conv2d(&images, &kernel, Window::default(), 1))))
        }
        "mul-add2-64" => two_products::<u64>(),
        "mul-add2-128" => two_products::<u128>(),
        "decompose-64" => {
            let x = random::<u64>(&[1 << 16]);
            Box::new(move || drop(black_box(decompose(x.data(), 64))))
        }
        "compose-64" => {
            let planes = decompose(random::<u64>(&[1 << 16]).data(), 64);
            Box::new(move || drop(black_box(compose::<u64>(&planes))))
        }
        "prg" => {
            let (mut prg, mut out) = (Prg::new(Seed([1; 16])), vec![0u64; 1 << 16]);
            Box::new(move || prg.fill(black_box(&mut out)))
        }
        _ => return None,
    })
}

/// Where Callgrind counts.
#[inline(never)]
fn counted(kernel: Kernel) {
    kernel();
    black_box(());
}

/// What Callgrind counted of a kernel, or what it said instead.
fn count(valgrind: &str, name: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*instructions::counted*"]);
    let out = command.arg(this).args(["--kernel", name]).output().map_err(|e| format!("{valgrind}: {e}"))?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, n)| n.trim().parse());
    match collected {
        Some(Ok(n)) if out.status.success() && n > 0 => Ok(n),
        _ => Err(said),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--kernel") {
        let Some(kernel) = args.get(at + 1).and_then(|name| kernel(name)) else { return ExitCode::FAILURE };
        let Ok(one) = Threads::new(1) else { return ExitCode::FAILURE };
        one.run(|| counted(kernel));
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` runs this too, without the flag: there is nothing to test here.
    if !args.iter().any(|a| a == "--bench") {
        return ExitCode::SUCCESS;
    }
    let valgrind = env::var("VALGRIND").unwrap_or_else(|_| "valgrind".to_owned());
    if Command::new(&valgrind).arg("--version").output().is_err() {
        println!(
            "instructions were not counted: `{valgrind}` is not there (Debian: apt install valgrind, or VALGRIND=path)"
        );
        return ExitCode::SUCCESS;
    }
    println!("{:<18} {:>13}  of one", "kernel", "instructions");
    for (name, units, unit) in KERNELS {
        match count(&valgrind, name) {
            Ok(n) => println!("{name:<18} {n:>13}  {:.3} for each {unit}", n as f64 / units),
            Err(why) => {
                eprintln!("{name}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
