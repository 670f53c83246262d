//! Division.
//!
//! The divisor is brought into [1/2, 1] by a power of two from its leading one, its reciprocal is found by Goldschmidt's
//! iteration (Goldschmidt 1964; in secret sharing Catrina and Saxena 2010, section 3.4) with 62 fraction bits, and the
//! dividend is multiplied before the power of two is undone, so that the error is that of the quotient's last place.
//!
//! Domain as integers, y ≠ 0: |x|, |y|, |x/y| < 2^62 in Z_2^64, where the error is at most 2 units in the last place plus
//! |x/y|·2^-56. In Z_2^128 with f fraction bits: |y| < 2^87, |x| < 2^(124-f), |x/y| < 2^125, or 2^99 for |y| > 2^61; the
//! error is the same for |y| ≤ 2^61, and 2 units plus |x/y|·2^-34 beyond. For y = 0 the result is some number.

use algebra::{Ring, Tensor};

use super::wide::{Q, Width, chosen_product, constant, exponent_bits, mul_split, power};
use super::window::{SHIFT, Window, lowered};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// `x / y` with `frac` fraction bits, broadcast.
pub async fn divide<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, y: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("divide");
    let (dividend, divisor) = (party.narrow("dividend"), party.narrow("divisor"));
    let (x, inverse) = futures::future::try_join(R::wide::<S>(&dividend, x), inverse::<S, R>(&divisor, y)).await?;
    // Both parts deepen the whole when they end.
    drop((dividend, divisor));
    quotient::<S, R>(&party, &x, &inverse, frac).await
}

/// `1 / y` with `frac` fraction bits.
pub async fn reciprocal<S: Scheme, R: Width>(party: &Party, y: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let one = S::Num::<u128>::public(party, &Tensor::scalar(1 << frac))?;
    let inverse = inverse::<S, R>(party, y).await?;
    // Never an overflow: 1 is small.
    let scaled = S::mul_fixed(party, &one, &inverse.w, Q - frac).await?;
    undo::<S, R>(party, &scaled, &inverse).await
}

/// `x / n` for a public whole number `n > 0`, within 2 units in the last place plus |x|·2^-63, for |x| < 2^62 in Z_2^64 and
/// |x| < 2^125 in Z_2^128 as integers. 2 rounds if `n` is a power of two, else 4.
pub async fn divide_public<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, n: u64) -> Result<S::Num<R>> {
    if n.is_power_of_two() {
        return S::truncate(party, x, n.ilog2()).await;
    }
    let inverse = ((1u128 << Q) + u128::from(n / 2)) / u128::from(n);
    let x = R::wide::<S>(party, x).await?;
    if R::BITS <= 64 {
        return Ok(R::from_wide::<S>(S::truncate(party, &x.times(inverse)?, Q).await?));
    }
    // Split, since x times the inverse may overflow: the product of the upper part is a multiple of 2^62.
    let upper = S::truncate(party, &x, Q).await?;
    let lower = x.minus(&upper.times(1 << Q)?)?;
    let quotient = S::truncate(party, &lower.times(inverse)?, Q).await?.plus(&upper.times(inverse)?)?;
    Ok(R::from_wide::<S>(quotient))
}

/// `x·c` for public real numbers c, broadcast: within 2 units in the last place plus |x|·2^-62 times the greatest |c|, for
/// |x|, |x·c| < 2^62 in Z_2^64 and 2^125 in Z_2^128 as integers, |c| < 2^62. A widening and a truncation in Z_2^64, two
/// truncations in Z_2^128; free and exact for whole numbers.
pub async fn scale<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, factors: &Tensor<f64>) -> Result<S::Num<R>> {
    let most = factors.data().iter().fold(0.0f64, |m, c| m.max(c.abs()));
    if !most.is_finite() || most >= f64::from(Q).exp2() {
        return Err(Error::misuse("a public factor is no number, or 2^62 or more in size"));
    }
    if factors.data().iter().all(|c| c.fract() == 0.0) {
        let whole = factors.map(|c| R::from_i128(*c as i128));
        return S::Num::<R>::join(&[x], |t| t[0].mul(&whole));
    }
    let party = party.enter("scale");
    // As many fraction bits as leave the greatest factor below 2^62; one that is no whole number is below 2^53.
    let fine = if most < 1.0 { Q } else { (Q - 1).saturating_sub(most.log2().floor() as u32).max(1) };
    let whole = factors.map(|c| constant(*c, fine));
    let times = |x: &S::Num<u128>| S::Num::<u128>::join(&[x], |t| t[0].mul(&whole));
    let x = R::wide::<S>(&party, x).await?;
    if R::BITS <= 64 {
        return Ok(R::from_wide::<S>(S::truncate(&party, &times(&x)?, fine).await?));
    }
    // Split, since the product may overflow: that of the upper part is a multiple of 2^fine.
    let upper = S::truncate(&party, &x, fine).await?;
    let lower = x.minus(&upper.times(1 << fine)?)?;
    let product = S::truncate(&party, &times(&lower)?, fine).await?.plus(&times(&upper)?)?;
    Ok(R::from_wide::<S>(product))
}

