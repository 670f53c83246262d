//! Sign and size of an operand, and public limits: where functions with a symmetry begin.

use algebra::{Ring, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// A number, folded at zero, for |x| < 2^(k-2): a comparison and a product with its result.
pub(super) struct Folded<S: Scheme, R: Ring> {
    x: S::Num<R>,
    /// Whether x < 0.
    pub(super) negative: S::Bit,
    /// x where it is negative, else 0.
    below: S::Num<R>,
    /// |x|.
    pub(super) size: S::Num<R>,
}

impl<S: Scheme, R: Ring> Folded<S, R> {
    pub(super) async fn of(party: &Party, x: &S::Num<R>) -> Result<Self> {
        let party = party.enter("fold");
        let zero = S::Num::<R>::public(&party, &Tensor::scalar(R::ZERO))?;
        let negative = S::less(&party, x, &zero, Order::Slack).await?;
        let below = S::mul_bit(&party, &negative, x).await?;
        let size = x.minus(&below.times(R::from_u64(2))?)?;
        Ok(Self { x: x.clone(), negative, below, size })
    }

    /// The greater of x and 0. Free.
    pub(super) fn positive(&self) -> Result<S::Num<R>> {
        self.x.minus(&self.below)
    }

    /// A value for |x|, with the sign of x. 2 rounds.
    pub(super) async fn odd(&self, party: &Party, value: S::Num<R>) -> Result<S::Num<R>> {
        value.minus(&S::mul_bit(party, &self.negative, &value).await?.times(R::from_u64(2))?)
    }
}

/// x limited to a public range, of which an end may be open: comparisons and choices for both ends at once.
pub(super) async fn limited<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    low: Option<R>,
    high: Option<R>,
) -> Result<S::Num<R>> {
    let party = party.enter("limit");
    // How far x is inside of each end.
    let mut room = Vec::new();
    if let Some(low) = low {
        room.push(x.plus_public(&party, low.wneg())?);
    }
    if let Some(high) = high {
        room.push(x.public_minus(&party, high)?);
    }
    let room = S::Num::<R>::stack(&room.iter().collect::<Vec<_>>())?;
    let zero = S::Num::<R>::public(&party, &Tensor::scalar(R::ZERO))?;
    let outside = S::less(&party, &room, &zero, Order::Slack).await?;
    let beyond = S::mul_bit(&party, &outside, &room).await?;
    match (low, high) {
        (Some(_), Some(_)) => x.minus(&beyond.row(0)?)?.plus(&beyond.row(1)?),
        (Some(_), None) => x.minus(&beyond.row(0)?),
        _ => x.plus(&beyond.row(0)?),
    }
}

/// One part of a stack of bits.
pub(super) fn bit_row<B: Logic>(bits: &B, i: usize) -> Result<B> {
    B::join(&[bits], |t| t[0].index(0, i))
}
