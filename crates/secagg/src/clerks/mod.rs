//! *Sum by clerks*: the aggregators are other clients, which may vanish; the sum is for one recipient.
//!
//! A client masks its vector, seals the mask's seed to the recipient, and shares the masked vector among clerks with
//! packed Shamir shares: one share holds one element's worth of k elements. Each clerk adds up its shares over a frozen
//! inclusion list and posts the tally. From any t + k tallies the recipient recovers the masked sum, and takes off the
//! masks of those on the list.
//!
//! - **Source**: Dahl, Pastro, Poumeyrol 2017, "Private Data Aggregation on a Budget", sections 3 and 4; packed shares:
//!   Franklin and Yung 1992, "Communication Complexity of Secure Computation".
//! - **Adversary**: clerks, all of them even, learn nothing while the recipient is honest. The recipient with up to t
//!   clerks learns the sum of the honest contributions and nothing else, given that no two lists of a round are both
//!   frozen (2q − n > corrupt clerks). The board is trusted with nothing but keeping messages. Tallies that contradict
//!   each other are noticed where more than t + k come in. A client may lie about its own input, and share a vector that
//!   is none, which spoils the sum.
//! - **Rounds**: one message of a client; a vote and a tally of each clerk, of which n − t − k may vanish.
//! - **Bytes**: a client sends 242 + n·(80 + 8·⌈d/k⌉), which is 2n/k of the plain size at 32 bits; a tally has
//!   131 + 8·⌈d/k⌉.
//! - **Deviations**: shares travel with the list that they are summed over (the paper's server is trusted with the set).
//!   The field is Z_p for p = 2^61 − 1, so that n contributions of b bits need b + ⌈log₂ n⌉ ≤ 60; the recipient learns
//!   the sum over the integers, which is more than the sum in the ring only where that overflows.

mod clerk;
mod client;
mod field;
mod messages;
mod packed;
mod recipient;

pub use clerk::{AwaitFrozen, Collecting, Tallying};
pub use client::contribute;
pub use recipient::Recipient;

pub use crate::ballot::{Accepted, Approved, Closed, Collector, Deposited, Frozen, InclusionList, Memory};
use crate::ballot::{Electorate, Split, sealed};
use crate::domain;
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::seal::SealKey;
use crate::task::Task;
use crate::wire::{Bytes32, digest};
use packed::Packing;

/// One clerk, as the agreement lists it.
#[derive(Clone)]
pub struct Member {
    /// Its signing key.
    pub key: PublicKey,
    /// Its key for sealing.
    pub seal: SealKey,
}

/// The clerks and the recipient of a round. Part of the agreement.
#[derive(Clone)]
pub struct Clerks {
    members: Vec<Member>,
    recipient: SealKey,
    privacy: usize,
    packed: usize,
    quorum: usize,
    most: u32,
}

impl Clerks {
    /// Clerks of which any `privacy` (t) learn nothing even together with the recipient, with `packed` (k) elements to a
    /// share, lists frozen by `quorum` of them, and room for `most` contributions.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless t and k are at least 1, t + k ≤ n ≤ 255, a quorum is one of n clerks of which t may be
    /// corrupt (2q − n > t), and no key is listed twice.
    pub fn new(
        members: Vec<Member>,
        recipient: SealKey,
        (privacy, packed): (usize, usize),
        quorum: usize,
        most: u32,
    ) -> Result<Self, Error> {
        let n = members.len();
        if privacy == 0 || packed == 0 || privacy + packed > n || n > usize::from(u8::MAX) {
            return Err(Error::parameter(format!("{n} clerks for {privacy} + {packed} tallies (n is at most 255)")));
        }
        if quorum > n || 2 * quorum <= n + privacy {
            return Err(Error::parameter(format!("{quorum} of {n} is no quorum if {privacy} may be corrupt")));
        }
        for (i, member) in members.iter().enumerate() {
            if members[..i].iter().any(|other| other.key == member.key || other.seal == member.seal) {
                return Err(Error::parameter(format!("clerk {} is listed twice", member.key.identity())));
            }
        }
        Ok(Self { members, recipient, privacy, packed, quorum, most })
    }

    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> String {
        let (n, t) = (self.members.len(), self.privacy);
        format!(
            "safe while the recipient is honest, or at most {t} of the {n} clerks collude with it; {} clerks may vanish",
            n - t - self.packed
        )
    }

    fn packing(&self) -> Packing {
        Packing::new(self.members.len(), self.privacy, self.packed)
    }

    /// Elements of a share.
    fn batches(&self, task: &Task) -> usize {
        (task.len as usize).div_ceil(self.packed)
    }

    /// Refuses a round whose sums might exceed the field.
    fn check(&self, task: &Task) -> Result<(), Error> {
        task.check()?;
        let carry = u32::BITS - self.most.saturating_sub(1).leading_zeros();
        if self.most < task.minimum || task.ring.bits() + carry > 60 {
            return Err(Error::parameter(format!(
                "{} contributions of {} bits: their sum has at most 60 bits",
                self.most,
                task.ring.bits()
            )));
        }
        Ok(())
    }

    /// Refuses a list of more contributions than the field has room for.
    fn check_list(&self, list: &InclusionList) -> Result<(), Error> {
        if list.len() > self.most as usize {
            return Err(Error::Coordinator { what: "a list of more contributions than the parameters allow" });
        }
        Ok(())
    }

    fn position(&self, identity: &Identity) -> Option<usize> {
        self.members.iter().position(|member| member.key.identity() == *identity)
    }

    fn clerk_info(context: &Bytes32, client: &Identity, clerk: usize) -> Vec<u8> {
        [domain::SEAL_SHARES, context, &client.0, &[clerk as u8]].concat()
    }

    fn recipient_info(context: &Bytes32, client: &Identity) -> Vec<u8> {
        [domain::SEAL_MASK, context, &client.0].concat()
    }
}

impl sealed::Sealed for Clerks {}

impl Electorate for Clerks {
    fn key(&self, voter: usize) -> Option<&PublicKey> {
        self.members.get(voter).map(|member| &member.key)
    }

    fn quorum(&self) -> usize {
        self.quorum
    }

    fn context(&self, task: &Task) -> Bytes32 {
        let mut listed = vec![self.privacy as u8, self.packed as u8, self.quorum as u8];
        listed.extend_from_slice(&self.most.to_le_bytes());
        listed.extend_from_slice(&self.recipient.to_bytes());
        for member in &self.members {
            listed.extend_from_slice(&member.key.to_bytes());
            listed.extend_from_slice(&member.seal.to_bytes());
        }
        task.context(domain::CONTEXT_CLERKS, &digest(domain::CLERKS, &[&listed]))
    }

    fn most(&self, _: &Task) -> usize {
        self.most as usize
    }

    fn split(&self, message: &[u8], context: &Bytes32, task: &Task) -> Result<Split, Error> {
        messages::split(message, context, task, self)
    }
}
