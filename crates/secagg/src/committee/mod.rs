//! *Committee sum*: a client speaks once; a committee of aggregators removes the masks of all clients at once.
//!
//! A client masks its vector with the expansions of seeds, one seed for every set of n − t + 1 of the n aggregators,
//! and seals each seed to the members of its set (replicated sharing: Ito, Saito, Nishizeki 1987; with t = n every
//! set is one aggregator). Any t aggregators know all seeds; to any t − 1 one seed is unknown. Each aggregator answers
//! with the sums of the expansions over a *frozen inclusion list*, so that nothing but the sum over that list can be
//! unmasked.
//!
//! - **Source**: the one-message shape of Dahl, Pastro, Poumeyrol 2017, "Private Data Aggregation on a Budget",
//!   section 3, with seeds in the place of shares of the whole mask.
//! - **Adversary**: the collector and up to t − 1 aggregators may be malicious towards privacy and pool what they
//!   know with any clients; then they learn the sum of the honest contributions on the list and nothing else.
//!   That no two lists of one round are answered holds while at most `corrupt` aggregators lie, given
//!   2q − n > `corrupt` (see [`Committee::lists`]). Correctness: an aggregator that lies spoils the sum unnoticed
//!   unless another one knows the same seeds (t < n), in which case the difference is noticed. A client may lie about
//!   its own input and about nothing else.
//! - **Rounds**: one message of a client; a vote and an answer of each aggregator. Clients may vanish at any moment.
//! - **Bytes**: a client sends ⌈d·b/8⌉ + 162 + 32·s + n·(80 + 32·m), where s = C(n, t−1) is the number of sets and
//!   m = C(n−1, t−1) the number of those that an aggregator belongs to; an answer is m packed vectors + 131.
//!
//! A committee may also be [one aggregator alone](Committee::alone), inside an enclave: then nothing but the proof of its machine
//! protects contributions, and clients look at that first.
//!
//! A board (not part of this crate) keeps the messages:
//!
//! ```text
//! client      contribute ──► Contribution ──► Collector::accept ──► Deposit, one for each aggregator
//! collector   Collector::close ──► Proposal
//! aggregator  Collecting::deposit*, check_proposal, vote ──► Vote ──► Closed::vote ──► Frozen
//! aggregator  check_frozen, answer ──► Answer
//! anyone      Combiner::contribution*, answer*, finish ──► the sum
//! ```
//!
//! Three aggregators of which two can unmask may also go without answers: what each knows of the masks is a part of a
//! replicated sharing ([`Part`]) of the sum, or of each contribution, which a computation among them can go on with. So may one
//! alone, whose part is the whole.

mod aggregator;
mod client;
mod combiner;
mod kept;
mod messages;

pub use aggregator::{AwaitFrozen, Collecting};
pub use client::contribute;
pub use combiner::Combiner;
pub use kept::{Kept, Part};

pub use crate::ballot::{Accepted, Approved, Closed, Collector, Deposited, Frozen, InclusionList, Lists, Memory};

use crate::ballot::{Electorate, Split, sealed};
use crate::domain;
use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::seal::SealKey;
use crate::task::Task;
use crate::wire::{Bytes32, digest};

/// The most sets of aggregators that share a seed: beyond it, a client's message is mostly seeds.
const MOST_SETS: usize = 64;

/// One aggregator, as the agreement lists it.
#[derive(Clone)]
pub struct Member {
    /// Its signing key.
    pub key: PublicKey,
    /// Its key for sealing.
    pub seal: SealKey,
}

/// The aggregators of a round and their thresholds. Part of the agreement.
#[derive(Clone)]
pub struct Committee {
    members: Vec<Member>,
    threshold: usize,
    quorum: usize,
    corrupt: usize,
    /// The sets that share a seed, each ascending, in lexicographic order.
    sets: Vec<Vec<usize>>,
}

impl Committee {
    /// A committee of which any `threshold` can unmask together and fewer learn nothing, and which answers for lists
    /// that `quorum` of it signed, while at most `corrupt` of it are malicious.
    ///
    /// # Errors
    /// [`Error::Parameter`] for fewer than two members, a member listed twice, thresholds out of range (2 ≤ t ≤ n,
    /// 1 ≤ q ≤ n, `corrupt` < t), or so many sets of n − t + 1 that a client's message would be mostly seeds.
    pub fn new(members: Vec<Member>, threshold: usize, quorum: usize, corrupt: usize) -> Result<Self, Error> {
        let n = members.len();
        if !(2..=usize::from(u8::MAX)).contains(&n) {
            return Err(Error::parameter(format!("a committee of {n} (2 to 255 are possible)")));
        }
        if !(2..=n).contains(&threshold) {
            return Err(Error::parameter(format!("threshold {threshold} of {n} (2 to {n} are possible)")));
        }
        if !(1..=n).contains(&quorum) {
            return Err(Error::parameter(format!("quorum {quorum} of {n}")));
        }
        if corrupt >= threshold {
            return Err(Error::parameter(format!("{corrupt} corrupt aggregators reach the threshold {threshold}")));
        }
        for (i, member) in members.iter().enumerate() {
            if members[..i].iter().any(|other| other.key == member.key || other.seal == member.seal) {
                return Err(Error::parameter(format!("aggregator {} is listed twice", member.key.identity())));
            }
        }
        let sets = subsets(n, n - threshold + 1).ok_or_else(|| {
            Error::parameter(format!("{threshold} of {n} needs more than {MOST_SETS} seeds a client"))
        })?;
        Ok(Self { members, threshold, quorum, corrupt, sets })
    }

