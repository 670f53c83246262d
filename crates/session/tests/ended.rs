//! What a session leaves running when it is over: nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use ir::PlayerId;
use sandbox::{ModuleDigest, Sandbox};
use schemes::Plain;
use session::{Entropy, Event, Modules, Observer, PlayerData, run_local};
use tokio::sync::{Notify, mpsc};

/// A module that would compute for minutes.
const ENDLESS: &str = r#"(module (memory (export "memory") 1) (func (export "privity_run") (result i32) (loop $l (br $l)) (i32.const 0)))"#;

fn program(digest: &ModuleDigest) -> String {
    format!(
        "computation c
  player a, cloud, reader
  placement vault = enclave(cloud)
  input x : f64[1] at a
  on vault
    more = x + 1.0
    y = module(more, name=m, digest=\"{digest}\", takes=\"t(x)\", gives=\"t(x)\", type=f64, shape=[1], fuel=1000000, memory=1)
  release y to reader as \"y\"
"
    )
}

/// The step before the module was done, and then there were many turns in which a thread could take the module up.
async fn begun(told: &Notify) {
    told.notified().await;
    for _ in 0..100_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_that_is_left_ends_its_modules() {
    let bytes = wat::parse_str(ENDLESS).unwrap();
    let digest = ModuleDigest::of(&bytes);
    let module = Sandbox::new().unwrap().load(&bytes, &digest).unwrap();
    let checked = check::check(ir::text::parse(&program(&digest)).unwrap()).unwrap();
    let ratified = Ratified::local(Agreement::in_process(checked, BTreeMap::new()).unwrap()).unwrap();
    let mut data: BTreeMap<PlayerId, PlayerData> = BTreeMap::new();
    let x = Plain::F64(Tensor::from_vec(vec![1.0]));
    data.entry(PlayerId(0)).or_default().inputs.insert("x".into(), x);
    data.entry(PlayerId(1)).or_default().modules = Modules::new([module]);
    let begins = Arc::new(Notify::new());
    let told = Arc::clone(&begins);
    let observer: Observer = Arc::new(move |event| {
        if matches!(&event, Event::Step { player, op: "add", .. } if player == "cloud") {
            told.notify_one();
        }
    });
    let mut seed = 0;
    let entropy = || {
        seed += 1;
        Entropy::new([seed; 32])
    };
    tokio::select! {
        ended = run_local(&ratified, SessionId([1; 16]), data, entropy, &observer) => panic!("it ended by itself: {:?}", ended.err()),
        () = begun(&begins) => {}
    }

    // Each thread that computes is free for others again.
    let (free, mut threads) = mpsc::unbounded_channel();
    rayon::spawn_broadcast(move |_| free.send(()).unwrap_or_default());
    let all = async { while threads.recv().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("a module goes on");
}
