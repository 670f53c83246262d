//! Reductions on shares: extremes and their positions as trees, means and variances, running sums.

use algebra::{Ring, ShapeError, Tensor};
use ir::Op;

use super::order::{extreme as extreme_of_two, order_of};
use super::real;
use super::replicated::{Call, Carried};
use crate::error::{Error, Result};
use crate::replicated::{self, Share};

/// The elements that are reduced along a new first axis, in row-major order, and what is kept behind it.
pub(super) fn reduced_first<T: Clone>(x: &Tensor<T>, axes: &[usize]) -> Result<Tensor<T>, ShapeError> {
    let kept = (0..x.rank()).filter(|a| !axes.contains(a));
    let order: Vec<usize> = axes.iter().copied().chain(kept).collect();
    let count: usize = axes.iter().map(|a| x.shape()[*a]).product();
    let turned = x.transpose(&order)?;
    let shape: Vec<usize> = std::iter::once(count).chain(turned.shape()[axes.len()..].iter().copied()).collect();
    turned.into_shape(shape)
}

/// Rows of every component.
fn rows<R: Ring>(x: &Share<R>, from: usize, to: usize) -> Result<Share<R>> {
    Ok(x.try_map(|t| t.rows(from, to))?)
}

fn stacked<R: Ring>(x: &Share<R>, rest: &Share<R>) -> Result<Share<R>> {
    Ok(Share::join(&[x, rest], |t| Tensor::concat(t, 0))?)
}

/// The least or greatest over axes: a tree, one comparison and choice a level.
pub(super) async fn extreme<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let axes = call.axes(x.shape().len());
    let mut level = x.try_map(|t| reduced_first(t, &axes))?;
    while level.shape()[0] > 1 {
        let n = level.shape()[0];
        let half = n / 2;
        let (first, second) = (rows(&level, 0, half)?, rows(&level, half, 2 * half)?);
        let better = extreme_of_two(call, call.op == Op::Min, &first, &second).await?;
        level = stacked(&better, &rows(&level, 2 * half, n)?)?;
    }
    level.reshape(call.env.shape)
}

/// The position of the first extreme along an axis: a tree of neighbours, in which the left one stays unless the right
/// one is strictly better.
pub(super) async fn position<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<u64>> {
    let axis = call.attrs.int("axis").unwrap_or(0) as usize;
    let mut values = x.try_map(|t| reduced_first(t, &[axis]))?;
    let per_row: usize = values.shape()[1..].iter().product();
    let numbers = Tensor::from_fn(values.shape(), |i| (i / per_row.max(1)) as u64);
    let mut positions = Share::public(call.role, &numbers);
    let order = order_of(call.dtype);
    for level in 0u64.. {
        let n = values.shape()[0];
        if n <= 1 {
            break;
        }
        let party = call.party.narrow(level);
        let pairs = n / 2 * 2;
        let side = |t: &Share<R>, from: usize| -> Result<Share<R>> { Ok(t.try_map(|t| t.slice(0, from, pairs, 2))?) };
        let side64 = |t: &Share<u64>, from: usize| -> Result<Share<u64>> { Ok(t.try_map(|t| t.slice(0, from, pairs, 2))?) };
        let (left, right) = (side(&values, 0)?, side(&values, 1)?);
        let right_wins = match call.op {
            Op::ArgMin => replicated::less(&party, &right, &left, order).await?,
            _ => replicated::less(&party, &left, &right, order).await?,
        };
        let (for_values, for_positions) = (party.narrow("value"), party.narrow("position"));
        let (left_at, right_at) = (side64(&positions, 0)?, side64(&positions, 1)?);
        let (better, at) = futures::try_join!(
            replicated::select(&for_values, &right_wins, &right, &left),
            replicated::select(&for_positions, &right_wins, &right_at, &left_at),
        )?;
        values = stacked(&better, &rows(&values, pairs, n)?)?;
        positions = stacked(&at, &rows(&positions, pairs, n)?)?;
    }
    positions.reshape(call.env.shape)
}

/// Mean, variance, standard deviation. Sums must stay in the range of products, |Σ| < 2^(k-2-2·frac).
pub(super) async fn moment<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let frac = call.frac().ok_or_else(|| Error::misuse("a mean of what is not fixed point"))?;
    let axes = call.axes(x.shape().len());
    let count: usize = axes.iter().map(|a| x.shape()[*a]).product();
    let party = call.party;
    if call.op == Op::Mean {
        return divided(call, &x.sum_axes(&axes, false)?, count, frac).await?.reshape(call.env.shape);
    }
    let mean = divided(call, &x.sum_axes(&axes, true)?, count, frac).await?;
    // Squares are summed before they are truncated: one truncation for all of them.
    let squares = replicated::square(party, &x.sub(&mean)?).await?.sum_axes(&axes, false)?;
    let sum = replicated::truncate(party, &squares, frac).await?;
    let ddof = call.attrs.int("ddof").unwrap_or(0) as usize;
    if count <= ddof {
        return Err(Error::misuse("a variance of too few values"));
    }
    let variance = divided(call, &sum, count - ddof, frac).await?.reshape(call.env.shape)?;
    match call.op {
        Op::Std => real::real(party, Op::Sqrt, &[&variance], frac).await,
        _ => Ok(variance),
    }
}

/// `x / n` for a public n: a product with 2^m / n, rounded, and a truncation by m bits, where m is such that the
/// rounding errs by less than 2^-frac relative.
async fn divided<R: Carried>(call: &Call<'_>, x: &Share<R>, n: usize, frac: u32) -> Result<Share<R>> {
    if n == 1 {
        return Ok(x.clone());
    }
    let m = frac + n.next_power_of_two().trailing_zeros();
    let reciprocal = ((1u128 << m) + n as u128 / 2) / n as u128;
    replicated::truncate(call.party, &x.scale(R::from_i128(reciprocal as i128)), m).await
}

/// The running sum along an axis.
pub(super) fn cumsum<R: Ring>(x: &Tensor<R>, axis: usize) -> Result<Tensor<R>, ShapeError> {
    let mut out = x.clone();
    let n = x.shape()[axis];
    let inner: usize = x.shape()[axis + 1..].iter().product();
    let data = out.data_mut();
    for i in 0..data.len() {
        if (i / inner) % n > 0 {
            data[i] = data[i].wadd(data[i - inner]);
        }
    }
    Ok(out)
}
