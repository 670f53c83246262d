//! Who may do what with which dataset.

use std::collections::BTreeSet;

use net::Identity;

use tables::Table;

use crate::error::Refusal;

/// A dataset that was agreed on: an input to be uploaded, or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Who uploads it; nobody, if it is a result.
    pub owner: Option<Identity>,
    /// Who may download it, beside its owner.
    pub readers: BTreeSet<Identity>,
    /// Whether its owner may upload it yet.
    pub taken: bool,
    /// Whether all that must have agreed to readers' downloads have.
    pub approved: bool,
}

/// What was agreed on, as it stands at the time of a call. Called on a thread that may wait.
pub trait Rules: Send + Sync + 'static {
    /// A dataset, by name.
    fn dataset(&self, name: &str) -> Option<Dataset>;

    /// All datasets.
    fn datasets(&self) -> Vec<Dataset>;

    /// Whether a table is what was agreed on.
    ///
    /// # Errors
    /// [`Refusal::Unfit`], which must not say what a cell holds.
    fn check(&self, name: &str, table: &Table) -> Result<(), Refusal>;

    /// Whether a caller may ask once more just now.
    fn hears(&self, caller: &Identity) -> bool;
}

impl Dataset {
    /// Whether a caller may know that it exists.
    #[must_use]
    pub fn concerns(&self, caller: &Identity) -> bool {
        self.owned_by(caller) || self.readers.contains(caller)
    }

    fn owned_by(&self, caller: &Identity) -> bool {
        self.owner.as_ref() == Some(caller)
    }

    /// Whether a caller may upload it.
    ///
    /// # Errors
    /// [`Refusal::NotYet`] for its owner before uploads are taken, [`Refusal::NotOwner`] for a reader, [`Refusal::Unknown`] for
    /// anybody else.
    pub fn upload(&self, caller: &Identity) -> Result<(), Refusal> {
        match (self.owned_by(caller), self.concerns(caller)) {
            (true, _) if !self.taken => Err(Refusal::NotYet(self.name.clone())),
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::NotOwner(self.name.clone())),
            (false, false) => Err(Refusal::Unknown(self.name.clone())),
        }
    }

    /// Whether a caller may download it. Its owner always may.
    ///
    /// # Errors
    /// [`Refusal::NotApproved`] for a reader before approval, [`Refusal::Unknown`] for anybody else.
    pub fn download(&self, caller: &Identity) -> Result<(), Refusal> {
        if self.owned_by(caller) {
            return Ok(());
        }
        match (self.concerns(caller), self.approved) {
            (true, true) => Ok(()),
            (true, false) => Err(Refusal::NotApproved(self.name.clone())),
            (false, _) => Err(Refusal::Unknown(self.name.clone())),
        }
    }
}
