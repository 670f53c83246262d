//! The relay itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, timeout};

use super::{
    BEAT, BEATS, BUSY, CALL, KIND_ANSWER, KIND_CALL, KIND_REGISTER, MAGIC, NO, PATIENCE, REGISTRATION, Ticket, YES,
    patient, read, registration,
};
use crate::identity::{Identity, PublicKey};
use crate::network::{LINK, SITE, network};

/// A short rest when the system has no more sockets to give, rather than a busy loop.
const REST: Duration = Duration::from_millis(50);

/// What may be going on at a relay at once. Beyond it, newcomers are turned away.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address; of IPv6, from one network of 64 bits. Workers of one organisation may share one.
    pub connections_per_address: usize,
    /// Connections from one network of IPv6 of 56 bits, as sites get them.
    pub connections_per_site: usize,
    /// Calls to one worker that it has not answered yet.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 4096, connections_per_address: 256, connections_per_site: 1024, calls: 64 }
    }
}

/// A relay for the workers that it was told of.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
}

/// Whom a relay registers, and by which name they call it.
type Allowed = dyn Fn(&Identity, &str) -> bool + Send + Sync;

struct Shared {
    allowed: Box<Allowed>,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    registered: HashMap<Identity, Registration>,
    calls: HashMap<Ticket, oneshot::Sender<TcpStream>>,
    /// Connections of each network, small ones and sites.
    networks: HashMap<(u32, IpAddr), usize>,
    connections: usize,
    registrations: u64,
}

struct Registration {
    number: u64,
    tickets: mpsc::Sender<Ticket>,
}

impl Relay {
    /// A relay that registers the identities that `allowed` knows, under the name (`host:port`) by which each of them
    /// calls the relay.
    pub fn new(allowed: impl Fn(&Identity, &str) -> bool + Send + Sync + 'static, limits: Limits) -> Relay {
        Relay { shared: Arc::new(Shared { allowed: Box::new(allowed), limits, state: Mutex::default() }) }
    }

    /// Who is registered now, by identity.
    pub fn registered(&self) -> Vec<Identity> {
        let mut all: Vec<_> = self.shared.lock().registered.keys().copied().collect();
        all.sort();
        all
    }

