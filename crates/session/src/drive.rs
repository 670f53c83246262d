//! Driving all of a player's operators as one task, and flushing when none can progress.
//!
//! This is why rounds of independent operators merge without a scheduler: whatever any of them wants
//! to say is queued until all of them wait, and then leaves as one write per peer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Remembers a wake-up that comes while the future is being polled, and passes on later ones.
struct Bell {
    rung: AtomicBool,
    outer: Mutex<Waker>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // Cloned out of the lock: waking may run anything.
            let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone();
            outer.wake();
        }
    }
}

/// How often what can progress is polled on before others get their turn: another session, or what may end this one.
const TURNS: u32 = 16;

/// Lets others have their turn. A player that only sends would otherwise run through a whole loop in one go, and hear of
/// nothing meanwhile.
pub(crate) async fn breathe() {
    let mut breathed = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut breathed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Runs `future`, calling `flush` whenever nothing in it can progress.
pub(crate) async fn drive<F: Future>(future: F, flush: impl Fn()) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell { rung: AtomicBool::new(false), outer: Mutex::new(Waker::noop().clone()) });
    let waker = Waker::from(Arc::clone(&bell));
    poll_fn(|cx| {
        *bell.outer.lock().unwrap_or_else(PoisonError::into_inner) = cx.waker().clone();
        for _ in 0..TURNS {
            bell.rung.store(false, Ordering::Release);
            if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                // What the last operators said must leave too.
                flush();
                return Poll::Ready(out);
            }
            // Rung while polling: something can progress, so it is too early to flush.
            if !bell.rung.load(Ordering::Acquire) {
                flush();
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;
    use futures::stream::FuturesUnordered;
    use std::cell::Cell;

    #[tokio::test]
    async fn what_never_waits_can_still_be_stopped() {
        let forever = drive(
            async {
                loop {
                    breathe().await;
                }
            },
            || {},
        );
        let turns = AtomicBool::new(false);
        let stop = poll_fn(|_| if turns.swap(true, Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending });
        tokio::select! {
            _ = forever => unreachable!("it never ends"),
            () = stop => {}
        }
    }

    #[tokio::test]
    async fn flushes_once_for_all_that_wait() {
        let (sender, receiver) = tokio::sync::watch::channel(false);
        let flushes = Cell::new(0);
        let posted = Cell::new(0);
        let all: FuturesUnordered<_> = (0..100)
            .map(|_| {
                let mut receiver = receiver.clone();
                let posted = &posted;
                async move {
                    posted.set(posted.get() + 1);
                    receiver.wait_for(|go| *go).await.map(|_| ())
                }
            })
            .collect();
        let done = drive(all.count(), || {
            flushes.set(flushes.get() + 1);
            if flushes.get() == 1 {
                assert_eq!(posted.get(), 100, "everyone spoke before the flush");
                sender.send_replace(true);
            }
        })
        .await;
        assert_eq!(done, 100);
        assert_eq!(flushes.get(), 2, "one when all waited, one at the end");
    }
}
