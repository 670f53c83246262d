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
            shares.push(share(&party, dealer, value.cloned(), x.shape()).await.unwrap().unwrap());
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
    let mut values = vec![0, 1, -1, limit, -limit, limit >> 1, (1 << by) - 1, 1 << by];
    values.extend([3i128, -3].iter().filter_map(|m| m.checked_mul(1 << by)));
    values.extend((0..200).map(|i: i128| {
        let bits = (i as u32 * 7) % (R::BITS - 2);
        (i.wrapping_mul(0x1e37_79b9_7f4a_7c15_1234_5678_9abc_def1) & ((1 << bits) - 1))
            * if i % 2 == 0 { 1 } else { -1 }
    }));
    values.retain(|v| v.abs() <= limit);
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

fn scaling<R: Ring>() {
    let mut world = World::with_seed(5);
    let limit = (1i128 << (R::BITS.min(64) - 2)) - 1;
    let values: Vec<i128> = (0..2100).map(|i| (limit >> (i % 61)) * [1, -1][i % 2] + (i as i128 % 3)).collect();
    let values: Vec<i128> = values.into_iter().map(|v| v.clamp(-limit, limit)).collect();
    let x = tensor::<R>(&[values.len()], &values);
    for c in [0.0, 1.0, -2.0, 0.5, 0.001, -0.3, 1.0 / 3.0, 1e-9, 1e-25, 1.5, 40.25, -7.125e-3] {
        let factor = Tensor::scalar(Factor::of(c).unwrap());
        let z = through(&mut world, std::slice::from_ref(&x), async |p, s| scale(p, &s[0], &factor).await);
        for (x, z) in x.data().iter().zip(z.data()).filter(|(x, _)| (x.to_i128() as f64 * c).abs() < limit as f64) {
            let (exact, z) = (x.to_i128() as f64 * c, z.to_i128() as f64);
            // Doubles themselves are off by 2^-53.
            assert!((exact - z).abs() < 2.0 + exact.abs() * 2f64.powi(-50), "{x:?} by {c} gave {z} for {exact}");
        }
    }
    let rows = tensor::<R>(&[2, 3], &[60_000, -60_001, 7, 0, 1, 123_456]);
    let factors = Tensor::from_vec([0.5, -2.0, 1e-3].map(|c| Factor::of(c).unwrap()).to_vec());
    let z = through(&mut world, &[rows], async |p, s| scale(p, &s[0], &factors).await);
    for (z, exact) in z.data().iter().zip([30_000.0, 120_002.0, 0.007, 0.0, -2.0, 123.456]) {
        assert!((z.to_i128() as f64 - exact).abs() < 1.0);
    }
}