    /// n-of-n with a unanimous quorum: private while one aggregator is honest; none may vanish.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn all(members: Vec<Member>) -> Result<Self, Error> {
        let n = members.len();
        Self::new(members, n, n, n.saturating_sub(1))
    }

    /// One aggregator, which learns every contribution that it unmasks, so has to be a machine that proves what it does with
    /// them: what that proof is and who looks at it is not known here.
    #[must_use]
    pub fn alone(member: Member) -> Self {
        Self { members: vec![member], threshold: 1, quorum: 1, corrupt: 0, sets: vec![vec![0]] }
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// t.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// q.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// Whether aggregators can keep sums instead of answering, for a computation to go on with: what each knows is a
    /// [part](Part) of a three-party replicated sharing, or the whole.
    #[must_use]
    pub fn keeps(&self) -> bool {
        matches!((self.members.len(), self.threshold), (3, 2) | (1, 1))
    }

    /// Whether all of its members have to answer.
    #[must_use]
    pub fn is_unanimous(&self) -> bool {
        self.threshold == self.members.len()
    }

    /// What keeps two lists of one round from both being answered.
    #[must_use]
    pub fn lists(&self) -> Lists {
        if 2 * self.quorum > self.members.len() + self.corrupt { Lists::Prevented } else { Lists::Assumed }
    }

    /// What has to hold for the contributions to stay private, in words for the disclosure report.
    #[must_use]
    pub fn assumption(&self) -> String {
        let (n, t) = (self.members.len(), self.threshold);
        if n == 1 {
            return "safe while the machine of the one aggregator is what it proved; it must not vanish".into();
        }
        let collusion = if t == n {
            format!("safe while one of the {n} aggregators is honest; none of them may vanish")
        } else {
            format!("safe unless {t} of the {n} aggregators collude; {} of them may vanish", n - t)
        };
        match self.lists() {
            Lists::Prevented => {
                format!("{collusion}; no two sums of one round while at most {} of them lie", self.corrupt)
            }
            Lists::Assumed => format!("{collusion}; the aggregators are assumed to follow the protocol"),
        }
    }

    pub(crate) fn sets(&self) -> &[Vec<usize>] {
        &self.sets
    }

    /// The sets that a member belongs to, ascending.
    pub(crate) fn sets_of(&self, member: usize) -> impl Iterator<Item = usize> + '_ {
        self.sets.iter().enumerate().filter(move |(_, set)| set.contains(&member)).map(|(i, _)| i)
    }

    pub(crate) fn position(&self, identity: &Identity) -> Option<usize> {
        self.members.iter().position(|member| member.key.identity() == *identity)
    }

    /// What seeds are sealed with: bound to round, client and aggregator, so that nobody can pass on another's box as
    /// its own.
    pub(crate) fn seal_info(context: &Bytes32, client: &Identity, member: usize) -> Vec<u8> {
        [domain::SEAL_INFO, context, &client.0, &[member as u8]].concat()
    }
}

impl sealed::Sealed for Committee {}

impl Electorate for Committee {
    fn key(&self, voter: usize) -> Option<&PublicKey> {
        self.members.get(voter).map(|member| &member.key)
    }

    fn quorum(&self) -> usize {
        self.quorum
    }

    fn context(&self, task: &Task) -> Bytes32 {
        let mut listed = Vec::new();
        for member in &self.members {
            listed.extend_from_slice(&member.key.to_bytes());
            listed.extend_from_slice(&member.seal.to_bytes());
        }
        let thresholds = [self.threshold as u8, self.quorum as u8, self.corrupt as u8];
        task.context(domain::CONTEXT_COMMITTEE, &digest(domain::COMMITTEE, &[&thresholds, &listed]))
    }

    fn most(&self, _: &Task) -> usize {
        u32::MAX as usize
    }

    fn split(&self, message: &[u8], context: &Bytes32, task: &Task) -> Result<Split, Error> {
        let contribution = messages::Contribution::decode(message, context, task, self)?;
        let header = &contribution.header;
        let deposits =
            contribution.boxes.iter().map(|sealed| messages::Deposit::encode(context, header, sealed)).collect();
        Ok(Split { client: header.identity(), digest: header.digest(context), deposits })
    }
}

/// All subsets of {0..n} of this size in lexicographic order; `None` if they are more than [`MOST_SETS`].
fn subsets(n: usize, size: usize) -> Option<Vec<Vec<usize>>> {
    let mut sets = vec![];
    let mut current: Vec<usize> = (0..size).collect();
    loop {
        if sets.len() == MOST_SETS {
            return None;
        }
        sets.push(current.clone());
        let Some(move_at) = (0..size).rev().find(|&i| current[i] < n - size + i) else { return Some(sets) };
        current[move_at] += 1;
        for i in move_at + 1..size {
            current[i] = current[i - 1] + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::subsets;

    #[test]
    fn subsets_are_all_there_once() {
        assert_eq!(subsets(3, 2).unwrap(), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(subsets(3, 1).unwrap(), [[0], [1], [2]]);
        assert_eq!(subsets(7, 3).unwrap().len(), 35);
        assert!(subsets(20, 10).is_none());
    }
}
