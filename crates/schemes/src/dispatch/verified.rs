//! Operators on verified shares, and their moves. All of it is composed of the primitives of the scheme.

use algebra::{Ring, ShapeError, Tensor, unfold};
use ir::{Attrs, DType, Family, Op, RingBits, Rule, Scheme as Kind};

use super::form::Element;
use super::order::order_of;
use super::replicated::Call;
use super::transfer::{Route, Within, clear, words};
use super::{public, real, reduce, rows, unsupported};
use crate::error::{Error, Result};
use crate::functions;
use crate::malicious::{self, BitShare, Limits, Malicious, Past, Promise, Share};
use crate::party::Party;
use crate::plain::{Plain, as_images, cast, is_structural, moving, structural};
use crate::primitives::{Linear, Logic, Scheme};
use crate::value::{Env, Value};

/// A ring whose verified shares are values.
trait Carried: Element {
    fn value(share: Share<Self>) -> Value;
    fn share(value: &Value) -> Option<&Share<Self>>;
}

impl Carried for u64 {
    fn value(share: Share<u64>) -> Value {
        Value::Ver64(share)
    }

    fn share(value: &Value) -> Option<&Share<u64>> {
        if let Value::Ver64(s) = value { Some(s) } else { None }
    }
}

impl Carried for u128 {
    fn value(share: Share<u128>) -> Value {
        Value::Ver128(share)
    }

    fn share(value: &Value) -> Option<&Share<u128>> {
        if let Value::Ver128(s) = value { Some(s) } else { None }
    }
}

/// Our side of one operator.
pub(super) async fn apply(party: &Party, op: Op, attrs: &Attrs, args: &[&Value], env: &Env<'_>) -> Result<Value> {
    let role = party.role().ok_or_else(|| Error::misuse("an operator was run by a player outside its placement"))?;
    if let Some(value) = public::apply(op, attrs, args, env)? {
        return Ok(value);
    }
    let call = Call { party, role, op, attrs, env, dtype: env.operand };
    let scaled = match (op, args) {
        (Op::Mul, [Value::Plain(c), x]) | (Op::Mul | Op::Div, [x, Value::Plain(c)]) => by_public(&call, x, c).await?,
        _ => None,
    };
    if let Some(value) = scaled {
        return Ok(value);
    }
    let share = |a: &&Value| match a {
        Value::Plain(plain) => shared(role, plain, public::becomes(plain, call.dtype, env.dtype)),
        shared => Ok((*shared).clone()),
    };
    let shares = args.iter().map(share).collect::<Result<Vec<Value>>>()?;
    on_shares(&call, &shares.iter().collect::<Vec<_>>()).await
}

async fn on_shares(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let op = call.op;
    match args {
        [x] if op == Op::Assume => Ok((*x).clone()),
        [x] if op == Op::Cast => convert(call, x).await,
        _ if op.spec().rule == Rule::Rows => rows::apply::<Malicious>(call, args).await,
        [Value::VerBits(c), Value::Ver64(x), Value::Ver64(y)] => choose(call, c, x, y).await,
        [Value::VerBits(c), Value::Ver128(x), Value::Ver128(y)] => choose(call, c, x, y).await,
        [Value::Ver64(_), ..] => ring::<u64>(call, args).await,
        [Value::Ver128(_), ..] => ring::<u128>(call, args).await,
        [Value::VerBits(_), ..] => bits(call, args).await,
        _ => Err(unsupported(op, args, Kind::Malicious)),
    }
}

/// A trivial sharing of a public value, which becomes an element of `dtype` first.
pub(super) fn shared(role: usize, value: &Plain, dtype: DType) -> Result<Value> {
    let past = Past::default();
    Ok(match public::shared(role, value, dtype)? {
        Value::Rep64(x) => Value::Ver64(Share::new(x, past)),
        Value::Rep128(x) => Value::Ver128(Share::new(x, past)),
        Value::RepBits(x) => Value::VerBits(BitShare::new(x, past)),
        other => other,
    })
}

