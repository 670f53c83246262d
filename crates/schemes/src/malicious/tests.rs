//! Verified kernels against plaintext.

use algebra::{Prg, Ring, Seed, Tensor, matmul as plain_matmul};
use net::PlayerId;

use super::*;
use crate::conformance::{Opens, suite};
use crate::party::Party;
use crate::replicated;
use crate::testing::World;

/// A sharing of what all know, with no component that stands out.
fn close<R: Ring>(role: usize, value: &Tensor<R>) -> Share<R> {
    let random = |seed| Prg::new(Seed([seed; 16])).tensor::<R>(value.shape());
    let component = |i: usize| match i % 3 {
        0 => random(7),
        1 => random(8),
        _ => value.sub(&random(7)).unwrap().sub(&random(8)).unwrap(),
    };
    Share::new(replicated::Share::new(component(role), component(role + 1)), Past::default())
}

impl Opens for Malicious {
    fn close<R: Ring>(party: &Party, value: &Tensor<R>) -> crate::Result<Share<R>> {
        Ok(close(party.role().unwrap_or(0), value))
    }

    async fn open<R: Ring>(party: &Party, x: &Share<R>) -> crate::Result<Tensor<R>> {
        Ok(reveal(party, Some(x), party.roles(), x.shape()).await?.expect("all read"))
    }

    async fn open_bits(party: &Party, x: &BitShare) -> crate::Result<Tensor<bool>> {
        Ok(reveal_bits(party, Some(x), party.roles(), x.shape()).await?.expect("all read"))
    }
}

#[test]
fn the_verified_scheme_conforms() {
    let mut world = World::with_seed(12);
    for count in [6, 131] {
        world.run(async |p| suite::<Malicious, u64>(&p, count).await.unwrap());
        world.run(async |p| suite::<Malicious, u128>(&p, count).await.unwrap());
    }
}

fn products<R: Ring>() {
    let tensor = |shape: &[usize], seed| Prg::new(Seed([seed; 16])).tensor::<R>(shape);
    let shapes: [(&[usize], &[usize]); 6] = [
        (&[5, 7], &[7, 3]),
        (&[4], &[4]),
        (&[4], &[4, 3]),
        (&[2, 4], &[4]),
        (&[2, 5, 7], &[7, 3]),
        (&[3, 1, 2, 4], &[2, 4, 2]),
    ];
    let mut world = World::with_seed(3);
    for (left, right) in shapes {
        let (x, y) = (tensor(left, 1), tensor(right, 2));
        let opened = world.run(async |p| {
            let role = p.role().unwrap();
            let z = matmul(&p, &close(role, &x), &close(role, &y)).await.unwrap();
            Malicious::open(&p, &z).await.unwrap()
        });
        assert!(opened.iter().all(|z| *z == plain_matmul(&x, &y).unwrap()), "{left:?} by {right:?}");
    }
    let x = tensor(&[3000], 1);
    let opened = world.run(async |p| {
        let s = close(p.role().unwrap(), &x);
        Malicious::open(&p, &mul(&p, &s, &s).await.unwrap()).await.unwrap()
    });
    assert!(opened.iter().all(|z| *z == x.mul(&x).unwrap()));
}

#[test]
fn products_of_all_shapes_are_verified() {
    products::<u64>();
    products::<u128>();
}

