//! Three players in one process, and the links between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Ratified, SessionId};
use ir::PlayerId;
use net::link::distant::{self, Distance};
use net::link::{Link, memory, stream};
use net::tls::{Acceptor, Alpn, Credentials, Dialer};
use net::{KeyPair, NetError, Options, Player};
use schemes::Plain;
use session::{Entropy, MemoryVault, Modules, Outcome, Start};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::BenchError;

/// What the players' messages travel over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Memory.
    Memory,
    /// TLS 1.3 on the loopback.
    Tls,
    /// Links as between cities: 40 ms for a round trip, 320 Mbit/s in each direction of each pair.
    Wan,
}

impl LinkKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Tls => "tls",
            Self::Wan => "wan",
        }
    }
}

/// Both ends of one link.
type Ends = (Link, Link);

async fn pair(kind: LinkKind) -> Result<Ends, BenchError> {
    Ok(match kind {
        LinkKind::Memory => memory::pair(),
        LinkKind::Wan => distant::pair(Distance { latency: Duration::from_millis(20), bandwidth: 320e6 / 8.0 }),
        LinkKind::Tls => over_tls().await?,
    })
}

async fn over_tls() -> Result<Ends, BenchError> {
    let system = |e: std::io::Error| BenchError::System { what: e.to_string() };
    let credentials = || -> Result<Credentials, BenchError> {
        let key = KeyPair::generate().map_err(|e| BenchError::System { what: e.to_string() })?;
        Ok(Credentials::new(key)?)
    };
    let (ours, theirs) = (credentials()?, credentials()?);
    let expected = theirs.identity();
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(system)?;
    let endpoint = listener.local_addr().map_err(system)?.to_string();
    let acceptor = Acceptor::new(theirs, |_| true)?;
    let accepting = async {
        let (socket, _) = listener.accept().await.map_err(system)?;
        Ok::<_, BenchError>(acceptor.accept(socket).await?)
    };
    let peer = Player { id: net::PlayerId(1), name: "peer".into() };
    let dialer = Dialer::new(ours);
    let dialling = async { Ok::<_, BenchError>(dialer.dial(&peer, &endpoint, expected, Alpn::Data).await?) };
    let (dialled, accepted) = tokio::try_join!(dialling, accepting)?;
    Ok((stream::over(dialled.stream), stream::over(accepted.stream)))
}

/// One session of all players.
pub(crate) async fn run(
    ratified: &Ratified,
    kind: LinkKind,
    mut inputs: BTreeMap<PlayerId, BTreeMap<String, Plain>>,
) -> Result<Vec<Outcome>, BenchError> {
    let count = ratified.agreement().checked().computation().players.len();
    let players: Vec<PlayerId> = (0..).map(PlayerId).take(count).collect();
    let mut links: BTreeMap<PlayerId, Vec<(PlayerId, Link)>> = BTreeMap::new();
    for (i, &a) in players.iter().enumerate() {
        for &b in &players[i + 1..] {
            let (to_b, to_a) = pair(kind).await?;
            links.entry(a).or_default().push((b, to_b));
            links.entry(b).or_default().push((a, to_a));
        }
    }
    let session = SessionId(fresh()?);
    let mut tasks = JoinSet::new();
    for player in players {
        let start = Start {
            ratified: ratified.clone(),
            player,
            session,
            attempt: 0,
            entropy: Entropy::new(fresh()?),
            links: links.remove(&player).unwrap_or_default(),
            inputs: inputs.remove(&player).unwrap_or_default(),
            keys: BTreeMap::new(),
            vault: Arc::new(MemoryVault::default()),
            sums: session::Sums::new(),
            modules: Modules::default(),
            options: Options::in_process(),
            observer: session::unobserved(),
            stop: session::unstopped(),
        };
        tasks.spawn(session::run(start));
    }
    let mut outcomes = Vec::new();
    while let Some(done) = tasks.join_next().await {
        outcomes.push(done.map_err(|e| BenchError::System { what: e.to_string() })??);
    }
    Ok(outcomes)
}

fn fresh<const N: usize>() -> Result<[u8; N], BenchError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| BenchError::System { what: e.to_string() })?;
    Ok(bytes)
}

impl From<NetError> for BenchError {
    fn from(e: NetError) -> Self {
        Self::Session(Arc::new(e.into()))
    }
}
