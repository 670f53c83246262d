//! Functions of real numbers on shares.

use ir::{Op, Scheme};

use super::replicated::{Call, Carried};
use crate::error::{Error, Result};
use crate::functions;
use crate::replicated::{Replicated, Share};

/// A function of real numbers: elementwise, or normalising along axes.
pub(super) async fn real<R: Carried>(call: &Call<'_>, args: &[&Share<R>], frac: u32) -> Result<Share<R>> {
    let party = call.party;
    match (call.op, args) {
        (Op::Div, [x, y]) => functions::divide::<Replicated, R>(party, x, y, frac).await,
        (Op::Power, [x, y]) => functions::power_of::<Replicated, R>(party, x, y, frac).await,
        (Op::BatchNormInference, [x, mean, variance]) => {
            let epsilon = call.attrs.real("epsilon").unwrap_or(crate::plain::DEFAULT_EPSILON);
            functions::normalise_by::<Replicated, R>(party, x, [mean, variance], epsilon, frac).await
        }
        (Op::Softmax | Op::LogSoftmax | Op::LayerNorm | Op::BatchNormTraining, [x]) => along(call, x, frac).await,
        (_, [x]) => unary(call, x, frac).await,
        _ => Err(unsupported(call.op, args.len(), frac)),
    }
}

fn unsupported(op: Op, operands: usize, frac: u32) -> Error {
    let operands = format!("{operands} operands with {frac} fraction bits");
    Error::Unsupported { op: op.name(), operands, scheme: Scheme::Replicated.spec().name }
}

/// A function of one real number.
async fn unary<R: Carried>(call: &Call<'_>, x: &Share<R>, frac: u32) -> Result<Share<R>> {
    let party = call.party;
    match call.op {
        Op::Reciprocal => functions::reciprocal::<Replicated, R>(party, x, frac).await,
        Op::Sqrt => functions::sqrt::<Replicated, R>(party, x, frac).await,
        Op::InverseSqrt => functions::inverse_sqrt::<Replicated, R>(party, x, frac).await,
        Op::Exp => functions::exp::<Replicated, R>(party, x, frac).await,
        Op::Exp2 => functions::exp2::<Replicated, R>(party, x, frac).await,
        Op::Log => functions::log::<Replicated, R>(party, x, frac).await,
        Op::Log2 => functions::log2::<Replicated, R>(party, x, frac).await,
        Op::Pow => {
            let exponent = call.attrs.real("exponent").unwrap_or(1.0);
            functions::power_public::<Replicated, R>(party, x, exponent, frac).await
        }
        Op::Sigmoid => functions::sigmoid::<Replicated, R>(party, x, frac).await,
        Op::Tanh => functions::tanh::<Replicated, R>(party, x, frac).await,
        Op::Softplus => functions::softplus::<Replicated, R>(party, x, frac).await,
        Op::Erf => functions::erf::<Replicated, R>(party, x, frac).await,
        Op::Gelu if call.attrs.bool("approximate").unwrap_or(false) => {
            functions::gelu_tanh::<Replicated, R>(party, x, frac).await
        }
        Op::Gelu => functions::gelu::<Replicated, R>(party, x, frac).await,
        op => Err(unsupported(op, 1, frac)),
    }
}

/// A function along axes, in the operand's own shape.
async fn along<R: Carried>(call: &Call<'_>, x: &Share<R>, frac: u32) -> Result<Share<R>> {
    let (party, axes) = (call.party, call.attrs.along(call.op, x.shape().len()));
    match call.op {
        Op::Softmax => functions::softmax::<Replicated, R>(party, x, axes[0], frac).await,
        Op::LogSoftmax => functions::log_softmax::<Replicated, R>(party, x, axes[0], frac).await,
        _ => {
            let epsilon = call.attrs.real("epsilon").unwrap_or(crate::plain::DEFAULT_EPSILON);
            functions::normalise::<Replicated, R>(party, x, &axes, epsilon, frac).await
        }
    }
}
