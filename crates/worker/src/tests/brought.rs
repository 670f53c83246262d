//! What owners bring to this worker has a way in, memory set aside for it, and nothing of the operator's in its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::{Member, Roster};
use net::{Credentials, Dialer};
use store::KeyFile;
use tables::{Column, Table};

use super::{HONEST, PROGRAM, admit, agreement, config, refusal, roster};
use crate::config::Config;
use crate::office::Office;
use crate::release::SealedTable;
use crate::uploads::{RawFlight, Uploads};
use crate::{Machines, Sealing};

const INSIDE: &str = "computation c
  player a, b, c
  placement vault = enclave(a)
  input x : f64[n] at vault owner b
  on vault
    y = sum(x)
  release y to c as \"y\"
";

/// A roster in which player a has to prove its machine.
fn proving() -> Roster {
    let policy = attest::Policy::parse("name = 'trainer'\ntechnologies = ['snp']\n").unwrap();
    let proving = |(name, member): (&str, &Member)| {
        let claims = (name == "a").then(|| Box::new(policy.clone()));
        (name.to_owned(), Member { claims, ..member.clone() })
    };
    Roster::new(roster(HONEST).iter().map(proving)).unwrap()
}

#[test]
fn an_input_inside_the_machine_is_its_owners_to_bring() {
    let roster = proving();
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

/// What an upload takes when a session opens it is set aside with the session's memory.
#[test]
fn a_session_is_admitted_with_memory_for_what_was_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, true);
    config.flight = Some(Uploads::read(&RawFlight::default(), false).unwrap());
    let office = Office::open(config, Dialer::new(Credentials::new(super::key("a")).unwrap())).unwrap();
    let agreement = agreement(PROGRAM, &roster(HONEST));
    let input = agreement.datasets().iter().find(|d| d.player == "a").unwrap();
    let bytes = vec![0; 5 << 20];
    let meta = store::Meta {
        name: format!("upload {}/{}", agreement.digest(), input.name),
        kind: store::Kind::Plain,
        dtype: "bytes".into(),
        shape: vec![bytes.len() as u64],
        range: None,
        label: BTreeMap::new(),
        origin: None,
        when: 0,
    };
    assert_eq!(refusal(&office, agreement.text(), &[1; 16]), "worker.not-uploaded");
    office.store.put(&meta, &bytes).unwrap();
    let job = admit(&office, agreement.text(), &[1; 16], &[]).ok().unwrap();
    let without = 40 << 20..41 << 20;
    assert!(without.contains(&(job.memory - 3 * bytes.len() as u64)), "{}", job.memory);
}

/// And what a sealed table takes.
#[test]
fn a_session_is_admitted_with_memory_for_what_lies_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(&folder, true);
    config.roster = proving();
    // It is asked for no proof here.
    let prove = toml::from_str("tpm = \"none\"").unwrap();
    config.machines = Machines::read(Some(prove), BTreeMap::new(), folder.path(), None).unwrap();
    let key = KeyFile::generate(&folder.path().join("x.key")).unwrap();
    let table = Table::of(vec![("x".to_owned(), Column::F64(vec![0.0; 600_000]))]).unwrap();
    let sealed = SealedTable::seal("x", &table, &key).unwrap();
    let file = folder.path().join("x.sealed");
    std::fs::write(&file, &sealed).unwrap();
    let places = BTreeMap::from([("x".to_owned(), file.clone())]);
    config.sealing = Sealing::read(BTreeMap::new(), places, folder.path()).unwrap();
    let agreement = agreement(INSIDE, &config.roster);
    let office = Office::open(config, Dialer::new(Credentials::new(super::key("a")).unwrap())).unwrap();
    let job = admit(&office, agreement.text(), &[1; 16], &[]).ok().unwrap();
    let without = 40 << 20..41 << 20;
    assert!(without.contains(&(job.memory - 3 * sealed.len() as u64)), "{}", job.memory);
    // One that was taken away is missed before anything is spent.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(refusal(&office, agreement.text(), &[1; 16]), "release.table");
}

#[test]
fn limits_of_uploads_are_read_and_none_is_zero() {
    let read = |text: &str| Uploads::read(&toml::from_str(text).unwrap(), false);
    let bounds = read("table_mib = 2\ntotal_mib = 3\nuploads = 4\nupload_seconds = 5\n").unwrap().bounds;
    let (table, total) = (bounds.table.bytes >> 20, bounds.total >> 20);
    assert_eq!((table, total, bounds.uploads, bounds.duration.as_secs()), (2, 3, 4, 5));
    for field in ["table_mib", "total_mib", "uploads", "upload_seconds"] {
        let why = read(&format!("{field} = 0\n")).err().unwrap();
        assert!(why.contains(&format!("`flight.{field}` is 0")), "{why}");
    }
}
