//! This worker as an aggregator of clients' rounds, whose sums it keeps for computations that go on with them.
//!
//! ```toml
//! [[aggregate]]
//! terms = "terms.toml"         # terms with [shares], in which this worker's key is an aggregator's
//! enrolment = "clients.list"   # its own copy of the enroller's list
//! ```
//!
//! Of three such workers each keeps its shares. One alone, for sums at `enclave(..)`, keeps what it unmasks, so it is a machine
//! that proves itself (`[prove]`), and takes part with a key that is made in its memory when it starts:
//!
//! ```toml
//! [[aggregate]]
//! terms = "terms.toml"         # is waited for until it names that key
//! enrolment = "clients.list"
//! keys = "inside.keys"         # here the worker writes what terms say of the key, with evidence of its machine
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aggregator::{AggregatorDraft, Enrolled, Keeper, Member, Memories, Terms};
use futures::future::Either;
use net::KeyPair;
use serde::Deserialize;

use crate::error::ClientError;
use crate::kept::{MachineKeeper, StoreKeeper};
use crate::office::Office;

/// How often is looked whether files are there that name a key.
const LOOK: Duration = Duration::from_secs(1);

/// `[[aggregate]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAggregate {
    terms: PathBuf,
    enrolment: PathBuf,
    address: Option<String>,
    keys: Option<PathBuf>,
}

/// Rounds in which this worker is an aggregator.
pub struct Aggregation {
    files: Files,
    address: Option<String>,
    by: By,
}

/// With which key it takes part.
enum By {
    /// Its own, under terms that were read with the configuration.
    Worker(Box<(Terms, Enrolled)>),
    /// One that is made in the machine's memory, and told in this file.
    Machine(PathBuf),
}

/// Where terms and list are.
#[derive(Clone)]
struct Files {
    terms: PathBuf,
    enrolment: PathBuf,
}

impl Files {
    /// Reads both.
    fn read(&self) -> Result<(Terms, Enrolled), String> {
        let text =
            |file: &Path| std::fs::read_to_string(file).map_err(|e| self.at(&format!("{}: {e}", file.display())));
        let terms = Terms::parse(&text(&self.terms)?).map_err(|e| self.at(&e.to_string()))?;
        let enrolled = Enrolled::parse(&terms, &text(&self.enrolment)?).map_err(|e| self.at(&e.to_string()))?;
        if terms.draft().shares.is_none() {
            return Err(self.at("these terms publish their sums: run their aggregator with `privity aggregator`"));
        }
        Ok((terms, enrolled))
    }

    /// The same, of terms that name a key: as the only one, or as one of several.
    fn naming(&self, key: &KeyPair, alone: bool) -> Result<(Terms, Enrolled), String> {
        let (terms, enrolled) = self.read()?;
        if !terms.holders().contains(&key.identity()) {
            return Err(self.at("this worker's key is not that of an aggregator of these terms"));
        }
        match (alone, terms.is_kept_whole()) {
            (false, true) => {
                Err(self.at("one aggregator alone has its key in its machine's memory: say where to write `keys`"))
            }
            (true, false) => {
                Err(self.at("several aggregators take part with their workers' own keys: say nothing of `keys`"))
            }
            _ => Ok((terms, enrolled)),
        }
    }

    fn at(&self, what: &str) -> String {
        format!("[[aggregate]] {}: {what}", self.terms.display())
    }
}

impl Aggregation {
    /// What a configuration says, read in.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words.
    pub(crate) fn read(raw: RawAggregate, base: &Path, key: Option<&KeyPair>, proves: bool) -> Result<Self, String> {
        let files = Files { terms: base.join(raw.terms), enrolment: base.join(raw.enrolment) };
        let by = match raw.keys {
            Some(_) if !proves => return Err(files.at("`keys` are those of a machine that proves itself (`[prove]`)")),
            Some(keys) => By::Machine(base.join(keys)),
            None => By::Worker(Box::new(key.map_or_else(|| files.read(), |key| files.naming(key, false))?)),
        };
        Ok(Self { files, address: raw.address, by })
    }

    /// Takes part in all rounds, until they are over or something is wrong that waiting cannot mend.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub(crate) async fn start(
        &self,
        office: &Arc<Office>,
    ) -> Result<impl Future<Output = ()> + Send + use<>, ClientError> {
        let (office, files, address) = (Arc::clone(office), self.files.clone(), self.address.clone());
        let failed = |what: String| ClientError::System { what: files.at(&what) };
        let rounds = match &self.by {
            By::Worker(read) => Either::Left(Round::of_worker(&office, read).map_err(failed)?),
            By::Machine(keys) => Either::Right(made(&office, keys).await.map_err(failed)?),
        };
        Ok(async move {
            let round = match rounds {
                Either::Left(round) => round,
                Either::Right(key) => Round::of_machine(&office, &files, key).await,
            };
            round.run(address).await;
        })
    }
}

/// Rounds of some terms, with what it takes to be an aggregator of theirs.
struct Round {
    terms: Terms,
    enrolled: Enrolled,
    key: KeyPair,
    memories: Memories,
    keeper: Arc<dyn Keeper>,
}

impl Round {
    /// With the worker's own key.
    fn of_worker(office: &Arc<Office>, (terms, enrolled): &(Terms, Enrolled)) -> Result<Self, String> {
        let memories = Memories::in_folder(&office.config.store.rounds()).map_err(|e| e.to_string())?;
        let keeper = Arc::new(StoreKeeper(Arc::clone(office), terms.clone()));
        let key = office.config.key.clone();
        Ok(Self { terms: terms.clone(), enrolled: enrolled.clone(), key, memories, keeper })
    }

    /// With a key that was made here, once terms name it: they are written after it. What is wrong until then is logged, and
    /// waited for, since the key would be gone.
    async fn of_machine(office: &Arc<Office>, files: &Files, key: KeyPair) -> Self {
        let mut told = String::new();
        let (terms, enrolled) = loop {
            match files.naming(&key, true) {
                Ok(read) => break read,
                Err(problem) if problem != told => {
                    tracing::info!(problem, "waiting for terms that name the key of this machine");
                    told = problem;
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        };
        let keeper = Arc::new(MachineKeeper(Arc::clone(office), terms.clone()));
        Self { terms, enrolled, key, memories: Memories::in_process(), keeper }
    }

    async fn run(self, address: Option<String>) {
        let name = self.terms.draft().name.clone();
        let member = Member::new(self.terms, self.enrolled, self.key, self.memories, address);
        let done = match member {
            Ok(member) => member.keeping(self.keeper).run().await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => tracing::info!(terms = name, "all rounds are over"),
            Err(error) => tracing::error!(terms = name, %error, "no part in these rounds any more"),
        }
    }
}

/// Makes a key in this process, and writes what terms say of it with evidence that it was made in this machine.
async fn made(office: &Office, file: &Path) -> Result<KeyPair, String> {
    let key = KeyPair::generate().map_err(|e| e.to_string())?;
    let told = aggregator::told(&key).map_err(|e| e.to_string())?;
    let evidence = office.config.machines.attest(told.report_data().map_err(|e| e.to_string())?).await?;
    let evidence = String::from_utf8(evidence).map_err(|e| e.to_string())?;
    let told = AggregatorDraft { evidence: Some(evidence), ..told };
    let beside = file.with_added_extension("new");
    let lines = format!("# {}\n{}\n", key.identity(), told.lines());
    // Whoever makes terms of it finds it whole.
    let written = std::fs::write(&beside, lines).and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(key)
}
