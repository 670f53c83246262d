//! Binding a computation to lengths and data: every dimension gets a length, every input fits.

use check::InputRange;
use ir::{Computation, Op, Type, ValueId};
use schemes::Plain;

use crate::error::SessionError;
use crate::plan::Dims;

/// Checks that every named dimension has a length, that every type is of a size that a machine can hold, and that
/// batches come out even.
pub(crate) fn check_dims(c: &Computation, dims: &Dims) -> Result<(), SessionError> {
    for (dim, _) in c.dims() {
        match dims.get(&dim) {
            None => return Err(SessionError::DimUnbound { dim }),
            Some(0) => return Err(SessionError::DimMisfit { what: format!("`{dim}` is 0: there are no rows") }),
            Some(_) => {}
        }
    }
    for graph in std::iter::once(&c.graph).chain(c.functions.iter().map(|f| &f.graph)) {
        for value in &graph.values {
            let shape = concrete(&value.ty, dims)?;
            let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).filter(|n| *n <= MAX_ELEMENTS);
            if count.is_none() {
                return Err(SessionError::DimMisfit { what: format!("a value of type {} is too large", value.ty) });
            }
        }
        let mut problem = None;
        graph.visit(&mut |instr| {
            if instr.op == Op::Fold
                && let Err(e) =
                    batches(&graph.value(instr.args[0]).ty, instr.attrs.int("by"), instr.attrs.bool("drop"), dims)
            {
                problem.get_or_insert(e);
            }
            if let Some(what) =
                instr.args.first().and_then(|x| ir::too_few(instr.op, &graph.value(*x).ty, &instr.attrs, dims))
            {
                problem.get_or_insert(SessionError::DimMisfit { what });
            }
        });
        if let Some(e) = problem {
            return Err(e);
        }
    }
    Ok(())
}

/// The most elements of one value: 2^40, far above any memory, so that sizes in bytes never overflow.
const MAX_ELEMENTS: usize = 1 << 40;

/// The number of batches of a `fold`.
pub(crate) fn batches(rows: &Type, by: Option<i64>, drop: Option<bool>, dims: &Dims) -> Result<usize, SessionError> {
    let rows = concrete(rows, dims)?.first().copied().unwrap_or(0);
    let by = by.and_then(|b| usize::try_from(b).ok()).filter(|b| *b > 0).unwrap_or(1);
    if rows % by != 0 && drop != Some(true) {
        let what = format!("{rows} rows do not make batches of {by}; add `drop` to leave out the last rows");
        return Err(SessionError::DimMisfit { what });
    }
    Ok(rows / by)
}

/// The lengths of all axes.
pub(crate) fn concrete(ty: &Type, dims: &Dims) -> Result<Vec<usize>, SessionError> {
    ty.concrete(dims).map_err(|dim| SessionError::DimUnbound { dim: dim.to_string() })
}

/// Checks one input's shape against its type and the lengths agreed on.
pub(crate) fn check_input(
    c: &Computation,
    input: ValueId,
    name: &str,
    shape: &[usize],
    dims: &Dims,
) -> Result<(), SessionError> {
    let value = c.graph.value(input);
    let wanted = concrete(&value.ty, dims)?;
    if shape == wanted {
        return Ok(());
    }
    let player = c.placement(value.placement).players[0];
    Err(SessionError::InputMisfit {
        player: c.player(player).name.clone(),
        input: name.to_owned(),
        what: format!("has the shape {shape:?}; agreed on was {} = {wanted:?}", value.ty),
    })
}

/// Holds an input to its range, at its owner: what the program computes of it has room for no other numbers.
pub(crate) fn check_range(input: &str, player: &str, data: &Plain, range: InputRange) -> Result<(), SessionError> {
    let whole = |x: i128| (range.low.ceil() as i128) <= x && x <= (range.high.floor() as i128);
    let outside = match data {
        // Exactly: a double may be too coarse for a large integer.
        Plain::I64(t) => t.data().iter().position(|x| !whole(i128::from(*x))),
        Plain::U64(t) => t.data().iter().position(|x| !whole(i128::from(*x))),
        data => data.as_f64().data().iter().position(|x| !(range.low <= *x && *x <= range.high)),
    };
    let Some(element) = outside else { return Ok(()) };
    let rows = data.shape().first().copied().unwrap_or(1).max(1);
    let row = element / (data.shape().iter().product::<usize>() / rows).max(1);
    Err(SessionError::InputRange {
        player: player.to_owned(),
        input: input.to_owned(),
        element,
        row,
        place: None,
        range,
    })
}
