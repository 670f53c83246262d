//! `jobs`, `logs`, `watch` and `cancel`: looking after the sessions of workers.

use privity::agreement::SessionId;
use privity::ir::text::visible;
use serde_json::json;
use worker::{Console, Job, Reach};

use crate::{Failure, args};

/// Which workers a command speaks with.
pub(crate) fn console(reach: &args::Reach) -> Result<Console, Failure> {
    let reached = match (&reach.config, &reach.roster, &reach.key) {
        (Some(config), ..) => Reach::own(config)?,
        (None, Some(roster), Some(key)) => Reach::by_roster(roster, key, &reach.worker)?,
        _ => return Err(Failure::from(worker::ClientError::NoKey)),
    };
    let console = Console::open(reached)?;
    for (player, error) in console.unreachable() {
        eprintln!("{player} was not reached: {error}");
    }
    Ok(console)
}

pub(crate) fn jobs(a: &args::Jobs) -> Result<(), Failure> {
    let jobs = console(&a.reach)?.jobs()?;
    if a.json {
        say!("{}", json!({ "jobs": jobs }));
        return Ok(());
    }
    let now = crate::time::now_ms();
    for job in &jobs {
        say!("{}", line(job, now));
    }
    if jobs.is_empty() {
        say!("no sessions");
    }
    Ok(())
}

fn line(job: &Job, now_ms: u64) -> String {
    // One that waits has waited so long, and one that runs has run so long.
    let end = if job.ended_ms > 0 { job.ended_ms } else { now_ms };
    let seconds = end.saturating_sub(job.started_ms.max(job.submitted_ms)) as f64 / 1000.0;
    let code = if job.code.is_empty() { String::new() } else { format!("  {}", job.code) };
    let (worker, session, state, name) = (&job.worker, job.session, &job.state, &job.computation);
    // How far a session of before a restart came is not known.
    let steps = if job.done > 0 { format!("steps: {}, ", job.done) } else { String::new() };
    visible(&format!("{worker:<12} {session}  {state:<9} {name}  {steps}{seconds:.1} s{code}"))
}

pub(crate) fn logs(a: &args::Logs, follow: bool) -> Result<(), Failure> {
    let console = console(&a.reach)?;
    console.watch(a.session, follow, |worker, at_ms, text| {
        if a.json {
            say!("{}", json!({ "worker": worker, "at_ms": at_ms, "text": text }));
        } else {
            say!("{} {worker:<12} {}", time(at_ms), visible(text));
        }
    })?;
    Ok(())
}

/// The time of day of a moment, UTC.
fn time(at_ms: u64) -> String {
    let seconds = at_ms / 1000 % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, at_ms % 1000)
}

pub(crate) fn cancel(a: &args::Logs) -> Result<(), Failure> {
    let states = console(&a.reach)?.cancel(a.session)?;
    if a.json {
        let states: serde_json::Map<_, _> = states.into_iter().map(|(w, s)| (w, json!(s))).collect();
        say!("{}", json!({ "cancelled": a.session.to_string(), "was": states }));
        return Ok(());
    }
    for (worker, state) in states {
        say!("{worker}: it was {state}");
    }
    Ok(())
}

/// A session's id, as it is typed.
pub(crate) fn session(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|e| format!("{e}"))
}
