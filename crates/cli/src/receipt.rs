//! `receipt`: the receipts that a worker keeps of its sessions; `receipts` verifies them.

use std::path::Path;

use privity::agreement::SessionId;
use serde_json::json;

use crate::jobs::console;
use crate::{Failure, args, receipts};

pub(crate) fn receipt(a: &args::Receipt) -> Result<(), Failure> {
    match &a.command {
        args::ReceiptCommand::Verify(a) => receipts::verify(a),
        args::ReceiptCommand::Ls { reach, json } => ls(reach, *json),
        args::ReceiptCommand::Show { session, reach } => show(*session, reach),
        args::ReceiptCommand::Export { session, folder, reach, json } => export(*session, folder, reach, *json),
    }
}

fn ls(reach: &args::Reach, json: bool) -> Result<(), Failure> {
    let sessions = console(reach)?.sessions_with_receipts()?;
    if json {
        let sessions: Vec<_> = sessions.iter().map(|(w, s)| json!({ "worker": w, "session": s })).collect();
        say!("{}", json!({ "sessions": sessions }));
        return Ok(());
    }
    for (worker, session) in sessions {
        say!("{worker:<12} {session}");
    }
    Ok(())
}

fn show(session: SessionId, reach: &args::Reach) -> Result<(), Failure> {
    let found = console(reach)?.receipts(session)?;
    say!("{}", json!({ "receipts": found.receipts }));
    Ok(())
}

/// One file for each player's receipt, the agreement, so that the folder is all that verifying needs, and the openings of
/// the worker's own commitments, which are for its owner.
fn export(session: SessionId, folder: &Path, reach: &args::Reach, json: bool) -> Result<(), Failure> {
    let console = console(reach)?;
    let found = console.receipts(session)?;
    let (agreement, _) = console.recall(session)?;
    let failed = |e: std::io::Error| {
        Failure::input("file", format!("{}: {e}", folder.display()), "name a folder that you may write to")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut files = Vec::new();
    for receipt in &found.receipts {
        // What a worker sends names a file only if it is what it should be: a player's own account of this session.
        let player = &receipt.unverified().player;
        if agreement.roster().get(player).is_none() || receipt.verify_for(&agreement, session, player).is_err() {
            let what = format!(
                "the worker gave a receipt that is none of this session ({} bytes)",
                json!(receipt).to_string().len()
            );
            let help = "ask another worker of the session, and its operator why";
            return Err(Failure::of(true, "client.bad-receipt".into(), what, None, Some(help.into())));
        }
        let file = folder.join(format!("{player}.receipt.json"));
        std::fs::write(&file, format!("{}\n", json!(receipt))).map_err(failed)?;
        files.push(file);
    }
    let file = folder.join(format!("{}.agreement", agreement.checked().computation().name));
    std::fs::write(&file, agreement.text()).map_err(failed)?;
    files.push(file);
    if !found.openings.is_empty() {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let openings: serde_json::Map<_, _> =
            found.openings.iter().map(|(name, opening)| (name.clone(), json!(hex(opening)))).collect();
        let file = folder.join("openings.json");
        private(&file, &format!("{}\n", json!(openings))).map_err(failed)?;
        files.push(file);
    }
    if json {
        say!("{}", json!({ "files": files }));
    } else {
        files.iter().for_each(|f| say!("{}", f.display()));
    }
    Ok(())
}

/// Writes a file that only its owner can read.
fn private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(text.as_bytes())
}
