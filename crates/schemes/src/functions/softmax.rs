//! Softmax and its logarithm.
//!
//! Powers are those of distances from the greatest, so that none overflows; their sum is known to lie between 1 and the
//! number of its terms, and has as many fraction bits as that leaves.

use algebra::Ring;

use super::divide::{inverse, scaled_quotient};
use super::exponential::fine_log;
use super::logistic::decay;
use super::reduce::{Extreme, extreme};
use super::wide::{Q, Width};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Scheme};
use crate::replicated::Order;

/// Distances below the greatest along an axis, their powers with `fine` fraction bits, and the sum of these.
struct Powers<S: Scheme, R: Ring> {
    below: S::Num<R>,
    each: S::Num<u128>,
    sum: S::Num<u64>,
    fine: u32,
}

impl<S: Scheme, R: Width> Powers<S, R> {
    async fn of(party: &Party, x: &S::Num<R>, axis: usize, frac: u32) -> Result<Self> {
        let n = *x.shape().get(axis).ok_or_else(|| Error::misuse("there is no such axis"))?;
        let greatest = extreme::<S, R>(party, x, &[axis], true, Extreme::Greatest, Order::Slack).await?;
        let below = x.minus(&greatest)?;
        let each = decay::<S, R>(party, &below, frac).await?;
        let fine = Q - 2 - n.next_power_of_two().ilog2();
        let each = S::truncate(party, &each, Q - fine).await?;
        let sum = S::Num::<u128>::join(&[&each], |t| t[0].sum_axes(&[axis], true))?;
        Ok(Self { below, each, sum: S::lower(&sum), fine })
    }
}

/// `e^x` divided by its sum along an axis, for |x| < 2^(k-3) as an integer. Error: 2 units plus n·2^-56.
pub async fn softmax<S: Scheme, R: Width>(party: &Party, x: &S::Num<R>, axis: usize, frac: u32) -> Result<S::Num<R>> {
    let party = party.enter("softmax");
    let powers = Powers::<S, R>::of(&party, x, axis, frac).await?;
    let inverse = inverse::<S, u64>(&party, &powers.sum).await?;
    scaled_quotient::<S, R>(&party, &powers.each, &inverse, frac).await
}

/// The logarithm of softmax, `x - max - ln Σ e^(x - max)`, for |x| < 2^(k-3) as an integer. Error: 2 units plus 2^-44.
pub async fn log_softmax<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    axis: usize,
    frac: u32,
) -> Result<S::Num<R>> {
    let party = party.enter("log-softmax");
    let powers = Powers::<S, R>::of(&party, x, axis, frac).await?;
    let log = fine_log::<S, u64>(&party, &powers.sum, powers.fine, 1.0).await?;
    powers.below.minus(&R::from_wide::<S>(S::truncate(&party, &log, Q - frac).await?))
}
