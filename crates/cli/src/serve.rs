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

/// Looks into everything that a configuration names, and says all of it at once.
fn check(a: &args::Worker) -> Result<(), Failure> {
    let worker::Inspection { identity, looks } = worker::inspect(&a.config, a.program.as_deref());
    let wrong: Vec<&str> = looks.iter().filter(|look| !look.ok).map(|look| look.found.as_str()).collect();
    if a.json {
        let identity = identity.map(|i| i.to_string());
        say!("{}", json!({ "identity": identity, "problems": wrong, "checks": looks }));
    } else {
        let width = looks.iter().map(|look| look.check.len()).max().unwrap_or(0);
        for look in &looks {
            say!("{:<6}  {:<width$}  {}", if look.ok { "ok" } else { "failed" }, look.check, look.found);
            if !look.help.is_empty() {
                say!("{:8}{:<width$}  = help: {}", "", "", look.help);
            }
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("{}: {} of {} checks failed", a.config.display(), wrong.len(), looks.len());
    let failure = Failure::input("config.invalid", message, "mend what is named, and check again");
    // As JSON it was all said.
    Err(if a.json { failure.said() } else { failure })
}
