//! From operators to the kernels of their domain.

use algebra::Tensor;
use ir::{Attrs, DType, Literal, Number as PublicNumber, Op, Rule};

use super::structure::{is_structural, structural};
use super::{Plain, cast, exact, normal, real, rows, window};
use crate::error::{Error, Result};
use crate::value::Env;

/// Applies an operator to values in the clear. The result has the element type and shape of `env`.
///
/// # Errors
/// If shapes do not fit, a result does not fit its type, or the operator is none of a single value (control flow,
/// inputs and outputs).
pub fn apply(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    match op {
        Op::Const | Op::Fill | Op::Eye | Op::Size => public(op, attrs, env),
        Op::Cast | Op::Move => cast(args[0], env.dtype),
        Op::Assume => assume(attrs, args[0]),
        Op::Select => select(args),
        Op::And | Op::Or | Op::Xor | Op::Not | Op::Any | Op::All => logic(op, attrs, args, env),
        _ if is_structural(op) => structure(op, attrs, args, env),
        _ if op.spec().rule == Rule::Rows => rows::apply(op, attrs, args, env),
        _ => numeric(op, attrs, args, env),
    }
}

/// What a program takes for granted is checked wherever it can be.
fn assume(attrs: &Attrs, x: &Plain) -> Result<Plain> {
    let (low, high) = attrs.range().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    match x.to_f64().data().iter().position(|v| !(low <= *v && *v <= high)) {
        Some(index) => Err(Error::Assumption { index, range: ir::show_range(low, high) }),
        None => Ok(x.clone()),
    }
}

fn unsupported(op: Op, args: &[&Plain]) -> Error {
    let operands: Vec<String> = args.iter().map(|a| a.dtype().to_string()).collect();
    Error::Unsupported { op: op.name(), operands: operands.join(" and "), scheme: "host" }
}

/// Constants of the program.
fn public(op: Op, attrs: &Attrs, env: &Env<'_>) -> Result<Plain> {
    let shape = env.shape;
    let literal = |l: &Literal, i: usize| l.values.get(i).copied().unwrap_or(PublicNumber::Int(0));
    let number: Box<dyn Fn(usize) -> PublicNumber> = match op {
        Op::Eye => {
            let n = shape[0];
            Box::new(move |i| PublicNumber::Int(i128::from(i / n == i % n)))
        }
        Op::Size => {
            let n = attrs.str("dim").and_then(|d| env.dims.get(d)).copied();
            let n = n.ok_or_else(|| Error::misuse("the length of a dimension is not known"))?;
            Box::new(move |_| PublicNumber::Int(n.into()))
        }
        _ => {
            let value = attrs.literal("value").cloned().ok_or_else(|| Error::misuse("a constant without a value"))?;
            let one = op == Op::Fill;
            Box::new(move |i| literal(&value, if one { 0 } else { i }))
        }
    };
    let real = || Tensor::from_fn(shape, |i| number(i).to_f64());
    let whole = || {
        Tensor::from_fn(shape, |i| if let PublicNumber::Int(v) = number(i) { v } else { number(i).to_f64() as i128 })
    };
    match env.dtype {
        DType::Bool => Ok(Plain::Bool(real().map(|v| *v != 0.0))),
        DType::I64 | DType::U64 => cast::from_exact(&whole(), env.dtype),
        _ => cast(&Plain::F64(real()), env.dtype),
    }
}

fn structure(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    if args.iter().any(|a| a.dtype() != args[0].dtype()) {
        return Err(unsupported(op, args));
    }
    macro_rules! variants {
        ($($variant:ident $(($keep:ident))?),*) => {
            match args[0] {
                $(Plain::$variant(_ $(, $keep)?) => {
                    // All are of this variant, since their types are the same.
                    let tensors: Vec<_> =
                        args.iter().filter_map(|a| if let Plain::$variant(t, ..) = a { Some(t) } else { None }).collect();
                    Ok(Plain::$variant(structural(op, attrs, &tensors, env.shape)? $(, *$keep)?))
                })*
            }
        };
    }
    variants!(Bool, I64, U64, F32, F64, Fixed64(frac), Fixed128(frac))
}

