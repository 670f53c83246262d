//! Kernels of replicated sharing on a hundred thousand elements, three players in turn on one thread, over a board in
//! memory: what they compute, without links. `cargo bench -p privity-schemes --features testing`.

use std::hint::black_box;

use algebra::{Ring, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schemes::Party;
use schemes::error::Result;
use schemes::replicated::{Factor, Order, Share, less, mul, mul_fixed, relu, scale, truncate};
use schemes::testing::World;

const COUNT: usize = 100_000;

fn bench<R: Ring, T>(c: &mut Criterion, name: &str, kernel: impl AsyncFn(&Party, &Share<R>) -> Result<T>) {
    let x = Tensor::<R>::from_fn([COUNT], |i| R::from_u64(i as u64 * 77));
    let shares = [0, 1, 2].map(|role| Share::public(role, &x));
    let mut group = c.benchmark_group(format!("Z_2^{}", R::BITS));
    group.sample_size(10).throughput(Throughput::Elements(COUNT as u64));
    group.bench_function(name, |bench| {
        // A world remembers all messages, so each measurement has its own.
        let world = || World::with_seed(1);
        bench.iter_batched_ref(
            world,
            |world| world.run(async |p| kernel(&p, &shares[p.me().index()]).await.map(|x| black_box(x)).is_ok()),
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn kernels<R: Ring>(c: &mut Criterion) {
    bench::<R, _>(c, "multiply", async |p, x| mul(p, x, x).await);
    bench::<R, _>(c, "multiply and truncate", async |p, x| mul_fixed(p, x, x, 16).await);
    bench::<R, _>(c, "truncate", async |p, x| truncate(p, x, 16).await);
    let factor = Tensor::scalar(Factor::of(0.001).expect("a number"));
    bench::<R, _>(c, "multiply by a public number", async |p, x| scale(p, x, &factor).await);
    bench::<R, _>(c, "less", async |p, x| less(p, x, x, Order::Slack).await);
    bench::<R, _>(c, "relu", async |p, x| relu(p, x).await);
}

fn all(c: &mut Criterion) {
    kernels::<u64>(c);
    kernels::<u128>(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
