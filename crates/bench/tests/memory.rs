//! How much memory runs take, counted by the allocator: that of all three players and their data.

use bench::{Goal, TASKS, Task};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const NO_GOAL: Goal = Goal { cpu: None, wall: None, bytes: None, rounds: None, memory: None };

/// Bytes above those in use before, and what the plans may take.
fn peak(task: &'static Task, iterations: u32) -> (u64, u64) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let bound = bench::once(task, iterations).unwrap_or_else(|e| panic!("{}: {e}", task.name));
    ((MEMORY.peak_usage() - before) as u64, bound)
}

/// A regression on 64 rows: small steps, so that what grows with their number would show.
const TRAINING: Task = Task {
    name: "training",
    what: "gradient descent on 64 rows",
    program: "computation training
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[64, 8] at a range -1..1
  input y : f64[64] at b range -1..1
  input start : f64[8] at c range -1..1
  rows = move x to trio as fixed<64, 16>
  target = move y to trio as fixed<64, 16>
  w = move start to trio as fixed<64, 16>
  trained = repeat 1 with v = w
    on trio as fixed<64, 16>
      better = clip(v - 0.0078125 * ((rows @ v - target) @ rows), low=-8.0, high=8.0)
    next better
  release trained to c as \"weights\"
",
    dims: &[],
    iterations: 1,
    inputs: (-1.0, 1.0),
    goal: NO_GOAL,
};

/// What each task is made smaller to: bounds are in proportion to lengths.
fn smaller(task: &Task) -> Task {
    let dims: &[(&str, u64)] = match task.dims {
        [("n", 1000)] => &[("n", 300)],
        [("n", 1_000_000 | 100_000)] => &[("n", 60_000)],
        [("n", _)] => &[("n", 16)],
        [_, ("d", 30)] => &[("n", 64), ("d", 30)],
        _ => &[("n", 256), ("d", 100)],
    };
    Task { name: task.name, what: task.what, program: task.program, dims, ..*task }
}

/// One test, since the allocator counts for the whole process.
#[test]
fn runs_take_no_more_memory_than_is_stated() {
    let product = TASKS.iter().find(|t| t.name == "product").expect("a task of that name");
    let (taken, _) = peak(product, 1);
    let goal = product.goal.memory.expect("a goal for memory");
    assert!(taken <= goal, "the product took {taken} bytes, {goal} were stated");

    static LONG: Task = TRAINING;
    let (ten, thousand) = (peak(&LONG, 10).0, peak(&LONG, 1000).0);
    assert!(thousand < ten + (256 << 10), "10 steps took {ten} bytes, 1000 took {thousand}");

    for task in TASKS {
        let (taken, bound) = peak(Box::leak(Box::new(smaller(task))), 1);
        println!("{}: {taken} of {bound}", task.name);
        assert!(taken <= bound, "{} took {taken} bytes, its plans were said to take {bound}", task.name);
    }
}
