//! What a worker admits: only what its own roster, its own checks and its operator's will allow.

mod attempts;
mod brought;
mod hostile;
mod journal;
mod machines;
mod release;
mod results;
mod traced;
mod trio;

use std::path::Path;

use agreement::{Agreement, Decline, Member, Ratification, Roster, SessionId, Terms};
use net::{Credentials, Dialer, Identity, KeyPair};

use crate::config::{Config, JobLimits, Limits};
use crate::desk::Bringer;
use crate::error::WorkerError;
use crate::office::{Job, Office};
use crate::proto;

const PROGRAM: &str = "computation c
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at a
  on trio as fixed<64, 16>
    y = sum(x)
  release y to b as \"y\"
";

/// One whose sessions can be resumed.
const LOOP: &str = "computation c
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at a range 0..100
  on trio as fixed<64, 16>
    s = sum(x)
  y = repeat 4 checkpoint 2 with v = s
    on trio
      half = v * 0.5
    next half
  release y to b as \"y\"
";

fn key(player: &str) -> KeyPair {
    KeyPair::from_seed(&[player.as_bytes()[0]; 32])
}

fn roster(of: &[(&str, &str)]) -> Roster {
    let member = |(i, (name, keyed)): (usize, &(&str, &str))| {
        let endpoint = Some(format!("127.0.0.1:{}", 7000 + i).parse().unwrap());
        ((*name).to_owned(), Member { identity: key(keyed).identity(), endpoint, claims: None })
    };
    Roster::new(of.iter().enumerate().map(member)).unwrap()
}

const HONEST: &[(&str, &str)] = &[("a", "a"), ("b", "b"), ("c", "c")];

/// The office of player a.
fn office(ratify_all: bool) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let office = open(&folder, ratify_all);
    Desk { office, folder }
}

/// An office and its folder.
struct Desk {
    office: Office,
    folder: tempfile::TempDir,
}

impl std::ops::Deref for Desk {
    type Target = Office;

    fn deref(&self) -> &Office {
        &self.office
    }
}

impl Desk {
    /// As after a restart.
    fn again(self) -> Desk {
        let Desk { office, folder } = self;
        let ratify_all = office.config.ratify_all;
        drop(office);
        Desk { office: open(&folder, ratify_all), folder }
    }
}

fn open(folder: &tempfile::TempDir, ratify_all: bool) -> Office {
    opened(folder, ratify_all).unwrap()
}

fn opened(folder: &tempfile::TempDir, ratify_all: bool) -> Result<Office, WorkerError> {
    let dialer = Dialer::new(Credentials::new(key("a")).unwrap());
    Office::open(config(folder, ratify_all), dialer)
}

/// The configuration of player a.
fn config(folder: &tempfile::TempDir, ratify_all: bool) -> Config {
    Config {
        key: key("a"),
        listen: "127.0.0.1:0".parse().unwrap(),
        relay: None,
        roster: roster(HONEST),
        submitters: Vec::new(),
        readers: Vec::new(),
        operators: Vec::new(),
        ratify_all,
        policy: None,
        datasets: data::Datasets::parse("", Path::new("")).unwrap(),
        jobs: JobLimits::default(),
        limits: Limits::default(),
        http: None,
        traces: None,
        store: crate::config::Store::beside(&folder.path().join("a.toml")),
        machines: crate::Machines::default(),
        modules: privity::ModuleFolder::default(),
        aggregations: Vec::new(),
        flight: None,
        sealing: crate::release::Sealing::default(),
    }
}

/// Whoever brings what is its own.
fn by(identity: Identity) -> Bringer {
    Bringer { identity, relayed: false }
}

/// What an office says to a first attempt.
fn admit(office: &Office, text: &str, session: &[u8], ratifications: &[String]) -> Result<Job, WorkerError> {
    attempt(office, text, session, 0, ratifications)
}

/// What an office says to any attempt.
fn attempt(
    office: &Office,
    text: &str,
    session: &[u8],
    attempt: u32,
    ratifications: &[String],
) -> Result<Job, WorkerError> {
    let (agreement, session, ratifications) = (text.to_owned(), session.to_vec(), ratifications.to_vec());
    office.admit(&proto::RunRequest { agreement, session, ratifications, attempt })
}

