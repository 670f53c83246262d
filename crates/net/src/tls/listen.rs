//! One port for everything, with limits on what strangers can cost.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{AbortHandle, JoinHandle};

use super::{Acceptor, Alpn, Secured};
use crate::network::{LINK, network};

/// A short rest when the system has no more sockets to give, rather than a busy loop.
const REST: Duration = Duration::from_millis(50);

/// What may be going on at a port at once.
///
/// Beyond these numbers the oldest handshake of the busiest address gives way to the newcomer: one that is meant takes
/// milliseconds, one that only holds its place is the oldest before long. So hundreds of idle connections keep nobody
/// out, not even who shares their address.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Handshakes in all.
    pub handshakes: usize,
    /// Handshakes from one address; of IPv6, from one network of 64 bits.
    pub handshakes_per_address: usize,
    /// Connections of each kind that wait to be taken over. Beyond it, they are dropped.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { handshakes: 128, handshakes_per_address: 32, waiting: 64 }
    }
}

/// What came in at a port, by kind. The port closes when all kinds are dropped.
pub struct Incoming {
    /// For the control plane.
    pub control: Connections,
    /// For the data plane.
    pub data: Connections,
    /// For tables, if the acceptor takes them.
    pub tables: Connections,
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

    /// The same, for those who ask later; it does not keep the port open.
    pub fn refusals(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let refused = Arc::clone(&self.port.refused);
        move || refused.load(Relaxed)
    }
}

/// Serves a port that is already bound. Call it inside a tokio runtime.
pub fn listen(listener: TcpListener, acceptor: Acceptor, limits: Limits) -> Incoming {
    let (control_in, control) = mpsc::channel(limits.waiting);
    let (data_in, data) = mpsc::channel(limits.waiting);
    let (tables_in, tables) = mpsc::channel(limits.waiting);
    let refused = Arc::new(AtomicU64::new(0));
    let door = Door {
        acceptor,
        limits,
        control: control_in,
        data: data_in,
        tables: tables_in,
        refused: Arc::clone(&refused),
        places: Arc::default(),
    };
    let port = Arc::new(Port { task: tokio::spawn(door.serve(listener)), refused });
    Incoming {
        control: Connections { queue: control, port: Arc::clone(&port) },
        data: Connections { queue: data, port: Arc::clone(&port) },
        tables: Connections { queue: tables, port },
    }
}

#[derive(Clone)]
struct Door {
    acceptor: Acceptor,
    limits: Limits,
    control: Sender<Secured>,
    data: Sender<Secured>,
    tables: Sender<Secured>,
    refused: Arc<AtomicU64>,
    places: Arc<Mutex<Places>>,
}

impl Door {
    async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.enter(stream, from),
                Err(error) => {
                    tracing::warn!(%error, "the port could not accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Begins a handshake. The lock is held until its task is known, which it needs to give its place back.
    fn enter(&self, stream: TcpStream, from: SocketAddr) {
        let network = network(from.ip(), LINK);
        let mut places = self.lock();
        let number = places.next;
        places.next += 1;
        let task = tokio::spawn(self.clone().greet(stream, from, network, number)).abort_handle();
        let evicted = places.take(network, number, task, self.limits);
        drop(places);
        for handshake in evicted {
            handshake.abort();
            self.refuse(from, "too many handshakes at once: the oldest gave way");
        }
    }

    async fn greet(self, stream: TcpStream, from: SocketAddr, network: IpAddr, number: u64) {
        let accepted = self.acceptor.accept(stream).await;
        self.lock().leave(network, number);
        let secured = match accepted {
            Ok(secured) => secured,
            Err(error) => return self.refuse(from, &error.to_string()),
        };
        let queue = match secured.alpn {
            Alpn::Control => &self.control,
            Alpn::Data | Alpn::Attested => &self.data,
            Alpn::Tables => &self.tables,
            Alpn::Meeting => return self.refuse(from, "nobody is invited here"),
        };
        if queue.try_send(secured).is_err() {
            self.refuse(from, "too many connections wait to be served");
        }
    }

    fn refuse(&self, from: SocketAddr, reason: &str) {
        self.refused.fetch_add(1, Relaxed);
        tracing::debug!(%from, reason, "a connection was refused");
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handshakes that are going on, by address, the oldest first.
#[derive(Default)]
struct Places {
    next: u64,
    total: usize,
    taken: HashMap<IpAddr, VecDeque<(u64, AbortHandle)>>,
}

impl Places {
    /// Takes a place, and returns those that must give way for it.
    fn take(&mut self, network: IpAddr, number: u64, task: AbortHandle, limits: Limits) -> Vec<AbortHandle> {
        let mine = self.taken.entry(network).or_default();
        mine.push_back((number, task));
        self.total += 1;
        let mut evicted = Vec::new();
        if mine.len() > limits.handshakes_per_address.max(1) {
            evicted.extend(self.evict(network));
        }
        if self.total > limits.handshakes.max(1) {
            let busiest = self.taken.iter().max_by_key(|(_, queue)| queue.len()).map(|(address, _)| *address);
            evicted.extend(busiest.and_then(|address| self.evict(address)));
        }
        evicted
    }

    fn evict(&mut self, network: IpAddr) -> Option<AbortHandle> {
        let (number, task) = self.taken.get(&network)?.front().map(|(n, t)| (*n, t.clone()))?;
        self.leave(network, number);
        Some(task)
    }

    /// Gives a place back, unless it gave way already.
    fn leave(&mut self, network: IpAddr, number: u64) {
        let Some(queue) = self.taken.get_mut(&network) else { return };
        let before = queue.len();
        queue.retain(|(n, _)| *n != number);
        self.total -= before - queue.len();
        if queue.is_empty() {
            self.taken.remove(&network);
        }
    }
}
