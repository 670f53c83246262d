//! Operands beyond 2^62 in Z_2^128: shifted down where they are large, so that the cores of real functions, which
//! normalise in Z_2^64, see numbers below 2^61.

use algebra::{Ring, Tensor};

use super::fold::bit_row;
use super::wide::Width;
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// How far large operands are shifted. Even, since roots undo half of it.
pub(super) const SHIFT: u32 = 26;

/// Operands from 2^61 are large.
const LARGE: u32 = 61;

/// An operand |x| < 2^87, and where it was large: there it is x / 2^26, with an error below 2^-35 of x. An operand of
/// Z_2^64 is never large.
pub(super) struct Window<S: Scheme, R: Ring> {
    pub(super) x: S::Num<R>,
    pub(super) large: Option<S::Bit>,
}

impl<S: Scheme, R: Width> Window<S, R> {
    /// A comparison of two elements and a choice for each in Z_2^128; free in Z_2^64.
    pub(super) async fn of(party: &Party, x: &S::Num<R>) -> Result<Self> {
        if R::BITS <= 64 {
            return Ok(Self { x: x.clone(), large: None });
        }
        let party = party.enter("window");
        let (size, shift) = (party.narrow("size"), party.narrow("shift"));
        let (large, shifted) =
            futures::future::try_join(is_large::<S, R>(&size, x), S::truncate(&shift, x, SHIFT)).await?;
        drop((size, shift));
        let x = S::select(&party, &large, &shifted, x).await?;
        Ok(Self { x, large: Some(large) })
    }
}

/// `result / 2^by` where the operand was large, else the result.
pub(super) async fn lowered<S: Scheme, R: Ring>(
    party: &Party,
    large: Option<&S::Bit>,
    result: S::Num<R>,
    by: u32,
) -> Result<S::Num<R>> {
    let Some(large) = large else { return Ok(result) };
    let less = S::truncate(party, &result, by).await?;
    S::select(party, large, &less, &result).await
}

/// Whether x > 2^61 or x < -2^61.
async fn is_large<S: Scheme, R: Ring>(party: &Party, x: &S::Num<R>) -> Result<S::Bit> {
    let limit = R::ONE.wshl(LARGE);
    let room = S::Num::<R>::stack(&[&x.plus_public(party, limit)?, &x.public_minus(party, limit)?])?;
    let zero = S::Num::<R>::public(party, &Tensor::scalar(R::ZERO))?;
    let beyond = S::less(party, &room, &zero, Order::Slack).await?;
    bit_row(&beyond, 0)?.xor(&bit_row(&beyond, 1)?)
}
