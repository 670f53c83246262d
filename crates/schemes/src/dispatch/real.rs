//! Functions of real numbers on shares.

use ir::Op;

use super::replicated::Call;
use crate::error::{Error, Result};
use crate::functions::{self, Width};
use crate::primitives::{Linear, Scheme};

/// A function of real numbers: elementwise, or normalising along axes.
pub(super) async fn real<S: Scheme, R: Width>(call: &Call<'_>, args: &[&S::Num<R>], frac: u32) -> Result<S::Num<R>> {
    let party = call.party;
    match (call.op, args) {
        (Op::Div, [x, y]) => functions::divide::<S, R>(party, x, y, frac).await,
        (Op::Power, [x, y]) => functions::power_of::<S, R>(party, x, y, frac).await,
        (Op::BatchNormInference, [x, mean, variance]) => {
            let epsilon = call.attrs.real("epsilon").unwrap_or(crate::plain::DEFAULT_EPSILON);
            functions::normalise_by::<S, R>(party, x, [mean, variance], epsilon, frac).await
        }
        (Op::Softmax | Op::LogSoftmax | Op::LayerNorm | Op::BatchNormTraining, [x]) => {
            along::<S, R>(call, x, frac).await
        }
        (op, [x]) => functions::elementwise::<S, R>(party, op, call.attrs, x, frac).await,
        (op, operands) => {
            let operands = format!("{} operands with {frac} fraction bits", operands.len());
            Err(Error::Unsupported { op: op.name(), operands, scheme: ir::Scheme::Replicated.spec().name })
        }
    }
}

/// A function along axes, in the operand's own shape.
async fn along<S: Scheme, R: Width>(call: &Call<'_>, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let (party, axes) = (call.party, call.attrs.along(call.op, x.shape().len()));
    match call.op {
        Op::Softmax => functions::softmax::<S, R>(party, x, axes[0], frac).await,
        Op::LogSoftmax => functions::log_softmax::<S, R>(party, x, axes[0], frac).await,
        _ => {
            let epsilon = call.attrs.real("epsilon").unwrap_or(crate::plain::DEFAULT_EPSILON);
            functions::normalise::<S, R>(party, x, &axes, epsilon, frac).await
        }
    }
}
