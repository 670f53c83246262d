//! What one round is: the part of the agreement that every protocol needs.

use crate::error::Error;
use crate::vector::{Ring, Vector};
use crate::wire::{Bytes32, digest};

/// One round of one agreement, and what is summed in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// The digest of the agreement.
    pub agreement: [u8; 32],
    /// The round's number. The pair of agreement and round must never be used for two rounds.
    pub round: u64,
    /// The ring that elements are summed in.
    pub ring: Ring,
    /// Elements per contribution.
    pub len: u32,
    /// The fewest contributions that may be published as one sum.
    pub minimum: u32,
}

impl Task {
    /// # Errors
    /// [`Error::Parameter`] if the vector is empty or the minimum is under two (a sum of one is that one).
    pub fn check(&self) -> Result<(), Error> {
        if self.len == 0 {
            return Err(Error::parameter("a vector has at least one element"));
        }
        if self.minimum < 2 {
            return Err(Error::parameter(
                "the minimum is at least 2: the sum of one contribution is that contribution",
            ));
        }
        Ok(())
    }

    /// Refuses an input that is not of this round's length and ring.
    pub(crate) fn check_input(&self, input: &Vector) -> Result<(), Error> {
        if input.len() != self.len as usize || input.ring() != self.ring {
            return Err(Error::Vector {
                what: format!(
                    "{} elements of {} bits, but the round sums {} of {}",
                    input.len(),
                    input.ring().bits(),
                    self.len,
                    self.ring.bits()
                ),
            });
        }
        Ok(())
    }

    /// What every key, signature and message of the round is bound to.
    pub(crate) fn context(&self, domain: &str, protocol: &[u8]) -> Bytes32 {
        digest(
            domain,
            &[
                &self.agreement,
                &self.round.to_le_bytes(),
                &self.ring.bits().to_le_bytes(),
                &self.len.to_le_bytes(),
                &self.minimum.to_le_bytes(),
                protocol,
            ],
        )
    }
}
