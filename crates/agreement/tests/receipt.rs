//! Receipts and commitments: what was signed stays as it was, and gives no value away.

mod common;

use std::collections::BTreeMap;

use agreement::{Basis, Commitment, Cost, Digest, LogHead, Opening, Proof, Receipt, Seen, SessionId, SignedReceipt};
use common::{PLAYERS, agreement, key};
use ir::DType;
use proptest::prelude::*;

fn proof() -> Proof {
    Proof {
        evidence: Digest([8; 32]),
        appraisal: Digest([9; 32]),
        technology: "tpm".into(),
        tier: "integrity".into(),
        policy: "ab".repeat(32),
        claims: Some("cd".repeat(32)),
        development: true,
        expires_ms: 9_000,
    }
}

fn receipt() -> Receipt {
    let opening = Opening::new([5; 32]);
    Receipt {
        version: Receipt::VERSION,
        agreement: agreement().digest(),
        session: SessionId([9; 16]),
        attempt: 1,
        player: "clinic".into(),
        players: (0u8..).zip(PLAYERS).map(|(i, n)| (n.to_owned(), Seen(key(i).identity()))).collect(),
        ratified: Basis::Signatures,
        policy: Some("means".into()),
        started_ms: 1_000,
        ended_ms: 2_500,
        cost: Cost { rounds: 42, bytes: 1 << 40 },
        inputs: BTreeMap::from([("bmi".to_owned(), Commitment::new(&opening, "bmi", DType::F64, &[2], &[0; 16]))]),
        outputs: BTreeMap::new(),
        audit: Some(LogHead { sequence: 17, digest: Digest([7; 32]) }),
        machines: BTreeMap::from([("registry".to_owned(), vec![proof()])]),
    }
}

#[test]
fn a_signed_receipt_verifies_and_reads_back_from_json() {
    let signed = receipt().sign(&key(0)).unwrap();
    assert_eq!(signed.verify().unwrap(), &receipt());
    let json = serde_json::to_string(&signed).unwrap();
    let again: SignedReceipt = serde_json::from_str(&json).unwrap();
    assert_eq!((again.verify().unwrap(), &again), (&receipt(), &signed));
    assert_eq!(again.unverified().digest(), receipt().digest());
}

#[test]
fn only_the_players_own_worker_signs() {
    assert_eq!(receipt().sign(&key(1)).unwrap_err().code(), "receipt.signer");
    assert_eq!(Receipt { player: "stranger".into(), ..receipt() }.sign(&key(0)).unwrap_err().code(), "receipt.signer");
    assert_eq!(Receipt { version: 1, ..receipt() }.sign(&key(0)).unwrap_err().code(), "receipt.version");
    assert_eq!(Receipt { ended_ms: 999, ..receipt() }.sign(&key(0)).unwrap_err().code(), "receipt.times");
}

#[test]
fn a_receipt_speaks_of_one_session_of_one_agreement() {
    let (agreement, session) = (agreement(), SessionId([9; 16]));
    let verify = |receipt: Receipt| {
        receipt.sign(&key(0)).unwrap().verify_for(&agreement, session, "clinic").map(|_| ()).map_err(|e| e.code())
    };
    assert_eq!(verify(receipt()), Ok(()));
    let signed = receipt().sign(&key(0)).unwrap();
    assert_eq!(signed.verify_for(&agreement, session, "registry").unwrap_err().code(), "receipt.signer");
    assert_eq!(verify(Receipt { agreement: Digest([0; 32]), ..receipt() }), Err("receipt.other-agreement"));
    assert_eq!(verify(Receipt { session: SessionId([8; 16]), ..receipt() }), Err("receipt.other-session"));
    let mut players = receipt().players;
    players.insert("analyst".into(), Seen(key(7).identity()));
    assert_eq!(verify(Receipt { players, ..receipt() }), Err("receipt.players"));
    let mut players = receipt().players;
    players.insert("stranger".into(), Seen(key(7).identity()));
    assert_eq!(verify(Receipt { players, ..receipt() }), Err("receipt.players"));
}