/// A product or quotient with public real numbers, as exact as these; `None` for what is no fixed point.
async fn by_public(call: &Call<'_>, x: &Value, c: &Plain) -> Result<Option<Value>> {
    if call.frac().is_none() {
        return Ok(None);
    }
    let factors = c.to_f64().map(|c| if call.op == Op::Div { 1.0 / c } else { *c });
    Ok(match x {
        Value::Ver64(x) => Some(Value::Ver64(functions::scale::<Malicious, u64>(call.party, x, &factors).await?)),
        Value::Ver128(x) => Some(Value::Ver128(functions::scale::<Malicious, u128>(call.party, x, &factors).await?)),
        _ => None,
    })
}

async fn choose<R: Carried>(call: &Call<'_>, c: &BitShare, x: &Share<R>, y: &Share<R>) -> Result<Value> {
    Ok(R::value(malicious::select(call.party, c, x, y).await?))
}

/// Operators on elements of one ring.
async fn ring<R: Carried>(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let shares: Option<Vec<&Share<R>>> = args.iter().map(|v| R::share(v)).collect();
    let shares = shares.ok_or_else(|| unsupported(call.op, args, Kind::Malicious))?;
    let (op, env) = (call.op, call.env);
    let share = match (op, shares.as_slice()) {
        (Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual, [x, y]) => {
            return Ok(Value::VerBits(compare(call, x, y).await?));
        }
        (Op::ArgMin | Op::ArgMax, [x]) => {
            return Ok(Value::Ver64(reduce::position::<Malicious, R>(call, x).await?));
        }
        (Op::Add, [x, y]) => x.plus(y)?,
        (Op::Sub, [x, y]) => x.minus(y)?,
        (Op::Neg, [x]) => x.times(R::ONE.wneg())?,
        (Op::Mul, [x, y]) => malicious::mul_fixed(call.party, x, y, call.frac().unwrap_or(0)).await?,
        (Op::Square, [x]) => malicious::mul_fixed(call.party, x, x, call.frac().unwrap_or(0)).await?,
        (Op::MatMul | Op::Dot, [x, y]) => malicious::matmul_fixed(call.party, x, y, call.frac().unwrap_or(0)).await?,
        (Op::Conv1d | Op::Conv2d, [x, kernel]) => convolution(call, x, kernel).await?,
        (Op::MaxPool2d | Op::AvgPool2d, [x]) => reduce::pool::<Malicious, R>(call, x).await?,
        (Op::Sum, [x]) => reduce::sum::<Malicious, R>(call, x)?,
        (Op::CumSum, [x]) => reduce::running::<Malicious, R>(call, x)?,
        (Op::Minimum | Op::Maximum, [x, y]) => extreme(call, op == Op::Minimum, x, y).await?,
        (Op::Abs | Op::Sign | Op::Relu | Op::Clip, [x]) => unary(call, x).await?,
        (Op::Min | Op::Max | Op::Mean | Op::Variance | Op::Std | Op::Norm, [x]) => {
            reduce::reduce::<Malicious, R>(call, x).await?
        }
        (_, operands) if op.family() == Family::Real => {
            let frac = call.frac().ok_or_else(|| unsupported(op, args, Kind::Malicious))?;
            real::real::<Malicious, R>(call, operands, frac).await?
        }
        _ if is_structural(op) => Share::join(&shares, |parts| structural(op, call.attrs, parts, env.shape))?,
        _ => return Err(unsupported(op, args, Kind::Malicious)),
    };
    Ok(R::value(share))
}

async fn compare<R: Carried>(call: &Call<'_>, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
    let (party, order) = (call.party, order_of(call.dtype));
    match call.op {
        Op::Equal => malicious::equal(party, x, y).await,
        Op::NotEqual => malicious::equal(party, x, y).await?.not(party),
        Op::Less => malicious::less(party, x, y, order).await,
        Op::Greater => malicious::less(party, y, x, order).await,
        Op::LessEqual => malicious::less(party, y, x, order).await?.not(party),
        _ => malicious::less(party, x, y, order).await?.not(party),
    }
}

