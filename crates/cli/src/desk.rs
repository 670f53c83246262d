//! `propose`, `inbox`, and the answers of a worker's operator: `ratify` and `decline`.

use std::path::Path;

use privity::agreement::{Agreement, Digest, SessionId, Terms, Timestamp};
use privity::ir::text::visible;
use privity::session::Dims;
use serde_json::json;
use worker::{Console, Proposal, Reach};

use crate::jobs::console;
use crate::{Failure, args, static_checks};

pub(crate) fn propose(a: &args::Propose) -> Result<(), Failure> {
    let agreement = agreement(a)?;
    let console = Console::open(Reach::by_roster(&a.roster, &a.key, &players(&agreement))?)?;
    let unreached: Vec<String> = console.unreachable().iter().map(|(player, _)| player.clone()).collect();
    let standings = console.propose(&agreement)?;
    if let Some(file) = &a.output {
        std::fs::write(file, agreement.text()).map_err(|e| unwritable(file, &e))?;
    }
    let digest = agreement.digest().to_string();
    if a.json {
        let standings: serde_json::Map<_, _> = standings.into_iter().map(|(w, s)| (w, json!(s))).collect();
        say!("{}", json!({ "digest": digest, "standing": standings, "not_reached": unreached }));
        return Ok(());
    }
    say!("{digest}");
    for (worker, standing) in standings {
        eprintln!("{worker}: in its inbox, {standing}");
    }
    for player in unreached {
        eprintln!("{player}: not reached; the other workers will tell it");
    }
    Ok(())
}

fn players(agreement: &Agreement) -> Vec<String> {
    agreement.roster().iter().map(|(name, _)| name.to_owned()).collect()
}

/// The agreement of a file: as it stands there, or of the program that stands there, under the terms that were given.
fn agreement(a: &args::Propose) -> Result<Agreement, Failure> {
    if let Some(agreement) = written(&a.file)? {
        return Ok(agreement);
    }
    let program = static_checks::load(&a.file)?;
    if !a.json {
        static_checks::warn(&program, None);
    }
    let dims: Dims = a.dims.dims.iter().cloned().collect();
    let terms = Terms { not_before: a.valid_from, not_after: a.valid_until, uses: a.uses, ..Terms::default() };
    Ok(worker::propose_program(&program, &a.roster, &a.key, &dims, terms)?)
}

/// The agreement that a file holds; `None` if it holds a program.
pub(crate) fn written(file: &Path) -> Result<Option<Agreement>, Failure> {
    if file.extension().is_some_and(|e| e == "pv") {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file).map_err(|e| {
        Failure::input(
            "file",
            format!("{}: {e}", file.display()),
            "name a program (.pv) or an agreement that you may read",
        )
    })?;
    Ok(Some(Agreement::from_text(&text).map_err(worker::ClientError::from)?))
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::input("file", format!("{}: {error}", file.display()), "name a file that you may write")
}

pub(crate) fn inbox(a: &args::Inbox) -> Result<(), Failure> {
    let console = console(&a.reach)?;
    if let Some(which) = a.which {
        return one(&console, which, a);
    }
    let all = console.inbox()?;
    if a.json {
        say!("{}", json!({ "proposals": all }));
        return Ok(());
    }
    all.iter().for_each(|p| say!("{}", line(p)));
    if all.is_empty() {
        say!("no agreements");
    }
    Ok(())
}

/// One agreement of the inbox in full, or that of a session.
fn one(console: &Console, which: Wanted, a: &args::Inbox) -> Result<(), Failure> {
    let (proposal, agreement) = match which {
        Wanted::Agreement(digest) => {
            let (proposal, agreement) = console.proposal(digest)?;
            (Some(proposal), agreement)
        }
        Wanted::Session(session) => {
            let (agreement, _) = console.recall(session)?;
            // A worker that ratifies all has sessions whose agreement was never proposed.
            (console.proposal(agreement.digest()).ok().map(|(proposal, _)| proposal), agreement)
        }
    };
    if let Some(file) = &a.output {
        crate::agreement::write(Some(file), agreement.text())?;
    }
    if a.json {
        let mut shown = match proposal {
            Some(proposal) => json!(proposal),
            None => json!({ "digest": agreement.digest().to_string(), "text": agreement.text() }),
        };
        if let Some(file) = &a.output {
            shown["file"] = json!(file);
        }
        say!("{shown}");
        return Ok(());
    }
    match &a.output {
        Some(file) => say!("{}: {}", file.display(), agreement.digest()),
        None => say!("{}", agreement.text()),
    }
    if let Some(proposal) = proposal {
        say!("{}", line(&proposal));
    }
    Ok(())
}

fn line(p: &Proposal) -> String {
    let mut line = format!("{:<12} {}  {:<9} {}", p.worker, p.digest, p.standing, p.computation);
    for (what, players) in [("ratified by", &p.ratified), ("not answered by", &p.missing)] {
        if !players.is_empty() {
            line.push_str(&format!("; {what} {}", players.join(", ")));
        }
    }
    for (player, reason) in &p.declined {
        line.push_str(&format!("; declined by {player}: {reason}"));
    }
    if !p.rule.is_empty() {
        line.push_str(&format!("; ratified here by the rule `{}`", p.rule));
    }
    visible(&line)
}

/// Answers an agreement of the inbox at the workers that one operates. It is read here first, so that what is signed is
/// what this digest says.
pub(crate) fn answer(digest: Digest, reach: &args::Reach, declined: Option<&str>, json: bool) -> Result<(), Failure> {
    let console = console(reach)?;
    let (_, agreement) = console.proposal(digest)?;
    if !json && declined.is_none() {
        say!("{}", agreement.disclosure());
    }
    let standings = console.answer(digest, declined)?;
    if json {
        let standings: serde_json::Map<_, _> = standings.into_iter().map(|(w, s)| (w, json!(s))).collect();
        say!("{}", json!({ "digest": digest.to_string(), "standing": standings }));
        return Ok(());
    }
    let verb = if declined.is_some() { "declined" } else { "ratified" };
    for (worker, standing) in standings {
        say!("{worker} has {verb} {digest}; the agreement is {standing}");
    }
    Ok(())
}

/// Which agreement is wanted.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// That of a digest.
    Agreement(Digest),
    /// That of a session.
    Session(SessionId),
}

/// An agreement's digest or a session's id, as it is typed.
pub(crate) fn wanted(text: &str) -> Result<Wanted, String> {
    let session = |_| text.parse().map(Wanted::Session);
    text.parse().map(Wanted::Agreement).or_else(session).map_err(|_: privity::agreement::HexError| {
        "give the 64 hexadecimal digits of a digest, or the 32 of a session".to_owned()
    })
}

/// A digest, as it is typed.
pub(crate) fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|e| format!("{e}"))
}

/// A time, as it is typed.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|e| format!("{e}"))
}
