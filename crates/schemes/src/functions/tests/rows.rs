//! Sorting and picking against plaintext, on the ideal scheme and on shares, over random rows with many ties.

use algebra::{Prg, Ring, Seed, Tensor};
use proptest::prelude::*;

use crate::functions::{Sorts, argsort, exchange_sort_by, group_sum, put, segment_sum, take};
use crate::ideal::Ideal;
use crate::party::Party;
use crate::primitives::Linear;
use crate::replicated::{Order, Replicated, Share, reveal};
use crate::testing::World;

/// What all of it gives for keys, with their positions as payload: rows by key, positions, sums and picks.
async fn all<S: Sorts, R: Ring>(party: &Party, key: &S::Num<R>, small: &S::Num<u64>) -> Vec<S::Num<u64>> {
    let n = small.shape()[0];
    let rows = S::Num::<u64>::public(party, &Tensor::from_fn([n, 2], |i| i as u64)).unwrap();
    let sorted = S::sort_by::<R, u64>(party, &rows, key, Order::Signed, false).await.unwrap();
    let exchanged = exchange_sort_by::<S, R, u64>(party, &rows, key, Order::Signed, false).await.unwrap();
    let falling = argsort::<S, R>(party, key, Order::Signed, true).await.unwrap();
    let grouped = group_sum::<S, u64>(party, &rows, small, 5).await.unwrap();
    let picked = take::<S, u64>(party, &rows, small).await.unwrap();
    let placed = put::<S, u64>(party, &rows, small, &picked).await.unwrap();
    let runs = segment_sum::<S, u64>(party, &rows, small).await.unwrap();
    vec![sorted, exchanged, falling, grouped, picked, placed, runs]
}

fn expected(keys: &[i64], small: &[u64]) -> Vec<Vec<u64>> {
    let n = keys.len();
    let row = |i: usize| [2 * i as u64, 2 * i as u64 + 1];
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| keys[i]);
    let sorted: Vec<u64> = order.iter().flat_map(|&i| row(i)).collect();
    order = (0..n).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(keys[i]));
    let falling = order.iter().map(|&i| i as u64).collect();
    let mut grouped = vec![0; 10];
    let (mut placed, mut hit): (Vec<u64>, Vec<bool>) = ((0..2 * n as u64).collect(), vec![false; n]);
    let taken = |at: u64| if (at as usize) < n { row(at as usize) } else { [0, 0] };
    let mut runs = Vec::<u64>::new();
    for (i, &k) in small.iter().enumerate() {
        for column in 0..2 {
            if k < 5 {
                grouped[2 * k as usize + column] += row(i)[column];
            }
            let before = if i > 0 && small[i - 1] == k { runs[2 * i - 2 + column] } else { 0 };
            runs.push(before + row(i)[column]);
            if (k as usize) < n {
                let slot = &mut placed[2 * k as usize + column];
                *slot = if hit[k as usize] { *slot } else { 0 } + taken(k)[column];
            }
        }
        if (k as usize) < n {
            hit[k as usize] = true;
        }
    }
    vec![sorted.clone(), sorted, falling, grouped, small.iter().flat_map(|&k| taken(k)).collect(), placed, runs]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_as_in_plaintext(
        rows in proptest::collection::vec((prop_oneof![-3i64..3, any::<i64>()], 0u64..7), 1..24),
        seed in any::<u64>(),
    ) {
        let keys: Vec<i64> = rows.iter().map(|r| r.0).collect();
        let small: Vec<u64> = rows.iter().map(|r| r.1).collect();
        let n = keys.len();
        let key = Tensor::from_vec(keys.iter().map(|k| k.cast_unsigned()).collect());
        let index = Tensor::from_vec(small.clone());
        let mut world = if seed % 2 == 0 { World::with_seed(seed) } else { World::distant(seed) };
        let ideal = world.run(async |p| {
            if p.me().0 == 0 { all::<Ideal, u64>(&p, &key, &index).await } else { Vec::new() }
        });
        let opened = world.run(async |p| {
            let role = p.role().unwrap();
            let share = |x: &Tensor<u64>| {
                let random = |seed| Prg::new(Seed([seed; 16])).tensor::<u64>([n]);
                let component = |i: usize| match i % 3 {
                    0 => random(1),
                    1 => random(2),
                    _ => x.sub(&random(1)).unwrap().sub(&random(2)).unwrap(),
                };
                Share::new(component(role), component(role + 1))
            };
            let mut values = Vec::new();
            for s in all::<Replicated, u64>(&p, &share(&key), &share(&index)).await {
                values.push(reveal(&p, Some(&s), p.roles(), s.shape()).await.unwrap().unwrap());
            }
            values
        });
        for (i, wanted) in expected(&keys, &small).into_iter().enumerate() {
            prop_assert_eq!(ideal[0][i].data(), &wanted[..], "ideal, result {}", i);
            prop_assert_eq!(opened[0][i].data(), &wanted[..], "shares, result {}", i);
        }
    }
}

/// Over many runs, a row's shuffled place is spread evenly, and no row is lost.
#[test]
fn a_random_order_is_spread_evenly() {
    let mut world = World::with_seed(5);
    let x = Tensor::from_vec((0..9u64).collect());
    let mut places = [0; 9];
    for _ in 0..270 {
        let out = world.run(async |p| {
            let share = Share::public(p.role().unwrap(), &x);
            let mixed = Replicated::shuffled::<u64>(&p, &share).await.unwrap();
            reveal(&p, Some(&mixed), p.roles(), &[9]).await.unwrap().unwrap()
        });
        let mut sorted = out[0].data().to_vec();
        places[sorted.iter().position(|v| *v == 0).unwrap()] += 1;
        sorted.sort_unstable();
        assert_eq!(sorted, x.data());
    }
    // 30 are expected in each; far more than five standard deviations would be a fault.
    assert!(places.iter().all(|n| (5..=60).contains(n)), "{places:?}");
}
