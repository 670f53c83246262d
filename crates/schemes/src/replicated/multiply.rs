//! Products: elementwise, of matrices, of vectors, of images with kernels.
//!
//! Source: Araki et al. 2016, section 2; the truncated form is described in [`truncate`](super::truncate()). Player `i`
//! computes `z_i = x_i·(y_i + y_{i+1}) + x_{i+1}·y_i`, of which the three sum to the product: two multiplications per
//! player, or two GEMMs. Without truncation `z_i` is masked by a sharing of zero and goes to the player before:
//! 1 round, k/8 bytes each, exact mod 2^k.
//!
//! The fixed-point forms truncate by `frac` bits on the way, for 1 round more: 2 rounds in all,
//! k/8 + frac/8 (P0), 2·k/8 (P1) and k/8 + frac/8 (P2) bytes; for |x·y| < 2^(k-2) as integers, the error is below one
//! unit in the last place, and zero if no bit is lost.

use algebra::{Ring, ShapeError, Tensor, Window, conv2d_add2, matmul_add2, slices};

use super::truncate::{carry_and_shift, check, offset};
use super::{MASKED_AT_ONCE, Seat, Share, add_mask, sub_mask};
use crate::error::Result;
use crate::party::Party;
use crate::wire::dense;

/// What is multiplied with what.
#[derive(Clone, Copy)]
pub(crate) enum Product {
    /// Elements, broadcast.
    Elementwise,
    /// Matrices, with numpy's rules for ranks and batches.
    Matrix,
    /// Images with kernels, by groups.
    Convolution(Window, usize),
}

impl Product {
    /// Player i's summand: x_i·(y_i + y_{i+1}) + x_{i+1}·y_i.
    fn summand<R: Ring>(self, x: &Share<R>, y: &Share<R>) -> Result<Tensor<R>, ShapeError> {
        let both = y.own().add(y.next())?;
        match self {
            Self::Elementwise => Tensor::mul_add2(x.own(), &both, x.next(), y.own()),
            Self::Matrix => matmul_add2(x.own(), &both, x.next(), y.own()),
            Self::Convolution(window, groups) => conv2d_add2(x.own(), &both, x.next(), y.own(), window, groups),
        }
    }

    /// Roughly how many multiplications that takes.
    fn work<R: Ring>(self, x: &Share<R>, y: &Share<R>) -> usize {
        match self {
            Self::Elementwise => 2 * x.len().max(y.len()),
            Self::Matrix => 2 * x.len().saturating_mul(y.shape().last().copied().unwrap_or(1)),
            // As if every element met every kernel: strides and groups make it less.
            Self::Convolution(..) => {
                2 * x.len().saturating_mul(y.len()) / y.shape().get(1).copied().unwrap_or(1).max(1)
            }
        }
    }
}

/// `x ∘ y`, broadcast.
pub async fn mul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    product(party, x.clone(), y.clone(), Product::Elementwise).await
}

/// `x ∘ x`.
pub async fn square<R: Ring>(party: &Party, x: &Share<R>) -> Result<Share<R>> {
    product(party, x.clone(), x.clone(), Product::Elementwise).await
}

/// The matrix product, with numpy's rules for ranks and batches.
pub async fn matmul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    product(party, x.clone(), y.clone(), Product::Matrix).await
}

/// The convolution of images `[n, c, h, w]` with kernels `[o, c/groups, kh, kw]`.
pub async fn conv2d<R: Ring>(
    party: &Party,
    x: &Share<R>,
    kernel: &Share<R>,
    window: Window,
    groups: usize,
) -> Result<Share<R>> {
    product(party, x.clone(), kernel.clone(), Product::Convolution(window, groups)).await
}

/// The convolution, divided by 2^frac once, after summation.
pub async fn conv2d_fixed<R: Ring>(
    party: &Party,
    x: &Share<R>,
    kernel: &Share<R>,
    window: Window,
    groups: usize,
    frac: u32,
) -> Result<Share<R>> {
    truncated(party, x.clone(), kernel.clone(), Product::Convolution(window, groups), frac).await
}

