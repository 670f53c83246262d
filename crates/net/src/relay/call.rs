//! The caller's side: a connection to a worker that is registered with a relay.

use tokio::net::TcpStream;

use super::{BUSY, KIND_CALL, NO, YES, open, patient, read};
use crate::identity::Identity;

/// Connects to a worker through a relay (`host:port`). The error is a reason in words.
///
/// What comes back leads to whoever registered under this identity; the TLS handshake over it proves who that is.
pub(crate) async fn call(relay: &str, whom: Identity) -> Result<TcpStream, String> {
    let mut stream = open(relay, KIND_CALL, whom.as_bytes()).await.map_err(|e| format!("the relay: {e}"))?;
    match patient(read::<1>(&mut stream)).await.map_err(|e| format!("the relay did not answer: {e}"))? {
        [YES] => Ok(stream),
        [NO] => Err("it is not registered with the relay".into()),
        [BUSY] => Err("the relay has too many calls".into()),
        _ => Err("what is there is no relay".into()),
    }
}
