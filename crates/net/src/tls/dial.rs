//! Connecting to a player whose identity is known beforehand.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, TlsStream};

use super::verify::Pinned;
use super::{Alpn, Credentials, HANDSHAKE_TIME, Proofs, READ, Secured, provider, reason};
use crate::error::NetError;
use crate::identity::Identity;
use crate::player::{Player, PlayerId};
use crate::relay;

/// Dials with one worker's credentials.
#[derive(Clone, Debug)]
pub struct Dialer {
    credentials: Credentials,
    proofs: Proofs,
}

impl Dialer {
    /// Dials as the owner of these credentials.
    pub fn new(credentials: Credentials) -> Dialer {
        Dialer { credentials, proofs: Proofs::default() }
    }

    /// The same, where ends of data connections have to prove their machines.
    pub fn attested(credentials: Credentials, proofs: Proofs) -> Dialer {
        Dialer { credentials, proofs }
    }

    /// Who dials.
    pub fn identity(&self) -> Identity {
        self.credentials.identity()
    }

    /// Connects to `player` at `endpoint` (`host:port`, or `relay://host:port` for one that is registered with a
    /// [`relay`]), and accepts exactly `expected` there.
    ///
    /// Success means that the other end proved its identity, and its machine if it has to. Whether it accepts ours shows with the
    /// first bytes read.
    pub async fn dial(
        &self,
        player: &Player,
        endpoint: &str,
        expected: Identity,
        alpn: Alpn,
    ) -> Result<Secured, NetError> {
        let stream = connect(player, endpoint, expected).await?;
        self.secure(stream, player, expected, alpn).await
    }

    /// Connects to whoever is at `endpoint`, for [`Alpn::Meeting`]. The identity in what is returned was proved, and is
    /// all that is known.
    pub async fn meet(&self, endpoint: &str) -> Result<Secured, NetError> {
        let host = Player { id: PlayerId(0), name: "the host".into() };
        let stream = connect(&host, endpoint, self.identity()).await?;
        self.shake(stream, &host, Pinned::Any(Arc::new(|_| true)), Alpn::Meeting).await
    }

    /// The handshake and, where it has to be, the proof of machines, over a connection that exists.
    pub async fn secure(
        &self,
        stream: TcpStream,
        player: &Player,
        expected: Identity,
        alpn: Alpn,
    ) -> Result<Secured, NetError> {
        let alpn = self.proofs.protocol(alpn, &expected);
        let secured = self.shake(stream, player, Pinned::One(expected), alpn).await?;
        self.proofs.settle(secured, self.identity(), Some(player)).await
    }

    async fn shake(&self, stream: TcpStream, player: &Player, pinned: Pinned, alpn: Alpn) -> Result<Secured, NetError> {
        let connector = TlsConnector::from(Arc::new(self.config(pinned, alpn)?));
        // Names mean nothing here and are not sent; the interface asks for one.
        let name = ServerName::try_from("privity").map_err(|error| NetError::Misuse { what: error.to_string() })?;
        match timeout(HANDSHAKE_TIME, connector.connect(name, BufReader::with_capacity(READ, stream))).await {
            Ok(Ok(stream)) => Secured::of(TlsStream::Client(stream)),
            Ok(Err(error)) => Err(reason::handshake(&error, Some(player))),
            Err(_) => Err(NetError::Handshake {
                player: Some(player.clone()),
                reason: format!("it did not finish within {HANDSHAKE_TIME:?}"),
            }),
        }
    }

    fn config(&self, pinned: Pinned, alpn: Alpn) -> Result<ClientConfig, NetError> {
        let certified = self.credentials.certified()?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| NetError::Misuse { what: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(pinned))
            .with_client_cert_resolver(Arc::new(Always(certified)));
        config.alpn_protocols = vec![alpn.wire().to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        config.enable_early_data = false;
        Ok(config)
    }
}

/// A connection to `endpoint`, directly or through a relay, which is asked for `whom`.
async fn connect(player: &Player, endpoint: &str, whom: Identity) -> Result<TcpStream, NetError> {
    let unreachable =
        |reason: String| NetError::Unreachable { player: player.clone(), endpoint: endpoint.into(), reason };
    let connecting = async {
        match endpoint.strip_prefix(relay::SCHEME) {
            Some(relay) => relay::call(relay, whom).await,
            None => TcpStream::connect(endpoint).await.map_err(|error| error.to_string()),
        }
    };
    let stream = match timeout(HANDSHAKE_TIME, connecting).await {
        Ok(connected) => connected.map_err(unreachable)?,
        Err(_) => return Err(unreachable(format!("no answer within {HANDSHAKE_TIME:?}"))),
    };
    // Rounds are small messages: waiting to fill a packet would double their time.
    stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    Ok(stream)
}

/// Shows the one certificate there is.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
