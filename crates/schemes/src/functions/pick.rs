//! Rows at secret positions, and groups of rows by a secret key: by indicators, one for each position and row.
//!
//! Cost for k positions among n rows: a comparison and ⌈log2 n⌉ bits of each position, about n/8 bytes for the indicators,
//! and k/8 bytes (8 or 16) from each player for each of the n indicators as numbers. For keys of a large domain, sort the
//! rows and sum their [segments](super::segment_sum) instead.

use algebra::{Ring, Tensor};

use super::divide::divide;
use super::reduce::all;
use super::wide::Width;
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// Whether each position is i, for i below n: n rows. Of a position that does not exist, none is set.
pub async fn one_hot<S: Scheme>(party: &Party, index: &S::Num<u64>, n: usize) -> Result<S::Bit> {
    let party = party.enter("one-hot");
    let count = index.shape().iter().product::<usize>();
    let index = S::Num::<u64>::join(&[index], |t| t[0].reshape(vec![1, count]))?;
    let end = S::Num::<u64>::public(&party, &Tensor::scalar(n as u64))?;
    let parts = (party.narrow("range"), party.narrow("bits"));
    let width = n.next_power_of_two().ilog2() as usize;
    let (mut rows, bits) = futures::future::try_join(
        S::less(&parts.0, &index, &end, Order::Unsigned),
        S::bits(&parts.1, &index, width.max(1)),
    )
    .await?;
    drop(parts);
    for (left, bit) in bits[..width].iter().enumerate().rev() {
        let shape = [rows.shape()[0], count];
        let spread = <S::Bit as Logic>::join(&[bit], |t| t[0].broadcast_to(&shape))?;
        let set = S::and(&party, &rows, &spread).await?;
        let unset = rows.xor(&set)?;
        // Row i becomes rows 2i and 2i + 1; those that no position below n can begin with are left out.
        let keep = n.div_ceil(1 << left);
        rows = <S::Bit as Logic>::join(&[&unset, &set], |t| {
            Tensor::stack(t, 1)?.into_shape(vec![2 * shape[0], count])?.rows(0, keep)
        })?;
    }
    Ok(rows)
}

/// A tensor as a matrix: one row for each of its rows.
fn matrix<L: Linear<R>, R: Ring>(x: &L) -> Result<L> {
    let rows = x.shape().first().copied().unwrap_or(1);
    let columns = x.shape().iter().skip(1).product();
    L::join(&[x], |t| t[0].reshape(vec![rows, columns]))
}

/// The rows of x at secret positions, in the shape of these; zeros for a position that does not exist.
pub async fn take<S: Scheme, R: Ring>(party: &Party, x: &S::Num<R>, index: &S::Num<u64>) -> Result<S::Num<R>> {
    let party = party.enter("take");
    let hot = S::to_ring::<R>(&party, &one_hot::<S>(&party, index, x.shape()[0]).await?).await?;
    let hot = S::Num::<R>::join(&[&hot], |t| Ok(t[0].transposed()))?;
    let rows = S::matmul(&party, &hot, &matrix::<_, R>(x)?).await?;
    let shape: Vec<usize> = index.shape().iter().chain(&x.shape()[1..]).copied().collect();
    S::Num::<R>::join(&[&rows], |t| t[0].reshape(shape.clone()))
}

/// x, with the rows at secret positions replaced: by the sum of the values that go there.
pub async fn put<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    index: &S::Num<u64>,
    values: &S::Num<R>,
) -> Result<S::Num<R>> {
    let party = party.enter("put");
    let hot = one_hot::<S>(&party, index, x.shape()[0]).await?;
    if hot.shape()[1] == 0 {
        return Ok(x.clone());
    }
    let untouched = all::<S>(&party, &hot.not(&party)?, &[1], true).await?;
    let kept = S::mul_bit(&party, &untouched, &matrix::<_, R>(x)?).await?;
    let hot = S::to_ring::<R>(&party, &hot).await?;
    let columns: usize = x.shape()[1..].iter().product();
    let values = S::Num::<R>::join(&[values], |t| t[0].reshape(vec![hot.shape()[1], columns]))?;
    let placed = kept.plus(&S::matmul(&party, &hot, &values).await?)?;
    let shape = x.shape().to_vec();
    S::Num::<R>::join(&[&placed], |t| t[0].reshape(shape.clone()))
}

/// The sum of the rows of x of each group, whose number is the row's key.
pub async fn group_sum<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    key: &S::Num<u64>,
    groups: usize,
) -> Result<S::Num<R>> {
    let party = party.enter("group-sum");
    let hot = S::to_ring::<R>(&party, &one_hot::<S>(&party, key, groups).await?).await?;
    sums::<S, R>(&party, x, &hot).await
}

async fn sums<S: Scheme, R: Ring>(party: &Party, x: &S::Num<R>, hot: &S::Num<R>) -> Result<S::Num<R>> {
    let sums = S::matmul(party, hot, &matrix::<_, R>(x)?).await?;
    let shape: Vec<usize> = hot.shape()[..1].iter().chain(&x.shape()[1..]).copied().collect();
    S::Num::<R>::join(&[&sums], |t| t[0].reshape(shape.clone()))
}

/// The number of rows of each group.
pub async fn group_count<S: Scheme, R: Ring>(party: &Party, key: &S::Num<u64>, groups: usize) -> Result<S::Num<R>> {
    let hot = S::to_ring::<R>(party, &one_hot::<S>(party, key, groups).await?).await?;
    S::Num::<R>::join(&[&hot], |t| t[0].sum_axes(&[1], false))
}

/// The mean of the rows of x of each group, with `frac` fraction bits; 0 for a group without rows. Error and domain of
/// [`divide`].
pub async fn group_mean<S: Scheme, R: Width>(
    party: &Party,
    x: &S::Num<R>,
    key: &S::Num<u64>,
    groups: usize,
    frac: u32,
) -> Result<S::Num<R>> {
    let party = party.enter("group-mean");
    let hot = S::to_ring::<R>(&party, &one_hot::<S>(&party, key, groups).await?).await?;
    let count = S::Num::<R>::join(&[&hot], |t| t[0].sum_axes(&[1], false))?;
    let zero = S::Num::<R>::public(&party, &Tensor::scalar(R::ZERO))?;
    let parts = (party.narrow("sums"), party.narrow("counts"));
    let divisor = async {
        let none = S::to_ring::<R>(&parts.1, &S::equal(&parts.1, &count, &zero).await?).await?;
        count.plus(&none)?.times(R::ONE.wshl(frac))
    };
    let (sums, divisor) = futures::future::try_join(sums::<S, R>(&parts.0, x, &hot), divisor).await?;
    drop(parts);
    let mut column = vec![1; x.shape().len()];
    column[0] = groups;
    let divisor = S::Num::<R>::join(&[&divisor], |t| t[0].reshape(column.clone()))?;
    divide::<S, R>(&party, &sums, &divisor, frac).await
}
