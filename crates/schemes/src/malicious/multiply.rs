//! Products: elementwise, of matrices, of vectors; and dividing them by powers of two.
//!
//! Source: Araki et al. 2016, section 2. Each player sends one message and so can add an error to one component, and do
//! nothing else: the result is a sharing of `x·y + d` with `d` known to the cheater. The check finds `d ≠ 0`.
//! 1 round, k/8 bytes each; the check comes later.

use algebra::{Ring, ShapeError, Tensor, matmul_add2};

use super::claims::Claim;
use super::log::Log;
use super::shares::Share;
use super::truncate::truncated;
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{self, Seat, add_mask, sub_mask};

/// What is multiplied with what.
#[derive(Clone, Copy)]
pub(super) enum Product {
    Elementwise,
    Matrix,
}

/// Multiplies and logs the claim.
pub(super) async fn product<R: Ring>(
    party: &Party,
    log: &mut Log<R>,
    x: &replicated::Share<R>,
    y: &replicated::Share<R>,
    kind: Product,
) -> Result<replicated::Share<R>> {
    let party = party.enter("multiply");
    let seat = Seat::of(&party)?;
    let mut plus = party.shared(seat.next, "zero")?;
    let mut minus = party.shared(seat.prev, "zero")?;
    let (a, b) = (x.clone(), y.clone());
    let work = match kind {
        Product::Elementwise => 2 * x.len().max(y.len()),
        Product::Matrix => 2 * x.len().saturating_mul(y.shape().last().copied().unwrap_or(1)),
    };
    let summand = move || {
        let both = b.own().add(b.next())?;
        let mut z = match kind {
            Product::Elementwise => Tensor::mul_add2(a.own(), &both, a.next(), b.own())?,
            Product::Matrix => matmul_add2(a.own(), &both, a.next(), b.own())?,
        };
        add_mask(z.data_mut(), &mut plus);
        sub_mask(z.data_mut(), &mut minus);
        Ok::<_, ShapeError>(z)
    };
    let own = party.compute(work, summand).await?;
    party.send(seat.prev, &own);
    let next = party.recv(seat.next, own.shape().to_vec()).await?;
    let z = replicated::Share::new(own, next);
    log.claim(claim(x, y, &z, kind)?);
    Ok(z)
}

/// The claim, in the form in which claims are checked.
fn claim<R: Ring>(
    x: &replicated::Share<R>,
    y: &replicated::Share<R>,
    z: &replicated::Share<R>,
    kind: Product,
) -> Result<Claim<R>> {
    let whole = |s: &replicated::Share<R>, shape: &[usize]| {
        if s.shape() == shape { Ok(s.clone()) } else { s.try_map(|t| t.broadcast_to(shape)) }
    };
    if let Product::Elementwise = kind {
        return Ok(Claim::Elementwise { x: whole(x, z.shape())?, y: whole(y, z.shape())?, z: z.clone() });
    }
    // Vectors as matrices of one row or column; the batch of a product is that of its result.
    let (mut left, mut right, mut result) = (x.shape().to_vec(), y.shape().to_vec(), z.shape().to_vec());
    if left.len() == 1 {
        left.insert(0, 1);
        result.insert(result.len().saturating_sub(usize::from(right.len() > 1)), 1);
    }
    if right.len() == 1 {
        right.push(1);
        result.push(1);
    }
    let (x, y, z) = (x.reshape(&left)?, y.reshape(&right)?, z.reshape(&result)?);
    let batch = &result[..result.len() - 2];
    let batched = |matrix: &[usize]| [batch, &matrix[matrix.len() - 2..]].concat();
    Ok(Claim::Matrix { x: whole(&x, &batched(&left))?, y: whole(&y, &batched(&right))?, z })
}

async fn verified<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, kind: Product, frac: u32) -> Result<Share<R>> {
    let party = party.enter("product");
    let mut log = Log::new([&x.past, &y.past]);
    let mut z = product(&party, &mut log, &x.value, &y.value, kind).await?;
    if frac > 0 {
        log.relieve(&party).await?;
        z = truncated(&party, &mut log, &z, frac).await?;
    }
    Ok(Share::new(z, log.close(&party).await?))
}

/// `x ∘ y`, broadcast.
pub async fn mul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    verified(party, x, y, Product::Elementwise, 0).await
}

/// The matrix product, with numpy's rules for ranks and batches; of two vectors, the sum of products.
pub async fn matmul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    verified(party, x, y, Product::Matrix, 0).await
}

/// `x ∘ y / 2^frac`, broadcast; as [`truncate`](super::truncate()) of the product.
pub async fn mul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
    verified(party, x, y, Product::Elementwise, frac).await
}

/// The matrix product, divided by 2^frac once, after summation.
pub async fn matmul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
    verified(party, x, y, Product::Matrix, frac).await
}
