//! How often an identity may ask, how many connections it may hold, and how much it may bring at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use net::Identity;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts per identity. Only identities that the worker knows get so far, so there are never many.
#[derive(Default)]
pub(crate) struct Counts {
    budgets: Mutex<HashMap<Identity, Budget>>,
    connections: Mutex<HashMap<Identity, usize>>,
    bringing: Mutex<HashMap<(Identity, Body), Arc<Semaphore>>>,
}

/// What is brought: each kind waits for its own, so that a submission that never comes delays no other request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    /// A request that is answered when it is whole.
    Request,
    /// What a conversation begins with.
    Submission,
    /// A call of Arrow Flight.
    Table,
}

impl Body {
    /// How many of its kind one identity may be bringing at a time; the next one waits. Of tables fewer than a worker takes
    /// at once, so that no owner keeps all others from uploading.
    fn most(self) -> usize {
        match self {
            Body::Request | Body::Submission => 4,
            Body::Table => 2,
        }
    }
}

/// A bucket of requests that fills up steadily.
struct Budget {
    left: f64,
    at: Instant,
}

impl Counts {
    /// Takes one request out of an identity's bucket, if there is one.
    pub(crate) fn request(&self, identity: Identity, per_minute: u32, now: Instant) -> bool {
        let most = f64::from(per_minute);
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry(identity).or_insert(Budget { left: most, at: now });
        let passed = now.saturating_duration_since(budget.at).as_secs_f64();
        budget.left = (budget.left + passed * most / 60.0).min(most);
        budget.at = now;
        let allowed = budget.left >= 1.0;
        budget.left -= if allowed { 1.0 } else { 0.0 };
        allowed
    }

    /// Waits until an identity may bring one more request's body, which it does for as long as this is held.
    pub(crate) async fn bring(&self, identity: Identity, body: Body) -> Option<OwnedSemaphorePermit> {
        let bodies = {
            let mut bringing = self.bringing.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(bringing.entry((identity, body)).or_insert_with(|| Arc::new(Semaphore::new(body.most()))))
        };
        bodies.acquire_owned().await.ok()
    }

    /// A connection of an identity, if it may have one more.
    pub(crate) fn connect(self: &Arc<Self>, identity: Identity, most: usize) -> Option<Held> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connections.entry(identity).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Held { counts: Arc::clone(self), identity })
    }
}

/// A connection that counts until this is dropped.
pub(crate) struct Held {
    counts: Arc<Counts>,
    identity: Identity,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut connections = self.counts.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connections.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.identity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_up_again() {
        let (counts, start) = (Arc::new(Counts::default()), Instant::now());
        let [one, other] = [1, 2].map(|i| Identity::from_bytes([i; 32]));
        assert_eq!((0..100).filter(|_| counts.request(one, 60, start)).count(), 60);
        assert!(counts.request(other, 60, start), "others are not concerned");
        assert_eq!((0..100).filter(|_| counts.request(one, 60, start + Duration::from_secs(5))).count(), 5);
        assert_eq!((0..100).filter(|_| counts.request(one, 60, start + Duration::from_secs(3600))).count(), 60);
    }

    #[test]
    fn connections_are_counted_until_they_end() {
        let counts = Arc::new(Counts::default());
        let one = Identity::from_bytes([1; 32]);
        let held: Vec<_> = (0..3).filter_map(|_| counts.connect(one, 2)).collect();
        assert_eq!(held.len(), 2);
        drop(held);
        assert!(counts.connect(one, 2).is_some());
    }
}
