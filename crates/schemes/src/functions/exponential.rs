//! Exponentials, logarithms and powers.
//!
//! `2^v = 2^n·2^r` with `n + r = v`, 0 ≤ r < 1: the bits of `n` choose factors of a power of two, and `2^r` is a
//! polynomial (a Taylor expansion about 1/2, of degree 15). The logarithm is that of a normalised operand, by the series
//! of the inverse hyperbolic tangent in `(y - a)/(y + a)`, a = √½.
//!
//! What is too large for a result is the greatest one, 2^(61.9-f), in either ring, and what is too small is 0. The
//! logarithm of a number that is not positive is that of the least positive one.
//!
//! Errors are given with each function: units are in the last place.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E, SQRT_2};

use algebra::{Ring, Tensor};

use super::divide::{near_one, reciprocal};
use super::fold::limited;
use super::polynomial::polynomial;
use super::root::{Normal, inverse_sqrt, sqrt};
use super::wide::{Q, Width, chosen_product, constant, power};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// Fraction bits of exponents, which are below 2^6.
const E: u32 = 55;
/// Coefficients of a polynomial.
const TERMS: usize = 16;
/// The greatest exponent, raised.
const MOST: f64 = 63.9;

/// `e^x`. Error where e^x < 2^(61.9-f): 2 units plus 2^-44 of the result; 0 (or 1 unit) where e^x is below half a unit.
pub async fn exp<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    raised::<S, R>(&party.enter("exp"), x, frac, LOG2_E).await
}

/// `2^x`. Domain and error of [`exp`].
pub async fn exp2<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    raised::<S, R>(&party.enter("exp2"), x, frac, 1.0).await
}

/// `2^(x·factor)`.
async fn raised<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32, factor: f64) -> Result<S::Num<R>> {
    // x·factor is raised by `up`, and x limited so that the sum stays above 0.8, where the result is less than half a
    // unit, and below 64.
    let up = frac + 2;
    let limit = |v: f64| Some(R::from_i128(constant((v - f64::from(up)) / factor, frac).cast_signed()));
    let x = limited::<S, R>(party, x, limit(0.9), limit(MOST)).await?;
    let v = exponents::<S, R>(party, &x, frac, factor, up).await?;
    // 2^v·2^(frac - up) = 2^v / 4, and the mantissa has 62 fraction bits.
    Ok(R::from_wide::<S>(power_of_two::<S>(party, &v, Q + 2).await?))
}

/// `x^y` for x > 0. Error where the result is below 2^(61.9-f): 2 units plus (1 + |y|)·2^-44 of the result.
pub async fn power_of<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    y: &S::Num<R>,
    frac: u32,
) -> Result<S::Num<R>> {
    let party = party.enter("power");
    let (base, exponent) = (party.narrow("base"), party.narrow("exponent"));
    let log = fine_log::<S, R>(&base, x, frac, LOG2_E);
    let (log, y) = futures::future::try_join(log, R::wide::<S>(&exponent, y)).await?;
    drop((base, exponent));
    let log = S::truncate(&party, &log, Q - E).await?;
    let v = S::mul_fixed(&party, &y, &log, frac).await?;
    at_exponents::<S, R>(&party, &v, frac).await
}

/// `x^p` for a public number p. Whole p up to 64 in size: for every x, with the error of ⌈log2 |p|⌉ to twice as many
/// products, of the reciprocal if p < 0; p = ±1/2: that of a root. Else as [`power_of`].
pub async fn power_public<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, p: f64, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("power");
    if p.fract() == 0.0 && p.abs() <= 64.0 {
        if p > -1.0 {
            return whole_power::<S, R>(&party, x, p as u32, frac).await;
        }
        // First the inverse: a power of what is below 1 may be less than a unit, and then has none.
        let inverse = reciprocal::<S, R>(&party, x, frac).await?;
        return whole_power::<S, R>(&party, &inverse, p.abs() as u32, frac).await;
    }
    if p == 0.5 {
        return sqrt::<S, R>(&party, x, frac).await;
    }
    if p == -0.5 {
        return inverse_sqrt::<S, R>(&party, x, frac).await;
    }
    let log = S::truncate(&party, &fine_log::<S, R>(&party, x, frac, LOG2_E).await?, Q - E).await?;
    // As many fraction bits as leave the product, below 2^(6+55+…), its room.
    let fine = 60u32.saturating_sub(p.abs().max(1.0).log2().ceil() as u32);
    let v = S::truncate(&party, &log.times(constant(p, fine))?, fine).await?;
    at_exponents::<S, R>(&party, &v, frac).await
}

/// By squaring: at most two products for each bit of p.
async fn whole_power<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, p: u32, frac: u32) -> Result<S::Num<R>> {
    let Some(top) = p.checked_ilog2() else {
        // x^0 = 1, in the shape of x.
        return x.times(R::ZERO)?.plus_public(party, R::ONE.wshl(frac));
    };
    let mut result = x.clone();
    for bit in (0..top).rev() {
        result = S::mul_fixed(party, &result, &result, frac).await?;
        if p >> bit & 1 == 1 {
            result = S::mul_fixed(party, &result, x, frac).await?;
        }
    }
    Ok(result)
}

/// `2^v` for v with 55 fraction bits.
async fn at_exponents<S: Scheme, R: Width>(party: &Party, v: &S::Num<u128>, frac: u32) -> Result<S::Num<R>> {
    let v = v.plus_public(party, u128::from(frac + 2) << E)?;
    let v = limited::<S, u128>(party, &v, Some(constant(0.9, E)), Some(constant(MOST, E))).await?;
    Ok(R::from_wide::<S>(power_of_two::<S>(party, &v, Q + 2).await?))
}

