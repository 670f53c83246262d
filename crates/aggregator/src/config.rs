//! What a process of `privity aggregator` runs: a service, an aggregator of a committee, or (to try things out) both. One TOML
//! file; paths in it are relative to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use net::KeyPair;
use serde::Deserialize;
use terms::Terms;
use tokio::task::JoinSet;

use crate::board::{Board, Embedded, InMemory, Nats, Postgres};
use crate::enrolment::Enrolled;
use crate::error::Error;
use crate::member::{Member, Memories};
use crate::round::Rounds;
use crate::service::{Page, Service};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    service: Option<RawService>,
    aggregator: Option<RawMember>,
    task: Vec<RawTask>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    key: PathBuf,
    listen: SocketAddr,
    http: Option<SocketAddr>,
    board: String,
    page: Option<RawPage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPage {
    listen: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    key: Option<PathBuf>,
    folder: Option<PathBuf>,
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTask {
    terms: PathBuf,
    enrolment: PathBuf,
}

/// A configuration whose files were read and fit each other.
pub struct Config {
    service: Option<ServiceConfig>,
    member: Option<MemberConfig>,
    tasks: Vec<(Terms, Enrolled)>,
}

struct ServiceConfig {
    key: KeyPair,
    listen: SocketAddr,
    http: Option<SocketAddr>,
    board: Place,
    page: Option<(Page, SocketAddr)>,
}

/// Where messages wait.
enum Place {
    Memory,
    File(PathBuf),
    Postgres(String),
    Nats(String),
}

struct MemberConfig {
    key: KeyPair,
    /// Where it keeps what it must not forget; in the process, if its key is only there.
    folder: Option<PathBuf>,
    address: Option<String>,
}

impl Config {
    /// Reads a configuration and all files that it names.
    ///
    /// # Errors
    /// All that is wrong with it, a line each.
    pub fn read(file: &Path) -> Result<Self, Vec<String>> {
        Self::read_with(file, None)
    }

    /// The same, for an aggregator whose key is in this process only, and what it must not forget with it: inside an enclave.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_inside(file: &Path, key: &KeyPair) -> Result<Self, Vec<String>> {
        Self::read_with(file, Some(key))
    }

    fn read_with(file: &Path, inside: Option<&KeyPair>) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(file).map_err(|e| vec![format!("{}: {e}", file.display())])?;
        let raw: Raw = toml::from_str(&text).map_err(|e| vec![format!("{}: {e}", file.display())])?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut problems = Vec::new();
        let mut config = Self { service: None, member: None, tasks: vec![] };
        for task in &raw.task {
            match read_task(folder, task) {
                Ok(task) => config.tasks.push(task),
                Err(problem) => problems.push(problem),
            }
        }
        if let Some(service) = raw.service {
            match read_service(folder, service) {
                Ok(service) => config.service = Some(service),
                Err(problem) => problems.push(problem),
            }
        }
        match (raw.aggregator, inside) {
            (Some(member), inside) => match read_member(folder, member, inside) {
                Ok(member) => config.member = Some(member),
                Err(problem) => problems.push(problem),
            },
            (None, Some(_)) => problems.push("there is no [aggregator] to make a key for".into()),
            (None, None) => {}
        }
        if problems.is_empty() {
            config.fits(&mut problems);
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// What does not fit: roles that the terms do not give to these keys.
    fn fits(&self, problems: &mut Vec<String>) {
        if self.service.is_none() && self.member.is_none() {
            problems.push("neither a [service] nor an [aggregator] is configured".into());
        }
        if self.tasks.is_empty() {
            problems.push("there is no [[task]]".into());
        }
        if let Some(service) = &self.service {
            if service.http.is_some_and(|http| !http.ip().is_loopback()) {
                problems.push("`http` has no encryption: it must be a loopback address".into());
            }
            for (terms, _) in self.tasks.iter().filter(|(terms, _)| terms.service() != service.key.identity()) {
                problems.push(format!("the terms of {} name another service than this key's", terms.draft().name));
            }
        }
        if let Some(member) = &self.member {
            let own = secagg::Identity(*member.key.identity().as_bytes());
            for (terms, _) in self.tasks.iter().filter(|(terms, _)| !terms.members().any(|known| known == own)) {
                problems.push(format!("the terms of {} do not name this aggregator's key", terms.draft().name));
            }
            for (terms, _) in self.tasks.iter().filter(|(terms, _)| terms.draft().shares.is_some()) {
                problems.push(format!(
                    "the terms of {} keep sums as shares: name them in the `[[aggregate]]` of a worker",
                    terms.draft().name
                ));
            }
        }
    }

    /// The tasks that it is for, with their assumptions: what an operator should read.
    pub fn tasks(&self) -> impl Iterator<Item = &Terms> {
        self.tasks.iter().map(|(terms, _)| terms)
    }

    /// Runs until told to stop, or, without a service, until all rounds are over.
    ///
    /// # Errors
    /// What keeps it from starting, or an aggregator from going on.
    pub async fn run(self) -> Result<(), Error> {
        let mut running = JoinSet::new();
        let mut service = None;
        if let Some(config) = self.service {
            let board = config.board.open().await?;
            let rounds =
                |(terms, list): &(Terms, Enrolled)| Rounds::new(terms.clone(), list.clone(), Arc::clone(&board));
            let rounds = self.tasks.iter().map(rounds).collect::<Result<_, _>>()?;
            let mut started = Service::start(config.key, config.listen, config.http, rounds).await?;
            if let Some((page, at)) = config.page {
                started.serve_page(page, at).await?;
            }
            service = Some(started);
        }
        if let Some(config) = self.member {
            for (terms, list) in self.tasks {
                let memories =
                    config.folder.as_deref().map_or_else(|| Ok(Memories::in_process()), Memories::in_folder)?;
                let member = Member::new(terms, list, config.key.clone(), memories, config.address.clone())?;
                running.spawn(async move { member.run().await });
            }
        }
        let stop = told_to_stop();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                ended = running.join_next(), if !running.is_empty() => match ended {
                    Some(Ok(done)) => done?,
                    Some(Err(e)) => return Err(Error::System { what: e.to_string() }),
                    None => {}
                },
                () = lost(&mut service) => return Err(Error::System { what: "the port was lost".into() }),
            }
            if running.is_empty() && service.is_none() {
                return Ok(());
            }
        }
    }
}

