//! Accepting exactly the keys that the roster names.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use webpki::KeyUsage;

use super::SIGNATURES;
use crate::identity::{Identity, PublicKey};

/// The fixed part of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4); the 32 bytes of the key follow.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Which identities one end accepts.
pub(super) type Allowed = Arc<dyn Fn(&Identity) -> bool + Send + Sync>;

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It is not one of ours: not self-signed, not Ed25519, damaged, or with something unknown in it.
    #[error("its certificate is not a self-signed Ed25519 certificate in our form")]
    Form,
    /// It is another's than the one expected there.
    #[error("expected {expected}, but the key there is {got}")]
    WrongKey {
        /// Whose key the roster names.
        expected: Identity,
        /// Whose key was shown.
        got: Identity,
    },
    /// Its identity is not one that may connect.
    #[error("{got} is not among the identities that may connect")]
    UnknownKey {
        /// Whose key was shown.
        got: Identity,
    },
    /// Its time is over.
    #[error("the certificate of {got} has expired")]
    Expired {
        /// Whose it is.
        got: Identity,
    },
    /// Its time has not come.
    #[error("the certificate of {got} is not valid yet")]
    NotYetValid {
        /// Whose it is.
        got: Identity,
    },
}

/// The identity whose key signed this certificate for itself, if everything about it is in order.
pub(super) fn inspect(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<Identity, Rejection> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|_| Rejection::Form)?;
    let info = parsed.subject_public_key_info();
    let key = info.strip_prefix(&ED25519_SPKI).and_then(|key| key.try_into().ok()).ok_or(Rejection::Form)?;
    let got = PublicKey::from_bytes(key).map_err(|_| Rejection::Form)?.identity();
    // The certificate is its own and only anchor: this checks its signature, dates and extensions.
    let anchors = [webpki::anchor_from_trusted_cert(certificate).map_err(|_| Rejection::Form)?];
    let outcome = parsed.verify_for_usage(SIGNATURES.all, &anchors, &[], now, KeyUsage::client_auth(), None, None);
    match outcome {
        Ok(_) => Ok(got),
        Err(webpki::Error::CertExpired { .. }) => Err(Rejection::Expired { got }),
        Err(webpki::Error::CertNotValidYet { .. }) => Err(Rejection::NotYetValid { got }),
        Err(_) => Err(Rejection::Form),
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(rejection))))
    }
}

/// One end's view of the other's certificate.
#[derive(Clone)]
pub(super) enum Pinned {
    /// Who dials: the one identity expected there.
    One(Identity),
    /// Who is dialled: any of these.
    Any(Allowed),
}

impl Pinned {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Rejection> {
        if !chain.is_empty() {
            return Err(Rejection::Form);
        }
        // Whose key it is comes before its dates: a stranger learns nothing from our clock.
        let (identity, dates) = match inspect(certificate, now) {
            Ok(got) => (got, Ok(())),
            Err(fault @ (Rejection::Expired { got } | Rejection::NotYetValid { got })) => (got, Err(fault)),
            Err(other) => return Err(other),
        };
        match self {
            Pinned::One(expected) if identity != *expected => {
                Err(Rejection::WrongKey { expected: *expected, got: identity })
            }
            Pinned::Any(allowed) if !allowed(&identity) => Err(Rejection::UnknownKey { got: identity }),
            Pinned::One(_) | Pinned::Any(_) => dates,
        }
    }
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pinned::One(identity) => write!(f, "Pinned({identity:?})"),
            Pinned::Any(_) => f.write_str("Pinned(by predicate)"),
        }
    }
}

fn handshake_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    rustls::crypto::verify_tls13_signature(message, certificate, signature, &SIGNATURES)
}

/// TLS 1.2 is not compiled in; should it ever be, nothing verifies.
fn never() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".into()))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        never()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        handshake_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Pinned {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        never()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        handshake_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
