//! Later attempts at a session: which there may be, what they count as, and what they leave behind.

use super::*;
use crate::archive::Ending;

#[test]
fn a_session_that_failed_is_attempted_again_and_counted_once() {
    let desk = office(false);
    let agreement = agreement(LOOP, &roster(HONEST));
    let all = signed(&agreement, &["a", "b", "c"]);
    let by = key("b").identity();
    let first = admit(&desk, agreement.text(), &[1; 16], &all).unwrap();
    desk.begin(&first, by).unwrap();
    let refused = |session: u8, number: u32| match attempt(&desk, agreement.text(), &[session; 16], number, &all) {
        Ok(job) => desk.begin(&job, by).map_or_else(|e| e.code().to_owned(), |()| "begun".to_owned()),
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(refused(1, 1), "worker.replay", "it still runs");
    desk.end_badly(&first, ending("net.peer-lost"), String::new()).unwrap();
    assert_eq!(refused(1, 0), "worker.replay");
    assert_eq!(desk.recall(None, &[1; 16]).unwrap().attempts, 1);
    assert_eq!(refused(1, 1), "begun", "its use was spent when it began");
    assert_eq!(desk.recall(Some(by), &[1; 16]).unwrap().attempts, 2);
    assert_eq!(refused(2, 0), "ledger.used-up", "another session is another use");
    assert_eq!(desk.recall(Some(key("mallory").identity()), &[1; 16]).unwrap_err().code(), "worker.unknown-session");
    assert_eq!(refused(1, session::ATTEMPTS), "worker.not-resumable");
}

#[test]
fn what_discloses_anew_or_tells_of_values_is_not_attempted_again() {
    let desk = office(true);
    let by = key("b").identity();
    let fail = |program: &str, session: u8, code: &str| {
        let agreement = agreement(program, &roster(HONEST));
        let job = admit(&desk, agreement.text(), &[session; 16], &[]).unwrap();
        desk.begin(&job, by).unwrap();
        desk.end_badly(&job, ending(code), String::new()).unwrap();
        attempt(&desk, agreement.text(), &[session; 16], 1, &[]).map_or_else(|e| e.code().to_owned(), |_| "ok".into())
    };
    assert_eq!(fail(LOOP, 1, "net.peer-lost"), "ok");
    assert_eq!(fail(LOOP, 2, "session.given-up"), "ok");
    assert_eq!(fail(LOOP, 3, "session.cancelled"), "worker.not-resumable");
    for (i, code) in ["value.assumption", "session.input-range", "session.rows-differ"].into_iter().enumerate() {
        assert_eq!(fail(LOOP, 4 + i as u8, code), "worker.not-resumable", "{code}");
    }
    // Without checkpoints there is nothing to go on from.
    assert_eq!(fail(PROGRAM, 9, "net.peer-lost"), "worker.not-resumable");
}

/// A failure that was found here.
fn ending(code: &str) -> Ending {
    Ending { code: code.to_owned(), cause: code.to_owned() }
}

/// Begins an attempt at a session that writes something down.
fn begun(desk: &Office, session: u8, number: u32) -> Job {
    let agreement = agreement(LOOP, &roster(HONEST));
    let job = attempt(desk, agreement.text(), &[session; 16], number, &[]).unwrap();
    desk.begin(&job, key("b").identity()).unwrap();
    let at = store::Checkpoint { of: "loop 3".into(), attempt: number, iteration: 2 };
    desk.store.checkpoint([session; 16], &at, None, b"what the loop carries").unwrap();
    job
}

fn kept(desk: &Office, session: u8) -> usize {
    desk.store.checkpoints([session; 16]).unwrap().len()
}

#[test]
fn what_a_session_wrote_down_goes_when_it_ended_for_good() {
    let desk = office(true);
    let fail = |session: u8, number: u32, ending: Ending| {
        let job = begun(&desk, session, number);
        desk.end_badly(&job, ending, String::new()).unwrap();
        kept(&desk, session)
    };
    let told = |cause: &str| Ending { code: "net.peer-aborted".into(), cause: cause.into() };
    for (i, (ending, left)) in [
        (ending("net.peer-lost"), 1),
        (ending("session.given-up"), 1),
        (told("net.peer-lost"), 1),
        (ending("session.cancelled"), 0),
        (told("session.cancelled"), 0),
        (told("value.assumption"), 0),
        (ending("session.saved"), 0),
    ]
    .into_iter()
    .enumerate()
    {
        let code = ending.cause.clone();
        assert_eq!(fail(1 + i as u8, 0, ending), left, "{code}");
    }
    assert_eq!(fail(20, session::ATTEMPTS - 1, ending("net.peer-lost")), 0, "there is no further attempt");
    // The operator will not have it attempted again.
    assert!(desk.give_up(SessionId([1; 16])).unwrap() && kept(&desk, 1) == 0);
    let text = agreement(LOOP, &roster(HONEST)).text().to_owned();
    assert_eq!(attempt(&desk, &text, &[1; 16], 1, &[]).err().unwrap().code(), "worker.not-resumable");
    // Cut off by a crash: the last attempt leaves nothing, an earlier one what it goes on from.
    begun(&desk, 30, 0);
    begun(&desk, 31, session::ATTEMPTS - 1);
    let desk = desk.again();
    assert_eq!((kept(&desk, 30), kept(&desk, 31)), (1, 0));
}
