//! Progress: one stream of events, of which progress bars and consoles are views.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ir::Instr;

/// What happens during a run, as one player sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The players have met, and their keys are made.
    Started {
        /// The player.
        player: String,
        /// Number of steps of its plan; those in loops are counted once.
        steps: usize,
    },
    /// The owners' rows match along a dimension.
    RowsMatch {
        /// The dimension.
        dim: String,
    },
    /// A step was done.
    Step {
        /// The player.
        player: String,
        /// The operator.
        op: &'static str,
        /// Line of the program; 0 if unknown.
        line: u32,
        /// Steps done so far, iterations of loops counted each.
        done: usize,
    },
    /// An iteration of a loop was done.
    Iteration {
        /// The player.
        player: String,
        /// Line of the loop; 0 if unknown.
        line: u32,
        /// Iterations done.
        done: usize,
        /// Iterations in all.
        of: usize,
    },
    /// Members of a group broke a bound, and are in no sum over it. Only who checked is told: it is for no other's eyes.
    LeftOut {
        /// The player that checked, with the two others.
        player: String,
        /// The group.
        group: String,
        /// Which of those who contributed, in the order of the list, from 1.
        members: Vec<usize>,
        /// How many contributed.
        of: usize,
    },
    /// The player is done.
    Finished {
        /// The player.
        player: String,
        /// Rounds of communication so far.
        rounds: u32,
        /// Bytes that it sent.
        bytes: u64,
    },
}

/// Where events go. Called from the run's own task: it must be quick, and must not block.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// An observer that looks away.
pub fn unobserved() -> Observer {
    Arc::new(|_| {})
}

/// Counts steps and tells the observer.
pub(crate) struct Progress {
    pub(crate) player: String,
    pub(crate) observer: Observer,
    done: AtomicUsize,
}

impl Progress {
    pub(crate) fn new(player: String, observer: Observer) -> Progress {
        Progress { player, observer, done: AtomicUsize::new(0) }
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.observer)(event);
    }

    pub(crate) fn step_done(&self, instr: &Instr) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(Event::Step { player: self.player.clone(), op: instr.op.name(), line: instr.span.line, done });
    }

    pub(crate) fn iteration_done(&self, instr: &Instr, done: usize, of: usize) {
        self.tell(Event::Iteration { player: self.player.clone(), line: instr.span.line, done, of });
    }
}
