//! Operators on replicated shares.

use algebra::{Ring, Tensor};
use ir::{Attrs, DType, Op, Scheme};

use super::transfer::words;
use super::unsupported;
use crate::error::{Error, Result};
use crate::party::Party;
use crate::plain::{Plain, is_structural, public, structural};
use crate::replicated::{self, BitShare, Share};
use crate::value::{Env, Value};

/// Our side of one operator.
pub(super) async fn apply(party: &Party, op: Op, attrs: &Attrs, args: &[&Value], env: &Env<'_>) -> Result<Value> {
    let role = party.role().ok_or_else(|| Error::misuse("an operator was run by a player outside its placement"))?;
    match op {
        Op::Const | Op::Fill | Op::Eye | Op::Size => constant(role, &public(op, attrs, env)?),
        _ => match args {
            [Value::Rep64(_), ..] => {
                let shares = all(args, |v| if let Value::Rep64(s) = v { Some(s) } else { None });
                let shares = shares.ok_or_else(|| unsupported(op, args, Scheme::Replicated))?;
                arithmetic(party, role, op, attrs, &shares, env).await
            }
            [Value::Rep128(_), ..] => {
                let shares = all(args, |v| if let Value::Rep128(s) = v { Some(s) } else { None });
                let shares = shares.ok_or_else(|| unsupported(op, args, Scheme::Replicated))?;
                arithmetic(party, role, op, attrs, &shares, env).await
            }
            [Value::RepBits(_), ..] => bits(party, role, op, attrs, args, env).await,
            _ => Err(unsupported(op, args, Scheme::Replicated)),
        },
    }
}

fn all<'a, T>(args: &[&'a Value], f: impl Fn(&'a Value) -> Option<&'a T>) -> Option<Vec<&'a T>> {
    args.iter().map(|v| f(v)).collect()
}

fn constant(role: usize, value: &Plain) -> Result<Value> {
    Ok(match value {
        Plain::Bool(t) => Value::RepBits(BitShare::public(role, t.shape(), &algebra::Bits::from_bools(t.data()))),
        Plain::Fixed128(t, _) => Value::Rep128(Share::public(role, t)),
        other => Value::Rep64(Share::public(role, &words(other)?)),
    })
}

/// The fraction bits of a type; none for integers.
fn frac(dtype: DType) -> Option<u32> {
    if let DType::Fixed { frac, .. } = dtype { Some(u32::from(frac)) } else { None }
}

/// A share of either ring as a value.
pub(crate) trait Carried: Ring {
    fn value(share: Share<Self>) -> Value;
}

impl Carried for u64 {
    fn value(share: Share<u64>) -> Value {
        Value::Rep64(share)
    }
}

impl Carried for u128 {
    fn value(share: Share<u128>) -> Value {
        Value::Rep128(share)
    }
}

async fn arithmetic<R: Carried>(
    party: &Party,
    role: usize,
    op: Op,
    attrs: &Attrs,
    args: &[&Share<R>],
    env: &Env<'_>,
) -> Result<Value> {
    let x = args[0];
    let keep = attrs.bool("keepdims").unwrap_or(false);
    let share = match (op, args) {
        (Op::Add, [x, y]) => x.add(y)?,
        (Op::Sub, [x, y]) => x.sub(y)?,
        (Op::Neg, [x]) => x.neg(),
        (Op::Mul, [x, y]) => match frac(env.dtype) {
            Some(f) => replicated::mul_fixed(party, x, y, f).await?,
            None => replicated::mul(party, x, y).await?,
        },
        (Op::Square, [x]) => match frac(env.dtype) {
            Some(f) => replicated::square_fixed(party, x, f).await?,
            None => replicated::square(party, x).await?,
        },
        (Op::MatMul, [x, y]) => match frac(env.dtype) {
            Some(f) => replicated::matmul_fixed(party, x, y, f).await?,
            None => replicated::matmul(party, x, y).await?,
        },
        (Op::Dot, [x, y]) => match frac(env.dtype) {
            Some(f) => replicated::dot_fixed(party, x, y, f).await?,
            None => replicated::dot(party, x, y).await?,
        },
        (Op::Sum, [x]) => x.sum_axes(&attrs.axes(x.shape().len()), keep)?,
        _ if is_structural(op) => Share::join(args, |parts| structural(op, attrs, parts, env.shape))?,
        _ => return Err(Error::misuse(format!("{} {role} {x:?}", op.name()))),
    };
    Ok(R::value(share))
}

async fn bits(_: &Party, _: usize, op: Op, attrs: &Attrs, args: &[&Value], env: &Env<'_>) -> Result<Value> {
    let parts = all(args, |v| if let Value::RepBits(s) = v { Some(s) } else { None });
    match parts {
        Some(parts) if is_structural(op) => {
            let moved = BitShare::join(&parts, |t: &[&Tensor<bool>]| structural(op, attrs, t, env.shape))?;
            Ok(Value::RepBits(moved))
        }
        _ => Err(unsupported(op, args, Scheme::Replicated)),
    }
}
