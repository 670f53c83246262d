//! How many threads long computations may use.
//!
//! By default they share rayon's global pool: one thread for each core, however many players live in the process.
//! A [`Threads`] budget narrows that for what runs under it, as for workers that share a machine. Short computations
//! always stay on the caller's thread.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};
use thiserror::Error;

thread_local! {
    /// The budget in force on this thread, if any.
    static CURRENT: RefCell<Option<Threads>> = const { RefCell::new(None) };
}

/// A budget of threads, with a pool of its own. Clones share the pool.
#[derive(Clone)]
pub struct Threads {
    count: usize,
    pool: Option<Arc<ThreadPool>>,
}

/// The operating system refused to start threads.
#[derive(Debug, Error)]
#[error("cannot start {count} threads: {source}")]
pub struct ThreadsError {
    count: usize,
    source: rayon::ThreadPoolBuildError,
}

impl ThreadsError {
    /// A stable code for programs to match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "threads.start"
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        "allow fewer threads, or raise the limit on this user's processes"
    }
}

impl Threads {
    /// A budget of `count` threads (at least one). One thread needs no pool: everything stays on the caller's thread.
    pub fn new(count: usize) -> Result<Self, ThreadsError> {
        let count = count.max(1);
        let pool = match count {
            1 => None,
            _ => {
                let builder = ThreadPoolBuilder::new().num_threads(count);
                let builder = builder.thread_name(|i| format!("privity-algebra-{i}"));
                Some(Arc::new(builder.build().map_err(|source| ThreadsError { count, source })?))
            }
        };
        Ok(Self { count, pool })
    }

    /// The number of threads.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs `f` on this thread; long computations in it use no more than this budget.
    pub fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        /// Puts the outer budget back, after a panic too.
        struct Restore(Option<Threads>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let outer = self.0.take();
                CURRENT.with_borrow_mut(|current| *current = outer);
            }
        }
        let outer = CURRENT.with_borrow_mut(|current| current.replace(self.clone()));
        let _restore = Restore(outer);
        f()
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({})", self.count)
    }
}

/// How many threads [`fan_out`] would use.
pub(crate) fn available() -> usize {
    let budget = CURRENT.with_borrow(|current| current.as_ref().map(|threads| threads.count));
    budget.unwrap_or_else(rayon::current_num_threads)
}

/// Runs a parallel loop on the pool of the budget in force.
pub(crate) fn fan_out<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let pool = CURRENT.with_borrow(|current| current.as_ref().and_then(|threads| threads.pool.clone()));
    match pool {
        Some(pool) => pool.install(f),
        None => f(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn budgets_nest_and_end_with_their_scope() {
        let (one, three) = (Threads::new(0).unwrap(), Threads::new(3).unwrap());
        let outside = available();
        three.run(|| {
            assert_eq!((available(), fan_out(rayon::current_num_threads)), (3, 3));
            one.run(|| assert_eq!(available(), 1));
            assert_eq!(available(), 3);
            let faulty = AssertUnwindSafe(|| one.run(|| panic!("inside a budget")));
            let panicked: Result<(), _> = catch_unwind(faulty);
            assert!(panicked.is_err());
            assert_eq!(available(), 3);
        });
        assert_eq!(available(), outside);
        assert_eq!((one.count(), format!("{three:?}")), (1, "Threads(3)".into()));
    }
}
