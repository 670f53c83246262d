//! From a roster to links: every pair of players of a session is connected once, over TLS.
//!
//! Of two players, the one with the smaller index dials. The other's [`Switchboard`] sorts the data
//! connections that come in at its port: it hears the hello, finds the session, and holds identity,
//! agreement and plan against what this worker believes itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::error::NetError;
use crate::frame::Hello;
use crate::greet::{self, Card};
use crate::identity::Identity;
use crate::link::resume::{self, Connect, ResumeOptions};
use crate::link::{Link, stream};
use crate::player::{Player, PlayerId};
use crate::tls::{Alpn, Appraised, Dialer, Secured};

/// How long a connection may wait for its session to be known here: players do not start together. Then it is hung up on, and who
/// dialled tries again for as long as its own patience says.
const SESSION_TIME: Duration = Duration::from_secs(10);
/// Connections that may wait so, in all, and of one identity: beyond it they are dropped, and who
/// dialled tries again.
const WAITING: usize = 512;
const WAITING_PER_IDENTITY: usize = 64;
/// Sessions that are remembered after they ended, so that late connections are refused at once.
const ENDED: usize = 1024;

/// Where data connections of one worker find their sessions. Clones share it.
#[derive(Clone)]
pub struct Switchboard {
    shared: Arc<Shared>,
    patience: Duration,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    waiting: Mutex<HashMap<Identity, usize>>,
}

#[derive(Default)]
struct State {
    open: HashMap<[u8; 16], Session>,
    ended: VecDeque<[u8; 16]>,
}

/// Decides whether a session may use a connection, by what the machine at its other end proved. Asked once for each
/// connection, before anything of the session is said on it; it may wait for disks.
pub trait Gate: Send + Sync {
    /// Whether a player's connection may be used, and until when; without end, if nothing is said.
    ///
    /// # Errors
    /// Why not, in words.
    fn admit(&self, player: &Player, appraised: Option<&Appraised>) -> Result<Option<Instant>, String>;
}

/// A gate that lets all connections through: for sessions in which no machine has to prove itself.
pub struct Open;

impl Gate for Open {
    fn admit(&self, _: &Player, _: Option<&Appraised>) -> Result<Option<Instant>, String> {
        Ok(None)
    }
}

/// A connection whose hello was heard and not yet answered, and what its other end proved.
type Arrival = (Link, Hello, Option<Appraised>);
/// By player: where its connections go.
type Seats = HashMap<PlayerId, mpsc::Sender<Arrival>>;
/// By player: where its connections come from.
type Arrivals = HashMap<PlayerId, mpsc::Receiver<Arrival>>;

struct Session {
    card: Card,
    seats: Seats,
}

impl Default for Switchboard {
    fn default() -> Self {
        Switchboard::new()
    }
}