/// The lesser (`least`) or greater of two.
async fn extreme<R: Carried>(call: &Call<'_>, least: bool, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    let party = call.party.enter("extreme");
    let first = malicious::less(&party, x, y, order_of(call.dtype)).await?;
    let (x, y) = if least { (x, y) } else { (y, x) };
    malicious::select(&party, &first, x, y).await
}

/// Absolute value, sign, ReLU, limits.
async fn unary<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let party = call.party;
    match call.op {
        Op::Relu if call.dtype == DType::U64 => Ok(x.clone()),
        Op::Relu => {
            let positive = malicious::msb(party, x).await?.not(party)?;
            malicious::mul_bit(party, &positive, x).await
        }
        Op::Abs => {
            let negative = malicious::msb(party, x).await?;
            malicious::select(party, &negative, &x.times(R::ONE.wneg())?, x).await
        }
        Op::Sign => {
            // Whether 0 < x, less whether x < 0.
            let both = Share::stack(&[&x.times(R::ONE.wneg())?, x])?;
            let signs = malicious::to_ring::<R>(party, &malicious::msb(party, &both).await?).await?;
            let (above, below) = (signs.row(0)?, signs.row(1)?);
            let mut sign = above.minus(&below)?;
            if call.dtype == DType::I64 {
                // The least integer is its own negative, and counts as negative only.
                sign = sign.minus(&malicious::mul(party, &above, &below).await?)?;
            }
            sign.times(R::ONE.wshl(call.frac().unwrap_or(0)))
        }
        _ => {
            let limit = |name| Share::public(party, &Tensor::scalar(super::order::limit::<R>(call, name)?));
            let raised = extreme(call, false, x, &limit("low")?).await?;
            extreme(call, true, &raised, &limit("high")?).await
        }
    }
}

/// A convolution as products of matrices: of each group's kernels with the windows that they see.
async fn convolution<R: Carried>(call: &Call<'_>, x: &Share<R>, kernel: &Share<R>) -> Result<Share<R>> {
    let (window, groups) = moving(call.op, call.attrs);
    let (x, kernel) = (x.try_map(|t| as_images(call.op, t))?, kernel.try_map(|t| as_images(call.op, t))?);
    let &[outputs, depth, height, width] = kernel.shape() else {
        return Err(Error::misuse("a kernel of a convolution has four axes"));
    };
    let each = outputs / groups.max(1);
    // A batch axis for the groups: [n, groups, depth·h·w, positions] and [groups, outputs, depth·h·w].
    let columns = x.try_map(|t| {
        let parts = (0..groups).map(|g| unfold(&t.slice(1, g * depth, (g + 1) * depth, 1)?, [height, width], window));
        let parts = parts.collect::<Result<Vec<Tensor<R>>, ShapeError>>()?;
        Tensor::stack(&parts.iter().collect::<Vec<_>>(), 1)
    })?;
    let kernels = kernel.try_map(|t| t.reshape(vec![groups, each, depth * height * width]))?;
    let product = malicious::matmul_fixed(call.party, &kernels, &columns, call.frac().unwrap_or(0)).await?;
    Ok(product.try_map(|t| t.reshape(call.env.shape.to_vec()))?)
}

/// Operators on truth values.
async fn bits(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let parts: Option<Vec<&BitShare>> =
        args.iter().map(|v| if let Value::VerBits(b) = v { Some(b) } else { None }).collect();
    let parts = parts.ok_or_else(|| unsupported(call.op, args, Kind::Malicious))?;
    let party = call.party;
    Ok(Value::VerBits(match (call.op, parts.as_slice()) {
        (op, _) if is_structural(op) => {
            BitShare::join(&parts, |t: &[&Tensor<bool>]| structural(op, call.attrs, t, call.env.shape))?
        }
        (Op::Not, [x]) => x.not(party)?,
        (Op::Xor | Op::NotEqual, [x, y]) => x.xor(y)?,
        (Op::Equal, [x, y]) => x.xor(y)?.not(party)?,
        (Op::And, [x, y]) => malicious::and_bits(party, x, y).await?,
        (Op::Or, [x, y]) => malicious::and_bits(party, &x.not(party)?, &y.not(party)?).await?.not(party)?,
        // x where c, else y: y ⊕ c·(x ⊕ y).
        (Op::Select, [c, x, y]) => {
            malicious::and_bits(party, c, &x.xor(y)?).await?.xor(y)?.try_map(|t| t.broadcast_to(call.env.shape))?
        }
        (Op::All, [x]) => functions::all::<Malicious>(party, x, &call.axes(x.shape().len()), call.keep_dims()).await?,
        (Op::Any, [x]) => functions::any::<Malicious>(party, x, &call.axes(x.shape().len()), call.keep_dims()).await?,
        _ => return Err(unsupported(call.op, args, Kind::Malicious)),
    }))
}

