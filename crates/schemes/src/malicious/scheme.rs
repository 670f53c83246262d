//! Verified replicated sharing behind the primitive traits.

use algebra::{Ring, Tensor};

use super::{BitShare, Share};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Exponent, Scheme};
use crate::replicated::{self, Order};

/// Replicated sharing among three players of whom one may deviate: then the run ends.
pub struct Malicious;

impl Scheme for Malicious {
    type Num<R: Ring> = Share<R>;
    type Bit = BitShare;

    async fn mul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
        super::mul(party, x, y).await
    }

    async fn matmul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
        super::matmul(party, x, y).await
    }

    async fn mul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
        super::mul_fixed(party, x, y, frac).await
    }

    async fn truncate<R: Ring>(party: &Party, x: &Share<R>, by: u32) -> Result<Share<R>> {
        super::truncate(party, x, by).await
    }

    async fn less<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<BitShare> {
        super::less(party, x, y, order).await
    }

    async fn equal<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
        super::equal(party, x, y).await
    }

    async fn and(party: &Party, x: &BitShare, y: &BitShare) -> Result<BitShare> {
        super::and_bits(party, x, y).await
    }

    async fn mul_bit<R: Ring>(party: &Party, b: &BitShare, x: &Share<R>) -> Result<Share<R>> {
        super::mul_bit(party, b, x).await
    }

    async fn to_ring<R: Ring>(party: &Party, b: &BitShare) -> Result<Share<R>> {
        super::to_ring(party, b).await
    }

    async fn bits<R: Ring>(party: &Party, x: &Share<R>, width: usize) -> Result<Vec<BitShare>> {
        super::bits(party, x, width).await
    }

    async fn exponent(party: &Party, x: &Share<u64>) -> Result<Exponent<BitShare>> {
        super::exponent(party, x).await
    }

    async fn widen(party: &Party, x: &Share<u64>) -> Result<Share<u128>> {
        super::widen(party, x).await
    }

    fn lower(x: &Share<u128>) -> Share<u64> {
        let low = |t: &Tensor<u128>| t.map(|x| x.low_u64());
        Share::new(replicated::Share::new(low(x.value.own()), low(x.value.next())), x.past.clone())
    }
}
