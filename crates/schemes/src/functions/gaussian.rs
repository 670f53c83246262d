//! The error function, and the Gaussian error linear unit.
//!
//! `erf z = z·P(z²)` for 0 ≤ z < √32, beyond which it is 1 within 2^-49. P is a polynomial of degree 31 in `z²/16 - 1`, by
//! interpolation at the zeros of a Chebyshev polynomial; it errs by less than 2^-44.
//!
//! Units are in the last place.

use super::fold::{Folded, limited};
use super::logistic::decay;
use super::polynomial::polynomial;
use super::wide::{Q, Width, constant};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// Fraction bits of operands and of the polynomial: three bits less than elsewhere, for operands up to 8.
const P: u32 = 58;

/// The error function, for every x. Error: 2 units plus 2^-42.
pub async fn erf<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("erf");
    let x = Folded::<S, R>::of(&party, x).await?;
    let z = operand::<S, R>(&party, &x.size, frac, 5.65).await?;
    let factor = over_z::<S>(&party, &z, 4, 1.0).await?;
    let value = R::from_wide::<S>(S::mul_fixed(&party, &z, &factor, 2 * P - frac).await?);
    x.odd(&party, value).await
}

/// `x·(1 + erf(x/√2))/2`, for every x. Error: 2 units plus 2^-39.
pub async fn gelu<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("gelu");
    let x = Folded::<S, R>::of(&party, x).await?;
    let z = operand::<S, R>(&party, &x.size, frac, 7.99).await?;
    // The tail Φ(-z) = 1/2 - erf(z/√2)/2: what relu(x) is too large by is z times that.
    let factor = over_z::<S>(&party, &z, 5, std::f64::consts::FRAC_1_SQRT_2 / 2.0).await?;
    let tail = S::mul_fixed(&party, &z, &factor, P).await?.public_minus(&party, 1 << (P - 1))?;
    let less = S::mul_fixed(&party, &z, &tail, 2 * P - frac).await?;
    x.positive()?.minus(&R::from_wide::<S>(less))
}

/// `x·σ(2·√(2/π)·(x + 0.044715·x³))`, for every x (Hendrycks and Gimpel 2016). Error: 2 units plus 2^-39.
pub async fn gelu_tanh<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("gelu-tanh");
    let x = Folded::<S, R>::of(&party, x).await?;
    let z = operand::<S, R>(&party, &x.size, frac, 7.99).await?;
    let factor = 2.0 * std::f64::consts::FRAC_2_PI.sqrt();
    let square = S::mul_fixed(&party, &z, &z, P).await?;
    let slope = S::truncate(&party, &square.times(constant(-0.044_715 * factor, Q - 2))?, Q - 2).await?;
    let slope = slope.plus_public(&party, constant(-factor, P))?;
    let inner = S::mul_fixed(&party, &z, &slope, P).await?;
    // The tail σ(-a) = e/(1 + e) with e = exp(-a).
    let e = decay::<S, u128>(&party, &inner, P).await?;
    let tail = super::logistic::inverse_of_one_plus::<S>(&party, &e).await?.public_minus(&party, 1 << Q)?;
    let less = S::mul_fixed(&party, &z, &tail, P + Q - frac).await?;
    x.positive()?.minus(&R::from_wide::<S>(less))
}

/// |x|, limited to a real number, with 58 fraction bits.
async fn operand<S: Scheme, R: Width>(party: &Party, size: &S::Num<R>, frac: u32, most: f64) -> Result<S::Num<u128>> {
    let most = R::from_i128(constant(most, frac).cast_signed());
    let z = R::wide::<S>(party, &limited::<S, R>(party, size, None, Some(most)).await?).await?;
    if frac > P { S::truncate(party, &z, frac - P).await } else { z.times(1 << (P - frac)) }
}

/// `scale·erf(z)/z` as a polynomial in `z²/2^by - 1`.
async fn over_z<S: Scheme>(party: &Party, z: &S::Num<u128>, by: u32, scale: f64) -> Result<S::Num<u128>> {
    let w = S::mul_fixed(party, z, z, P + by).await?.plus_public(party, (1u128 << P).wrapping_neg())?;
    let coefficients: Vec<f64> = ERF_OVER_Z.iter().map(|c| scale * c).collect();
    polynomial::<S>(party, &w, &coefficients, P).await
}

/// `erf(z)/z` in powers of `z²/16 - 1`, lowest first.
#[rustfmt::skip]
const ERF_OVER_Z: [f64; 32] = [
    0.24999999614567542, -0.12499993458174134, 0.09374944301238033, -0.078121826875028,
    0.06834576221703109, -0.061476511981347126, 0.056261019550482905, -0.05203100851320741,
    0.04835608714271533, -0.04491842063346141, 0.04147318627552998, -0.03783677536055308,
    0.033907005876301355, -0.029748406325865062, 0.02551071077490974, -0.021091851997084632,
    0.016567492171589038, -0.013014987308679338, 0.010665479210274498, -0.007378911796877219,
    0.0034464653126633493, -0.0028065721890015993, 0.004134259463171475, -0.0020806081010960042,
    -0.0010146487038582563, 0.00021912361262366176, 0.001453552395105362, -0.0006158549804240465,
    -0.00040273647755384445, 0.00015516392886638641, 0.0001248568296432495, -5.385279655456543e-5,
];
