//! A network simulated from a seed: latency, jitter, loss, reordering, broken connections, partitions
//! and crashes, in virtual time.
//!
//! Run it on a current-thread runtime with a paused clock (`#[tokio::test(start_paused = true)]`):
//! then nothing really waits, and a run is a function of its seed, whose [`Sim::trace`] replays
//! exactly. What happens to a packet depends only on the seed, the two players, the connection and
//! the packet's number, not on the order in which tasks run. A panic prints the seed.
//!
//! Packets arrive in any order; the receiving end puts them back, as TCP does. A connection that
//! breaks loses what was under way; then the same resuming layer works as over TLS.

mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::Link;
use super::resume::{self, Connect, ResumeOptions};
use crate::error::NetError;
use crate::exchange::{Exchange, Options};
use crate::player::{Player, PlayerId};

use wire::Connection;

/// What the network is like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The least time that a packet takes.
    pub latency: Duration,
    /// What is added to it at random, at most: this reorders packets.
    pub jitter: Duration,
    /// How often a packet is lost, of a thousand. It is sent again until it arrives.
    pub loss: u16,
    /// How long it takes to find that a packet was lost.
    pub retransmission: Duration,
    /// How often a packet breaks its connection, of a thousand.
    pub breaks: u16,
}

impl Weather {
    /// A good network between cities.
    pub const FAIR: Weather = Weather {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(2),
        loss: 0,
        retransmission: Duration::from_millis(200),
        breaks: 0,
    };

    /// Everything that can go wrong and be mended does.
    pub const FOUL: Weather = Weather {
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(120),
        loss: 100,
        retransmission: Duration::from_millis(300),
        breaks: 30,
    };
}

/// Something that happened to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, since the simulation began.
    pub at: Duration,
    /// Who sent the packet.
    pub from: PlayerId,
    /// To whom.
    pub to: PlayerId,
    /// The how-manieth connection between the two.
    pub connection: u64,
    /// The packet's number on it, in its direction.
    pub packet: u64,
    /// What happened.
    pub what: Happening,
}

/// What can happen to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It left, with so many bytes.
    Sent(usize),
    /// It arrived.
    Arrived,
    /// It ran into a partition, and will be sent again.
    Held,
    /// Its sender or receiver was down.
    Vanished,
    /// It broke the connection.
    Broke,
}

/// The simulated network. Clones share it.
#[derive(Clone)]
pub struct Sim {
    world: Arc<World>,
}

struct World {
    seed: u64,
    weather: Weather,
    players: Vec<Player>,
    start: Instant,
    state: Mutex<State>,
}

/// Two players, the smaller first.
type Pair = (PlayerId, PlayerId);

#[derive(Default)]
struct State {
    down: HashSet<PlayerId>,
    partitioned: HashSet<Pair>,
    connections: HashMap<Pair, (u64, Arc<Connection>)>,
    meetings: HashMap<Pair, Meeting>,
    trace: Vec<Event>,
}

/// One end of a connection to come, waiting for the other.
struct Meeting {
    who: PlayerId,
    received: u64,
    found: oneshot::Sender<(Link, u64)>,
}

impl Sim {
    /// A network between these players. Call it inside a tokio runtime whose clock is paused.
    pub fn new(seed: u64, names: &[&str], weather: Weather) -> Sim {
        let players = (0..).zip(names).map(|(id, name)| Player { id: PlayerId(id), name: (*name).into() }).collect();
        let world = World { seed, weather, players, start: Instant::now(), state: Mutex::default() };
        Sim { world: Arc::new(world) }
    }

    /// The exchanges of all players, linked by connections that resume.
    pub async fn exchanges(&self, options: &Options, resume: ResumeOptions) -> Result<Vec<Exchange>, NetError> {
        let names: Vec<&str> = self.world.players.iter().map(|player| &*player.name).collect();
        let mut exchanges = Vec::new();
        let mut links: Vec<Vec<(PlayerId, Link)>> = names.iter().map(|_| Vec::new()).collect();
        for a in &self.world.players {
            for b in self.world.players.iter().take(a.id.index()) {
                let (at_a, at_b) = (self.connector(a.id, b.id)?, self.connector(b.id, a.id)?);
                let (at_a, at_b) = tokio::try_join!(resume::open(at_a, resume), resume::open(at_b, resume))?;
                links[a.id.index()].push((b.id, at_a));
                links[b.id.index()].push((a.id, at_b));
            }
        }
        for (player, links) in self.world.players.iter().zip(links) {
            exchanges.push(Exchange::new(player.id, &names, links, options.clone())?);
        }
        Ok(exchanges)
    }

