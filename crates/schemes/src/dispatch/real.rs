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
        (_, [x]) => unary::<S, R>(call, x, frac).await,
        _ => Err(unsupported(call.op, args.len(), frac)),
    }
}

fn unsupported(op: Op, operands: usize, frac: u32) -> Error {
    let operands = format!("{operands} operands with {frac} fraction bits");
    Error::Unsupported { op: op.name(), operands, scheme: ir::Scheme::Replicated.spec().name }
}

/// A function of one real number.
async fn unary<S: Scheme, R: Width>(call: &Call<'_>, x: &S::Num<R>, frac: u32) -> Result<S::Num<R>> {
    let party = call.party;
    match call.op {
        Op::Reciprocal => functions::reciprocal::<S, R>(party, x, frac).await,
        Op::Sqrt => functions::sqrt::<S, R>(party, x, frac).await,
        Op::InverseSqrt => functions::inverse_sqrt::<S, R>(party, x, frac).await,
        Op::Exp => functions::exp::<S, R>(party, x, frac).await,
        Op::Exp2 => functions::exp2::<S, R>(party, x, frac).await,
        Op::Log => functions::log::<S, R>(party, x, frac).await,
        Op::Log2 => functions::log2::<S, R>(party, x, frac).await,
        Op::Pow => {
            let exponent = call.attrs.real("exponent").unwrap_or(1.0);
            functions::power_public::<S, R>(party, x, exponent, frac).await
        }
        Op::Sigmoid => functions::sigmoid::<S, R>(party, x, frac).await,
        Op::Tanh => functions::tanh::<S, R>(party, x, frac).await,
        Op::Softplus => functions::softplus::<S, R>(party, x, frac).await,
        Op::Erf => functions::erf::<S, R>(party, x, frac).await,
        Op::Gelu if call.attrs.bool("approximate").unwrap_or(false) => {
            functions::gelu_tanh::<S, R>(party, x, frac).await
        }
        Op::Gelu => functions::gelu::<S, R>(party, x, frac).await,
        op => Err(unsupported(op, 1, frac)),
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
