//! Logic of shared truth values.

use ir::{Op, Scheme};

use super::replicated::Call;
use crate::error::{Error, Result};
use crate::functions;
use crate::replicated::{self, BitShare, Replicated};

/// One operator on truth values.
pub(super) async fn apply(call: &Call<'_>, args: &[&BitShare]) -> Result<BitShare> {
    let role = call.role;
    match (call.op, args) {
        (Op::Not, [x]) => Ok(x.not(role)),
        (Op::Xor | Op::NotEqual, [x, y]) => x.xor(y),
        (Op::Equal, [x, y]) => Ok(x.xor(y)?.not(role)),
        (Op::And, [x, y]) => and(call, x, y).await,
        (Op::Or, [x, y]) => Ok(and(call, &x.not(role), &y.not(role)).await?.not(role)),
        (Op::All, [x]) => {
            functions::all::<Replicated>(call.party, x, &call.axes(x.shape().len()), call.keep_dims()).await
        }
        (Op::Any, [x]) => {
            functions::any::<Replicated>(call.party, x, &call.axes(x.shape().len()), call.keep_dims()).await
        }
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
