//! What waits to be sent to one peer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use crate::frame::Abort;
use crate::step::Step;

/// A message on its way out.
pub(super) struct Post {
    pub(super) step: Step,
    pub(super) depth: u32,
    pub(super) payload: Bytes,
}

/// What the writer finds to do.
#[derive(Default)]
pub(super) struct Work {
    pub(super) posts: Vec<Post>,
    pub(super) abort: Option<Abort>,
    pub(super) closing: bool,
    pub(super) acknowledge: bool,
}

pub(super) struct Outbox {
    threshold: usize,
    state: Mutex<State>,
    wake: Notify,
    finished: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// Posted, and not yet allowed to leave.
    queued: Vec<Post>,
    queued_bytes: usize,
    work: Work,
    ended: bool,
}

impl Outbox {
    pub(super) fn new(threshold: usize) -> Self {
        Outbox { threshold, state: Mutex::default(), wake: Notify::new(), finished: watch::Sender::new(false) }
    }

    pub(super) fn post(&self, post: Post) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        state.queued_bytes += post.payload.len();
        state.queued.push(post);
        if state.queued_bytes >= self.threshold {
            self.release(state);
        }
    }

    pub(super) fn flush(&self) {
        let state = self.lock();
        if !state.queued.is_empty() {
            self.release(state);
        }
    }

    fn release(&self, mut state: MutexGuard<'_, State>) {
        let State { queued, work, .. } = &mut *state;
        if work.posts.is_empty() {
            std::mem::swap(queued, &mut work.posts);
        } else {
            work.posts.append(queued);
        }
        state.queued_bytes = 0;
        drop(state);
        self.wake.notify_one();
    }

    /// After what was flushed, nothing more will come.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.work.closing = true;
        state.ended = true;
        drop(state);
        self.wake.notify_one();
    }

    /// Forgets what is queued: the peer shall only learn that the session ended.
    pub(super) fn abort(&self, abort: Abort) {
        let mut state = self.lock();
        state.ended = true;
        state.queued.clear();
        state.work.posts.clear();
        state.work.abort = Some(abort);
        drop(state);
        self.wake.notify_one();
    }

    /// Asks the writer to tell the peer what has arrived.
    pub(super) fn acknowledge(&self) {
        self.lock().work.acknowledge = true;
        self.wake.notify_one();
    }

    /// Makes the writer look around: something that it waits for has changed.
    pub(super) fn nudge(&self) {
        self.wake.notify_one();
    }

    /// What there is to do now. `closing` stays set.
    pub(super) fn work(&self) -> Work {
        let mut state = self.lock();
        let closing = state.work.closing;
        std::mem::replace(&mut state.work, Work { closing, ..Work::default() })
    }

    /// Waits until there may be something to do.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The writer has nothing left to do for the peer.
    pub(super) fn finish(&self) {
        self.finished.send_replace(true);
    }

    /// Waits for the writer to have nothing left to do for the peer.
    pub(super) async fn finished(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.finished.subscribe().wait_for(|finished| *finished).await;
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
