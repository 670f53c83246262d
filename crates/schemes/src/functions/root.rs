//! Square roots.
//!
//! The operand is brought into [1/2, 1) by a power of two, Goldschmidt's iteration (Markstein 2004) gives the root and
//! its inverse together with 62 fraction bits, and half of the power is undone, with a factor of √2 if it is odd.
//!
//! Domain: 0 ≤ x < 2^62 in Z_2^64 and 0 ≤ x < 2^87 in Z_2^128, as integers (0 < x for the inverse); for negative x the
//! result is some number. Error: at most 2 units in the last place plus 2^-50 of the result, or 2^-35 of it for x > 2^61.

use algebra::{Ring, Tensor};

use super::wide::{Q, Width, chosen_product, constant, exponent_bits, power};
use super::window::{SHIFT, Window, lowered};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// `√x` with `frac` fraction bits.
pub async fn sqrt<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let Window { x, large } = Window::<S, R>::of(party, x).await?;
    let normal = Normal::of::<S, R>(party, &x).await?;
    // With d' = 63 - d, √x·2^frac = √y·2^((frac - 1 + d')/2).
    let turned = normal.d.public_minus(party, 1)?;
    let (root, _) = iterate::<S>(party, &normal.y).await?;
    let shift = (f64::from(frac) - 1.0) / 2.0;
    let Some(large) = large else { return scale::<S, R>(party, &root, &turned, shift).await };
    // Roots of large operands are wanted 2^13 times as large: as many more bits of all, as long as they stay below 2^64.
    let more = (66u32.saturating_sub(frac) / 2).min(SHIFT / 2);
    let root = scale::<S, R>(party, &root, &turned, shift + f64::from(more)).await?;
    let small = S::truncate(party, &root, more).await?;
    S::select(party, &large, &root.times(R::ONE.wshl(SHIFT / 2 - more))?, &small).await
}

/// `1/√x` with `frac` fraction bits.
pub async fn inverse_sqrt<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    // 2^frac/√(x/2^frac).
    inverse_root::<S, R>(party, x, 1.5 * f64::from(frac)).await
}

/// `2^shift/√x` for x as an integer.
pub(super) async fn inverse_root<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, shift: f64) -> Result<S::Num<R>> {
    let Window { x, large } = Window::<S, R>::of(party, x).await?;
    let normal = Normal::of::<S, R>(party, &x).await?;
    let (_, half) = iterate::<S>(party, &normal.y).await?;
    // 2^shift/√x = 1/√y·2^(shift - 31 + d/2).
    let inverse = scale::<S, R>(party, &half.times(2)?, &normal.d, shift - 31.0).await?;
    lowered::<S, R>(party, large.as_ref(), inverse, SHIFT / 2).await
}

/// `y = x·2^d` in [2^61, 2^62), and the bits of d along a new first axis.
pub(super) struct Normal<N> {
    pub(super) y: N,
    pub(super) d: N,
}

impl<N> Normal<N> {
    pub(super) async fn of<S: Scheme<Num<u128> = N>, R: Width>(party: &Party, x: &S::Num<R>) -> Result<Self>
    where
        N: Linear<u128>,
    {
        let x = R::narrow::<S>(x);
        let bits = exponent_bits::<S>(party, &x).await?;
        let d = bits.rows(1, 7)?;
        let factors: Vec<u64> = (0..6).map(power).collect();
        let c = chosen_product::<S, u64>(party, &d, &factors).await?;
        let y = S::mul::<u64>(party, &x, &c).await?;
        let whole = S::Num::<u64>::join(&[&y], |t| t[0].expand_dims(0))?;
        let both = S::Num::<u64>::join(&[&whole, &d], |t| Tensor::concat(t, 0))?;
        let wide = S::widen(party, &both).await?;
        Ok(Self { y: wide.row(0)?, d: wide.rows(1, 7)? })
    }
}

/// √y and 1/(2√y) for y in [1/2, 1], with 62 fraction bits. 20 rounds.
async fn iterate<S: Scheme>(party: &Party, y: &S::Num<u128>) -> Result<(S::Num<u128>, S::Num<u128>)> {
    // A line that errs by at most 2 % of 1/√y.
    let slope = S::truncate(party, &y.times(constant(0.809_986_854_2, Q))?, Q).await?;
    let start = slope.public_minus(party, constant(1.787_727_479, Q))?;
    let mut g = S::mul_fixed(party, y, &start, Q).await?;
    let mut h = S::truncate(party, &start, 1).await?;
    for _ in 0..4 {
        let rest = S::mul_fixed(party, &g, &h, Q).await?.public_minus(party, 1 << (Q - 1))?;
        let both = S::Num::<u128>::stack(&[&g, &h])?;
        let steps = S::mul_fixed(party, &both, &rest, Q).await?;
        (g, h) = (g.plus(&steps.row(0)?)?, h.plus(&steps.row(1)?)?);
    }
    Ok((g, h))
}

/// `x·2^(e/2 + shift)`, where the rows of `bits` are those of e and x has 62 fraction bits that are taken off.
async fn scale<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<u128>,
    bits: &S::Num<u128>,
    shift: f64,
) -> Result<S::Num<R>> {
    // The constant factor, with as many fraction bits as make it almost 2^60.
    let spare = 59 - shift.ceil() as i32;
    let factor = shift.exp2();
    let unit = constant(factor, spare.unsigned_abs());
    let odd = constant(factor * std::f64::consts::SQRT_2, spare.unsigned_abs());
    let base = bits.row(0)?.times(odd.wsub(unit))?.plus_public(party, unit)?;
    let whole: Vec<u128> = (0..5).map(|i| u128::from(power(i))).collect();
    let evens = bits.rows(1, 6)?;
    let party = party.enter("scale");
    let (half, rest) = (party.narrow("base"), party.narrow("power"));
    let (based, power) = futures::future::try_join(
        S::mul_fixed(&half, x, &base, spare.unsigned_abs()),
        chosen_product::<S, u128>(&rest, &evens, &whole),
    )
    .await?;
    drop((half, rest));
    Ok(R::from_wide::<S>(S::mul_fixed(&party, &based, &power, Q).await?))
}
