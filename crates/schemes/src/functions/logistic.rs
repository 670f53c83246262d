//! The logistic function and its relatives, from `e^-|x|`.
//!
//! Units are in the last place.

use super::divide::near_one;
use super::exponential::{exponents, log_near_one, power_of_two};
use super::fold::{Folded, limited};
use super::wide::{Q, Width, constant};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// `1 / (1 + e^-x)`, for every x. Error: 2 units.
pub async fn sigmoid<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("sigmoid");
    let x = Folded::<S, R>::of(&party, x).await?;
    let e = decay::<S, R>(&party, &x.size.times(R::ONE.wneg())?, frac).await?;
    let w = inverse_of_one_plus::<S>(&party, &e).await?;
    let positive = R::from_wide::<S>(S::truncate(&party, &w, Q - frac).await?);
    // For negative x one less that.
    let other = positive.times(R::from_u64(2))?.public_minus(&party, R::ONE.wshl(frac))?;
    S::mul_bit(&party, &x.negative, &other).await?.plus(&positive)
}

/// The hyperbolic tangent, `2·sigmoid(2·x) - 1`, for |x| < 2^(k-3) as an integer. Error: 4 units.
pub async fn tanh<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let two = R::from_u64(2);
    let s = sigmoid::<S, R>(party, &x.times(two)?, frac).await?;
    s.times(two)?.plus_public(party, R::ONE.wshl(frac).wneg())
}

/// `ln(1 + e^x)`, for every x: what is positive of x, and `ln(1 + e^-|x|)`. Error: 2 units plus 2^-44.
pub async fn softplus<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("softplus");
    let x = Folded::<S, R>::of(&party, x).await?;
    let e = decay::<S, R>(&party, &x.size.times(R::ONE.wneg())?, frac).await?;
    let half = S::truncate(&party, &e.plus_public(&party, 1 << Q)?, 1).await?;
    // ln(1 + e) = ln((1 + e)/2) + ln 2.
    let log = log_near_one::<S>(&party, &half).await?.plus_public(&party, constant(std::f64::consts::LN_2, Q))?;
    x.positive()?.plus(&R::from_wide::<S>(S::truncate(&party, &log, Q - frac).await?))
}

/// `e^x` for x ≤ 0, with 62 fraction bits; below -43.5 it is that of -43.5, which is below 2^-62.
pub(super) async fn decay<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<u128>> {
    let least = R::from_i128(constant(-43.5, frac).cast_signed());
    let x = limited::<S, R>(party, x, Some(least), None).await?;
    let v = exponents::<S, R>(party, &x, frac, std::f64::consts::LOG2_E, 63).await?;
    power_of_two::<S>(party, &v, 63).await
}

/// `1 / (1 + e)` for e in [0, 1], both with 62 fraction bits.
pub(super) async fn inverse_of_one_plus<S: Scheme>(party: &Party, e: &S::Num<u128>) -> Result<S::Num<u128>> {
    // 1/(1 + e) = w/2, where w is the inverse of (1 + e)/2, which is in [1/2, 1].
    let half = S::truncate(party, &e.plus_public(party, 1 << Q)?, 1).await?;
    S::truncate(party, &near_one::<S>(party, &half).await?, 1).await
}
