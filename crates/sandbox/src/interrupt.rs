//! Ending a run from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use wasmtime::{Engine, Error, Store, UpdateDeadline};

use crate::host::{State, Stop};

/// Ends a run that it was given to, from any thread. Clones end the same run.
///
/// Compiled code looks, at the head of each function and loop, whether the engine's epoch has passed its deadline. The epoch moves
/// only when somebody interrupts; then each run that is going on looks whether it was meant. So runs that nobody interrupts
/// pay for one comparison at each of these places.
#[derive(Clone)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    engine: Engine,
}

impl Interrupt {
    pub(crate) fn new(engine: &Engine) -> Interrupt {
        Interrupt { asked: Arc::default(), engine: engine.clone() }
    }

    /// Ends the run that goes on, or that is to begin, within the time that copying all of its memory takes.
    pub fn interrupt(&self) {
        self.asked.store(true, Ordering::Release);
        // Whoever sees the epoch move sees what was asked.
        fence(Ordering::SeqCst);
        self.engine.increment_epoch();
    }

    fn asked(&self) -> Result<(), Error> {
        if self.asked.load(Ordering::Acquire) { Err(Error::new(Stop::Interrupted)) } else { Ok(()) }
    }

    /// Has a run look at it, from now on.
    pub(crate) fn watch(&self, store: &mut Store<State>) -> Result<(), Error> {
        let own = self.clone();
        store.epoch_deadline_callback(move |_| own.asked().map(|()| UpdateDeadline::Continue(1)));
        store.set_epoch_deadline(1);
        // If the deadline is later than an interruption, what was asked is seen here.
        fence(Ordering::SeqCst);
        self.asked()
    }
}

impl std::fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Interrupt(asked: {})", self.asked.load(Ordering::Relaxed))
    }
}
