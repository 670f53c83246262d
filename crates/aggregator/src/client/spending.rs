//! What a contributor has lost, over all terms and rounds, against its own budget: a file that is written before anything
//! leaves.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use secagg::Identity;
use secagg::dp::{Ledger, Zcdp};
use serde::{Deserialize, Serialize};
use terms::Terms;

use crate::durable;
use crate::error::Error;

/// A budget, and the file with what was spent of it.
pub(super) struct Spending {
    file: PathBuf,
    budget: Zcdp,
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

impl Spending {
    /// # Errors
    /// [`Error::Terms`] unless the budget is a number above zero: any other would allow everything.
    pub(super) fn new(file: &Path, rho: f64) -> Result<Self, Error> {
        if !(rho.is_finite() && rho > 0.0) {
            return Err(Error::terms("a budget is a number above zero"));
        }
        Ok(Self { file: file.to_owned(), budget: Zcdp::new(rho) })
    }

    /// Charges a contribution, once, durably; nothing is charged if the budget does not allow it.
    ///
    /// # Errors
    /// [`Error::Terms`] for terms without noise, of which the loss has no bound; [`secagg::Error::Budget`]; and what
    /// the file system has against it.
    pub(super) fn charge(&self, owner: Identity, terms: &Terms, round: u64) -> Result<(), Error> {
        let noise =
            terms.noise().ok_or_else(|| Error::terms("these terms add no noise: what they cost has no bound"))?;
        // Another process of the same contributor waits.
        let lock = File::create(self.file.with_added_extension("lock")).and_then(|lock| lock.lock().map(|()| lock));
        let _lock = lock.map_err(|e| self.failed(e))?;
        let mut spent = self.read()?;
        let (key, digest, loss) = (owner.to_string(), hex::encode(terms.digest()), noise.loss());
        let paid = |known: &Contribution| known.key == key && known.terms == digest && known.round == round;
        if spent.contributions.iter().any(paid) {
            return Ok(());
        }
        // Whichever keys it came with: they are one contributor's.
        let before = spent.contributions.iter().fold(Zcdp::default(), |sum, known| sum.and(Zcdp::new(known.rho)));
        Ledger::with_spent(self.budget, [(owner, before)]).charge(&[owner], loss)?;
        let name = terms.draft().name.clone();
        spent.contributions.push(Contribution { name, key, terms: digest, round, rho: loss.rho() });
        self.write(&spent)
    }

    fn read(&self) -> Result<Spent, Error> {
        match std::fs::read(&self.file) {
            // A file that cannot be read is not one in which nothing was spent.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| self.failed(e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Spent::default()),
            Err(e) => Err(self.failed(e)),
        }
    }

    fn write(&self, spent: &Spent) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(spent).map_err(|e| self.failed(e))?;
        durable::replace(&self.file, |file| file.write_all(&text))
    }

    fn failed(&self, e: impl std::fmt::Display) -> Error {
        Error::System { what: format!("{}: {e}", self.file.display()) }
    }
}
