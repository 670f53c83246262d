//! `worker`: one party's side of computations, until it is stopped.

use std::io::IsTerminal as _;

use serde_json::json;

use crate::{Failure, args};

/// Logs to standard error, as `PRIVITY_LOG` says.
pub(crate) fn log(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PRIVITY_LOG").unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second subscriber in one process is refused; the first one then goes on.
    let _ = if json { log.json().try_init() } else { log.try_init() };
}

pub(crate) fn worker(a: &args::Worker) -> Result<(), Failure> {
    if a.check {
        return check(a);
    }
    log(a.log_json);
    let mut config = worker::Config::read(&a.config).map_err(worker::ClientError::from)?;
    config.ratify_all |= a.ratify_all;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::input("system", e.to_string(), "see the limits of this machine"))?;
    runtime.block_on(worker::serve(config)).map_err(Failure::from)
}

/// Says what is wrong with a configuration: everything at once.
fn check(a: &args::Worker) -> Result<(), Failure> {
    match worker::Config::read(&a.config) {
        Ok(config) if a.json => {
            say!("{}", json!({ "identity": config.key.identity().to_string(), "problems": [] }));
            Ok(())
        }
        Ok(config) => {
            say!("{}: no problems; this is {}", a.config.display(), config.key.identity());
            Ok(())
        }
        Err(error) => {
            let problems = json!({ "problems": error.problems });
            let failure = Failure::from(worker::ClientError::from(error)).with_diagnostics(problems);
            Err(failure.in_full_json())
        }
    }
}
