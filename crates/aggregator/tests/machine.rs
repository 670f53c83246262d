//! A committee of one aggregator, whose machine proves itself to each client before it contributes.

mod common;

use std::sync::{Arc, Mutex};

use aggregator::board::InMemory;
use aggregator::{AgreementDraft, Error, Input, Keeper, Kept, Member, Memories, Part, SharesDraft, Terms, told};
use common::{World, counted, key, soon};
use net::Identity;
use net::tls::Appraiser;

const EVIDENCE: &str = "{\"evidence\":1}";

/// Terms of one aggregator alone.
fn alone(clients: u32) -> World {
    alone_with(clients, |_| {})
}

fn alone_with(clients: u32, change: impl FnOnce(&mut aggregator::Draft)) -> World {
    World::committee(clients, (1, 1), |draft| {
        change(draft);
        for aggregator in draft.committee.iter_mut().flat_map(|committee| &mut committee.aggregators) {
            (aggregator.policy, aggregator.evidence) = (Some("a policy".into()), Some(EVIDENCE.into()));
        }
    })
}

/// Whose machine, its evidence, and what that has to be tied to.
type Shown = (Identity, Vec<u8>, [u8; 32]);

/// Accepts while it is told to, and keeps what it was shown.
struct Judge {
    accepts: Mutex<bool>,
    shown: Mutex<Vec<Shown>>,
}

impl Judge {
    fn new(accepts: bool) -> Arc<Self> {
        Arc::new(Self { accepts: Mutex::new(accepts), shown: Mutex::default() })
    }
}

impl Appraiser for Judge {
    fn asks(&self, _: &Identity) -> bool {
        true
    }

    fn appraise(&self, peer: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        self.shown.lock().unwrap().push((*peer, evidence.to_vec(), *report_data));
        if *self.accepts.lock().unwrap() { Ok(b"a record".to_vec()) } else { Err("it measured another binary".into()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_inside_a_machine_that_every_client_appraised() {
    let world = alone(4);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let (terms, list) = (world.terms.clone(), world.enrolled.clone());
    let at = service.address().to_string();
    let member = Member::new(terms, list, world.members[0].clone(), Memories::in_process(), Some(at)).unwrap();
    let member = tokio::spawn(async move { member.run().await });
    let judge = Judge::new(true);
    for i in 0..4 {
        let (client, digit) = (world.client(i, service.address()).appraising(judge.clone()), world.digit(i));
        client.contribute(&Input { values: &digit, weight: None }, None, soon()).await.unwrap();
    }
    assert_eq!(counted(&world.result(1, service.address()).await.unwrap()), [0, 1, 2, 3]);
    let keys = told(&key(100)).unwrap().report_data().unwrap();
    let shown = (key(100).identity(), EVIDENCE.as_bytes().to_vec(), keys);
    assert_eq!(*judge.shown.lock().unwrap(), vec![shown; 4], "the keys that it sealed to, each time");
    member.await.unwrap().unwrap();
}

/// For an agreement whose program goes on with the sum inside the machine.
fn kept(each: bool) -> impl FnOnce(&mut aggregator::Draft) {
    move |draft| {
        draft.precision = None;
        let owner = key(2).identity().to_string();
        draft.shares = Some(SharesDraft { name: "\"clients\"".into(), fraction: 16, owner, each });
        draft.agreement = Some(AgreementDraft { digest: "0a".repeat(32), group: "clients".into() });
    }
}

/// The memory of the machine.
#[derive(Default)]
struct Inside(Mutex<Vec<(Option<usize>, Vec<u64>)>>);

impl Keeper for Inside {
    fn keep(&self, kept: &Kept) -> Result<(), Error> {
        let Part::Whole(whole) = &kept.part else { panic!("one alone keeps the whole") };
        self.0.lock().unwrap().push((kept.rows, whole.to_vec()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_keeps_the_sum_or_each_contribution_and_publishes_nothing() {
    for each in [false, true] {
        let world = alone_with(4, kept(each));
        let service = world.serve(Arc::new(InMemory::default())).await;
        let (terms, list) = (world.terms.clone(), world.enrolled.clone());
        let at = service.address().to_string();
        let member = Member::new(terms, list, world.members[0].clone(), Memories::in_process(), Some(at)).unwrap();
        let inside = Arc::new(Inside::default());
        let member = member.keeping(inside.clone());
        let member = tokio::spawn(async move { member.run().await });
        for i in 0..4 {
            let (client, digit) = (world.client(i, service.address()).appraising(Judge::new(true)), world.digit(i));
            client.contribute(&Input { values: &digit, weight: None }, None, soon()).await.unwrap();
        }
        assert_eq!(world.result(1, service.address()).await.unwrap_err().code(), "aggregator.kept");
        member.await.unwrap().unwrap();
        let kept = std::mem::take(&mut *inside.0.lock().unwrap());
        let [(rows, values)] = &kept[..] else { panic!("once") };
        let values: Vec<f64> = values.iter().map(|x| *x as f64 / 65536.0).collect();
        let mut listed: Vec<usize> = (0..4).collect();
        listed.sort_by_key(|i| *world.clients[*i].identity().as_bytes());
        match each {
            true => assert_eq!(values, listed.into_iter().flat_map(|i| world.digit(i)).collect::<Vec<_>>()),
            false => assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 4.0], "each once, and how many"),
        }
        assert_eq!(*rows, each.then_some(4));
    }
}

#[test]
fn what_one_machine_keeps_is_for_an_agreement() {
    let mut draft = alone_with(3, kept(false)).terms.draft().clone();
    draft.agreement = None;
    draft.shares.as_mut().unwrap().name = "clients".into();
    let error = Terms::check(draft).err().unwrap();
    assert!(error.to_string().contains("is for an [agreement]"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_for_a_machine_that_is_refused_or_that_nobody_looked_at() {
    let world = alone(3);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let digit = world.digit(0);
    let input = Input { values: &digit, weight: None };
    let judge = Judge::new(false);
    let unasked = world.client(0, service.address());
    let refused = world.client(0, service.address()).appraising(judge.clone());
    for (client, why) in [(&unasked, "nobody appraises it here"), (&refused, "it measured another binary")] {
        let error = client.contribute(&input, None, soon()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unproved { aggregator, why: said } if aggregator == "a" && said == why),
            "{error}"
        );
        assert_eq!(client.standing(None, soon()).await.unwrap().phase, "waiting", "nothing arrived");
    }
    // It is asked each time: what was refused may be mended, and what was proved may run out.
    *judge.accepts.lock().unwrap() = true;
    refused.contribute(&input, None, soon()).await.unwrap();
    *judge.accepts.lock().unwrap() = false;
    assert!(matches!(refused.contribute(&input, None, soon()).await, Err(Error::Unproved { .. })));
}
