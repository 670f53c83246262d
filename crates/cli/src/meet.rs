//! `invite` and `join`: how parties come to one roster.

use std::io::{BufRead, IsTerminal, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use meet::{Code, Invitation, MeetError, Met};
use privity::agreement::{Endpoint, Roster};
use privity::net::KeyPair;
use serde_json::json;
use tokio::net::TcpListener;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    us: Us,
    /// Where to wait for the guests.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where the guests find that from outside; the endpoint's host with the port of `--listen` if absent.
    #[arg(long, value_name = "HOST:PORT")]
    meet_at: Option<Endpoint>,
    /// How many will join.
    #[arg(long, value_name = "N")]
    guests: usize,
}

#[derive(Args)]
pub(crate) struct Join {
    /// The code that `privity invite` printed.
    code: Code,
    #[command(flatten)]
    us: Us,
}

/// What each party says of itself.
#[derive(Args)]
struct Us {
    /// The player that we will be.
    #[arg(long)]
    name: String,
    /// The key of our worker.
    #[arg(long)]
    key: PathBuf,
    /// Where our worker will be reached by the others.
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Endpoint,
    /// The roster to write; it must not exist.
    #[arg(long, short, value_name = "ROSTER.toml")]
    output: PathBuf,
    /// Take the phrase for compared, without asking. Only where another safe way compares it, as in a test.
    #[arg(long)]
    yes: bool,
    /// Print JSON, one object a line: the code, the phrase, the roster.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Invite {
    pub(crate) fn json(&self) -> bool {
        self.us.json
    }
}

impl Join {
    pub(crate) fn json(&self) -> bool {
        self.us.json
    }
}

pub(crate) fn invite(a: Invite) -> Result<(), Failure> {
    let us = &a.us;
    us.free()?;
    let key = KeyPair::load(&us.key).map_err(MeetError::from)?;
    let identity = key.identity();
    let (word, nonce) = (random()?, random()?);
    block_on(async {
        let listening = |e: std::io::Error| MeetError::System(format!("listening at {}: {e}", a.listen));
        let listener = TcpListener::bind(a.listen).await.map_err(listening)?;
        let port = listener.local_addr().map_err(listening)?.port();
        let at = match &a.meet_at {
            Some(at) => at.clone(),
            None => us.endpoint.with_port(port),
        };
        let code = Code::new(at, word);
        match us.json {
            true => say!("{}", json!({ "code": code.to_string(), "identity": identity.to_string() })),
            false => say!(
                "Send this code to {} others, who run `privity join`:\n\n  {code}\n\nOur fingerprint: {identity}\n",
                a.guests
            ),
        }
        let invitation =
            Invitation { code, guests: a.guests, name: us.name.clone(), endpoint: us.endpoint.clone(), key, nonce };
        let joined = |name: &str, identity: privity::net::Identity| {
            if !us.json {
                say!("{name} joined with the key {identity}");
            }
        };
        meet::invite(invitation, listener, joined, |met| us.confirm(met)).await
    })
    .and_then(|roster| us.write(&roster))
}

pub(crate) fn join(a: Join) -> Result<(), Failure> {
    let us = &a.us;
    us.free()?;
    let key = KeyPair::load(&us.key).map_err(MeetError::from)?;
    let nonce = random()?;
    let host = |identity| {
        if !us.json {
            say!("Met {identity} at {}. Waiting for the others …", a.code.endpoint);
        }
    };
    block_on(meet::join(&a.code, &us.name, us.endpoint.clone(), &key, nonce, host, |met| us.confirm(met)))
        .and_then(|roster| us.write(&roster))
}

impl Us {
    /// Nobody is troubled for a roster that could not be written.
    fn free(&self) -> Result<(), Failure> {
        match self.output.exists() {
            true => Err(exists(&self.output)),
            false => Ok(()),
        }
    }

    /// Shows roster and phrase, and asks.
    async fn confirm(&self, met: Met) -> bool {
        if self.json {
            say!("{}", json!({ "phrase": met.phrase, "players": players(&met.roster) }));
        } else {
            say!("\n{}", table(&met.roster));
            say!("The phrase is\n\n  {}\n\nRead it to the others over a channel in which you know them.", met.phrase);
        }
        if self.yes {
            return true;
        }
        // A person may take a while; the connection is kept meanwhile.
        tokio::task::spawn_blocking(ask).await.unwrap_or(false)
    }

    fn write(&self, roster: &Roster) -> Result<(), Failure> {
        let written = std::fs::File::create_new(&self.output).and_then(|mut f| f.write_all(text(roster).as_bytes()));
        written.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => exists(&self.output),
            _ => MeetError::System(format!("{}: {e}", self.output.display())).into(),
        })?;
        match self.json {
            true => say!("{}", json!({ "roster": self.output })),
            false => say!("Everybody confirmed. The roster is in {}.", self.output.display()),
        }
        Ok(())
    }
}

fn ask() -> bool {
    if std::io::stdin().is_terminal() {
        eprint!("Is it the same everywhere? [y/N] ");
    }
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "yes")
}

fn exists(file: &Path) -> Failure {
    let message = format!("{} exists already", file.display());
    Failure::input("meet.output", message, "name another file, or remove it if it is no longer needed")
}

fn players(roster: &Roster) -> serde_json::Value {
    let player = |(name, m): (&str, &privity::agreement::Member)| {
        let endpoint = m.endpoint.as_ref().map(ToString::to_string);
        (name.to_owned(), json!({ "identity": m.identity.to_string(), "endpoint": endpoint }))
    };
    roster.iter().map(player).collect::<serde_json::Map<_, _>>().into()
}

fn table(roster: &Roster) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::UTF8_BORDERS_ONLY).set_header(["player", "endpoint", "key"]);
    for (name, member) in roster.iter() {
        let endpoint = member.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
        table.add_row([name.to_owned(), endpoint, member.identity.to_string()]);
    }
    table.to_string()
}

fn text(roster: &Roster) -> String {
    format!("# Made by `privity invite` and `privity join`; confirmed by all players.\n{roster}")
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| MeetError::System(e.to_string()))?;
    Ok(bytes)
}

fn block_on<T>(work: impl Future<Output = Result<T, MeetError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| MeetError::System(e.to_string()))?;
    runtime.block_on(work).map_err(Failure::from)
}

impl From<MeetError> for Failure {
    fn from(e: MeetError) -> Failure {
        let failure = Failure::input(e.code(), e.to_string(), &e.help());
        if e.is_remote() { failure.of_a_peer() } else { failure }
    }
}