#[test]
fn products_with_public_numbers_err_by_less_than_two_units() {
    scaling::<u64>();
    scaling::<u128>();
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
    let (dealer, reader) = (PlayerId(3), PlayerId(4));
    let shared = world.run(async |p| match p.me() {
        me if me == reader => None,
        me => share(&p, dealer, (me == dealer).then(|| x.clone()), &[4, 2]).await.unwrap(),
    });
    let shared_bits = world.run(async |p| match p.me() {
        me if me == reader => None,
        me => share_bits(&p, dealer, (me == dealer).then_some(&bits), &[4, 2]).await.unwrap(),
    });
    let out = world.run(async |p| {
        let (me, to) = (p.me().index(), [reader, PlayerId(1)]);
        let value = reveal(&p, shared[me].as_ref(), &to, &[4, 2]).await.unwrap();
        (value, reveal_bits(&p, shared_bits[me].as_ref(), &to, &[4, 2]).await.unwrap())
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

fn open_bits(world: &mut World, shares: &[BitShare]) -> Vec<bool> {
    let all = [0, 1, 2].map(PlayerId);
    let mut values = world.run(async |party| {
        let mine = &shares[party.me().index()];
        reveal_bits(&party, Some(mine), &all, mine.shape()).await.unwrap().unwrap()
    });
    assert!(values[0] == values[1] && values[1] == values[2], "the players disagree");
    values.remove(0).into_data()
}

fn dealt<R: Ring>(world: &mut World, x: &Tensor<R>) -> Vec<Share<R>> {
    world.run(async |party| {
        let value = (party.me().0 == 0).then(|| x.clone());
        let zero = share(&party, PlayerId(0), value, x.shape()).await.unwrap().unwrap();
        // A component that is zero hides faults of kernels: add a random sharing of zero.
        let masks = party.narrow("masks");
        let neighbours = Seat::of(&party).unwrap();
        let (a, b): (Vec<R>, Vec<R>) = (
            masks.shared(neighbours.next, "z").unwrap().elements(x.len()),
            masks.shared(neighbours.prev, "z").unwrap().elements(x.len()),
        );
        let own = Tensor::new(x.shape(), a).unwrap().sub(&Tensor::new(x.shape(), b).unwrap()).unwrap();
        party.send(neighbours.prev, &own);
        let next = party.recv(neighbours.next, x.shape().to_vec()).await.unwrap();
        zero.add(&Share::new(own, next)).unwrap()
    })
}

/// Values at the edges of the ring and of random size.
fn edges<R: Ring>(count: usize, seed: u64) -> Tensor<R> {
    let mut prg = algebra::Prg::new(algebra::Seed([seed as u8; 16]));
    let random: Vec<R> = prg.elements(count);
    let mut values: Vec<R> = random.iter().enumerate().map(|(i, x)| x.ashr(i as u32 % R::BITS)).collect();
    for (i, v) in [0, 1, -1, 2, -2, i128::MAX, i128::MIN].into_iter().enumerate() {
        values[i] = R::from_i128(v);
    }
    values[7] = R::ONE.wshl(R::BITS - 1);
    values[8] = R::ONE.wshl(R::BITS - 1).wsub(R::ONE);
    Tensor::from_vec(values)
}

fn comparisons<R: Ring>(count: usize) {
    let mut world = World::with_seed(count as u64);
    let (x, mut y) = (edges::<R>(count, 1), edges::<R>(count, 2));
    for i in (0..count).step_by(3) {
        y.data_mut()[i] = x.data()[i];
    }
    let (xs, ys) = (dealt(&mut world, &x), dealt(&mut world, &y));
    let pairs = || x.data().iter().zip(y.data());

    let signs = world.run(async |p| msb(&p, &xs[p.me().index()]).await.unwrap());
    assert_eq!(world.rounds(), if R::BITS == 64 { 7 } else { 8 });
    assert_eq!(open_bits(&mut world, &signs), x.data().iter().map(|x| x.to_i128() < 0).collect::<Vec<_>>());

    let same = world.run(async |p| equal(&p, &xs[p.me().index()], &ys[p.me().index()]).await.unwrap());
    assert_eq!(open_bits(&mut world, &same), pairs().map(|(x, y)| x == y).collect::<Vec<_>>());

    let less_than = async |p: &Party, order| less(p, &xs[p.me().index()], &ys[p.me().index()], order).await.unwrap();
    let signed = world.run(async |p| less_than(&p, Order::Signed).await);
    assert_eq!(open_bits(&mut world, &signed), pairs().map(|(x, y)| x.to_i128() < y.to_i128()).collect::<Vec<_>>());
    let unsigned = world.run(async |p| less_than(&p, Order::Unsigned).await);
    let halves = |x: &R| (x.high_u64(), x.low_u64());
    assert_eq!(open_bits(&mut world, &unsigned), pairs().map(|(x, y)| halves(x) < halves(y)).collect::<Vec<_>>());

    let chosen = world.run(async |p| {
        let me = p.me().index();
        select(&p, &signed[me], &xs[me], &ys[me]).await.unwrap()
    });
    assert_eq!(world.rounds(), 2);
    let least = open(&mut world, &chosen);
    assert!(least.data().iter().zip(pairs()).all(|(z, (x, y))| z.to_i128() == x.to_i128().min(y.to_i128())));

    let ones = world.run(async |p| to_ring::<R>(&p, &signed[p.me().index()]).await.unwrap());
    assert_eq!(world.rounds(), 2);
    let ones = open(&mut world, &ones);
    assert!(ones.data().iter().zip(pairs()).all(|(z, (x, y))| (*z == R::ONE) == (x.to_i128() < y.to_i128())));

    let width = R::BITS as usize;
    let bits = world.run(async |p| decompose(&p, &xs[p.me().index()], width).await.unwrap());
    for j in 0..width {
        let plane: Vec<BitShare> = bits.iter().map(|b| b.plane(j, &[count])).collect();
        let expected: Vec<bool> = x.data().iter().map(|x| x.bit(j as u32)).collect();
        assert_eq!(open_bits(&mut world, &plane), expected, "bit {j}");
    }
    let ors = world.run(async |p| prefix_or(&p, &bits[p.me().index()]).await.unwrap());
    for j in [0, 1, width / 2, width - 2, width - 1] {
        let plane: Vec<BitShare> = ors.iter().map(|b| b.plane(j, &[count])).collect();
        let expected: Vec<bool> = x.data().iter().map(|x| x.lshr(j as u32) != R::ZERO).collect();
        assert_eq!(open_bits(&mut world, &plane), expected, "bits from {j}");
    }
}

#[test]
fn comparisons_and_bits_are_right_at_the_edges() {
    for count in [9, 64, 130] {
        comparisons::<u64>(count);
        comparisons::<u128>(count);
    }
}

#[test]
fn widening_keeps_the_number() {
    let mut world = World::with_seed(31);
    let x = edges::<u64>(200, 5).ashr(2);
    let shares = dealt(&mut world, &x);
    let wide = world.run(async |p| widen(&p, &shares[p.me().index()]).await.unwrap());
    assert_eq!((world.rounds(), world.bytes()), (2, vec![24 * 200, 16 * 200, 8 * 200]));
    let wide = open(&mut world, &wide);
    assert!(wide.data().iter().zip(x.data()).all(|(w, x)| w.to_i128() == x.to_i128()));
}
