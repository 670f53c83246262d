//! Public values at a placement of shares: constants, lengths, and what is computed from them.
//!
//! They stay in the clear, in double precision where they are real numbers, for as long as possible, so that what is
//! computed of public and shared values needs few messages or none, and no constant is rounded to the fixed point of what
//! it is multiplied with. Where a kernel needs shares they become trivial ones.
//!
//! All players must hold the same public values to the last bit, so only operators are computed in the clear that IEEE 754
//! defines exactly; the others (`exp`, or a matrix product, whose order of additions is a machine's own) run on shares.

use algebra::{Bits, Tensor, matmul};
use ir::{Attrs, DType, Op, Scheme};

use super::replicated::{Call, Carried};
use super::transfer::words;
use crate::error::{Error, Result};
use crate::plain::{self, Plain, is_structural};
use crate::replicated::{self, BitShare, Factor, Share};
use crate::value::{Env, Value};

/// The type that a public value of a type is held in.
fn held(dtype: DType) -> DType {
    if dtype.is_fixed() { DType::F64 } else { dtype }
}

/// The result, if all operands are public and all players get the same to the last bit.
pub(super) fn apply(op: Op, attrs: &Attrs, args: &[&Value], env: &Env<'_>) -> Result<Option<Value>> {
    let clear: Option<Vec<&Plain>> =
        args.iter().map(|a| if let Value::Plain(p) = a { Some(p) } else { None }).collect();
    let Some(clear) = clear.filter(|_| is_exact(op)) else { return Ok(None) };
    let env = Env { dtype: held(env.dtype), operand: held(env.operand), ..*env };
    plain::apply(op, attrs, &clear, &env).map(|x| Some(Value::Plain(x)))
}

/// Whether IEEE 754 and the order of our own loops leave no choice.
fn is_exact(op: Op) -> bool {
    is_structural(op)
        || matches!(
            op,
            Op::Const
                | Op::Fill
                | Op::Eye
                | Op::Size
                | Op::Cast
                | Op::Add
                | Op::Sub
                | Op::Mul
                | Op::Div
                | Op::Neg
                | Op::Square
                | Op::Abs
                | Op::Sign
                | Op::Relu
                | Op::Clip
                | Op::Assume
                | Op::Minimum
                | Op::Maximum
                | Op::Reciprocal
                | Op::Sqrt
                | Op::Equal
                | Op::NotEqual
                | Op::Less
                | Op::LessEqual
                | Op::Greater
                | Op::GreaterEqual
                | Op::And
                | Op::Or
                | Op::Xor
                | Op::Not
                | Op::Select
                | Op::Sum
                | Op::Min
                | Op::Max
                | Op::Any
                | Op::All
        )
}

/// The type that a public operand takes on shares: real numbers take the fixed point of the operands or, beside positions
/// and keys, of the result.
pub(super) fn becomes(public: &Plain, operands: DType, result: DType) -> DType {
    match public.dtype() {
        real if real.is_float() => {
            if operands.is_fixed() {
                operands
            } else {
                result
            }
        }
        other => other,
    }
}

/// A trivial sharing of a public value, which becomes an element of `dtype` first; truth values stay what they are.
///
/// # Errors
/// If a number does not fit the type.
pub(super) fn shared(role: usize, value: &Plain, dtype: DType) -> Result<Value> {
    let bits = |t: &Tensor<bool>| BitShare::public(role, t.shape(), &Bits::from_bools(t.data()));
    if let Plain::Bool(t) = value {
        return Ok(Value::RepBits(bits(t)));
    }
    Ok(match plain::cast(value, dtype)? {
        Plain::Bool(ref t) => Value::RepBits(bits(t)),
        Plain::Fixed128(ref t, _) => Value::Rep128(Share::public(role, t)),
        ref other => Value::Rep64(Share::public(role, &words(other)?)),
    })
}

/// The form in which a value is kept beyond the operators that follow: role `role`'s part of a trivial sharing, for a
/// public value at a placement of shares. `None` if it has that form already.
///
/// # Errors
/// If a number does not fit the type.
pub fn settled(value: &Value, scheme: Scheme, role: usize, dtype: DType) -> Result<Option<Value>> {
    match (scheme, value) {
        (Scheme::Replicated, Value::Plain(public)) => shared(role, public, dtype).map(Some),
        (Scheme::Malicious, Value::Plain(public)) => super::verified::shared(role, public, dtype).map(Some),
        _ => Ok(None),
    }
}

