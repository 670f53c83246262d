//! *Homomorphic sum*: clients encrypt to a key holder, a server adds up what it cannot read, the key holder decrypts
//! what it cannot understand.
//!
//! Several elements share one plaintext, each in a slot that is wide enough for the sum over all clients. Before the key
//! holder decrypts the product of all ciphertexts, the server adds to it a plaintext that is uniform modulo the key's
//! modulus, so that the key holder sees a uniform number.
//!
//! - **Source**: Paillier 1999; Damgård, Jurik, Nielsen 2010, "A Generalization of Paillier's Public-Key System with
//!   Applications to Electronic Voting", section 4.2, for short exponents over a fixed base. Moduli have 2048 bits.
//! - **Adversary**: honest but curious server and key holder that do not collude (together they read every
//!   contribution), and any clients. A server that lies can have one client's contribution decrypted alone: the key
//!   holder cannot tell. Where that matters, take another protocol. The server learns sums over the integers, which is
//!   more than sums in the ring only where sums overflow it.
//! - **Rounds**: one message of a client; one exchange between server and key holder.
//! - **Bytes**: 512 for every ⌊2047/(b + ⌈log₂ n⌉)⌋ elements, and 130.

mod client;
mod keyholder;
mod keys;
mod montgomery;
mod packing;
mod server;

pub use client::contribute;
pub use keyholder::KeyHolder;
pub use keys::{Encryptor, PaillierKey, PaillierSecret};
pub use server::{AwaitDecrypted, Collector};

use crate::domain;
use crate::error::Error;
use crate::task::Task;
use crate::wire::Bytes32;
use packing::Slots;

/// The parameters of a round, part of the agreement.
#[derive(Clone, PartialEq, Eq)]
pub struct Paillier {
    /// The key holder's public key.
    pub key: PaillierKey,
    /// The most contributions of one sum, for which slots have room.
    pub most: u32,
}

impl Paillier {
    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> &'static str {
        "safe while the server follows the protocol and does not collude with the key holder"
    }

    fn slots(&self, task: &Task) -> Result<Slots, Error> {
        if self.most < task.minimum {
            return Err(Error::parameter("room for fewer contributions than the minimum"));
        }
        Ok(Slots::new(task.ring, task.len as usize, self.most))
    }

    fn context(&self, task: &Task) -> Bytes32 {
        let mut protocol = self.most.to_le_bytes().to_vec();
        protocol.extend_from_slice(&self.key.to_bytes());
        task.context(domain::CONTEXT_PAILLIER, &protocol)
    }
}
