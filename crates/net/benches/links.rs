//! Round trips and throughput between two exchanges, in memory and over TLS on the loopback.

use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use net::link::{memory, stream};
use net::tls::{Acceptor, Alpn, Credentials, Dialer};
use net::{Exchange, KeyPair, Options, Player, PlayerId, Scope};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);
const NAMES: [&str; 2] = ["alice", "bob"];

async fn over_tls() -> [Exchange; 2] {
    let [alice, bob] = [(); 2].map(|()| Credentials::new(KeyPair::generate().unwrap()).unwrap());
    let expected = bob.identity();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let acceptor = Acceptor::new(bob, |_| true).unwrap();
    let accepting = async { acceptor.accept(listener.accept().await.unwrap().0).await.unwrap() };
    let player = Player { id: B, name: "bob".into() };
    let dialer = Dialer::new(alice);
    let (dialled, accepted) = tokio::join!(dialer.dial(&player, &endpoint, expected, Alpn::Data), accepting);
    let (at_alice, at_bob) = (stream::over(dialled.unwrap().stream), stream::over(accepted.stream));
    [(A, B, at_alice), (B, A, at_bob)]
        .map(|(me, peer, link)| Exchange::new(me, &NAMES, vec![(peer, link)], Options::default()).unwrap())
}

async fn in_memory() -> [Exchange; 2] {
    let world = memory::world(&NAMES, &Options::in_process());
    world.try_into().unwrap_or_else(|_| unreachable!("two names make two players"))
}

/// One message there, one back, `rounds` times.
async fn ping_pong([a, b]: &[Exchange; 2], scope: Scope, rounds: u64, size: usize) {
    let payload = Bytes::from(vec![1; size]);
    let one = async |me: &Exchange, peer, first: bool| {
        for round in 0..rounds {
            let step = scope.child(round).step(0);
            if first {
                me.post(peer, step, 1, payload.clone());
                me.flush();
            }
            me.take(peer, step).await.unwrap();
            if !first {
                me.post(peer, step, 2, payload.clone());
                me.flush();
            }
        }
    };
    tokio::join!(one(a, B, true), one(b, A, false));
}

/// `count` messages in one direction.
async fn stream_of([a, b]: &[Exchange; 2], scope: Scope, count: u64, size: usize) {
    let payload = Bytes::from(vec![1; size]);
    // No more under way than a computation would have: a window of eight.
    for first in (0..count).step_by(8) {
        let steps: Vec<_> = (first..count.min(first + 8)).map(|index| scope.child(index).step(0)).collect();
        for step in &steps {
            a.post(B, *step, 1, payload.clone());
        }
        a.flush();
        for step in &steps {
            b.take(A, *step).await.unwrap();
        }
    }
}

fn links(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (name, world) in [("memory", runtime.block_on(in_memory())), ("tls", runtime.block_on(over_tls()))] {
        let mut run = 0u64;
        let mut fresh = move || {
            run += 1;
            Scope::root(b"bench").child(run)
        };
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(20);
        group.bench_function("round trip of 64 bytes", |bencher| {
            bencher.iter_custom(|rounds| {
                let (scope, start) = (fresh(), std::time::Instant::now());
                runtime.block_on(ping_pong(&world, scope, rounds, 64));
                start.elapsed()
            });
        });
        for size in [64 << 10, 8 << 20] {
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_function(format!("stream of {} KiB", size >> 10), |bencher| {
                bencher.iter_custom(|count| {
                    let (scope, start) = (fresh(), std::time::Instant::now());
                    runtime.block_on(stream_of(&world, scope, count, size));
                    start.elapsed()
                });
            });
        }
    }
}

criterion_group!(benches, links);
criterion_main!(benches);
