//! What happens to messages on their way.

use rand_core::Rng;

use super::seeded;
use crate::stream::Stream;

/// Which message is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Stage {
    /// A client's one message to a committee.
    Contribution,
    /// The part of it that an aggregator gets.
    Deposit,
    /// Pairwise: a client's keys.
    Keys,
    /// Pairwise: the server's answer to keys.
    Neighbours,
    /// Pairwise: a client's encrypted shares.
    Shares,
    /// Pairwise: shares as the server passes them on.
    Delivered,
    /// Pairwise: a masked vector.
    Masked,
    /// Pairwise: the announcement of who survived.
    Survivors,
    /// Pairwise: a client's signature over it.
    Agreed,
    /// Pairwise: the signatures of the neighbours.
    Agreements,
    /// Pairwise: revealed shares.
    Reveal,
}

/// Decides what arrives.
pub trait Network {
    /// What arrives of a message from or to this client: nothing, the message, several, or another one.
    fn carry(&mut self, stage: Stage, client: usize, message: Vec<u8>) -> Vec<Vec<u8>>;

    /// What arrives only after the stage was closed.
    fn late(&mut self, _stage: Stage) -> Vec<Vec<u8>> {
        vec![]
    }
}

/// Everything arrives once.
pub struct Faultless;

impl Network for Faultless {
    fn carry(&mut self, _: Stage, _: usize, message: Vec<u8>) -> Vec<Vec<u8>> {
        vec![message]
    }
}

impl<F: FnMut(Stage, usize, Vec<u8>) -> Vec<Vec<u8>>> Network for F {
    fn carry(&mut self, stage: Stage, client: usize, message: Vec<u8>) -> Vec<Vec<u8>> {
        self(stage, client, message)
    }
}

/// Loses, delays, repeats and alters messages at random, each with its probability in per cent.
pub struct Chaos {
    /// Where the dice come from.
    pub rng: Stream,
    /// Messages lost.
    pub drop: u32,
    /// Messages that come after the stage was closed.
    pub delay: u32,
    /// Messages that come twice.
    pub repeat: u32,
    /// Messages in which one bit is flipped.
    pub alter: u32,
    delayed: Vec<(Stage, Vec<u8>)>,
}

impl Chaos {
    /// Dice from `seed`, and no faults until the fields say so.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: seeded(seed), drop: 0, delay: 0, repeat: 0, alter: 0, delayed: vec![] }
    }

    fn dice(&mut self, per_cent: u32) -> bool {
        self.rng.next_u32() % 100 < per_cent
    }
}

impl Network for Chaos {
    fn carry(&mut self, stage: Stage, _: usize, mut message: Vec<u8>) -> Vec<Vec<u8>> {
        if self.dice(self.drop) {
            return vec![];
        }
        if self.dice(self.delay) {
            self.delayed.push((stage, message));
            return vec![];
        }
        if self.dice(self.alter) && !message.is_empty() {
            let bit = self.rng.next_u64() as usize % (8 * message.len());
            message[bit / 8] ^= 1 << (bit % 8);
        }
        if self.dice(self.repeat) { vec![message.clone(), message] } else { vec![message] }
    }

    fn late(&mut self, stage: Stage) -> Vec<Vec<u8>> {
        let (due, kept) = std::mem::take(&mut self.delayed).into_iter().partition(|(of, _)| *of == stage);
        self.delayed = kept;
        let due: Vec<(Stage, Vec<u8>)> = due;
        due.into_iter().map(|(_, message)| message).collect()
    }
}