    /// Serves a port that is already bound, until it is dropped.
    pub async fn serve(&self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => match Place::take(&self.shared, from.ip()) {
                    Some(place) => drop(tokio::spawn(receive(Arc::clone(&self.shared), stream, from, place))),
                    None => tracing::debug!(%from, "too many connections"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the port could not accept a connection");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

/// One connection, from its first bytes to its end.
async fn receive(shared: Arc<Shared>, stream: TcpStream, from: SocketAddr, _place: Place) {
    if let Err(error) = converse(&shared, stream).await {
        tracing::debug!(%from, %error, "a connection ended");
    }
}

async fn converse(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let head = patient(read::<9>(&mut stream)).await?;
    if &head[..8] != MAGIC {
        return Err(std::io::Error::other("it speaks another protocol"));
    }
    match head[8] {
        KIND_CALL => {
            let whom = Identity::from_bytes(patient(read(&mut stream)).await?);
            call(shared, stream, whom).await
        }
        KIND_ANSWER => {
            let ticket = patient(read(&mut stream)).await?;
            answer(shared, stream, ticket).await
        }
        KIND_REGISTER => register(shared, stream).await,
        _ => Err(std::io::Error::other("it asks for what no relay does")),
    }
}

/// Tells the worker, waits for its answer, and passes bytes until one end closes.
async fn call(shared: &Shared, mut stream: TcpStream, whom: Identity) -> std::io::Result<()> {
    let (tell, answered) = oneshot::channel();
    let mut ticket = Ticket::default();
    getrandom::fill(&mut ticket).map_err(|e| std::io::Error::other(e.to_string()))?;
    let told = {
        let mut state = shared.lock();
        let told = state.registered.get(&whom).map(|r| r.tickets.try_send(ticket).is_ok());
        if told == Some(true) {
            state.calls.insert(ticket, tell);
        }
        told
    };
    match told {
        None => return stream.write_all(&[NO]).await,
        Some(false) => return stream.write_all(&[BUSY]).await,
        Some(true) => {}
    }
    let answered = timeout(PATIENCE, answered).await;
    shared.lock().calls.remove(&ticket);
    let Ok(Ok(mut worker)) = answered else { return stream.write_all(&[NO]).await };
    worker.write_all(&[YES]).await?;
    stream.write_all(&[YES]).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut worker).await.map(drop)
}

/// Hands the connection to the call that it answers.
async fn answer(shared: &Shared, mut stream: TcpStream, ticket: Ticket) -> std::io::Result<()> {
    let call = shared.lock().calls.remove(&ticket);
    let Some(call) = call else { return stream.write_all(&[NO]).await };
    // The caller may have gone just now: then the connection closes, which says so.
    drop(call.send(stream));
    Ok(())
}

/// Proves who registers, then tells it of calls until it is gone or another registration takes its place.
async fn register(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|e| std::io::Error::other(e.to_string()))?;
    stream.write_all(&nonce).await?;
    let key = patient(read::<32>(&mut stream)).await?;
    let [length] = patient(read::<1>(&mut stream)).await?;
    let mut name = vec![0; usize::from(length)];
    patient(stream.read_exact(&mut name)).await?;
    let signature = patient(read::<64>(&mut stream)).await?;
    let key = PublicKey::from_bytes(&key).map_err(std::io::Error::other)?;
    let identity = key.identity();
    let name = String::from_utf8(name).map_err(std::io::Error::other)?;
    let proved = key.verify(REGISTRATION, &registration(&nonce, &name), &signature).is_ok();
    if !proved || !(shared.allowed)(&identity, &name) {
        stream.write_all(&[NO]).await?;
        return Err(std::io::Error::other(format!("{identity} is not allowed here under the name {name:?}")));
    }
    stream.write_all(&[YES]).await?;
    let (tickets, calls) = mpsc::channel(shared.limits.calls);
    let number = {
        let mut state = shared.lock();
        state.registrations += 1;
        let number = state.registrations;
        // The newest registration counts: of a worker that was restarted, the old connection may linger.
        state.registered.insert(identity, Registration { number, tickets });
        number
    };
    tracing::info!(%identity, "registered");
    let ended = attend(stream, calls).await;
    let mut state = shared.lock();
    if state.registered.get(&identity).is_some_and(|r| r.number == number) {
        state.registered.remove(&identity);
    }
    ended
}

/// Passes tickets on, and sees whether the worker is still there.
async fn attend(stream: TcpStream, mut calls: mpsc::Receiver<Ticket>) -> std::io::Result<()> {
    let (mut from, mut to) = stream.into_split();
    let mut beats = interval(BEATS);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            ticket = calls.recv() => match ticket {
                Some(ticket) => to.write_all(&[&[CALL], ticket.as_slice()].concat()).await?,
                None => return Ok(()), // another registration took its place
            },
            beat = read::<1>(&mut from) => {
                if beat? != [BEAT] {
                    return Err(std::io::Error::other("it does not keep to the protocol"));
                }
                heard = Instant::now();
            }
            _ = beats.tick() => {
                if heard.elapsed() > 2 * BEATS {
                    return Err(std::io::Error::other("nothing was heard from it"));
                }
                to.write_all(&[BEAT]).await?;
            }
        }
    }
}

impl Shared {
    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection from an address.
struct Place {
    shared: Arc<Shared>,
    networks: [(u32, IpAddr); 2],
}

impl Place {
    fn take(shared: &Arc<Shared>, address: IpAddr) -> Option<Place> {
        let mut state = shared.lock();
        let limits = shared.limits;
        let networks = [LINK, SITE].map(|bits| (bits, network(address, bits)));
        let full = |(network, most): (&(u32, IpAddr), usize)| state.networks.get(network).is_some_and(|n| *n >= most);
        let most = [limits.connections_per_address, limits.connections_per_site];
        if state.connections >= limits.connections || networks.iter().zip(most).any(full) {
            return None;
        }
        state.connections += 1;
        networks.iter().for_each(|network| *state.networks.entry(*network).or_default() += 1);
        Some(Place { shared: Arc::clone(shared), networks })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.connections -= 1;
        for network in &self.networks {
            if let Some(count) = state.networks.get_mut(network) {
                *count -= 1;
                if *count == 0 {
                    state.networks.remove(network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_of_many_addresses_takes_only_its_share() {
        let limits = Limits { connections_per_address: 2, connections_per_site: 3, ..Limits::default() };
        let relay = Relay::new(|_, _| true, limits);
        let place = |text: &str| Place::take(&relay.shared, text.parse().unwrap());
        let one = place("2001:db8::1");
        let other = place("2001:db8::2");
        assert!(one.is_some() && other.is_some() && place("2001:db8::3").is_none(), "one network of 64 bits");
        let neighbour = place("2001:db8:0:1::1");
        assert!(neighbour.is_some() && place("2001:db8:0:2::1").is_none(), "one network of 56 bits");
        assert!(place("2001:db8:0:100::1").is_some() && place("192.0.2.1").is_some(), "others are not concerned");
        drop((one, neighbour));
        assert!(place("2001:db8:0:2::1").is_some());
        drop(other);
        assert!(relay.shared.lock().networks.is_empty());
    }
}