/// `1 / y = w·c·2^-62`: w has 62 fraction bits and lies in [1, 2], c is a power of two with the sign of y. Where y was
/// [large](Window), this is the inverse of what it was shifted to.
pub(super) struct Inverse<S: Scheme> {
    w: S::Num<u128>,
    c: S::Num<u128>,
    large: Option<S::Bit>,
}

pub(super) async fn inverse<S: Scheme, R: Width>(party: &Party, y: &S::Num<R>) -> Result<Inverse<S>> {
    let Window { x: y, large } = Window::<S, R>::of(party, y).await?;
    let y = R::narrow::<S>(&y);
    let bits = exponent_bits::<S>(party, &y).await?;
    let factors: Vec<u64> = std::iter::once(1u64.wneg()).chain((0..6).map(power)).collect();
    let c = chosen_product::<S, u64>(party, &bits, &factors).await?;
    let normal = S::mul(party, &y, &c).await?;
    let both = S::widen(party, &S::Num::<u64>::stack(&[&normal, &c])?).await?;
    Ok(Inverse { w: near_one::<S>(party, &both.row(0)?).await?, c: both.row(1)?, large })
}

/// `1 / y` for y in [1/2, 1], both with 62 fraction bits. 10 rounds.
pub(super) async fn near_one<S: Scheme>(party: &Party, y: &S::Num<u128>) -> Result<S::Num<u128>> {
    // The line through 48/17 - 32/17·y errs by at most 1/17, in relation to 1/y.
    let slope = S::truncate(party, &y.times(constant(32.0 / 17.0, 60))?, 60).await?;
    let mut w = slope.public_minus(party, constant(48.0 / 17.0, Q))?;
    // e = 1 - y·w; w·(1 + e)·(1 + e²)·(1 + e⁴)·(1 + e⁸) leaves e¹⁶ < 2^-65.
    let mut e = S::mul_fixed(party, y, &w, Q).await?.public_minus(party, 1 << Q)?;
    for last in [false, false, false, true] {
        if last {
            return w.plus(&S::mul_fixed(party, &w, &e, Q).await?);
        }
        let left = S::Num::<u128>::stack(&[&w, &e])?;
        let products = S::mul_fixed(party, &left, &S::Num::<u128>::stack(&[&e, &e])?, Q).await?;
        (w, e) = (w.plus(&products.row(0)?)?, products.row(1)?);
    }
    Ok(w)
}

/// `x·w·c·2^(frac-62)` where x, for which |x| < 2^62, has the fraction bits of a divisor that is not large.
pub(super) async fn scaled_quotient<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<u128>,
    inverse: &Inverse<S>,
    frac: u32,
) -> Result<S::Num<R>> {
    let scaled = S::mul_fixed(party, x, &inverse.w, Q - frac).await?;
    undo::<S, R>(party, &scaled, inverse).await
}

/// x·w·c·2^(frac-62): first x·w with `frac` spare bits, then the power of two.
async fn quotient<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<u128>,
    inverse: &Inverse<S>,
    frac: u32,
) -> Result<S::Num<R>> {
    if R::BITS <= 64 {
        return scaled_quotient::<S, R>(party, x, inverse, frac).await;
    }
    let scaled = mul_split::<S>(party, x, &inverse.w, Q - frac).await?;
    undo::<S, R>(party, &scaled, inverse).await
}

/// Undoes what brought the divisor into [1/2, 1]: the power of two, and the shift of large ones.
async fn undo<S: Scheme, R: Width>(party: &Party, scaled: &S::Num<u128>, inverse: &Inverse<S>) -> Result<S::Num<R>> {
    let Some(large) = &inverse.large else {
        return Ok(R::from_wide::<S>(S::mul_fixed(party, scaled, &inverse.c, Q).await?));
    };
    let normal = mul_split::<S>(party, scaled, &inverse.c, Q).await?;
    Ok(R::from_wide::<S>(lowered::<S, u128>(party, Some(large), normal, SHIFT).await?))
}
