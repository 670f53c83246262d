//! Fast forms, in Z_2^64 and with fewer bits than the precise ones.
//!
//! Functions with a symmetry are a polynomial of degree 6 of |x|, up to where what they tend to is near enough; the
//! coefficients minimise the largest error. Exponential and reciprocal go as the precise forms do, with 20 and 28 fraction
//! bits instead of 62. In Z_2^128 a fast form computes in Z_2^64 too, but that of the exponential and the reciprocal is the
//! precise one.
//!
//! Errors are absolute unless said otherwise; units are in the last place.

use algebra::{Ring, Tensor};
use futures::future::try_join;

use super::exponential::exp as precise_exp;
use super::fold::{Folded, limited};
use super::reciprocal as precise_reciprocal;
use super::wide::{Width, chosen_product, constant, exponent_bits, power};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// Fraction bits of |x| in relation to the scale, and of coefficients.
const G: u32 = 20;
const H: u32 = 16;

/// A function of z ≥ 0: up to `limit` a polynomial of `z / 2^scale`, from there on what it tends to.
struct Piece {
    limit: f64,
    scale: u32,
    coefficients: [f64; 7],
    beyond: f64,
}

/// σ(z) - 1/2 within 5.7e-4, and 9.2e-4 beyond.
const LOGISTIC: Piece = Piece {
    limit: 7.0,
    scale: 3,
    coefficients: [0.0, 2.023327636, -0.171985116, -13.321214015, 30.356071844, -27.686977399, 9.340158258],
    beyond: 0.5,
};

/// erf z within 4.7e-4.
const ERF: Piece = Piece {
    limit: 2.5,
    scale: 2,
    coefficients: [0.0, 4.462386261, 1.755035157, -43.783939735, 96.775254222, -85.238752729, 26.445662039],
    beyond: 1.0,
};

/// -z·Φ(-z) within 7e-4, and 8.2e-4 beyond.
const GELU: Piece = Piece {
    limit: 3.5,
    scale: 2,
    coefficients: [0.0, -2.041079963, 7.118049842, -3.641338092, -14.134496795, 21.572577853, -8.924538897],
    beyond: 0.0,
};

/// The same for the form by the hyperbolic tangent.
const GELU_TANH: Piece = Piece {
    limit: 3.5,
    scale: 2,
    coefficients: [0.0, -2.040451075, 7.116099418, -3.701326478, -13.867121790, 21.204424647, -8.760887920],
    beyond: 0.0,
};

/// ln(1 + e^-z) within 5.4e-4, and 9.2e-4 beyond.
const SOFTPLUS: Piece = Piece {
    limit: 7.0,
    scale: 3,
    coefficients: [0.693681757, -4.063196742, 9.195830650, -7.854536856, -2.785526531, 8.884646827, -4.101713321],
    beyond: 0.0,
};

/// `1 / (1 + e^-x)`, for every x. Error: 2 units plus 1e-3.
pub(super) async fn sigmoid<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let half = R::from_i128(constant(0.5, frac).cast_signed());
    odd::<S, R>(&party.enter("fast-sigmoid"), &LOGISTIC, x, frac).await?.plus_public(party, half)
}

/// `2·sigmoid(2·x) - 1`, for |x| < 2^(k-3) as an integer. Error: 4 units plus 2e-3.
pub(super) async fn tanh<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let two = R::from_u64(2);
    odd::<S, R>(&party.enter("fast-tanh"), &LOGISTIC, &x.times(two)?, frac).await?.times(two)
}

/// The error function, for every x. Error: 2 units plus 6e-4.
pub(super) async fn erf<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    odd::<S, R>(&party.enter("fast-erf"), &ERF, x, frac).await
}

/// The Gaussian error linear unit in either form, for every x. Error: 2 units plus 1e-3.
pub(super) async fn gelu<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    tanh: bool,
    frac: u32,
) -> Result<S::Num<R>> {
    let piece = if tanh { &GELU_TANH } else { &GELU };
    ramp::<S, R>(&party.enter("fast-gelu"), piece, x, frac).await
}

/// `ln(1 + e^x)`, for every x. Error: 2 units plus 1e-3.
pub(super) async fn softplus<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    ramp::<S, R>(&party.enter("fast-softplus"), &SOFTPLUS, x, frac).await
}

