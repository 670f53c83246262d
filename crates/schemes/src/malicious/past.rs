//! What a value depends on that is not verified yet.
//!
//! Every kernel leaves its claims in a *batch*, which is verified once, as a protocol of its own in a scope of its own,
//! whoever waits for it first. A value carries the batches of its causal past: its *past*. Whatever leaves the placement
//! waits for its past first, and so the players agree on what must be verified before what, although each of them runs
//! operators in the order that suits it. What is verified already is forgotten along the way; that is our own matter,
//! since waiting for it again would say nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use algebra::Ring;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use super::bit_claims::{self, BitClaim};
use super::claims::{self, Claim};
use super::limits::{self, Limits, Promise};
use super::shares::Share;
use crate::error::Result;
use crate::party::Party;

/// Verifies one batch; the causal depth of the last message.
type Verification = Shared<BoxFuture<'static, Result<u32>>>;

/// The batches that a value depends on. Cheap to clone.
#[derive(Clone, Default)]
pub struct Past(Arc<BTreeMap<u64, Verification>>);

/// Tells batches apart at this player.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl Past {
    /// A past of one batch, verified by this protocol.
    fn of(verification: impl Future<Output = Result<u32>> + Send + 'static) -> Self {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(BTreeMap::from([(number, verification.boxed().shared())])))
    }

    /// That claims about elements hold.
    pub(super) fn ring<R: Ring>(party: &Party, claims: Vec<Claim<R>>) -> Self {
        let party = party.enter("claims");
        Self::of(async move {
            claims::check(&party, claims).await?;
            Ok(party.depth())
        })
    }

    /// That claims about bits hold.
    pub(super) fn bits(party: &Party, claims: Vec<BitClaim>) -> Self {
        let party = party.enter("bit-claims");
        Self::of(async move {
            bit_claims::check(&party, claims).await?;
            Ok(party.depth())
        })
    }

    /// That what a player shared is within its limits.
    pub(super) fn limits<R: Ring>(party: &Party, x: Share<R>, limits: Limits<R>, promise: Promise) -> Self {
        let party = party.enter("limits");
        Self::of(async move {
            limits::hold(&party, &x, limits, &promise).await?;
            Ok(party.depth())
        })
    }

    /// What either depends on.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        if Arc::ptr_eq(&self.0, &other.0) || other.0.is_empty() {
            return self.clone();
        }
        if self.0.is_empty() {
            return other.clone();
        }
        let open = |v: &Verification| !matches!(v.peek(), Some(Ok(_)));
        let both = self.0.iter().chain(other.0.iter()).filter(|(_, v)| open(v));
        Self(Arc::new(both.map(|(n, v)| (*n, v.clone())).collect()))
    }

    /// Whether there is nothing to verify.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies everything, at the same time; the causal depth of the last message.
    ///
    /// # Errors
    /// If a player deviated.
    pub async fn verified(&self) -> Result<u32> {
        let depths = futures::future::try_join_all(self.0.values().cloned()).await?;
        Ok(depths.into_iter().max().unwrap_or(0))
    }

    /// As [`verified`](Self::verified), where what `party` does next depends on it.
    pub(super) async fn settle(&self, party: &Party) -> Result<()> {
        party.deepen(self.verified().await?);
        Ok(())
    }
}
