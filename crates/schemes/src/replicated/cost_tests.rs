//! Stated costs against measured ones, independence of messages from secrets, and masks that never repeat.

use algebra::{Ring, Tensor};

use super::*;
use crate::cost::{Cost, Kernel};
use crate::functions::{Sorts, digit_width};
use crate::primitives::Rearrange;
use crate::testing::World;

/// Runs a kernel on shares of a public tensor and measures it.
fn measured<R: Ring, T>(count: usize, kernel: impl AsyncFn(&Party, &Share<R>) -> Result<T>) -> Cost {
    measured_in(World::with_seed(count as u64), count, kernel)
}

/// As [`measured`], in a world of one's choice.
fn measured_in<R: Ring, T>(
    mut world: World,
    count: usize,
    kernel: impl AsyncFn(&Party, &Share<R>) -> Result<T>,
) -> Cost {
    let x = Tensor::<R>::from_fn([count], |i| R::from_u64(i as u64 * 77));
    world.run(async |p| {
        let share = Share::public(p.role().unwrap(), &x);
        kernel(&p, &share).await.unwrap();
    });
    let bytes = world.bytes();
    Cost { rounds: world.rounds(), bytes: [bytes[0], bytes[1], bytes[2]] }
}

fn stated<R: Ring>() {
    for count in [1, 64, 100] {
        let cost = |kernel: Kernel| kernel.cost(R::BITS, count);
        let bit = |p: &Party| BitShare::public(p.role().unwrap(), [count], &algebra::Bits::ones(count));
        assert_eq!(measured::<R, _>(count, async |p, x| mul(p, x, x).await), cost(Kernel::Multiply));
        for by in [1, 16, 20, 40] {
            let truncated = measured::<R, _>(count, async |p, x| mul_fixed(p, x, x, by).await);
            assert_eq!(truncated, cost(Kernel::MultiplyTruncate { by }));
            assert_eq!(measured::<R, _>(count, async |p, x| truncate(p, x, by).await), cost(Kernel::Truncate { by }));
        }
        for (c, bits) in [(0.5, 1), (-3.25, 2), (1.0 / 1024.0, 10), (0.3, 54), (1e-30, 152)] {
            let factor = Tensor::scalar(Factor::of(c).unwrap());
            assert_eq!(measured::<R, _>(count, async |p, x| scale(p, x, &factor).await), cost(Kernel::Scale { bits }));
        }
        assert_eq!(measured::<R, _>(count, async |p, x| msb(p, x).await), cost(Kernel::Msb));
        assert_eq!(measured::<R, _>(count, async |p, x| is_zero(p, x).await), cost(Kernel::IsZero));
        // One kernel's last message need not lie on the next one's critical path.
        let (relu, bound) = (measured::<R, _>(count, async |p, x| relu(p, x).await), cost(Kernel::Relu));
        assert!(relu.rounds <= bound.rounds && relu.bytes == bound.bytes, "{relu:?} against {bound:?}");
        for width in [1, 2, 7, 61, 64] {
            let bits = measured::<R, _>(count, async |p, x| decompose(p, x, width).await);
            assert_eq!(bits, cost(Kernel::Decompose { width }), "{width} bits");
        }
        assert_eq!(measured::<R, _>(count, async |p, _| to_ring::<R>(p, &bit(p)).await), cost(Kernel::ToRing));
        assert_eq!(measured::<R, _>(count, async |p, x| mul_bit(p, &bit(p), x).await), cost(Kernel::MultiplyBit));
        for by in [1, 16, 40] {
            let chosen = async |p: &Party, x: &Share<R>| signed_choice(p, (&bit(p), &bit(p)), x, R::ONE, by).await;
            assert_eq!(measured::<R, _>(count, async |p, x| chosen(p, x).await), cost(Kernel::SignedChoice { by }));
        }
        let and = measured::<R, _>(count, async |p, _| and_bits(p, &bit(p), &bit(p)).await);
        assert_eq!(and, cost(Kernel::And { width: 1 }));
        assert_eq!(measured::<R, _>(count, async |p, x| Replicated::open(p, x).await), cost(Kernel::Open));
        for back in [false, true] {
            let order = |p: &Party| permutation(p, count).unwrap();
            let rows = measured::<R, _>(count, async |p, x| shuffle(p, &order(p), x, back).await);
            assert_eq!(rows, cost(Kernel::Shuffle));
            let bits = measured::<R, _>(count, async |p, _| shuffle_bits(p, &order(p), &bit(p), back).await);
            assert_eq!(bits, cost(Kernel::ShuffleBits));
        }
    }
}

