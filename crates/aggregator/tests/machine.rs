//! A committee of one aggregator, whose machine proves itself to each client before it contributes.

mod common;

use std::sync::{Arc, Mutex};

use aggregator::board::InMemory;
use aggregator::{Error, Input, Member, Memories, made_in_machine, open_key};
use common::{World, counted, key, soon};
use net::Identity;
use net::tls::Appraiser;

const EVIDENCE: &str = "{\"evidence\":1}";

/// Terms of one aggregator alone.
fn alone(clients: u32) -> World {
    World::committee(clients, (1, 1), |draft| {
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
    let keys = made_in_machine(&key(100).public().to_bytes(), &open_key(&key(100)).unwrap().public().to_bytes());
    let shown = (key(100).identity(), EVIDENCE.as_bytes().to_vec(), keys);
    assert_eq!(*judge.shown.lock().unwrap(), vec![shown; 4], "the keys that it sealed to, each time");
    member.await.unwrap().unwrap();
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
