//! Division.
//!
//! The divisor is brought into [1/2, 1] by a power of two from its leading one, its reciprocal is found by Goldschmidt's
//! iteration (Goldschmidt 1964; in secret sharing Catrina and Saxena 2010, section 3.4) with 62 fraction bits, and the
//! dividend is multiplied before the power of two is undone, so that the error is that of the quotient's last place.
//!
//! Domain: |x|, |y|, |x/y| < 2^62 as integers, y ≠ 0. For y = 0 the result is some number. Error: at most 2 units in the
//! last place plus |x/y|·2^-56.

use algebra::{Ring, Tensor};

use super::wide::{Q, Width, chosen_product, constant, exponent_bits, power};
use crate::error::Result;
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
    quotient::<S, R>(party, &one, &inverse, frac).await
}

/// `x / n` for a public whole number `n > 0`, within 2 units in the last place. 2 rounds if `n` is a power of two, else 2,
/// and 2 more in Z_2^64.
pub async fn divide_public<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, n: u64) -> Result<S::Num<R>> {
    if n.is_power_of_two() {
        return S::truncate(party, x, n.ilog2()).await;
    }
    let inverse = ((1u128 << Q) + u128::from(n / 2)) / u128::from(n);
    let product = R::wide::<S>(party, x).await?.times(inverse)?;
    Ok(R::from_wide::<S>(S::truncate(party, &product, Q).await?))
}

/// `1 / y = w·c·2^-62`: w has 62 fraction bits and lies in [1, 2], c is a power of two with the sign of y.
struct Inverse<N> {
    w: N,
    c: N,
}

async fn inverse<S: Scheme, R: Width>(party: &Party, y: &S::Num<R>) -> Result<Inverse<S::Num<u128>>> {
    let y = R::narrow::<S>(y);
    let bits = exponent_bits::<S>(party, &y).await?;
    let factors: Vec<u64> = std::iter::once(1u64.wneg()).chain((0..6).map(power)).collect();
    let c = chosen_product::<S, u64>(party, &bits, &factors).await?;
    let normal = S::mul(party, &y, &c).await?;
    let both = S::widen(party, &S::Num::<u64>::stack(&[&normal, &c])?).await?;
    Ok(Inverse { w: near_one::<S>(party, &both.row(0)?).await?, c: both.row(1)? })
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

/// x·w·c·2^(frac-62): first x·w with `frac` spare bits, then the power of two.
async fn quotient<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<u128>,
    inverse: &Inverse<S::Num<u128>>,
    frac: u32,
) -> Result<S::Num<R>> {
    let scaled = S::mul_fixed(party, x, &inverse.w, Q - frac).await?;
    Ok(R::from_wide::<S>(S::mul_fixed(party, &scaled, &inverse.c, Q).await?))
}
