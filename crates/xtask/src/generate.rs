//! Files made from the operator table: the Python functions and the book's reference.

use std::fmt::Write as _;
use std::path::Path;

use ir::{Arity, AttrKind, AttrSpec, OPS, Op, OpSpec, Rule};

/// Where each generated file is, and its text.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    vec![("python/privity/ops.py", python()), ("book/src/operators.md", reference())]
}

/// Writes the files. Returns what went wrong.
pub(crate) fn write(root: &Path) -> Vec<String> {
    let write = |(path, text): (&str, String)| {
        let full = root.join(path);
        let made = full.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&full, text));
        made.err().map(|e| format!("{path}: {e}"))
    };
    files().into_iter().filter_map(write).collect()
}

/// Operators that Python has as functions; the others have their own.
fn functions() -> impl Iterator<Item = &'static OpSpec> {
    OPS.iter().filter(|s| !s.op.is_statement() && !matches!(s.op, Op::Const | Op::Index))
}

fn python() -> String {
    let mut out = String::from(
        "\"\"\"The operators of the language as functions.\n\nGenerated from the operator table by `cargo xtask gen`.\n\"\"\"\n\n\
         from __future__ import annotations\n\nfrom typing import Any, Sequence\n\nfrom . import _trace\n\
         from .types import DType\n\n",
    );
    let mut names = Vec::new();
    for spec in functions() {
        names.push(format!("{:?}", spec.name));
        let many = matches!(spec.arity, Arity::AtLeast(_));
        let mut parameters: Vec<String> = match many {
            true => vec![format!("{}: Sequence[Any]", spec.operands[0])],
            false => spec.operands.iter().map(|o| format!("{o}: Any")).collect(),
        };
        if !spec.attrs.is_empty() && !spec.operands.is_empty() {
            parameters.push("*".to_owned());
        }
        for a in spec.attrs {
            let default = if a.required { "" } else { " = None" };
            let optional = if a.required { "" } else { " | None" };
            parameters.push(format!("{}: {}{optional}{default}", a.name, python_type(a.kind)));
        }
        let operands = if many { format!("list({})", spec.operands[0]) } else { format!("[{}]", spec.operands.join(", ")) };
        let attrs: Vec<String> = spec.attrs.iter().map(|a| format!("{:?}: {}", a.name, a.name)).collect();
        let _ = write!(out, "\ndef {}({}) -> Any:\n", spec.name, parameters.join(", "));
        let _ = writeln!(out, "    \"\"\"{}{}\"\"\"", doc(spec), python_attrs(spec.attrs));
        let _ = write!(out, "    return _trace.apply({:?}, {operands}, {{{}}})\n\n", spec.name, attrs.join(", "));
    }
    let _ = write!(out, "\n__all__ = [\n    {},\n]\n", names.join(",\n    "));
    out
}

fn doc(spec: &OpSpec) -> String {
    // Infix forms are those of the text; Python's are its own operators.
    spec.doc.replace('\\', "\\\\")
}

fn python_attrs(attrs: &[AttrSpec]) -> String {
    if attrs.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n\n");
    for a in attrs {
        let _ = writeln!(out, "    ``{}``: {}.", a.name, a.doc);
    }
    out + "    "
}

fn python_type(kind: AttrKind) -> &'static str {
    match kind {
        AttrKind::Int => "int",
        AttrKind::Ints => "int | Sequence[int]",
        AttrKind::Bool => "bool",
        AttrKind::Real => "float",
        AttrKind::Str => "str",
        AttrKind::DType => "DType",
        AttrKind::Shape => "Sequence[int | str]",
        AttrKind::Index | AttrKind::Players | AttrKind::Label | AttrKind::Literal => "Any",
    }
}

fn reference() -> String {
    let mut out = String::from(
        "# Operators\n\n*Made from the operator table by `cargo xtask gen`.*\n\n\
         Every operator has one name, in text and in Python. Elementwise operators broadcast as in numpy.\n",
    );
    for spec in OPS {
        let mut call: Vec<String> = spec.operands.iter().map(|o| (*o).to_owned()).collect();
        if matches!(spec.arity, Arity::AtLeast(_)) {
            call.push("…".to_owned());
        }
        call.extend(spec.attrs.iter().map(|a| if a.required { format!("{}=", a.name) } else { format!("[{}=]", a.name) }));
        let _ = write!(out, "\n## `{}`\n\n```text\n{}({})\n```\n\n{}\n", spec.name, spec.name, call.join(", "), spec.doc);
        if let Some(operands) = operands_in_words(spec.rule) {
            let _ = write!(out, "\nOperands: {operands}.\n");
        }
        if !spec.attrs.is_empty() {
            out.push_str("\n| attribute | what it is |\n|---|---|\n");
            for a in spec.attrs {
                let _ = writeln!(out, "| `{}` | {} |", a.name, a.doc);
            }
        }
        let runs = ir_schemes(spec.op);
        if !runs.is_empty() {
            let _ = write!(out, "\nRuns on: {}.\n", runs.join(", "));
        }
    }
    out
}

fn operands_in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::Unary | Rule::Reduce | Rule::ArgReduce => "numbers",
        Rule::UnaryReal | Rule::ReduceReal => "real numbers (float or fixed point)",
        Rule::Binary | Rule::Order | Rule::MatMul | Rule::Dot => "numbers of one type",
        Rule::BinaryReal => "real numbers of one type",
        Rule::Compare => "numbers or truth values of one type",
        Rule::Logic | Rule::ReduceBool => "truth values",
        Rule::Select => "truth values, then two of one type",
        Rule::Declared | Rule::Same | Rule::Cast | Rule::Structural | Rule::Control => return None,
    })
}

/// Filled in by the capability table.
fn ir_schemes(_op: Op) -> Vec<String> {
    Vec::new()
}