/// The bits of a type's ring, and its fraction bits.
fn form(dtype: DType) -> Option<(RingBits, u32)> {
    match dtype {
        DType::I64 | DType::U64 => Some((RingBits::B64, 0)),
        DType::Fixed { ring, frac } => Some((ring, u32::from(frac))),
        _ => None,
    }
}

/// The same numbers in another type.
async fn convert(call: &Call<'_>, x: &Value) -> Result<Value> {
    let (from, to) = (form(call.dtype).map_or(0, |(_, frac)| frac), form(call.env.dtype));
    match (x, to) {
        (Value::VerBits(_), None) => Ok(x.clone()),
        (Value::VerBits(b), Some((RingBits::B64, frac))) => Ok(Value::Ver64(from_bits(call, b, frac).await?)),
        (Value::VerBits(b), Some((RingBits::B128, frac))) => Ok(Value::Ver128(from_bits(call, b, frac).await?)),
        (Value::Ver64(s), None) => truth(call, s).await,
        (Value::Ver128(s), None) => truth(call, s).await,
        (Value::Ver64(s), Some((RingBits::B64, frac))) => Ok(Value::Ver64(scaled(call, s, from, frac).await?)),
        (Value::Ver64(s), Some((RingBits::B128, frac))) => {
            // First widened, so that a shift to the left has room.
            let wide = malicious::widen(call.party, s).await?;
            Ok(Value::Ver128(scaled(call, &wide, from, frac).await?))
        }
        (Value::Ver128(s), Some((RingBits::B128, frac))) => Ok(Value::Ver128(scaled(call, s, from, frac).await?)),
        (Value::Ver128(s), Some((RingBits::B64, frac))) => {
            Ok(Value::Ver64(Malicious::lower(&scaled(call, s, from, frac).await?)))
        }
        _ => Err(unsupported(call.op, &[x], Kind::Malicious)),
    }
}

async fn from_bits<R: Ring>(call: &Call<'_>, b: &BitShare, frac: u32) -> Result<Share<R>> {
    malicious::to_ring::<R>(call.party, b).await?.times(R::ONE.wshl(frac))
}

async fn truth<R: Ring>(call: &Call<'_>, x: &Share<R>) -> Result<Value> {
    let zero = Share::public(call.party, &Tensor::scalar(R::ZERO))?;
    Ok(Value::VerBits(malicious::equal(call.party, x, &zero).await?.not(call.party)?))
}

/// From one number of fraction bits to another. Fewer by rounding: to whole numbers exactly to the nearest (halves up),
/// otherwise within one unit.
async fn scaled<R: Ring>(call: &Call<'_>, x: &Share<R>, from: u32, to: u32) -> Result<Share<R>> {
    if to >= from {
        return x.times(R::ONE.wshl(to - from));
    }
    let (party, by) = (call.party, from - to);
    if to > 0 {
        return malicious::truncate(party, x, by).await;
    }
    let half = R::ONE.wshl(by - 1);
    // A truncation may give either neighbour, so the rest decides: one more if rest ≥ half, one less if rest < -half.
    let t = malicious::truncate(party, x, by).await?;
    let rest = x.minus(&t.times(R::ONE.wshl(by))?)?;
    let both = Share::stack(&[&rest.plus_public(party, half.wneg())?, &rest.plus_public(party, half)?])?;
    let signs = malicious::to_ring::<R>(party, &malicious::msb(party, &both).await?).await?;
    t.plus_public(party, R::ONE)?.minus(&signs.row(0)?)?.minus(&signs.row(1)?)
}

