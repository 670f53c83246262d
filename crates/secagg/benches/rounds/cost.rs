//! What is counted: CPU of this thread, bytes of messages, memory that the server holds.

use peak_alloc::PeakAlloc;
use secagg::{Error, Task, Vector};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Nanoseconds of CPU that this thread has had.
fn cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs `work` and adds its CPU time to `total`.
pub(crate) fn timed<T>(total: &mut u64, work: impl FnOnce() -> T) -> T {
    let before = cpu();
    let out = work();
    *total += cpu() - before;
    out
}

/// What one round cost.
#[derive(Default)]
pub(crate) struct Cost {
    /// Nanoseconds of each client.
    pub(crate) clients: Vec<u64>,
    /// Nanoseconds of each aggregator.
    pub(crate) aggregators: Vec<u64>,
    pub(crate) server: Server,
    /// Bytes that a client sends and gets.
    pub(crate) up: usize,
    pub(crate) down: usize,
    /// Messages that a client sends.
    pub(crate) rounds: u32,
}

/// CPU and memory of the server: what its steps leave behind, and the most that they take.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) spent: u64,
    held: isize,
    /// Bytes, with letters until they are sent.
    pub(crate) most: isize,
}

impl Server {
    pub(crate) fn does<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = MEMORY.current_usage() as isize;
        MEMORY.reset_peak_usage();
        let out = timed(&mut self.spent, work);
        self.most = self.most.max(self.held + MEMORY.peak_usage() as isize - before);
        self.held += MEMORY.current_usage() as isize - before;
        out
    }
}

/// The inputs of a round, made when they are asked for, and their sum.
pub(crate) struct Expected {
    sum: Vector,
    limit: u64,
}

impl Expected {
    pub(crate) fn new(task: &Task, clients: usize) -> Self {
        Self { sum: Vector::zeros(task.ring, task.len as usize), limit: task.ring.max() / clients as u64 }
    }

    /// The same, of numbers from 0 to a greatest one.
    pub(crate) fn up_to(task: &Task, greatest: u64) -> Self {
        Self { limit: greatest + 1, ..Self::new(task, 1) }
    }

    /// The input of a client that contributes.
    pub(crate) fn input(&mut self, client: usize) -> Result<Vector, Error> {
        let input = self.again(client)?;
        self.sum.add(&input)?;
        Ok(input)
    }

    /// The same, for a message that is made once more.
    pub(crate) fn again(&self, client: usize) -> Result<Vector, Error> {
        let element = |j| (client as u64 * 7919 + j * 31) % self.limit;
        let elements: Vec<u64> = (0..self.sum.len() as u64).map(element).collect();
        Vector::from_elements(self.sum.ring(), &elements)
    }

    /// # Panics
    /// If the sum is another one.
    pub(crate) fn check(&self, sum: &Vector) {
        assert!(*sum.elements() == *self.sum.elements(), "the sum is right");
    }
}
