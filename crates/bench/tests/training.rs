//! Training takes no more memory for more steps: the allocator counts that of all three players and their data.

use bench::Task;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Steps of logistic regression, as many as the loop has iterations. What a step makes is large: one gradient that
/// stayed would show.
static TRAINING: Task = Task {
    name: "training",
    what: "logistic regression 32x2000, all rows at each step",
    program: "
computation training
  player a, b, c
  placement trio = replicated(a, b, c)

  input features : f64[n, d] at a range -1..1
  input target   : f64[n]    at b range 0..1
  input start    : f64[d]    at c range -100..100

  x = move features to trio as fixed<64, 16>
  y = move target to trio as fixed<64, 16>
  w = move start to trio as fixed<64, 16>
  trained = repeat 1 with v = w
    on trio as fixed<64, 16>
      error  = sigmoid(x @ v, fast=true) - y
      better = clip(v - 0.001953125 * (error @ x), low=-100, high=100)
    next better

  release trained to c as \"weights\"
",
    dims: &[("n", 32), ("d", 2000)],
    iterations: 1,
    inputs: (0.0, 1.0),
    goal: bench::NO_GOAL,
};

/// The most memory in use over a run with so many steps.
fn peak(steps: u32) -> u64 {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    bench::once(&TRAINING, steps).unwrap_or_else(|e| panic!("{e}"));
    (MEMORY.peak_usage().saturating_sub(before)) as u64
}

#[test]
fn a_thousand_steps_take_the_memory_of_ten() {
    let (few, many) = (peak(10), peak(1000));
    // The weights alone are 96 kB of shares. What the session keeps of messages grows by some MB and then no more; debug
    // builds also keep 32 bytes of each stream of masks, to see a second use.
    let each = if cfg!(debug_assertions) { 60_000 } else { 6_000 };
    let grown = many.saturating_sub(few) / 990;
    assert!(grown <= each, "{few} bytes for 10 steps, {many} for 1000: {grown} a step");
}
