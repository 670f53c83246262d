//! Means, variances and norms, and what is normalised by them.

use super::divide::divide_public;
use super::reduce::joined;
use super::root::{inverse_root, sqrt};
use super::wide::{Width, constant};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// The mean over axes; the sum must be within the domain of [`divide_public`], whose error and cost (on the result) it has.
pub async fn mean<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    keep_dims: bool,
) -> Result<S::Num<R>> {
    let n = joined(x.shape(), axes)?;
    let sum = S::Num::<R>::join(&[x], |t| t[0].sum_axes(axes, keep_dims))?;
    divide_public::<S, R>(party, &sum, n).await
}

/// The variance over axes, with the count less `ddof` as divisor: the mean of the squared distances from the mean.
///
/// As real numbers with f fraction bits, in Z_2^128: distances below 2^(63-f), and the sum of their squares below 2^(125-f).
pub async fn variance<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    keep_dims: bool,
    ddof: u64,
    frac: u32,
) -> Result<S::Num<R>> {
    let n = joined(x.shape(), axes)?;
    let divisor =
        n.checked_sub(ddof).filter(|&d| d > 0).ok_or_else(|| Error::misuse("a variance of too few values"))?;
    let distance = x.minus(&mean::<S, R>(party, x, axes, true).await?)?;
    let squares = S::mul_fixed(party, &distance, &distance, frac).await?;
    let sum = S::Num::<R>::join(&[&squares], |t| t[0].sum_axes(axes, keep_dims))?;
    divide_public::<S, R>(party, &sum, divisor).await
}

/// The standard deviation: the root of the [`variance`], which must be in the domain of both.
pub async fn std<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    keep_dims: bool,
    ddof: u64,
    frac: u32,
) -> Result<S::Num<R>> {
    let variance = variance::<S, R>(party, x, axes, keep_dims, ddof, frac).await?;
    sqrt::<S, R>(party, &variance, frac).await
}

/// The Euclidean norm over axes. In Z_2^64 squares are summed exactly: norms below 2^(31-f), error 2 units. In Z_2^128
/// squares have f fraction bits: norms below 2^((87-f)/2), error as that of [`sqrt`] of a sum that is off by n units.
pub async fn norm<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    keep_dims: bool,
    frac: u32,
) -> Result<S::Num<R>> {
    joined(x.shape(), axes)?;
    let (squares, fine) = squares::<S, R>(party, x, frac).await?;
    let sum = S::Num::<R>::join(&[&squares], |t| t[0].sum_axes(axes, keep_dims))?;
    // With twice the fraction bits, the root of the integer is what is wanted.
    sqrt::<S, R>(party, &sum, 2 * frac - fine).await
}

/// Squares, with all their fraction bits in Z_2^64 and with `frac` of them in Z_2^128; and how many these are.
async fn squares<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<(S::Num<R>, u32)> {
    if R::BITS <= 64 {
        return Ok((S::mul(party, x, x).await?, 2 * frac));
    }
    Ok((S::mul_fixed(party, x, x, frac).await?, frac))
}

/// `(x - mean)/√(variance + epsilon)`, with the mean and variance over axes.
///
/// Domain in Z_2^64: a sum of squared distances below 2^(62-2f) as real numbers; in Z_2^128 a variance below 2^(87-f).
/// Error: that of the mean times the inverse root, and 2^-(f+6) of it for each distance, plus 2 units.
pub async fn normalise<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axes: &[usize],
    epsilon: f64,
    frac: u32,
) -> Result<S::Num<R>> {
    let party = party.enter("normalise");
    let n = joined(x.shape(), axes)?;
    let distance = x.minus(&mean::<S, R>(&party, x, axes, true).await?)?;
    let (squares, fine) = squares::<S, R>(&party, &distance, frac).await?;
    let sum = S::Num::<R>::join(&[&squares], |t| t[0].sum_axes(axes, true))?;
    let variance = divide_public::<S, R>(&party, &sum, n).await?;
    by_root::<S, R>(&party, &distance, &variance, fine, epsilon, frac).await
}

/// `(x - mean)/√(variance + epsilon)`, with a mean and a variance that are given, broadcast. Domain:
/// 0 < variance + epsilon < 2^(62-f) (in Z_2^128 2^(87-f)), and results below 2^(56-2f) (2^(120-2f)).
pub async fn normalise_by<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    [mean, variance]: [&S::Num<R>; 2],
    epsilon: f64,
    frac: u32,
) -> Result<S::Num<R>> {
    by_root::<S, R>(&party.enter("normalise"), &x.minus(mean)?, variance, frac, epsilon, frac).await
}

/// `distance/√(variance + epsilon)`, where the variance has `fine` fraction bits.
async fn by_root<S: Scheme, R: Width>(
    party: &Party,
    distance: &S::Num<R>,
    variance: &S::Num<R>,
    fine: u32,
    epsilon: f64,
    frac: u32,
) -> Result<S::Num<R>> {
    // At least one unit: where nothing varies, distances are zero.
    let least = R::from_i128(constant(epsilon, fine).max(1).cast_signed());
    let variance = variance.plus_public(party, least)?;
    // The inverse has more fraction bits than the result, as many as the product has room for.
    let more = (frac + 6).min(R::BITS - 8 - frac);
    let inverse = inverse_root::<S, R>(party, &variance, f64::from(more) + f64::from(fine) / 2.0).await?;
    S::mul_fixed(party, distance, &inverse, more).await
}
