//! `run`: with all players in this process, or on workers.

use std::path::{Path, PathBuf};

use privity::agreement::{Digest, Ratification};
use privity::session::Dims;
use privity::{Error, LocalData, LocalOptions, LocalVaults, ModuleFolder, Program, Report};
use worker::{Console, Reach};

use crate::{Failure, args, desk, present, progress, static_checks};

pub(crate) fn run(a: &args::Run) -> Result<(), Failure> {
    let (program, report) = match (&a.data, &a.roster) {
        (None, Some(roster)) if agreed(&a.file) => on_agreement(a, roster)?,
        (data, roster) => {
            let program = static_checks::load(&a.file)?;
            disclose(a, &program);
            let dims: Dims = a.dims.dims.iter().cloned().collect();
            let report = match (data, roster) {
                (Some(data), _) => local(a, &program, data, &dims)?,
                (None, Some(roster)) => {
                    worker::run_on_workers(&program, roster, a.key.as_deref(), &dims, observer(a.json))?
                }
                (None, None) => {
                    return Err(Failure::input(
                        "usage",
                        "a run needs --local with --data, or --roster",
                        "see `privity run --help`",
                    ));
                }
            };
            (program, report)
        }
    };
    show(a.json, &program, &report);
    Ok(())
}

/// Attempts a session again that failed.
pub(crate) fn resume(a: &args::Resume) -> Result<(), Failure> {
    let ratifications = ratifications(&a.ratification)?;
    let (agreement, report) = worker::resume(a.session, &ratifications, &a.roster, &a.key, observer(a.json))?;
    let program = Program::new(agreement.checked().computation().clone()).map_err(Error::from)?;
    show(a.json, &program, &report);
    Ok(())
}

fn show(json: bool, program: &Program, report: &Report) {
    if json {
        say!("{}", report.to_json());
    } else {
        present::report(program, report);
    }
}

fn disclose(a: &args::Run, program: &Program) {
    if a.disclose && !a.json {
        say!("{}", program.checked().disclosure());
    }
}

/// Whether what is to run is an agreement: a digest, or a file that is no program.
fn agreed(file: &Path) -> bool {
    digest(file).is_some() || file.extension().is_none_or(|e| e != "pv")
}

/// The digest that was given in place of a file.
fn digest(file: &Path) -> Option<Digest> {
    file.to_str().and_then(|text| text.parse().ok()).filter(|_| !file.exists())
}

/// Runs an agreement that was ratified, with the ratifications that the workers have and those that are brought.
fn on_agreement(a: &args::Run, roster: &Path) -> Result<(Program, Report), Failure> {
    let key = a.key.as_deref().ok_or(worker::ClientError::NoKey)?;
    let mut ratifications = ratifications(&a.ratification)?;
    let agreement = match digest(&a.file) {
        Some(digest) => {
            let console = Console::open(Reach::by_roster(roster, key, &[])?)?;
            let (_, agreement) = console.proposal(digest)?;
            ratifications.extend(console.ratifications(digest)?);
            agreement
        }
        None => desk::written(&a.file)?.ok_or_else(|| {
            Failure::input(
                "file",
                format!("{} is no agreement", a.file.display()),
                "name a program (.pv) or an agreement",
            )
        })?,
    };
    let program = Program::new(agreement.checked().computation().clone()).map_err(Error::from)?;
    disclose(a, &program);
    let report = worker::run_agreement(&agreement, &ratifications, roster, key, observer(a.json))?;
    Ok((program, report))
}

fn ratifications(files: &[PathBuf]) -> Result<Vec<Ratification>, Failure> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|e| {
            Failure::input("file", format!("{}: {e}", file.display()), "name ratifications that you may read")
        })?;
        Ok(Ratification::from_text(&text).map_err(worker::ClientError::from)?)
    };
    files.iter().map(read).collect()
}

fn observer(json: bool) -> privity::session::Observer {
    if json { privity::session::unobserved() } else { progress::bars() }
}

fn local(a: &args::Run, program: &Program, data: &Path, dims: &Dims) -> Result<Report, Failure> {
    let data = LocalData::read(program, data, dims)?;
    if !a.json {
        static_checks::warn(program, Some(&data.datasets));
    }
    let vaults = a.store.as_deref().map(LocalVaults::read).transpose()?.unwrap_or_default();
    let modules = a.modules.as_ref().map(ModuleFolder::at).unwrap_or_default();
    let options = LocalOptions { compare: a.compare, observer: observer(a.json), vaults, modules };
    let report = privity::run_local(program, data, &options)?;
    a.store.as_deref().map(|folder| options.vaults.write(folder)).transpose()?;
    Ok(report)
}
