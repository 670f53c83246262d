//! Between Python's objects and ours: literals, attributes, arrays.

use numpy::{Element, PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use privity::Plain;
use privity::algebra::Tensor;
use privity::ir::{Attr, AttrKind, Attrs, Dim, IndexItem, Literal, Number, Op};
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
        AttrKind::Players | AttrKind::Label => {
            return Err(PyTypeError::new_err("players are named by their own functions"));
        }
    })
}

fn shape_dim(value: &Bound<'_, PyAny>) -> PyResult<Dim> {
    match value.extract::<u64>() {
        Ok(n) => Ok(Dim::constant(n)),
        Err(_) => dim(&value.extract::<String>()?),
    }
}

/// A length as the text form has it: a number, a name, or a sum such as `2*n + m + 1`.
pub(crate) fn dim(text: &str) -> PyResult<Dim> {
    let term = |text: &str| match text.split_once('*') {
        Some((times, name)) => times.trim().parse().ok().map(|k| Dim::named(name.trim()).times(k)),
        None => Some(text.parse().map_or_else(|_| Dim::named(text), Dim::constant)),
    };
    let sum = text.split('+').try_fold(Dim::constant(0), |sum, t| sum.checked_add(&term(t.trim())?));
    sum.ok_or_else(|| PyTypeError::new_err(format!("`{text}` is no length of an axis")))
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

/// A numpy array as a value. Any layout will do; the element type is one of the five that players hold.
pub(crate) fn plain(value: &Bound<'_, PyAny>) -> PyResult<Plain> {
    let array = value.cast::<PyUntypedArray>()?;
    if let Some(t) = tensor(value) {
        return Ok(Plain::F64(t?));
    }
    if let Some(t) = tensor(value) {
        return Ok(Plain::F32(t?));
    }
    if let Some(t) = tensor(value) {
        return Ok(Plain::I64(t?));
    }
    if let Some(t) = tensor(value) {
        return Ok(Plain::U64(t?));
    }
    if let Some(t) = tensor(value) {
        return Ok(Plain::Bool(t?));
    }
    let message =
        format!("arrays of {} cannot be private values; use bool, int64, uint64, float32 or float64", array.dtype());
    Err(PyTypeError::new_err(message))
}

/// The elements in row-major order, if they are of this type.
fn tensor<T: Element + Copy>(value: &Bound<'_, PyAny>) -> Option<PyResult<Tensor<T>>> {
    let array = value.cast::<PyArrayDyn<T>>().ok()?;
    let read = || {
        let readonly = array.try_readonly()?;
        let view = readonly.as_array();
        // Only a view in row-major order is one slice; that of the array itself may be column-major.
        let data = view.as_slice().map_or_else(|| view.iter().copied().collect(), <[T]>::to_vec);
        Tensor::new(array.shape().to_vec(), data).map_err(|e| PyTypeError::new_err(e.to_string()))
    };
    Some(read())
}

/// A value as a numpy array; fixed point as `float64`.
pub(crate) fn array<'py>(py: Python<'py>, value: &Plain) -> PyResult<Bound<'py, PyAny>> {
    fn shaped<'py, T: Element>(py: Python<'py>, t: &Tensor<T>) -> PyResult<Bound<'py, PyAny>> {
        PyArray1::from_slice(py, t.data()).reshape(t.shape()).map(Bound::into_any)
    }
    match value {
        Plain::Bool(t) => shaped(py, t),
        Plain::I64(t) => shaped(py, t),
        Plain::U64(t) => shaped(py, t),
        Plain::F32(t) => shaped(py, t),
        Plain::F64(t) => shaped(py, t),
        Plain::Fixed64(..) | Plain::Fixed128(..) => shaped(py, &value.to_f64()),
    }
}
