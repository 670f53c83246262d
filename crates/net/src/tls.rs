//! TLS 1.3 between workers, with mutual authentication by pinned keys.
//!
//! There is no certificate authority: a certificate is only the form in which TLS carries a worker's
//! Ed25519 key, signed by that key itself. Who dials expects one identity; who is dialled asks a
//! predicate (the roster). Both verify the handshake's signature, so the key was really used. Key
//! exchange is X25519MLKEM768 and nothing else: shares recorded today must stay secret. Nothing is
//! resumed and nothing is sent early. Where a machine has to prove itself, that comes next ([`Proofs`]).
//!
//! Validity dates of certificates *are* checked, with an hour of slack for clocks (the maker puts it
//! into `notBefore`). They do not decide whether a key is trusted, which is the roster's business;
//! they bound the use of a certificate that was made for a key since retired. A running worker renews
//! its certificate by itself.

mod accept;
mod certificate;
mod dial;
mod listen;
mod prove;
mod public;
mod reason;
mod verify;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::{NamedGroup, SignatureScheme};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::error::NetError;
use crate::identity::Identity;

pub use accept::Acceptor;
pub use certificate::Credentials;
pub use dial::Dialer;
pub use listen::{Connections, Incoming, Limits, listen};
pub use prove::{Appraiser, Attester, MOST_EVIDENCE, Proofs};
pub use public::PublicAcceptor;
pub use verify::Rejection;

pub(crate) use reason::was_refused;

/// How long connecting and the handshake may take, each.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// What a connection is for; ALPN carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `h2`: the gRPC control plane.
    Control,
    /// `privity/1`: the framed data plane.
    Data,
    /// `privity-attested/1`: the same, after machines were proved.
    Attested,
    /// `privity-tables/1`: Arrow Flight, after machines were proved where they have to.
    Tables,
    /// `privity-meeting/1`: parties that do not know each other's keys yet.
    Meeting,
}

impl Alpn {
    /// The protocol's name on the wire.
    pub fn wire(self) -> &'static [u8] {
        match self {
            Alpn::Control => b"h2",
            Alpn::Data => b"privity/1",
            Alpn::Attested => b"privity-attested/1",
            Alpn::Tables => b"privity-tables/1",
            Alpn::Meeting => b"privity-meeting/1",
        }
    }

    fn from_wire(wire: Option<&[u8]>) -> Option<Alpn> {
        let all = [Alpn::Control, Alpn::Data, Alpn::Attested, Alpn::Tables, Alpn::Meeting];
        all.into_iter().find(|alpn| Some(alpn.wire()) == wire)
    }
}

/// An encrypted connection. The buffer below the encryption saves most of the system calls: rustls
/// reads 4 KiB at a time.
pub type Stream = TlsStream<BufReader<TcpStream>>;

/// Bytes read from the system at once.
const READ: usize = 128 << 10;

/// A connection whose other end has proved its identity.
#[derive(Debug)]
pub struct Secured {
    /// Who is at the other end.
    pub identity: Identity,
    /// What the connection is for.
    pub alpn: Alpn,
    /// The connection itself.
    pub stream: Stream,
    /// What the machine at the other end proved to us, if it had to.
    pub appraised: Option<Appraised>,
}

/// What a machine proved on one connection, and what our appraiser recorded of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Appraised {
    /// Its evidence.
    pub evidence: Vec<u8>,
    /// What the evidence is tied to on this connection.
    pub report_data: [u8; 32],
    /// The appraiser's record.
    pub record: Vec<u8>,
}

impl fmt::Debug for Appraised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Appraised({} bytes of evidence)", self.evidence.len())
    }
}

impl Secured {
    /// What a handshake led to: the other end is whose certificate it showed.
    fn of(stream: Stream) -> Result<Secured, NetError> {
        let failed = |reason: String| NetError::Handshake { player: None, reason };
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.ok_or_else(|| failed("it showed no certificate".into()))?;
        let identity = verify::inspect(certificate, UnixTime::now()).map_err(|fault| failed(fault.to_string()))?;
        let alpn = Alpn::from_wire(stream.get_ref().1.alpn_protocol()).ok_or_else(|| NetError::Handshake {
            player: None,
            reason: "it asked for no protocol that we speak".into(),
        })?;
        Ok(Secured { identity, alpn, stream, appraised: None })
    }

    /// 32 bytes that both ends of this connection, and nobody else, can derive for `label`
    /// (RFC 8446 §7.5): what is bound to them is bound to this connection.
    pub fn exporter(&self, label: &'static str, context: &[u8]) -> Result<[u8; 32], NetError> {
        let (label, context) = (label.as_bytes(), Some(context));
        let exported = match &self.stream {
            TlsStream::Client(stream) => stream.get_ref().1.export_keying_material([0; 32], label, context),
            TlsStream::Server(stream) => stream.get_ref().1.export_keying_material([0; 32], label, context),
        };
        exported.map_err(|error| NetError::Misuse { what: format!("the TLS exporter refused: {error}") })
    }

    /// The key exchange that was negotiated.
    pub fn key_exchange(&self) -> Option<NamedGroup> {
        self.stream.get_ref().1.negotiated_key_exchange_group().map(|group| group.name())
    }
}

/// The one set of algorithms that this crate uses, on both sides.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        Arc::new(CryptoProvider {
            cipher_suites: vec![
                aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
                aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
                aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
            signature_verification_algorithms: SIGNATURES,
            ..aws_lc_rs::default_provider()
        })
    });
    Arc::clone(&PROVIDER)
}

static SIGNATURES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::aws_lc_rs::ED25519],
    mapping: &[(SignatureScheme::ED25519, &[webpki::aws_lc_rs::ED25519])],
};
