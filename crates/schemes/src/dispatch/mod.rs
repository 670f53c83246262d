//! From operators of the language to kernels: one exhaustive `match` for each scheme.

mod convert;
mod form;
mod logic;
mod order;
mod public;
mod real;
mod reduce;
mod replicated;
mod rows;
mod thirds;
mod transfer;
mod verified;

use std::borrow::Cow;

use ir::{Attrs, Op, Scheme};

use crate::error::{Error, Result};
use crate::party::Party;
use crate::plain::{self, Plain};
use crate::value::{Env, Value};

pub use public::settled;
pub use transfer::{Route, Within, transfer};

/// Runs our side of an operator at a placement of a scheme. All operands are there; of those that are given away, products
/// let go before they are done.
///
/// # Errors
/// If a message does not come or is not as the protocol has it; if a result in the clear does not fit its type; if the
/// scheme does not have the operator, which the checker refuses beforehand. What fails in an enclave does not say where.
pub async fn apply(
    party: &Party,
    scheme: Scheme,
    op: Op,
    attrs: &Attrs,
    args: Vec<Cow<'_, Value>>,
    env: &Env<'_>,
) -> Result<Value> {
    match scheme {
        Scheme::Host | Scheme::Enclave => {
            let clear: Option<Vec<&Plain>> =
                args.iter().map(|a| if let Value::Plain(p) = &**a { Some(p) } else { None }).collect();
            let clear = clear.ok_or_else(|| Error::misuse("a shared value in the clear"))?;
            let value = plain::apply(op, attrs, &clear, env).map(Value::Plain);
            value.map_err(|error| if scheme == Scheme::Enclave { error.inside() } else { error })
        }
        Scheme::Replicated => replicated::apply(party, op, attrs, args, env).await,
        Scheme::Malicious => verified::apply(party, op, attrs, &borrowed(&args), env).await,
        Scheme::Pond | Scheme::SecureNn | Scheme::Yao | Scheme::Paillier | Scheme::Each => {
            Err(unsupported(op, &borrowed(&args), scheme))
        }
    }
}

fn borrowed<'a>(args: &'a [Cow<'_, Value>]) -> Vec<&'a Value> {
    args.iter().map(|a| &**a).collect()
}

/// The error for what a scheme does not have.
fn unsupported(op: Op, args: &[&Value], scheme: Scheme) -> Error {
    let operands: Vec<String> = args.iter().map(|a| format!("{a:?}")).collect();
    Error::Unsupported { op: op.name(), operands: operands.join(" and "), scheme: scheme.spec().name }
}