    /// Makes connections from `me` to `peer`, which must do the same.
    pub fn connector(&self, me: PlayerId, peer: PlayerId) -> Result<impl Connect + use<>, NetError> {
        let player = self.world.players.get(peer.index()).ok_or(NetError::UnknownPlayer { id: peer })?.clone();
        Ok(SimConnect { world: Arc::clone(&self.world), me, player })
    }

    /// Lets nothing through between two players, in either direction, until healed.
    pub fn partition(&self, a: PlayerId, b: PlayerId) {
        self.world.lock().partitioned.insert(pair(a, b));
    }

    /// Ends a partition.
    pub fn heal(&self, a: PlayerId, b: PlayerId) {
        self.world.lock().partitioned.remove(&pair(a, b));
    }

    /// Breaks the connection between two players, if there is one. What was under way is lost.
    pub fn sever(&self, a: PlayerId, b: PlayerId) {
        if let Some((_, connection)) = self.world.lock().connections.get(&pair(a, b)) {
            connection.break_off();
        }
    }

    /// A player's machine loses its power: it neither sends nor receives again, and says nothing.
    pub fn crash(&self, player: PlayerId) {
        self.world.lock().down.insert(player);
    }

    /// Everything that happened so far, in order.
    pub fn trace(&self) -> Vec<Event> {
        self.world.lock().trace.clone()
    }
}

impl World {
    /// A number that depends on the seed and on what it is for, and on nothing else.
    fn draw(&self, what: &str, event: (PlayerId, PlayerId, u64, u64, u64), below: u64) -> u64 {
        let (from, to, connection, packet, trial) = event;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes()).update(&from.0.to_le_bytes()).update(&to.0.to_le_bytes());
        for number in [connection, packet, trial] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(what.as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(bytes) % below.max(1)
    }

    fn is_partitioned(&self, a: PlayerId, b: PlayerId) -> bool {
        self.lock().partitioned.contains(&pair(a, b))
    }

    fn is_down(&self, a: PlayerId, b: PlayerId) -> bool {
        let state = self.lock();
        state.down.contains(&a) || state.down.contains(&b)
    }

    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this simulation ran with seed {}", self.seed);
        }
    }
}

fn pair(a: PlayerId, b: PlayerId) -> Pair {
    (a.min(b), a.max(b))
}

/// One end's maker of connections.
struct SimConnect {
    world: Arc<World>,
    me: PlayerId,
    player: Player,
}

#[async_trait]
impl Connect for SimConnect {
    fn player(&self) -> &Player {
        &self.player
    }

    async fn connect(&mut self, received: u64) -> Result<(Link, u64), NetError> {
        let (world, peer) = (&self.world, self.player.id);
        while world.is_partitioned(self.me, peer) || world.is_down(self.me, peer) {
            sleep(world.weather.retransmission).await;
        }
        // A handshake takes a round trip.
        sleep(2 * world.weather.latency).await;
        let (found, finding) = oneshot::channel();
        meet(world, self.me, peer, Meeting { who: self.me, received, found });
        finding.await.map_err(|_| NetError::Unreachable {
            player: self.player.clone(),
            endpoint: "simulated".into(),
            reason: "it dialled anew".into(),
        })
    }
}

/// Connects two ends as soon as both are there. Whoever connects has given up the old connection.
fn meet(world: &Arc<World>, me: PlayerId, peer: PlayerId, mine: Meeting) {
    let key = pair(me, peer);
    let mut state = world.lock();
    if let Some((_, old)) = state.connections.get(&key) {
        old.break_off();
    }
    match state.meetings.remove(&key) {
        Some(theirs) if theirs.who != me && !theirs.found.is_closed() => {
            let count = state.connections.get(&key).map_or(0, |(count, _)| count + 1);
            let connection = Arc::new(Connection::new(count));
            state.connections.insert(key, (count, Arc::clone(&connection)));
            drop(state);
            let (at_me, at_peer) = wire::ends(world, &connection, me, peer);
            // An end that has gone meanwhile leaves a connection on which nothing comes.
            let _ = theirs.found.send((at_peer, mine.received));
            let _ = mine.found.send((at_me, theirs.received));
        }
        _ => drop(state.meetings.insert(key, mine)),
    }
}
