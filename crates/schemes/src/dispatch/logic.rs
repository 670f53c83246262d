//! Logic of shared truth values.

use algebra::Tensor;
use ir::{Op, Scheme};

use super::replicated::Call;
use crate::error::{Error, Result};
use crate::replicated::{self, BitShare};

/// One operator on truth values.
pub(super) async fn apply(call: &Call<'_>, args: &[&BitShare]) -> Result<BitShare> {
    let role = call.role;
    match (call.op, args) {
        (Op::Not, [x]) => Ok(x.not(role)),
        (Op::Xor | Op::NotEqual, [x, y]) => x.xor(y),
        (Op::Equal, [x, y]) => Ok(x.xor(y)?.not(role)),
        (Op::And, [x, y]) => and(call, x, y).await,
        (Op::Or, [x, y]) => Ok(and(call, &x.not(role), &y.not(role)).await?.not(role)),
        (Op::All, [x]) => all(call, x).await,
        (Op::Any, [x]) => Ok(all(call, &x.not(role)).await?.not(role)),
        _ => Err(Error::Unsupported {
            op: call.op.name(),
            operands: "bool".into(),
            scheme: Scheme::Replicated.spec().name,
        }),
    }
}

async fn and(call: &Call<'_>, x: &BitShare, y: &BitShare) -> Result<BitShare> {
    let shape = call.env.shape;
    replicated::and_bits(call.party, &x.broadcast_to(shape)?, &y.broadcast_to(shape)?).await
}

/// Whether all hold over axes: a tree of conjunctions, one round a level.
async fn all(call: &Call<'_>, x: &BitShare) -> Result<BitShare> {
    let axes = call.axes(x.shape().len());
    let mut level = x.try_map(|t| super::reduce::reduced_first(t, &axes))?;
    while level.shape()[0] > 1 {
        let n = level.shape()[0];
        let half = n / 2;
        let rows = |from: usize, to: usize| level.try_map(|t: &Tensor<bool>| t.rows(from, to));
        let joined = replicated::and_bits(call.party, &rows(0, half)?, &rows(half, 2 * half)?).await?;
        let rest = rows(2 * half, n)?;
        level = BitShare::join(&[&joined, &rest], |t| Tensor::concat(t, 0))?;
    }
    level.try_map(|t| t.reshape(call.env.shape)).map_err(Into::into)
}
