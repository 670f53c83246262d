//! `check` and `disclose`: what can be said of a program before anything runs.

use std::path::Path;

use privity::Program;
use privity::check::Unmatched;
use privity::data::Datasets;
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

/// What a person should look at in a program that checks, as data.
pub(crate) fn warnings(program: &Program) -> serde_json::Value {
    let warning =
        |u: &Unmatched| json!({ "code": Unmatched::CODE, "message": u.to_string(), "help": u.help(), "about": u });
    program.checked().unmatched().iter().map(warning).collect()
}

/// Tells the same in words, on standard error; with datasets at hand, which of them have the key that is missing.
pub(crate) fn warn(program: &Program, datasets: Option<&Datasets>) {
    for unmatched in program.checked().unmatched() {
        eprintln!("warning[{}]: {unmatched}", Unmatched::CODE);
        let keyed = |(player, input): &(String, String)| {
            let key = datasets?.get(player, input)?.key()?;
            Some(format!("`{input}` of {player} has the key `{key}`"))
        };
        let keyed: Vec<String> = unmatched.inputs.iter().filter_map(keyed).collect();
        if !keyed.is_empty() {
            eprintln!("  = note: {}", keyed.join(", "));
        }
        eprintln!("  = help: {}", unmatched.help());
    }
}

pub(crate) fn check(a: &args::Program) -> Result<(), Failure> {
    let program = load(&a.file).map_err(Failure::in_full_json)?;
    let c = program.computation();
    let blocked = program.checked().not_runnable();
    if a.json {
        let report = json!({ "computation": c.name, "digest": c.digest().to_string(), "diagnostics": [], "warnings": warnings(&program), "not_runnable": blocked });
        say!("{report}");
        return Ok(());
    }
    warn(&program, None);
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
    if !a.program.json {
        warn(&program, None);
    }
    match (a.program.json, corrupt) {
        (true, None) => {
            let mut shown = json!(disclosure);
            shown["warnings"] = warnings(&program);
            say!("{shown}");
        }
        (true, Some(coalition)) => say!("{}", json!(coalition)),
        (false, None) => say!("{disclosure}"),
        (false, Some(coalition)) => say!("{coalition}"),
    }
    Ok(())
}