/// The sum of products of two vectors.
pub async fn dot<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    vectors(x, y)?;
    product(party, x.clone(), y.clone(), Product::Matrix).await
}

/// `x ∘ y / 2^frac`, broadcast.
pub async fn mul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
    truncated(party, x.clone(), y.clone(), Product::Elementwise, frac).await
}

/// `x ∘ x / 2^frac`.
pub async fn square_fixed<R: Ring>(party: &Party, x: &Share<R>, frac: u32) -> Result<Share<R>> {
    truncated(party, x.clone(), x.clone(), Product::Elementwise, frac).await
}

/// The matrix product, divided by 2^frac once, after summation.
pub async fn matmul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
    truncated(party, x.clone(), y.clone(), Product::Matrix, frac).await
}

/// The sum of products of two vectors, divided by 2^frac once, after summation.
pub async fn dot_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
    vectors(x, y)?;
    truncated(party, x.clone(), y.clone(), Product::Matrix, frac).await
}

fn vectors<R: Ring>(x: &Share<R>, y: &Share<R>) -> Result<()> {
    if x.shape().len() == 1 && x.shape() == y.shape() {
        return Ok(());
    }
    Err(ShapeError::Matmul { left: x.shape().to_vec(), right: y.shape().to_vec() }.into())
}

async fn product<R: Ring>(party: &Party, x: Share<R>, y: Share<R>, kind: Product) -> Result<Share<R>> {
    let party = party.enter("multiply");
    let seat = Seat::of(&party)?;
    // A sharing of zero: α_i = F(K_{i,i+1}) - F(K_{i-1,i}).
    let mut plus = party.shared(seat.next, "zero")?;
    let mut minus = party.shared(seat.prev, "zero")?;
    let work = kind.work(&x, &y);
    let summand = move || {
        let mut z = kind.summand(&x, &y)?;
        add_mask(z.data_mut(), &mut plus);
        sub_mask(z.data_mut(), &mut minus);
        Ok::<_, ShapeError>(z)
    };
    let own = party.compute(work, summand).await?;
    party.send(seat.prev, &own);
    let next = party.recv(seat.next, own.shape().to_vec()).await?;
    Ok(Share::new(own, next))
}

/// The product, truncated before it is shared again: `u = z_0` stays at P0, and `v = z_1 + z_2` is exchanged by P1 and
/// P2, z_1 masked by K_01 and z_2 by K_02. Operands are let go of as soon as they are multiplied: if nobody else holds
/// them, their memory is free from then on.
pub(crate) async fn truncated<R: Ring>(
    party: &Party,
    x: Share<R>,
    y: Share<R>,
    kind: Product,
    frac: u32,
) -> Result<Share<R>> {
    if frac == 0 {
        return product(party, x, y, kind).await;
    }
    check(frac, R::BITS)?;
    let party = party.enter("multiply-truncate");
    let seat = Seat::of(&party)?;
    let with_p0 = if seat.role == 0 { vec![seat.next, seat.prev] } else { vec![party.roles()[0]] };
    let mut masks = with_p0.into_iter().map(|p| party.shared(p, "open")).collect::<Result<Vec<_>>>()?;
    let (work, role) = (kind.work(&x, &y), seat.role);
    let summand = move || {
        let mut z = kind.summand(&x, &y)?;
        for mask in &mut masks {
            if role == 0 { sub_mask(z.data_mut(), mask) } else { add_mask(z.data_mut(), mask) }
        }
        if role == 0 {
            offset(&mut z);
        }
        Ok::<_, ShapeError>(z)
    };
    let mut part = party.compute(work, summand).await?;
    if let Some(other) = [None, Some(seat.next), Some(seat.prev)][seat.role] {
        party.send(other, &part);
        let rest = party.recv_bytes(other, R::BYTES * part.len()).await?;
        for (at, part) in part.data_mut().chunks_mut(MASKED_AT_ONCE).enumerate() {
            slices::add_assign(part, &dense::<R>(&rest, at * MASKED_AT_ONCE, part.len()));
        }
    }
    carry_and_shift(&party, seat, part, frac).await
}
