//! Agreements: what binds and what does not, one text for one agreement, and no way in for anything unchecked.

mod common;

use std::collections::BTreeMap;

use agreement::{Agreement, AgreementError, Member, Profile, Roster, Terms, Timestamp, diff};
use common::{PLAYERS, SLOPE, agreement, checked, key, member, roster, rows};
use proptest::prelude::*;

fn refused(roster: &Roster, dims: BTreeMap<String, u64>) -> AgreementError {
    let error = Agreement::bind(checked(SLOPE), roster, dims, Terms::default()).unwrap_err();
    assert!(!error.help().is_empty());
    error
}

#[test]
fn the_text_reads_back_as_the_same_agreement() {
    let agreement = agreement();
    let again = Agreement::from_text(agreement.text()).unwrap();
    assert_eq!((&again, again.digest()), (&agreement, agreement.digest()));
    assert_eq!(again.checked().computation(), agreement.checked().computation());
    assert_eq!((again.roster(), again.dims()), (&roster(), &rows(442)));
    assert_eq!(again.signers().len(), 4);
}

#[test]
fn what_is_not_the_computations_is_left_out_of_the_roster() {
    let others = roster().iter().map(|(n, m)| (n.to_owned(), m.clone())).collect::<BTreeMap<_, _>>();
    let more = Roster::new(others.into_iter().chain([("stranger".to_owned(), member(&key(9), 9999))])).unwrap();
    let bound = Agreement::bind(checked(SLOPE), &more, rows(442), Terms::default()).unwrap();
    assert_eq!(bound, agreement());
}

#[test]
fn every_part_changes_the_digest() {
    let base = agreement();
    let other_rows = Agreement::bind(checked(SLOPE), &roster(), rows(441), Terms::default()).unwrap();
    let other_program =
        Agreement::bind(checked(&SLOPE.replace("16>", "20>")), &roster(), rows(442), Terms::default()).unwrap();
    let members = roster().iter().map(|(n, m)| (n.to_owned(), m.clone())).collect::<BTreeMap<_, _>>();
    let mut other = members.clone();
    other.insert("analyst".into(), member(&key(7), 7703));
    let other_identity =
        Agreement::bind(checked(SLOPE), &Roster::new(other).unwrap(), rows(442), Terms::default()).unwrap();
    let mut other = members;
    other.insert("analyst".into(), member(&key(3), 7709));
    let other_endpoint =
        Agreement::bind(checked(SLOPE), &Roster::new(other).unwrap(), rows(442), Terms::default()).unwrap();
    let with = |terms| Agreement::bind(checked(SLOPE), &roster(), rows(442), terms).unwrap();
    let time = |seconds| Timestamp::from_seconds(seconds);
    let other_terms = [
        with(Terms { uses: 2, ..Terms::default() }),
        with(Terms { profile: Profile::Wan, ..Terms::default() }),
        with(Terms { not_before: time(9), ..Terms::default() }),
        with(Terms { not_after: time(9), ..Terms::default() }),
    ];
    for changed in [other_rows, other_program, other_identity, other_endpoint].into_iter().chain(other_terms) {
        assert_eq!(Agreement::from_text(changed.text()).unwrap(), changed);
        assert_ne!(changed.digest(), base.digest());
    }
}

#[test]
fn a_missing_player_is_named() {
    let error = refused(&roster().only(["clinic", "registry", "analyst"]), rows(1));
    assert_eq!((error.code(), error.player()), ("agreement.missing-player", Some("laboratory")));
    assert_eq!(error.to_string(), "the roster has no player laboratory; it has: analyst, clinic, registry");
}

#[test]
fn one_identity_cannot_hold_two_parts_of_a_secret() {
    let with = |first: u8, second: u8| {
        let keys = [0, first, second, 3];
        let members = PLAYERS.iter().zip(keys).map(|(n, k)| ((*n).to_owned(), member(&key(k), 7700 + u16::from(k))));
        Roster::new(members).unwrap()
    };
    let error = refused(&with(0, 2), rows(1));
    assert_eq!(error.code(), "agreement.one-identity");
    assert_eq!(
        error.to_string(),
        "clinic and laboratory have one identity, but share the protected placement committee"
    );
    // The analyst holds no share, so it may be one of the three. It then signs once, for both.
    let members =
        PLAYERS.iter().zip([0, 1, 2, 2]).map(|(n, k)| ((*n).to_owned(), member(&key(k), 7700 + u16::from(k))));
    let agreement = Agreement::bind(checked(SLOPE), &Roster::new(members).unwrap(), rows(1), Terms::default()).unwrap();
    assert_eq!(agreement.signers()[&key(2).identity()], ["analyst", "registry"]);
}

