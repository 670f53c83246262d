//! Key release: an owner's worker lets the key of a sealed table go, to the machine of an enclave that proved itself, for
//! one session of one agreement.
//!
//! ```toml
//! [release.vitals]               # at the owner's worker: the input that it may be released for
//! key = "vitals.key"             # the key file that the table was sealed under
//!
//! [sealed]                       # at the enclave's worker: where sealed tables lie
//! vitals = "vitals.sealed"
//! ```
//!
//! When all players of the session have met, the enclave's worker asks each owner. The owner's worker answers for a session that
//! runs at it, of an agreement that it ratified, whose input it owns; it sends a challenge, appraises the evidence by its own policy
//! and by the agreed claims, and then seals the key to the machine's fresh public key, once. What it did is in its log first.

mod ask;
mod sealed;
mod wrap;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agreement::{Agreement, Dataset, SessionId};
use audit::Event;
use net::mesh::Gate as _;
use net::{Identity, Player};
use serde::Deserialize;
use store::{KeyFile, State};

use crate::clock::random;
use crate::error::WorkerError;
use crate::gate::SessionGate;
use crate::office::Office;
use crate::proto;

pub(crate) use ask::{Released, fetch, inside, open, sealed_bytes, unsealed};
pub use sealed::{SealedFault, SealedTable};
use wrap::Purpose;

/// `[release.INPUT]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRelease {
    key: PathBuf,
}

/// What this worker releases, and where what it opens lies.
#[derive(Default)]
pub struct Sealing {
    /// By input: the key file of its owner.
    releases: BTreeMap<String, KeyFile>,
    /// By input: the sealed table.
    tables: BTreeMap<String, PathBuf>,
}

impl Sealing {
    /// Reads what a configuration says of it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub(crate) fn read(
        release: BTreeMap<String, RawRelease>,
        sealed: BTreeMap<String, PathBuf>,
        base: &Path,
    ) -> Result<Sealing, Vec<String>> {
        let mut problems = Vec::new();
        let mut releases = BTreeMap::new();
        for (input, raw) in release {
            match KeyFile::load(&base.join(&raw.key)) {
                Ok(key) => drop(releases.insert(input, key)),
                Err(e) => problems.push(format!("[release.{input}]: {e}")),
            }
        }
        let tables: BTreeMap<String, PathBuf> = sealed.into_iter().map(|(n, path)| (n, base.join(path))).collect();
        let parsed = |path: &Path| {
            let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
            SealedTable::parse(&bytes).map(drop).map_err(|e| e.to_string())
        };
        for (input, path) in &tables {
            problems.extend(parsed(path).err().map(|e| format!("[sealed] {input}: {}: {e}", path.display())));
        }
        if problems.is_empty() { Ok(Sealing { releases, tables }) } else { Err(problems) }
    }

    /// The inputs that it has a sealed table of.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.tables.iter().map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// The inputs whose keys it releases.
    pub(crate) fn releases(&self) -> impl Iterator<Item = &str> {
        self.releases.keys().map(String::as_str)
    }
}

/// Why a key was not released, or a sealed table not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseFault {
    /// There is nothing for whoever asks: no such session runs here, or it has no such input of ours at the caller's machine.
    #[error("there is no key of `{0}` for you in a session that runs here")]
    Unknown(String),
    /// The configuration releases no key for it.
    #[error("this worker's operator releases no key for `{0}`")]
    NoKey(String),
    /// It was released in this attempt already.
    #[error("the key of `{0}` was released for this attempt already")]
    Again(String),
    /// The request answers no challenge that is open.
    #[error("the request for the key of `{0}` answers no open challenge")]
    Stale(String),
    /// The machine did not prove what it had to.
    #[error("the key of `{input}` is not released to this machine: {why}")]
    Unproved {
        /// The input.
        input: String,
        /// Which check failed, in words.
        why: String,
    },
    /// The table was sealed under another key, or as another input.
    #[error("the key of `{0}` was wrapped under another key file, or for another input")]
    Wrapped(String),
    /// The owner's worker refused.
    #[error("{owner} did not release the key of `{input}`: {what}")]
    Refused {
        /// The owner.
        owner: String,
        /// The input.
        input: String,
        /// Why, in its words.
        what: String,
    },
    /// The sealed table cannot be used; where in it is not said, since it is another party's.
    #[error("the sealed table `{input}` cannot be used: {what}")]
    Table {
        /// The input.
        input: String,
        /// Why.
        what: String,
    },
}

