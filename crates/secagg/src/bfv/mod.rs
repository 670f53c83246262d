//! *Threshold homomorphic sum*: clients encrypt under one key that no single party has; the sum is decrypted by all
//! holders of its parts together (multiparty BFV).
//!
//! Holders make a joint key once. A client encrypts its vector under it and leaves. The holders vote for one list, add up
//! the ciphertexts on it *themselves*, and give decryption shares for that sum alone.
//!
//! - **Source**: Mouchet, Troncoso-Pastoriza, Bossuat, Hubaux 2021, "Multiparty Homomorphic Encryption from
//!   Ring-Learning-with-Errors", protocols 1 (EncKeyGen) and 3 (decryption); Fan and Vercauteren 2012. Ring of degree 8192
//!   modulo q of 180 bits, uniform ternary secrets, errors of standard deviation 3.24: 128 bits of security and more by the
//!   tables of the Homomorphic Encryption Standard (2018), which allow 218.
//! - **Adversary**: private while one holder is honest and *everybody follows the protocol*, clients included. A ciphertext
//!   that is not made as it should be can turn what is decrypted into a question about the key, and nothing proves that
//!   clients made theirs well: where clients may lie, take another protocol. The collector may lie: a holder adds up for
//!   itself, answers for one list a round, and never below the minimum. A holder that answers at random is noticed, not named;
//!   one that adds a number to its share shifts the sum unnoticed.
//! - **Noise**: a decryption share is hidden by noise that is uniform over 2^40 times what the sum's own noise can be, for
//!   all coefficients together (smudging); it follows from the holder's secret and the list, so that asking again shows
//!   nothing new. Without it a share tells about the secret.
//! - **Deviations**: key shares are committed to before they are shown, as the last one to speak could otherwise choose the
//!   joint key, and know its secret.
//! - **Rounds**: two and a signature for the key, once; one message of a client; a vote and an answer of each holder.
//! - **Bytes**: a client sends 368,640 for every 8192 elements of up to 64 bits (45 for each), and 194; to each holder half
//!   of that; an answer is half of it and 131, whatever the number of clients.

mod client;
mod combiner;
mod holder;
mod keys;
mod messages;
mod plain;
mod ring;
mod sample;

pub use client::contribute;
pub use combiner::Combiner;
pub use holder::{AwaitFrozen, Collecting, Summing};
pub use keys::{AwaitCommitments, AwaitShares, HolderSecret, JointKey};

pub use crate::ballot::{Accepted, Approved, Closed, Collector, Deposited, Frozen, InclusionList, Memory};
use crate::ballot::{Electorate, Split, sealed};
use crate::domain;
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::task::Task;
use crate::wire::Bytes32;

/// The most holders.
const MOST_HOLDERS: usize = 16;
/// The statistical distance of a decryption share from one that says nothing, as a power of two.
const HIDING: u32 = 40;

/// The parameters of a round, part of the agreement.
#[derive(Clone)]
pub struct Bfv {
    /// The holders' joint key.
    pub key: JointKey,
    /// The most contributions of one sum.
    pub most: u32,
}

impl Bfv {
    /// Whether sums of `most` contributions of the task's ring can be decrypted without error.
    ///
    /// # Errors
    /// [`Error::Parameter`] if not.
    pub fn check(&self, task: &Task) -> Result<(), Error> {
        task.check()?;
        if self.most < task.minimum {
            return Err(Error::parameter("room for fewer contributions than the minimum"));
        }
        // A coefficient that is wrong by chance has to be out of the bound in all likelihood, so there is room for four
        // times as much; q is above 2^179.
        if 128 - self.noise(task)?.leading_zeros() + task.ring.bits() + 3 > 179 {
            return Err(Error::parameter("too many contributions or elements for sums of so many bits"));
        }
        Ok(())
    }

    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> String {
        let holders = self.key.holders().len();
        format!(
            "safe while one of the {holders} holders of the key is honest and everybody encrypts as the protocol says; none of \
             the holders may vanish"
        )
    }

    /// No more than this is the noise of a sum of fresh ciphertexts: u·e + e₁ + s·e₂ for each, and half for rounding.
    fn fresh(&self) -> u128 {
        let products = 2 * ring::N as u128 * self.key.holders().len() as u128;
        u128::from(self.most) * (sample::ERROR.unsigned_abs() * (products + 1) + 1)
    }

    /// Bits of the noise in a decryption share.
    fn flood(&self, task: &Task) -> Result<u32, Error> {
        let coefficients = (plain::plaintexts(task) * ring::N) as u128;
        let bits = 128 - self.fresh().leading_zeros() + 128 - coefficients.leading_zeros() + HIDING;
        if bits <= 120 { Ok(bits) } else { Err(Error::parameter("too many contributions or elements")) }
    }

    /// No more than this is the noise of a sum to which all holders added theirs.
    fn noise(&self, task: &Task) -> Result<u128, Error> {
        Ok(self.fresh() + ((self.key.holders().len() as u128) << self.flood(task)?))
    }

    fn position(&self, identity: &Identity) -> Option<usize> {
        self.key.holders().iter().position(|holder| holder.identity() == *identity)
    }
}

impl sealed::Sealed for Bfv {}

impl Electorate for Bfv {
    fn key(&self, voter: usize) -> Option<&PublicKey> {
        self.key.holders().get(voter)
    }

    fn quorum(&self) -> usize {
        self.key.holders().len()
    }

    fn context(&self, task: &Task) -> Bytes32 {
        task.context(domain::CONTEXT_BFV, &[&self.most.to_le_bytes()[..], &self.key.digest()].concat())
    }

    fn most(&self, _: &Task) -> usize {
        self.most as usize
    }

    fn split(&self, message: &[u8], context: &Bytes32, task: &Task) -> Result<Split, Error> {
        messages::split(message, context, plain::plaintexts(task), self.key.holders().len())
    }
}
