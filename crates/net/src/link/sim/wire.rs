//! One simulated connection: packets that take their time, and are put back in order at the end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Event, Happening, World};
use crate::frame::{Frame, decode_shared, encode_frame};
use crate::link::{Link, LinkError, LinkReceive, LinkSend};
use crate::player::PlayerId;

/// What both ends of a connection share.
pub(super) struct Connection {
    count: u64,
    broken: watch::Sender<bool>,
}

impl Connection {
    pub(super) fn new(count: u64) -> Connection {
        Connection { count, broken: watch::Sender::new(false) }
    }

    pub(super) fn break_off(&self) {
        self.broken.send_replace(true);
    }
}

/// A packet under way: when it arrives, its number, what is in it.
type Packet = (Instant, u64, Content);

/// The frames of one write as they are encoded; empty for the end of the stream.
type Content = Vec<Bytes>;

pub(super) fn ends(world: &Arc<World>, connection: &Arc<Connection>, a: PlayerId, b: PlayerId) -> (Link, Link) {
    let (a_to_b, b_from_a) = direction(world, connection, a, b);
    let (b_to_a, a_from_b) = direction(world, connection, b, a);
    (Link { sender: a_to_b, receiver: a_from_b }, Link { sender: b_to_a, receiver: b_from_a })
}

fn direction(
    world: &Arc<World>,
    connection: &Arc<Connection>,
    from: PlayerId,
    to: PlayerId,
) -> (Box<dyn LinkSend>, Box<dyn LinkReceive>) {
    let (entry, exit) = mpsc::unbounded_channel();
    let way = Way { world: Arc::clone(world), connection: Arc::clone(connection), from, to };
    let sender = SimSender { way: way.clone(), entry: Some(entry), sent: 0 };
    let receiver = SimReceiver {
        broken: connection.broken.subscribe(),
        way,
        exit,
        flying: BinaryHeap::new(),
        arrived: BTreeMap::new(),
        next: 0,
        frames: VecDeque::new(),
        ended: false,
    };
    (Box::new(sender), Box::new(receiver))
}

/// One direction of a connection.
#[derive(Clone)]
struct Way {
    world: Arc<World>,
    connection: Arc<Connection>,
    from: PlayerId,
    to: PlayerId,
}

impl Way {
    fn is_broken(&self) -> bool {
        *self.connection.broken.borrow()
    }

    fn note(&self, packet: u64, what: Happening) {
        let at = self.world.start.elapsed();
        let event = Event { at, from: self.from, to: self.to, connection: self.connection.count, packet, what };
        self.world.lock().trace.push(event);
    }

    fn draw(&self, what: &str, packet: u64, trial: u64, below: u64) -> u64 {
        self.world.draw(what, (self.from, self.to, self.connection.count, packet, trial), below)
    }

    fn happens(&self, what: &str, packet: u64, trial: u64, per_thousand: u16) -> bool {
        self.draw(what, packet, trial, 1000) < u64::from(per_thousand)
    }

    /// When a packet that leaves now arrives, losses included.
    fn arrival(&self, packet: u64) -> Instant {
        let weather = self.world.weather;
        let jitter = self.draw("jitter", packet, 0, weather.jitter.as_micros() as u64 + 1);
        let mut arrival = Instant::now() + weather.latency + std::time::Duration::from_micros(jitter);
        for trial in 0..16 {
            if !self.happens("loss", packet, trial, weather.loss) {
                break;
            }
            arrival += weather.retransmission;
        }
        arrival
    }
}

struct SimSender {
    way: Way,
    entry: Option<mpsc::UnboundedSender<Packet>>,
    sent: u64,
}

impl SimSender {
    fn put(&mut self, content: Content) -> Result<(), LinkError> {
        let entry = self.entry.as_ref().ok_or(LinkError::Closed)?;
        let packet = self.sent;
        self.sent += 1;
        self.way.note(packet, Happening::Sent(content.iter().map(Bytes::len).sum()));
        if self.way.happens("break", packet, 0, self.way.world.weather.breaks) {
            self.way.note(packet, Happening::Broke);
            self.way.connection.break_off();
        }
        if self.way.is_broken() {
            return Err(LinkError::Closed);
        }
        entry.send((self.way.arrival(packet), packet, content)).map_err(|_| LinkError::Closed)
    }
}

#[async_trait]
impl LinkSend for SimSender {
    async fn send(&mut self, frames: Vec<Frame>) -> Result<(), LinkError> {
        // Through the binary form, so that a simulated world exercises it.
        let encode = |frame: &Frame| {
            let mut bytes = BytesMut::new();
            encode_frame(frame, &mut bytes);
            bytes.freeze().slice(4..)
        };
        self.put(frames.iter().map(encode).collect())
    }

    async fn close(&mut self) -> Result<(), LinkError> {
        let outcome = self.put(Vec::new());
        self.entry = None;
        outcome
    }
}

impl Drop for SimSender {
    /// The system closes what a process leaves open.
    fn drop(&mut self) {
        if self.entry.is_some() {
            let _ = self.put(Vec::new());
        }
    }
}

struct SimReceiver {
    way: Way,
    broken: watch::Receiver<bool>,
    exit: mpsc::UnboundedReceiver<Packet>,
    /// Under way, by time of arrival.
    flying: BinaryHeap<Reverse<(Instant, u64, Content)>>,
    /// Here, but after one that is not.
    arrived: BTreeMap<u64, Content>,
    next: u64,
    frames: VecDeque<Bytes>,
    ended: bool,
}

impl SimReceiver {
    /// A packet's time has come.
    fn land(&mut self, (_, number, content): Packet) {
        let way = &self.way;
        if way.world.is_down(way.from, way.to) {
            way.note(number, Happening::Vanished);
        } else if way.world.is_partitioned(way.from, way.to) {
            way.note(number, Happening::Held);
            let again = Instant::now() + way.world.weather.retransmission;
            self.flying.push(Reverse((again, number, content)));
        } else {
            way.note(number, Happening::Arrived);
            self.arrived.insert(number, content);
        }
    }

    /// Takes over what has arrived without a gap.
    fn put_in_order(&mut self) {
        while let Some(content) = self.arrived.remove(&self.next) {
            self.next += 1;
            self.ended |= content.is_empty();
            self.frames.extend(content);
        }
    }
}

#[async_trait]
impl LinkReceive for SimReceiver {
    async fn receive(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(decode_shared(&frame)?));
            }
            if self.ended {
                return Ok(None);
            }
            if self.way.is_broken() {
                return Err(LinkError::Closed);
            }
            let first = self.flying.peek().map(|Reverse((at, ..))| *at);
            let landing = async {
                match first {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = self.broken.changed() => {}
                Some(packet) = self.exit.recv() => self.flying.push(Reverse(packet)),
                () = landing => {
                    if let Some(Reverse(packet)) = self.flying.pop() {
                        self.land(packet);
                        self.put_in_order();
                    }
                }
            }
        }
    }
}
