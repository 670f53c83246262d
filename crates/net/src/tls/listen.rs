//! One port for everything, with limits on what strangers can cost.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Connections that came in, by kind. Dropping it closes the port.
pub struct Incoming {
    /// For the control plane.
    pub control: Receiver<Secured>,
    /// For the data plane.
    pub data: Receiver<Secured>,
    refused: Arc<AtomicU64>,
    task: Closing,
}

/// Ends the loop when dropped, also when `Incoming` was taken apart.
struct Closing(JoinHandle<()>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Incoming {
    /// Connections that were dropped or whose handshake failed, so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// The two kinds, to be served apart, and a guard that closes the port when dropped.
    pub fn split(self) -> (Receiver<Secured>, Receiver<Secured>, impl Send + Sync) {
        (self.control, self.data, self.task)
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
    let task = Closing(tokio::spawn(door.serve(listener)));
    Incoming { control, data, refused, task }
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
