//! What a worker asks of machines before it runs anything with them.

use agreement::{Agreement, Member, Roster, Terms};
use net::{Credentials, Dialer};

use super::{HONEST, LOOP, admit, agreement, config, key, roster, under};
use crate::office::Office;

#[test]
fn what_a_party_must_prove_is_not_left_to_the_submitter() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, true);
    let policy = attest::Policy::parse("name = 'trainer'\ntechnologies = ['snp']\n").unwrap();
    let proving = |(name, member): (&str, &Member)| {
        let claims = (name == "b").then(|| Box::new(policy.clone()));
        (name.to_owned(), Member { claims, ..member.clone() })
    };
    let roster = Roster::new(roster(HONEST).iter().map(proving)).unwrap();
    config.roster = roster.clone();
    let desk = Office::open(config, Dialer::new(Credentials::new(key("a")).unwrap())).unwrap();
    let error = |agreement: &Agreement| admit(&desk, agreement.text(), &[1; 16], &[]).err().unwrap();
    assert_eq!(error(&under(Terms::default())).code(), "worker.roster-differs");

    // Where all agree on it, a worker still needs a policy of its own.
    let failure = error(&agreement(LOOP, &roster)).to_failure(Some("a"));
    assert_eq!(failure.code, "worker.no-machine-policy");
    assert!(failure.help.contains("write `[machines.b]`"), "{}", failure.help);
}
