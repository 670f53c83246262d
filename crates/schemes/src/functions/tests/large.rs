//! Numbers of Z_2^128 beyond 2^62 as integers, up to the bounds that the functions state.

use super::*;

/// Logarithmically spaced from 1e-6 to 1e12, both signs in turn if asked for, and the edges of the window.
fn spaced(frac: u32, signed: bool) -> Vec<f64> {
    let unit = (-f64::from(frac)).exp2();
    let edge = f64::from(61 - frac).exp2();
    let mut values: Vec<f64> = (-24..=48).map(|i| 10f64.powf(f64::from(i) / 4.0)).collect();
    values.extend([edge, edge - unit, edge + unit, edge * 2.0, edge * 2.0 - unit, edge * 4.0 + unit]);
    let turn = |i: usize| if signed && i % 2 == 1 { -1.0 } else { 1.0 };
    values.iter().enumerate().map(|(i, v)| turn(i) * (v / unit).round() * unit).collect()
}

fn close(z: f64, exact: f64, unit: f64, what: &str) {
    assert!((z - exact).abs() <= 2.0 * unit + exact.abs() * 2f64.powi(-34), "{what}: {z}, not {exact}");
}

macro_rules! large_numbers {
    ($name:ident, $frac:literal) => {
        mod $name {
            use super::*;

            const UNIT: f64 = 1.0 / (1u64 << $frac) as f64;

            #[test]
            fn roots_and_reciprocals() {
                let xs = spaced($frac, false);
                on_both!(u128, $frac, [xs], |p, S, a| sqrt::<S, u128>(p, &a[0], $frac), |i: usize, z: f64| {
                    close(z, xs[i].sqrt(), UNIT, &format!("√{}", xs[i]));
                });
                on_both!(u128, $frac, [xs], |p, S, a| inverse_sqrt::<S, u128>(p, &a[0], $frac), |i: usize, z: f64| {
                    close(z, 1.0 / xs[i].sqrt(), UNIT, &format!("1/√{}", xs[i]));
                });
                let ys = spaced($frac, true);
                on_both!(u128, $frac, [ys], |p, S, a| reciprocal::<S, u128>(p, &a[0], $frac), |i: usize, z: f64| {
                    close(z, 1.0 / ys[i], UNIT, &format!("1/{}", ys[i]));
                });
            }

            #[test]
            fn quotients() {
                let values = spaced($frac, true);
                let (mut xs, mut ys) = (vec![], vec![]);
                for (i, x) in values.iter().enumerate() {
                    for y in values.iter().skip(i % 5).step_by(5) {
                        xs.push(*x);
                        ys.push(*y);
                    }
                }
                on_both!(u128, $frac, [xs, ys], |p, S, a| divide::<S, u128>(p, &a[0], &a[1], $frac), |i: usize, z| {
                    close(z, xs[i] / ys[i], UNIT, &format!("{} / {}", xs[i], ys[i]));
                });
            }

            #[test]
            fn moments() {
                for size in [1e5, 1e7] {
                    let x: Vec<f64> = (0..23).map(|i| size * (f64::from(i * i % 23) - 7.25) / 16.0).collect();
                    let mean_exact = x.iter().sum::<f64>() / 23.0;
                    let var = x.iter().map(|x| (x - mean_exact).powi(2)).sum::<f64>() / 22.0;
                    on_both!(u128, $frac, [x], |p, S, a| mean::<S, u128>(p, &a[0], &[0], true), |_, z| {
                        close(z, mean_exact, UNIT, "mean");
                    });
                    on_both!(
                        u128,
                        $frac,
                        [x],
                        |p, S, a| variance::<S, u128>(p, &a[0], &[0], true, 1, $frac),
                        |_, z| {
                            close(z, var, UNIT * size, "variance");
                        }
                    );
                    on_both!(u128, $frac, [x], |p, S, a| std::<S, u128>(p, &a[0], &[0], true, 1, $frac), |_, z| {
                        close(z, var.sqrt(), UNIT * 8.0, "deviation");
                    });
                }
            }

            #[test]
            fn public_divisors() {
                const N: u64 = 999_999;
                // Close to the greatest numbers of the ring.
                let top = f64::from(124 - $frac).exp2();
                let x: Vec<f64> = [top, -top, top / 3.0, 1e12, -1e9, 7.0, -UNIT].to_vec();
                on_both!(u128, $frac, [x], |p, S, a| divide_public::<S, u128>(p, &a[0], N), |i: usize, z: f64| {
                    close(z, x[i] / N as f64, UNIT, &format!("{} / {N}", x[i]));
                });
            }
        }
    };
}

large_numbers!(frac_24, 24);
large_numbers!(frac_40, 40);
