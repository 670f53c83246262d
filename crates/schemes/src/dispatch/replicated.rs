//! Operators on replicated shares.

use std::borrow::Cow;

use algebra::Tensor;
use ir::{Attrs, DType, Family, Op, Rule, Scheme};

use super::form::Element;
use super::{borrowed, convert, logic, order, public, real, reduce, rows, thirds, unsupported};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::plain::{as_images, is_structural, moving, structural};
use crate::replicated::{self, BitShare, Product, Replicated, Share};
use crate::value::{Env, Value};

/// One operator as all its kernels need it.
pub(super) struct Call<'a> {
    pub(super) party: &'a Party,
    pub(super) role: usize,
    pub(super) op: Op,
    pub(super) attrs: &'a Attrs,
    pub(super) env: &'a Env<'a>,
    /// The element type of the operands.
    pub(super) dtype: DType,
}

impl Call<'_> {
    /// The fraction bits of the operands; none for integers.
    pub(super) fn frac(&self) -> Option<u32> {
        if let DType::Fixed { frac, .. } = self.dtype { Some(u32::from(frac)) } else { None }
    }

    /// Whether reduced axes stay, with length 1.
    pub(super) fn keep_dims(&self) -> bool {
        self.attrs.bool("keepdims").unwrap_or(false)
    }

    /// The axes that a reduction is over.
    pub(super) fn axes(&self, rank: usize) -> Vec<usize> {
        self.attrs.axes(rank)
    }
}

/// A share of either ring as a value.
pub(super) trait Carried: Element {
    fn value(share: Share<Self>) -> Value;
    fn share(value: &Value) -> Option<&Share<Self>>;
}

impl Carried for u64 {
    fn value(share: Share<u64>) -> Value {
        Value::Rep64(share)
    }

    fn share(value: &Value) -> Option<&Share<u64>> {
        if let Value::Rep64(s) = value { Some(s) } else { None }
    }
}

impl Carried for u128 {
    fn value(share: Share<u128>) -> Value {
        Value::Rep128(share)
    }

    fn share(value: &Value) -> Option<&Share<u128>> {
        if let Value::Rep128(s) = value { Some(s) } else { None }
    }
}

/// Our side of one operator.
pub(super) async fn apply(
    party: &Party,
    op: Op,
    attrs: &Attrs,
    given: Vec<Cow<'_, Value>>,
    env: &Env<'_>,
) -> Result<Value> {
    let args = borrowed(&given);
    let role = party.role().ok_or_else(|| Error::misuse("an operator was run by a player outside its placement"))?;
    if let Some(value) = public::apply(op, attrs, &args, env)? {
        return Ok(value);
    }
    let call = Call { party, role, op, attrs, env, dtype: env.operand };
    if args.iter().any(|a| matches!(a, Value::Plain(_))) {
        if let Some(value) = public::mixed(&call, &args).await? {
            return Ok(value);
        }
        let share = |a: &&Value| match a {
            Value::Plain(plain) => public::shared(role, plain, public::becomes(plain, call.dtype, env.dtype)),
            shared => Ok((*shared).clone()),
        };
        let shares = args.iter().map(share).collect::<Result<Vec<Value>>>()?;
        return on_shares(&call, &shares.iter().collect::<Vec<_>>()).await;
    }
    match (op, args.as_slice()) {
        (Op::Mul | Op::Square | Op::MatMul, [Value::Rep64(_), ..]) => consumed::<u64>(&call, given).await,
        (Op::Mul | Op::Square | Op::MatMul, [Value::Rep128(_), ..]) => consumed::<u128>(&call, given).await,
        _ => on_shares(&call, &args).await,
    }
}

async fn on_shares(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let op = call.op;
    if op == Op::Assume {
        return Ok(args[0].clone());
    }
    if op == Op::Cast {
        return convert::cast(call, args[0]).await;
    }
    if op.spec().rule == Rule::Rows {
        return rows::apply::<Replicated>(call, args).await;
    }
    match args {
        [Value::RepBits(c), x, y] if op == Op::Select => choose(call, c, x, y).await,
        [Value::Rep64(_), ..] => ring::<u64>(call, args).await,
        [Value::Rep128(_), ..] => ring::<u128>(call, args).await,
        [Value::RepBits(_), ..] => bits(call, args).await,
        _ => Err(unsupported(op, args, Scheme::Replicated)),
    }
}

async fn choose(call: &Call<'_>, c: &BitShare, x: &Value, y: &Value) -> Result<Value> {
    let party = call.party;
    Ok(match (x, y) {
        (Value::Rep64(x), Value::Rep64(y)) => Value::Rep64(replicated::select(party, c, x, y).await?),
        (Value::Rep128(x), Value::Rep128(y)) => Value::Rep128(replicated::select(party, c, x, y).await?),
        (Value::RepBits(x), Value::RepBits(y)) => {
            // x where c, else y: y ⊕ c·(x ⊕ y).
            let difference = x.xor(y)?;
            let c = c.broadcast_to(call.env.shape)?;
            let chosen = replicated::and_bits(party, &c, &difference.broadcast_to(call.env.shape)?).await?;
            Value::RepBits(chosen.xor(y)?)
        }
        _ => return Err(unsupported(call.op, &[x, y], Scheme::Replicated)),
    })
}