impl Place {
    fn of(board: &str, folder: &Path) -> Self {
        match board {
            "memory" => Self::Memory,
            address if address.starts_with("postgres://") => Self::Postgres(address.to_owned()),
            address if ["nats://", "tls://"].iter().any(|scheme| address.starts_with(scheme)) => {
                Self::Nats(address.to_owned())
            }
            file => Self::File(folder.join(file)),
        }
    }

    async fn open(&self) -> Result<Arc<dyn Board>, Error> {
        Ok(match self {
            Self::Memory => Arc::new(InMemory::default()),
            Self::File(file) => Arc::new(Embedded::open(file)?),
            Self::Postgres(address) => Arc::new(Postgres::connect(address).await?),
            Self::Nats(address) => Arc::new(Nats::connect(address).await?),
        })
    }
}

async fn lost(service: &mut Option<Service>) {
    match service {
        Some(service) => service.served().await,
        None => std::future::pending().await,
    }
}

fn load_key(file: &Path) -> Result<KeyPair, String> {
    KeyPair::load(file).map_err(|e| e.to_string())
}

fn read_service(folder: &Path, raw: RawService) -> Result<ServiceConfig, String> {
    let RawService { key, listen, http, board, page } = raw;
    let read = |page: RawPage| {
        let [files, certificate, key] = [page.folder, page.certificate, page.key].map(|path| folder.join(path));
        let page_of = Page::read(&files, &certificate, &key);
        page_of.map(|read| (read, page.listen)).map_err(|e| format!("the page: {e}"))
    };
    let page = page.map(read).transpose()?;
    Ok(ServiceConfig { key: load_key(&folder.join(&key))?, listen, http, board: Place::of(&board, folder), page })
}

fn read_member(base: &Path, raw: RawMember, inside: Option<&KeyPair>) -> Result<MemberConfig, String> {
    let address = raw.address;
    match (raw.key, raw.folder, inside) {
        (Some(key), Some(folder), None) => {
            let (key, folder) = (load_key(&base.join(key))?, Some(base.join(folder)));
            Ok(MemberConfig { key, folder, address })
        }
        (None, None, Some(key)) => Ok(MemberConfig { key: key.clone(), folder: None, address }),
        (.., None) => {
            Err("[aggregator] has a `key` and a `folder`; only one that proves its machine (--prove) has none".into())
        }
        (.., Some(_)) => {
            Err("[aggregator]: with --prove its key is in memory only, so there is no `key` and no `folder`".into())
        }
    }
}

fn read_task(folder: &Path, task: &RawTask) -> Result<(Terms, Enrolled), String> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let (terms, list) = (folder.join(&task.terms), folder.join(&task.enrolment));
    let parsed = Terms::parse(&read(&terms)?).map_err(|e| format!("{}: {e}", terms.display()))?;
    let enrolled = Enrolled::parse(&parsed, &read(&list)?).map_err(|e| format!("{}: {e}", list.display()))?;
    Ok((parsed, enrolled))
}

#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signals it can only be killed.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn told_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