/// Operators that have a form of their own for a public operand beside a shared one; `None` if this is none.
pub(super) async fn mixed(call: &Call<'_>, args: &[&Value]) -> Result<Option<Value>> {
    Ok(Some(match (call.op, args) {
        (Op::And | Op::Or, [Value::RepBits(b), Value::Plain(Plain::Bool(c))])
        | (Op::And | Op::Or, [Value::Plain(Plain::Bool(c)), Value::RepBits(b)]) => masked(call, b, c)?,
        (Op::Select, [Value::RepBits(c), Value::Plain(x), Value::Plain(y)]) if x.dtype() != DType::Bool => {
            return one_of(call, c, x, y).await.map(Some);
        }
        (Op::Mul, [Value::Plain(c), x]) => return product(call, x, c).await,
        (Op::Mul | Op::Div, [x, Value::Plain(c)]) => return product(call, x, c).await,
        (Op::MatMul | Op::Dot, [Value::Rep64(x), Value::Plain(c)]) => matrix(call, x, c, false).await?,
        (Op::MatMul | Op::Dot, [Value::Rep128(x), Value::Plain(c)]) => matrix(call, x, c, false).await?,
        (Op::MatMul | Op::Dot, [Value::Plain(c), Value::Rep64(x)]) => matrix(call, x, c, true).await?,
        (Op::MatMul | Op::Dot, [Value::Plain(c), Value::Rep128(x)]) => matrix(call, x, c, true).await?,
        _ => return Ok(None),
    }))
}

/// A conjunction or disjunction with public bits. Free.
fn masked(call: &Call<'_>, b: &BitShare, c: &Tensor<bool>) -> Result<Value> {
    let shape = call.env.shape;
    let (b, c) = (b.broadcast_to(shape)?, Bits::from_bools(c.broadcast_to(shape)?.data()));
    let and = |b: &BitShare, c: &Bits| BitShare::new(shape, b.own().and(c), b.next().and(c));
    Ok(Value::RepBits(match call.op {
        Op::And => and(&b, &c),
        _ => and(&b.not(call.role), &c.not()).not(call.role),
    }))
}

/// A choice between public numbers: their difference, where the bit is set.
async fn one_of(call: &Call<'_>, c: &BitShare, x: &Plain, y: &Plain) -> Result<Value> {
    let shape = call.env.shape;
    match (shared(0, x, call.dtype)?, shared(0, y, call.dtype)?) {
        // Role 0 holds a trivial sharing's value.
        (Value::Rep64(x), Value::Rep64(y)) => chosen::<u64>(call, c, x.own(), y.own(), shape).await,
        (Value::Rep128(x), Value::Rep128(y)) => chosen::<u128>(call, c, x.own(), y.own(), shape).await,
        _ => Err(Error::misuse("a choice between public numbers of two types")),
    }
}

async fn chosen<R: Carried>(
    call: &Call<'_>,
    c: &BitShare,
    x: &Tensor<R>,
    y: &Tensor<R>,
    shape: &[usize],
) -> Result<Value> {
    let bits = replicated::to_ring::<R>(call.party, c).await?;
    let chosen = bits.mul_public(&x.sub(y)?)?.add_public(call.role, y)?;
    Ok(R::value(if chosen.shape() == shape { chosen } else { chosen.try_map(|t| t.broadcast_to(shape))? }))
}

/// A product or quotient with public numbers, elementwise; `None` for shares that are no numbers.
async fn product(call: &Call<'_>, x: &Value, c: &Plain) -> Result<Option<Value>> {
    Ok(match x {
        Value::Rep64(x) => Some(scaled(call, x, c).await?),
        Value::Rep128(x) => Some(scaled(call, x, c).await?),
        _ => None,
    })
}

async fn scaled<R: Carried>(call: &Call<'_>, x: &Share<R>, c: &Plain) -> Result<Value> {
    if call.frac().is_none() {
        return Ok(R::value(x.mul_public(&elements(call, c)?)?));
    }
    let mut at = 0..;
    let factors = c.to_f64().try_map(|&c| {
        let index = at.next().unwrap_or_default();
        let range = |_| Error::Range { index, dtype: call.dtype.to_string(), why: "it is no number, or too large" };
        Factor::of(if call.op == Op::Div { 1.0 / c } else { c }).map_err(range)
    })?;
    Ok(R::value(replicated::scale(call.party, x, &factors).await?))
}

/// A matrix product with a public matrix: free, and one truncation for fixed point.
async fn matrix<R: Carried>(call: &Call<'_>, x: &Share<R>, c: &Plain, public_first: bool) -> Result<Value> {
    let c = elements::<R>(call, c)?;
    let frac = call.frac().unwrap_or(0);
    // What all elements are a multiple of need not be truncated after it was multiplied.
    let spare = c.data().iter().map(|c| c.to_i128().trailing_zeros()).min().unwrap_or(0).min(frac);
    let c = c.map(|c| R::from_i128(c.to_i128() >> spare));
    let own = x.clone();
    let work = 2 * x.len().saturating_mul(c.shape().last().copied().unwrap_or(1));
    let product = move || own.try_map(|t| if public_first { matmul(&c, t) } else { matmul(t, &c) });
    let product = call.party.compute(work, product).await?;
    Ok(R::value(replicated::truncate(call.party, &product, frac - spare).await?))
}

/// Public numbers as elements that carry the operands' type.
fn elements<R: Carried>(call: &Call<'_>, c: &Plain) -> Result<Tensor<R>> {
    let trivial = shared(0, c, call.dtype)?;
    let share = R::share(&trivial).ok_or_else(|| Error::misuse("a public operand of another type"))?;
    Ok(share.own().clone())
}
