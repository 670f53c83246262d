//! A worker's configuration: one TOML file. The book's page on workers has the table of all its fields.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agreement::Roster;
use attester::tpm::TpmKey;
use data::{Datasets, Source};
use net::{Identity, KeyPair};
use policy::Policy;
use privity::ModuleFolder;
use serde::Deserialize;
use tonic::transport::Uri;

use crate::aggregate::{Aggregation, RawAggregate};
use crate::machines::{Machines, RawMachine, RawProve};
use crate::release::{RawRelease, Sealing};
use crate::traces;
use crate::uploads::{RawFlight, Uploads};

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
    /// Who may operate the worker over the network, besides its own key: read its inbox and all its jobs, cancel.
    pub operators: Vec<Identity>,
    /// Runs whatever is submitted, without its operator's signature.
    pub ratify_all: bool,
    /// What it ratifies without asking its operator; nothing if there is none.
    pub policy: Option<Rules>,
    /// Its datasets, by player and input.
    pub datasets: Datasets,
    /// The modules that it runs in enclaves.
    pub modules: ModuleFolder,
    /// How much it does at once.
    pub jobs: JobLimits,
    /// What strangers and submitters may cost it.
    pub limits: Limits,
    /// Where health and metrics are served; nowhere if not said.
    pub http: Option<SocketAddr>,
    /// A collector of traces (OTLP over gRPC) on this machine; nothing is traced if there is none.
    pub traces: Option<Uri>,
    /// Where it keeps what it must not lose.
    pub store: Store,
    /// How its machine is proved on data connections, and whose else's has to be.
    pub machines: Machines,
    /// Clients' rounds in which it is an aggregator.
    pub aggregations: Vec<Aggregation>,
    /// How it takes tables over Arrow Flight, if it does.
    pub flight: Option<Uploads>,
    /// Keys that it releases to enclaves, and sealed tables that it opens as one.
    pub sealing: Sealing,
}

/// A policy, and the digest of its text.
pub struct Rules {
    /// What it says.
    pub policy: Policy,
    /// BLAKE3 of its text, in hexadecimal.
    pub digest: String,
}

impl Rules {
    /// Reads a policy file.
    ///
    /// # Errors
    /// What cannot be read, and everything that is wrong with it, in words.
    pub fn read(file: &Path) -> Result<Rules, String> {
        let at = |what: String| format!("{}: {what}", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| at(e.to_string()))?;
        let policy = Policy::load(&text).map_err(|e| at(e.to_string()))?;
        Ok(Rules { policy, digest: blake3::hash(text.as_bytes()).to_string() })
    }
}

/// Where a worker keeps what it must not lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The sealed store's folder. It is made when the worker first starts.
    pub folder: PathBuf,
    /// The file with the store's key, readable by its owner only; made together with the store.
    pub key: PathBuf,
    /// The TPM that the store's key is sealed to, in place of the file, and the registers that it is sealed to.
    pub tpm: Option<TpmKey>,
    /// The audit log.
    pub audit: PathBuf,
}

impl Store {
    /// Where it keeps which list it supports in each of the clients' rounds.
    pub(crate) fn rounds(&self) -> PathBuf {
        self.audit.with_extension("rounds")
    }

    /// The places that a configuration file has if it does not name others: beside it, and named like it.
    pub fn beside(file: &Path) -> Store {
        let named = |extension: &str| file.with_extension(extension);
        Store { folder: named("store"), key: named("store.key"), tpm: None, audit: named("audit.jsonl") }
    }
}

/// How much a worker does at once, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobLimits {
    /// Sessions that run at once.
    pub at_once: usize,
    /// Sessions that may wait for their turn, in all; one submitter may have a quarter of them, at least 16.
    pub waiting: usize,
    /// Memory for the values of all sessions that run at once, as predicted, in MiB.
    pub memory_mib: u64,
    /// Memory, in MiB, for what arrives before it is asked for in all sessions together, beyond the 16 MiB for each peer
    /// that belong to a session's own.
    pub ahead_mib: u64,
    /// How long a session may run, in seconds.
    pub deadline_seconds: u64,
    /// How long a session that has its turn here may wait for the other workers, in seconds.
    pub meeting_seconds: u64,
    /// How long running sessions may go on after the worker was told to stop, in seconds.
    pub grace_seconds: u64,
    /// Threads for long computations of all sessions together; 0 for one on each core.
    pub threads: usize,
}

