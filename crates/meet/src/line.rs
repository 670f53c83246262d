//! Messages over one connection: four bytes of length, then the message.

use std::time::Duration;

use net::tls::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error::MeetError;
use crate::messages::{LONGEST, decode, encode};

/// How long a machine may take for what needs no person.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// One end of a conversation.
pub(crate) struct Line {
    stream: Stream,
    /// Who is at the other end, for errors.
    pub(crate) who: String,
}

impl Line {
    pub(crate) fn new(stream: Stream, who: String) -> Line {
        Line { stream, who }
    }

    pub(crate) async fn say(&mut self, message: &impl Serialize) -> Result<(), MeetError> {
        let bytes = encode(message);
        let mut framed = (bytes.len() as u32).to_be_bytes().to_vec();
        framed.extend(bytes);
        let writing = async {
            self.stream.write_all(&framed).await?;
            self.stream.flush().await
        };
        match timeout(SOON, writing).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(MeetError::Lost(self.who.clone())),
        }
    }

    /// The next message, however long a person takes for it.
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> Result<T, MeetError> {
        let lost = |_| MeetError::Lost(self.who.clone());
        let length = self.stream.read_u32().await.map_err(lost)? as usize;
        if length > LONGEST {
            return Err(self.misbehaved("a message that is too long"));
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).await.map_err(lost)?;
        decode(&bytes).ok_or_else(|| self.misbehaved("a message that cannot be read"))
    }

    /// The next message, which needs no person.
    pub(crate) async fn hear_soon<T: DeserializeOwned>(&mut self) -> Result<T, MeetError> {
        let who = self.who.clone();
        timeout(SOON, self.hear()).await.unwrap_or(Err(MeetError::Lost(who)))
    }

    pub(crate) fn misbehaved(&self, what: &str) -> MeetError {
        MeetError::Misbehaved { who: self.who.clone(), what: what.into() }
    }

    /// Nothing more is said; what was said is read before the connection goes.
    pub(crate) async fn close(mut self) {
        // The other end may have closed first.
        let _ = timeout(SOON, self.stream.shutdown()).await;
    }
}
