//! *Validated sum*: two aggregators check, without learning it, that every contribution is in its range (Prio3).
//!
//! For counts, sums and histograms whose clients might lie beyond their range. A client shares its vector and a proof that
//! it is in range between leader and helper. Each tells the other its shares of the verifiers; only contributions whose
//! verifiers check out can be on the inclusion list, and both find the same ones.
//!
//! - **Source**: the VDAF draft of the IETF (draft-irtf-cfrg-vdaf-18, Prio3) through the `prio` crate; Corrigan-Gibbs and
//!   Boneh 2017, "Prio: Private, Robust, and Scalable Computation of Aggregate Statistics"; Davis et al. 2023,
//!   "Verifiable Distributed Aggregation Functions".
//! - **Adversary**: privacy against one malicious aggregator, the collector and any clients together: they learn the sum
//!   of the honest contributions on the list. Ranges hold against malicious clients while both aggregators follow the
//!   protocol. A malicious aggregator can leave clients out, and spoil the sum unnoticed.
//! - **Rounds**: one message of a client; of each aggregator the verifier shares of all clients in one, a vote, an answer.
//! - **Bytes**: a client sends 302 and the shares of the draft: of vectors 16 bytes for every bit and about 64·√bits of proof
//!   to the leader, 64 to the helper and 64 of public share; of a number by itself about 40 for every bit to the leader and 32
//!   to the helper. An aggregator's message has 36 and about 32·√bits for each client. [`Validation::bytes`] has both
//!   exactly.
//! - **Randomness** is an argument here too. The `prio` crate has that for test vectors only, which is why its feature for
//!   tests is on.
//! - **Deviations** from the draft: the nonce is no random number but a digest of round and client, so that one client has
//!   one nonce a round whatever it sends; the verification key follows from the two aggregators' sealing keys (X25519) and
//!   the round, so that no message carries it. Proofs are zero-knowledge for *one* query: a contribution is bound to its
//!   round, and there is one key for it, so an honest aggregator never answers another.

#[cfg(feature = "validated")]
mod aggregator;
#[cfg(feature = "validated")]
pub(crate) mod client;
#[cfg(feature = "validated")]
mod combiner;
#[cfg_attr(not(feature = "validated"), expect(dead_code, reason = "what only those who compute use"))]
pub(crate) mod messages;
mod sizes;
#[cfg(feature = "validated")]
mod vdaf;

#[cfg(feature = "validated")]
pub use aggregator::{AwaitFrozen, AwaitProposal, AwaitVerifiers, Collecting};
#[cfg(feature = "validated")]
pub use client::contribute;
#[cfg(feature = "validated")]
pub use combiner::Combiner;

pub use crate::ballot::{Accepted, Approved, Closed, Collector, Deposited, Frozen, InclusionList, Memory};
use crate::ballot::{Electorate, Split, sealed};
use crate::committee::Member;
use crate::domain;
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::task::Task;
use crate::wire::Bytes32;
#[cfg(feature = "validated")]
use crate::wire::digest;

/// The most bits of one vector: beyond it, a contribution would be more than 17 MB.
const MOST_BITS: u64 = 1 << 20;

/// What vectors may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// One element, 0 or 1: how many clients say 1.
    Count,
    /// One element in [0, `greatest`].
    Sum {
        /// The greatest number.
        greatest: u64,
    },
    /// Elements in [0, `greatest`], summed each by itself.
    SumVector {
        /// The greatest number.
        greatest: u64,
    },
    /// One element is 1 and all others are 0: how many clients chose which.
    Histogram,
}

impl Statistic {
    /// The greatest element.
    #[must_use]
    pub fn greatest(&self) -> u64 {
        match *self {
            Self::Count | Self::Histogram => 1,
            Self::Sum { greatest } | Self::SumVector { greatest } => greatest,
        }
    }

    /// Bits of an element.
    fn bits(self) -> usize {
        (u64::BITS - self.greatest().leading_zeros()) as usize
    }

    /// Its number in what is signed, as the draft numbers them.
    fn number(self) -> u8 {
        match self {
            Self::Count => 1,
            Self::Sum { .. } => 2,
            Self::SumVector { .. } => 3,
            Self::Histogram => 4,
        }
    }

    /// Whether these elements, as many as the round has, may be contributed.
    #[cfg(feature = "validated")]
    fn admits(self, elements: &[u64]) -> bool {
        let in_range = elements.iter().all(|&element| element <= self.greatest());
        in_range && (self != Self::Histogram || elements.iter().filter(|&&element| element == 1).count() == 1)
    }
}

/// The two aggregators of a round and what they check. Part of the agreement.
#[derive(Clone)]
pub struct Validation {
    /// Leader, then helper.
    aggregators: [Member; 2],
    statistic: Statistic,
}

