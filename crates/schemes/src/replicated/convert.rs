//! Bits to ring elements, choice by a secret bit, and the widening of Z_2^64 to Z_2^128.
//!
//! A bit is `b = β ⊕ b_2` with `β = b_0 ⊕ b_1` known to P0 and `b_2` to P1 and P2, hence `b = b_2 + β·(1 - 2·b_2)`, and
//! for a number `d`
//!
//! ```text
//! b·d = b_2·(d_0 + d_1 + d_2) + (1 - 2·b_2)·(β·(d_0 + d_1) + β·d_2),
//! ```
//!
//! a sum of what one player knows and of lopsided products, whose factors at P0 are `β` and `β·(d_0 + d_1)`. So a choice
//! costs no conversion first: 2 rounds instead of 3.

use algebra::{Bits, Ring, Tensor, broadcast_shapes};

use super::{BitShare, Seat, Share, add_mask, sub_mask};
use crate::error::Result;
use crate::party::Party;

/// Shares additively between P1 and P2 what P0 knows: P1 gets `a - ρ`, P2 has `ρ` from K_02; P0 gets nothing back.
/// 1 round, k/8 bytes an element from P0.
async fn from_first<R: Ring>(party: &Party, seat: Seat, a: Option<Vec<R>>, count: usize) -> Result<Option<Vec<R>>> {
    let party = party.enter("from-first");
    Ok(match (seat.role, a) {
        (0, Some(mut a)) => {
            sub_mask(&mut a, &mut party.shared(seat.prev, "rho")?);
            party.send(seat.next, &a);
            None
        }
        (1, _) => Some(party.recv(seat.prev, count).await?),
        _ => Some(party.shared(seat.next, "rho")?.elements(count)),
    })
}

/// Shares `c_1 + c_2`, of which P1 and P2 know a summand each: `x_0` comes from K_02, `x_1` from K_01, and P1 and P2
/// exchange their masked summands for `x_2`. 1 round, k/8 bytes from P1 and P2.
pub(super) async fn from_pair<R: Ring>(
    party: &Party,
    seat: Seat,
    c: Option<Vec<R>>,
    shape: &[usize],
) -> Result<Share<R>> {
    let party = party.enter("from-pair");
    let count = shape.iter().product();
    let mask = |peer| -> Result<Vec<R>> {
        let mut mask = vec![R::ZERO; count];
        add_mask(&mut mask, &mut party.shared(peer, "fresh")?);
        Ok(mask)
    };
    let (own, next) = match (seat.role, c) {
        (role @ 1..=2, Some(mut part)) => {
            let (first, other) = if role == 1 { (seat.prev, seat.next) } else { (seat.next, seat.prev) };
            let fresh = mask(first)?;
            algebra::slices::sub_assign(&mut part, &fresh);
            party.send(other, &part);
            let rest: Vec<R> = party.recv(other, count).await?;
            algebra::slices::add_assign(&mut part, &rest);
            if role == 1 { (fresh, part) } else { (part, fresh) }
        }
        _ => (mask(seat.prev)?, mask(seat.next)?),
    };
    Ok(Share::new(Tensor::new(shape, own)?, Tensor::new(shape, next)?))
}

/// The bits that we know: β at P0, b_2 at P1 and P2.
pub(super) fn known_bits(seat: Seat, b: &BitShare) -> Bits {
    match seat.role {
        0 => b.own().xor(b.next()),
        1 => b.next().clone(),
        _ => b.own().clone(),
    }
}

/// Every bit as an element, 0 or 1.
pub(super) fn elements<R: Ring>(bits: &Bits) -> impl Iterator<Item = R> + '_ {
    (0..bits.len()).map(|i| R::from_u64(bits.words()[i / 64] >> (i % 64) & 1))
}

/// `(1 - 2·bit)·x`: `x`, or `-x` if the bit, an element that is 0 or 1, is set.
fn flipped<R: Ring>(x: R, bit: R) -> R {
    x.wsub(x.wmul(bit).wshl(1))
}

/// Truth values as 0 and 1. 2 rounds; k/8, k/8, k/8 bytes.
pub async fn to_ring<R: Ring>(party: &Party, b: &BitShare) -> Result<Share<R>> {
    let party = party.enter("to-ring");
    let seat = Seat::of(&party)?;
    let known = known_bits(seat, b);
    let beta = (seat.role == 0).then(|| elements(&known).collect());
    let summand = from_first::<R>(&party, seat, beta, known.len()).await?;
    let c = summand.map(|mut s| {
        for (s, b2) in s.iter_mut().zip(elements::<R>(&known)) {
            let own = if seat.role == 1 { b2 } else { R::ZERO };
            *s = flipped(*s, b2).wadd(own);
        }
        s
    });
    from_pair(&party, seat, c, b.shape()).await
}