impl ReleaseFault {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ReleaseFault::Unknown(_) => "release.unknown",
            ReleaseFault::NoKey(_) => "release.no-key",
            ReleaseFault::Again(_) => "release.again",
            ReleaseFault::Stale(_) => "release.stale",
            ReleaseFault::Unproved { .. } => "release.unproved",
            ReleaseFault::Wrapped(_) => "release.wrapped",
            ReleaseFault::Refused { .. } => "release.refused",
            ReleaseFault::Table { .. } => "release.table",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            ReleaseFault::Unknown(_) | ReleaseFault::Again(_) | ReleaseFault::Stale(_) => {
                "run the agreement again; a key is released once for each attempt at a session".into()
            }
            ReleaseFault::NoKey(input) => format!("its operator writes `[release.{input}]` with `key = \"FILE\"`"),
            ReleaseFault::Unproved { .. } => "run on the machine what all owners approved".into(),
            ReleaseFault::Wrapped(_) => "seal the table under the key file that the owner's configuration names".into(),
            ReleaseFault::Refused { .. } => "the log of the owner's worker says more".into(),
            ReleaseFault::Table { .. } => "ask its owner to seal it again, as the agreement describes it".into(),
        }
    }
}

/// Requests for keys that are going on, and keys that were released. An attempt that runs is not taken up again after a
/// restart, so this need not outlive the process.
#[derive(Default)]
pub(crate) struct Releases(Mutex<HashMap<Request, Stage>>);

/// Session, attempt and input.
type Request = (SessionId, u32, String);

enum Stage {
    Challenged([u8; 32]),
    /// It is being released, or was.
    Answered,
}

impl Releases {
    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, HashMap<Request, Stage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open challenge of a request, which is answered once: if nothing comes of it, with a challenge anew.
    fn answer(&self, request: &Request) -> Result<[u8; 32], ReleaseFault> {
        let mut requests = self.lock();
        let stage = requests.get_mut(request).ok_or_else(|| ReleaseFault::Stale(request.2.clone()))?;
        match std::mem::replace(stage, Stage::Answered) {
            Stage::Challenged(challenge) => Ok(challenge),
            Stage::Answered => Err(ReleaseFault::Again(request.2.clone())),
        }
    }
}

/// A session that runs here, and its input that the caller asks the key of.
struct Found {
    agreement: Arc<Agreement>,
    session: SessionId,
    attempt: u32,
    dataset: Dataset,
}

impl Office {
    /// What the caller may ask the key of.
    fn wanted(&self, caller: Identity, session: &[u8], input: &str) -> Result<Found, WorkerError> {
        let unknown = || ReleaseFault::Unknown(input.chars().take(64).collect());
        let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
        let known = self.store.session(session.0)?.filter(|s| s.state == State::Running).ok_or_else(unknown)?;
        let agreement = self.agreement_of(session)?;
        let plays = |player: &str, who: Identity| agreement.roster().get(player).is_some_and(|m| m.identity == who);
        let me = self.config.key.identity();
        let mine = |d: &&Dataset| d.name == input && d.inside && plays(&d.player, caller) && plays(&d.brought_by, me);
        let dataset = agreement.datasets().iter().find(mine).cloned().ok_or_else(unknown)?;
        Ok(Found { agreement: Arc::new(agreement), session, attempt: known.attempt, dataset })
    }

