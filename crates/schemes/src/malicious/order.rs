//! Rows in order, and in a random one: by comparing and exchanging, all of it verified.
//!
//! A random order is that of random keys, which are shared without a message: each component comes from the key of the two
//! players who hold it, so none of the three can choose it, and the one who deviates lacks one. Keys of 64 bits are equal
//! with probability below n²/2^65; rows of equal keys keep their order.

use algebra::{Ring, Tensor};

use super::{BitShare, Malicious, Past, Share};
use crate::error::Result;
use crate::functions::{Sorts, exchange_sort, exchange_sort_by};
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::{self, Order, Seat};

/// Random numbers that nobody knows. Free.
fn random_keys(party: &Party, rows: usize) -> Result<Share<u64>> {
    let party = party.enter("random-keys");
    let seat = Seat::of(&party)?;
    let component = |peer| Ok::<_, crate::Error>(Tensor::from_vec(party.shared(peer, "key")?.elements(rows)));
    // Our own component is the next of the player before us.
    Ok(Share::new(replicated::Share::new(component(seat.prev)?, component(seat.next)?), Past::default()))
}

/// Bits as numbers, and back.
async fn as_bits(party: &Party, x: &Share<u64>) -> Result<BitShare> {
    let zero = Share::public(party, &Tensor::scalar(0))?;
    super::equal(party, x, &zero).await?.not(party)
}

impl Sorts for Malicious {
    async fn sort<R: Ring>(party: &Party, x: &Share<R>, order: Order, descending: bool) -> Result<Share<R>> {
        exchange_sort::<Self, R>(party, x, order, descending).await
    }

    async fn sort_by<K: Ring, R: Ring>(
        party: &Party,
        x: &Share<R>,
        key: &Share<K>,
        order: Order,
        descending: bool,
    ) -> Result<Share<R>> {
        exchange_sort_by::<Self, K, R>(party, x, key, order, descending).await
    }

    async fn sort_bits_by<K: Ring>(
        party: &Party,
        x: &BitShare,
        key: &Share<K>,
        order: Order,
        descending: bool,
    ) -> Result<BitShare> {
        let x = Self::to_ring::<u64>(party, x).await?;
        as_bits(party, &exchange_sort_by::<Self, K, u64>(party, &x, key, order, descending).await?).await
    }

    async fn shuffled<R: Ring>(party: &Party, x: &Share<R>) -> Result<Share<R>> {
        let keys = random_keys(party, x.shape().first().copied().unwrap_or(0))?;
        exchange_sort_by::<Self, u64, R>(party, x, &keys, Order::Unsigned, false).await
    }

    async fn shuffled_bits(party: &Party, x: &BitShare) -> Result<BitShare> {
        let keys = random_keys(party, x.shape().first().copied().unwrap_or(0))?;
        Self::sort_bits_by::<u64>(party, x, &keys, Order::Unsigned, false).await
    }
}
