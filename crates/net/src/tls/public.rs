//! Being connected to by browsers: ordinary HTTPS, with a certificate that authorities vouch for. Only our end proves who
//! it is; the rest is as between workers: TLS 1.3, X25519MLKEM768, nothing resumed.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::{Alpn, HANDSHAKE_TIME, READ, Stream, provider, reason};
use crate::error::NetError;

/// The answering side of handshakes with browsers, which speak `h2` afterwards.
#[derive(Clone)]
pub struct PublicAcceptor(TlsAcceptor);

impl PublicAcceptor {
    /// Answers with this chain of certificates, its owner's first, and the owner's key: both in PEM.
    ///
    /// # Errors
    /// [`NetError::Certificate`] if they are not in PEM, or do not belong together.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<PublicAcceptor, NetError> {
        let refused = |what: String| NetError::Certificate { what };
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| refused(format!("the certificates: {error}")))?;
        if chain.is_empty() {
            return Err(refused("there is no certificate".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| refused(format!("the key: {error}")))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| NetError::Misuse { what: error.to_string() })?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| refused(error.to_string()))?;
        config.alpn_protocols = vec![Alpn::Control.wire().to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(PublicAcceptor(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake over a connection that was just accepted.
    ///
    /// # Errors
    /// [`NetError::Handshake`] if it fails or takes too long.
    pub async fn accept(&self, stream: TcpStream) -> Result<Stream, NetError> {
        let failed = |reason: String| NetError::Handshake { player: None, reason };
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        let stream = match timeout(HANDSHAKE_TIME, self.0.accept(BufReader::with_capacity(READ, stream))).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(reason::handshake(&error, None)),
            Err(_) => return Err(failed(format!("it did not finish within {HANDSHAKE_TIME:?}"))),
        };
        match stream.get_ref().1.alpn_protocol() {
            Some(_) => Ok(TlsStream::Server(stream)),
            None => Err(failed("it asked for no protocol: HTTP/2 is spoken here".into())),
        }
    }
}

impl fmt::Debug for PublicAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicAcceptor")
    }
}