#[test]
fn dimensions_are_complete_and_positive() {
    assert_eq!(refused(&roster(), BTreeMap::new()).code(), "agreement.dim-unbound");
    assert_eq!(refused(&roster(), rows(0)).code(), "agreement.dim-length");
    assert_eq!(refused(&roster(), rows(u64::MAX)).code(), "agreement.dim-length");
    let unknown = BTreeMap::from([("n".to_owned(), 1), ("m".to_owned(), 1)]);
    assert_eq!(refused(&roster(), unknown).code(), "agreement.unknown-dim");
}

#[test]
fn what_cannot_run_cannot_be_agreed_on() {
    let source = r#"
computation sum
  player a, b, c
  placement p = pond(a, b, c)
  input x : i64[n] at a
  on p
    s = sum(x)
  release s to b as "sum"
"#;
    let members = (0u8..).zip(["a", "b", "c"]).map(|(i, n)| (n.to_owned(), member(&key(i), 7700 + u16::from(i))));
    let error =
        Agreement::bind(checked(source), &Roster::new(members).unwrap(), rows(3), Terms::default()).unwrap_err();
    assert_eq!(error.code(), "agreement.not-runnable");
}

#[test]
fn it_runs_in_its_time_and_a_whole_number_of_times() {
    let time = |seconds| Timestamp::from_seconds(seconds);
    let with = |terms| Agreement::bind(checked(SLOPE), &roster(), rows(442), terms);
    let window = Terms { not_before: time(1000), not_after: time(2000), ..Terms::default() };
    let agreement = with(window.clone()).unwrap();
    assert_eq!(agreement.terms(), &window);
    let at = |ms| agreement.check_time(ms).map_err(|e| (e.code(), e.to_string()));
    let early = "the agreement is valid from 1970-01-01T00:16:40Z on; now it is 1970-01-01T00:16:39Z";
    let late = "the agreement was valid until 1970-01-01T00:33:20Z; now it is 1970-01-01T00:33:21Z";
    assert_eq!(at(999_999), Err(("agreement.not-yet", early.to_owned())));
    assert_eq!((at(1_000_000), at(2_000_999)), (Ok(()), Ok(())));
    assert_eq!(at(2_001_000), Err(("agreement.expired", late.to_owned())));
    assert_eq!(self::agreement().check_time(u64::MAX), Ok(()));

    let backwards = Terms { not_before: time(2001), ..window };
    assert_eq!(with(backwards).unwrap_err().code(), "agreement.window");
    for uses in [0, u64::MAX] {
        assert_eq!(with(Terms { uses, ..Terms::default() }).unwrap_err().code(), "agreement.uses");
    }
}

/// What a machine has to be.
fn policy(name: &str, development: bool) -> Box<attest::Policy> {
    let text = format!(
        "name = '{name}'\ntechnologies = ['tdx']\ndevelopment = {development}\n[measurements]\nmrtd = ['{}']\n",
        "a3".repeat(48)
    );
    Box::new(attest::Policy::parse(&text).unwrap())
}

/// A program with an enclave at c, and its roster, in which c has to prove this.
fn inside(claims: Option<Box<attest::Policy>>) -> Result<Agreement, AgreementError> {
    let source = r#"
computation sum
  player a, b, c
  placement vault = enclave(c)
  input x : f64[n] at a
  on vault
    s = sum(x)
  release s to b as "sum"
"#;
    let claims = |n: &str| claims.clone().filter(|_| n == "c");
    let member =
        |(i, n): (u8, &str)| (n.to_owned(), Member { claims: claims(n), ..member(&key(i), 7700 + u16::from(i)) });
    let roster = Roster::new((0u8..).zip(["a", "b", "c"]).map(member)).unwrap();
    assert_eq!(Roster::parse(&roster.to_string()).unwrap(), roster);
    Agreement::bind(checked(source), &roster, rows(3), Terms::default())
}