/// The natural logarithm, for 0 < x < 2^62 as an integer. Error: 2 units plus 2^-44.
pub async fn log<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    positive_log::<S, R>(&party.enter("log"), x, frac, 1.0).await
}

/// The logarithm to base 2. Domain and error of [`log`].
pub async fn log2<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    positive_log::<S, R>(&party.enter("log2"), x, frac, LOG2_E).await
}

/// `ln x·factor`, or that of one unit where x is less.
async fn positive_log<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32, factor: f64) -> Result<S::Num<R>> {
    let one = S::Num::<R>::public(party, &Tensor::scalar(R::ONE))?;
    let parts = (party.narrow("sign"), party.narrow("log"));
    let outside = S::less(&parts.0, x, &one, Order::Slack);
    let log = fine_log::<S, R>(&parts.1, x, frac, factor);
    let (outside, log) = futures::future::try_join(outside, log).await?;
    drop(parts);
    let log = R::from_wide::<S>(S::truncate(party, &log, Q - frac).await?);
    let least = R::from_i128(constant(-f64::from(frac) * LN_2 * factor, frac).cast_signed());
    S::mul_bit(party, &outside, &log.public_minus(party, least)?).await?.plus(&log)
}

/// `ln x·factor` with 62 fraction bits, for x > 0.
pub(super) async fn fine_log<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    frac: u32,
    factor: f64,
) -> Result<S::Num<u128>> {
    let normal = Normal::of::<S, R>(party, x).await?;
    let mut fine = log_near_one::<S>(party, &normal.y).await?;
    if factor != 1.0 {
        fine = S::truncate(party, &fine.times(constant(factor, Q - 2))?, Q - 2).await?;
    }
    // ln x = ln y + (62 - d - frac)·ln 2.
    let unit = constant(LN_2 * factor, Q);
    let weights = Tensor::from_fn([6], |i| unit.wshl(i as u32));
    let mut column = vec![1; normal.d.shape().len()];
    column[0] = 6;
    let d = S::Num::<u128>::join(&[&normal.d], |t| t[0].mul(&weights.reshape(column.clone())?)?.sum_axes(&[0], false))?;
    fine.minus(&d)?.plus_public(party, unit.wmul(u128::from(Q - frac)))
}

/// `ln y` for y in [1/2, 1], both with 62 fraction bits.
pub(super) async fn log_near_one<S: Scheme>(party: &Party, y: &S::Num<u128>) -> Result<S::Num<u128>> {
    let a = constant(FRAC_1_SQRT_2, Q);
    let half = S::truncate(party, &y.plus_public(party, a)?, 1).await?;
    let w = near_one::<S>(party, &half).await?;
    // w = 2/(y + a), so the truncation takes one bit more.
    let z = S::mul_fixed(party, &y.plus_public(party, a.wneg())?, &w, Q + 1).await?;
    let square = S::mul_fixed(party, &z, &z, Q).await?;
    let odd: Vec<f64> = (0..TERMS).map(|i| 2.0 / (2 * i + 1) as f64).collect();
    let series = polynomial::<S>(party, &square, &odd, Q).await?;
    // ln y = ln(y/a) - ln(2)/2.
    S::mul_fixed(party, &z, &series, Q).await?.plus_public(party, (constant(LN_2, Q) / 2).wneg())
}

/// `x·factor + up`, with 55 fraction bits; must lie in [0, 64).
pub(super) async fn exponents<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    frac: u32,
    factor: f64,
    up: u32,
) -> Result<S::Num<u128>> {
    // The factor has 53 good bits; more fraction bits than it needs would only grow the product.
    let wide = R::wide::<S>(party, x).await?.times(constant(factor, 56))?;
    let v = S::truncate(party, &wide, 56 + frac - E).await?;
    // One unit up, so that truncation never leaves a number just below zero.
    v.plus_public(party, (u128::from(up) << E) + 1)
}

/// `2^v·2^(62-by)` for v in [0, 64) with 55 fraction bits; below 2^126 before the truncation by `by`.
pub(super) async fn power_of_two<S: Scheme>(party: &Party, v: &S::Num<u128>, by: u32) -> Result<S::Num<u128>> {
    let bits = S::bits(party, &S::lower(v), E as usize + 6).await?;
    let whole: Vec<&S::Bit> = bits[E as usize..].iter().collect();
    let stacked = <S::Bit as Logic>::join(&whole, |t| Tensor::stack(t, 0))?;
    let n = S::to_ring::<u128>(party, &stacked).await?;
    let mut column = vec![1; n.shape().len()];
    column[0] = 6;
    let weights = Tensor::from_fn([6], |i| 1u128 << (E + i as u32));
    let floor = S::Num::<u128>::join(&[&n], |t| t[0].mul(&weights.reshape(column.clone())?)?.sum_axes(&[0], false))?;
    // r - 1/2, with 62 fraction bits.
    let r = v.minus(&floor)?.plus_public(party, (1u128 << (E - 1)).wneg())?.times(1 << (Q - E))?;
    let mut term = SQRT_2;
    let mut taylor = Vec::with_capacity(TERMS);
    for i in 0..TERMS {
        taylor.push(term);
        term *= LN_2 / (i + 1) as f64;
    }
    let factors: Vec<u128> = (0..6).map(|i| u128::from(power(i))).collect();
    let parts = (party.enter("whole"), party.enter("fraction"));
    let product = chosen_product::<S, u128>(&parts.0, &n, &factors);
    let (whole, fraction) = futures::future::try_join(product, polynomial::<S>(&parts.1, &r, &taylor, Q)).await?;
    drop(parts);
    S::mul_fixed(party, &whole, &fraction, by).await
}
