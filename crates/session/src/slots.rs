//! Slots: values on their way from the step that makes them to the steps that take them.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use ir::ValueId;

use crate::held::Held;

/// The values of one block in one run of it.
///
/// A value is taken exactly as often as the plan says; its slot lets go of it at the last time, so that
/// memory holds only what is still needed.
pub(crate) struct Slots(Mutex<BTreeMap<ValueId, Slot>>);

struct Slot {
    left: usize,
    value: Option<Arc<Held>>,
    waiting: Vec<Waker>,
}

impl Slots {
    /// Slots for values, with how often each will be taken.
    pub(crate) fn new(uses: &BTreeMap<ValueId, usize>) -> Slots {
        let slot = |left: &usize| Slot { left: *left, value: None, waiting: Vec::new() };
        Slots(Mutex::new(uses.iter().map(|(v, n)| (*v, slot(n))).collect()))
    }

    /// Puts a value. One that nobody takes is dropped at once.
    pub(crate) fn put(&self, id: ValueId, value: Arc<Held>) {
        let waiting = match self.lock().get_mut(&id) {
            None => return,
            Some(slot) => {
                slot.value = Some(value);
                std::mem::take(&mut slot.waiting)
            }
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The value, as soon as it is there.
    pub(crate) fn take(&self, id: ValueId) -> impl Future<Output = Arc<Held>> + '_ {
        poll_fn(move |cx| {
            let mut slots = self.lock();
            let Some(slot) = slots.get_mut(&id) else {
                // The plan counts every taker, so nobody comes after the last one; waiting for ever
                // would hide such a defect.
                unreachable!("value {id:?} was taken more often than planned");
            };
            match &slot.value {
                None => {
                    slot.waiting.push(cx.waker().clone());
                    Poll::Pending
                }
                Some(value) => {
                    let value = Arc::clone(value);
                    slot.left -= 1;
                    if slot.left == 0 {
                        slots.remove(&id);
                    }
                    Poll::Ready(value)
                }
            }
        })
    }

    /// No code panics while it holds the lock but on a defect that ends the session.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ValueId, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
