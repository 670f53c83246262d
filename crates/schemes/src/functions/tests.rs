//! Functions over their domain, on the ideal scheme and on replicated shares.

use algebra::{Tensor, fixed};

use super::*;
use crate::ideal::Ideal;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};
use crate::replicated::{Order, Replicated, Seat, reveal};
use crate::testing::World;

/// Positive operands over the whole domain of fixed<k, frac>, from the least to the greatest.
fn domain(frac: u32) -> Vec<f64> {
    let unit = (-f64::from(frac)).exp2();
    let mut values = vec![unit, 2.0 * unit, 3.0 * unit, 1.0, 1.0 - unit, 1.0 + unit, 2.0, 0.5, 3.0, 100.0, 442.0];
    let top = 61 - frac.cast_signed();
    for e in -frac.cast_signed()..top {
        values.push(f64::from(e).exp2() * 1.378_123);
        values.push(f64::from(e).exp2());
    }
    values.iter().map(|v| (v / unit).round() * unit).collect()
}

/// Runs a function on real numbers, on both schemes, and hands the worse result of each element to a check.
macro_rules! on_both {
    ($ring:ty, $frac:expr, [$($x:expr),*], |$party:ident, $S:ident, $args:ident| $body:expr, $check:expr) => {{
        let inputs: Vec<Tensor<$ring>> = vec![$(Tensor::from_vec(fixed::encode_slice::<$ring>(&$x, $frac).unwrap())),*];
        async fn run<$S: Scheme>($party: &Party, $args: Vec<$S::Num<$ring>>) -> $S::Num<$ring> {
            $body.await.unwrap()
        }
        let mut world = World::with_seed(9);
        let ideal = world.run(async |p| if p.me().0 == 0 { Some(run::<Ideal>(&p, inputs.clone()).await) } else { None });
        let shared = world.run(async |p| {
            let args = inputs.iter().map(|x| {
                // Not a public value's sharing, whose zero components would hide faults.
                let role = Seat::of(&p).unwrap().role;
                let component = |i: usize| match i % 3 {
                    0 => x.map(|x| x.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                    1 => x.map(|x| x.wrapping_mul(0x1234_5678_9abc_def1) ^ 0x5555),
                    _ => {
                        let a = x.map(|x| x.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                        let b = x.map(|x| x.wrapping_mul(0x1234_5678_9abc_def1) ^ 0x5555);
                        x.sub(&a).unwrap().sub(&b).unwrap()
                    }
                };
                crate::replicated::Share::new(component(role), component(role + 1))
            });
            run::<Replicated>(&p, args.collect()).await
        });
        let rounds = world.rounds();
        let all = [0, 1, 2].map(net::PlayerId);
        let opened = world.run(async |p| {
            let s = &shared[p.me().index()];
            reveal(&p, Some(s), &all, s.shape()).await.unwrap().unwrap()
        });
        for result in [ideal[0].as_ref().unwrap(), &opened[0]] {
            for (i, z) in result.data().iter().enumerate() {
                ($check)(i, fixed::decode(*z, $frac));
            }
        }
        rounds
    }};
}

mod errors;
mod large;
mod rows;

macro_rules! real_functions {
    ($name:ident, $ring:ty, $frac:literal) => {
        #[test]
        fn $name() {
            let unit = (-f64::from($frac as u32)).exp2();
            let limit = f64::from(61 - $frac).exp2();
            let ys: Vec<f64> = domain($frac);
            let signed: Vec<f64> = ys.iter().enumerate().map(|(i, y)| if i % 2 == 0 { *y } else { -y }).collect();

            let small: Vec<f64> = signed.iter().copied().filter(|y| (1.0 / y).abs() < limit).collect();
            on_both!($ring, $frac, [small], |p, S, a| reciprocal::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                let exact = 1.0 / small[i];
                assert!((z - exact).abs() <= 2.0 * unit + exact.abs() * 2f64.powi(-50), "1/{} = {z}", small[i]);
            });
            let (mut xs, mut divisors) = (vec![], vec![]);
            for (i, x) in signed.iter().enumerate() {
                for y in signed.iter().skip(i % 7).step_by(7) {
                    if (x / y).abs() < limit {
                        xs.push(*x);
                        divisors.push(*y);
                    }
                }
            }
            on_both!(
                $ring,
                $frac,
                [xs, divisors],
                |p, S, a| divide::<S, $ring>(p, &a[0], &a[1], $frac),
                |i: usize, z: f64| {
                    let exact = xs[i] / divisors[i];
                    assert!(
                        (z - exact).abs() <= 2.0 * unit + exact.abs() * 2f64.powi(-50),
                        "{} / {} = {z}",
                        xs[i],
                        divisors[i]
                    );
                }
            );
            let mut squares = ys.clone();
            squares.push(0.0);
            on_both!($ring, $frac, [squares], |p, S, a| sqrt::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                let exact = squares[i].sqrt();
                assert!((z - exact).abs() <= 2.0 * unit + exact * 2f64.powi(-50), "√{} = {z}, not {exact}", squares[i]);
            });
            on_both!($ring, $frac, [ys], |p, S, a| inverse_sqrt::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                let exact = 1.0 / ys[i].sqrt();
                assert!((z - exact).abs() <= 2.0 * unit + exact * 2f64.powi(-48), "1/√{} = {z}, not {exact}", ys[i]);
            });
            on_both!($ring, $frac, [ys], |p, S, a| log::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                assert!((z - ys[i].ln()).abs() <= 2.0 * unit + 2f64.powi(-44), "ln {} = {z}", ys[i]);
            });
            let rounded = |x: f64| (x / unit).round() * unit;
            let mut line: Vec<f64> = (-400..=400).map(|i| rounded(f64::from(i) * 0.1003)).collect();
            line.extend([-limit + unit, limit / 2.0, -1000.0, 1000.0, unit, -unit]);
            line.retain(|x| x.abs() < limit);
            on_both!($ring, $frac, [line], |p, S, a| sigmoid::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                let exact = 1.0 / (1.0 + (-line[i]).exp());
                assert!((z - exact).abs() <= 2.0 * unit, "sigmoid({}) = {z}, not {exact}", line[i]);
            });
            let half: Vec<f64> = line.iter().map(|x| rounded(x / 2.0)).collect();
            on_both!($ring, $frac, [half], |p, S, a| tanh::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                assert!((z - half[i].tanh()).abs() <= 4.0 * unit, "tanh({}) = {z}", half[i]);
            });
            let most = f64::from(60 - $frac) * std::f64::consts::LN_2;
            let exponents: Vec<f64> = line.iter().copied().filter(|x| *x < most).collect();
            on_both!($ring, $frac, [exponents], |p, S, a| exp::<S, $ring>(p, &a[0], $frac), |i: usize, z: f64| {
                let exact = exponents[i].exp();
                let bound = 2.0 * unit + exact * 2f64.powi(-44);
                assert!((z - exact).abs() <= bound, "exp({}) = {z}, not {exact}", exponents[i]);
            });
            let few: Vec<f64> = (0..7).map(|i| f64::from(i * i) - 11.5).collect();
            let mean_exact = few.iter().sum::<f64>() / 7.0;
            on_both!($ring, $frac, [few], |p, S, a| mean::<S, $ring>(p, &a[0], &[0], true), |_, z: f64| {
                assert!((z - mean_exact).abs() <= 2.0 * unit);
            });
            let var = few.iter().map(|x| (x - mean_exact).powi(2)).sum::<f64>() / 6.0;
            on_both!(
                $ring,
                $frac,
                [few],
                |p, S, a| variance::<S, $ring>(p, &a[0], &[0], true, 1, $frac),
                |_, z: f64| {
                    assert!((z - var).abs() <= 100.0 * unit, "{z} {var}");
                }
            );
            on_both!(
                $ring,
                $frac,
                [few],
                |p, S, a| extreme::<S, $ring>(p, &a[0], &[0], true, Extreme::Greatest, Order::Slack),
                |_, z: f64| assert!(z == 24.5)
            );
        }
    };
}

real_functions!(fixed_64_16, u64, 16);
real_functions!(fixed_64_20, u64, 20);
real_functions!(fixed_128_40, u128, 40);

#[test]
fn the_first_of_equal_extremes_is_found() {
    let mut world = World::with_seed(4);
    let x = Tensor::new([5, 2], vec![3u64, 9, 7, 9, 7, 1, 2, 1, 7, 9]).unwrap();
    let out = world.run(async |p| {
        let x = crate::replicated::Share::public(p.role().unwrap(), &x);
        let most = argument::<Replicated, u64>(&p, &x, 0, Extreme::Greatest, Order::Signed).await.unwrap();
        let least = argument::<Replicated, u64>(&p, &x, 0, Extreme::Least, Order::Signed).await.unwrap();
        let both = Linear::stack(&[&most, &least]).unwrap();
        reveal(&p, Some(&both), &[p.roles()[0]], &[2, 2]).await.unwrap()
    });
    assert_eq!(out[0].as_ref().unwrap().data(), [1, 0, 3, 2]);
}
