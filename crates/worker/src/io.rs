//! A connection of the control plane, as tonic wants it: bytes, and who is at the other end.

use std::pin::Pin;
use std::task::{Context, Poll};

use net::{Identity, Secured};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::rate::Held;

/// Who called, as the handshake proved it.
#[derive(Clone, Copy)]
pub(crate) struct Caller(pub(crate) Identity);

/// A control connection, and its place among those of its identity.
pub(crate) struct Control {
    secured: Secured,
    _held: Held,
}

impl Control {
    pub(crate) fn new(secured: Secured, held: Held) -> Control {
        Control { secured, _held: held }
    }
}

impl Connected for Control {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller(self.secured.identity)
    }
}

impl AsyncRead for Control {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.secured.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Control {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.secured.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.secured.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.secured.stream).poll_shutdown(cx)
    }
}