/// Operators on elements of one ring.
async fn ring<R: Carried>(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let shares: Option<Vec<&Share<R>>> = args.iter().map(|v| R::share(v)).collect();
    let shares = shares.ok_or_else(|| unsupported(call.op, args, Scheme::Replicated))?;
    let (op, env) = (call.op, call.env);
    let share = match (op, shares.as_slice()) {
        (Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual, [x, y]) => {
            return Ok(Value::RepBits(order::compare(call, x, y).await?));
        }
        (Op::ArgMin | Op::ArgMax, [x]) => return Ok(Value::Rep64(reduce::position::<Replicated, R>(call, x).await?)),
        (Op::Add, [x, y]) => x.add(y)?,
        (Op::Sub, [x, y]) => x.sub(y)?,
        (Op::Neg, [x]) => x.neg(),
        (Op::Mul | Op::Square | Op::MatMul | Op::Dot, _) => {
            product(call, shares.into_iter().cloned().collect()).await?
        }
        (Op::Conv1d | Op::Conv2d, [x, kernel]) => convolution(call, x, kernel).await?,
        (Op::MaxPool2d | Op::AvgPool2d, [x]) => reduce::pool::<Replicated, R>(call, x).await?,
        (Op::Sum, [x]) => reduce::sum::<Replicated, R>(call, x)?,
        (Op::CumSum, [x]) => reduce::running::<Replicated, R>(call, x)?,
        (Op::Minimum | Op::Maximum, [x, y]) => order::extreme(call, op == Op::Minimum, x, y).await?,
        (Op::Abs | Op::Sign | Op::Relu | Op::Clip, [x]) => order::unary(call, x).await?,
        (Op::Min | Op::Max | Op::Mean | Op::Variance | Op::Std | Op::Norm, [x]) => {
            reduce::reduce::<Replicated, R>(call, x).await?
        }
        (_, operands) if op.family() == Family::Real => {
            let frac = call.frac().ok_or_else(|| unsupported(op, args, Scheme::Replicated))?;
            match operands {
                [x] if op.spec().rule == Rule::UnaryReal => thirds::elementwise(call, x, frac).await?,
                _ => real::real::<Replicated, R>(call, operands, frac).await?,
            }
        }
        _ if is_structural(op) => Share::join(&shares, |parts| structural(op, call.attrs, parts, env.shape))?,
        _ => return Err(unsupported(op, args, Scheme::Replicated)),
    };
    Ok(R::value(share))
}

/// A product that lets go of operands that nobody else needs.
async fn consumed<R: Carried>(call: &Call<'_>, given: Vec<Cow<'_, Value>>) -> Result<Value> {
    if !given.iter().all(|v| R::share(v).is_some()) {
        return Err(unsupported(call.op, &borrowed(&given), Scheme::Replicated));
    }
    let shares = given.into_iter().filter_map(|v| R::share(&v).cloned()).collect();
    Ok(R::value(product(call, shares).await?))
}

/// Products, truncated where the elements are fixed point.
async fn product<R: Carried>(call: &Call<'_>, args: Vec<Share<R>>) -> Result<Share<R>> {
    let (party, frac) = (call.party, call.frac().unwrap_or(0));
    let mut args = args.into_iter();
    match (call.op, args.next(), args.next()) {
        (Op::Mul, Some(x), Some(y)) => replicated::truncated(party, x, y, Product::Elementwise, frac).await,
        (Op::Square, Some(x), None) => replicated::truncated(party, x.clone(), x, Product::Elementwise, frac).await,
        (Op::MatMul, Some(x), Some(y)) => replicated::truncated(party, x, y, Product::Matrix, frac).await,
        (Op::Dot, Some(x), Some(y)) => replicated::dot_fixed(party, &x, &y, frac).await,
        _ => Err(Error::misuse("a product without its operands")),
    }
}

/// A convolution, truncated where the elements are fixed point.
async fn convolution<R: Carried>(call: &Call<'_>, x: &Share<R>, kernel: &Share<R>) -> Result<Share<R>> {
    let (window, groups) = moving(call.op, call.attrs);
    let images = |s: &Share<R>| s.try_map(|t| as_images(call.op, t));
    let (x, kernel) = (images(x)?, images(kernel)?);
    let result = match call.frac() {
        Some(f) => replicated::conv2d_fixed(call.party, &x, &kernel, window, groups, f).await?,
        None => replicated::conv2d(call.party, &x, &kernel, window, groups).await?,
    };
    result.reshape(call.env.shape)
}

/// Operators on truth values.
async fn bits(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let parts: Option<Vec<&BitShare>> =
        args.iter().map(|v| if let Value::RepBits(b) = v { Some(b) } else { None }).collect();
    let parts = parts.ok_or_else(|| unsupported(call.op, args, Scheme::Replicated))?;
    if is_structural(call.op) {
        let moved = BitShare::join(&parts, |t: &[&Tensor<bool>]| structural(call.op, call.attrs, t, call.env.shape))?;
        return Ok(Value::RepBits(moved));
    }
    Ok(Value::RepBits(logic::apply(call, &parts).await?))
}
