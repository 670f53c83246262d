//! Ratifications: nothing is ratified until everyone has signed exactly it.

mod common;

use agreement::{Agreement, Basis, Decline, Ratification, Ratified, Terms};
use common::{SLOPE, agreement, checked, key, roster, rows};
use proptest::prelude::*;

fn all(agreement: &Agreement) -> Vec<Ratification> {
    (0..4).map(|i| Ratification::sign(agreement, &key(i))).collect()
}

#[test]
fn all_signatures_together_ratify() {
    let agreement = agreement();
    let signed = all(&agreement);
    let read: Vec<Ratification> = signed.iter().map(|r| Ratification::from_text(&r.to_string()).unwrap()).collect();
    assert_eq!(read, signed);
    let ratified = Ratified::verify(agreement.clone(), &read).unwrap();
    assert_eq!((ratified.basis(), &**ratified.agreement()), (Basis::Signatures, &agreement));
}

#[test]
fn a_missing_signature_is_named() {
    let agreement = agreement();
    for missing in 0..4usize {
        let mut signed = all(&agreement);
        signed.remove(missing);
        let error = Ratified::verify(agreement.clone(), &signed).unwrap_err();
        assert_eq!((error.code(), error.player()), ("ratification.missing", Some(common::PLAYERS[missing])));
    }
    assert_eq!(
        Ratified::verify(agreement, &[]).unwrap_err().to_string(),
        "not ratified by analyst, clinic, laboratory, registry"
    );
}

#[test]
fn signatures_of_others_and_over_other_texts_do_not_count() {
    let agreement = agreement();
    let foreign = Ratification::sign(&agreement, &key(9));
    let error = Ratified::verify(agreement.clone(), &[all(&agreement), vec![foreign]].concat()).unwrap_err();
    assert_eq!(error.code(), "ratification.foreign");

    let other = Agreement::bind(checked(SLOPE), &roster(), rows(443), Terms::default()).unwrap();
    let error = Ratified::verify(agreement.clone(), &all(&other)).unwrap_err();
    assert_eq!(error.code(), "ratification.other-agreement");

    // A signature over one agreement, relabelled as one over another.
    let relabelled = all(&other).into_iter().map(|mut r| {
        r.agreement = agreement.digest();
        r
    });
    let error = Ratified::verify(agreement.clone(), &relabelled.collect::<Vec<_>>()).unwrap_err();
    assert_eq!((error.code(), error.player()), ("ratification.signature", Some("clinic")));
}

#[test]
fn a_signature_over_the_bare_digest_is_none() {
    // Domain separation: what signs the digest in another context does not ratify.
    let agreement = agreement();
    let signature = key(0).sign("privity 2026-11 receipt v1", &agreement.digest().0);
    let hex: String = signature.iter().map(|b| format!("{b:02x}")).collect();
    let text = Ratification::sign(&agreement, &key(0)).to_string();
    let at = text.rfind("= \"").unwrap() + 3;
    let forged = Ratification::from_text(&format!("{}{hex}\"\n", &text[..at])).unwrap();
    assert_eq!(Ratified::verify(agreement, &[forged]).unwrap_err().code(), "ratification.signature");
}

#[test]
fn shortcuts_are_for_where_they_belong() {
    let local = Agreement::in_process(checked(SLOPE), rows(442)).unwrap();
    assert_eq!(Ratified::local(local.clone()).unwrap().basis(), Basis::InProcess);
    assert_eq!(Ratified::by_flag_ratify_all(local).unwrap_err().code(), "agreement.in-process");
    assert_eq!(Ratified::local(agreement()).unwrap_err().code(), "agreement.not-in-process");
    assert_eq!(Ratified::by_flag_ratify_all(agreement()).unwrap().basis(), Basis::RatifyAll);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_mutated_ratification_is_refused(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let agreement = agreement();
        let mut signed = all(&agreement);
        let mut text = signed[0].to_string().into_bytes();
        let at = at.index(text.len());
        prop_assume!(text[at] != byte);
        text[at] = byte;
        if let Ok(read) = Ratification::from_text(&String::from_utf8(text).unwrap()) {
            prop_assume!(read != signed[0]);
            signed[0] = read;
            prop_assert!(Ratified::verify(agreement, &signed).is_err());
        }
    }
}

#[test]
fn a_decline_says_why_and_holds_for_one_agreement_and_one_reason() {
    let agreement = agreement();
    let reason = "not \"this\" \\ year: ünsure";
    let decline = Decline::sign(&agreement, reason, &key(1)).unwrap();
    let read = Decline::from_text(&decline.to_string()).unwrap();
    assert_eq!((&read, read.reason(), read.verify(&agreement).unwrap()), (&decline, reason, key(1).identity()));

    let changed = Decline::from_text(&decline.to_string().replace("not ", "Not ")).unwrap();
    assert_eq!(changed.verify(&agreement).unwrap_err().code(), "ratification.signature");
    let other = Agreement::bind(checked(SLOPE), &roster(), rows(443), Terms::default()).unwrap();
    assert_eq!(decline.verify(&other).unwrap_err().code(), "ratification.other-agreement");
    let foreign = Decline::sign(&agreement, reason, &key(9)).unwrap();
    assert_eq!(foreign.verify(&agreement).unwrap_err().code(), "ratification.foreign");
    for bad in ["", "  ", "two\nlines", &"x".repeat(1001)] {
        assert_eq!(Decline::sign(&agreement, bad, &key(1)).unwrap_err().code(), "decline.reason");
    }
    // Neither stands for the other.
    assert!(Ratification::from_text(&decline.to_string()).is_err());
}
