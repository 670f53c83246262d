//! Store and audit log stay of one mind, whatever is cut off between them.

use audit::{Event, Pending};
use store::StoreError;

use super::*;

fn told(desk: &Desk, event: &Event) -> usize {
    let entries = audit::entries(&desk.config.store.audit).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().event == *event).count()
}

fn stored(name: &str) -> Event {
    Event::Stored { name: name.into(), session: None }
}

#[test]
fn what_the_store_has_and_the_log_lacks_is_entered_once_at_the_next_start() {
    let mut desk = office(true);
    let (time, event) = (1_800_000_000_000, stored("model"));
    // As by a crash between the two, and as `privity store put` leaves it.
    desk.store.batch(|batch| batch.post(&Pending { time, event: event.clone() }.to_bytes())).unwrap();
    assert_eq!(told(&desk, &event), 0);
    for _ in 0..3 {
        desk = desk.again();
        assert_eq!(told(&desk, &event), 1);
    }
    desk.journal
        .change(|_, events| {
            events.push(stored("other"));
            Ok(())
        })
        .unwrap();
    let left = desk.store.outbox().unwrap();
    assert_eq!(left.len(), 1, "what was delivered goes with the next change");
    assert_eq!(Pending::from_bytes(&left[0].1).unwrap().event, stored("other"));
    assert_eq!(told(&desk.again(), &stored("other")), 1);
}

#[test]
fn a_change_that_fails_leaves_nothing_in_either() {
    let desk = office(true);
    let failed = desk.journal.change(|batch, events| {
        batch.set_note("topic", b"key", b"note")?;
        events.push(stored("model"));
        Err::<(), _>(StoreError::NoValue { name: "model".into() }.into())
    });
    assert_eq!(failed.unwrap_err().code(), "store.no-value");
    assert_eq!((told(&desk, &stored("model")), desk.store.outbox().unwrap().len()), (0, 0));
    assert!(desk.store.note("topic", b"key").unwrap().is_none());
}