/// Shares what a host has, and tests that it is in the range that it is held to.
pub(super) async fn share(party: &Party, route: &Route<'_>, value: Option<&Value>) -> Result<Option<Value>> {
    let dealer = route.from.1[0];
    let value = value.map(|v| cast(clear(v)?, route.dtype.1)).transpose()?;
    let shape = route.shape;
    Ok(match (route.dtype.1, &value) {
        (DType::Bool, value) => {
            let bits = if let Some(Plain::Bool(t)) = value { Some(t) } else { None };
            malicious::share_bits(party, dealer, bits, shape).await?.map(Value::VerBits)
        }
        (DType::Fixed { ring: RingBits::B128, .. }, value) => {
            let elements = if let Some(Plain::Fixed128(t, _)) = value { Some(t) } else { None };
            let shared = malicious::share(party, dealer, elements, shape).await?;
            shared.map(|x| Value::Ver128(within(party, route, x)))
        }
        (_, value) => {
            let elements = value.as_ref().map(words).transpose()?;
            let shared = malicious::share(party, dealer, elements.as_ref(), shape).await?;
            shared.map(|x| Value::Ver64(within(party, route, x)))
        }
    })
}

/// What an owner shared, held to the range of the move.
fn within<R: Ring>(party: &Party, route: &Route<'_>, x: Share<R>) -> Share<R> {
    let Some(within) = route.within else { return x };
    let Some(limits) = limits(route.dtype.1, within) else { return x };
    let range = ir::show_range(within.low, within.high);
    malicious::within(party, x, limits, Promise { owner: route.from.1[0], value: within.value.to_owned(), range })
}

/// A range in elements of a type's ring; `None` if every element is within.
fn limits<R: Ring>(dtype: DType, within: Within<'_>) -> Option<Limits<R>> {
    let (least, greatest, frac) = match dtype {
        DType::U64 => (0, i128::from(u64::MAX), 0),
        DType::Fixed { frac, .. } => (-(1 << (R::BITS - 2)), (1 << (R::BITS - 2)) - 1, frac),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX), 0),
    };
    // Exact: a double times a power of two.
    let unit = f64::from(frac).exp2();
    let low = ((within.low * unit).ceil() as i128).clamp(least, greatest);
    let high = ((within.high * unit).floor() as i128).clamp(low, greatest);
    Limits::new(low, high)
}

/// Reveals a value to hosts, once it is verified.
pub(super) async fn reveal(party: &Party, route: &Route<'_>, value: Option<&Value>) -> Result<Option<Value>> {
    let (to, shape) = (route.to.1, route.shape);
    let trivial = match (value, party.role()) {
        (Some(Value::Plain(public)), Some(role)) => Some(shared(role, public, route.dtype.0)?),
        _ => None,
    };
    let value = trivial.as_ref().or(value);
    let held = match route.dtype.0 {
        DType::Bool => {
            let part = if let Some(Value::VerBits(b)) = value { Some(b) } else { None };
            malicious::reveal_bits(party, part, to, shape).await?.map(Plain::Bool)
        }
        DType::Fixed { ring: RingBits::B128, frac } => {
            let part = value.and_then(u128::share);
            malicious::reveal(party, part, to, shape).await?.map(|t| Plain::Fixed128(t, frac))
        }
        dtype => {
            let part = value.and_then(u64::share);
            malicious::reveal(party, part, to, shape).await?.map(|t| match dtype {
                DType::Fixed { frac, .. } => Plain::Fixed64(t, frac),
                DType::I64 => Plain::I64(t.map(|x| x.cast_signed())),
                _ => Plain::U64(t),
            })
        }
    };
    held.map(|plain| Ok(Value::Plain(cast(&plain, route.dtype.1)?))).transpose()
}
