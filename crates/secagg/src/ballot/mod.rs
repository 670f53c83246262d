//! Who is in the sum: one list of contributions a round, on which those who hold the secrets vote.
//!
//! Both the [committee sum](crate::committee) and the [sum by clerks](crate::clerks) collect one message from each client,
//! propose a list and have it signed by a quorum before anything is summed.

mod collector;
mod list;

pub use collector::{Accepted, Closed, Collector};
pub(crate) use list::Vote;
pub use list::{Frozen, InclusionList};

use crate::error::Error;
use crate::identity::{Identity, PublicKey};
use crate::task::Task;

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
