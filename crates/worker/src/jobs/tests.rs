//! Turns, memory, fairness, draining.

use std::sync::Arc;

use agreement::{Digest, SessionId};
use futures::FutureExt;
use net::KeyPair;

use super::{About, Jobs, Slot, State, Ticket, Why};
use crate::config::JobLimits;

const LIMITS: JobLimits = JobLimits {
    at_once: 2,
    waiting: 32,
    memory_mib: 10,
    ahead_mib: 0,
    deadline_seconds: 10,
    meeting_seconds: 10,
    grace_seconds: 0,
    threads: 0,
};

fn about(session: u8, submitter: u8, mib: u64) -> About {
    About {
        session: SessionId([session; 16]),
        agreement: Digest([0; 32]),
        computation: "c".into(),
        player: "a".into(),
        submitter: KeyPair::from_seed(&[submitter; 32]).identity(),
        memory: mib << 20,
        submitted_ms: u64::from(session),
    }
}

fn enter(jobs: &Jobs, session: u8, submitter: u8, mib: u64) -> Ticket {
    jobs.enter(about(session, submitter, mib)).ok().unwrap()
}

/// Its turn, if it has come, and it begins at once.
fn turn(ticket: &mut Ticket) -> Option<Slot> {
    let mut slot = first_turn(ticket)?;
    slot.went();
    Some(slot)
}

/// Its turn here, if it has come; it waits for other workers.
fn first_turn(ticket: &mut Ticket) -> Option<Slot> {
    let waiting = ticket.turn.as_mut()?;
    let slot = waiting.now_or_never()?.ok();
    ticket.turn = None;
    slot
}

#[test]
fn turns_go_around_the_submitters() {
    let jobs = Jobs::new(LIMITS);
    let mut greedy: Vec<Ticket> = (0..6).map(|i| enter(&jobs, i, 1, 1)).collect();
    let first = turn(&mut greedy[0]).unwrap();
    let _second = turn(&mut greedy[1]).unwrap();
    let mut modest = enter(&jobs, 100, 2, 1);
    assert!(turn(&mut greedy[2]).is_none() && turn(&mut modest).is_none());
    drop(first);
    assert!(turn(&mut greedy[2]).is_none());
    assert!(turn(&mut modest).is_some(), "the one of the other comes before the third of the first");
}

#[test]
fn who_never_begins_does_not_keep_the_places_of_others() {
    let jobs = Jobs::new(JobLimits { at_once: 8, ..LIMITS });
    let mut idle: Vec<Ticket> = (0..6).map(|i| enter(&jobs, i, 1, 1)).collect();
    let mut held: Vec<Slot> = idle.iter_mut().filter_map(first_turn).collect();
    assert_eq!((held.len(), jobs.load().running), (2, 2), "a quarter of the places");
    let mut other = enter(&jobs, 100, 2, 1);
    assert!(turn(&mut other).is_some());
    held[0].went();
    assert!(first_turn(&mut idle[2]).is_some(), "one began, so the next may have its turn");
    drop(held);
    let held: Vec<Slot> = idle.iter_mut().filter_map(first_turn).collect();
    assert_eq!(held.len(), 2);
}

#[test]
fn a_session_is_resumed_before_its_last_attempt_has_let_go() {
    let jobs = Jobs::new(LIMITS);
    let mut first = enter(&jobs, 1, 1, 1);
    let slot = turn(&mut first).unwrap();
    first.entry.over(Some(("net.peer-lost", "lost".into())));
    // It still holds its place; the next attempt waits behind another.
    let _other = turn(&mut enter(&jobs, 2, 2, 1)).unwrap();
    let mut second = enter(&jobs, 1, 1, 1);
    drop((slot, first));
    assert!(turn(&mut second).is_some(), "the first took its waiting place away");
    assert!(jobs.find(SessionId([1; 16]), None).is_some_and(|entry| Arc::ptr_eq(&entry, &second.entry)));
    // And it is remembered as the one that has not ended.
    for i in 0..=super::REMEMBERED {
        let id = SessionId((i as u128 + 1000).to_be_bytes());
        drop(jobs.enter(About { session: id, ..about(0, 3, 1) }).ok().unwrap());
    }
    assert!(jobs.find(SessionId([1; 16]), None).is_some());
}