impl Switchboard {
    /// A switchboard without sessions.
    pub fn new() -> Switchboard {
        Switchboard {
            shared: Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), waiting: Mutex::default() }),
            patience: SESSION_TIME,
        }
    }

    /// The same, where a connection waits so long for its session to be known; 10 seconds, if not said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Switchboard {
        Switchboard { patience, ..self }
    }

    /// Takes over a data connection: hears its hello and hands it to its session, or refuses it.
    /// Returns why it was refused, for the log.
    pub async fn serve(&self, secured: Secured) -> Result<(), NetError> {
        let (identity, appraised) = (secured.identity, secured.appraised);
        let _place = Place::take(&self.shared, identity)?;
        let mut link = stream::over(secured.stream);
        let hello = greet::hear(&mut link, None).await?;
        let late = |which: &str| {
            let reason = format!("{identity} asked for a session that {which} here");
            NetError::Handshake { player: None, reason }
        };
        let (card, seats) = match timeout(self.patience, self.find(&hello.session)).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                greet::refuse(&mut link, "net.unknown-session").await;
                return Err(late("has ended"));
            }
            // No refusal, which would be final: this worker may still be reading its data, or compiling modules.
            Err(_) => {
                greet::hang_up(&mut link).await;
                return Err(late("has not begun"));
            }
        };
        let checked = match card.player(hello.from) {
            Ok((_, expected)) if *expected != identity => Err(NetError::UnknownKey { got: identity }),
            Ok((player, _)) => card.check(&hello, player),
            Err(error) => Err(error),
        };
        if let Err(error) = checked {
            greet::refuse(&mut link, error.code()).await;
            return Err(error);
        }
        match seats.get(&hello.from) {
            // A full seat means that the player dials faster than its connections are taken up.
            Some(seat) if seat.try_send((link, hello, appraised)).is_ok() => Ok(()),
            _ => Err(NetError::Handshake {
                player: None,
                reason: "the session does not wait for this connection".into(),
            }),
        }
    }

    /// An open session, once it is; none, if it has ended.
    async fn find(&self, session: &[u8; 16]) -> Option<(Card, Seats)> {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.shared.lock();
                if let Some(found) = state.open.get(session) {
                    return Some((found.card.clone(), found.seats.clone()));
                }
                if state.ended.contains(session) {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Opens a session here. It ends when what is returned is dropped.
    fn enter(&self, card: &Card) -> Result<(Presence, Arrivals), NetError> {
        let mut state = self.shared.lock();
        if state.open.contains_key(&card.session) || state.ended.contains(&card.session) {
            return Err(NetError::Misuse { what: "a session was opened twice".into() });
        }
        let (mut seats, mut arrivals) = (HashMap::new(), HashMap::new());
        for (player, _) in card.players.iter().filter(|(player, _)| player.id < card.me) {
            let (seat, arrival) = mpsc::channel(2);
            seats.insert(player.id, seat);
            arrivals.insert(player.id, arrival);
        }
        state.open.insert(card.session, Session { card: card.clone(), seats });
        drop(state);
        self.shared.changed.notify_waiters();
        Ok((Presence { shared: Arc::clone(&self.shared), session: card.session }, arrivals))
    }
}

impl Shared {
    /// No code panics while it holds the lock, so a poisoned one still holds a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection that waits for its session.
struct Place {
    shared: Arc<Shared>,
    identity: Identity,
}

impl Place {
    fn take(shared: &Arc<Shared>, identity: Identity) -> Result<Place, NetError> {
        let mut waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = waiting.values().sum();
        let count = waiting.get(&identity).copied().unwrap_or_default();
        if total >= WAITING || count >= WAITING_PER_IDENTITY {
            let reason = format!("too many connections wait for their session, {count} of them of {identity}");
            return Err(NetError::Handshake { player: None, reason });
        }
        waiting.insert(identity, count + 1);
        Ok(Place { shared: Arc::clone(shared), identity })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.identity);
            }
        }
    }
}

