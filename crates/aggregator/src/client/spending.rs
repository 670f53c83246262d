//! What a contributor has lost, over all terms and rounds, against its own budget: a file that is written before anything
//! leaves.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use net::Identity;
use secagg::dp::Zcdp;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::terms::Terms;

/// A budget, and the file with what was spent of it.
pub(super) struct Ledger {
    pub(super) file: PathBuf,
    pub(super) budget: Zcdp,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spent {
    contributions: Vec<Contribution>,
}

/// One round of one set of terms, under one key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contribution {
    name: String,
    key: String,
    terms: String,
    round: u64,
    rho: f64,
}

impl Ledger {
    /// Charges a contribution, once, durably; nothing is charged if the budget does not allow it.
    ///
    /// # Errors
    /// [`Error::Terms`] for terms without noise, of which the loss has no bound; [`Error::Overspent`]; and what
    /// the file system has against it.
    pub(super) fn charge(&self, key: &Identity, terms: &Terms, round: u64) -> Result<(), Error> {
        let noise =
            terms.noise().ok_or_else(|| Error::terms("these terms add no noise: what they cost has no bound"))?;
        // Another process of the same contributor waits.
        let lock = File::create(self.file.with_added_extension("lock")).and_then(|lock| lock.lock().map(|()| lock));
        let _lock = lock.map_err(|e| self.failed(e))?;
        let mut spent = self.read()?;
        let (key, digest) = (key.to_string(), hex::encode(terms.digest()));
        let paid = |known: &Contribution| known.key == key && known.terms == digest && known.round == round;
        if spent.contributions.iter().any(paid) {
            return Ok(());
        }
        let before: f64 = spent.contributions.iter().map(|known| known.rho).sum();
        let rho = noise.loss().rho();
        let after = before + rho;
        if after.is_nan() || after > self.budget.rho() {
            return Err(Error::Overspent { spent: before, cost: rho, budget: self.budget.rho() });
        }
        spent.contributions.push(Contribution { name: terms.draft().name.clone(), key, terms: digest, round, rho });
        self.write(&spent)
    }

    fn read(&self) -> Result<Spent, Error> {
        match std::fs::read(&self.file) {
            // A ledger that cannot be read is not one in which nothing was spent.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| self.failed(e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Spent::default()),
            Err(e) => Err(self.failed(e)),
        }
    }

    /// Into a file beside, which then takes the name.
    fn write(&self, spent: &Spent) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(spent).map_err(|e| self.failed(e))?;
        let beside = self.file.with_added_extension("new");
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.file)?;
            // The new name is durable with its folder.
            let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|e| self.failed(e))
    }

    fn failed(&self, e: impl std::fmt::Display) -> Error {
        Error::System { what: format!("{}: {e}", self.file.display()) }
    }
}
