//! Links over a byte stream: TLS in production, anything that reads and writes in tests.

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::{Link, LinkError, LinkReceive, LinkSend};
use crate::frame::{Frame, FrameError, MAX_FRAME, decode_shared, encode_frames};

/// Read from the system at once.
const READ: usize = 64 << 10;

/// A link over a stream.
pub fn over<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S) -> Link {
    let (reader, writer) = tokio::io::split(stream);
    Link {
        sender: Box::new(StreamSender { writer }),
        receiver: Box::new(StreamReceiver { reader, buffer: BytesMut::new(), heard: 0 }),
    }
}

struct StreamSender<S> {
    writer: WriteHalf<S>,
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Send> LinkSend for StreamSender<S> {
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        for piece in encode_frames(&frames) {
            self.writer.write_all(&piece).await?;
        }
        Ok(self.writer.flush().await?)
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        Ok(self.writer.shutdown().await?)
    }
}

struct StreamReceiver<S> {
    reader: ReadHalf<S>,
    buffer: BytesMut,
    heard: u64,
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Send> LinkReceive for StreamReceiver<S> {
    /// Cancel-safe: what was read stays in the buffer.
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = next_frame(&mut self.buffer)? {
                return Ok(Some(frame));
            }
            let read = self.reader.read_buf(&mut self.buffer).await?;
            if read == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(LinkError::Closed) };
            }
            self.heard += read as u64;
        }
    }

    fn heard(&self) -> u64 {
        self.heard
    }
}

/// Takes a whole frame off the buffer, or makes room for what is missing of it.
fn next_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    let Some(prefix) = buffer.first_chunk::<4>() else {
        buffer.reserve(READ);
        return Ok(None);
    };
    let length = u32::from_be_bytes(*prefix) as usize;
    // Before any room is made for it.
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    if buffer.len() < 4 + length {
        buffer.reserve((4 + length - buffer.len()).max(READ));
        return Ok(None);
    }
    buffer.advance(4);
    let body: Bytes = buffer.split_to(length).freeze();
    decode_shared(&body).map(Some)
}