fn select(args: &[&Plain]) -> Result<Plain> {
    let Plain::Bool(c) = args[0] else { return Err(unsupported(Op::Select, args)) };
    Ok(match (args[1], args[2]) {
        (Plain::Bool(x), Plain::Bool(y)) => Plain::Bool(exact::select(c, x, y)?),
        (Plain::I64(x), Plain::I64(y)) => Plain::I64(exact::select(c, x, y)?),
        (Plain::U64(x), Plain::U64(y)) => Plain::U64(exact::select(c, x, y)?),
        (Plain::F32(x), Plain::F32(y)) => Plain::F32(exact::select(c, x, y)?),
        (Plain::F64(x), Plain::F64(y)) => Plain::F64(exact::select(c, x, y)?),
        (Plain::Fixed64(x, f), Plain::Fixed64(y, g)) if f == g => Plain::Fixed64(exact::select(c, x, y)?, *f),
        (Plain::Fixed128(x, f), Plain::Fixed128(y, g)) if f == g => Plain::Fixed128(exact::select(c, x, y)?, *f),
        _ => return Err(unsupported(Op::Select, args)),
    })
}

fn logic(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let bools: Option<Vec<&Tensor<bool>>> =
        args.iter().map(|a| if let Plain::Bool(t) = a { Some(t) } else { None }).collect();
    let bools = bools.ok_or_else(|| unsupported(op, args))?;
    Ok(Plain::Bool(match (op, bools.as_slice()) {
        (Op::Not, [x]) => x.map(|x| !x),
        (Op::Any, [x]) => exact::reduce(x, &attrs.axes(x.rank()), env.shape, |g| Some(g.contains(&true)))?,
        (Op::All, [x]) => exact::reduce(x, &attrs.axes(x.rank()), env.shape, |g| Some(!g.contains(&false)))?,
        (Op::And, [x, y]) => x.zip_with(y, |x, y| *x && *y)?,
        (Op::Or, [x, y]) => x.zip_with(y, |x, y| *x || *y)?,
        (Op::Xor, [x, y]) => x.zip_with(y, |x, y| x != y)?,
        _ => return Err(unsupported(op, args)),
    }))
}

/// Arithmetic and orders: exactly where that is possible, else in double precision.
fn numeric(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let dtype = args.first().ok_or_else(|| unsupported(op, args))?.dtype();
    if args.iter().any(|a| a.dtype() != dtype) {
        return Err(unsupported(op, args));
    }
    let products = matches!(op, Op::Mul | Op::Square | Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d | Op::Sign);
    match dtype {
        DType::Bool => match op {
            Op::Equal | Op::NotEqual => whole_numbers(op, attrs, args, env),
            _ => Err(unsupported(op, args)),
        },
        DType::U64
            if matches!(
                op,
                Op::Add | Op::Sub | Op::Mul | Op::Square | Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d | Op::Sum
            ) =>
        {
            modular(op, attrs, args, env)
        }
        DType::I64 | DType::U64 => whole_numbers(op, attrs, args, env),
        DType::Fixed { .. } if !products && is_ordered(op) => whole_numbers(op, attrs, args, env),
        _ => real_numbers(op, attrs, args, env),
    }
}

/// Operators whose exact result on carried integers is that on the numbers.
fn is_ordered(op: Op) -> bool {
    matches!(
        op,
        Op::Add
            | Op::Sub
            | Op::Neg
            | Op::Abs
            | Op::Relu
            | Op::Minimum
            | Op::Maximum
            | Op::Sum
            | Op::Min
            | Op::Max
            | Op::CumSum
            | Op::MaxPool2d
    ) || gives_other_type(op)
}

fn gives_other_type(op: Op) -> bool {
    is_comparison(op) || matches!(op, Op::ArgMin | Op::ArgMax)
}

fn is_comparison(op: Op) -> bool {
    matches!(op, Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual)
}

fn whole_numbers(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let args: Vec<Tensor<i128>> = args.iter().map(|a| cast::scaled(a)).collect();
    if op == Op::Clip {
        // A whole number is at least 2.5 if and only if it is at least 3.
        let limit = |name, open: f64| attrs.real(name).unwrap_or(open);
        let (low, high) = (limit("low", -2e19).ceil() as i128, limit("high", 2e19).floor() as i128);
        return cast::from_exact(&args[0].map(|x| (*x).max(low).min(high)), env.dtype);
    }
    match generic(op, attrs, &args, env)? {
        Generic::Numbers(x) => cast::from_exact(&x, env.dtype),
        Generic::Other(plain) => Ok(plain),
    }
}

