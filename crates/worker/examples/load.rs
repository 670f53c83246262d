//! Load: sessions at once and sessions in a row, on three workers of this machine in one process, whose memory is watched.
//!
//!     cargo run --release -p privity-worker --example load -- --at-once 100 --in-a-row 10000
//!
//! Prints how many sessions were lost, which must be none, the times of small sessions as their submitter sees them
//! (connecting to all workers included), and the resident memory of the process after each thousand of them.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use agreement::{Member, Roster};
use net::KeyPair;
use privity::Program;
use worker::{Config, JobLimits, Limits, Worker};

const PROGRAM: &str = "computation small
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at a
  input y : f64[n] at b
  on trio as fixed<64, 16>
    z = sum(x * y)
  release z to c as \"z\"
";

const PLAYERS: [&str; 3] = ["a", "b", "c"];

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match load() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(lost) => {
            eprintln!("{lost} sessions were lost");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs everything, and returns the number of sessions that were lost.
fn load() -> Result<usize, Failed> {
    let (at_once, in_a_row) = (argument("--at-once", 100)?, argument("--in-a-row", 1000)?);
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let workers = start(&runtime, folder.path())?;
    let parties = Arc::new(Parties { roster: folder.path().join("roster.toml"), key: folder.path().join("c.key") });
    let program = Arc::new(Program::parse("small.pv", PROGRAM).map_err(|e| e.to_string())?);
    let lost = together(&program, &parties, at_once) + in_turn(&program, &parties, in_a_row);
    drop(workers);
    Ok(lost)
}

fn argument(name: &str, usual: usize) -> Result<usize, Failed> {
    let mut all = std::env::args().skip_while(|a| a != name);
    Ok(all.nth(1).map(|n| n.parse()).transpose()?.unwrap_or(usual))
}

struct Parties {
    roster: std::path::PathBuf,
    key: std::path::PathBuf,
}

/// Starts three workers that take whatever c brings.
fn start(runtime: &tokio::runtime::Runtime, folder: &Path) -> Result<Vec<Worker>, Failed> {
    // Held together until all are chosen, so that they differ.
    let ports = PLAYERS.iter().map(|_| std::net::TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let addresses = ports.iter().map(|p| p.local_addr()).collect::<Result<Vec<_>, _>>()?;
    drop(ports);
    let mut members = Vec::new();
    let mut keys = Vec::new();
    for (player, address) in PLAYERS.iter().zip(&addresses) {
        let key = KeyPair::generate()?;
        key.save(&folder.join(format!("{player}.key")))?;
        let endpoint = Some(address.to_string().parse()?);
        members.push(((*player).to_owned(), Member { identity: key.identity(), endpoint, claims: None }));
        keys.push(key);
    }
    let roster = Roster::new(members)?;
    std::fs::write(folder.join("roster.toml"), roster.to_string())?;
    std::fs::write(folder.join("data.csv"), "v\n1.5\n2.5\n3.5\n")?;
    let mut workers = Vec::new();
    for ((player, key), listen) in PLAYERS.iter().zip(keys).zip(addresses) {
        let input = if *player == "a" { "x" } else { "y" };
        let data = format!("[{player}.{input}]\ncsv = \"data.csv\"\ncolumn = \"v\"\n");
        let config = Config {
            key,
            listen,
            relay: None,
            roster: roster.clone(),
            submitters: Vec::new(),
            readers: Vec::new(),
            operators: Vec::new(),
            ratify_all: true,
            policy: None,
            datasets: data::Datasets::parse(&data, folder)?,
            jobs: JobLimits::default(),
            limits: Limits { requests_per_minute: 1_000_000, ..Limits::default() },
            http: None,
            traces: None,
            store: worker::Store::beside(&folder.join(format!("{player}.toml"))),
            machines: worker::Machines::default(),
            modules: privity::ModuleFolder::default(),
            aggregations: Vec::new(),
            flight: None,
            sealing: worker::Sealing::default(),
        };
        workers.push(runtime.block_on(Worker::start(config))?);
    }
    Ok(workers)
}

/// Sessions that are all submitted at the same time.
fn together(program: &Arc<Program>, parties: &Arc<Parties>, count: usize) -> usize {
    let begun = Instant::now();
    let lost = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (program, parties, lost) = (Arc::clone(program), Arc::clone(parties), Arc::clone(&lost));
            std::thread::spawn(move || {
                if let Err(error) = session(&program, &parties) {
                    eprintln!("{error}");
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for thread in threads {
        if thread.join().is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
    let lost = lost.load(Ordering::Relaxed);
    println!("{count} at once: {lost} lost, {:.1} s in all, {} MiB", begun.elapsed().as_secs_f64(), resident());
    lost
}

/// Sessions one after the other.
fn in_turn(program: &Program, parties: &Parties, count: usize) -> usize {
    let mut times = Vec::with_capacity(count);
    let mut lost = 0;
    for done in 1..=count {
        let begun = Instant::now();
        match session(program, parties) {
            Ok(()) => times.push(begun.elapsed()),
            Err(error) => {
                eprintln!("{error}");
                lost += 1;
            }
        }
        if done == 100 || done.is_multiple_of(1000) || done == count {
            println!("{done} in a row: {lost} lost, {} MiB", resident());
        }
    }
    times.sort_unstable();
    let quantile = |q: usize| times.get(times.len() * q / 100).copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1e3;
    println!("a small session: p50 {:.1} ms, p99 {:.1} ms", quantile(50), quantile(99));
    lost
}

fn session(program: &Program, parties: &Parties) -> Result<(), Failed> {
    let dims = [("n".to_owned(), 3)].into();
    let report = worker::run_on_workers(program, &parties.roster, Some(&parties.key), &dims, session::unobserved())?;
    let found = report.outputs.get("c").and_then(|o| o.get("z")).map(|z| z.to_f64().data()[0]);
    match found {
        Some(z) if (z - 20.75).abs() < 0.01 => Ok(()),
        other => Err(format!("a wrong result: {other:?}").into()),
    }
}

/// Resident memory of this process in MiB; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) / 1024
}
