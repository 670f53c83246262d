//! The exponential and its relatives.
//!
//! `e^x = 2^n·2^r` with `n + r = x·log2(e)`, 0 ≤ r < 1: the bits of `n` choose factors of a power of two, and `2^r` is a
//! polynomial (a Taylor expansion about 1/2, of degree 15), by Estrin's scheme (1960) in few rounds. The logarithm is that
//! of a normalised operand, by the series of the inverse hyperbolic tangent in `(y - a)/(y + a)`, a = √½.
//!
//! Errors are given with each function: units are in the last place.

use algebra::{Ring, Tensor};

use super::divide::near_one;
use super::root::Normal;
use super::wide::{Q, Width, chosen_product, constant, power};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// Fraction bits of exponents, which are below 2^6.
const E: u32 = 55;
/// Coefficients of a polynomial.
const TERMS: usize = 16;

/// `e^x`, for e^x·2^frac < 2^61. Error: 2 units plus 2^-44 of the result; 0 (or 1 unit) where e^x is below half a unit.
pub async fn exp<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("exp");
    // x·log2(e) is raised by `up`, and x limited from below so that the sum stays above 0.8: there e^x is less than
    // half a unit.
    let up = frac + 2;
    let least = constant((0.9 - f64::from(up)) * std::f64::consts::LN_2, frac);
    let limit = S::Num::<R>::public(&party, &Tensor::scalar(R::from_i128(least.cast_signed())))?;
    let low = S::less(&party, x, &limit, Order::Slack).await?;
    let x = S::select(&party, &low, &limit, x).await?;
    let v = exponents::<S, R>(&party, &x, frac, up).await?;
    // 2^v·2^(frac - up) = 2^v / 4, and the mantissa has 62 fraction bits.
    Ok(R::from_wide::<S>(power_of_two::<S>(&party, &v, Q + 2).await?))
}

/// `1 / (1 + e^-x)`. Error: 2 units.
pub async fn sigmoid<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("sigmoid");
    let zero = S::Num::<R>::public(&party, &Tensor::scalar(R::ZERO))?;
    let negative = S::less(&party, x, &zero, Order::Slack).await?;
    // -|x|, limited to what e^-|x| can tell apart from zero.
    let turned = S::mul_bit(&party, &negative, x).await?.times(R::from_u64(2))?.minus(x)?;
    let least = constant(-43.5, frac);
    let limit = S::Num::<R>::public(&party, &Tensor::scalar(R::from_i128(least.cast_signed())))?;
    let low = S::less(&party, &turned, &limit, Order::Slack).await?;
    let turned = S::select(&party, &low, &limit, &turned).await?;
    let v = exponents::<S, R>(&party, &turned, frac, 63).await?;
    let e = power_of_two::<S>(&party, &v, 63).await?;
    // 1/(1 + e) = w/2, where w is the inverse of (1 + e)/2, which is in [1/2, 1].
    let half = S::truncate(&party, &e.plus_public(&party, 1 << Q)?, 1).await?;
    let w = near_one::<S>(&party, &half).await?;
    let positive = R::from_wide::<S>(S::truncate(&party, &w, Q + 1 - frac).await?);
    // For negative x one less that.
    let other = positive.times(R::from_u64(2))?.public_minus(&party, R::ONE.wshl(frac))?;
    S::mul_bit(&party, &negative, &other).await?.plus(&positive)
}

/// The hyperbolic tangent, `2·sigmoid(2·x) - 1`, for |x| < 2^61 as an integer. Error: 4 units.
pub async fn tanh<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let two = R::from_u64(2);
    let s = sigmoid::<S, R>(party, &x.times(two)?, frac).await?;
    s.times(two)?.plus_public(party, R::ONE.wshl(frac).wneg())
}

