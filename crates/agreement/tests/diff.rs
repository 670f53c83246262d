//! What changed between two agreements, and who has signed which.

mod common;

use agreement::{Agreement, Decline, Part, Ratification, Standing, Terms, Timestamp, diff};
use common::{SLOPE, agreement, checked, key, member, roster, rows};
use proptest::prelude::*;

fn with(source: &str, n: u64, terms: Terms) -> Agreement {
    Agreement::bind(checked(source), &roster(), rows(n), terms).unwrap()
}

/// What is told of a change of the program, but that its digest changed.
fn told(source: &str) -> Vec<(Part, String)> {
    let changes = diff(&agreement(), &with(source, 442, Terms::default()));
    changes.iter().filter(|c| c.part != Part::Computation).map(|c| (c.part, c.to_string())).collect()
}

#[test]
fn changes_are_told_as_what_they_disclose() {
    let same = diff(&agreement(), &with(SLOPE, 442, Terms::default()));
    assert!(same.is_empty());

    let wider = told(&SLOPE.replace("release b to analyst", "release b to analyst, laboratory"));
    assert!(
        wider.iter().any(|(part, text)| *part == Part::Disclosure && text.contains("\"slope\" for laboratory is new")),
        "{wider:?}"
    );

    let raw = told(&SLOPE.replace("b = dot(x, target) / maximum(dot(x, x), 0.001)", "b = x[:] * 1.0"));
    assert!(
        raw.iter().any(|(_, text)| text.contains("between bmi of clinic and \"slope\"")
            && text.contains("combining at least 1 row")),
        "{raw:?}"
    );
    assert!(raw.iter().any(|(part, text)| *part == Part::Disclosure && text.contains("n numbers")), "{raw:?}");

    let labelled = told(&SLOPE.replace("f64[n, 2] at clinic", "f64[n, 2] at clinic owner clinic readers registry"));
    assert_eq!(
        labelled,
        [(Part::Readers, "readers: of bmi, owned by clinic was clinic, is clinic, registry".to_owned())]
    );
}

#[test]
fn terms_lengths_and_identities_are_told() {
    let terms = Terms { uses: 3, not_after: Timestamp::from_seconds(0), ..Terms::default() };
    let text: Vec<String> = diff(&agreement(), &with(SLOPE, 443, terms)).iter().map(ToString::to_string).collect();
    for line in ["dim: n was 442, is 443", "terms: uses was 1, is 3", "terms: not_after is new: 1970-01-01T00:00:00Z"] {
        assert!(text.iter().any(|t| t == line), "{line} is not in {text:?}");
    }
    let members = roster().iter().map(|(n, m)| (n.to_owned(), m.clone())).collect::<std::collections::BTreeMap<_, _>>();
    let swapped = members.into_iter().chain([("analyst".to_owned(), member(&key(7), 7703))]);
    let swapped = agreement::Roster::new(swapped).unwrap();
    let swapped = Agreement::bind(checked(SLOPE), &swapped, rows(442), Terms::default()).unwrap();
    let changes = diff(&agreement(), &swapped);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].subject == "analyst" && changes[0].part == Part::Roster);
}

#[test]
fn a_signature_over_an_older_agreement_says_what_changed_since() {
    let (old, new) = (agreement(), with(SLOPE, 500, Terms::default()));
    let error = Ratification::sign(&old, &key(0)).verify(&new).unwrap_err();
    assert!(!error.to_string().contains("since then"), "{error}");
    let error = error.since(&new, &[new.clone(), old.clone()]);
    assert_eq!(error.code(), "ratification.other-agreement");
    assert!(
        error.to_string().contains("since then: ") && error.to_string().contains("dim: n was 442, is 500"),
        "{error}"
    );
}

#[test]
fn standing_names_everyone() {
    let agreement = agreement();
    let ratified = [Ratification::sign(&agreement, &key(0)), Ratification::sign(&agreement, &key(2))];
    let declined = [
        Decline::sign(&agreement, "not this year", &key(1)).unwrap(),
        // Who changed its mind has ratified.
        Decline::sign(&agreement, "too soon", &key(0)).unwrap(),
    ];
    let standing = Standing::of(&agreement, &ratified, &declined).unwrap();
    assert_eq!(standing.ratified.iter().collect::<Vec<_>>(), ["clinic", "registry"]);
    assert_eq!(standing.declined.iter().collect::<Vec<_>>(), [(&"laboratory".to_owned(), &"not this year".to_owned())]);
    assert_eq!(
        (standing.missing.iter().collect::<Vec<_>>(), standing.is_complete()),
        (vec![&"analyst".to_owned()], false)
    );
    let foreign = Decline::sign(&agreement, "no", &key(9)).unwrap();
    assert_eq!(Standing::of(&agreement, &[], &[foreign]).unwrap_err().code(), "ratification.foreign");
}

#[test]
fn the_players_that_a_signature_names_are_those_of_its_key() {
    let agreement = agreement();
    let text = Ratification::sign(&agreement, &key(0)).to_string();
    assert!(text.contains("players = [\"clinic\"]"), "{text}");
    for players in ["[\"registry\"]", "[]", "[\"clinic\", \"registry\"]"] {
        let other = Ratification::from_text(&text.replace("[\"clinic\"]", players)).unwrap();
        assert_eq!(other.verify(&agreement).unwrap_err().code(), "ratification.signature");
    }
    assert_eq!(Ratification::from_text(&format!("{text}\n")).unwrap_err().code(), "agreement.not-canonical");
}

/// Every owner of something that is released signs, whatever part it plays.
#[test]
fn every_owner_of_a_released_value_must_sign() {
    let agreement = agreement();
    for event in &agreement.checked().disclosure().events {
        for owner in &event.ratified_by {
            let identity = agreement.roster().get(owner).unwrap().identity;
            assert!(agreement.signers().contains_key(&identity), "{owner}");
            let others = (0..4).filter(|i| key(*i).identity() != identity);
            let others: Vec<_> = others.map(|i| Ratification::sign(&agreement, &key(i))).collect();
            let error = agreement::Ratified::verify(agreement.clone(), &others).unwrap_err();
            assert_eq!((error.code(), error.player()), ("ratification.missing", Some(&**owner)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_mutated_decline_is_refused(at in any::<prop::sample::Index>(), byte in 0x20u8..0x7f) {
        let agreement = agreement();
        let decline = Decline::sign(&agreement, "not this year", &key(1)).unwrap();
        let mut text = decline.to_string().into_bytes();
        let at = at.index(text.len());
        prop_assume!(text[at] != byte);
        text[at] = byte;
        if let Ok(read) = Decline::from_text(&String::from_utf8(text).unwrap()) {
            prop_assert!(read.verify(&agreement).is_err());
        }
    }
}
