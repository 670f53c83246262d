//! Functions of one real number, by their operator.

use ir::{Attrs, Op};

use super::wide::Width;
use super::{exponential, fast, gaussian, logistic};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::Scheme;

/// A function of one real number with `frac` fraction bits, in its fast form where `attrs` says so. Domain, error and cost
/// of each are stated in [`ir::domain()`] and in the book.
pub async fn elementwise<S: Scheme, R: Width>(
    party: &Party,
    op: Op,
    attrs: &Attrs,
    x: &S::Num<R>,
    frac: u32,
) -> Result<S::Num<R>> {
    let flag = |name| attrs.bool(name).unwrap_or(false);
    let by_tangent = flag("approximate");
    match (op, flag("fast")) {
        (Op::Reciprocal, false) => super::reciprocal::<S, R>(party, x, frac).await,
        (Op::Reciprocal, true) => fast::reciprocal::<S, R>(party, x, frac).await,
        (Op::Sqrt, _) => super::sqrt::<S, R>(party, x, frac).await,
        (Op::InverseSqrt, _) => super::inverse_sqrt::<S, R>(party, x, frac).await,
        (Op::Exp, false) => exponential::exp::<S, R>(party, x, frac).await,
        (Op::Exp, true) => fast::exp::<S, R>(party, x, frac).await,
        (Op::Exp2, _) => exponential::exp2::<S, R>(party, x, frac).await,
        (Op::Log, _) => exponential::log::<S, R>(party, x, frac).await,
        (Op::Log2, _) => exponential::log2::<S, R>(party, x, frac).await,
        (Op::Pow, _) => {
            let exponent = attrs.real("exponent").unwrap_or(1.0);
            exponential::power_public::<S, R>(party, x, exponent, frac).await
        }
        (Op::Sigmoid, false) => logistic::sigmoid::<S, R>(party, x, frac).await,
        (Op::Sigmoid, true) => fast::sigmoid::<S, R>(party, x, frac).await,
        (Op::Tanh, false) => logistic::tanh::<S, R>(party, x, frac).await,
        (Op::Tanh, true) => fast::tanh::<S, R>(party, x, frac).await,
        (Op::Softplus, false) => logistic::softplus::<S, R>(party, x, frac).await,
        (Op::Softplus, true) => fast::softplus::<S, R>(party, x, frac).await,
        (Op::Erf, false) => gaussian::erf::<S, R>(party, x, frac).await,
        (Op::Erf, true) => fast::erf::<S, R>(party, x, frac).await,
        (Op::Gelu, true) => fast::gelu::<S, R>(party, x, by_tangent, frac).await,
        (Op::Gelu, false) if by_tangent => gaussian::gelu_tanh::<S, R>(party, x, frac).await,
        (Op::Gelu, false) => gaussian::gelu::<S, R>(party, x, frac).await,
        (op, _) => Err(Error::misuse(format!("`{}` is no function of one real number", op.name()))),
    }
}
