//! Counts and sums over rows in order: histograms, and runs of equal keys.

use algebra::{Ring, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// How many elements of a vector are in each bin: at least one threshold and below the next. A comparison and 8 bytes for
/// each element and threshold.
pub async fn histogram<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    thresholds: &[R],
    order: Order,
) -> Result<S::Num<u64>> {
    let party = party.enter("histogram");
    let edges = S::Num::<R>::public(&party, &Tensor::new([thresholds.len(), 1], thresholds.to_vec())?)?;
    let below = S::less(&party, &S::Num::<R>::stack(&[x])?, &edges, order).await?;
    let below = S::to_ring::<u64>(&party, &below).await?;
    let counts = S::Num::<u64>::join(&[&below], |t| t[0].sum_axes(&[1], false))?;
    counts.rows(1, thresholds.len())?.minus(&counts.rows(0, thresholds.len() - 1)?)
}

/// Whether each row's key is that of the row before: one less than there are rows. Cost of equality.
async fn same_as_before<S: Scheme>(party: &Party, key: &S::Num<u64>) -> Result<S::Bit> {
    let n = key.shape()[0];
    S::equal(party, &key.rows(1, n)?, &key.rows(0, n - 1)?).await
}

/// Whether each row is the last of a run of equal keys.
pub async fn segment_last<S: Scheme>(party: &Party, key: &S::Num<u64>) -> Result<S::Bit> {
    let party = party.enter("segment-last");
    if key.shape()[0] == 0 {
        return S::equal(&party, key, key).await;
    }
    let goes_on = same_as_before::<S>(&party, key).await?;
    let last = key.row(key.shape()[0] - 1)?;
    let ends = S::equal(&party, &S::Num::<u64>::stack(&[&last])?, &S::Num::<u64>::stack(&[&last])?).await?;
    <S::Bit as Logic>::join(&[&goes_on.not(&party)?, &ends], |t| Tensor::concat(t, 0))
}

/// Every row's sum of its run of equal keys up to it (Hillis and Steele 1986, with flags). ⌈log2 n⌉ times a choice for
/// each element, after an equality for each row.
pub async fn segment_sum<S: Scheme, R: Ring>(party: &Party, x: &S::Num<R>, key: &S::Num<u64>) -> Result<S::Num<R>> {
    let party = party.enter("segment-sum");
    let n = key.shape()[0];
    if n < 2 {
        return Ok(x.clone());
    }
    // Row i of `same` says that rows i to i + step are of one run.
    let mut same = same_as_before::<S>(&party, key).await?;
    let mut sums = x.clone();
    let mut step = 1;
    loop {
        let mut column = vec![1; x.shape().len()];
        column[0] = n - step;
        let flags = <S::Bit as Logic>::join(&[&same], |t| t[0].reshape(column.clone()))?;
        let more = S::mul_bit(&party, &flags, &sums.rows(0, n - step)?).await?;
        let (head, tail) = (sums.rows(0, step)?, sums.rows(step, n)?.plus(&more)?);
        sums = S::Num::<R>::join(&[&head, &tail], |t| Tensor::concat(t, 0))?;
        if 2 * step >= n {
            return Ok(sums);
        }
        let part = |start, end| <S::Bit as Logic>::join(&[&same], |t| t[0].rows(start, end));
        same = S::and(&party, &part(0, n - 2 * step)?, &part(step, n - step)?).await?;
        step *= 2;
    }
}
