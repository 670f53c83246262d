//! Result types of the operators that order, pick and gather rows.

use std::collections::BTreeMap;

use crate::attrs::Attrs;
use crate::infer::{Problem, accept, problem, too_few};
use crate::ops::Op;
use crate::types::{DType, Dim, Type};

type Result<T> = std::result::Result<T, Problem>;

/// The type of the result of an operator on rows.
pub(crate) fn infer(op: Op, args: &[&Type], attrs: &Attrs) -> Result<Type> {
    let x = args[0];
    Ok(match op {
        Op::Shuffle => {
            rows(op, x)?;
            x.clone()
        }
        Op::Sort => vector(op, x)?.clone(),
        Op::ArgSort => Type::new(DType::I64, vector(op, x)?.shape.clone()),
        Op::SortBy => {
            same_rows(op, x, vector(op, args[1])?)?;
            x.clone()
        }
        Op::TopK => top_k(vector(op, x)?, attrs)?,
        Op::Quantile | Op::Median => quantile(op, x, attrs)?,
        Op::Histogram => histogram(x, attrs)?,
        Op::Take => {
            rows(op, x)?;
            let shape = index(op, args[1])?.shape.iter().chain(&x.shape[1..]).cloned().collect();
            Type::new(x.dtype, shape)
        }
        Op::Put => put(x, index(op, args[1])?, args[2])?,
        Op::GroupCount => Type::new(DType::I64, vec![groups(op, key(op, x)?, attrs)?]),
        Op::GroupSum | Op::GroupMean => group(op, x, key(op, args[1])?, attrs)?,
        Op::SegmentLast => Type::new(DType::Bool, key(op, x)?.shape.clone()),
        _ => {
            numbers(op, x)?;
            same_rows(op, x, key(op, args[1])?)?;
            x.clone()
        }
    })
}

fn numbers(op: Op, x: &Type) -> Result<()> {
    accept(op, x, DType::is_numeric, "numbers")
}

/// A tensor with rows.
fn rows(op: Op, x: &Type) -> Result<&Type> {
    if x.dtype == DType::Bytes {
        return Err(problem("type.operand", format!("`{}` does not move bytes", op.name())));
    }
    if x.rank() > 0 {
        return Ok(x);
    }
    Err(problem("shape.rank", format!("`{}` needs rows, and {x} has none", op.name())))
}

/// A vector of numbers.
fn vector(op: Op, x: &Type) -> Result<&Type> {
    numbers(op, x)?;
    if x.rank() == 1 {
        return Ok(x);
    }
    Err(problem("shape.rank", format!("`{}` needs a vector, not {x}", op.name())))
}

/// A vector of whole numbers.
fn key(op: Op, x: &Type) -> Result<&Type> {
    if !x.dtype.is_integer() {
        let p = problem("type.operand", format!("`{}` needs keys that are whole numbers, not {x}", op.name()));
        return Err(Problem { help: Some("convert them, as `cast(key, type=i64)`".to_owned()), ..p });
    }
    vector(op, x)
}

/// One position or a vector of them.
fn index(op: Op, x: &Type) -> Result<&Type> {
    if x.dtype.is_integer() && x.rank() <= 1 {
        return Ok(x);
    }
    Err(problem(
        "type.operand",
        format!("`{}` needs a position or a vector of them as whole numbers, not {x}", op.name()),
    ))
}

/// That each row of x has one element of a key.
fn same_rows(op: Op, x: &Type, key: &Type) -> Result<()> {
    if rows(op, x)?.shape[0] == key.shape[0] {
        return Ok(());
    }
    Err(problem("shape.rows", format!("`{}`: {} rows of {x} and {} keys", op.name(), x.shape[0], key.shape[0])))
}

fn top_k(x: &Type, attrs: &Attrs) -> Result<Type> {
    let k = attrs.int("k").and_then(|k| u64::try_from(k).ok()).filter(|k| *k > 0);
    let k = k.ok_or_else(|| problem("attribute.value", "`k` of `top_k` is at least 1".to_owned()))?;
    match too_few(Op::TopK, x, attrs, &BTreeMap::new()) {
        Some(few) => Err(problem("shape.rows", few)),
        None => Ok(Type::new(x.dtype, vec![Dim::constant(k)])),
    }
}

fn quantile(op: Op, x: &Type, attrs: &Attrs) -> Result<Type> {
    accept(op, x, DType::is_real, "real numbers (float or fixed point)")?;
    if attrs.real("q").is_some_and(|q| !(0.0..=1.0).contains(&q)) {
        return Err(problem("attribute.value", "`q` of `quantile` is from 0 to 1".to_owned()));
    }
    match vector(op, x)?.shape[0].as_constant() {
        Some(0) => Err(problem("shape.empty", format!("`{}` of no numbers", op.name()))),
        _ => Ok(Type::scalar(x.dtype)),
    }
}

fn histogram(x: &Type, attrs: &Attrs) -> Result<Type> {
    vector(Op::Histogram, x)?;
    let edges = attrs.edges();
    if edges.len() < 2 || edges.windows(2).any(|e| e[0] >= e[1]) {
        return Err(problem("attribute.value", "`edges` of `histogram` are two or more increasing numbers".to_owned()));
    }
    Ok(Type::new(DType::I64, vec![Dim::constant(edges.len() as u64 - 1)]))
}

fn put(x: &Type, at: &Type, values: &Type) -> Result<Type> {
    numbers(Op::Put, x)?;
    let wanted: Vec<Dim> = at.shape.iter().chain(&rows(Op::Put, x)?.shape[1..]).cloned().collect();
    if values.dtype == x.dtype && values.shape == wanted {
        return Ok(x.clone());
    }
    let wanted = Type::new(x.dtype, wanted);
    Err(problem("shape.rows", format!("`put` into {x} at {} positions needs {wanted}, not {values}", at)))
}

fn groups(op: Op, key: &Type, attrs: &Attrs) -> Result<Dim> {
    let count = attrs.int("groups").and_then(|g| u64::try_from(g).ok()).filter(|g| *g > 0);
    let count =
        count.ok_or_else(|| problem("attribute.value", format!("`groups` of `{}` is at least 1", op.name())))?;
    vector(op, key)?;
    Ok(Dim::constant(count))
}

fn group(op: Op, x: &Type, key: &Type, attrs: &Attrs) -> Result<Type> {
    if op == Op::GroupMean {
        accept(op, x, DType::is_real, "real numbers (float or fixed point)")?;
    }
    numbers(op, x)?;
    same_rows(op, x, key)?;
    let mut shape = x.shape.clone();
    shape[0] = groups(op, key, attrs)?;
    Ok(Type::new(x.dtype, shape))
}
