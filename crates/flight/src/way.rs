//! The way to a worker: connections for tables, each dialled and proved anew.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use net::mesh::Gate;
use net::{Alpn, Dialer, Identity, NetError, Player, PlayerId, Secured};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// A worker that tables go to and come from. Clones share connection and proof.
#[derive(Clone)]
pub struct Way {
    dialled: Arc<Dialled>,
    channel: Channel,
}

/// Whom to dial, and why that failed last.
struct Dialled {
    dialer: Dialer,
    player: Player,
    endpoint: String,
    worker: Identity,
    gate: Arc<dyn Gate>,
    failed: Mutex<Option<String>>,
}

impl Way {
    /// The way to a worker, which must prove this identity, and its machine if the dialler asks it to. It is dialled when it
    /// is used, and again when the connection was lost; `gate` is asked each time, before anything is said, and the connection
    /// is given up when what it admitted runs out.
    #[must_use]
    pub fn new(dialer: Dialer, player: &str, endpoint: String, worker: Identity, gate: Arc<dyn Gate>) -> Way {
        let player = Player { id: PlayerId(0), name: player.into() };
        let dialled = Arc::new(Dialled { dialer, player, endpoint, worker, gate, failed: Mutex::default() });
        let shared = Arc::clone(&dialled);
        let connector = tower::service_fn(move |_| {
            let dialled = Arc::clone(&shared);
            async move { dialled.connect().await.map(TokioIo::new).map_err(std::io::Error::other) }
        });
        Way { dialled, channel: Endpoint::from_static("http://worker").connect_with_connector_lazy(connector) }
    }

    /// As a client takes it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Dials once and hangs up, to find out whether the worker and its machine are as they have to be.
    ///
    /// # Errors
    /// Why not.
    pub async fn try_out(&self) -> Result<(), NetError> {
        self.dialled.connect().await.map(drop)
    }

    /// A call's failure with the reason that is known here: a transport only says that there is no connection.
    pub(crate) fn explain(&self, status: Status) -> Status {
        match self.dialled.lock().as_ref() {
            Some(why) => Status::unavailable(format!("the worker was not reached: {why}")),
            None => status,
        }
    }
}

impl Dialled {
    async fn connect(&self) -> Result<Bounded, NetError> {
        let connected = self.admitted().await;
        *self.lock() = connected.as_ref().err().map(ToString::to_string);
        connected.inspect_err(|error| tracing::warn!(%error, code = error.code(), "the worker was not reached"))
    }

    async fn admitted(&self) -> Result<Bounded, NetError> {
        let secured = self.dialer.dial(&self.player, &self.endpoint, self.worker, Alpn::Tables).await?;
        let unproved = |reason| NetError::Unproved { player: Some(self.player.clone()), reason };
        let until = self.gate.admit(&self.player, secured.appraised.as_ref()).map_err(unproved)?;
        Ok(Bounded { secured, until: until.map(|until| Box::pin(sleep_until(until))), expired: false })
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that nothing more is sent over when what was proved on it has run out.
struct Bounded {
    secured: Secured,
    until: Option<Pin<Box<Sleep>>>,
    expired: bool,
}

impl Bounded {
    fn check(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        self.expired |= self
            .until
            .as_mut()
            .is_some_and(|until| until.deadline() <= Instant::now() || until.as_mut().poll(cx).is_ready());
        if self.expired { Err(std::io::Error::other("what the machine proved has run out")) } else { Ok(()) }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.secured.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.secured.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.secured.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.secured.stream).poll_shutdown(cx)
    }
}
