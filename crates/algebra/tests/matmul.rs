//! Products against the definition, on sizes that meet every path, tile edge and block edge.

use algebra::{Element, Prg, Ring, Seed, Tensor, Threads, matmul, matmul_add2};
use proptest::prelude::*;

fn random<R: Ring>(seed: u8, shape: &[usize]) -> Tensor<R> {
    Prg::new(Seed([seed; 16])).tensor(shape)
}

/// The definition, for matrices.
fn reference<T: Element>(a: &Tensor<T>, b: &Tensor<T>) -> Vec<T> {
    let ([m, k], n) = (a.shape().try_into().unwrap(), b.shape()[1]);
    let (m, k): (usize, usize) = (m, k);
    let cell =
        |i: usize, j: usize| (0..k).fold(T::ZERO, |sum, p| sum.plus(a.data()[i * k + p].times(b.data()[p * n + j])));
    (0..m * n).map(|at| cell(at / n, at % n)).collect()
}

fn agrees<R: Ring>(seed: u8, m: usize, k: usize, n: usize) {
    let (a0, b0) = (random::<R>(seed, &[m, k]), random::<R>(seed ^ 1, &[k, n]));
    let (a1, b1) = (random::<R>(seed ^ 2, &[m, k]), random::<R>(seed ^ 3, &[k, n]));
    let (first, second) = (reference(&a0, &b0), reference(&a1, &b1));
    assert_eq!(matmul(&a0, &b0).unwrap().data(), first, "{m}x{k}x{n}");
    let sum: Vec<R> = first.iter().zip(&second).map(|(x, y)| x.wadd(*y)).collect();
    assert_eq!(matmul_add2(&a0, &b0, &a1, &b1).unwrap().data(), sum, "two terms, {m}x{k}x{n}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn ring_products_are_exact(seed: u8, m in 1usize..70, k in 1usize..90, n in 1usize..70) {
        agrees::<u64>(seed, m, k, n);
        agrees::<u128>(seed, m, k, n);
    }

    #[test]
    fn products_with_a_single_row_or_column_are_exact(seed: u8, k in 1usize..600, n in 1usize..40) {
        agrees::<u64>(seed, 1, k, n);
        agrees::<u64>(seed, n, k, 1);
        agrees::<u128>(seed, 2, k, 1);
        agrees::<u128>(seed, 3, k, n);
    }
}

#[test]
fn block_edges_are_exact() {
    for (m, k, n) in [(97, 257, 25), (200, 512, 24), (9, 700, 1540), (33, 1, 1600)] {
        agrees::<u64>(5, m, k, n);
    }
    for (m, k, n) in [(97, 257, 25), (9, 513, 49), (8, 30, 1560)] {
        agrees::<u128>(5, m, k, n);
    }
}

#[test]
fn extreme_values_do_not_lose_carries() {
    let all_ones = |shape: [usize; 2]| Tensor::full(shape, u128::MAX);
    let product = matmul(&all_ones([16, 300]), &all_ones([300, 48])).unwrap();
    assert!(product.data().iter().all(|&x| x == 300));
    let high = Tensor::full([16, 300], u128::from(u64::MAX));
    let product = matmul(&high, &high.transposed()).unwrap();
    let want = u128::from(u64::MAX).wrapping_mul(u128::from(u64::MAX)).wrapping_mul(300);
    assert!(product.data().iter().all(|&x| x == want));
}

#[test]
fn signed_words_multiply_like_unsigned_ones() {
    let a = random::<u64>(1, &[20, 30]).map(|&x| x.cast_signed() >> 40);
    let b = random::<u64>(2, &[30, 40]).map(|&x| x.cast_signed() >> 40);
    assert_eq!(matmul(&a, &b).unwrap().data(), reference(&a, &b));
}

#[test]
fn floats_multiply_within_rounding() {
    let small = |x: &u64| (*x >> 44) as f64;
    for (m, k, n) in [(1, 5, 7), (3, 200, 1), (40, 50, 60), (130, 90, 70)] {
        let a = random::<u64>(1, &[m, k]).map(small);
        let b = random::<u64>(2, &[k, n]).map(small);
        // Integers this small are exact in f64.
        assert_eq!(matmul(&a, &b).unwrap().data(), reference(&a, &b));
        let (a32, b32) = (a.map(|&x| (x % 64.0) as f32), b.map(|&x| (x % 64.0) as f32));
        assert_eq!(matmul(&a32, &b32).unwrap().data(), reference(&a32, &b32));
    }
}

#[test]
fn a_thread_pool_changes_nothing() {
    same_on_any_pool(&[300, 200], &[200, 100]);
    same_on_any_pool(&[40, 1, 30, 50], &[3, 50, 20]);
    same_on_any_pool(&[3000, 200], &[200]);
}

fn same_on_any_pool(a: &[usize], b: &[usize]) {
    let (a, b) = (random::<u64>(1, a), random::<u64>(2, b));
    let products = [1, 2, 5].map(|threads| {
        let threads = Threads::new(threads).unwrap();
        threads.run(|| matmul(&a, &b).unwrap().into_data())
    });
    assert!(products.iter().all(|p| *p == products[0]));
}
