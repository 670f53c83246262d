//! Aggregation over many clients, as state machines without I/O.
//!
//! Many clients each hold a vector; some vanish midway; only the sum may be seen. Every protocol here is bytes in and
//! bytes out: no clock, no socket, no randomness of the operating system (a generator is an argument).
//!
//! | protocol | client's messages | who must be honest |
//! |---|---|---|
//! | [`committee`] (the default) | one | one of n aggregators, or all but t − 1 of them |
//! | [`clerks`] | one | the recipient, or all but t of the clerks |
//! | [`validated`] (Prio3) | one | one of two aggregators; both, for clients to be kept in their range |
//! | [`pairwise`] | five | a bounded share of each client's neighbours; see [`pairwise::Server`] |
//! | [`bfv`] | one | one of the holders of a joint key; everybody follows the protocol |
//! | [`paillier`] | one | the server and the key holder do not collude, and the server follows the protocol |
//!
//! All are bound to a [`Task`]: agreement, round, ring, length and minimum size. Whoever contributes signs with a
//! long-term key whose fingerprint, its [`Identity`], the enroller admitted. Real numbers become ring elements with
//! [`quantise`], or with [`fixed`] for sums that a computation goes on with, and [`dp`] adds noise and accounts for it.
//!
//! # A round of the committee sum
//!
//! What passes between the parts are bytes, which a board keeps.
//!
//! ```
//! # use std::collections::BTreeSet;
//! # use secagg::{committee::*, quantise::Quantiser, *};
//! # fn main() -> Result<(), Error> {
//! # let mut rng = secagg::testing::seeded(1);
//! # let keys: Vec<_> = (0..3).map(|_| (Signer::generate(&mut rng), OpenKey::generate(&mut rng))).collect();
//! # let members = keys.iter().map(|(sign, open)| Member { key: sign.public(), seal: open.public() }).collect();
//! # let clients: Vec<_> = (0..5).map(|_| Signer::generate(&mut rng)).collect();
//! # let enrolled: BTreeSet<_> = clients.iter().map(Signer::identity).collect();
//! let quantiser = Quantiser::new(1.0, 16, 1000)?; // values in [-1, 1], up to 1000 clients
//! let task = Task { agreement: [7; 32], round: 1, ring: quantiser.ring(), len: 2, minimum: 3 };
//! let committee = Committee::all(members)?;
//!
//! // Each client speaks once. The board keeps the contribution and passes a deposit to each aggregator.
//! let mut collector = Collector::new(task, committee.clone(), &enrolled)?;
//! let mut aggregators = vec![];
//! for (sign, open) in keys {
//!     aggregators.push(Collecting::new(task, committee.clone(), sign, open, &enrolled, Memory::default())?);
//! }
//! let mut board = vec![];
//! for client in &clients {
//!     let input = quantiser.encode(&[0.5, -0.25], &mut rng)?;
//!     let message = contribute(&task, &committee, client, &input, &mut rng)?;
//!     if let Accepted::New { deposits, .. } = collector.accept(&message)? {
//!         for (aggregator, deposit) in aggregators.iter_mut().zip(&deposits) {
//!             aggregator.deposit(deposit)?;
//!         }
//!         board.push(message);
//!     }
//! }
//!
//! // The list is proposed, voted for, and frozen once a quorum did.
//! let mut closed = collector.close()?;
//! let (mut frozen, mut waiting) = (None, vec![]);
//! for aggregator in aggregators {
//!     let approved = aggregator.check_proposal(&closed.proposal())?;
//!     let (next, _store_this_first, vote) = aggregator.vote(approved);
//!     frozen = closed.vote(&vote)?.or(frozen);
//!     waiting.push(next);
//! }
//! let frozen = frozen.expect("all voted");
//!
//! // Aggregators answer for that list only; whoever reads the board gets the same sum.
//! let mut combiner = Combiner::new(task, committee.clone(), frozen.clone())?;
//! for message in &board {
//!     combiner.contribution(message)?;
//! }
//! for aggregator in waiting {
//!     let frozen = aggregator.check_frozen(&frozen.encode(&task, &committee))?;
//!     let (_store_this_first, answer) = aggregator.answer(&frozen)?;
//!     combiner.answer(&answer)?;
//! }
//! let mean = quantiser.decode_mean(&combiner.finish()?, clients.len())?;
//! assert!((mean[0] - 0.5).abs() < 1e-4 && (mean[1] + 0.25).abs() < 1e-4);
//! # Ok(())
//! # }
//! ```

pub mod ballot;
pub mod bfv;
pub mod clerks;
pub mod committee;
#[cfg_attr(not(feature = "validated"), expect(dead_code, reason = "what only that protocol uses"))]
mod domain;
pub mod dp;
mod error;
pub mod fixed;
mod identity;
mod mask;
pub mod paillier;
pub mod pairwise;
pub mod quantise;
mod seal;
mod shamir;
mod stream;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod validated;
mod vector;
mod wire;

pub use error::{Error, Fault};
pub use identity::{Enrolment, Identity, PublicKey, Signer};
pub use seal::{OpenKey, SealKey};
pub use stream::Stream;
pub use task::Task;
pub use vector::{Ring, Vector};
