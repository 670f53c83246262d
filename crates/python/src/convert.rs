//! Between Python's objects and ours: literals, attributes, arrays, errors.

use privity::ir::{Attr, AttrKind, Attrs, Diagnostic, Dim, IndexItem, Literal, Number, Op};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};

/// A public constant: a number, or nested lists.
pub(crate) fn literal(value: &Bound<'_, PyAny>) -> PyResult<Literal> {
    let mut shape = Vec::new();
    let mut values = Vec::new();
    nested(value, 0, &mut shape, &mut values)?;
    Ok(Literal { shape, values })
}

fn nested(value: &Bound<'_, PyAny>, depth: usize, shape: &mut Vec<u64>, values: &mut Vec<Number>) -> PyResult<()> {
    let Ok(list) = value.cast::<PyList>() else {
        if depth != shape.len() {
            return Err(PyTypeError::new_err("the inner lists of a constant must be equally deep"));
        }
        values.push(number(value)?);
        return Ok(());
    };
    let n = list.len() as u64;
    match shape.get(depth) {
        None if values.is_empty() => shape.push(n),
        Some(m) if *m == n => {}
        _ => return Err(PyTypeError::new_err("the inner lists of a constant must be equally long")),
    }
    list.iter().try_for_each(|inner| nested(&inner, depth + 1, shape, values))
}

fn number(value: &Bound<'_, PyAny>) -> PyResult<Number> {
    if value.is_instance_of::<PyBool>() {
        return Ok(Number::Bool(value.extract()?));
    }
    if let Ok(i) = value.extract::<i64>() {
        return Ok(Number::Int(i.into()));
    }
    if let Ok(i) = value.extract::<u64>() {
        return Ok(Number::Int(i.into()));
    }
    value.extract().map(Number::Real)
}

/// The attributes of an operator from keyword arguments; `None` means absent.
pub(crate) fn attrs_of(op: Op, given: &Bound<'_, PyDict>) -> PyResult<Attrs> {
    let mut attrs = Attrs::new();
    for (name, value) in given {
        let name: String = name.extract()?;
        let Some(spec) = op.spec().attr(&name) else {
            return Err(PyTypeError::new_err(format!("{} has no argument {name}", op.name())));
        };
        if !value.is_none() {
            attrs.set(spec.name, attr(spec.kind, &value)?);
        }
    }
    Ok(attrs)
}

fn attr(kind: AttrKind, value: &Bound<'_, PyAny>) -> PyResult<Attr> {
    Ok(match kind {
        AttrKind::Int => Attr::Int(value.extract()?),
        AttrKind::Ints => match value.extract::<i64>() {
            Ok(i) => Attr::Int(i),
            Err(_) => Attr::Ints(value.extract()?),
        },
        AttrKind::Bool => Attr::Bool(value.extract()?),
        AttrKind::Real => Attr::Real(value.extract()?),
        AttrKind::Str => Attr::Str(value.extract()?),
        AttrKind::DType => {
            let text: String = value.str()?.extract()?;
            Attr::DType(text.parse().map_err(PyTypeError::new_err)?)
        }
        AttrKind::Shape => {
            let dims: Vec<Bound<'_, PyAny>> = match value.extract::<Vec<Bound<'_, PyAny>>>() {
                Ok(dims) => dims,
                Err(_) => vec![value.clone()],
            };
            Attr::Shape(dims.iter().map(shape_dim).collect::<PyResult<_>>()?)
        }
        AttrKind::Index => Attr::Index(value.try_iter()?.map(|item| index_item(&item?)).collect::<PyResult<_>>()?),
        AttrKind::Literal => Attr::Literal(literal(value)?),
        AttrKind::Players | AttrKind::Label => return Err(PyTypeError::new_err("players are named by their own functions")),
    })
}

/// A number, a name, or a sum such as `n + m`.
fn shape_dim(value: &Bound<'_, PyAny>) -> PyResult<Dim> {
    if let Ok(n) = value.extract::<u64>() {
        return Ok(Dim::constant(n));
    }
    let text: String = value.extract()?;
    let mut sum = Dim::constant(0);
    for term in text.split('+').map(str::trim) {
        let dim = term.parse().map_or_else(|_| Dim::named(term), Dim::constant);
        sum = sum.checked_add(&dim).ok_or_else(|| PyTypeError::new_err("the shape is too large"))?;
    }
    Ok(sum)
}

fn index_item(item: &Bound<'_, PyAny>) -> PyResult<IndexItem> {
    if let Ok(range) = item.cast::<PyTuple>() {
        let (start, end, step): (Option<i64>, Option<i64>, i64) = range.extract()?;
        let step = u64::try_from(step).ok().filter(|s| *s > 0);
        let step = step.ok_or_else(|| PyTypeError::new_err("the step of a range is positive"))?;
        return Ok(IndexItem::Range { start, end, step });
    }
    item.extract().map(IndexItem::At)
}

/// An exception of the package.
pub(crate) fn exception(py: Python<'_>, class: &str, message: &str, code: &str, player: Option<&str>, help: Option<&str>) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let class = py.import("privity.errors")?.getattr(class)?;
        let named = PyDict::new(py);
        named.set_item("code", code)?;
        named.set_item("player", player)?;
        named.set_item("help", help)?;
        Ok(PyErr::from_value(class.call((message,), Some(&named))?))
    };
    make().unwrap_or_else(|e| e)
}

/// A mistake in a program, with the line of the Python file that it came from.
pub(crate) fn diagnostic(py: Python<'_>, d: Diagnostic) -> PyErr {
    diagnostics(py, &[d], "", None)
}

/// All mistakes of a program, each with its source line.
pub(crate) fn diagnostics(py: Python<'_>, all: &[Diagnostic], name: &str, source: Option<&str>) -> PyErr {
    let render = |d: &Diagnostic| {
        let read = d.span.file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        d.render(name, read.as_deref().or(source))
    };
    let text: Vec<String> = all.iter().map(render).collect();
    let code = all.first().map_or("program", |d| d.code);
    exception(py, "ProgramError", text.join("\n").trim_end(), code, None, None)
}
