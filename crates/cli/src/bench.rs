//! `privity bench`: what tasks cost three players in this process.

use bench::{BenchError, LinkKind, Measured, TASKS, Task};
use comfy_table::{Table, presets};
use serde_json::json;

use crate::Failure;
use crate::args::{Bench, Links};

/// Measures the tasks that were named, or all.
pub(crate) fn bench(args: &Bench) -> Result<(), Failure> {
    let tasks = chosen(&args.tasks)?;
    if args.list {
        return list(&tasks, args.json);
    }
    let link = match args.link {
        Links::Memory => LinkKind::Memory,
        Links::Tls => LinkKind::Tls,
        Links::Wan => LinkKind::Wan,
    };
    let mut measured = Vec::new();
    for task in tasks {
        if !args.json {
            eprintln!("{}: {} ...", task.name, task.what);
        }
        measured.push(bench::measure(task, link, args.repetitions).map_err(failure)?);
    }
    show(&measured, args.json);
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Task>, Failure> {
    if names.is_empty() {
        return Ok(TASKS.iter().collect());
    }
    let find = |name: &String| {
        bench::task(name).ok_or_else(|| {
            let known: Vec<&str> = TASKS.iter().map(|t| t.name).collect();
            let message = format!("there is no task `{name}`");
            Failure::input("bench.task", message, &format!("the tasks are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn list(tasks: &[&Task], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let rows: Vec<_> = tasks.iter().map(|t| json!({ "task": t.name, "what": t.what })).collect();
        say!("{}", json!(rows));
    } else {
        tasks.iter().for_each(|t| say!("{:16} {}", t.name, t.what));
    }
    Ok(())
}

fn show(measured: &[Measured], as_json: bool) {
    if as_json {
        say!("{}", bench::to_json(measured));
        return;
    }
    let (head, rows) = bench::table(measured);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    say!("{table}");
    say!("Figures are for the task alone, after a slash its goal. CPU and memory are those of all three players.");
}

fn failure(e: BenchError) -> Failure {
    Failure::input(e.code(), e.to_string(), "this is a defect of the bench, or the machine has no room for it")
}