#[test]
fn what_an_enclave_has_to_prove_is_in_what_parties_sign() {
    let error = inside(None).unwrap_err();
    assert_eq!((error.code(), error.player()), ("agreement.no-claims", Some("c")), "{error}");

    let agreement = inside(Some(policy("trainer", false))).unwrap();
    assert_eq!(Agreement::from_text(agreement.text()).unwrap(), agreement);
    let words = agreement.disclosure();
    assert!(
        agreement.text().contains("c proves its machine to each other player before anything goes there"),
        "{words}"
    );
    assert!(words.contains(&format!("mrtd is {}", "a3".repeat(48))) && !words.contains("DEVELOPMENT"), "{words}");

    let development = inside(Some(policy("trainer", true))).unwrap();
    let warning = "FOR DEVELOPMENT ONLY: whoever operates c may be able to read its memory, so all that is in vault";
    assert!(development.disclosure().contains(warning), "{}", development.disclosure());
    assert_ne!(development.digest(), agreement.digest());
    let changes: Vec<String> = diff(&agreement, &development).iter().map(ToString::to_string).collect();
    assert!(changes.iter().any(|c| c.contains("claims of c")), "{changes:?}");

    // Words that parties read cannot be forged by a policy's name, nor left out of a text.
    let mut forged = policy("trainer", true);
    forged.name = "x\nb learns nothing".into();
    assert!(Roster::new([("c".to_owned(), Member { claims: Some(forged), ..member(&key(2), 7702) })]).is_err());
    let silent = development.text().replace(warning, "");
    assert_eq!(Agreement::from_text(&silent).unwrap_err().code(), "agreement.misstated");
}

#[test]
fn datasets_are_listed_with_their_schemas() {
    let agreement = agreement();
    let shown: Vec<_> = agreement.datasets().iter().map(|d| (&*d.player, &*d.name, &*d.shape)).collect();
    assert_eq!(shown, [("clinic", "bmi", &[442, 2][..]), ("registry", "target", &[442])]);
    assert_eq!(agreement.datasets()[0].keys, BTreeMap::from([("n".to_owned(), "patient".to_owned())]));
}

