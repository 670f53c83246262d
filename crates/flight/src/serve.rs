//! Connections whose other end is known, as tonic wants them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use net::tls::Connections;
use net::{Identity, Secured};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::service::Service;

/// Calls at once on one connection.
const STREAMS: u32 = 64;
/// How often a quiet connection is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Bytes of tables that may be on their way to who serves them.
pub const WINDOW: u32 = 4 << 20;

/// Who called, as the handshake proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(pub Identity);

/// A connection, and who is at its other end.
pub struct Connection(pub Secured);

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller(self.0.identity)
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_shutdown(cx)
    }
}

/// Serves Flight on a port's connections for tables, until the port is lost.
///
/// # Errors
/// What the transport said.
pub async fn serve(mut connections: Connections, service: Service) -> Result<(), tonic::transport::Error> {
    let incoming = futures::stream::poll_fn(move |cx| {
        let secured = ready!(connections.poll_next(cx));
        Poll::Ready(secured.map(|secured| Ok::<_, std::io::Error>(Connection(secured))))
    });
    tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .add_service(service.server())
        .serve_with_incoming(incoming)
        .await
}