#[test]
fn every_field_is_signed() {
    let json = serde_json::to_value(receipt().sign(&key(0)).unwrap()).unwrap();
    let other = format!("\"{}\"", key(7).identity());
    let changes: [(&str, &str); 20] = [
        ("/receipt/agreement", &format!("\"{}\"", "0".repeat(64))),
        ("/receipt/session", &format!("\"{}\"", "0".repeat(32))),
        ("/receipt/attempt", "0"),
        ("/receipt/policy", "null"),
        ("/receipt/audit/sequence", "16"),
        ("/receipt/audit/digest", &format!("\"{}\"", "0".repeat(64))),
        ("/receipt/machines/registry/0/evidence", &format!("\"{}\"", "0".repeat(64))),
        ("/receipt/machines/registry/0/appraisal", &format!("\"{}\"", "0".repeat(64))),
        ("/receipt/machines/registry/0/tier", "\"memory\""),
        ("/receipt/machines/registry/0/claims", "null"),
        ("/receipt/machines/registry/0/development", "false"),
        ("/receipt/machines/registry/0/expires_ms", "9"),
        ("/receipt/player", "\"registry\""),
        ("/receipt/players/analyst", &other),
        ("/receipt/ratified", "\"ratify-all\""),
        ("/receipt/started_ms", "1001"),
        ("/receipt/ended_ms", "2501"),
        ("/receipt/cost/rounds", "41"),
        ("/receipt/cost/bytes", "0"),
        ("/receipt/inputs/bmi", &format!("\"{}\"", "1".repeat(64))),
    ];
    for (place, value) in changes {
        let mut changed = json.clone();
        *changed.pointer_mut(place).unwrap() = serde_json::from_str(value).unwrap();
        let signed: SignedReceipt = serde_json::from_value(changed).unwrap();
        assert!(signed.verify().is_err(), "{place}");
    }
}

#[test]
fn receipts_are_strict() {
    let json = serde_json::to_string(&receipt().sign(&key(0)).unwrap()).unwrap();
    for (from, to) in
        [("\"version\":3", "\"version\":3,\"more\":1"), ("\"key\":\"", "\"key\":\"A"), ("\"rounds\":42,", "")]
    {
        assert!(json.contains(from));
        assert!(serde_json::from_str::<SignedReceipt>(&json.replace(from, to)).is_err(), "{from}");
    }
}

#[test]
fn a_commitment_opens_to_its_value_only() {
    let (opening, other) = (Opening::new([1; 32]), Opening::new([2; 32]));
    let value = [1u8; 16];
    let c = Commitment::new(&opening, "x", DType::F64, &[2], &value);
    assert!(c.opens_to(&opening, "x", DType::F64, &[2], &value));
    assert!(!c.opens_to(&other, "x", DType::F64, &[2], &value));
    assert!(!c.opens_to(&opening, "y", DType::F64, &[2], &value));
    assert!(!c.opens_to(&opening, "x", DType::I64, &[2], &value));
    assert!(!c.opens_to(&opening, "x", DType::F64, &[1, 2], &value));
    assert!(!c.opens_to(&opening, "x", DType::F64, &[2], &[0; 16]));
    assert_eq!(format!("{opening:?}"), "Opening(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn session_ids_have_one_text(bytes in any::<[u8; 16]>(), text in "[0-9a-fA-F]{30,34}") {
        let id = SessionId(bytes);
        prop_assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
        if let Ok(read) = text.parse::<SessionId>() {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn mutated_json_never_verifies_as_something_else(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let signed = receipt().sign(&key(0)).unwrap();
        let mut json = serde_json::to_vec(&signed).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(read) = serde_json::from_slice::<SignedReceipt>(&json)
            && let Ok(stated) = read.verify()
        {
            prop_assert_eq!(stated, &receipt());
        }
    }
}
