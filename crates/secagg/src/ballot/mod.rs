//! Who is in the sum: one list of contributions a round, on which those who hold the secrets vote.
//!
//! Both the [committee sum](crate::committee) and the [sum by clerks](crate::clerks) collect one message from each client,
//! propose a list and have it signed by a quorum before anything is summed.

mod collector;
mod list;
mod voter;

pub use collector::{Accepted, Closed, Collector};
use list::Vote;
pub use list::{Frozen, InclusionList};
pub use voter::{Approved, Deposited, Memory};

use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::task::Task;

/// What keeps two different inclusion lists of one round from both being answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lists {
    /// The overlap of any two quorums, 2q − n, exceeds the number of aggregators that may be corrupt.
    Prevented,
    /// Nothing but the assumption that aggregators follow the protocol (up to t − 1 may still pool what they see).
    Assumed,
}

/// Those who vote for a list, and how they split contributions among themselves. Implemented by the protocols' parameters
/// and by nothing else.
pub trait Electorate: sealed::Sealed {
    /// The signing key of a voter.
    #[doc(hidden)]
    fn key(&self, voter: usize) -> Option<&PublicKey>;
    /// How many votes freeze a list.
    #[doc(hidden)]
    fn quorum(&self) -> usize;
    /// What everything in a round is bound to.
    #[doc(hidden)]
    fn context(&self, task: &Task) -> [u8; 32];
    /// The most contributions of one list.
    #[doc(hidden)]
    fn most(&self, task: &Task) -> usize;
    /// Verifies a contribution and takes it apart.
    #[doc(hidden)]
    fn split(&self, message: &[u8], context: &[u8; 32], task: &Task) -> Result<Split, Error>;
}

pub(crate) mod sealed {
    /// Keeps [`Electorate`](super::Electorate) ours.
    pub trait Sealed {}
}

/// A verified contribution.
pub struct Split {
    pub(crate) client: Identity,
    pub(crate) digest: [u8; 32],
    pub(crate) deposits: Vec<Vec<u8>>,
}
