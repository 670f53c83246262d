//! How much memory tasks take, counted by the allocator: that of all three players and their data.

use bench::TASKS;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn tasks_take_no_more_memory_than_is_stated() {
    for task in TASKS {
        let Some(stated) = task.goal.memory else { continue };
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        bench::once(task, 1).unwrap_or_else(|e| panic!("{}: {e}", task.name));
        let taken = (MEMORY.peak_usage() - before) as u64;
        assert!(taken <= stated, "{} took {taken} bytes, {stated} were stated", task.name);
    }
}
