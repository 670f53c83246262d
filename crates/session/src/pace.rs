//! How far a player runs ahead of the others: a step that would take it further waits for room.
//!
//! A player that waits for no message, as the first of three in a chain of products, would otherwise send all of its part
//! of a long program at once, to wait in the memory of others.
//!
//! **No deadlock.** Steps are ordered as in the program, loops by iteration, alike for all players. A step waits only if
//! it comes after all steps that were begun here, and only while some peer has not taken much of what these sent. Of all
//! steps that some player has not finished consider the first one. Nothing before it has messages that were not taken, so
//! none of its players waits with it here; hence it is finished some day, and then the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

use net::Exchange;

/// Where in the program a step is: the steps that lead to it, with the iteration after each loop.
pub(crate) type Place = Vec<u64>;

/// The furthest step that was begun.
#[derive(Default)]
pub(crate) struct Pace(Mutex<Place>);

impl Pace {
    /// Waits until the step may begin.
    pub(crate) async fn admit(&self, exchange: &Exchange, place: Place) {
        if *self.furthest() < place {
            exchange.room().await;
            let mut furthest = self.furthest();
            if *furthest < place {
                *furthest = place;
            }
        }
    }

    /// No code panics while it holds the lock.
    fn furthest(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
