//! `flight-proxy`: the way of a stock Flight client to a worker, over this party's attested TLS.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use flight::{Proxy, Token};
use serde_json::json;
use tokio::net::TcpListener;
use worker::Visit;

use crate::Failure;

#[derive(Args)]
pub(crate) struct FlightProxy {
    /// The player to whose worker tables go, and from whose worker results come.
    #[arg(long, value_name = "PLAYER")]
    to: String,
    /// The roster that names it.
    #[arg(long, value_name = "ROSTER.toml")]
    roster: PathBuf,
    /// The key to come as.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// What the worker's machine has to be, besides what the roster says that it has to prove.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Vendors' certificates, CRLs and collateral: a file, or a folder of files. Can be given several times.
    #[arg(long, value_name = "PATH")]
    collateral: Vec<PathBuf>,
    /// The root of a TPM manufacturer, which the policy has to name, too. Can be given several times.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// Where to listen, on this machine's loopback; port 0 for any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Write the token that clients have to show into this new file, readable by you only, instead of printing it.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Print one JSON object: where it listens, and the token.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn flight_proxy(a: &FlightProxy) -> Result<(), Failure> {
    crate::serve::log(false);
    let visit = Visit {
        player: a.to.clone(),
        roster: a.roster.clone(),
        key: a.key.clone(),
        policy: a.policy.clone(),
        collateral: a.collateral.clone(),
        roots: a.root.clone(),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| system(e.to_string()))?;
    runtime.block_on(async {
        let (way, asks) = worker::way_to(&visit)?;
        if !asks {
            tracing::warn!(
                to = a.to,
                "its machine has to prove nothing: the roster has no claims for it, and there is no --policy"
            );
        }
        way.try_out().await.map_err(worker::ClientError::from)?;
        let listener =
            TcpListener::bind(a.listen).await.map_err(|e| system(format!("listening at {}: {e}", a.listen)))?;
        let address = listener.local_addr().map_err(|e| system(e.to_string()))?;
        let token = Token::generate().map_err(|e| system(e.to_string()))?;
        tell(a, address, &token)?;
        Proxy::new(way).serve(listener, token).await.map_err(|e| system(e.to_string()))
    })
}

/// Says where it listens, and what clients have to show.
fn tell(a: &FlightProxy, address: SocketAddr, token: &Token) -> Result<(), Failure> {
    let location = format!("grpc://{address}");
    let shown = match &a.token {
        Some(file) => write(file, token.reveal()).map(|()| None)?,
        None => Some(token.reveal()),
    };
    match (a.json, shown) {
        (true, shown) => say!("{}", json!({ "location": location, "token": shown })),
        (false, Some(token)) => say!("{location}\nauthorization: Bearer {token}"),
        (false, None) => say!("{location}"),
    }
    Ok(())
}

fn write(file: &Path, token: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = made.and_then(|mut to| to.write_all(token.as_bytes()));
    written.map_err(|e| system(format!("{}: {e}", file.display())))
}

fn system(what: String) -> Failure {
    Failure::input("flight.system", what, "see whether the address is free, on the loopback, and the file new")
}
