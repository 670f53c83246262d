//! Kernels against plaintext, in a world of three.

use algebra::{Ring, Tensor, matmul as plain_matmul};
use net::PlayerId;

use super::*;
use crate::testing::World;

fn tensor<R: Ring>(shape: &[usize], values: &[i128]) -> Tensor<R> {
    Tensor::new(shape, values.iter().map(|&v| R::from_i128(v)).collect()).unwrap()
}

/// Shares tensors from P0, P1, P2 in turn, runs a kernel, and reveals its result to all.
fn through<R: Ring>(
    world: &mut World,
    inputs: &[Tensor<R>],
    kernel: impl AsyncFn(&Party, Vec<Share<R>>) -> Result<Share<R>>,
) -> Tensor<R> {
    let shares = world.run(async |party| {
        let mut shares = Vec::new();
        for (i, x) in inputs.iter().enumerate() {
            let dealer = PlayerId((i % 3) as u16);
            let value = (party.me() == dealer).then_some(x);
            shares.push(share(&party, dealer, value, x.shape()).await.unwrap().unwrap());
        }
        shares
    });
    let results = world.run(async |party| kernel(&party, shares[party.me().index()].clone()).await.unwrap());
    open(world, &results)
}

fn open<R: Ring>(world: &mut World, shares: &[Share<R>]) -> Tensor<R> {
    let all = [0, 1, 2].map(PlayerId);
    let mut values = world.run(async |party| {
        let mine = &shares[party.me().index()];
        reveal(&party, Some(mine), &all, mine.shape()).await.unwrap().unwrap()
    });
    assert!(values[0] == values[1] && values[1] == values[2], "the players disagree");
    values.remove(0)
}

fn products<R: Ring>() {
    let mut world = World::with_seed(7);
    let x = Tensor::<R>::from_fn([5, 7], |i| R::from_i128(i as i128 * 0x1234_5678_9abc - 99));
    let y = Tensor::<R>::from_fn([7, 3], |i| R::from_i128(1 - (i as i128) * 0x7fff_1111_2222_3333));
    let z = through(&mut world, &[x.clone(), y.clone()], async |p, s| matmul(p, &s[0], &s[1]).await);
    assert!(z == plain_matmul(&x, &y).unwrap());
    let z = through(&mut world, &[x.clone(), x.clone()], async |p, s| mul(p, &s[0], &s[1]).await);
    assert!(z == x.mul(&x).unwrap());
    let row = x.rows(1, 2).unwrap();
    let z = through(&mut world, &[x.clone(), row.clone()], async |p, s| mul(p, &s[0], &s[1]).await);
    assert!(z == x.mul(&row).unwrap());
}

#[test]
fn products_are_exact() {
    products::<u64>();
    products::<u128>();
}

fn truncation<R: Ring>(by: u32) {
    let mut world = World::with_seed(u64::from(by));
    let limit = (1i128 << (R::BITS - 2)) - 1;
    let mut values = vec![0, 1, -1, limit, -limit, 3 << by, -(3 << by), limit >> 1, (1 << by) - 1, 1 << by];
    values.extend((0..200).map(|i: i128| {
        let bits = (i as u32 * 7) % (R::BITS - 2);
        (i.wrapping_mul(0x1e37_79b9_7f4a_7c15_1234_5678_9abc_def1) & ((1 << bits) - 1))
            * if i % 2 == 0 { 1 } else { -1 }
    }));
    let x = tensor::<R>(&[values.len()], &values);
    for _ in 0..20 {
        let z = through(&mut world, std::slice::from_ref(&x), async |p, s| truncate(p, &s[0], by).await);
        for (x, z) in x.data().iter().zip(z.data()) {
            let (x, z) = (x.to_i128(), z.to_i128());
            let (floor, exact) = (x >> by, x & ((1 << by) - 1) == 0);
            assert!(z == floor || (z == floor + 1 && !exact), "{x} >> {by} gave {z}");
        }
    }
}

#[test]
fn truncation_errs_by_less_than_a_unit() {
    for by in [1, 7, 16, 20, 33, 62] {
        truncation::<u64>(by);
    }
    for by in [1, 16, 40, 64, 100, 126] {
        truncation::<u128>(by);
    }
}

#[test]
fn fixed_products_take_two_rounds_and_sixteen_bytes() {
    let mut world = World::with_seed(3);
    let x = Tensor::<u64>::from_fn([1000], |i| (i as u64) << 10);
    let z = through(&mut world, &[x.clone(), x.clone()], async |p, s| mul_fixed(p, &s[0], &s[1], 16).await);
    for (x, z) in x.data().iter().zip(z.data()) {
        assert!((x * x).to_i128().abs_diff(z.to_i128() << 16) < 1 << 16);
    }
    let shares = world.run(async |p| Share::public(p.role().unwrap(), &x));
    world.run(async |p| mul_fixed(&p, &shares[p.me().index()], &shares[p.me().index()], 16).await.unwrap());
    assert_eq!((world.rounds(), world.bytes()), (2, vec![10_000, 16_000, 10_000]));
    world.run(async |p| mul(&p, &shares[p.me().index()], &shares[p.me().index()]).await.unwrap());
    assert_eq!((world.rounds(), world.bytes()), (1, vec![8_000; 3]));
}

#[test]
fn outsiders_share_and_read() {
    let mut world = World::with_players(11, 5);
    let x = Tensor::<u128>::from_fn([4, 2], |i| i as u128 * 77);
    let bits = x.map(|x| x % 2 == 1);
    let out = world.run(async |p| {
        let (dealer, reader) = (PlayerId(3), PlayerId(4));
        let shared = match p.me() {
            me if me == reader => None,
            me => share(&p, dealer, (me == dealer).then_some(&x), &[4, 2]).await.unwrap(),
        };
        let shared_bits = match p.me() {
            me if me == reader => None,
            me => share_bits(&p, dealer, (me == dealer).then_some(&bits), &[4, 2]).await.unwrap(),
        };
        let to = [reader, PlayerId(1)];
        let value = reveal(&p, shared.as_ref(), &to, &[4, 2]).await.unwrap();
        (value, reveal_bits(&p, shared_bits.as_ref(), &to, &[4, 2]).await.unwrap())
    });
    for (i, (value, revealed)) in out.into_iter().enumerate() {
        assert!(value == [1, 4].contains(&i).then(|| x.clone()));
        assert!(revealed == [1, 4].contains(&i).then(|| bits.clone()));
    }
}

#[test]
fn independent_products_share_a_round() {
    let mut world = World::with_seed(5);
    let x = Tensor::<u64>::from_fn([3], |i| i as u64);
    world.run(async |p| {
        let s = Share::public(p.role().unwrap(), &x);
        let parts: Vec<Party> = (0..100).map(|i| p.narrow(i)).collect();
        futures::future::join_all(parts.iter().map(|p| mul(p, &s, &s))).await;
    });
    assert_eq!(world.rounds(), 1);
}