impl Default for JobLimits {
    fn default() -> JobLimits {
        JobLimits {
            at_once: 16,
            waiting: 1024,
            memory_mib: 4096,
            ahead_mib: 1024,
            deadline_seconds: 24 * 3600,
            meeting_seconds: 120,
            grace_seconds: 30,
            threads: 0,
        }
    }
}

impl JobLimits {
    /// Memory for values, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.memory_mib.saturating_mul(1 << 20)
    }

    /// Memory for what arrives ahead, in bytes.
    pub(crate) fn ahead(&self) -> u64 {
        self.ahead_mib.saturating_mul(1 << 20)
    }

    /// Sessions of one submitter that may have their turn here, and still wait for other workers.
    pub(crate) fn meeting_per_submitter(&self) -> usize {
        (self.at_once / 4).max(1)
    }

    /// Sessions of one submitter that may wait.
    pub(crate) fn waiting_per_submitter(&self) -> usize {
        (self.waiting / 4).max(16).min(self.waiting)
    }

    pub(crate) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }

    pub(crate) fn meeting(&self) -> Duration {
        Duration::from_secs(self.meeting_seconds)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// What strangers and submitters may cost a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Handshakes at once, in all.
    pub handshakes: usize,
    /// Handshakes at once from one address.
    pub handshakes_per_address: usize,
    /// Connections of the control plane that one identity may hold.
    pub connections_per_identity: usize,
    /// Requests that may be open at once on one connection.
    pub streams_per_connection: u32,
    /// Requests of one identity in a minute; a minute's worth may come at once.
    pub requests_per_minute: u32,
    /// The largest request, in KiB.
    pub request_kib: usize,
    /// How long a request may take to arrive, in seconds.
    pub request_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            handshakes: 512,
            handshakes_per_address: 128,
            connections_per_identity: 256,
            streams_per_connection: 64,
            requests_per_minute: 6000,
            request_kib: 16 << 10,
            request_seconds: 20,
        }
    }
}

impl Limits {
    /// The largest request, in bytes.
    pub(crate) fn request(&self) -> usize {
        self.request_kib.saturating_mul(1 << 10)
    }

    /// How long a request may take to arrive.
    pub(crate) fn request_time(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }
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
    operators: Vec<String>,
    #[serde(default)]
    ratify_all: bool,
    policy: Option<PathBuf>,
    #[serde(default)]
    data: BTreeMap<String, BTreeMap<String, Source>>,
    modules: Option<RawModules>,
    #[serde(default)]
    jobs: JobLimits,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    telemetry: Telemetry,
    #[serde(default)]
    store: RawStore,
    prove: Option<RawProve>,
    #[serde(default)]
    machines: BTreeMap<String, RawMachine>,
    #[serde(default)]
    aggregate: Vec<RawAggregate>,
    flight: Option<RawFlight>,
    #[serde(default)]
    release: BTreeMap<String, RawRelease>,
    #[serde(default)]
    sealed: BTreeMap<String, PathBuf>,
}

impl Raw {
    fn read(file: &Path) -> Result<Raw, String> {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
        toml::from_str(&text).map_err(|e| e.to_string().trim_end().to_owned())
    }
}

/// What a configuration names, whether or not it can be used as a whole.
pub(crate) struct Named {
    pub(crate) listen: SocketAddr,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) datasets: Datasets,
    pub(crate) store: Store,
}