fn agreement(program: &str, roster: &Roster) -> Agreement {
    let checked = check::check(ir::text::parse(program).unwrap()).unwrap();
    Agreement::bind(checked, roster, [("n".to_owned(), 3)].into(), Terms::default()).unwrap()
}

fn refusal(office: &Office, text: &str, session: &[u8]) -> String {
    match admit(office, text, session, &[]).and_then(|job| office.begin(&job, key("b").identity())) {
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
    let job = admit(&office, agreement.text(), &[1; 16], &[]).ok().unwrap();
    assert_eq!(job.name(), "a");
    // Three numbers, and shares of them: some kilobytes, what a session takes for itself, and what two peers may send ahead.
    assert!((40 << 20..41 << 20).contains(&job.memory), "{}", job.memory);
    assert!(office.begin(&job, key("b").identity()).is_ok());
    assert_eq!(refusal(&office, agreement.text(), &[1; 16]), "worker.replay");
    assert_eq!(refusal(&office, agreement.text(), &[1; 15]), "worker.session-id");
    assert!(admit(&office, agreement.text(), &[2; 16], &[]).is_ok());
    // Nor after a restart.
    let office = office.again();
    assert_eq!(refusal(&office, agreement.text(), &[1; 16]), "worker.replay");
}

/// A new store would take spent sessions and uses again.
#[test]
fn a_worker_does_not_begin_anew_without_its_store_or_its_log() {
    let Desk { office, folder } = office(true);
    let job = admit(&office, agreement(PROGRAM, &roster(HONEST)).text(), &[1; 16], &[]).ok().unwrap();
    office.begin(&job, key("b").identity()).unwrap();
    let (store, log) = (office.config.store.folder.clone(), office.config.store.audit.clone());
    drop(office);
    for gone in [store, log] {
        let away = gone.with_extension("away");
        std::fs::rename(&gone, &away).unwrap();
        let error = opened(&folder, true).err().unwrap();
        assert_eq!(error.code(), "worker.gone");
        assert!(!gone.exists(), "nothing was made in its place");
        std::fs::rename(&away, &gone).unwrap();
    }
    assert!(opened(&folder, true).is_ok());
}

/// Ratifications of an agreement by the keys of these players.
fn signed(agreement: &Agreement, by: &[&str]) -> Vec<String> {
    by.iter().map(|p| Ratification::sign(agreement, &key(p)).to_string()).collect()
}

fn said(text: String) -> proto::Statement {
    proto::Statement { statement: Some(proto::statement::Statement::Ratification(text)) }
}

#[test]
fn an_agreement_runs_once_all_have_ratified_and_as_often_as_it_says() {
    let desk = office(false);
    let terms = Terms { uses: 2, ..Terms::default() };
    let agreement = under(terms);
    let digest = agreement.digest();
    let (b, c) = (key("b").identity(), key("c").identity());
    let item = desk.post_in(by(b), agreement.text(), Vec::new()).unwrap();
    assert_eq!((item.standing(), item.statements().len()), ("open", 0));
    assert_eq!(refusal(&desk, agreement.text(), &[1; 16]), "worker.not-ratified");
    desk.answer(&digest.0, None).unwrap();
    assert_eq!(refusal(&desk, agreement.text(), &[1; 16]), "ratification.missing");
    // Statements come from anywhere: their signatures count.
    let rest = signed(&agreement, &["b", "c"]).into_iter().map(said).collect();
    let item = desk.post_in(by(c), agreement.text(), rest).unwrap();
    assert_eq!((item.standing(), item.statements().len()), ("complete", 3));

    let desk = desk.again();
    for session in [1, 2] {
        let job = admit(&desk, agreement.text(), &[session; 16], &[]).unwrap();
        assert_eq!(job.ratified.basis(), agreement::Basis::Signatures);
        desk.begin(&job, b).unwrap();
    }
    assert_eq!(refusal(&desk, agreement.text(), &[3; 16]), "ledger.used-up");
    let desk = desk.again();
    assert_eq!(refusal(&desk, agreement.text(), &[4; 16]), "ledger.used-up");
    assert_eq!(refusal(&desk, agreement.text(), &[1; 16]), "worker.replay");
    let events = audit::entries(&desk.config.store.audit).unwrap().map(|e| e.unwrap().event.kind());
    let events: Vec<String> = events.collect();
    assert_eq!(events.iter().filter(|e| *e == "ratified").count(), 3, "{events:?}");
    assert_eq!(events.iter().filter(|e| *e == "run-begun").count(), 2, "{events:?}");
}

fn under(terms: Terms) -> Agreement {
    bound(PROGRAM, terms)
}

fn bound(program: &str, terms: Terms) -> Agreement {
    let checked = check::check(ir::text::parse(program).unwrap()).unwrap();
    Agreement::bind(checked, &roster(HONEST), [("n".to_owned(), 3)].into(), terms).unwrap()
}

#[test]
fn a_decline_holds_until_the_same_operator_ratifies() {
    let desk = office(false);
    let agreement = under(Terms::default());
    let all = signed(&agreement, &["a", "b", "c"]);
    desk.post_in(by(key("b").identity()), agreement.text(), Vec::new()).unwrap();
    let item = desk.answer(&agreement.digest().0, Some("not before the audit".into())).unwrap();
    assert_eq!(item.standing(), "declined");
    let shown = item.to_proto(None, true);
    assert_eq!((shown.declined["a"].as_str(), shown.missing.len()), ("not before the audit", 2));
    // A ratification of ours that somebody still has does not overrule us.
    let code = match admit(&desk, agreement.text(), &[1; 16], &all) {
        Ok(_) => panic!("it was admitted"),
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(code, "worker.declined");
    desk.post_in(by(key("b").identity()), agreement.text(), vec![said(all[0].clone())]).unwrap();
    assert_eq!(refusal(&desk, agreement.text(), &[1; 16]), "worker.declined");
    desk.answer(&agreement.digest().0, None).unwrap();
    assert!(admit(&desk, agreement.text(), &[1; 16], &all).is_ok());
}

#[test]
fn what_is_forged_foreign_late_or_early_is_refused() {
    let desk = office(false);
    let agreement = under(Terms::default());
    let b = key("b").identity();
    let brought = |brought: &[String]| match admit(&desk, agreement.text(), &[1; 16], brought) {
        Ok(_) => panic!("it was admitted"),
        Err(error) => error.code().to_owned(),
    };
    let all = signed(&agreement, &["a", "b", "c"]);
    assert!(admit(&desk, agreement.text(), &[1; 16], &all).is_ok());
    assert_eq!(brought(&all[1..]), "worker.not-ratified");
    assert_eq!(brought(&[all.clone(), signed(&agreement, &["mallory"])].concat()), "ratification.foreign");
    let other = under(Terms { uses: 9, ..Terms::default() });
    assert_eq!(brought(&signed(&other, &["a", "b", "c"])), "ratification.other-agreement");
    let relabelled = signed(&other, &["a"])[0].replace(&other.digest().to_string(), &agreement.digest().to_string());
    assert_eq!(brought(&[relabelled.clone(), all[1].clone(), all[2].clone()]), "ratification.signature");
    assert_eq!(
        desk.post_in(by(b), agreement.text(), vec![said(relabelled)]).err().unwrap().code(),
        "ratification.signature"
    );

    let past = under(Terms { not_after: agreement::Timestamp::from_seconds(1_000_000_000), ..Terms::default() });
    assert_eq!(desk.post_in(by(b), past.text(), Vec::new()).err().unwrap().code(), "agreement.expired");
    let late = admit(&desk, past.text(), &[1; 16], &signed(&past, &["a", "b", "c"])).err().unwrap();
    assert_eq!(late.code(), "agreement.expired");
    let future = under(Terms { not_before: agreement::Timestamp::from_seconds(9_000_000_000), ..Terms::default() });
    let early = admit(&desk, future.text(), &[1; 16], &signed(&future, &["a", "b", "c"])).err().unwrap();
    assert_eq!(early.code(), "agreement.not-yet");
    // It may be read and ratified before its time.
    assert!(desk.post_in(by(b), future.text(), Vec::new()).is_ok());
    assert!(desk.answer(&future.digest().0, None).is_ok());
}

#[test]
fn what_the_policy_allows_is_ratified_at_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.cedar");
    let rule = "@id(\"sums\") @uses(\"2\") permit (principal, action, resource) when { [\"sum\"].containsAll(resource.operators) };";
    std::fs::write(&file, rule).unwrap();
    let mut config = config(&folder, false);
    config.policy = Some(crate::config::Rules::read(&file).unwrap());
    let desk = Office::open(config, Dialer::new(Credentials::new(key("a")).unwrap())).unwrap();
    let b = key("b").identity();
    let agreement = under(Terms { uses: 9, ..Terms::default() });
    let item = desk.post_in(by(b), agreement.text(), Vec::new()).unwrap();
    assert_eq!((item.standing(), item.statements().len()), ("open", 1));
    assert_eq!(desk.rules_of(agreement.digest()).unwrap().unwrap().in_words(), "sums");
    let rest = signed(&agreement, &["b", "c"]);
    for session in [1, 2] {
        let job = admit(&desk, agreement.text(), &[session; 16], &rest).unwrap();
        desk.begin(&job, b).unwrap();
    }
    // The agreement says nine times, the rule allows two.
    assert_eq!(admit(&desk, agreement.text(), &[3; 16], &rest).err().unwrap().code(), "ledger.used-up");
    let other = under(Terms { uses: 8, ..Terms::default() });
    let item = desk.post_in(by(b), other.text(), Vec::new()).unwrap();
    assert_eq!(item.statements().len(), 0, "the rule is used up");
    // What the operator says itself does not count.
    desk.answer(&agreement.digest().0, None).unwrap();
    let job = admit(&desk, agreement.text(), &[4; 16], &rest).unwrap();
    desk.begin(&job, b).unwrap();
}

#[test]
fn whoever_passes_a_proposal_on_has_not_proposed_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.cedar");
    let b = key("b").identity();
    let rule = format!("@id(\"known\") permit (principal == Identity::\"{b}\", action, resource);");
    std::fs::write(&file, rule).unwrap();
    let mut config = config(&folder, false);
    config.policy = Some(crate::config::Rules::read(&file).unwrap());
    let desk = Office::open(config, Dialer::new(Credentials::new(key("a")).unwrap())).unwrap();
    let agreement = under(Terms::default());
    let passed_on = desk.post_in(Bringer { identity: b, relayed: true }, agreement.text(), Vec::new()).unwrap();
    assert_eq!(passed_on.statements().len(), 0);
    let proposed = desk.post_in(by(b), agreement.text(), Vec::new()).unwrap();
    assert_eq!(proposed.statements().len(), 1, "now it has said so itself");
}

