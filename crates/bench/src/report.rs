//! Measurements as a table and as JSON, beside their goals.

use serde_json::{Value, json};

use crate::measure::Measured;
use crate::tasks::task;

/// The table's head, and a row for each measurement: figures, and the goal after a slash where there is one.
#[must_use]
pub fn table(measured: &[Measured]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let head =
        vec!["task", "link", "CPU s", "wall s", "sent by one", "rounds", "peak memory", "sharing, revealing: CPU s"];
    (head, measured.iter().map(row).collect())
}

fn row(m: &Measured) -> Vec<String> {
    // Goals are for links in memory; bytes and rounds do not depend on links.
    let goal = task(m.task).map(|t| t.goal).unwrap_or_default();
    let in_memory = m.link == "memory";
    let beside = |figure: String, goal: Option<String>| match goal {
        Some(goal) => format!("{figure} / {goal}"),
        None => figure,
    };
    vec![
        m.task.to_owned(),
        m.link.to_owned(),
        beside(format!("{:.4}", m.once.cpu), goal.cpu.filter(|_| in_memory).map(|g| g.to_string())),
        beside(format!("{:.4}", m.once.wall), goal.wall.filter(|_| in_memory).map(|g| g.to_string())),
        beside(bytes(m.once.bytes), goal.bytes.map(bytes)),
        beside(m.once.rounds.to_string(), goal.rounds.map(|g| g.to_string())),
        beside(m.peak.map_or("-".into(), bytes), goal.memory.filter(|_| in_memory).map(bytes)),
        format!("{:.4}", m.around.cpu),
    ]
}

/// Decimal: 1 MB is a million bytes.
fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} B"),
        10_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

/// One object for each measurement: seconds and bytes, `goal` with what is set, `around` for sharing and revealing.
#[must_use]
pub fn to_json(measured: &[Measured]) -> Value {
    let rows = measured.iter().map(|m| {
        let task = task(m.task);
        let goal = task.map(|t| t.goal).unwrap_or_default();
        json!({
            "task": m.task,
            "what": task.map(|t| t.what),
            "link": m.link,
            "cpu_seconds": m.once.cpu,
            "wall_seconds": m.once.wall,
            "bytes": m.once.bytes,
            "rounds": m.once.rounds,
            "peak_memory": m.peak,
            "around": { "cpu_seconds": m.around.cpu, "wall_seconds": m.around.wall },
            "goal": {
                "cpu_seconds": goal.cpu, "wall_seconds": goal.wall, "bytes": goal.bytes, "rounds": goal.rounds,
                "peak_memory": goal.memory,
            },
        })
    });
    Value::Array(rows.collect())
}
