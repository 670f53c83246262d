//! Functions of real numbers on shares.

use ir::{Op, Scheme};

use super::replicated::Carried;
use crate::error::{Error, Result};
use crate::functions;
use crate::party::Party;
use crate::replicated::{Replicated, Share};

/// A function of real numbers, elementwise.
pub(super) async fn real<R: Carried>(party: &Party, op: Op, args: &[&Share<R>], frac: u32) -> Result<Share<R>> {
    match (op, args) {
        (Op::Div, [x, y]) => functions::divide::<Replicated, R>(party, x, y, frac).await,
        (Op::Reciprocal, [x]) => functions::reciprocal::<Replicated, R>(party, x, frac).await,
        (Op::Sqrt, [x]) => functions::sqrt::<Replicated, R>(party, x, frac).await,
        (Op::InverseSqrt, [x]) => functions::inverse_sqrt::<Replicated, R>(party, x, frac).await,
        (Op::Exp, [x]) => functions::exp::<Replicated, R>(party, x, frac).await,
        (Op::Log, [x]) => functions::log::<Replicated, R>(party, x, frac).await,
        (Op::Sigmoid, [x]) => functions::sigmoid::<Replicated, R>(party, x, frac).await,
        (Op::Tanh, [x]) => functions::tanh::<Replicated, R>(party, x, frac).await,
        _ => {
            let operands = format!("{} operands with {frac} fraction bits", args.len());
            Err(Error::Unsupported { op: op.name(), operands, scheme: Scheme::Replicated.spec().name })
        }
    }
}
