//! Being connected to by anyone whom a predicate knows.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::verify::{Allowed, Pinned};
use super::{Alpn, Credentials, HANDSHAKE_TIME, Proofs, READ, Secured, provider, reason};
use crate::error::NetError;
use crate::identity::Identity;

/// The answering side of handshakes.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    identity: Identity,
    proofs: Proofs,
}

impl Acceptor {
    /// Answers as the owner of these credentials, and accepts the identities that `allowed` knows.
    /// It is asked in every handshake, so a changed roster counts at once.
    pub fn new(
        credentials: Credentials,
        allowed: impl Fn(&Identity) -> bool + Send + Sync + 'static,
    ) -> Result<Acceptor, NetError> {
        Acceptor::speaking(credentials, Arc::new(allowed), &[Alpn::Data, Alpn::Control], Proofs::default())
    }

    /// The same, where ends of data connections have to prove their machines.
    pub fn attested(
        credentials: Credentials,
        allowed: impl Fn(&Identity) -> bool + Send + Sync + 'static,
        proofs: Proofs,
    ) -> Result<Acceptor, NetError> {
        let alpns = [Alpn::Attested, Alpn::Data, Alpn::Control];
        let alpns = if proofs.any() { &alpns[..] } else { &alpns[1..] };
        Acceptor::speaking(credentials, Arc::new(allowed), alpns, proofs)
    }

    /// The same, which also takes connections for tables.
    #[must_use]
    pub fn with_tables(mut self) -> Acceptor {
        let mut config = ServerConfig::clone(self.tls.config());
        config.alpn_protocols.push(Alpn::Tables.wire().to_vec());
        self.tls = TlsAcceptor::from(Arc::new(config));
        self
    }

    /// Answers anybody, for [`Alpn::Meeting`] only: who meets for the first time cannot know the other's key.
    pub fn for_meetings(credentials: Credentials) -> Result<Acceptor, NetError> {
        Acceptor::speaking(credentials, Arc::new(|_| true), &[Alpn::Meeting], Proofs::default())
    }

    fn speaking(
        credentials: Credentials,
        allowed: Allowed,
        alpns: &[Alpn],
        proofs: Proofs,
    ) -> Result<Acceptor, NetError> {
        let identity = credentials.identity();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| NetError::Misuse { what: error.to_string() })?
            .with_client_cert_verifier(Arc::new(Pinned::Any(allowed)))
            .with_cert_resolver(Arc::new(Current(credentials)));
        config.alpn_protocols = alpns.iter().map(|alpn| alpn.wire().to_vec()).collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Acceptor { tls: TlsAcceptor::from(Arc::new(config)), identity, proofs })
    }

    /// Who answers.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The handshake and, where it has to be, the proof of machines, over a connection that was just accepted.
    pub async fn accept(&self, stream: TcpStream) -> Result<Secured, NetError> {
        let failed = |reason: String| NetError::Handshake { player: None, reason };
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        let stream = match timeout(HANDSHAKE_TIME, self.tls.accept(BufReader::with_capacity(READ, stream))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(reason::handshake(&error, None)),
            Err(_) => return Err(failed(format!("it did not finish within {HANDSHAKE_TIME:?}"))),
        };
        self.proofs.settle(Secured::of(TlsStream::Server(stream))?, self.identity, None).await
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acceptor({:?})", self.identity)
    }
}

/// Shows the certificate of the day.
#[derive(Debug)]
struct Current(Credentials);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.certified().ok()
    }
}
