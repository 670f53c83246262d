//! One port for everything, with limits on what strangers can cost.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{Acceptor, Alpn, Secured};

/// A short rest when the system has no more sockets to give, rather than a busy loop.
const REST: Duration = Duration::from_millis(50);

/// What may be going on at a port at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Handshakes in all. Beyond it, connections wait in the system's queue.
    pub handshakes: usize,
    /// Handshakes from one address. Beyond it, connections are dropped: a flood from one place does
    /// not keep others out.
    pub handshakes_per_address: usize,
    /// Connections of each kind that wait to be taken over. Beyond it, they are dropped.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { handshakes: 128, handshakes_per_address: 32, waiting: 64 }
    }
}

/// What came in at a port, by kind. The port closes when both kinds are dropped.
pub struct Incoming {
    /// For the control plane.
    pub control: Connections,
    /// For the data plane.
    pub data: Connections,
}

/// Connections of one kind that came in at a port.
pub struct Connections {
    queue: Receiver<Secured>,
    port: Arc<Port>,
}

struct Port {
    task: JoinHandle<()>,
    refused: Arc<AtomicU64>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connections {
    /// The next connection. `None` only if the port was lost.
    pub async fn next(&mut self) -> Option<Secured> {
        self.queue.recv().await
    }

    /// The next connection, for those who poll.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Secured>> {
        self.queue.poll_recv(context)
    }

    /// Connections of any kind that were dropped or whose handshake failed, so far.
    pub fn refused(&self) -> u64 {
        self.port.refused.load(Relaxed)
    }
}

/// Serves a port that is already bound. Call it inside a tokio runtime.
pub fn listen(listener: TcpListener, acceptor: Acceptor, limits: Limits) -> Incoming {
    let (control_in, control) = mpsc::channel(limits.waiting);
    let (data_in, data) = mpsc::channel(limits.waiting);
    let refused = Arc::new(AtomicU64::new(0));
    let door = Door {
        acceptor,
        limits,
        control: control_in,
        data: data_in,
        refused: Arc::clone(&refused),
        busy: Arc::new(Semaphore::new(limits.handshakes)),
        addresses: Arc::default(),
    };
    let port = Arc::new(Port { task: tokio::spawn(door.serve(listener)), refused });
    Incoming {
        control: Connections { queue: control, port: Arc::clone(&port) },
        data: Connections { queue: data, port },
    }
}

#[derive(Clone)]
struct Door {
    acceptor: Acceptor,
    limits: Limits,
    control: Sender<Secured>,
    data: Sender<Secured>,
    refused: Arc<AtomicU64>,
    busy: Arc<Semaphore>,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Door {
    async fn serve(self, listener: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.busy).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, from)) => match self.enter(from.ip()) {
                    Some(place) => drop(tokio::spawn(self.clone().greet(stream, from, permit, place))),
                    None => self.refuse(from, "too many handshakes from this address"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the port could not accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// The permit and the place are given back when the handshake ends, one way or the other.
    async fn greet(self, stream: TcpStream, from: SocketAddr, _permit: OwnedSemaphorePermit, _place: Place) {
        let secured = match self.acceptor.accept(stream).await {
            Ok(secured) => secured,
            Err(error) => return self.refuse(from, &error.to_string()),
        };
        let queue = match secured.alpn {
            Alpn::Control => &self.control,
            Alpn::Data => &self.data,
        };
        if queue.try_send(secured).is_err() {
            self.refuse(from, "too many connections wait to be served");
        }
    }

    fn refuse(&self, from: SocketAddr, reason: &str) {
        self.refused.fetch_add(1, Relaxed);
        tracing::debug!(%from, reason, "a connection was refused");
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= self.limits.handshakes_per_address {
            return None;
        }
        *count += 1;
        Some(Place { address, addresses: Arc::clone(&self.addresses) })
    }
}

/// One handshake from an address.
struct Place {
    address: IpAddr,
    addresses: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}