/// The piece at |x|, with the sign of x.
async fn odd<S: Scheme, R: Width>(party: &Party, piece: &Piece, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let x = Folded::<S, R>::of(party, x).await?;
    let (inside, apart) = at_size::<S, R>(party, piece, &x.size, frac).await?;
    let beyond = constant(piece.beyond, FINE) as u64;
    let value = S::signed_choice(party, (&x.negative, &inside), &apart, beyond, FINE - kept(frac)).await?;
    scaled::<S, R>(party, value, frac).await
}

/// The greater of x and 0, and the piece at |x|.
async fn ramp<S: Scheme, R: Width>(party: &Party, piece: &Piece, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let x = Folded::<S, R>::of(party, x).await?;
    let (inside, apart) = at_size::<S, R>(party, piece, &x.size, frac).await?;
    let beyond = constant(piece.beyond, FINE) as u64;
    let chosen = S::mul_bit(party, &inside, &apart).await?.plus_public(party, beyond)?;
    let value = S::truncate(party, &chosen, FINE - kept(frac)).await?;
    x.positive()?.plus(&scaled::<S, R>(party, value, frac).await?)
}

/// Fraction bits of a piece's polynomial before it is truncated.
const FINE: u32 = 2 * G + H;

/// Fraction bits that are left of it: no more than Z_2^64 has room for.
fn kept(frac: u32) -> u32 {
    frac.min(30)
}

/// What is left of a piece, with `frac` fraction bits.
async fn scaled<S: Scheme, R: Width>(party: &Party, value: S::Num<u64>, frac: u32) -> Result<S::Num<R>> {
    R::widened::<S>(party, value).await?.times(R::ONE.wshl(frac - kept(frac)))
}

/// Of a piece at z ≥ 0: whether z is below its limit, and the polynomial less what it tends to, in Z_2^64 with [`FINE`]
/// fraction bits. Beyond the limit that is some number.
async fn at_size<S: Scheme, R: Width>(
    party: &Party,
    piece: &Piece,
    z: &S::Num<R>,
    frac: u32,
) -> Result<(S::Bit, S::Num<u64>)> {
    let limit = R::from_i128(constant(piece.limit, frac).cast_signed());
    let limit = S::Num::<R>::public(party, &Tensor::scalar(limit))?;
    let parts = (party.narrow("inside"), party.narrow("value"));
    let both = try_join(S::less(&parts.0, z, &limit, Order::Slack), polynomial::<S, R>(&parts.1, piece, z, frac));
    let (inside, value) = both.await?;
    drop(parts);
    Ok((inside, value.plus_public(party, (constant(piece.beyond, FINE) as u64).wneg())?))
}

/// The polynomial of a piece, in Z_2^64 with [`FINE`] fraction bits: 5 or 7 rounds.
async fn polynomial<S: Scheme, R: Width>(
    party: &Party,
    piece: &Piece,
    z: &S::Num<R>,
    frac: u32,
) -> Result<S::Num<u64>> {
    let t = match (frac + piece.scale).checked_sub(G) {
        Some(down) => S::truncate(party, z, down).await?,
        None => z.times(R::ONE.wshl(G - frac - piece.scale))?,
    };
    let t = R::narrow::<S>(&t);
    let square = S::mul_fixed(party, &t, &t, G).await?;
    let cube = S::mul_fixed(party, &square, &t, G).await?;
    let row = |c: &[f64]| {
        let term = |x: &S::Num<u64>, c: f64| x.times(constant(c, H) as u64);
        term(&t, c[0])?.plus(&term(&square, c[1])?)?.plus(&term(&cube, c[2])?)
    };
    let c = &piece.coefficients;
    let low = row(&c[1..4])?.plus_public(party, (constant(c[0], H) as u64).wshl(G))?;
    let high = S::mul(party, &cube, &row(&c[4..])?).await?;
    low.times(1 << G)?.plus(&high)
}

