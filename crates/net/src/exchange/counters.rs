//! Counting what goes over a link.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What was sent to and received from a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages posted.
    pub messages_sent: u64,
    /// Bytes of content posted.
    pub payload_sent: u64,
    /// Bytes that left, with their framing, heartbeats included (encryption is not).
    pub framed_sent: u64,
    /// Writes that carried messages.
    pub flushes: u64,
    /// Messages that arrived.
    pub messages_received: u64,
    /// Bytes of content that arrived.
    pub payload_received: u64,
    /// Bytes that arrived, with their framing.
    pub framed_received: u64,
    /// The greatest causal depth seen in either direction: the rounds of communication so far.
    pub depth: u32,
}

impl Counters {
    /// The sum, and the greater depth.
    pub fn plus(self, other: Counters) -> Counters {
        Counters {
            messages_sent: self.messages_sent + other.messages_sent,
            payload_sent: self.payload_sent + other.payload_sent,
            framed_sent: self.framed_sent + other.framed_sent,
            flushes: self.flushes + other.flushes,
            messages_received: self.messages_received + other.messages_received,
            payload_received: self.payload_received + other.payload_received,
            framed_received: self.framed_received + other.framed_received,
            depth: self.depth.max(other.depth),
        }
    }
}

/// [`Counters`] that several tasks add to.
#[derive(Default)]
pub(super) struct Tally {
    messages_sent: AtomicU64,
    payload_sent: AtomicU64,
    framed_sent: AtomicU64,
    flushes: AtomicU64,
    messages_received: AtomicU64,
    payload_received: AtomicU64,
    framed_received: AtomicU64,
    depth: AtomicU64,
}

impl Tally {
    pub(super) fn sent(&self, payload: usize, depth: u32) {
        self.messages_sent.fetch_add(1, Relaxed);
        self.payload_sent.fetch_add(payload as u64, Relaxed);
        self.depth.fetch_max(u64::from(depth), Relaxed);
    }

    /// Bytes of content posted so far.
    pub(super) fn posted(&self) -> u64 {
        self.payload_sent.load(Relaxed)
    }

    pub(super) fn wrote(&self, framed: usize, with_messages: bool) {
        self.framed_sent.fetch_add(framed as u64, Relaxed);
        self.flushes.fetch_add(u64::from(with_messages), Relaxed);
    }

    pub(super) fn read_frame(&self, framed: usize) {
        self.framed_received.fetch_add(framed as u64, Relaxed);
    }

    pub(super) fn received(&self, payload: u64, depth: u32) {
        self.messages_received.fetch_add(1, Relaxed);
        self.payload_received.fetch_add(payload, Relaxed);
        self.depth.fetch_max(u64::from(depth), Relaxed);
    }

    pub(super) fn read(&self) -> Counters {
        Counters {
            messages_sent: self.messages_sent.load(Relaxed),
            payload_sent: self.payload_sent.load(Relaxed),
            framed_sent: self.framed_sent.load(Relaxed),
            flushes: self.flushes.load(Relaxed),
            messages_received: self.messages_received.load(Relaxed),
            payload_received: self.payload_received.load(Relaxed),
            framed_received: self.framed_received.load(Relaxed),
            depth: self.depth.load(Relaxed) as u32,
        }
    }
}
