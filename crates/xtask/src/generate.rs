//! Files made from the operator table: the Python functions and the book's reference.

use std::fmt::Write as _;
use std::path::Path;

use ir::{Arity, AttrKind, OPS, Op, OpSpec, Rule, SCHEMES};

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

const PYTHON_HEAD: &str = r#""""The operators of the language as functions.

Generated from the operator table by `cargo xtask gen`. Elementwise operators broadcast as in numpy; a public constant
takes the element type of what it meets.
"""

from __future__ import annotations

from typing import Sequence

from . import _trace
from ._tensor import Operand, Tensor
from .types import DType

"#;

fn python() -> String {
    let mut out = PYTHON_HEAD.to_owned();
    for spec in functions() {
        out += &python_function(spec);
    }
    let names: Vec<String> = functions().map(|spec| format!("    {:?},\n", spec.name)).collect();
    let _ = write!(out, "\n__all__ = [\n{}]\n", names.concat());
    out
}

fn python_function(spec: &OpSpec) -> String {
    let many = matches!(spec.arity, Arity::AtLeast(_));
    let operand = if many { "Sequence[Operand]" } else { "Operand" };
    let mut parameters: Vec<String> = spec.operands.iter().map(|o| format!("{o}: {operand}")).collect();
    if !spec.attrs.is_empty() && !spec.operands.is_empty() {
        parameters.push("*".to_owned());
    }
    for a in spec.attrs {
        let optional = match (a.required, a.kind) {
            (true, _) => "",
            (false, AttrKind::Bool) => " = False",
            (false, _) => " | None = None",
        };
        parameters.push(format!("{}: {}{optional}", a.name, python_type(a.kind)));
    }
    let operands = if many { format!("list({})", spec.operands[0]) } else { format!("[{}]", spec.operands.join(", ")) };
    let attrs: Vec<String> = spec.attrs.iter().map(|a| format!("{:?}: {}", a.name, a.name)).collect();
    format!(
        "\ndef {name}({parameters}) -> Tensor:\n    \"\"\"{doc}\"\"\"\n    \
         result: Tensor = _trace.apply({name:?}, {operands}, {{{attrs}}})\n    return result\n\n",
        name = spec.name,
        parameters = parameters.join(", "),
        doc = python_doc(spec),
        attrs = attrs.join(", "),
    )
}

/// What it does, its attributes, and where it runs.
fn python_doc(spec: &OpSpec) -> String {
    // Infix forms are those of the text; Python's own words for logic cannot be given another meaning.
    let infix = [("Infix `and`", "Infix `&`"), ("Infix `or`", "Infix `|`"), ("Prefix `not`", "Prefix `~`")];
    let doc = infix.iter().fold(spec.doc.replace('\\', "\\\\"), |doc, (text, python)| doc.replace(text, python));
    if spec.attrs.is_empty() {
        return doc;
    }
    let attrs: String = spec.attrs.iter().map(|a| format!("    ``{}``: {}.\n", a.name, a.doc)).collect();
    format!("{doc}\n\n{attrs}    ")
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
        AttrKind::Literal => "Operand",
        AttrKind::Index | AttrKind::Players | AttrKind::Label => "object",
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
        call.extend(
            spec.attrs.iter().map(|a| if a.required { format!("{}=", a.name) } else { format!("[{}=]", a.name) }),
        );
        let _ =
            write!(out, "\n## `{}`\n\n```text\n{}({})\n```\n\n{}\n", spec.name, spec.name, call.join(", "), spec.doc);
        if let Some(operands) = operands_in_words(spec.rule) {
            let _ = write!(out, "\nOperands: {operands}.\n");
        }
        if !spec.attrs.is_empty() {
            out.push_str("\n| attribute | what it is |\n|---|---|\n");
            for a in spec.attrs {
                let _ = writeln!(out, "| `{}` | {} |", a.name, a.doc);
            }
        }
        let runs = runs_on(spec.op);
        if !runs.is_empty() {
            let _ = write!(out, "\nRuns on: {}.\n", runs.join(", "));
        }
    }
    out
}

fn operands_in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::Unary | Rule::Reduce | Rule::ArgReduce | Rule::Pool => "numbers",
        Rule::UnaryReal | Rule::ReduceReal | Rule::PoolReal | Rule::Along => "real numbers (float or fixed point)",
        Rule::Binary | Rule::Order | Rule::MatMul | Rule::Dot | Rule::Convolve => "numbers of one type",
        Rule::BinaryReal | Rule::Broadcast => "real numbers of one type",
        Rule::Compare => "numbers or truth values of one type",
        Rule::Logic | Rule::ReduceBool => "truth values",
        Rule::Select => "truth values, then two of one type",
        Rule::Rows => "rows; keys and positions are whole numbers",
        Rule::Module => "vectors, or matrices of known width, of truth values, whole numbers or floats",
        Rule::Federated => "at a group: numbers or truth values of each member",
        Rule::Declared | Rule::Same | Rule::Cast | Rule::Structural | Rule::Control => return None,
    })
}

/// The schemes that run an operator in this version.
fn runs_on(op: Op) -> Vec<String> {
    let able = SCHEMES.iter().filter(|s| s.runs && s.scheme.brings(op.family()));
    able.map(|s| format!("`{}`", s.name)).collect()
}
