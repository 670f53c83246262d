//! `check` and `disclose`: what can be said of a program before anything runs.

use std::path::Path;

use privity::Program;
use serde_json::json;

use crate::{Failure, args};

/// Reads and checks a program.
pub(crate) fn load(file: &Path) -> Result<Program, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        Failure::input(
            "program.unreadable",
            format!("{}: {e}", file.display()),
            "name a program file, such as slope.pv",
        )
    })?;
    Program::parse(&file.display().to_string(), &text).map_err(|p| privity::Error::from(p).into())
}

pub(crate) fn check(a: &args::Program) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&a.file);
    let program = match (load(&a.file), &text) {
        (Ok(program), _) => program,
        (Err(failure), Ok(text)) if a.json => {
            // All diagnostics as data, not only the first.
            if let Err(problems) = Program::parse(&a.file.display().to_string(), text) {
                let all: Vec<_> = problems
                    .diagnostics
                    .iter()
                    .map(|d| {
                        json!({
                            "code": d.code, "message": d.message, "help": d.help,
                            "line": d.span.line, "column": d.span.column, "length": d.span.length,
                        })
                    })
                    .collect();
                println!("{}", json!({ "diagnostics": all }));
                std::process::exit(1);
            }
            return Err(failure);
        }
        (Err(failure), _) => return Err(failure),
    };
    let c = program.computation();
    let blocked = program.checked().not_runnable();
    if a.json {
        let report = json!({ "computation": c.name, "digest": c.digest().to_string(), "diagnostics": [], "not_runnable": blocked });
        println!("{report}");
        return Ok(());
    }
    println!("{}: no problems; digest {}", a.file.display(), c.digest());
    for reason in blocked {
        println!("it cannot be run yet: {reason}");
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
        (true, None) => println!("{}", json!(disclosure)),
        (true, Some(coalition)) => println!("{}", json!(coalition)),
        (false, None) => print!("{disclosure}"),
        (false, Some(coalition)) => print!("{coalition}"),
    }
    Ok(())
}
