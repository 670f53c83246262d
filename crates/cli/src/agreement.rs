//! `agreement`: what parties read and sign, as files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use privity::agreement::{
    Agreement, AgreementError, Decline, Profile, Ratification, Roster, Standing, Terms, Timestamp, diff,
};
use serde_json::{Value, json};

use crate::ratify::{self, DeclineArgs, Ratify};
use crate::{Failure, args, static_checks};

#[derive(Subcommand)]
pub(crate) enum AgreementCommand {
    /// Bind a program to a roster, to lengths and to terms.
    New(New),
    /// Show what an agreement says, and its digest.
    Show(Show),
    /// Show what changed from one agreement to another, in terms of what they disclose.
    Diff(Diff),
    /// Sign an agreement that you read, as a file.
    Ratify(Ratify),
    /// Refuse an agreement, with a reason, as a file.
    Decline(DeclineArgs),
    /// Say who ratified an agreement, who declined, and who is missing. Fails unless all ratified.
    Verify(Verify),
}

impl AgreementCommand {
    pub(crate) fn json(&self) -> bool {
        match self {
            AgreementCommand::New(a) => a.program.json,
            AgreementCommand::Show(a) => a.json,
            AgreementCommand::Diff(a) => a.json,
            AgreementCommand::Ratify(a) => a.json,
            AgreementCommand::Decline(a) => a.answer.json,
            AgreementCommand::Verify(a) => a.json,
        }
    }
}

#[derive(Args)]
pub(crate) struct New {
    #[command(flatten)]
    pub(crate) program: args::Program,
    /// Who plays whom.
    #[arg(long, value_name = "ROSTER.toml")]
    roster: PathBuf,
    #[command(flatten)]
    dims: args::Dims,
    /// When a run may begin; at once if absent.
    #[arg(long, value_name = "2026-11-21T12:00:00Z")]
    valid_from: Option<Timestamp>,
    /// Until when a run may begin; for ever if absent.
    #[arg(long, value_name = "2026-12-21T12:00:00Z")]
    valid_until: Option<Timestamp>,
    /// How often it may run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    uses: u64,
    /// The kind of network that protocols are chosen for: `lan` or `wan`.
    #[arg(long, value_name = "PROFILE", default_value = "lan")]
    profile: Profile,
    /// The file for the agreement, which must not exist; standard output if absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Show {
    /// The agreement.
    pub(crate) file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Diff {
    /// An agreement.
    before: PathBuf,
    /// Another.
    after: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The agreement.
    file: PathBuf,
    /// Ratifications and declines.
    #[arg(value_name = "RATIFICATION")]
    signed: Vec<PathBuf>,
    /// Older agreements: what changed since one of them is told for whoever ratified that.
    #[arg(long, value_name = "FILE")]
    older: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn agreement(command: &AgreementCommand) -> Result<(), Failure> {
    match command {
        AgreementCommand::New(a) => new(a),
        AgreementCommand::Show(a) => show(a),
        AgreementCommand::Diff(a) => differences(a),
        AgreementCommand::Ratify(a) => ratify::ratify(a),
        AgreementCommand::Decline(a) => ratify::decline(a),
        AgreementCommand::Verify(a) => verify(a),
    }
}

/// Reads a text file that a person named.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| {
        Failure::input("file.unreadable", format!("{}: {e}", path.display()), "name a file that you may read")
    })
}

/// Writes a text to a new file, or to standard output.
pub(crate) fn write(path: Option<&Path>, text: &str) -> Result<(), Failure> {
    let Some(path) = path else {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
        return Ok(());
    };
    let file = std::fs::File::create_new(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|e| {
        let help = "name a file that does not exist, in a folder that you may write to";
        Failure::input("file.unwritable", format!("{}: {e}", path.display()), help)
    })
}

/// Reads an agreement and checks all of it.
pub(crate) fn load(path: &Path) -> Result<Agreement, Failure> {
    let text = read(path)?;
    Agreement::from_text(&text).map_err(|e| {
        let mut failure = refused(path, e);
        if path.extension().is_some_and(|e| e == "pv") {
            failure.help = Some("this is a program: `privity agreement new` makes an agreement of it".into());
        }
        failure
    })
}

/// A fault of an agreement, a ratification or a decline, with its file.
pub(crate) fn refused(path: &Path, error: AgreementError) -> Failure {
    let mut failure = Failure::from(privity::Error::from(error));
    failure.message = format!("{}: {}", path.display(), failure.message);
    failure
}