#[test]
fn memory_is_kept_and_the_large_are_not_overtaken() {
    let jobs = Jobs::new(LIMITS);
    let mut small = enter(&jobs, 1, 1, 4);
    let mut large = enter(&jobs, 2, 1, 8);
    let mut late = enter(&jobs, 3, 2, 1);
    let slot = turn(&mut small).unwrap();
    // The late one is of another submitter, whose turn it is; then the large one must wait for memory.
    let other = turn(&mut late).unwrap();
    assert!(turn(&mut large).is_none());
    drop(other);
    assert!(turn(&mut large).is_none());
    drop(slot);
    let slot = turn(&mut large).unwrap();
    assert_eq!(jobs.load().memory, 8 << 20);
    drop(slot);
    assert_eq!((jobs.load().memory, jobs.load().running), (0, 0));
    let refused = jobs.enter(about(9, 1, 11)).err().unwrap();
    assert_eq!(refused.code(), "worker.too-large");
}

#[test]
fn a_queue_is_bounded_and_those_who_leave_make_room() {
    let jobs = Jobs::new(LIMITS);
    let mut waiting: Vec<Ticket> = (0..17).map(|i| enter(&jobs, i, 1, 1)).collect();
    assert_eq!(jobs.enter(about(50, 1, 1)).err().unwrap().code(), "worker.busy");
    assert!(jobs.enter(about(51, 2, 1)).is_ok(), "another has room");
    waiting.truncate(10);
    assert_eq!(jobs.load().waiting, 9);
    assert!(jobs.enter(about(52, 1, 1)).is_ok());
    assert_eq!(jobs.enter(about(0, 1, 1)).err().unwrap().code(), "worker.replay");
}

#[test]
fn a_slot_for_one_who_left_goes_to_the_next() {
    let jobs = Jobs::new(JobLimits { at_once: 1, ..LIMITS });
    let mut all: Vec<Ticket> = (0..3).map(|i| enter(&jobs, i, 1, 1)).collect();
    let slot = turn(&mut all[0]).unwrap();
    all.remove(1);
    drop(slot);
    assert!(turn(&mut all[1]).is_some());
}

#[tokio::test]
async fn draining_ends_what_waits_and_stops_what_runs() {
    let jobs = Jobs::new(LIMITS);
    let mut running = enter(&jobs, 1, 1, 1);
    let slot = turn(&mut running).unwrap();
    running.entry.running();
    let _second = turn(&mut enter(&jobs, 2, 1, 1));
    let draining = tokio::spawn({
        let jobs = jobs.clone();
        async move { jobs.drain().await }
    });
    let entry = Arc::clone(&running.entry);
    assert_eq!(entry.stopped().await, Why::Drained);
    assert_eq!(jobs.enter(about(3, 1, 1)).err().unwrap().code(), "worker.draining");
    entry.over(Some(("session.cancelled", "stopped".into())));
    assert_eq!(entry.state(), State::Cancelled);
    drop((slot, running));
    draining.await.unwrap();
}

#[test]
fn lines_are_bounded_and_numbered() {
    let jobs = Jobs::new(LIMITS);
    let ticket = enter(&jobs, 1, 1, 1);
    (0..500).for_each(|i| ticket.entry.say(format!("line {i}")));
    let (lines, next, over) = ticket.entry.lines(0);
    assert_eq!((lines.len(), next, over), (200, 501, false));
    assert_eq!(lines.last().unwrap().text, "line 499");
    let (rest, ..) = ticket.entry.lines(next - 1);
    assert_eq!(rest.len(), 1);
    // Others see neither it nor that it is there.
    let other = KeyPair::from_seed(&[2; 32]).identity();
    assert!(jobs.find(SessionId([1; 16]), Some(other)).is_none() && jobs.list(Some(other)).is_empty());
    assert_eq!(jobs.list(None).len(), 1);
}