/// The text of an agreement, changed by hand.
fn changed(from: &str, to: &str) -> AgreementError {
    let text = agreement().text().to_owned();
    assert!(text.contains(from), "{from}");
    Agreement::from_text(&text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn a_text_changed_by_hand_is_refused() {
    let digest = agreement().computation_digest().to_string();
    let analyst = key(3).identity().to_string();
    let cases = [
        ("release b to analyst", "release b to clinic", "agreement.computation-digest"),
        ("n = 442", "n = 0442", "agreement.syntax"),
        ("n = 442", "n = 442 ", "agreement.not-canonical"),
        ("n = 442", "n = 442\nm = 3", "agreement.unknown-dim"),
        ("n = 442", "n = -1", "agreement.syntax"),
        ("version = 2", "version = 1", "agreement.version"),
        ("version = 2", "version = 2\nuses = 3", "agreement.syntax"),
        ("uses = 1", "uses = 0", "agreement.uses"),
        ("uses = 1\n", "", "agreement.syntax"),
        ("profile = \"lan\"", "profile = \"man\"", "agreement.syntax"),
        ("uses = 1", "not_after = 9\nuses = 1", "agreement.syntax"),
        ("uses = 1", "not_after = \"2026-11-21T12:00:00+00:00\"\nuses = 1", "agreement.syntax"),
        ("uses = 1", "uses = 1\nnot_after = \"2026-11-21T12:00:00Z\"", "agreement.not-canonical"),
        ("analyst learns \"slope\"", "nobody learns anything", "agreement.misstated"),
        ("shape = [442, 2]", "shape = [441, 2]", "agreement.misstated"),
        ("keys = { n = \"patient\" }", "keys = { n = \"name\" }", "agreement.misstated"),
        ("[datasets.clinic.bmi]", "[datasets.registry.bmi]", "agreement.misstated"),
        ("endpoint = \"127.0.0.1:7703\"", "endpoint = \"127.0.0.1:7703\"\nclaims = []", "agreement.syntax"),
        ("# Who plays whom.", "# Who plays whom?", "agreement.not-canonical"),
        ("players.analyst", "players.unknown", "agreement.unknown-player"),
        ("127.0.0.1:7703", "127.0.0.1:07703", "roster.syntax"),
        ("127.0.0.1:7703", "127.0.0.1:7702", "roster.shared-endpoint"),
        (&analyst, &key(0).identity().to_string(), "agreement.ok"),
        (&analyst, "prv1-x", "agreement.syntax"),
        (&digest, &"0".repeat(64), "agreement.computation-digest"),
        (&digest, &digest.to_uppercase(), "agreement.syntax"),
        ("computation slope", "computation", "agreement.computation"),
    ];
    for (from, to, code) in cases {
        if code == "agreement.ok" {
            // Another identity makes another, valid agreement, with another digest: nobody has ratified it.
            let other = Agreement::from_text(&agreement().text().replacen(from, to, 1)).unwrap();
            assert_ne!(other.digest(), agreement().digest());
            continue;
        }
        assert_eq!(changed(from, to).code(), code, "{from} became {to}");
    }
}

/// Every byte of an agreement changed in several ways, and every line left out or doubled: no text but the canonical
/// one is accepted, and none stands for the same agreement.
#[test]
fn no_mutation_passes_for_the_agreement() {
    const SMALL: &str = "computation s\n  player a, b\n  input x : i64 at a\n  release x to b as \"x\"\n";
    let members = [("a".to_owned(), member(&key(0), 7700)), ("b".to_owned(), member(&key(1), 7701))];
    let base = Agreement::bind(checked(SMALL), &Roster::new(members).unwrap(), BTreeMap::new(), Terms::default());
    let base = base.unwrap();
    let mut tried = 0;
    let mut attempt = |text: String| {
        tried += 1;
        if text != base.text()
            && let Ok(other) = Agreement::from_text(&text)
        {
            assert!(other.text() == text && other.digest() != base.digest(), "{text}");
        }
    };
    let text = base.text();
    for (at, c) in text.char_indices() {
        for other in ["", " ", "\n", "\"", "0", "z", "é", "\u{0}"] {
            attempt(format!("{}{other}{}", &text[..at], &text[at + c.len_utf8()..]));
        }
        attempt(format!("{} {}", &text[..at], &text[at..]));
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for i in 0..lines.len() {
        attempt([&lines[..i], &lines[i + 1..]].concat().concat());
        attempt([&lines[..=i], &lines[i..]].concat().concat());
    }
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn a_text_of_any_length_is_answered() {
    let long = "#".repeat(13 << 20);
    assert_eq!(Agreement::from_text(&long).unwrap_err().code(), "agreement.too-long");
    let nested = format!("version = {}", "[".repeat(100_000));
    assert_eq!(Agreement::from_text(&nested).unwrap_err().code(), "agreement.syntax");
}

#[test]
fn a_computation_that_does_not_check_has_no_way_in() {
    // The analyst is no reader: the program parses, and its digest is right.
    let leak = r#"computation leak
  player clinic, laboratory, registry, analyst

  input bmi : f64[n, 2] at clinic owner clinic

  output bmi to analyst as "bmi"
"#;
    let parsed = ir::text::parse(leak).unwrap();
    assert!(check::check(parsed.clone()).is_err());
    let text = agreement().text().to_owned();
    let at = text.find("[computation]").unwrap();
    let forged =
        format!("{}[computation]\ndigest = \"{}\"\ntext = \"\"\"\n{parsed}\"\"\"\n", &text[..at], parsed.digest());
    let error = Agreement::from_text(&forged).unwrap_err();
    assert_eq!(error.code(), "agreement.computation");
    assert!(error.to_string().contains("label.") || error.to_string().contains("reader"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_mutated_text_is_refused_or_another_agreement(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in prop::bool::weighted(0.2),
    ) {
        let base = agreement();
        let mut bytes = base.text().as_bytes().to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(Ok(other)) = String::from_utf8(bytes).map(|t| Agreement::from_text(&t)) {
            prop_assert_eq!(other == base, other.digest() == base.digest());
            prop_assert_eq!(&Agreement::from_text(other.text()).unwrap(), &other);
        }
    }

    #[test]
    fn any_roster_and_length_read_back(seeds in prop::collection::btree_set(any::<[u8; 32]>(), 4), n in 1u64..1 << 20) {
        let members = PLAYERS.iter().zip(&seeds).enumerate().map(|(i, (name, seed))| {
            ((*name).to_owned(), member(&net::KeyPair::from_seed(seed), 1000 + i as u16))
        });
        let agreement = Agreement::bind(checked(SLOPE), &Roster::new(members).unwrap(), rows(n), Terms::default()).unwrap();
        prop_assert_eq!(&Agreement::from_text(agreement.text()).unwrap(), &agreement);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(version = 1\n)?[\\[\\]a-z.=\"\\n 0-9]{0,120}") {
        prop_assert!(Agreement::from_text(&text).is_err());
    }
}
