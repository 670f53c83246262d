//! Our errors as exceptions of the package.

use privity::ir::Diagnostic;
use privity::{Error, Problems};
use pyo3::prelude::*;
use pyo3::types::PyList;
use worker::ClientError;

/// An exception of `privity.errors`, or whatever went wrong in making it.
fn exception<'py, A: pyo3::call::PyCallArgs<'py>>(py: Python<'py>, class: &str, args: A) -> PyErr {
    let make = || py.import("privity.errors")?.getattr(class)?.call1(args).map(PyErr::from_value);
    make().unwrap_or_else(|e| e)
}

/// Advice that is worded for the text form or the command, and what it is in Python.
const IN_PYTHON: [(&str, &str); 3] =
    [("an `on …` block", "a `with` block"), ("`--dims ", "`"), ("`privity propose`", "`propose`")];

fn in_python(text: &str) -> String {
    IN_PYTHON.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A run that did not come to its end.
fn run(
    py: Python<'_>,
    (message, code): (&str, &str),
    player: Option<&str>,
    help: Option<&str>,
    session: Option<&str>,
) -> PyErr {
    let mut help = help.map(in_python);
    if let (Some(help), Some(session)) = (&mut help, session) {
        *help = help.replace(&format!("privity resume {session}"), &format!("resume(\"{session}\")"));
    }
    exception(py, "RunError", (message, code, player, help, session))
}

/// What the facade reports.
pub(crate) fn of_facade(py: Python<'_>, e: &Error) -> PyErr {
    match e {
        Error::Program(problems) => of_problems(py, problems, None),
        _ => run(py, (&e.to_string(), &e.code()), e.player().as_deref(), e.help().as_deref(), None),
    }
}

/// What asking workers reports.
pub(crate) fn of_client(py: Python<'_>, e: &ClientError) -> PyErr {
    let session = e.session().map(|s| s.to_string());
    run(py, (&e.to_string(), &e.code()), e.player().as_deref(), e.help().as_deref(), session.as_deref())
}

/// What a client of secure aggregation reports.
pub(crate) fn of_aggregation(py: Python<'_>, e: &aggregator::Error) -> PyErr {
    run(py, (&e.to_string(), e.code()), None, Some(&e.help()), None)
}

/// A mistake in a program that is being built.
pub(crate) fn of_diagnostic(py: Python<'_>, d: &Diagnostic) -> PyErr {
    let d = Diagnostic { help: d.help.as_deref().map(in_python), ..d.clone() };
    let rendered = source(py, &d).map(|source| d.render("", source.as_deref()));
    rendered.and_then(|text| program(py, &[(&d, text)])).unwrap_or_else(|e| e)
}

/// All mistakes of a program, each with its source line: that of the Python file that built it, or of `text`, the
/// program's text and what to call it.
pub(crate) fn of_problems(py: Python<'_>, problems: &Problems, text: Option<(&str, &str)>) -> PyErr {
    let (name, text) = text.unzip();
    let render = |d| {
        let from_python: Option<String> = source(py, d)?;
        Ok((d, d.render(name.unwrap_or_default(), from_python.as_deref().or(text))))
    };
    let all: PyResult<Vec<_>> = problems.diagnostics.iter().map(render).collect();
    all.and_then(|all| program(py, &all)).unwrap_or_else(|e| e)
}

fn program(py: Python<'_>, all: &[(&Diagnostic, String)]) -> PyResult<PyErr> {
    let class = py.import("privity.errors")?.getattr("Diagnostic")?;
    let object = |(d, text): &(&Diagnostic, String)| {
        let line = (d.span.line > 0).then_some(d.span.line);
        class.call1((d.code, &d.message, d.span.file.as_deref(), line, d.help.as_deref(), text.trim_end()))
    };
    let objects = all.iter().map(object).collect::<PyResult<Vec<_>>>()?;
    Ok(exception(py, "ProgramError", (PyList::new(py, objects)?,)))
}

/// The Python source that a diagnostic points into, also where it is a notebook's cell: Python knows those.
fn source(py: Python<'_>, d: &Diagnostic) -> PyResult<Option<String>> {
    let Some(file) = d.span.file.as_deref() else { return Ok(None) };
    let lines: Vec<String> = py.import("linecache")?.call_method1("getlines", (file,))?.extract()?;
    Ok((!lines.is_empty()).then(|| lines.concat()))
}
