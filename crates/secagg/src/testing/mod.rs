//! A seeded world in one process: thousands of clients, and everyone who drops, delays, repeats, alters or colludes.
//!
//! A [`World`] has the identities; [`run_committee`](World::run_committee) and its fellows play a whole round, passing
//! every message through a [`Network`] that decides what arrives. Equal seeds replay equal runs.

mod committee;
mod network;
mod pairwise;
#[cfg(feature = "validated")]
mod validated;

pub use committee::{CommitteeOutcome, CommitteeRound};
pub use network::{Chaos, Faultless, Network, Stage};
pub use pairwise::PairwiseOutcome;
#[cfg(feature = "validated")]
pub use validated::{ValidatedOutcome, ValidatedRound};

use std::collections::BTreeSet;

use crate::identity::{Identity, Signer};
use crate::stream::Stream;
use crate::task::Task;
use crate::vector::{Ring, Vector};

/// The clients of a test, all enrolled, and the randomness of all.
pub struct World {
    /// Where all randomness comes from.
    pub rng: Stream,
    /// The clients' keys.
    pub clients: Vec<Signer>,
    /// Who may contribute.
    pub enrolled: BTreeSet<Identity>,
}

/// Randomness that replays: its whole output follows from a number.
#[must_use]
pub fn seeded(seed: u64) -> Stream {
    Stream::new("privity secagg test", &seed.to_le_bytes())
}

impl World {
    /// A world of `clients` clients.
    #[must_use]
    pub fn with_seed(seed: u64, clients: usize) -> Self {
        let mut rng = seeded(seed);
        let clients: Vec<Signer> = (0..clients).map(|_| Signer::generate(&mut rng)).collect();
        let enrolled = clients.iter().map(Signer::identity).collect();
        Self { rng, clients, enrolled }
    }

    /// Which client has this identity.
    #[must_use]
    pub fn index(&self, identity: &Identity) -> Option<usize> {
        self.clients.iter().position(|client| client.identity() == *identity)
    }
}

/// A round of `len` elements of `bits` bits with this minimum.
///
/// # Panics
/// If there is no ring of so many bits.
#[must_use]
pub fn task(bits: u32, len: u32, minimum: u32) -> Task {
    let ring = Ring::new(bits).expect("a ring from 1 to 64 bits");
    Task { agreement: [0xA6; 32], round: 1, ring, len, minimum }
}

/// The input of client `i` in which every client has a digit of its own: bit 2i of the vector's 64-bit elements. In the
/// sum, a digit is 1 if the client was counted, and 2 if it was counted twice, whoever else was.
///
/// # Panics
/// If the vector is too short to give `i` a digit, or its ring is not of 64 bits.
#[must_use]
pub fn digit(task: &Task, i: usize) -> Vector {
    let mut elements = vec![0u64; task.len as usize];
    elements[i / 32] = 1 << (2 * (i % 32));
    Vector::from_elements(task.ring, &elements).expect("a 64-bit ring")
}

/// The digits of the first `clients` clients in a sum of [`digit`] vectors.
#[must_use]
pub fn digits(sum: &Vector, clients: usize) -> Vec<u8> {
    let elements = sum.elements();
    (0..clients).map(|i| (elements[i / 32] >> (2 * (i % 32)) & 3) as u8).collect()
}
