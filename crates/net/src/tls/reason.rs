//! From what TLS reports to whose fault it is.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::Rejection;
use crate::error::NetError;
use crate::player::Player;

/// The TLS error inside an I/O error.
fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn rejection(error: &io::Error) -> Option<Rejection> {
    match tls(error)? {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref().copied(),
        _ => None,
    }
}

/// Whether the other end hung up because of the key or certificate that we showed. In TLS 1.3 a
/// client learns that only when it first reads.
pub(crate) fn was_refused(error: &io::Error) -> bool {
    use AlertDescription as Alert;
    matches!(
        tls(error),
        Some(Error::AlertReceived(
            Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::CertificateExpired
                | Alert::AccessDenied
                | Alert::UnknownCA
                | Alert::CertificateRequired
        ))
    )
}

/// Why a handshake failed, with the player if we know whom we dialled.
pub(super) fn handshake(error: &io::Error, player: Option<&Player>) -> NetError {
    let player = player.cloned();
    match rejection(error) {
        Some(Rejection::WrongKey { expected, got }) => NetError::WrongKey { player, expected, got },
        Some(Rejection::UnknownKey { got }) => NetError::UnknownKey { got },
        Some(fault @ (Rejection::Expired { .. } | Rejection::NotYetValid { .. })) => {
            NetError::CertificateTime { player, fault }
        }
        Some(Rejection::Form) => NetError::Handshake { player, reason: Rejection::Form.to_string() },
        None => NetError::Handshake { player, reason: in_words(error) },
    }
}

fn in_words(error: &io::Error) -> String {
    match tls(error) {
        Some(Error::InvalidMessage(_)) => "what it sent is not TLS".into(),
        Some(Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            "the two ends have no protocol in common".into()
        }
        Some(Error::AlertReceived(alert)) => format!("it refused the handshake ({alert:?})"),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "it hung up during the handshake".into(),
        _ => error.to_string(),
    }
}
