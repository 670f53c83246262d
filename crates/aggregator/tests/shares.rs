//! Rounds whose sums nobody publishes: each of three aggregators keeps its part of a replicated sharing.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aggregator::board::InMemory;
use aggregator::{Error, Keeper, Kept, Part, SharesDraft};
use common::{World, key, soon};
use tokio::task::JoinHandle;

fn world(change: impl FnOnce(&mut aggregator::Draft)) -> World {
    World::committee(5, (3, 2), |draft| {
        draft.precision = None;
        let owner = key(9).identity().to_string();
        draft.shares = Some(SharesDraft { name: "digits".into(), fraction: 16, owner, each: false });
        change(draft);
    })
}

/// The two components of a part.
fn components(kept: &Kept) -> (&[u64], &[u64]) {
    match &kept.part {
        Part::Shares { own, next } => (own, next),
        Part::Whole(_) => panic!("one of three keeps shares"),
    }
}

/// The components of three parts, which overlap as those of one sharing do.
fn shared([a, b, c]: [&Kept; 3]) -> [&[u64]; 3] {
    let [a, b, c] = [a, b, c].map(components);
    assert_eq!((a.1, b.1, c.1), (b.0, c.0, a.0));
    [a.0, b.0, c.0]
}

/// A number of what components share.
fn opened(components: [&[u64]; 3], i: usize) -> f64 {
    components.iter().fold(0u64, |sum, component| sum.wrapping_add(component[i])) as f64 / 65536.0
}

/// A store in memory, of all three.
#[derive(Default)]
struct Stores(Mutex<Vec<Kept>>);

/// That of one of the three.
struct Store(Arc<Stores>);

impl Keeper for Store {
    fn keep(&self, part: &Kept) -> Result<(), Error> {
        let part = Kept { name: part.name.clone(), holders: part.holders.clone(), part: part.part.clone(), ..*part };
        self.0.0.lock().unwrap().push(part);
        Ok(())
    }
}

/// Starts the first so many aggregators.
fn keeping(
    world: &World,
    many: usize,
    (folder, at): (&Path, SocketAddr),
    stores: &Arc<Stores>,
) -> Vec<JoinHandle<Result<(), Error>>> {
    let member = |i| world.member(i, folder, at).keeping(Arc::new(Store(Arc::clone(stores))));
    (0..many).map(member).map(|member| tokio::spawn(async move { member.run().await })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_aggregators_keep_what_no_two_messages_show() {
    let world = world(|draft| draft.rounds = 2);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let stores = Arc::new(Stores::default());
    let members = keeping(&world, 3, (folder.path(), service.address()), &stores);
    for round in 1..=2 {
        for i in 0..5 {
            let values = world.digit(i);
            let input = aggregator::Input { values: &values, weight: None };
            world.client(i, service.address()).contribute(&input, Some(round), soon()).await.unwrap();
        }
        let error = world.result(round, service.address()).await.unwrap_err();
        assert_eq!(error.code(), "aggregator.kept");
        assert!(error.to_string().contains(&format!("\"digits-{round}\"")), "{error}");
    }
    for member in members {
        member.await.unwrap().unwrap();
    }
    let mut parts = std::mem::take(&mut *stores.0.lock().unwrap());
    parts.sort_by_key(|part| (part.round, part.role));
    assert_eq!(parts.len(), 6);
    for of_round in parts.chunks(3) {
        let [a, b, c] = of_round else { unreachable!() };
        assert!(a.origin == b.origin && b.origin == c.origin);
        assert_eq!((a.owner, a.bound), (key(9).identity(), 5.0));
        let shared = shared([a, b, c]);
        let sum: Vec<f64> = (0..6).map(|i| opened(shared, i)).collect();
        assert_eq!(sum, [1.0, 1.0, 1.0, 1.0, 1.0, 5.0], "each once, and how many");
    }
    assert_ne!(parts[0].origin, parts[3].origin, "parts of two rounds do not go together");
}

/// Makes terms those of an agreement whose program checks each contribution.
fn each(draft: &mut aggregator::Draft) {
    let owner = key(2).identity().to_string();
    draft.shares = Some(SharesDraft { name: "\"clients\"".into(), fraction: 16, owner, each: true });
    draft.agreement = Some(aggregator::AgreementDraft { digest: "0a".repeat(32), group: "clients".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contribution_is_kept_in_the_order_of_the_list() {
    let world = world(each);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let stores = Arc::new(Stores::default());
    let members = keeping(&world, 3, (folder.path(), service.address()), &stores);
    for i in 0..5 {
        world.contribute(i, service.address()).await.unwrap();
    }
    for member in members {
        member.await.unwrap().unwrap();
    }
    let mut parts = std::mem::take(&mut *stores.0.lock().unwrap());
    parts.sort_by_key(|part| part.role);
    let [a, b, c] = &parts[..] else { panic!("of three") };
    assert!(a.origin == b.origin && b.origin == c.origin);
    let shared = shared([a, b, c]);
    assert_eq!((a.rows, a.part.len()), (Some(5), 25));
    let all = (0..25).map(|i| opened(shared, i));
    let mut listed: Vec<usize> = (0..5).collect();
    listed.sort_by_key(|i| *world.clients[*i].identity().as_bytes());
    let wanted: Vec<f64> = listed.into_iter().flat_map(|i| world.digit(i)).collect();
    assert_eq!(all.collect::<Vec<_>>(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_all_three_nothing_is_kept() {
    let world = world(|draft| draft.answer_seconds = 0.5);
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let stores = Arc::new(Stores::default());
    let _members = keeping(&world, 2, (folder.path(), service.address()), &stores);
    for i in 0..5 {
        world.contribute(i, service.address()).await.unwrap();
    }
    let error = world.result(1, service.address()).await.unwrap_err();
    assert_eq!(error.to_string(), "round 1 failed: 2 aggregators that keep the sum, but 3 are needed");
}

#[tokio::test]
async fn an_aggregator_without_a_store_says_so() {
    let world = world(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let error = world.member(0, folder.path(), common::port()).run().await.unwrap_err();
    assert_eq!(error.code(), "aggregator.terms");
}

#[test]
fn terms_of_shares_fit_a_replicated_placement() {
    let of = |change: &dyn Fn(&mut aggregator::Draft)| {
        let mut draft = world(|_| {}).terms.draft().clone();
        change(&mut draft);
        aggregator::Terms::check(draft).err().map(|e| e.to_string())
    };
    assert_eq!(of(&|_| {}), None);
    let wants = |change: &dyn Fn(&mut aggregator::Draft), part: &str| {
        let said = of(change).unwrap();
        assert!(said.contains(part), "{said}");
    };
    wants(&|draft| draft.precision = Some(8), "say the precision");
    wants(&|draft| draft.shares = None, "no `precision`");
    wants(&|draft| draft.weights = Some(3), "have no weights");
    wants(&|draft| draft.committee.as_mut().unwrap().threshold = 3, "threshold of two");
    wants(&|draft| draft.shares.as_mut().unwrap().owner = "nobody".into(), "nobody");
    wants(&|draft| draft.shares.as_mut().unwrap().fraction = 60, "fraction");
    wants(&|draft| draft.shares.as_mut().unwrap().each = true, "are for an [agreement]");
    assert_eq!(of(&each), None);
    let long = |draft: &mut aggregator::Draft| {
        each(draft);
        draft.length = 1 << 20;
    };
    wants(&long, "5 of 1048576 numbers are more than 4194304 together");
}
