//! Result types of the operators that only change a shape.

use crate::attrs::Attrs;
use crate::attrs::IndexItem;
use crate::infer::{Problem, broadcast, problem, range_length};
use crate::ops::Op;
use crate::types::{DType, Dim, Shape, Type};

type Result<T> = std::result::Result<T, Problem>;

/// The type of a structural operator's result.
pub(crate) fn structural(op: Op, args: &[&Type], attrs: &Attrs) -> Result<Type> {
    let x = args[0];
    for other in &args[1..] {
        if other.dtype != x.dtype {
            return Err(problem(
                "type.mismatch",
                format!("`{}` of {x} and {other}: the element types differ", op.name()),
            ));
        }
    }
    let axis = attrs.int("axis").unwrap_or(0) as usize;
    let shape = match op {
        Op::Reshape => reshape(x, attrs.shape("shape").expect("required"))?,
        Op::Broadcast => {
            let to = attrs.shape("shape").expect("required");
            let joined = broadcast(op, &[&x.shape, to])?;
            if joined != *to {
                return Err(problem("shape.broadcast", format!("`broadcast`: {x} does not fill the shape")));
            }
            joined
        }
        Op::Transpose => transpose(x, attrs)?,
        Op::Index => index(x, attrs.index("at").expect("required"))?,
        Op::Concat => concat(args, axis)?,
        Op::Stack => {
            if let Some(other) = args.iter().find(|t| t.shape != x.shape) {
                return Err(problem("shape.stack", format!("`stack` needs one shape, not {x} and {other}")));
            }
            with_axis(x, axis, Dim::constant(args.len() as u64))
        }
        Op::ExpandDims => with_axis(x, axis, Dim::constant(1)),
        Op::Squeeze => {
            if !x.shape[axis].is_one() {
                return Err(problem("shape.squeeze", format!("`squeeze`: axis {axis} of {x} is not of length 1")));
            }
            let mut shape = x.shape.clone();
            shape.remove(axis);
            shape
        }
        Op::Diagonal => match x.shape.as_slice() {
            [a, b] if a == b => vec![a.clone()],
            _ => return Err(problem("shape.diagonal", format!("`diagonal` needs a square matrix, not {x}"))),
        },
        Op::CumSum => {
            if x.rank() == 0 || !x.dtype.is_numeric() {
                return Err(problem("type.operand", format!("`cumsum` needs numbers along an axis, not {x}")));
            }
            x.shape.clone()
        }
        other => return Err(problem("misuse", format!("`{}` is not structural", other.name()))),
    };
    Ok(Type::new(x.dtype, shape))
}

fn with_axis(x: &Type, axis: usize, dim: Dim) -> Shape {
    let mut shape = x.shape.clone();
    shape.insert(axis, dim);
    shape
}

/// Named axes cannot be multiplied out, so they must stand unchanged on both sides; the rest must hold
/// equally many elements.
fn reshape(x: &Type, to: &Shape) -> Result<Shape> {
    let split = |shape: &Shape| {
        let named: Vec<Dim> = shape.iter().filter(|d| d.as_constant().is_none()).cloned().collect();
        let count = shape.iter().filter_map(Dim::as_constant).try_fold(1u64, u64::checked_mul);
        (named, count)
    };
    let ((mut from_names, from), (mut to_names, count)) = (split(&x.shape), split(to));
    from_names.sort();
    to_names.sort();
    if from_names == to_names && from == count && from.is_some() {
        return Ok(to.clone());
    }
    let to = Type::new(DType::Bool, to.clone()).to_string();
    Err(problem(
        "shape.reshape",
        format!("`reshape` of {x} to {}: not the same number of elements", to.trim_start_matches("bool")),
    ))
}

fn transpose(x: &Type, attrs: &Attrs) -> Result<Shape> {
    let axes: Vec<usize> = match attrs.ints("axes") {
        Some(axes) => axes.iter().map(|a| *a as usize).collect(),
        None => (0..x.rank()).rev().collect(),
    };
    if axes.len() != x.rank() {
        return Err(problem("shape.axis", format!("`transpose` of {x} needs {} axes", x.rank())));
    }
    Ok(axes.iter().map(|a| x.shape[*a].clone()).collect())
}

fn index(x: &Type, at: &[IndexItem]) -> Result<Shape> {
    if at.iter().any(|item| matches!(item, IndexItem::Range { step: 0, .. })) {
        return Err(problem("shape.index", "a range goes on by at least 1".to_owned()));
    }
    if at.len() > x.rank() {
        return Err(problem("shape.index", format!("{} positions for {x}", at.len())));
    }
    let mut shape = Vec::new();
    for (i, dim) in x.shape.iter().enumerate() {
        match at.get(i) {
            None => shape.push(dim.clone()),
            Some(item) => match range_length(item, dim) {
                None if dim.as_constant().is_none() => {
                    return Err(problem(
                        "shape.index",
                        format!("a range of the named axis {dim} must be all of it (`:`)"),
                    ));
                }
                None => {
                    return Err(problem("shape.index", format!("there is no position {item} along {dim} in {x}")));
                }
                Some(n) => {
                    if let IndexItem::Range { .. } = item {
                        shape.push(n);
                    }
                }
            },
        }
    }
    Ok(shape)
}

fn concat(args: &[&Type], axis: usize) -> Result<Shape> {
    let x = args[0];
    if x.rank() == 0 {
        return Err(problem("shape.rank", "`concat` needs an axis; use `stack` for scalars".to_owned()));
    }
    let mut shape = x.shape.clone();
    for other in &args[1..] {
        let fits = other.rank() == x.rank() && (0..x.rank()).all(|i| i == axis || other.shape[i] == x.shape[i]);
        let sum = shape[axis].checked_add(other.shape.get(axis).unwrap_or(&Dim::default()));
        match sum {
            Some(sum) if fits => shape[axis] = sum,
            _ => return Err(problem("shape.concat", format!("`concat` along axis {axis} of {x} and {other}"))),
        }
    }
    Ok(shape)
}