    /// Opens a request: a fresh challenge, in place of an earlier one that was not answered.
    pub(crate) fn challenge(&self, caller: Identity, session: &[u8], input: &str) -> Result<[u8; 32], WorkerError> {
        let found = self.wanted(caller, session, input)?;
        if !self.config.sealing.releases.contains_key(input) {
            return Err(ReleaseFault::NoKey(input.to_owned()).into());
        }
        let challenge: [u8; 32] = random()?;
        let running = |session: &SessionId| {
            self.store.session(session.0).ok().flatten().is_some_and(|known| known.state == State::Running)
        };
        let mut requests = self.releases.lock();
        requests.retain(|(session, ..), _| running(session));
        let request = (found.session, found.attempt, input.to_owned());
        if let Some(Stage::Answered) = requests.get(&request) {
            return Err(ReleaseFault::Again(input.to_owned()).into());
        }
        requests.insert(request, Stage::Challenged(challenge));
        Ok(challenge)
    }

    /// Releases a key, sealed to the machine, if its evidence holds.
    pub(crate) fn release(
        self: &Arc<Office>,
        caller: Identity,
        asked: &proto::ReleaseRequest,
    ) -> Result<Vec<u8>, WorkerError> {
        let found = self.wanted(caller, &asked.session, &asked.input)?;
        let request = (found.session, found.attempt, found.dataset.name.clone());
        let challenge = self.releases.answer(&request)?;
        let sealed = self.seal_for(&found, caller, asked, &challenge);
        if sealed.is_err() {
            self.releases.lock().remove(&request);
        }
        sealed
    }

    /// Seals the key to a machine that proves itself.
    fn seal_for(
        self: &Arc<Office>,
        found: &Found,
        caller: Identity,
        asked: &proto::ReleaseRequest,
        challenge: &[u8; 32],
    ) -> Result<Vec<u8>, WorkerError> {
        let input = found.dataset.name.clone();
        let file = self.config.sealing.releases.get(&input).ok_or(ReleaseFault::NoKey(input.clone()))?;
        let public: [u8; 32] = asked.public.as_slice().try_into().map_err(|_| ReleaseFault::Stale(input.clone()))?;
        let info = found.purpose(self.config.key.identity(), caller, &asked.wrapped).report_data(challenge, &public);
        self.appraise_for(found, caller, &asked.evidence, info)?;
        let wrong = |_| ReleaseFault::Wrapped(input.clone());
        let key = sealed::unwrap(&input, &asked.wrapped, file).map_err(wrong)?;
        let mut rng = aggregator::fresh().map_err(|e| WorkerError::System { what: e.to_string() })?;
        let message = wrap::seal(&public, &info, &key, &mut rng).ok_or(ReleaseFault::Stale(input.clone()))?;
        self.journal.enter(&[Event::KeyReleased {
            agreement: found.agreement.digest().to_string(),
            session: found.session.to_string(),
            attempt: found.attempt,
            input: input.clone(),
            player: found.dataset.player.clone(),
            evidence: blake3::hash(&asked.evidence).to_string(),
        }])?;
        tracing::info!(session = %found.session, input, player = found.dataset.player, "a key was released");
        Ok(message)
    }

    /// Appraises a machine's evidence for a release, by our own policy and by what was agreed; both ways it is recorded.
    fn appraise_for(
        self: &Arc<Office>,
        found: &Found,
        caller: Identity,
        evidence: &[u8],
        info: [u8; 32],
    ) -> Result<(), WorkerError> {
        let (input, name) = (found.dataset.name.clone(), found.dataset.player.as_str());
        let player = Player { id: net::PlayerId(0), name: name.into() };
        let gate = SessionGate::apart(self, &found.agreement, found.session);
        let appraised = self.config.machines.appraised(&caller, evidence, info);
        let appraised = appraised.inspect_err(|why| gate.note_refusal(name, why));
        let admitted = appraised.and_then(|appraised| gate.admit(&player, Some(&appraised)));
        admitted.map(drop).map_err(|why| ReleaseFault::Unproved { input, why }.into())
    }
}

impl Found {
    fn purpose<'a>(&'a self, owner: Identity, machine: Identity, wrapped: &'a [u8]) -> Purpose<'a> {
        Purpose {
            agreement: self.agreement.digest(),
            session: self.session,
            attempt: self.attempt,
            input: &self.dataset.name,
            owner,
            machine,
            wrapped,
        }
    }
}
