//! The builder as Python sees it: values are numbers, places in the source are `(file, line)`.

use privity::ir::{
    self, Attr, Attrs, DType, Dim, Operand, OwnerPolicy, PlacementId, PlayerId, Scheme, Span, Type, ValueId,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::computation::Computation;
use crate::convert::{attrs_of, dim, literal};
use crate::error::of_diagnostic;

/// A place in the source.
type Line = (String, u32);

/// Builds a computation, step by step.
#[pyclass(module = "privity._privity")]
pub(crate) struct Builder {
    /// `None` after `finish`.
    inner: Option<ir::Builder>,
}

fn span(line: &Line) -> Span {
    if line.1 == 0 { Span::default() } else { Span::file(&line.0, line.1) }
}

fn ids(values: &[u32]) -> Vec<ValueId> {
    values.iter().map(|v| ValueId(*v)).collect()
}

fn numbers(values: Vec<ValueId>) -> Vec<u32> {
    values.into_iter().map(|v| v.0).collect()
}

fn players(values: &[u16]) -> Vec<PlayerId> {
    values.iter().map(|p| PlayerId(*p)).collect()
}

fn dtype(text: &str) -> PyResult<DType> {
    text.parse().map_err(PyTypeError::new_err)
}

fn label(policies: &[(u16, Vec<u16>)]) -> Vec<OwnerPolicy> {
    policies.iter().map(|(owner, readers)| OwnerPolicy { owner: PlayerId(*owner), readers: players(readers) }).collect()
}

impl Builder {
    fn get(&self) -> PyResult<&ir::Builder> {
        self.inner.as_ref().ok_or_else(|| PyTypeError::new_err("this computation is finished"))
    }

    fn get_mut(&mut self) -> PyResult<&mut ir::Builder> {
        self.inner.as_mut().ok_or_else(|| PyTypeError::new_err("this computation is finished"))
    }
}

#[pymethods]
impl Builder {
    #[new]
    fn new(py: Python<'_>, name: &str) -> PyResult<Self> {
        let inner = ir::Builder::new(name, Span::default()).map_err(|d| of_diagnostic(py, &d))?;
        Ok(Builder { inner: Some(inner) })
    }

    fn player(&mut self, py: Python<'_>, name: &str, line: Line) -> PyResult<u16> {
        self.get_mut()?.player(name, &span(&line)).map(|p| p.0).map_err(|d| of_diagnostic(py, &d))
    }

    #[pyo3(signature = (name, least, most, line))]
    fn group(&mut self, py: Python<'_>, name: &str, least: u32, most: Option<u32>, line: Line) -> PyResult<u16> {
        let size = ir::GroupSize { least, most };
        self.get_mut()?.group(name, size, &span(&line)).map(|p| p.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn placement(&mut self, py: Python<'_>, name: &str, scheme: &str, members: Vec<u16>, line: Line) -> PyResult<u16> {
        let scheme =
            Scheme::parse(scheme).ok_or_else(|| PyTypeError::new_err(format!("there is no scheme {scheme}")))?;
        let placed = self.get_mut()?.placement(name, scheme, &players(&members), &span(&line));
        placed.map(|p| p.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn match_dim(&mut self, py: Python<'_>, dim: &str, key: &str, line: Line) -> PyResult<()> {
        self.get_mut()?.match_dim(dim, key, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    #[pyo3(signature = (place, dtype_name, line))]
    fn on(&mut self, py: Python<'_>, place: u16, dtype_name: Option<&str>, line: Line) -> PyResult<()> {
        let dtype = dtype_name.map(dtype).transpose()?;
        self.get_mut()?.on(PlacementId(place), dtype, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    fn end_on(&mut self) -> PyResult<()> {
        self.get_mut()?.end_on();
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "one argument for each part of a declaration")]
    fn input(
        &mut self,
        py: Python<'_>,
        name: &str,
        dtype_name: &str,
        shape: Vec<String>,
        place: u16,
        owners: Vec<(u16, Vec<u16>)>,
        line: Line,
    ) -> PyResult<u32> {
        let ty = Type::new(dtype(dtype_name)?, shape.iter().map(|d| dim(d)).collect::<PyResult<_>>()?);
        let made = self.get_mut()?.input(name, ty, PlacementId(place), label(&owners), &span(&line));
        made.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    #[allow(clippy::too_many_arguments, reason = "one argument for each part of a declaration")]
    fn load(
        &mut self,
        py: Python<'_>,
        name: &str,
        stored: &str,
        dtype_name: &str,
        shape: Vec<String>,
        place: u16,
        owners: Vec<(u16, Vec<u16>)>,
        line: Line,
    ) -> PyResult<u32> {
        let ty = Type::new(dtype(dtype_name)?, shape.iter().map(|d| dim(d)).collect::<PyResult<_>>()?);
        let made = self.get_mut()?.load(name, stored, ty, PlacementId(place), label(&owners), &span(&line));
        made.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn save(&mut self, py: Python<'_>, x: u32, name: &str, line: Line) -> PyResult<()> {
        self.get_mut()?.save(ValueId(x), name, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    fn checkpoint(&mut self, py: Python<'_>, every: i64, line: Line) -> PyResult<()> {
        self.get_mut()?.checkpoint(every, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    fn range(&mut self, py: Python<'_>, input: u32, low: f64, high: f64, line: Line) -> PyResult<()> {
        self.get_mut()?.range(ValueId(input), low, high, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    fn constant(&mut self, py: Python<'_>, value: &Bound<'_, PyAny>, dtype_name: &str, line: Line) -> PyResult<u32> {
        let attrs =
            Attrs::new().with("value", Attr::Literal(literal(value)?)).with("type", Attr::DType(dtype(dtype_name)?));
        let made = self.get_mut()?.op(ir::Op::Const, &[], attrs, &span(&line));
        made.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn op(
        &mut self,
        py: Python<'_>,
        name: &str,
        operands: Vec<Bound<'_, PyAny>>,
        attrs: &Bound<'_, PyDict>,
        line: Line,
    ) -> PyResult<u32> {
        let op = ir::Op::parse(name).ok_or_else(|| PyTypeError::new_err(format!("there is no operator {name}")))?;
        let operands = operands
            .iter()
            .map(|x| match x.extract::<u32>() {
                Ok(id) => Ok(Operand::Value(ValueId(id))),
                // A constant comes in a list, so that a number is not taken for a value.
                Err(_) => literal(&x.get_item(0)?).map(Operand::Literal),
            })
            .collect::<PyResult<Vec<_>>>()?;
        let attrs = attrs_of(op, attrs)?;
        self.get_mut()?.op(op, &operands, attrs, &span(&line)).map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    #[pyo3(signature = (x, place, dtype_name, line))]
    fn move_to(&mut self, py: Python<'_>, x: u32, place: u16, dtype_name: Option<&str>, line: Line) -> PyResult<u32> {
        let dtype = dtype_name.map(dtype).transpose()?;
        let moved = self.get_mut()?.move_to(ValueId(x), PlacementId(place), dtype, &span(&line));
        moved.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn release(&mut self, py: Python<'_>, x: u32, to: Vec<u16>, line: Line) -> PyResult<u32> {
        let released = self.get_mut()?.release(ValueId(x), &players(&to), &span(&line));
        released.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn classify(&mut self, py: Python<'_>, x: u32, owners: Vec<(u16, Vec<u16>)>, line: Line) -> PyResult<u32> {
        let classified = self.get_mut()?.classify(ValueId(x), label(&owners), &span(&line));
        classified.map(|v| v.0).map_err(|d| of_diagnostic(py, &d))
    }

    fn output(&mut self, py: Python<'_>, x: u32, to: Vec<u16>, name: &str, line: Line) -> PyResult<()> {
        self.get_mut()?.output(ValueId(x), &players(&to), name, &span(&line)).map_err(|d| of_diagnostic(py, &d))
    }

    fn begin_repeat(&mut self, py: Python<'_>, times: i64, init: Vec<u32>, line: Line) -> PyResult<Vec<u32>> {
        self.get_mut()?.begin_repeat(times, &ids(&init), &span(&line)).map(numbers).map_err(|d| of_diagnostic(py, &d))
    }

    fn begin_fold(
        &mut self,
        py: Python<'_>,
        by: i64,
        drop: bool,
        tensors: Vec<u32>,
        init: Vec<u32>,
        line: Line,
    ) -> PyResult<Vec<u32>> {
        let begun = self.get_mut()?.begin_fold(by, drop, &ids(&tensors), &ids(&init), &span(&line));
        begun.map(numbers).map_err(|d| of_diagnostic(py, &d))
    }

    fn end_loop(&mut self, py: Python<'_>, next: Vec<u32>, line: Line) -> PyResult<Vec<u32>> {
        self.get_mut()?.end_loop(&ids(&next), &span(&line)).map(numbers).map_err(|d| of_diagnostic(py, &d))
    }

    fn abandon(&mut self) -> PyResult<()> {
        self.get_mut()?.abandon();
        Ok(())
    }

    /// Gives a value a name, if it has none and the name can be given.
    fn try_name(&mut self, value: u32, name: &str) -> PyResult<bool> {
        let builder = self.get_mut()?;
        let nameless = builder.value(ValueId(value)).name.is_none();
        Ok(nameless && builder.is_free(name) && builder.name(ValueId(value), name, &Span::default()).is_ok())
    }

    fn is_free(&self, name: &str) -> PyResult<bool> {
        Ok(self.get()?.is_free(name))
    }

    /// The shape of a value, numbers as numbers and names as strings.
    fn shape<'py>(&self, py: Python<'py>, value: u32) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let shape = &self.get()?.value(ValueId(value)).ty.shape;
        let dim = |d: &Dim| match d.as_constant() {
            Some(n) => Ok(n.into_pyobject(py)?.into_any()),
            None => Ok(d.to_string().into_pyobject(py)?.into_any()),
        };
        shape.iter().map(dim).collect()
    }

    fn dtype(&self, value: u32) -> PyResult<String> {
        Ok(self.get()?.value(ValueId(value)).ty.dtype.to_string())
    }

    fn describe(&self, value: u32) -> PyResult<String> {
        let builder = self.get()?;
        let info = builder.value(ValueId(value));
        Ok(format!("{} at {}", info.ty, builder.declared().placement(info.placement)))
    }

    /// The computation, checked.
    fn finish(&mut self, py: Python<'_>) -> PyResult<Computation> {
        let builder = self.inner.take().ok_or_else(|| PyTypeError::new_err("this computation is finished"))?;
        let built = builder.finish().map_err(|d| of_diagnostic(py, &d))?;
        Computation::check(py, built)
    }
}
