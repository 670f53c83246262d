//! `run`: with all players in this process, or on workers.

use std::path::Path;

use privity::session::Dims;
use privity::{LocalData, LocalOptions, Program, Report};

use crate::{Failure, args, present, progress, static_checks};

pub(crate) fn run(a: &args::Run) -> Result<(), Failure> {
    let program = static_checks::load(&a.program.file)?;
    if a.disclose && !a.program.json {
        say!("{}", program.checked().disclosure());
    }
    let dims: Dims = a.dims.dims.iter().cloned().collect();
    let report = match (&a.data, &a.roster) {
        (Some(data), _) => local(a, &program, data, &dims)?,
        (None, Some(roster)) => worker::run_on_workers(&program, roster, a.key.as_deref(), &dims, observer(a))?,
        (None, None) => {
            return Err(Failure::input(
                "usage",
                "a run needs --local with --data, or --roster",
                "see `privity run --help`",
            ));
        }
    };
    if a.program.json {
        say!("{}", report.to_json());
    } else {
        present::report(&program, &report);
    }
    Ok(())
}

fn observer(a: &args::Run) -> privity::session::Observer {
    if a.program.json { privity::session::unobserved() } else { progress::bars() }
}

fn local(a: &args::Run, program: &Program, data: &Path, dims: &Dims) -> Result<Report, Failure> {
    let data = LocalData::read(program, data, dims)?;
    let options = LocalOptions { compare: a.compare, observer: observer(a), ..LocalOptions::default() };
    Ok(privity::run_local(program, data, &options)?)
}