fn new(a: &New) -> Result<(), Failure> {
    let program = static_checks::load(&a.program.file)?;
    let roster = Roster::read(&a.roster).map_err(|e| Failure::from(privity::Error::from(AgreementError::Roster(e))))?;
    let terms = Terms { not_before: a.valid_from, not_after: a.valid_until, uses: a.uses, profile: a.profile };
    let dims = a.dims.dims.iter().cloned().collect();
    let bound = Agreement::bind(program.checked().clone(), &roster, dims, terms);
    let agreement = bound.map_err(privity::Error::from)?;
    if a.output.is_some() || !a.program.json {
        write(a.output.as_deref(), agreement.text())?;
    }
    if a.program.json {
        let mut shown = shown(&agreement);
        shown["warnings"] = static_checks::warnings(&program);
        say!("{shown}");
        return Ok(());
    }
    static_checks::warn(&program, None);
    if let Some(file) = &a.output {
        say!("{}: {}", file.display(), agreement.digest());
    }
    Ok(())
}

/// All that an agreement says, as data.
fn shown(a: &Agreement) -> Value {
    let players: serde_json::Map<String, Value> = a
        .roster()
        .iter()
        .map(|(name, m)| {
            let endpoint = m.endpoint.as_ref().map(ToString::to_string);
            (name.to_owned(), json!({ "identity": m.identity.to_string(), "endpoint": endpoint, "claims": m.claims }))
        })
        .collect();
    let dataset = |d: &privity::agreement::Dataset| json!({ "player": d.player, "name": d.name, "type": d.ty.to_string(), "shape": d.shape, "keys": d.keys });
    json!({
        "digest": a.digest().to_string(),
        "computation": { "name": a.checked().computation().name, "digest": a.computation_digest().to_string() },
        "terms": a.terms(),
        "dims": a.dims(),
        "players": players,
        "datasets": a.datasets().iter().map(dataset).collect::<Vec<_>>(),
        "disclosure": a.checked().disclosure(),
        "words": a.disclosure(),
    })
}

fn show(a: &Show) -> Result<(), Failure> {
    let agreement = load(&a.file)?;
    if a.json {
        say!("{}", shown(&agreement));
        return Ok(());
    }
    say!("{}", agreement.text().trim_end());
    say!("\n# digest: {}", agreement.digest());
    if let Err(e) = agreement.check_time(crate::time::now_ms()) {
        say!("# now: {e}");
    }
    Ok(())
}

fn differences(a: &Diff) -> Result<(), Failure> {
    let (before, after) = (load(&a.before)?, load(&a.after)?);
    let changes = diff(&before, &after);
    if a.json {
        let digests = [before.digest().to_string(), after.digest().to_string()];
        say!("{}", json!({ "digests": digests, "changes": changes }));
        return Ok(());
    }
    for change in &changes {
        say!("{change}");
    }
    if changes.is_empty() {
        say!("the same agreement, {}", before.digest());
    }
    Ok(())
}

fn verify(a: &Verify) -> Result<(), Failure> {
    let agreement = load(&a.file)?;
    let older = a.older.iter().map(|f| load(f)).collect::<Result<Vec<_>, _>>()?;
    let (mut ratifications, mut declines) = (Vec::new(), Vec::new());
    for path in &a.signed {
        let text = read(path)?;
        let told = |e: AgreementError| refused(path, e.since(&agreement, &older));
        // What has a reason is a decline; everything else must be a ratification.
        match Decline::from_text(&text) {
            Ok(decline) => {
                decline.verify(&agreement).map_err(told)?;
                declines.push(decline);
            }
            Err(_) => {
                let ratification = Ratification::from_text(&text).map_err(told)?;
                ratification.verify(&agreement).map_err(told)?;
                ratifications.push(ratification);
            }
        }
    }
    let standing = Standing::of(&agreement, &ratifications, &declines).map_err(privity::Error::from)?;
    let complete = standing.is_complete();
    if a.json && complete {
        say!("{}", json!({ "digest": agreement.digest().to_string(), "complete": complete, "standing": standing }));
        return Ok(());
    }
    if complete {
        say!("ratified by all: {}", agreement.digest());
        return Ok(());
    }
    if !a.json {
        for player in &standing.ratified {
            say!("{player:<12} ratified");
        }
        for (player, reason) in &standing.declined {
            say!("{player:<12} declined: {reason}");
        }
        for player in &standing.missing {
            say!("{player:<12} missing");
        }
    }
    let players = standing.declined.into_keys().chain(standing.missing).collect();
    Err(Failure::from(privity::Error::from(AgreementError::Unratified { players })))
}
