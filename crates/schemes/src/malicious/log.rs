//! The claims of one kernel, gathered while it runs.

use algebra::Ring;

use super::bit_claims::BitClaim;
use super::claims::Claim;
use super::past::Past;
use crate::error::Result;
use crate::party::Party;

/// Words kept for claims from which a kernel does not go on before they are verified: what is not verified yet must
/// not fill the memory.
const MOST: usize = 1 << 23;

/// What one kernel claims, and what it depends on.
pub(super) struct Log<R: Ring> {
    past: Past,
    ring: Vec<Claim<R>>,
    bits: Vec<BitClaim>,
}

impl<R: Ring> Log<R> {
    /// A kernel whose operands have these pasts.
    pub(super) fn new<'a>(operands: impl IntoIterator<Item = &'a Past>) -> Self {
        let past = operands.into_iter().fold(Past::default(), |past, p| past.and(p));
        Self { past, ring: Vec::new(), bits: Vec::new() }
    }

    /// Adds a claim about elements.
    pub(super) fn claim(&mut self, claim: Claim<R>) {
        self.ring.push(claim);
    }

    /// Adds a claim about bits.
    pub(super) fn claim_bits(&mut self, claim: BitClaim) {
        self.bits.push(claim);
    }

    /// Verifies what is claimed so far, if it is much.
    pub(super) async fn relieve(&mut self, party: &Party) -> Result<()> {
        let elements: usize = self.ring.iter().map(Claim::size).sum();
        let words: usize = self.bits.iter().map(BitClaim::size).sum();
        if elements * R::BYTES / 8 + words > MOST {
            self.seal(party).settle(party).await?;
        }
        Ok(())
    }

    /// The past of the kernel's result: that of the operands and the claims, which make one batch in each ring.
    pub(super) fn seal(&mut self, party: &Party) -> Past {
        let (ring, bits) = (std::mem::take(&mut self.ring), std::mem::take(&mut self.bits));
        let mut past = std::mem::take(&mut self.past);
        if !ring.is_empty() {
            past = past.and(&Past::ring(party, ring));
        }
        if !bits.is_empty() {
            past = past.and(&Past::bits(party, bits));
        }
        past
    }

    /// As [`seal`](Self::seal), at a kernel's end.
    pub(super) async fn close(mut self, party: &Party) -> Result<Past> {
        self.relieve(party).await?;
        Ok(self.seal(party))
    }
}