#[test]
fn outsiders_share_and_read() {
    let mut world = World::with_players(11, 5);
    let x = Tensor::<u128>::from_fn([4, 2], |i| i as u128 * 77);
    let bits = x.map(|x| x % 2 == 1);
    let (dealer, reader) = (PlayerId(3), PlayerId(4));
    let out = world.run(async |p| {
        let (me, to) = (p.me(), [reader, PlayerId(1)]);
        let (mut shared, mut shared_bits) = (None, None);
        if me != reader {
            shared = share(&p, dealer, (me == dealer).then_some(&x), &[4, 2]).await.unwrap();
            shared_bits = share_bits(&p, dealer, (me == dealer).then_some(&bits), &[4, 2]).await.unwrap();
        }
        if me == dealer {
            return (None, None);
        }
        let p = p.narrow("reveal");
        let value = reveal(&p, shared.as_ref(), &to, &[4, 2]).await.unwrap();
        (value, reveal_bits(&p, shared_bits.as_ref(), &to, &[4, 2]).await.unwrap())
    });
    for (i, (value, revealed)) in out.into_iter().enumerate() {
        assert!(value == [1, 4].contains(&i).then(|| x.clone()));
        assert!(revealed == [1, 4].contains(&i).then(|| bits.clone()));
    }
}

#[test]
fn what_is_verified_is_forgotten() {
    let mut world = World::with_seed(4);
    let x = Tensor::<u64>::from_fn([40], |i| i as u64);
    world.run(async |p| {
        let s = close(p.role().unwrap(), &x);
        let (first, second) = (mul(&p, &s, &s).await.unwrap(), mul(&p, &s, &s).await.unwrap());
        assert!(s.past().is_empty() && !first.past().is_empty());
        first.past().verified().await.unwrap();
        second.past().verified().await.unwrap();
        assert!(first.past().and(second.past()).is_empty());
    });
}

/// Rounds, and the bytes that the player which sends most sends, of a kernel and its check.
fn measured<T: HasPast>(
    shape: &[usize],
    kernel: impl AsyncFn(&Party, &Share<u64>) -> crate::Result<T>,
) -> (u32, usize) {
    let mut world = World::with_seed(1);
    let x = Tensor::<u64>::from_fn(shape, |i| i as u64 * 77);
    world.run(async |p| {
        let result = kernel(&p, &close(p.role().unwrap(), &x)).await.unwrap();
        result.depends_on().verified().await.unwrap();
    });
    (world.rounds(), world.bytes().into_iter().max().unwrap_or(0))
}

trait HasPast {
    fn depends_on(&self) -> &Past;
}

impl HasPast for Share<u64> {
    fn depends_on(&self) -> &Past {
        self.past()
    }
}

impl HasPast for BitShare {
    fn depends_on(&self) -> &Past {
        self.past()
    }
}

#[test]
fn checks_cost_what_is_said_of_them() {
    // Semi-honest: 1 round and 131,072 bytes; 1 and 32,768; 7 and 77,824; 2 and 65,536.
    let elementwise = measured(&[1 << 14], async |p, x| mul(p, x, x).await);
    let matrices = measured(&[64, 64], async |p, x| matmul(p, x, x).await);
    let signs = measured(&[1 << 12], async |p, x| msb(p, x).await);
    let truncated = measured(&[1 << 12], async |p, x| mul_fixed(p, x, x, 16).await);
    let limits = |low, high| Limits::new(low, high).expect("not every element");
    let held = |x: &Share<u64>, p: &Party, limits| {
        within(p, x.clone(), limits, Promise { owner: PlayerId(0), value: "x".into(), range: "its range".into() })
    };
    let one_sign = measured(&[1 << 12], async |p, x| Ok(held(x, p, limits(-(1 << 62), (1 << 62) - 1))));
    let two_signs = measured(&[1 << 12], async |p, x| Ok(held(x, p, limits(0, 1 << 40))));
    assert!(one_sign.0 <= 27 && one_sign.1 <= 130_100, "{one_sign:?}");
    assert!(two_signs.0 <= 28 && two_signs.1 <= 260_100, "{two_signs:?}");
    assert!(elementwise.0 <= 15 && elementwise.1 <= 190_000, "{elementwise:?}");
    assert!(matrices.0 <= 9 && matrices.1 <= 55_000, "{matrices:?}");
    assert!(signs.0 <= 26 && signs.1 <= 130_000, "{signs:?}");
    assert!(truncated.0 <= 23 && truncated.1 <= 260_000, "{truncated:?}");
}