/// The natural logarithm, for 0 < x; for other x the result is some number. Error: 2 units plus 2^-44.
pub async fn log<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("log");
    let normal = Normal::of::<S, R>(&party, x).await?;
    let a = constant(std::f64::consts::FRAC_1_SQRT_2, Q);
    let half = S::truncate(&party, &normal.y.plus_public(&party, a)?, 1).await?;
    let w = near_one::<S>(&party, &half).await?;
    // w = 2/(y + a), so the truncation takes one bit more.
    let z = S::mul_fixed(&party, &normal.y.plus_public(&party, a.wneg())?, &w, Q + 1).await?;
    let square = S::mul_fixed(&party, &z, &z, Q).await?;
    let odd: Vec<f64> = (0..TERMS).map(|i| 2.0 / (2 * i + 1) as f64).collect();
    let series = polynomial::<S>(&party, &square, &odd).await?;
    let fine = S::mul_fixed(&party, &z, &series, Q).await?;
    // ln x = ln y + (62 - d - frac)·ln 2.
    let ln2 = constant(std::f64::consts::LN_2, Q);
    let weights = Tensor::from_fn([6], |i| ln2.wshl(i as u32));
    let mut column = vec![1; normal.d.shape().len()];
    column[0] = 6;
    let d = S::Num::<u128>::join(&[&normal.d], |t| t[0].mul(&weights.reshape(column.clone())?)?.sum_axes(&[0], false))?;
    let whole = ln2.wmul(u128::from(Q - frac)).wsub(ln2 / 2);
    let all = fine.minus(&d)?.plus_public(&party, whole)?;
    Ok(R::from_wide::<S>(S::truncate(&party, &all, Q - frac).await?))
}

/// `x·log2(e) + up`, with 55 fraction bits; must lie in [0, 64).
async fn exponents<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32, up: u32) -> Result<S::Num<u128>> {
    // The factor has 53 good bits; more fraction bits than it needs would only grow the product.
    let wide = R::wide::<S>(party, x).await?.times(constant(std::f64::consts::LOG2_E, 56))?;
    let v = S::truncate(party, &wide, 56 + frac - E).await?;
    // One unit up, so that truncation never leaves a number just below zero.
    v.plus_public(party, (u128::from(up) << E) + 1)
}

/// `2^v·2^(62-by)` for v in [0, 64) with 55 fraction bits; below 2^126 before the truncation by `by`.
async fn power_of_two<S: Scheme>(party: &Party, v: &S::Num<u128>, by: u32) -> Result<S::Num<u128>> {
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
    let mut term = std::f64::consts::SQRT_2;
    let mut taylor = Vec::with_capacity(TERMS);
    for i in 0..TERMS {
        taylor.push(term);
        term *= std::f64::consts::LN_2 / (i + 1) as f64;
    }
    let factors: Vec<u128> = (0..6).map(|i| u128::from(power(i))).collect();
    let parts = (party.enter("whole"), party.enter("fraction"));
    let product = chosen_product::<S, u128>(&parts.0, &n, &factors);
    let (whole, fraction) = futures::future::try_join(product, polynomial::<S>(&parts.1, &r, &taylor)).await?;
    drop(parts);
    S::mul_fixed(party, &whole, &fraction, by).await
}

/// A polynomial of 2^m coefficients, lowest first, |z| ≤ 1 with 62 fraction bits: 2·m rounds.
async fn polynomial<S: Scheme>(party: &Party, z: &S::Num<u128>, coefficients: &[f64]) -> Result<S::Num<u128>> {
    let linear = coefficients.chunks(2).map(|pair| {
        let slope = z.times(constant(pair[1], Q - 2))?;
        slope.plus_public(party, constant(pair[0], Q - 2) << Q)
    });
    let linear = linear.collect::<Result<Vec<_>>>()?;
    let rows = S::Num::<u128>::stack(&linear.iter().collect::<Vec<_>>())?;
    let parts = (party.enter("linear"), party.enter("square"));
    let rows = S::truncate(&parts.0, &rows, Q - 2);
    let (mut rows, mut z) = futures::future::try_join(rows, S::mul_fixed(&parts.1, z, z, Q)).await?;
    drop(parts);
    loop {
        let count = rows.shape()[0];
        if count == 1 {
            return rows.row(0);
        }
        let part = |start| S::Num::<u128>::join(&[&rows], |t| t[0].slice(0, start, count, 2));
        let (even, odd) = (part(0)?, part(1)?);
        // The next power of z is one row more of the same product.
        let left = S::Num::<u128>::join(&[&odd, &z], |t| Tensor::concat(&[t[0], &t[1].expand_dims(0)?], 0))?;
        let products = S::mul_fixed(party, &left, &z, Q).await?;
        rows = even.plus(&products.rows(0, count / 2)?)?;
        z = products.row(count / 2)?;
    }
}
