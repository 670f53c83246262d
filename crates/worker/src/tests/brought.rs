//! What owners bring into this worker's machine has a way in, and nothing of its operator's takes its place.

use std::sync::Arc;

use agreement::{Member, Roster};
use net::{Credentials, Dialer};

use super::{HONEST, agreement, config, refusal, roster};
use crate::config::Config;
use crate::office::Office;
use crate::uploads::{RawFlight, Uploads};

const INSIDE: &str = "computation c
  player a, b, c
  placement vault = enclave(a)
  input x : f64[n] at vault owner b
  on vault
    y = sum(x)
  release y to c as \"y\"
";

#[test]
fn an_input_inside_the_machine_is_its_owners_to_bring() {
    let policy = attest::Policy::parse("name = 'trainer'\ntechnologies = ['snp']\n").unwrap();
    let proving = |(name, member): (&str, &Member)| {
        let claims = (name == "a").then(|| Box::new(policy.clone()));
        (name.to_owned(), Member { claims, ..member.clone() })
    };
    let roster = Roster::new(roster(HONEST).iter().map(proving)).unwrap();
    let agreement = agreement(INSIDE, &roster);
    let refused = |change: &dyn Fn(&mut Config)| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder, true);
        config.roster = roster.clone();
        change(&mut config);
        let office = Office::open(config, Dialer::new(Credentials::new(super::key("a")).unwrap())).unwrap();
        refusal(&Arc::new(office), agreement.text(), &[1; 16])
    };
    let takes = |config: &mut Config| config.flight = Some(Uploads::read(&RawFlight::default(), false).unwrap());
    let has = |config: &mut Config| {
        config.datasets = data::Datasets::parse("[a.x]\ncsv = \"x.csv\"\ncolumn = \"x\"\n", "".as_ref()).unwrap();
    };
    assert_eq!(refused(&|_| {}), "worker.no-way-in");
    assert_eq!(refused(&has), "worker.own-data");
    assert_eq!(refused(&|config| (takes(config), has(config)).1), "worker.own-data");
    // With a way in, the next thing that is missing is the machine's proof.
    assert_eq!(refused(&takes), "worker.proves-nothing");
}