/// A session being open at a switchboard. Keep it for as long as the session runs.
pub struct Presence {
    shared: Arc<Shared>,
    session: [u8; 16],
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.open.remove(&self.session);
        if state.ended.len() == ENDED {
            state.ended.pop_front();
        }
        state.ended.push_back(self.session);
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

/// Connects one player with all others of a session: dials those after it at `endpoints` (in the order of the card;
/// `host:port`), and waits at the switchboard for those before it. `gate` is asked about each connection, also when one is
/// made anew. The first failure ends it.
///
/// Costs a TLS handshake and two hellos per pair.
pub async fn connect(
    card: &Card,
    endpoints: &[String],
    dialer: &Dialer,
    switchboard: &Switchboard,
    options: ResumeOptions,
    gate: &Arc<dyn Gate>,
) -> Result<(Vec<(PlayerId, Link)>, Presence), NetError> {
    let (presence, arrivals) = switchboard.enter(card)?;
    let card = Arc::new(card.clone());
    let mut opening = JoinSet::new();
    for (id, arrivals) in arrivals {
        let player = card.player(id)?.0.clone();
        let door = Door { gate: Arc::clone(gate), expires: None };
        let waiting = Await { card: Arc::clone(&card), player, arrivals, newest: None, door };
        opening.spawn(async move { resume::open(waiting, options).await.map(|link| (id, link)) });
    }
    if endpoints.len() != card.players.len() {
        return Err(NetError::Misuse { what: "another number of endpoints than of players".into() });
    }
    let after = card.players.iter().zip(endpoints).filter(|((player, _), _)| player.id > card.me);
    for ((player, identity), endpoint) in after {
        let endpoint = endpoint.clone();
        let (id, identity) = (player.id, *identity);
        let door = Door { gate: Arc::clone(gate), expires: None };
        let (card, player, dialer) = (Arc::clone(&card), player.clone(), dialer.clone());
        let dialling = Dial { card, player, identity, endpoint, dialer, door };
        opening.spawn(async move { resume::open(dialling, options).await.map(|link| (id, link)) });
    }
    let mut links = Vec::new();
    while let Some(opened) = opening.join_next().await {
        links.push(opened.map_err(|error| NetError::Misuse { what: format!("a connecting task died: {error}") })??);
    }
    links.sort_by_key(|(id, _)| *id);
    Ok((links, presence))
}

/// A gate, and until when it let the last connection through.
struct Door {
    gate: Arc<dyn Gate>,
    expires: Option<Instant>,
}

impl Door {
    async fn pass(&mut self, player: &Player, appraised: Option<Appraised>) -> Result<(), NetError> {
        let (gate, who) = (Arc::clone(&self.gate), player.clone());
        let asked = tokio::task::spawn_blocking(move || gate.admit(&who, appraised.as_ref())).await;
        let admitted = asked.unwrap_or_else(|_| Err("our appraiser died".into()));
        self.expires = admitted.map_err(|reason| NetError::Unproved { player: Some(player.clone()), reason })?;
        Ok(())
    }
}

/// Connections to a player that we dial.
struct Dial {
    card: Arc<Card>,
    player: Player,
    identity: Identity,
    endpoint: String,
    dialer: Dialer,
    door: Door,
}

#[async_trait]
impl Connect for Dial {
    fn player(&self) -> &Player {
        &self.player
    }

    async fn connect(&mut self, received: u64) -> Result<(Link, u64), NetError> {
        let secured = self.dialer.dial(&self.player, &self.endpoint, self.identity, Alpn::Data).await?;
        self.door.pass(&self.player, secured.appraised).await?;
        let mut link = stream::over(secured.stream);
        let expected = greet::call(&mut link, &self.card, &self.player, received).await?;
        Ok((link, expected))
    }

    fn expires(&self) -> Option<Instant> {
        self.door.expires
    }
}

/// Connections from a player that dials us.
struct Await {
    card: Arc<Card>,
    player: Player,
    arrivals: mpsc::Receiver<Arrival>,
    newest: Option<Arrival>,
    door: Door,
}

#[async_trait]
impl Connect for Await {
    fn player(&self) -> &Player {
        &self.player
    }

    async fn connect(&mut self, received: u64) -> Result<(Link, u64), NetError> {
        if self.newest.is_none() {
            self.superseded().await;
        }
        // Of several, the last is the one that the player uses.
        while let Ok(newer) = self.arrivals.try_recv() {
            self.newest = Some(newer);
        }
        let newest = self.newest.take();
        let (mut link, hello, appraised) = newest.ok_or(NetError::Ended { reason: "net.ended".into() })?;
        if let Err(refused) = self.door.pass(&self.player, appraised).await {
            greet::refuse(&mut link, refused.code()).await;
            return Err(refused);
        }
        greet::answer(&mut link, &self.card, &self.player, received).await?;
        Ok((link, hello.received))
    }

    fn expires(&self) -> Option<Instant> {
        self.door.expires
    }

    async fn superseded(&mut self) {
        match self.arrivals.recv().await {
            Some(arrival) => self.newest = Some(arrival),
            None => std::future::pending().await,
        }
    }
}
