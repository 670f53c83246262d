//! The common ground of real functions: Z_2^128, normalised operands, products of powers of two.

use std::future::Future;

use algebra::{Ring, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Exponent, Linear, Logic, Scheme};

/// Fraction bits of normalised numbers.
pub(super) const Q: u32 = 62;

/// A ring whose numbers can be worked on in Z_2^128.
pub trait Width: Ring {
    /// The number in Z_2^64, for |x| < 2^62. Free.
    fn narrow<S: Scheme>(x: &S::Num<Self>) -> S::Num<u64>;
    /// The number in Z_2^128, for |x| < 2^62. 2 rounds for Z_2^64, else free.
    fn wide<S: Scheme>(party: &Party, x: &S::Num<Self>) -> impl Future<Output = Result<S::Num<u128>>> + Send;
    /// The number in this ring. Free.
    fn from_wide<S: Scheme>(x: S::Num<u128>) -> S::Num<Self>;
    /// The number in this ring, for |x| < 2^62. Free for Z_2^64, else 2 rounds.
    fn widened<S: Scheme>(party: &Party, x: S::Num<u64>) -> impl Future<Output = Result<S::Num<Self>>> + Send;
}

impl Width for u64 {
    fn narrow<S: Scheme>(x: &S::Num<u64>) -> S::Num<u64> {
        x.clone()
    }

    async fn wide<S: Scheme>(party: &Party, x: &S::Num<u64>) -> Result<S::Num<u128>> {
        S::widen(party, x).await
    }

    fn from_wide<S: Scheme>(x: S::Num<u128>) -> S::Num<u64> {
        S::lower(&x)
    }

    async fn widened<S: Scheme>(_: &Party, x: S::Num<u64>) -> Result<S::Num<u64>> {
        Ok(x)
    }
}

impl Width for u128 {
    fn narrow<S: Scheme>(x: &S::Num<u128>) -> S::Num<u64> {
        S::lower(x)
    }

    async fn wide<S: Scheme>(_: &Party, x: &S::Num<u128>) -> Result<S::Num<u128>> {
        Ok(x.clone())
    }

    fn from_wide<S: Scheme>(x: S::Num<u128>) -> S::Num<u128> {
        x
    }

    async fn widened<S: Scheme>(party: &Party, x: S::Num<u64>) -> Result<S::Num<u128>> {
        S::widen(party, &x).await
    }
}

/// A real constant with `frac` fraction bits, |value| < 2^(126-frac).
pub(super) fn constant(value: f64, frac: u32) -> u128 {
    // Exact: the mantissa is shifted, never rounded a second time.
    let bits = value.abs().to_bits();
    let exponent = ((bits >> 52) as i32) - 1075 + frac.cast_signed();
    let mantissa = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let magnitude = match exponent {
        _ if value == 0.0 => 0,
        shift @ 0.. => mantissa << shift,
        shift => mantissa.checked_shr(shift.unsigned_abs() - 1).unwrap_or(0).div_ceil(2),
    };
    if value < 0.0 { magnitude.wrapping_neg() } else { magnitude }
}

/// Sign and exponent, as ring elements 0 or 1 along a new first axis: the sign, then the bits of `d`, lowest first.
pub(super) async fn exponent_bits<S: Scheme>(party: &Party, x: &S::Num<u64>) -> Result<S::Num<u64>> {
    let Exponent { sign, d } = S::exponent(party, x).await?;
    let bits: Vec<&S::Bit> = std::iter::once(&sign).chain(&d).collect();
    let stacked = <S::Bit as Logic>::join(&bits, |t| Tensor::stack(t, 0))?;
    S::to_ring(party, &stacked).await
}

/// The product over rows of `1 + bit·(factor - 1)`: of the factors whose bit is set. ⌈log2(rows)⌉ rounds.
pub(super) async fn chosen_product<S: Scheme, R: Ring>(
    party: &Party,
    bits: &S::Num<R>,
    factors: &[R],
) -> Result<S::Num<R>> {
    let mut column = vec![1; bits.shape().len()];
    column[0] = factors.len();
    let less_one = Tensor::new(column, factors.iter().map(|f| f.wsub(R::ONE)).collect())?;
    let mut rows = S::Num::<R>::join(&[bits], |t| t[0].mul(&less_one))?.plus_public(party, R::ONE)?;
    loop {
        let count = rows.shape()[0];
        if count == 1 {
            return rows.row(0);
        }
        let half = count / 2;
        let joined = S::mul(party, &rows.rows(0, half)?, &rows.rows(half, 2 * half)?).await?;
        rows = if count % 2 == 1 {
            let rest = rows.rows(count - 1, count)?;
            S::Num::<R>::join(&[&joined, &rest], |t| Tensor::concat(t, 0))?
        } else {
            joined
        };
    }
}

/// `x·f / 2^by` within one unit, for |x|, |x·f / 2^by| < 2^125 and |f|·2^by < 2^126: the product itself may overflow.
///
/// x is split at bit `by`; the upper part's product needs no truncation. 4 rounds.
pub(super) async fn mul_split<S: Scheme>(
    party: &Party,
    x: &S::Num<u128>,
    f: &S::Num<u128>,
    by: u32,
) -> Result<S::Num<u128>> {
    let party = party.enter("split");
    let upper = S::truncate(&party, x, by).await?;
    let lower = x.minus(&upper.times(1 << by)?)?;
    let parts = (party.narrow("upper"), party.narrow("lower"));
    let products =
        futures::future::try_join(S::mul(&parts.0, &upper, f), S::mul_fixed(&parts.1, &lower, f, by)).await?;
    products.0.plus(&products.1)
}

/// 2^(2^i).
pub(super) fn power(i: usize) -> u64 {
    1u64.wrapping_shl(1 << i)
}