impl Validation {
    /// # Errors
    /// [`Error::Parameter`] if the two are one, or the greatest number is 0 or has more than 32 bits.
    pub fn new(leader: Member, helper: Member, statistic: Statistic) -> Result<Self, Error> {
        if leader.key == helper.key || leader.seal == helper.seal {
            return Err(Error::parameter(format!("aggregator {} is listed twice", leader.key.identity())));
        }
        match statistic.greatest() {
            0 => Err(Error::parameter("numbers of which the greatest is 0")),
            greatest if greatest > u64::from(u32::MAX) => Err(Error::parameter("numbers of more than 32 bits")),
            _ => Ok(Self { aggregators: [leader, helper], statistic }),
        }
    }

    /// Leader, then helper.
    #[must_use]
    pub fn aggregators(&self) -> &[Member] {
        &self.aggregators
    }

    /// What vectors may be.
    #[must_use]
    pub fn statistic(&self) -> Statistic {
        self.statistic
    }

    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> &'static str {
        "safe while one of the 2 aggregators is honest; none of them may vanish; contributions are in their range if both \
         follow the protocol"
    }

    /// Bytes of a client's message, and of an aggregator's verifier share for one client.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn bytes(&self, task: &Task) -> Result<(usize, usize), Error> {
        self.check(task)?;
        let sizes = sizes::Sizes::of(self.statistic, task.len as usize);
        Ok((sizes.shares() + messages::CONTRIBUTION, sizes.verifier() + messages::ENTRY))
    }

    /// Whether the statistic fits the task: one element for counts and sums, not too many bits, and a ring that no sum of
    /// the minimum wraps around in.
    ///
    /// # Errors
    /// [`Error::Parameter`] if not.
    pub fn check(&self, task: &Task) -> Result<(), Error> {
        task.check()?;
        let greatest = self.statistic.greatest();
        let bits = u64::from(task.len) * self.statistic.bits() as u64;
        if bits > MOST_BITS {
            return Err(Error::parameter(format!("vectors of {bits} bits ({MOST_BITS} are possible)")));
        }
        if matches!(self.statistic, Statistic::Count | Statistic::Sum { .. }) && task.len != 1 {
            return Err(Error::parameter(format!("a single number, but vectors of {} elements", task.len)));
        }
        if u64::from(task.minimum) > task.ring.max() / greatest {
            let bits = task.ring.bits();
            return Err(Error::parameter(format!("a ring of {bits} bits is too small for the sum of the minimum")));
        }
        Ok(())
    }

    /// Who signed this message with verifier shares of this round, without a look at the shares: what a board asks.
    ///
    /// # Errors
    /// What makes the message none of an aggregator in this round.
    pub fn verifiers_of(&self, task: &Task, message: &[u8]) -> Result<Identity, Error> {
        messages::decode_verifiers(message, &self.context(task), self).map(|(_, identity, _)| identity)
    }

    #[cfg(feature = "validated")]
    fn position(&self, identity: &Identity) -> Option<usize> {
        self.aggregators.iter().position(|member| member.key.identity() == *identity)
    }

    /// What input shares are sealed with.
    #[cfg(feature = "validated")]
    fn info(context: &Bytes32, client: &Identity, aggregator: usize) -> Vec<u8> {
        [domain::SEAL_INPUT, context, &client.0, &[aggregator as u8]].concat()
    }

    /// The nonce of a client: one client, one contribution, one nonce a round.
    #[cfg(feature = "validated")]
    fn nonce(context: &Bytes32, client: &Identity) -> [u8; 16] {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&digest(domain::VALIDATED_NONCE, &[context, &client.0])[..16]);
        nonce
    }
}

impl sealed::Sealed for Validation {}

impl Electorate for Validation {
    fn key(&self, voter: usize) -> Option<&PublicKey> {
        self.aggregators.get(voter).map(|member| &member.key)
    }

    fn quorum(&self) -> usize {
        2
    }

    fn context(&self, task: &Task) -> Bytes32 {
        let mut listed = vec![self.statistic.number()];
        listed.extend_from_slice(&self.statistic.greatest().to_le_bytes());
        for member in &self.aggregators {
            listed.extend_from_slice(&member.key.to_bytes());
            listed.extend_from_slice(&member.seal.to_bytes());
        }
        task.context(domain::CONTEXT_VALIDATED, &listed)
    }

    fn most(&self, task: &Task) -> usize {
        (task.ring.max() / self.statistic.greatest()).min(u64::from(u32::MAX)) as usize
    }

    fn split(&self, message: &[u8], context: &Bytes32, _: &Task) -> Result<Split, Error> {
        messages::split(message, context)
    }
}
