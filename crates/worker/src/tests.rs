//! What a worker admits: only what its own roster, its own checks and its operator's will allow.

use std::path::Path;

use agreement::{Agreement, Member, Roster, Terms};
use net::{Credentials, Dialer, KeyPair};

use crate::config::{Config, JobLimits, Limits};
use crate::office::Office;

const PROGRAM: &str = "computation c
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at a
  on trio as fixed<64, 16>
    y = sum(x)
  release y to b as \"y\"
";

fn key(player: &str) -> KeyPair {
    KeyPair::from_seed(&[player.as_bytes()[0]; 32])
}

fn roster(of: &[(&str, &str)]) -> Roster {
    let member = |(i, (name, keyed)): (usize, &(&str, &str))| {
        let endpoint = Some(format!("127.0.0.1:{}", 7000 + i).parse().unwrap());
        ((*name).to_owned(), Member { identity: key(keyed).identity(), endpoint, claims: Vec::new() })
    };
    Roster::new(of.iter().enumerate().map(member)).unwrap()
}

const HONEST: &[(&str, &str)] = &[("a", "a"), ("b", "b"), ("c", "c")];

/// The office of player a.
fn office(ratify_all: bool) -> Office {
    let config = Config {
        key: key("a"),
        listen: "127.0.0.1:0".parse().unwrap(),
        relay: None,
        roster: roster(HONEST),
        submitters: Vec::new(),
        readers: Vec::new(),
        operators: Vec::new(),
        ratify_all,
        datasets: data::Datasets::parse("", Path::new("")).unwrap(),
        jobs: JobLimits::default(),
        limits: Limits::default(),
        http: None,
    };
    Office::new(config, Dialer::new(Credentials::new(key("a")).unwrap()))
}

fn agreement(program: &str, roster: &Roster) -> Agreement {
    let checked = check::check(ir::text::parse(program).unwrap()).unwrap();
    Agreement::bind(checked, roster, [("n".to_owned(), 3)].into(), Terms::default()).unwrap()
}

fn refusal(office: &Office, text: &str, session: &[u8]) -> String {
    match office.admit(text, session).and_then(|job| office.begin(&job)) {
        Ok(()) => panic!("it was admitted"),
        Err(error) => {
            let failure = error.to_failure(None);
            assert!(!failure.help.is_empty() && !failure.remote, "{failure:?}");
            failure.code
        }
    }
}

#[test]
fn what_is_in_order_is_admitted_once() {
    let office = office(true);
    let agreement = agreement(PROGRAM, &roster(HONEST));
    let job = office.admit(agreement.text(), &[1; 16]).ok().unwrap();
    assert_eq!(job.name(), "a");
    // Three numbers, and shares of them: some kilobytes, and what a session takes for itself.
    assert!((1 << 20..2 << 20).contains(&job.memory), "{}", job.memory);
    assert!(office.begin(&job).is_ok());
    assert_eq!(refusal(&office, agreement.text(), &[1; 16]), "worker.replay");
    assert_eq!(refusal(&office, agreement.text(), &[1; 15]), "worker.session-id");
    assert!(office.admit(agreement.text(), &[2; 16]).is_ok());
}

#[test]
fn nothing_runs_without_the_operator() {
    let agreement = agreement(PROGRAM, &roster(HONEST));
    assert_eq!(refusal(&office(false), agreement.text(), &[1; 16]), "worker.not-ratified");
}

#[test]
fn a_submitter_cannot_put_its_own_key_under_a_name() {
    let office = office(true);
    let swapped = agreement(PROGRAM, &roster(&[("a", "a"), ("b", "mallory"), ("c", "c")]));
    assert_eq!(refusal(&office, swapped.text(), &[1; 16]), "worker.roster-differs");
    // Nor leave this worker out, or give it two roles.
    let without = agreement(PROGRAM, &roster(&[("a", "z"), ("b", "b"), ("c", "c")]));
    assert_eq!(refusal(&office, without.text(), &[1; 16]), "worker.roster-differs");
}

#[test]
fn a_leak_that_is_handed_over_directly_is_refused() {
    let office = office(true);
    let honest = agreement(PROGRAM, &roster(HONEST));
    // Past the submitter's own checks: the same agreement with the release taken out, or widened.
    for (from, to) in [("release y to b as", "output y to b as"), ("release y to b as", "output x to b as")] {
        let leaky = honest.text().replace(from, to);
        assert_ne!(leaky, honest.text());
        refusal(&office, &leaky, &[1; 16]);
        // Also where the digest was made to fit.
        if let Ok(computation) = ir::text::parse(&PROGRAM.replace(from, to)) {
            let fitted = leaky.replace(&honest.computation_digest().to_string(), &computation.digest().to_string());
            let code = refusal(&office, &fitted, &[1; 16]);
            assert!(code.starts_with("label.") || code.starts_with("agreement."), "{code}");
        }
    }
}

#[test]
fn stored_and_random_bytes_are_read_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/control");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        crate::read_messages(&std::fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 4);
    let mut state = 7u64;
    for length in 0..400 {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        crate::read_messages(&(0..length).map(next).collect::<Vec<u8>>());
    }
}

/// Writes the corpora that fuzzing starts from: real messages. Run with `BLESS=1` after a change of their form.
#[test]
fn the_corpora_start_from_real_messages() {
    use prost::Message as _;

    use crate::proto;
    let agreement = agreement(PROGRAM, &roster(HONEST));
    let run = proto::RunRequest { agreement: agreement.text().to_owned(), session: vec![1; 16] };
    let submit = proto::RunCommand { command: Some(proto::run_command::Command::Submit(run)) };
    let describe = proto::DescribeRequest { computation: PROGRAM.to_owned(), player: "a".to_owned() };
    let tensor = proto::Tensor { dtype: "f64".to_owned(), shape: vec![1], data: vec![0; 8] };
    let outcome = proto::Outcome { outputs: [("y".to_owned(), tensor)].into(), rounds: 3, ..Default::default() };
    let event = |e| proto::RunEvent { event: Some(e) }.encode_to_vec();
    let failure = office(false).admit("", &[1; 16]).err().unwrap().to_failure(Some("a"));
    let files = [
        ("control/run", submit.encode_to_vec()),
        ("control/describe", describe.encode_to_vec()),
        ("control/outcome", event(proto::run_event::Event::Outcome(outcome))),
        ("control/failure", event(proto::run_event::Event::Failure(failure))),
        ("agreement/agreement", agreement.text().as_bytes().to_vec()),
        ("agreement/roster", roster(HONEST).to_string().into_bytes()),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, bytes) in files {
        let path = corpus.join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "{name} is out of date: run with BLESS=1");
    }
}
