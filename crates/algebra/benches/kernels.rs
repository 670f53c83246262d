//! Wall-clock medians of the hot kernels; throughput is in multiplications (products) or bytes per second.

use std::hint::black_box;

use algebra::{Prg, Ring, Seed, Tensor, Threads, Window, compose, conv2d, decompose, matmul, matmul_add2};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn random<R: Ring>(shape: &[usize]) -> Tensor<R> {
    Prg::new(Seed([7; 16])).tensor(shape)
}

/// Runs `f` with this many threads.
fn with_threads<T>(threads: usize, f: impl FnOnce() -> T) -> T {
    Threads::new(threads).expect("threads can be started").run(f)
}

fn products<R: Ring>(c: &mut Criterion, ring: &str) {
    let mut group = c.benchmark_group(format!("matmul/{ring}"));
    group.sample_size(10);
    let sizes = [(64, 64, 64), (128, 784, 128), (1000, 1000, 1000), (1, 784, 128), (1000, 1000, 1)];
    for (m, k, n) in sizes {
        let (a, b) = (random::<R>(&[m, k]), random::<R>(&[k, n]));
        group.throughput(Throughput::Elements((m * k * n) as u64));
        group.bench_function(BenchmarkId::new("one thread", format!("{m}x{k}x{n}")), |bench| {
            with_threads(1, || bench.iter(|| matmul(black_box(&a), black_box(&b))));
        });
    }
    let (a, b) = (random::<R>(&[1000, 1000]), random::<R>(&[1000, 1000]));
    group.throughput(Throughput::Elements(2_000_000_000));
    group.bench_function("two terms, all threads/1000x1000x1000", |bench| {
        bench.iter(|| matmul_add2(black_box(&a), &b, &b, &a));
    });
    group.finish();
}

fn floats(c: &mut Criterion) {
    let mut group = c.benchmark_group("matmul/f64");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000_000));
    let a = random::<u64>(&[1000, 1000]).map(|&x| x as f64);
    group.bench_function("one thread/1000x1000x1000", |bench| {
        with_threads(1, || bench.iter(|| matmul(black_box(&a), black_box(&a))));
    });
    group.finish();
}

fn convolutions(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv2d/u64");
    // The second layer of LeNet on a batch of 128.
    let (images, kernel) = (random::<u64>(&[128, 20, 12, 12]), random::<u64>(&[50, 20, 5, 5]));
    group.sample_size(10).throughput(Throughput::Elements(128 * 50 * 64 * 20 * 25));
    group.bench_function("one thread/128x20x12x12 by 50x20x5x5", |bench| {
        with_threads(1, || bench.iter(|| conv2d(black_box(&images), &kernel, Window::default(), 1)));
    });
    group.finish();
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("one million elements, one thread");
    let bytes = 8 << 20;
    group.sample_size(20).throughput(Throughput::Bytes(bytes));
    let mut prg = Prg::new(Seed([1; 16]));
    let mut out = vec![0u64; 1 << 20];
    group.bench_function("prg", |bench| {
        with_threads(1, || bench.iter(|| prg.fill(black_box(&mut out))));
    });
    let planes = decompose(&out, 64);
    group.bench_function("decompose", |bench| {
        with_threads(1, || bench.iter(|| decompose(black_box(&out), 64)));
    });
    group.bench_function("compose", |bench| {
        with_threads(1, || bench.iter(|| compose::<u64>(black_box(&planes))));
    });
    let t = Tensor::from_vec(out.clone());
    group.bench_function("add", |bench| {
        with_threads(1, || bench.iter(|| black_box(&t).add(black_box(&t))));
    });
    group.bench_function("mul_add2", |bench| {
        with_threads(1, || bench.iter(|| Tensor::mul_add2(black_box(&t), &t, &t, &t)));
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    products::<u64>(c, "u64");
    products::<u128>(c, "u128");
    floats(c);
    convolutions(c);
    streams(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
