//! How far two players are apart: bytes that one has posted and the other's computation has not taken.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use super::counters::Tally;
use super::inbox::Inbox;

/// What each of two players knows of what the other has taken.
#[derive(Default)]
pub(super) struct Window {
    /// Bytes of the peer's that we took, when it was last told.
    told: AtomicU64,
    /// Bytes of ours that the peer took, as far as it said.
    heard: AtomicU64,
}

impl Window {
    /// Bytes posted that the peer is not known to have taken.
    pub(super) fn behind(&self, tally: &Tally) -> u64 {
        tally.posted().saturating_sub(self.heard.load(Relaxed))
    }

    /// Whether a quarter of a window was taken since the peer was told: more often would only cost, less often would
    /// hold it up.
    pub(super) fn is_due(&self, inbox: &Inbox, window: u64) -> bool {
        inbox.taken().saturating_sub(self.told.load(Relaxed)) > window / 4
    }

    /// What to tell the peer now.
    pub(super) fn tell(&self, inbox: &Inbox) -> u64 {
        let taken = inbox.taken();
        self.told.store(taken, Relaxed);
        taken
    }

    /// The peer says what it took. Says whether that is news.
    pub(super) fn hear(&self, taken: u64) -> bool {
        self.heard.fetch_max(taken, Relaxed) < taken
    }
}