#[test]
fn what_a_party_said_earlier_does_not_come_back() {
    let desk = office(false);
    let agreement = under(Terms::default());
    let (b, c) = (key("b").identity(), key("c").identity());
    let declined = Decline::sign(&agreement, "too early", &key("b")).unwrap().to_string();
    let declined = proto::Statement { statement: Some(proto::statement::Statement::Decline(declined)) };
    let ratified = said(signed(&agreement, &["b"])[0].clone());
    let standing = |from, statement: &proto::Statement| {
        desk.post_in(by(from), agreement.text(), vec![statement.clone()]).unwrap().standing()
    };
    assert_eq!(standing(c, &declined), "declined");
    assert_eq!(standing(c, &ratified), "declined", "b itself has not said so");
    assert_eq!(standing(b, &ratified), "open");
    assert_eq!(standing(c, &declined), "open", "that was before");
    // Nor does anyone bring our own.
    desk.answer(&agreement.digest().0, None).unwrap();
    let old = Decline::sign(&agreement, "no", &key("a")).unwrap().to_string();
    let old = proto::Statement { statement: Some(proto::statement::Statement::Decline(old)) };
    assert_eq!(standing(b, &old), "open");
}

#[test]
fn an_inbox_is_bounded_and_shown_to_those_concerned() {
    let desk = office(false);
    let b = key("b").identity();
    for uses in 1..=200 {
        desk.post_in(by(b), under(Terms { uses, ..Terms::default() }).text(), Vec::new()).unwrap();
    }
    let one_more = under(Terms { uses: 201, ..Terms::default() });
    assert_eq!(desk.post_in(by(b), one_more.text(), Vec::new()).err().unwrap().code(), "worker.inbox-full");
    assert!(desk.post_in(by(key("c").identity()), one_more.text(), Vec::new()).is_ok());
    assert_eq!(desk.inbox(None, &[]).unwrap().len(), 201);
    assert_eq!(desk.inbox(Some(key("stranger").identity()), &[]).unwrap().len(), 0);
    let unseen = desk.inbox(Some(key("stranger").identity()), &one_more.digest().0);
    assert_eq!(unseen.err().unwrap().code(), "worker.unproposed");
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
    let agreement = agreement(PROGRAM, &roster(HONEST));
    let run = proto::RunRequest { agreement: agreement.text().to_owned(), session: vec![1; 16], ..Default::default() };
    let submit = proto::RunCommand { command: Some(proto::run_command::Command::Submit(run)) };
    let describe = proto::DescribeRequest { computation: PROGRAM.to_owned(), player: "a".to_owned() };
    let tensor = proto::Tensor { dtype: "f64".to_owned(), shape: vec![1], data: vec![0; 8] };
    let outcome = proto::Outcome { outputs: [("y".to_owned(), tensor)].into(), rounds: 3, ..Default::default() };
    let event = |e| proto::RunEvent { event: Some(e) }.encode_to_vec();
    let failure = admit(&office(false), "", &[1; 16], &[]).err().unwrap().to_failure(Some("a"));
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

#[test]
fn what_is_used_up_waits_for_no_turn() {
    let desk = office(false);
    let agreement = under(Terms::default());
    let all = signed(&agreement, &["a", "b", "c"]);
    let job = admit(&desk, agreement.text(), &[1; 16], &all).unwrap();
    desk.begin(&job, key("b").identity()).unwrap();
    assert_eq!(admit(&desk, agreement.text(), &[2; 16], &all).err().unwrap().code(), "ledger.used-up");
}

#[test]
fn who_declined_and_why_is_told_to_whoever_runs_it() {
    let desk = office(false);
    let agreement = under(Terms::default());
    let decline = Decline::sign(&agreement, "not with these columns", &key("c")).unwrap();
    let said = vec![proto::Statement { statement: Some(proto::statement::Statement::Decline(decline.to_string())) }];
    desk.post_in(by(key("c").identity()), agreement.text(), said).unwrap();
    let refused = admit(&desk, agreement.text(), &[1; 16], &signed(&agreement, &["a", "b"])).err().unwrap();
    assert_eq!(refused.code(), "worker.declined");
    assert!(refused.to_string().starts_with("c declined") && refused.to_string().contains("not with these columns"));
}

#[test]
fn a_decline_holds_for_sessions_that_wait() {
    let desk = office(false);
    let agreement = under(Terms { uses: 2, ..Terms::default() });
    let b = key("b").identity();
    desk.post_in(by(b), agreement.text(), Vec::new()).unwrap();
    let job = admit(&desk, agreement.text(), &[1; 16], &signed(&agreement, &["a", "b", "c"])).unwrap();
    desk.answer(&agreement.digest().0, Some("not today".into())).unwrap();
    assert_eq!(desk.begin(&job, b).unwrap_err().code(), "worker.declined");
    assert!(desk.store.session([1; 16]).unwrap().is_none(), "and nothing is spent");
}

#[test]
fn attempts_at_a_session_meet_in_different_places() {
    let (desk, agreement) = (office(true), agreement(LOOP, &roster(HONEST)));
    let place = |number| attempt(&desk, agreement.text(), &[1; 16], number, &[]).unwrap().card.session;
    assert_eq!(place(0), [1; 16]);
    assert!(place(1) != place(0) && place(2) != place(1));
}
