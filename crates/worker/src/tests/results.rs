//! Results that are kept for those who may read them, and for nobody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use flight::{Deed, Event, Log as _, Rules as _, Store as _};
use net::{Credentials, Dialer};
use tables::Column;

use super::trio::Trio;
use super::{HONEST, PROGRAM, admit, agreement, config, refusal, roster};
use crate::config::Config;
use crate::office::Office;
use crate::uploads::{Hatch, Keep, RawFlight, Uploads};

/// One that releases to player a.
const MINE: &str = "computation c
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at b
  on trio as fixed<64, 16>
    y = x + x
  release y to a as \"y\"
";

fn uploads(text: &str) -> Uploads {
    Uploads::read(&toml::from_str::<RawFlight>(text).unwrap(), false).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_session_released_to_a_player_is_at_its_worker_for_those_who_may_read_it() {
    let reader = super::key("z").identity();
    for keep in [Keep::Store, Keep::Memory] {
        let trio = Trio::start(|player, config| {
            let flight = uploads(if keep == Keep::Store { "" } else { "keep = \"memory\"" });
            config.flight = Some(flight);
            config.readers = if player == "b" { vec![reader] } else { Vec::new() };
        })
        .await;
        let [a, b, c] = [0, 1, 2].map(|i| Hatch(Arc::clone(trio.workers[i].office())));
        let names = |hatch: &Hatch| hatch.datasets().into_iter().map(|d| d.name).collect::<Vec<_>>();
        assert_eq!(names(&b), [""; 0], "nothing was run");
        // Who submits is no reader, and is told no value.
        let report = trio.run(PROGRAM, "a").await;
        assert!(report.outputs.is_empty(), "{:?}", report.outputs.keys());
        let name = format!("{}/y", report.session);
        assert_eq!((names(&a), names(&b), names(&c)), (vec![], vec![name.clone()], vec![]));

        let result = b.dataset(&name).unwrap();
        let readers = BTreeSet::from([trio.keys[1].identity(), reader]);
        assert_eq!((result.owner, &result.readers, result.taken), (None, &readers, false));
        let outsiders = [trio.keys[0].identity(), trio.keys[2].identity()];
        assert!(outsiders.iter().all(|who| !result.concerns(who)));
        let none = [format!("{}/x", report.session), format!("{}/y", "00".repeat(16)), "y".into(), "/y".into()];
        assert!(none.iter().all(|name| b.dataset(name).is_none() && b.get(name).unwrap().is_none()));

        let table = b.get(&name).unwrap().unwrap();
        let Ok(Column::F64(value)) = table.numbers("value") else { panic!("{table:?}") };
        assert!((value[0] - 4327.5).abs() < 0.01, "{value:?}");
        assert!(b.has(&name).unwrap() && b.bytes().unwrap() > 0);

        let event = Event { caller: reader, dataset: name.clone(), deed: Deed::Downloaded { rows: 1 } };
        assert!(b.note(&event));
        let log = std::fs::read_to_string(trio.file("b.audit.jsonl")).unwrap();
        let line = |kind: &str| log.lines().filter(|line| line.contains(&format!("\"{kind}\""))).collect::<Vec<_>>();
        let [left] = line("released")[..] else { panic!("{log}") };
        assert!(left.contains(&report.session) && left.contains(&reader.to_string()), "{left}");
        assert_eq!(line("stored").len(), usize::from(keep == Keep::Store), "{log}");
    }
}

/// The office of player a.
fn office(folder: &tempfile::TempDir, flight: Uploads) -> Office {
    let config = Config { flight: Some(flight), ..config(folder, true) };
    Office::open(config, Dialer::new(Credentials::new(super::key("a")).unwrap())).unwrap()
}

#[test]
fn a_session_finds_room_for_its_results_or_is_not_begun() {
    let agreement = agreement(MINE, &roster(HONEST));
    let folder = tempfile::tempdir().unwrap();
    let mut small = uploads("");
    small.bounds.total = 1000;
    let desk = office(&folder, small);
    assert_eq!(refusal(&desk, agreement.text(), &[1; 16]), "worker.no-room");
    drop(desk);
    let desk = office(&folder, uploads(""));
    let with = admit(&desk, agreement.text(), &[1; 16], &[]).ok().unwrap().memory;
    drop(desk);
    // Where none are kept, there needs to be no room.
    let mut none = uploads("results_hours = 0");
    none.bounds.total = 1000;
    let desk = office(&folder, none);
    let without = admit(&desk, agreement.text(), &[1; 16], &[]).ok().unwrap().memory;
    assert!(with > without, "{with} {without}");
}

#[test]
fn results_go_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let desk = office(&folder, uploads(""));
    let put = |name: &str, when: u64| {
        let label = Default::default();
        let (kind, dtype) = (store::Kind::Plain, "bytes".into());
        let meta =
            store::Meta { name: name.into(), kind, dtype, shape: vec![1], range: None, label, origin: None, when };
        desk.store.put(&meta, &[0]).unwrap();
    };
    let (now, hour) = (crate::clock::now_ms(), 3_600_000);
    let [old, new] = ["00", "11"].map(|byte| format!("{}/y", byte.repeat(16)));
    put(&format!("result {old}"), now - 25 * hour);
    put(&format!("result {new}"), now - 23 * hour);
    put("mine", 0);
    let hatch = Hatch(Arc::new(desk));
    assert!(hatch.dataset(&old).is_none() && hatch.dataset(&new).is_some(), "not served, if not removed yet");
    hatch.0.prune().unwrap();
    let left: Vec<String> = hatch.0.store.list().unwrap().into_iter().map(|(meta, _)| meta.name).collect();
    assert_eq!(left, ["mine".to_owned(), format!("result {new}")]);
    drop(hatch);
    // An operator who wants none kept any more has none after the next start.
    let desk = office(&folder, uploads("results_hours = 0"));
    assert_eq!(desk.store.list().unwrap().len(), 1);
    let log = std::fs::read_to_string(folder.path().join("a.audit.jsonl")).unwrap();
    assert_eq!(log.matches("\"removed\"").count(), 2, "{log}");
}
