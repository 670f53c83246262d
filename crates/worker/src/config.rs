//! A worker's configuration: one TOML file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use agreement::Roster;
use data::{Datasets, Source};
use net::{Identity, KeyPair};
use serde::Deserialize;

/// What a worker is told by its operator.
pub struct Config {
    /// Its long-term key.
    pub key: KeyPair,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The relay (`host:port`) that it registers with, if it cannot be dialled from outside.
    pub relay: Option<String>,
    /// The players that it knows, with their identities and endpoints. Agreed on out of band.
    pub roster: Roster,
    /// Who may submit computations, besides the players of the roster.
    pub submitters: Vec<Identity>,
    /// Who may fetch the outputs that arrive here, besides the worker's own key.
    pub readers: Vec<Identity>,
    /// Runs whatever is submitted, without its operator's signature.
    pub ratify_all: bool,
    /// Its datasets, by player and input.
    pub datasets: Datasets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    key: PathBuf,
    listen: SocketAddr,
    relay: Option<String>,
    roster: PathBuf,
    #[serde(default)]
    submitters: Vec<String>,
    #[serde(default)]
    readers: Vec<String>,
    #[serde(default)]
    ratify_all: bool,
    #[serde(default)]
    data: BTreeMap<String, BTreeMap<String, Source>>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl Config {
    /// Reads a configuration. Paths in it are relative to it.
    ///
    /// # Errors
    /// What cannot be read, unknown fields, identities that are none, a key file that others can read.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        let wrong = |what: String| ConfigError { file: file.to_owned(), what };
        let text = std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
        let raw: Raw = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let base = file.parent().unwrap_or(Path::new(""));
        let mut datasets = Datasets::default();
        for (player, inputs) in raw.data {
            datasets.add_player(&player, inputs, base);
        }
        let identities = |list: Vec<String>| -> Result<Vec<Identity>, ConfigError> {
            list.iter().map(|t| t.parse().map_err(|e| wrong(format!("`{t}` is no identity: {e}")))).collect()
        };
        Ok(Config {
            key: KeyPair::load(&base.join(raw.key)).map_err(|e| wrong(e.to_string()))?,
            listen: raw.listen,
            relay: raw.relay,
            roster: Roster::read(&base.join(raw.roster)).map_err(|e| wrong(e.to_string()))?,
            submitters: identities(raw.submitters)?,
            readers: identities(raw.readers)?,
            ratify_all: raw.ratify_all,
            datasets,
        })
    }

    /// Whether an identity may connect at all.
    pub(crate) fn knows(&self, identity: &Identity) -> bool {
        self.may_submit(identity) || self.may_read(identity)
    }

    /// Whether an identity may submit computations.
    pub(crate) fn may_submit(&self, identity: &Identity) -> bool {
        self.submitters.contains(identity)
            || self.roster.iter().any(|(_, m)| m.identity == *identity)
            || self.may_read(identity)
    }

    /// Whether an identity may fetch outputs that arrive here.
    pub(crate) fn may_read(&self, identity: &Identity) -> bool {
        self.readers.contains(identity) || self.key.identity() == *identity
    }
}