#[test]
fn sorting_costs_what_it_states() {
    fn hold<R: Ring>(order: Order, width: usize) {
        for (count, distant) in [(1, false), (64, false), (100, false), (1, true), (100, true), (3000, true)] {
            let world = if distant { World::distant(3) } else { World::with_seed(3) };
            let found = measured_in::<R, _>(world, count, async |p, x| Replicated::sort(p, x, order, false).await);
            let digit = digit_width(distant, count, width);
            let bound = Kernel::Sort { width, digit }.cost(R::BITS, count);
            // As with other compositions, rounds may be fewer.
            assert!(found.bytes == bound.bytes && found.rounds <= bound.rounds, "{found:?} against {bound:?}");
            assert!(5 * found.rounds >= 4 * bound.rounds, "{found:?} against {bound:?}");
        }
    }
    hold::<u64>(Order::Slack, 63);
    hold::<u64>(Order::Signed, 64);
    hold::<u128>(Order::Slack, 127);
}

#[test]
fn kernels_cost_what_they_state() {
    stated::<u64>();
    stated::<u128>();
    let wide = measured::<u64, _>(9, async |p, x| widen(p, x).await);
    assert_eq!(wide, Kernel::Widen.cost(64, 9));
}

/// Every message of every kernel must look uniform whatever the secret is: over many lanes, each bit position is set
/// about half of the time. (Fixed keys: the outcome is the same in every run.)
#[test]
fn messages_look_uniform_whatever_the_secret() {
    const LANES: usize = 4096;
    for secret in [0u64, u64::MAX, 1, 1 << 61, 0x5555_5555_5555_5555] {
        let mut world = World::with_seed(secret);
        let x = Tensor::full([LANES], secret);
        world.run(async |p| {
            let s = Share::public(p.role().unwrap(), &x);
            let (a, b, c, d) = (p.narrow("a"), p.narrow("b"), p.narrow("c"), p.narrow("d"));
            mul_fixed(&a, &s, &s, 16).await.unwrap();
            scale(&a, &s, &Tensor::scalar(Factor::of(0.3).unwrap())).await.unwrap();
            let sign = relu(&b, &s).await.unwrap();
            decompose(&c, &sign, 64).await.unwrap();
            widen(&d, &s).await.unwrap();
            let sign = msb(&p, &s).await.unwrap();
            signed_choice(&p, (&sign, &sign), &s, 1, 20).await.unwrap();
            is_zero(&p, &s).await.unwrap();
        });
        for message in world.sent() {
            let ones: u32 = message.payload.iter().map(|b| b.count_ones()).sum();
            let bits = message.payload.len() as f64 * 8.0;
            let deviation = (f64::from(ones) - bits / 2.0).abs() / (bits.sqrt() / 2.0);
            assert!(deviation < 5.0, "{deviation:.1} standard deviations from uniform, for secret {secret:#x}");
        }
    }
}

#[test]
#[cfg(debug_assertions)]
fn no_mask_repeats_between_operators_iterations_or_runs() {
    let used = |seed: u64| {
        let mut world = World::with_seed(seed);
        let x = Tensor::full([5], 3u64);
        for _ in 0..3 {
            world.run(async |p| {
                let s = Share::public(p.role().unwrap(), &x);
                for _ in 0..2 {
                    relu(&p, &mul_fixed(&p, &s, &s, 16).await.unwrap()).await.unwrap();
                }
            });
        }
        [0, 1, 2].map(|i| world.context(i).keys().used())
    };
    let (first, second) = (used(1), used(2));
    for (a, b) in first.iter().zip(&second) {
        assert!(!a.is_empty() && a.is_disjoint(b), "a stream is used in both runs");
    }
}

#[test]
fn a_message_of_the_wrong_length_names_its_sender() {
    let mut world = World::with_seed(8);
    world.intercept(|sent| (sent.from.0 == 1).then(|| sent.payload.slice(1..)));
    let x = Tensor::full([5], 3u64);
    let out = world.run(async |p| {
        let s = Share::public(p.role().unwrap(), &x);
        mul(&p, &s, &s).await.err()
    });
    let error = out[0].as_ref().unwrap();
    assert_eq!((error.code(), &*error.player().unwrap().name), ("scheme.peer-misbehaved", "P1"));
}
