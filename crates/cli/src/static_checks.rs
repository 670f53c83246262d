//! `check` and `disclose`: what can be said of a program before anything runs.

use std::path::Path;

use privity::Program;
use privity::ir::Diagnostic;
use serde_json::json;

use crate::{Failure, args};

/// Reads and checks a program.
pub(crate) fn load(file: &Path) -> Result<Program, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let help = "name a program file, such as slope.pv";
        Failure::input("program.unreadable", format!("{}: {e}", file.display()), help)
    })?;
    Program::parse(&file.display().to_string(), &text).map_err(|problems| {
        let all: Vec<_> = problems.diagnostics.iter().map(diagnostic).collect();
        Failure::from(privity::Error::from(problems)).with_diagnostics(json!({ "diagnostics": all }))
    })
}

fn diagnostic(d: &Diagnostic) -> serde_json::Value {
    json!({
        "code": d.code, "message": d.message, "help": d.help, "notes": d.notes,
        "line": d.span.line, "column": d.span.column, "length": d.span.length,
    })
}

pub(crate) fn check(a: &args::Program) -> Result<(), Failure> {
    let program = load(&a.file).map_err(Failure::in_full_json)?;
    let c = program.computation();
    let blocked = program.checked().not_runnable();
    if a.json {
        let report = json!({ "computation": c.name, "digest": c.digest().to_string(), "diagnostics": [], "not_runnable": blocked });
        say!("{report}");
        return Ok(());
    }
    say!("{}: no problems; digest {}", a.file.display(), c.digest());
    for reason in blocked {
        say!("it cannot be run yet: {reason}");
    }
    Ok(())
}

pub(crate) fn disclose(a: &args::Disclose) -> Result<(), Failure> {
    let program = load(&a.program.file)?;
    let corrupt = match a.corrupt.is_empty() {
        true => None,
        false => Some(program.if_corrupt(&a.corrupt)?),
    };
    let disclosure = program.checked().disclosure();
    match (a.program.json, corrupt) {
        (true, None) => say!("{}", json!(disclosure)),
        (true, Some(coalition)) => say!("{}", json!(coalition)),
        (false, None) => say!("{disclosure}"),
        (false, Some(coalition)) => say!("{coalition}"),
    }
    Ok(())
}
