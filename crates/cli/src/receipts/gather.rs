//! What stands in the files and folders that were given: receipts, openings, an agreement.

use std::path::{Path, PathBuf};

use privity::agreement::SignedReceipt;
use serde_json::Value;

use super::openings::Openings;
use crate::{Failure, agreement};

/// Everything that was found, each with its file.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) receipts: Vec<(PathBuf, SignedReceipt)>,
    pub(super) openings: Vec<(PathBuf, Openings)>,
    /// Agreements that stand beside receipts.
    agreements: Vec<PathBuf>,
}

/// Reads files, and of folders what `receipt export` writes into them: `*.json` and `*.agreement`.
pub(super) fn all(named: &[PathBuf], openings: &[PathBuf]) -> Result<Gathered, Failure> {
    let mut found = Gathered::default();
    for path in named {
        if path.is_dir() {
            found.folder(path)?;
        } else {
            found.file(path)?;
        }
    }
    for path in openings {
        let read = Openings::of(&json(path)?);
        let read = read.ok_or_else(|| not(path, "it holds no openings", "give openings as a worker wrote them"))?;
        if found.openings.iter().all(|(known, _)| known != path) {
            found.openings.push((path.clone(), read));
        }
    }
    Ok(found)
}

impl Gathered {
    fn folder(&mut self, folder: &Path) -> Result<(), Failure> {
        let failed =
            |e: std::io::Error| Failure::input("file.unreadable", format!("{}: {e}", folder.display()), READABLE);
        let entries = std::fs::read_dir(folder).map_err(failed)?;
        let mut files = entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        files.sort();
        let before = self.receipts.len();
        for file in files {
            match file.extension().and_then(|e| e.to_str()) {
                Some("json") => self.file(&file)?,
                Some("agreement") => self.agreements.push(file),
                _ => {}
            }
        }
        if self.receipts.len() == before {
            return Err(not(folder, "there are no receipts in this folder", "name the folder of `receipt export`"));
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let value = json(path)?;
        if let Some(openings) = Openings::of(&value) {
            self.openings.push((path.to_owned(), openings));
            return Ok(());
        }
        let bad = |e: serde_json::Error| not(path, &e.to_string(), "give receipts as a worker wrote them");
        match value {
            list @ Value::Array(_) => {
                let list: Vec<SignedReceipt> = serde_json::from_value(list).map_err(bad)?;
                self.receipts.extend(list.into_iter().map(|receipt| (path.to_owned(), receipt)));
            }
            one => self.receipts.push((path.to_owned(), serde_json::from_value(one).map_err(bad)?)),
        }
        Ok(())
    }

    /// The file of the agreement: the one that was named, or the only one that stands beside the receipts.
    pub(super) fn agreement(&self, named: Option<&Path>) -> Result<PathBuf, Failure> {
        match (named, &self.agreements[..]) {
            (Some(file), _) => Ok(file.to_owned()),
            (None, [one]) => Ok(one.clone()),
            (None, found) => {
                let message = match found.len() {
                    0 => "no agreement stands beside the receipts".to_owned(),
                    many => format!("{many} agreements stand beside the receipts"),
                };
                Err(Failure::input("receipt.agreement", message, "name the agreement of the run with --agreement"))
            }
        }
    }
}

const READABLE: &str = "name files and folders that you may read";

fn json(path: &Path) -> Result<Value, Failure> {
    let text = agreement::read(path)?;
    serde_json::from_str(&text).map_err(|e| not(path, &e.to_string(), "give receipts as a worker wrote them"))
}

fn not(path: &Path, what: &str, help: &str) -> Failure {
    Failure::input("receipt.syntax", format!("{}: {what}", path.display()), help)
}
