//! What every board promises.

use std::sync::Arc;

use aggregator::board::{Board, Phase, Posted, RoundId, Slot, Step};
use secagg::Identity;

pub(crate) const ROUND: RoundId = RoundId { task: [3; 32], round: 7 };
const TAKING: Phase = Phase(10);
const CLOSED: Phase = Phase(11);
const MESSAGE: Slot = Slot(1);
pub(crate) const DEPOSIT: Slot = Slot(2);

pub(crate) fn who(number: u8) -> Identity {
    Identity([number; 32])
}

fn messages(text: &str) -> Vec<(Slot, Vec<u8>)> {
    vec![(MESSAGE, text.into()), (DEPOSIT, format!("for an aggregator: {text}").into())]
}

fn step(from: Phase, to: Phase, erase: &[Slot]) -> Step<'_> {
    Step { from, to, now_ms: 5, reason: "", document: None, erase }
}

/// The suite.
pub(crate) async fn keeps_its_promises(board: &dyn Board) {
    assert_eq!(board.latest(ROUND.task).await.unwrap(), None);
    assert_eq!(board.status(ROUND).await.unwrap(), None);
    assert!(board.post(ROUND, TAKING, who(1), &messages("a")).await.is_err(), "there is no such round");

    let opened = board.open(ROUND, TAKING, [9; 32], 1).await.unwrap();
    assert_eq!((opened.phase, opened.seed, opened.since_ms), (TAKING, [9; 32], 1));
    let again = board.open(ROUND, CLOSED, [8; 32], 2).await.unwrap();
    assert_eq!(again, opened, "a round is opened once");
    assert_eq!(board.latest(ROUND.task).await.unwrap(), Some(7));
    assert_eq!(board.latest([4; 32]).await.unwrap(), None);

    // Each identity once.
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("a")).await.unwrap(), Posted::New);
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("a")).await.unwrap(), Posted::Repeated);
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("b")).await.unwrap(), Posted::Different);
    assert_eq!(board.read(ROUND, MESSAGE, who(1)).await.unwrap().as_deref(), Some(&b"a"[..]));
    for number in [5, 3, 4] {
        assert_eq!(board.post(ROUND, TAKING, who(number), &messages("c")).await.unwrap(), Posted::New);
    }
    assert_eq!(board.count(ROUND, MESSAGE).await.unwrap(), 4);
    assert_eq!(board.senders(ROUND, DEPOSIT).await.unwrap(), [who(1), who(3), who(4), who(5)]);

    // Pages go through all of them, in order.
    let mut seen = vec![];
    let mut after = None;
    loop {
        let page = board.page(ROUND, DEPOSIT, after, 25).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        seen.extend(page.into_iter().map(|(from, _)| from));
    }
    assert_eq!(seen, [who(1), who(3), who(4), who(5)]);

    // A phase is left once; what comes later is refused, and what was there stays.
    assert!(board.advance(ROUND, step(TAKING, CLOSED, &[])).await.unwrap());
    assert!(!board.advance(ROUND, step(TAKING, CLOSED, &[])).await.unwrap());
    assert_eq!(board.post(ROUND, TAKING, who(6), &messages("d")).await.unwrap(), Posted::Closed(CLOSED));
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("a")).await.unwrap(), Posted::Repeated, "it was in time");
    assert_eq!(board.count(ROUND, MESSAGE).await.unwrap(), 4);

    // What is erased is gone, but not that it came.
    let document = Some((Slot(900), b"the sum".to_vec()));
    let last = Step { from: CLOSED, to: Phase(100), now_ms: 6, reason: "over", document, erase: &[MESSAGE] };
    assert!(board.advance(ROUND, last).await.unwrap());
    let status = board.status(ROUND).await.unwrap().unwrap();
    assert_eq!((status.phase, status.since_ms, status.reason.as_str()), (Phase(100), 6, "over"));
    assert_eq!(board.read(ROUND, MESSAGE, who(1)).await.unwrap(), None);
    assert!(board.page(ROUND, MESSAGE, None, 1000).await.unwrap().is_empty());
    assert_eq!(board.senders(ROUND, MESSAGE).await.unwrap().len(), 4);
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("a")).await.unwrap(), Posted::Repeated);
    assert_eq!(board.post(ROUND, TAKING, who(1), &messages("b")).await.unwrap(), Posted::Different);
    let sum = board.read(ROUND, Slot(900), aggregator::board::SERVICE).await.unwrap();
    assert_eq!(sum.as_deref(), Some(&b"the sum"[..]));

    // Leases.
    assert!(board.lease(ROUND, 1, 100, 200).await.unwrap());
    assert!(!board.lease(ROUND, 2, 150, 300).await.unwrap());
    assert!(board.lease(ROUND, 1, 150, 250).await.unwrap());
    assert!(board.lease(ROUND, 2, 251, 300).await.unwrap());
}

/// Many at once: exactly one of two different messages of one identity is taken, and a phase that ends is the end for all.
pub(crate) async fn holds_under_contention(board: Arc<dyn Board>) {
    let id = RoundId { task: [5; 32], round: 1 };
    board.open(id, TAKING, [0; 32], 1).await.unwrap();
    let tasks: Vec<_> = (0..40u8)
        .map(|i| {
            let board = Arc::clone(&board);
            tokio::spawn(async move {
                let posted = board.post(id, TAKING, who(i / 2 + 1), &messages(&i.to_string())).await.unwrap();
                if i == 20 {
                    board.advance(id, step(TAKING, CLOSED, &[])).await.unwrap();
                }
                posted
            })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        new += u64::from(task.await.unwrap() == Posted::New);
    }
    assert_eq!(board.count(id, MESSAGE).await.unwrap(), new);
    assert_eq!(board.count(id, DEPOSIT).await.unwrap(), new);
    assert!((1..=20).contains(&new));
}

/// Two processes that have nothing in common but the board: one message of an identity is taken, by one of them, and a round
/// leaves a phase once.
#[allow(dead_code)] // Boards of one process have no such test.
pub(crate) async fn two_take_a_message_once(boards: [Arc<dyn Board>; 2]) {
    for round in 1..=20 {
        let id = RoundId { task: [1; 32], round };
        boards[0].open(id, TAKING, [0; 32], 1).await.unwrap();
        let posts = [0, 1].map(|i| {
            let board = Arc::clone(&boards[i]);
            async move { board.post(id, TAKING, who(1), &[(MESSAGE, vec![i as u8])]).await.unwrap() }
        });
        let posted = futures::future::join_all(posts).await;
        assert_eq!(posted.iter().filter(|posted| **posted == Posted::New).count(), 1, "{posted:?}");
        let left = boards.each_ref().map(|board| board.advance(id, step(TAKING, CLOSED, &[])));
        let left = futures::future::try_join_all(left).await.unwrap();
        assert!(left[0] ^ left[1], "a phase is left once");
        let leases = [0, 1].map(|i| boards[i].lease(id, i as u64, 1, 100));
        let leases = futures::future::try_join_all(leases).await.unwrap();
        assert!(leases != [true, true], "a lease is one process's");
    }
}
