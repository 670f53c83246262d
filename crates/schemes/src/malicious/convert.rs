//! Bits to ring elements, and choice by a secret bit.
//!
//! `b = b_0 ⊕ b_1 ⊕ b_2`, and each component is known to two players and so shared as an element already. P0 knows
//! `p = b_0·b_1` and shares it; then `β = b_0 + b_1 - 2·p` and `b = β + b_2 - 2·β·b_2`. Both products are claims.

use algebra::{Ring, broadcast_shapes};

use super::claims::Claim;
use super::deal::{bit_component, elements};
use super::log::Log;
use super::multiply::{Product, product};
use super::shares::{BitShare, Share};
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{self, Seat};

async fn converted<R: Ring>(party: &Party, log: &mut Log<R>, b: &replicated::BitShare) -> Result<replicated::Share<R>> {
    let role = Seat::of(party)?.role;
    let [b0, b1, b2] = [0, 1, 2].map(|i| bit_component::<R>(role, b, i));
    let known = (role == 0).then(|| algebra::slices::mul(b0.own().data(), b1.next().data()));
    let p = elements::<R>(party, known, b.shape()).await?;
    log.claim(Claim::Elementwise { x: b0.clone(), y: b1.clone(), z: p.clone() });
    let two = R::ONE.wshl(1);
    let beta = b0.add(&b1)?.sub(&p.scale(two))?;
    let q = product(party, log, &beta, &b2, Product::Elementwise).await?;
    beta.add(&b2)?.sub(&q.scale(two))
}

/// Truth values as 0 and 1. 2 rounds; 2·k/8 bytes from P0, k/8 from the others.
pub async fn to_ring<R: Ring>(party: &Party, b: &BitShare) -> Result<Share<R>> {
    let party = party.enter("to-ring");
    let mut log = Log::new([&b.past]);
    let value = converted(&party, &mut log, &b.value).await?;
    Ok(Share::new(value, log.close(&party).await?))
}

/// `b·x`: x where the bit is set, else 0; broadcast. 3 rounds; 3·k/8 bytes from P0, 2·k/8 from the others.
pub async fn mul_bit<R: Ring>(party: &Party, b: &BitShare, x: &Share<R>) -> Result<Share<R>> {
    let party = party.enter("multiply-by-bit");
    let shape = broadcast_shapes(b.shape(), x.shape())?;
    let mut log = Log::new([&b.past, &x.past]);
    let bit = converted(&party, &mut log, &b.value).await?;
    let x = x.broadcast_to(&shape)?;
    let value = product(&party, &mut log, &bit, &x.value, Product::Elementwise).await?;
    Ok(Share::new(value, log.close(&party).await?))
}

/// `x` where the condition holds, else `y`; broadcast. As [`mul_bit`].
pub async fn select<R: Ring>(party: &Party, condition: &BitShare, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    use crate::primitives::Linear;
    mul_bit(party, condition, &x.minus(y)?).await?.plus(y)
}
