//! A player that waits for nobody does not flood those who are slow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Agreement, Ratified, SessionId};
use algebra::Tensor;
use ir::PlayerId;
use net::link::distant::{self, Distance};
use net::link::memory;
use net::{Link, Options};
use schemes::Plain;
use session::{Entropy, MemoryVault, Modules, Outcome, SessionError, Start, unobserved, unstopped};
use tokio::task::JoinSet;

const LENGTH: usize = 4096;
const PRODUCTS: usize = 60;

const HEAD: &str = "computation chain
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[4096] at a range 0..1
  v0 = move x to trio as fixed<64, 16>
";

/// Runs a program whose first player sends about 40 kB in each product to the second and waits for nothing, while the
/// second and the third are far from each other.
async fn run(program: &str, options: &Options) -> Vec<Result<Outcome, SessionError>> {
    let checked = check::check(ir::text::parse(program).unwrap()).unwrap_or_else(|e| panic!("{e:?}\n{program}"));
    let ratified = Ratified::local(Agreement::in_process(checked, BTreeMap::new()).unwrap()).unwrap();
    let slow = distant::pair(Distance { latency: Duration::from_millis(20), bandwidth: 40e6 });
    let mut links: Vec<Vec<(PlayerId, Link)>> = (0..3).map(|_| Vec::new()).collect();
    for ((i, j), (at_i, at_j)) in [((0, 1), memory::pair()), ((0, 2), memory::pair()), ((1, 2), slow)] {
        links[usize::from(i)].push((PlayerId(j), at_i));
        links[usize::from(j)].push((PlayerId(i), at_j));
    }
    let mut players = JoinSet::new();
    for (i, links) in (0..).zip(links) {
        let x = Plain::F64(Tensor::full([LENGTH], 1.0));
        let start = Start {
            ratified: ratified.clone(),
            player: PlayerId(i),
            session: SessionId([1; 16]),
            attempt: 0,
            entropy: Entropy::new([i as u8 + 1; 32]),
            links,
            inputs: if i == 0 { BTreeMap::from([("x".to_owned(), x)]) } else { BTreeMap::new() },
            keys: BTreeMap::new(),
            vault: Arc::new(MemoryVault::default()),
            sums: session::Sums::new(),
            modules: Modules::default(),
            options: options.clone(),
            observer: unobserved(),
            stop: unstopped(),
        };
        players.spawn(async move { (i, session::run(start).await) });
    }
    let mut outcomes = players.join_all().await;
    outcomes.sort_by_key(|(i, _)| *i);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Products one after the other: written out, and in a loop.
fn programs() -> [String; 2] {
    let mut written = format!("{HEAD}  on trio as fixed<64, 16>\n");
    for i in 0..PRODUCTS {
        writeln!(written, "    v{} = v{i} * v{i}", i + 1).unwrap();
    }
    writeln!(written, "  release v{PRODUCTS} to c as \"y\"").unwrap();
    let rolled = format!(
        "{HEAD}  last = repeat {PRODUCTS} with v = v0
    on trio as fixed<64, 16>
      better = clip(v * v, low=0.0, high=1.0)
    next better
  release last to c as \"y\"
"
    );
    [written, rolled]
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_products_floods_nobody() {
    let options = Options { buffered: 1 << 20, window: 128 << 10, ..Options::in_process() };
    for program in programs() {
        let outcomes = run(&program, &options).await;
        let error = outcomes.iter().find_map(|o| o.as_ref().err());
        assert!(error.is_none(), "{}", error.unwrap());
        let y = outcomes[2].as_ref().unwrap().outputs["y"].to_f64();
        assert!(y.data().iter().all(|v| (v - 1.0).abs() < 0.01), "{:?}", &y.data()[..4]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_window_it_would() {
    let options = Options { buffered: 1 << 20, window: usize::MAX, ..Options::in_process() };
    let outcomes = run(&programs()[0], &options).await;
    assert!(outcomes.iter().any(|o| o.as_ref().is_err_and(|e| e.code() == "net.peer-flooding")));
}