fn real_numbers(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let values: Vec<Tensor<f64>> = args.iter().map(|a| a.to_f64()).collect();
    let result = match op {
        Op::Div => real::div(&values[0], &values[1])?,
        Op::Power => values[0].zip_with(&values[1], |x, y| x.powf(*y))?,
        Op::MatMul | Op::Dot => algebra::matmul(&values[0], &values[1])?.into_shape(env.shape)?,
        Op::Conv1d | Op::Conv2d => window::convolve_fast(op, attrs, &values[0], &values[1], env.shape)?,
        Op::AvgPool2d => {
            let windows = window::windows(op, attrs, &values[0])?;
            exact::reduce(&windows, &[0], env.shape, |g| real::moment(Op::Mean, attrs, g))?
        }
        _ if matches!(op.spec().rule, Rule::Along | Rule::Broadcast) => normal::apply(op, attrs, &values)?,
        _ if op == Op::Clip || op.spec().rule == Rule::UnaryReal => real::unary(op, attrs, &values[0]),
        Op::Mean | Op::Variance | Op::Std | Op::Norm => {
            exact::reduce(&values[0], &attrs.axes(values[0].rank()), env.shape, |g| real::moment(op, attrs, g))?
        }
        _ => match generic(op, attrs, &values, env)? {
            Generic::Numbers(x) => x,
            Generic::Other(plain) => return Ok(plain),
        },
    };
    cast(&Plain::F64(result), env.dtype)
}

/// A result of numbers, or of truth values and positions.
enum Generic<T> {
    Numbers(Tensor<T>),
    Other(Plain),
}

fn generic<T: super::number::Number>(op: Op, attrs: &Attrs, args: &[Tensor<T>], env: &Env<'_>) -> Result<Generic<T>> {
    let x = &args[0];
    let axes = || attrs.axes(x.rank());
    Ok(Generic::Numbers(match op {
        _ if is_comparison(op) => return Ok(Generic::Other(Plain::Bool(exact::compare(op, x, &args[1])?))),
        Op::ArgMin | Op::ArgMax => {
            let axis = [attrs.int("axis").unwrap_or(0) as usize];
            return Ok(Generic::Other(Plain::I64(exact::reduce(x, &axis, env.shape, |g| exact::position(op, g))?)));
        }
        Op::Neg | Op::Square | Op::Abs | Op::Sign | Op::Relu => exact::unary(op, x)?,
        Op::Add | Op::Sub | Op::Mul | Op::Minimum | Op::Maximum => exact::binary(op, x, &args[1])?,
        Op::Sum | Op::Min | Op::Max => exact::reduce(x, &axes(), env.shape, |g| exact::fold(op, g))?,
        Op::CumSum => {
            let plus = |i, a, b| T::plus(a, b).ok_or_else(|| exact::overflow(i));
            exact::running(x, attrs.int("axis").unwrap_or(0) as usize, plus)?
        }
        Op::MatMul | Op::Dot => exact::matmul(x, &args[1], env.shape)?,
        Op::Conv1d | Op::Conv2d => window::convolve(op, attrs, x, &args[1], env.shape)?,
        Op::MaxPool2d => exact::reduce(&window::windows(op, attrs, x)?, &[0], env.shape, |g| exact::fold(Op::Max, g))?,
        _ => return Err(Error::misuse(format!("`{}` is no operator of single values", op.name()))),
    }))
}

/// `u64`: integers modulo 2^64.
fn modular(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let tensors: Option<Vec<&Tensor<u64>>> =
        args.iter().map(|a| if let Plain::U64(t) = a { Some(t) } else { None }).collect();
    let tensors = tensors.ok_or_else(|| unsupported(op, args))?;
    Ok(Plain::U64(match (op, tensors.as_slice()) {
        (Op::Add, [x, y]) => x.add(y)?,
        (Op::Sub, [x, y]) => x.sub(y)?,
        (Op::Mul, [x, y]) => x.mul(y)?,
        (Op::Square, [x]) => x.mul(x)?,
        (Op::Sum, [x]) => x.sum_axes(&attrs.axes(x.rank()), attrs.bool("keepdims").unwrap_or(false))?,
        (Op::Conv1d | Op::Conv2d, [x, y]) => window::convolve_fast(op, attrs, x, y, env.shape)?,
        (_, [x, y]) => algebra::matmul(x, y)?.into_shape(env.shape)?,
        _ => return Err(unsupported(op, args)),
    }))
}