/// `b·x`: x where the bit is set, else 0; broadcast. 2 rounds; 2·k/8, k/8, k/8 bytes.
pub async fn mul_bit<R: Ring>(party: &Party, b: &BitShare, x: &Share<R>) -> Result<Share<R>> {
    let party = party.enter("multiply-by-bit");
    let seat = Seat::of(&party)?;
    let shape = broadcast_shapes(b.shape(), x.shape())?;
    let b = b.broadcast_to(&shape)?;
    let x = if x.shape() == shape { x.clone() } else { x.try_map(|t| t.broadcast_to(&shape))? };
    let known = known_bits(seat, &b);
    let count = known.len();
    let factors = (seat.role == 0).then(|| {
        let mut a = Vec::with_capacity(2 * count);
        let both = x.own().data().iter().zip(x.next().data());
        a.extend(both.zip(elements::<R>(&known)).map(|((x0, x1), beta)| x0.wadd(*x1).wmul(beta)));
        a.extend(elements::<R>(&known));
        a
    });
    let summand = from_first::<R>(&party, seat, factors, 2 * count).await?;
    let c = summand.map(|mut a| {
        let beta = a.split_off(count);
        for (i, b2) in elements::<R>(&known).enumerate() {
            let (own, next) = (x.own().data()[i], x.next().data()[i]);
            // P1 holds (x_1, x_2) and adds both; P2 holds (x_2, x_0) and adds x_0.
            let (x2, alone) = if seat.role == 1 { (next, own.wadd(next)) } else { (own, next) };
            a[i] = flipped(a[i].wadd(x2.wmul(beta[i])), b2).wadd(alone.wmul(b2));
        }
        a
    });
    from_pair(&party, seat, c, &shape).await
}

/// `x` where the condition holds, else `y`; broadcast. As [`mul_bit`].
pub async fn select<R: Ring>(party: &Party, condition: &BitShare, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    mul_bit(party, condition, &x.sub(y)?).await?.add(y)
}

/// The same number in Z_2^128, for |x| < 2^62.
///
/// With `x' = x + 2^62 = u + v - w·2^64`, the carry `w` is computed as in [`truncate`](super::truncate()), but mod 2^64,
/// since it is multiplied by 2^64. 2 rounds; 24, 16, 8 bytes.
pub async fn widen(party: &Party, x: &Share<u64>) -> Result<Share<u128>> {
    let party = party.enter("widen");
    let seat = Seat::of(&party)?;
    let (shape, count) = (x.shape().to_vec(), x.len());
    let (own, next) = match seat.role {
        0 => {
            let r: Vec<u128> = party.shared(seat.prev, "r")?.elements(count);
            let mut carry = party.shared(seat.prev, "carry")?;
            let (m_prime, s) = (carry.elements::<u64>(count), carry.elements::<u64>(count));
            let u = x.own().data().iter().zip(x.next().data()).map(|(a, b)| a.wrapping_add(*b).wrapping_add(1 << 62));
            let (mut q, mut m) = (Vec::with_capacity(count), Vec::with_capacity(count));
            for (i, u) in u.enumerate() {
                let top = u >> 63;
                let value = u128::from(u).wsub(1 << 62).wsub(u128::from(top) << 64);
                q.push(value.wsub(r[i]));
                m.push(top.wrapping_sub(m_prime[i]));
            }
            party.send(seat.next, &(q, m));
            let x_0 = r.iter().zip(&s).map(|(r, s)| r.wadd(u128::from(*s) << 64)).collect();
            (x_0, party.shared(seat.next, "x_1")?.elements(count))
        }
        1 => {
            let x_1: Vec<u128> = party.shared(seat.prev, "x_1")?.elements(count);
            let (mut d, m): (Vec<u128>, Vec<u64>) = party.recv(seat.prev, (count, count)).await?;
            for (i, v) in x.next().data().iter().enumerate() {
                let top = v >> 63;
                let wrapped = top.wrapping_mul(1u64.wrapping_sub(m[i]));
                d[i] = d[i].wadd(u128::from(*v)).wsub(u128::from(wrapped) << 64).wsub(x_1[i]);
            }
            party.send(seat.next, &d);
            let t: Vec<u64> = party.recv(seat.next, count).await?;
            (x_1, carried(d, &t))
        }
        _ => {
            let r: Vec<u128> = party.shared(seat.next, "r")?.elements(count);
            let mut carry = party.shared(seat.next, "carry")?;
            let (m_prime, s) = (carry.elements::<u64>(count), carry.elements::<u64>(count));
            let masked = |(i, v): (usize, &u64)| m_prime[i].wrapping_mul(v >> 63).wrapping_sub(s[i]);
            let t: Vec<u64> = x.own().data().iter().enumerate().map(masked).collect();
            party.send(seat.prev, &t);
            let d: Vec<u128> = party.recv(seat.prev, count).await?;
            (carried(d, &t), r.iter().zip(&s).map(|(r, s)| r.wadd(u128::from(*s) << 64)).collect())
        }
    };
    Ok(Share::new(Tensor::new(shape.clone(), own)?, Tensor::new(shape, next)?))
}

/// d + 2^64·t.
fn carried(mut d: Vec<u128>, t: &[u64]) -> Vec<u128> {
    d.iter_mut().zip(t).for_each(|(d, t)| *d = d.wadd(u128::from(*t) << 64));
    d
}

/// The number mod 2^64: the same number if it fits, |x| < 2^63. Free.
#[must_use]
pub fn lower(x: &Share<u128>) -> Share<u64> {
    let low = |t: &Tensor<u128>| t.map(|x| x.low_u64());
    Share::new(low(x.own()), low(x.next()))
}
