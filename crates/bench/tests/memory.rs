//! How much memory a run takes, counted by the allocator: that of all three players and their data.

use bench::TASKS;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn the_product_takes_no_more_memory_than_is_stated() {
    let product = TASKS.iter().find(|t| t.name == "product").expect("a task of that name");
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    bench::once(product, 1).unwrap_or_else(|e| panic!("{}: {e}", product.name));
    let (taken, goal) = ((MEMORY.peak_usage() - before) as u64, product.goal.memory.expect("a goal for memory"));
    assert!(taken <= goal, "the product took {taken} bytes, {goal} were stated");
}
