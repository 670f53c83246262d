//! Room for what arrives before it is asked for, which the sessions of one process share.
//!
//! Each session has some of its own for each peer, set aside before it begins. Only what goes beyond that comes out of a
//! pool: so many sessions that run ahead together cannot take more memory than there is, and one that keeps to its own
//! room never depends on the others.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that sessions share. Clones share them, too.
#[derive(Clone, Debug)]
pub struct Pool(Arc<AtomicU64>);

impl Pool {
    /// With so many bytes.
    pub fn new(bytes: u64) -> Pool {
        Pool(Arc::new(AtomicU64::new(bytes)))
    }

    /// Bytes that nobody has taken.
    pub fn left(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn take(&self, bytes: u64) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

/// What one session may hold of what arrives ahead.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// Bytes of each peer that are set aside for this session.
    pub own: usize,
    /// Where more comes from.
    pub pool: Pool,
}

/// What one peer's messages have taken out of the pool. It comes back when this is dropped.
pub(super) struct Loan {
    ahead: Option<Ahead>,
    bytes: u64,
}

impl Loan {
    pub(super) fn new(ahead: Option<Ahead>) -> Loan {
        Loan { ahead, bytes: 0 }
    }

    /// Brings it to what so many buffered bytes need. Says whether there was enough; if not, nothing was taken.
    pub(super) fn settle(&mut self, buffered: usize) -> bool {
        let Some(Ahead { own, pool }) = &self.ahead else { return true };
        let needed = buffered.saturating_sub(*own) as u64;
        match needed.checked_sub(self.bytes) {
            Some(more) if !pool.take(more) => return false,
            Some(_) => {}
            None => pool.give_back(self.bytes - needed),
        }
        self.bytes = needed;
        true
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.pool.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_beyond_its_own_is_taken_and_it_comes_back() {
        let pool = Pool::new(100);
        let loan = || Loan::new(Some(Ahead { own: 10, pool: pool.clone() }));
        let (mut one, mut other) = (loan(), loan());
        assert!(one.settle(10) && pool.left() == 100);
        assert!(one.settle(70) && pool.left() == 40);
        assert!(!other.settle(51) && pool.left() == 40, "what is refused takes nothing");
        assert!(other.settle(10), "and its own is left to it");
        assert!(one.settle(30) && pool.left() == 80);
        drop(one);
        assert_eq!(pool.left(), 100);
    }
}