impl Named {
    /// Reads it, and none of what it names.
    pub(crate) fn read(file: &Path) -> Result<Named, String> {
        let raw = Raw::read(file)?;
        let base = file.parent().unwrap_or(Path::new(""));
        let mut datasets = Datasets::default();
        raw.data.into_iter().for_each(|(player, inputs)| datasets.add_player(&player, inputs, base));
        Ok(Named { listen: raw.listen, http: raw.http.listen, datasets, store: raw.store.at(file, base) })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStore {
    folder: Option<PathBuf>,
    key: Option<PathBuf>,
    tpm: Option<PathBuf>,
    registers: Option<Vec<u32>>,
    audit: Option<PathBuf>,
}

/// Firmware, boot loader, secure boot, and what a launcher measured.
const SEALED_TO: [u32; 4] = [0, 4, 7, 14];

impl RawStore {
    fn at(self, file: &Path, base: &Path) -> Store {
        let usual = Store::beside(file);
        let named = |path: Option<PathBuf>, usual| path.map_or(usual, |path| base.join(path));
        let registers = self.registers.unwrap_or_else(|| SEALED_TO.to_vec());
        Store {
            folder: named(self.folder, usual.folder),
            key: named(self.key, usual.key),
            tpm: self.tpm.map(|place| TpmKey { place: base.join(place), registers }),
            audit: named(self.audit, usual.audit),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModules {
    folder: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    listen: Option<SocketAddr>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Telemetry {
    otlp: Option<String>,
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", file.display(), in_words(problems))]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it; never empty.
    pub problems: Vec<String>,
}

fn in_words(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        many => format!("{} problems\n  - {}", many.len(), many.join("\n  - ")),
    }
}

impl Config {
    /// Reads a configuration, and everything that it names. Paths in it are relative to it.
    ///
    /// # Errors
    /// All problems at once: what cannot be read, unknown fields, identities that are none, a key file that others can
    /// read, a roster that does not name this worker once, missing data files, limits that let nothing happen.
    pub fn read(file: &Path) -> Result<Config, ConfigError> {
        Config::read_with(file, true)
    }

    /// As [`read`](Self::read), but does not look whether data files are there.
    pub(crate) fn read_named(file: &Path) -> Result<Config, ConfigError> {
        Config::read_with(file, false)
    }

    fn read_with(file: &Path, open_data: bool) -> Result<Config, ConfigError> {
        let wrong = |problems: Vec<String>| ConfigError { file: file.to_owned(), problems };
        let raw = Raw::read(file).map_err(|problem| wrong(vec![problem]))?;
        let base = file.parent().unwrap_or(Path::new(""));
        let mut problems = Problems::default();
        let key = problems.note(KeyPair::load(&base.join(raw.key)));
        let roster = problems.note(Roster::read(&base.join(raw.roster)));
        let submitters = problems.identities("submitters", &raw.submitters);
        let readers = problems.identities("readers", &raw.readers);
        let operators = problems.identities("operators", &raw.operators);
        if let (Some(key), Some(roster)) = (&key, &roster) {
            problems.own_entry(key.identity(), roster);
        }
        let policy = raw.policy.and_then(|file| problems.note(Rules::read(&base.join(file))));
        problems.limits(&raw.jobs, &raw.limits, raw.http.listen);
        let traces = raw.telemetry.otlp.and_then(|address| {
            problems.note(traces::collector(&address).map_err(|e| format!("`telemetry.otlp`: {e}")))
        });
        let proves = raw.prove.is_some();
        let machines = Machines::read(raw.prove, raw.machines, base, roster.as_ref());
        let machines = machines.map_err(|found| problems.0.extend(found)).unwrap_or_default();
        let store = raw.store.at(file, base);
        let exposed = proves && store.tpm.is_none();
        let flight = raw.flight.and_then(|raw| problems.note(Uploads::read(&raw, exposed)));
        let sealing = Sealing::read(raw.release, raw.sealed, base).unwrap_or_else(|e| {
            problems.0.extend(e);
            Sealing::default()
        });
        let aggregations = raw.aggregate.into_iter().map(|raw| Aggregation::read(raw, base, key.as_ref(), proves));
        let aggregations = aggregations.filter_map(|read| problems.note(read)).collect();
        let modules = raw.modules.map(|raw| problems.modules(&base.join(raw.folder))).unwrap_or_default();
        let mut datasets = Datasets::default();
        for (player, inputs) in raw.data {
            if roster.as_ref().is_some_and(|r| r.get(&player).is_none()) {
                problems.0.push(format!("[data.{player}]: the roster has no such player"));
            }
            if open_data {
                problems.files(&player, &inputs, base);
            }
            datasets.add_player(&player, inputs, base);
        }
        match (key, roster, problems.0) {
            (Some(key), Some(roster), problems) if problems.is_empty() => Ok(Config {
                key,
                listen: raw.listen,
                relay: raw.relay,
                roster,
                submitters,
                readers,
                operators,
                ratify_all: raw.ratify_all,
                policy,
                datasets,
                modules,
                jobs: raw.jobs,
                limits: raw.limits,
                http: raw.http.listen,
                traces,
                store,
                machines,
                aggregations,
                flight,
                sealing,
            }),
            (.., problems) => Err(wrong(problems)),
        }
    }

    /// Whether it names data for an input: a file, or a sealed table.
    pub(crate) fn has_data(&self, player: &str, input: &str) -> bool {
        self.datasets.get(player, input).is_some() || self.sealing.tables().any(|(name, _)| name == input)
    }

    /// Whether an identity may connect at all.
    pub(crate) fn knows(&self, identity: &Identity) -> bool {
        self.may_submit(identity)
    }

    /// Whether an identity may submit computations.
    pub(crate) fn may_submit(&self, identity: &Identity) -> bool {
        self.submitters.contains(identity)
            || self.roster.iter().any(|(_, m)| m.identity == *identity)
            || self.may_read(identity)
            || self.may_operate(identity)
    }

    /// Whether an identity may fetch outputs that arrive here.
    pub(crate) fn may_read(&self, identity: &Identity) -> bool {
        self.readers.contains(identity) || self.key.identity() == *identity
    }

    /// Whether an identity may operate this worker.
    pub(crate) fn may_operate(&self, identity: &Identity) -> bool {
        self.operators.contains(identity) || self.key.identity() == *identity
    }
}

/// Everything that is wrong with a configuration.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn note<T, E: std::fmt::Display>(&mut self, read: Result<T, E>) -> Option<T> {
        read.map_err(|e| self.0.push(e.to_string())).ok()
    }

    fn identities(&mut self, field: &str, list: &[String]) -> Vec<Identity> {
        let parse = |text: &String| text.parse().map_err(|e| format!("`{field}`: `{text}` is no identity: {e}"));
        list.iter().filter_map(|text| self.note(parse(text))).collect()
    }

    fn own_entry(&mut self, me: Identity, roster: &Roster) {
        match roster.players_of(me).collect::<Vec<_>>()[..] {
            [_] => {}
            [] => self.0.push(format!("the roster does not name this worker's identity, {me}")),
            ref names => self.0.push(format!(
                "the roster names this worker's identity for {} players, {}; a worker is one player",
                names.len(),
                names.join(" and ")
            )),
        }
    }

    fn limits(&mut self, jobs: &JobLimits, limits: &Limits, http: Option<SocketAddr>) {
        let zero = [
            ("jobs.at_once", jobs.at_once == 0),
            ("jobs.waiting", jobs.waiting == 0),
            ("jobs.memory_mib", jobs.memory_mib == 0),
            ("jobs.deadline_seconds", jobs.deadline_seconds == 0),
            ("jobs.meeting_seconds", jobs.meeting_seconds == 0),
            ("limits.handshakes", limits.handshakes == 0),
            ("limits.handshakes_per_address", limits.handshakes_per_address == 0),
            ("limits.connections_per_identity", limits.connections_per_identity == 0),
            ("limits.streams_per_connection", limits.streams_per_connection == 0),
            ("limits.requests_per_minute", limits.requests_per_minute == 0),
            ("limits.request_kib", limits.request_kib == 0),
            ("limits.request_seconds", limits.request_seconds == 0),
        ];
        for (field, _) in zero.iter().filter(|(_, zero)| *zero) {
            self.0.push(format!("`{field}` is 0: nothing could be done"));
        }
        if let Some(address) = http.filter(|a| !a.ip().is_loopback()) {
            self.0.push(format!(
                "`http.listen` is {address}: health and metrics are served without encryption, on loopback only"
            ));
        }
    }

    fn modules(&mut self, folder: &Path) -> ModuleFolder {
        if let Err(e) = std::fs::read_dir(folder) {
            self.0.push(format!("[modules]: {}: {e}", folder.display()));
        }
        ModuleFolder::at(folder)
    }

    fn files(&mut self, player: &str, inputs: &BTreeMap<String, Source>, base: &Path) {
        for (input, source) in inputs {
            let path = base.join(source.path());
            let readable = std::fs::File::open(&path).and_then(|f| f.metadata());
            match readable {
                Ok(meta) if meta.is_file() => {}
                Ok(_) => self.0.push(format!("[data.{player}.{input}]: {} is no file", path.display())),
                Err(e) => self.0.push(format!("[data.{player}.{input}]: {}: {e}", path.display())),
            }
        }
    }
}
