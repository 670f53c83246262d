//! The receipts of all parties: one run, as agreed, or the player whose receipt says otherwise.

mod common;

use std::collections::BTreeMap;

use agreement::{Agreement, Basis, Commitment, Cost, Digest, LogHead, Receipt, Seen, SessionId, SignedReceipt, Terms};
use agreement::{Timestamp, verify_session};
use common::{PLAYERS, SLOPE, agreement, checked, key, roster, rows};

fn receipt(agreement: &Agreement, i: u8) -> Receipt {
    let named = |name: &str| BTreeMap::from([(name.to_owned(), Commitment(Digest([i; 32])))]);
    Receipt {
        version: Receipt::VERSION,
        agreement: agreement.digest(),
        session: SessionId([9; 16]),
        attempt: 0,
        player: PLAYERS[usize::from(i)].to_owned(),
        players: (0u8..).zip(PLAYERS).map(|(i, n)| (n.to_owned(), Seen(key(i).identity()))).collect(),
        ratified: Basis::Signatures,
        policy: None,
        started_ms: 1_000,
        ended_ms: 2_500,
        cost: Cost::default(),
        inputs: match i {
            0 => named("bmi"),
            2 => named("target"),
            _ => BTreeMap::new(),
        },
        outputs: if i == 3 { named("slope") } else { BTreeMap::new() },
        audit: (i != 1).then_some(LogHead { sequence: 1, digest: Digest([1; 32]) }),
        machines: BTreeMap::new(),
    }
}

/// All receipts, of which the `i`-th is changed before it is signed.
fn with(agreement: &Agreement, i: u8, change: impl Fn(&mut Receipt)) -> Vec<SignedReceipt> {
    let signed = |j: u8| {
        let mut receipt = receipt(agreement, j);
        if i == j {
            change(&mut receipt);
        }
        receipt.sign(&key(j)).unwrap()
    };
    (0..4).map(signed).collect()
}

#[test]
fn receipts_of_all_players_are_one_run() {
    let agreement = agreement();
    let all = with(&agreement, 0, |_| {});
    let run = verify_session(&agreement, &all).unwrap();
    assert_eq!((run.session, run.attempt, run.receipts.len()), (SessionId([9; 16]), 0, 4));
    assert_eq!(run.without_audit(), ["laboratory"]);
    // The order in which they are given does not matter, nor that one is given twice.
    let again: Vec<_> = all.iter().rev().chain(&all[..1]).cloned().collect();
    assert_eq!(verify_session(&agreement, &again).unwrap().digest, run.digest);
}

#[test]
fn what_does_not_fit_is_told_with_the_player() {
    let agreement = agreement();
    let refused = |receipts: &[SignedReceipt]| {
        let error = verify_session(&agreement, receipts).unwrap_err();
        assert!(!error.help().is_empty());
        (error.code(), error.player().map(str::to_owned))
    };
    let of = |player: &str| Some(player.to_owned());
    let all = with(&agreement, 0, |_| {});
    assert_eq!(refused(&all[1..]), ("receipt.missing", of("clinic")));
    assert_eq!(refused(&[]), ("receipt.missing", of("analyst")));
    let other_session = with(&agreement, 2, |r| r.session = SessionId([8; 16]));
    assert_eq!(refused(&other_session).0, "receipt.other-session");
    assert_eq!(refused(&with(&agreement, 2, |r| r.attempt = 1)), ("receipt.attempt", of("registry")));
    assert_eq!(refused(&with(&agreement, 1, |r| r.agreement = Digest([0; 32]))).0, "receipt.other-agreement");
    let swapped = with(&agreement, 1, |r| {
        r.players.insert("analyst".into(), Seen(key(7).identity()));
    });
    assert_eq!(refused(&swapped).0, "receipt.players");
    for i in [0u8, 2] {
        assert_eq!(
            refused(&with(&agreement, i, |r| r.inputs.clear())),
            ("receipt.commitments", of(PLAYERS[usize::from(i)]))
        );
    }
    let learned = with(&agreement, 1, |r| r.outputs = BTreeMap::from([("slope".into(), Commitment(Digest([0; 32])))]));
    assert_eq!(refused(&learned), ("receipt.commitments", of("laboratory")));
    let two = [all.clone(), with(&agreement, 3, |r| r.ended_ms += 1)].concat();
    assert_eq!(refused(&two), ("receipt.twice", of("analyst")));

    let mut json = serde_json::to_value(&all).unwrap();
    json[2]["receipt"]["cost"]["bytes"] = 7.into();
    let forged: Vec<SignedReceipt> = serde_json::from_value(json).unwrap();
    assert_eq!(refused(&forged).0, "receipt.signature");
}

#[test]
fn a_run_outside_of_the_agreements_time_is_told() {
    let terms =
        Terms { not_before: Timestamp::from_seconds(1), not_after: Timestamp::from_seconds(2), ..Terms::default() };
    let agreement = Agreement::bind(checked(SLOPE), &roster(), rows(442), terms).unwrap();
    verify_session(&agreement, &with(&agreement, 0, |_| {})).unwrap();
    for ms in [999, 3_000] {
        let late = with(&agreement, 3, |r| (r.started_ms, r.ended_ms) = (ms, 9_000));
        assert_eq!(verify_session(&agreement, &late).unwrap_err().code(), "receipt.window");
    }
}
