//! Where uploaded tables are kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tables::Table;

/// The store could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed")]
pub struct StoreFault;

/// Tables by the name of their dataset. Called on a thread that may wait.
pub trait Store: Send + Sync + 'static {
    /// Keeps a table unless there is one of this name, and says whether it did: of two at once, one is kept.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing was kept.
    fn keep(&self, name: &str, table: Table) -> Result<bool, StoreFault>;

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn has(&self, name: &str) -> Result<bool, StoreFault>;

    /// The table of this name.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn get(&self, name: &str) -> Result<Option<Table>, StoreFault>;

    /// Bytes that all its tables take.
    ///
    /// # Errors
    /// [`StoreFault`].
    fn bytes(&self) -> Result<usize, StoreFault>;
}

/// Tables in this process's memory, which are gone with it.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Table>>);

impl Memory {
    /// Lets go of all tables whose names are not kept.
    pub fn retain(&self, kept: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| kept(name));
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Table>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn keep(&self, name: &str, table: Table) -> Result<bool, StoreFault> {
        let mut tables = self.lock();
        if tables.contains_key(name) {
            return Ok(false);
        }
        tables.insert(name.to_owned(), table);
        Ok(true)
    }

    fn has(&self, name: &str) -> Result<bool, StoreFault> {
        Ok(self.lock().contains_key(name))
    }

    fn get(&self, name: &str) -> Result<Option<Table>, StoreFault> {
        Ok(self.lock().get(name).cloned())
    }

    fn bytes(&self) -> Result<usize, StoreFault> {
        Ok(self.lock().values().map(Table::bytes).sum())
    }
}
