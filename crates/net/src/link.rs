//! Links: ordered, reliable pipes of frames between two players.
//!
//! `dyn` stands at this boundary and nowhere above: the exchange neither knows nor cares whether a
//! peer sits in the same process, behind TLS, or in a simulation.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::frame::{Frame, FrameError};

pub mod distant;
pub mod memory;
pub mod resume;
pub mod sim;
pub mod stream;

/// Bytes of payload per frame where frames are cut: large enough to cost nothing, small enough for
/// heartbeats and other messages to go in between.
pub const CHUNK: usize = 1 << 20;

/// Both directions of a link.
pub struct Link {
    /// Towards the peer.
    pub sender: Box<dyn LinkSend>,
    /// From the peer.
    pub receiver: Box<dyn LinkReceive>,
}

/// The sending half of a link.
#[async_trait]
pub trait LinkSend: Send {
    /// Sends these frames in order, as one write. Returns when the transport has taken them.
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError>;

    /// Says that nothing more will be sent, and lets what was sent arrive.
    async fn close(&mut self) -> Result<(), LinkError>;

    /// The most bytes of one message's payload to put in one frame.
    fn chunk(&self) -> usize {
        CHUNK
    }
}

/// The receiving half of a link.
#[async_trait]
pub trait LinkReceive: Send {
    /// The next frame, or `None` at an orderly end. Must be cancel-safe: dropping the future loses
    /// nothing.
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError>;

    /// Grows whenever anything is heard, also less than a frame: over a slow link a frame may take
    /// longer than a peer may be silent.
    fn heard(&self) -> u64 {
        0
    }
}

/// What is received before nothing at all has been heard for `silence`; `None` after it.
pub(crate) async fn receive_within(
    receiver: &mut dyn LinkReceive,
    silence: Duration,
) -> Option<Result<Option<Frame>, LinkError>> {
    loop {
        let before = receiver.heard();
        match timeout(silence, receiver.receive()).await {
            Ok(received) => return Some(received),
            Err(_) if receiver.heard() == before => return None,
            Err(_) => {}
        }
    }
}

/// Why a link failed. Says nothing about content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The other end went away.
    #[error("closed by the other end")]
    Closed,
    /// The other end refused the key that we showed.
    #[error("the other end refused our key")]
    KeyRefused,
    /// The transport failed.
    #[error("{0}")]
    Transport(String),
    /// What arrived is no frame of this protocol.
    #[error("not a valid frame: {0}")]
    Frame(#[from] FrameError),
}

impl From<std::io::Error> for LinkError {
    fn from(error: std::io::Error) -> Self {
        if crate::tls::was_refused(&error) {
            return LinkError::KeyRefused;
        }
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::ConnectionReset
            | std::io::ErrorKind::ConnectionAborted
            | std::io::ErrorKind::NotConnected
            | std::io::ErrorKind::BrokenPipe => LinkError::Closed,
            _ => LinkError::Transport(error.to_string()),
        }
    }
}