/// `e^x` in Z_2^64 with at most 28 fraction bits. Error: 2 units plus 2^-16 of the result; the greatest result is
/// 2^(30.9-f), and below half a unit it is 0 (or 1 unit).
pub(super) async fn exp<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    const FINE: u32 = 20;
    const MANTISSA: u32 = 28;
    if R::BITS > 64 || frac > 28 {
        return precise_exp::<S, R>(party, x, frac).await;
    }
    let party = party.enter("fast-exp");
    let up = frac + 1;
    let limit = |v: f64| R::from_i128(constant((v - f64::from(up)) * std::f64::consts::LN_2, frac).cast_signed());
    let x = limited::<S, R>(&party, x, Some(limit(0.9)), Some(limit(31.9))).await?;
    let scaled = R::narrow::<S>(&x).times(constant(std::f64::consts::LOG2_E, FINE + 4) as u64)?;
    let v = S::truncate(&party, &scaled, frac + 4).await?.plus_public(&party, (u64::from(up) << FINE) + 1)?;
    let bits = S::bits(&party, &v, FINE as usize + 5).await?;
    let whole = <S::Bit as Logic>::join(&bits[FINE as usize..].iter().collect::<Vec<_>>(), |t| Tensor::stack(t, 0))?;
    let n = S::to_ring::<u64>(&party, &whole).await?;
    let mut column = vec![1; n.shape().len()];
    column[0] = 5;
    let weights = Tensor::from_fn([5], |i| 1u64 << (FINE + i as u32));
    let floor = S::Num::<u64>::join(&[&n], |t| t[0].mul(&weights.reshape(column.clone())?)?.sum_axes(&[0], false))?;
    let factors: Vec<u64> = (0..5).map(power).collect();
    let parts = (party.narrow("whole"), party.narrow("fraction"));
    let rest = v.minus(&floor)?;
    let fraction = mantissa::<S>(&parts.1, &rest, FINE, MANTISSA);
    let (whole, fraction) = try_join(chosen_product::<S, u64>(&parts.0, &n, &factors), fraction).await?;
    drop(parts);
    let value = S::mul_fixed(&party, &whole, &fraction, MANTISSA + up - frac).await?;
    R::widened::<S>(&party, value).await
}

/// `2^r` for r in [0, 1] with `fine` fraction bits, by a polynomial that errs by less than 3.8e-6.
async fn mantissa<S: Scheme>(party: &Party, r: &S::Num<u64>, fine: u32, kept: u32) -> Result<S::Num<u64>> {
    const C: [f64; 5] =
        [1.0000037007845266, 0.6929661584489983, 0.24163836265138045, 0.05169040907732649, 0.013697668252135378];
    let square = S::mul_fixed(party, r, r, fine).await?;
    let term = |x: &S::Num<u64>, c: f64| x.times(constant(c, fine) as u64);
    let low = term(r, C[1])?.plus(&term(&square, C[2])?)?.plus_public(party, (constant(C[0], fine) as u64) << fine)?;
    let high = S::mul(party, &square, &term(r, C[3])?.plus(&term(&square, C[4])?)?).await?;
    S::truncate(party, &low.times(1 << fine)?.plus(&high)?, 3 * fine - kept).await
}

/// `1 / y` in Z_2^64, for 2^(f-33) ≤ |y| < 2^(f-1). Error: 2 units plus 2^-24 of the result.
pub(super) async fn reciprocal<S: Scheme, R: Width>(party: &Party, y: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    const FINE: u32 = 28;
    if R::BITS > 64 {
        return precise_reciprocal::<S, R>(party, y, frac).await;
    }
    let party = party.enter("fast-reciprocal");
    let y = R::narrow::<S>(y);
    let bits = exponent_bits::<S>(&party, &y).await?;
    let factors: Vec<u64> = std::iter::once(1u64.wneg()).chain((0..6).map(power)).collect();
    // y·c in [2^61, 2^62] with the sign taken off, then in [1/2, 1] with 28 fraction bits.
    let c = chosen_product::<S, u64>(&party, &bits, &factors).await?;
    let normal = S::truncate(&party, &S::mul(&party, &y, &c).await?, 62 - FINE).await?;
    let line = S::truncate(&party, &normal.times(constant(32.0 / 17.0, 30) as u64)?, 30).await?;
    let mut w = line.public_minus(&party, constant(48.0 / 17.0, FINE) as u64)?;
    // Goldschmidt's iteration, until e⁸ < 2^-32.
    let mut e = S::mul_fixed(&party, &normal, &w, FINE).await?.public_minus(&party, 1 << FINE)?;
    for _ in 0..2 {
        let left = S::Num::<u64>::stack(&[&w, &e])?;
        let products = S::mul_fixed(&party, &left, &S::Num::<u64>::stack(&[&e, &e])?, FINE).await?;
        (w, e) = (w.plus(&products.row(0)?)?, products.row(1)?);
    }
    w = w.plus(&S::mul_fixed(&party, &w, &e, FINE).await?)?;
    // 2^(2·frac)/Y = w·c·2^(2·frac - 62) with 28 bits taken off; c is divided exactly.
    let power = S::truncate(&party, &c, 62 - 2 * frac).await?;
    let value = S::mul_fixed(&party, &w, &power, FINE).await?;
    R::widened::<S>(&party, value).await
}
