//! All bits of a shared number, by a parallel prefix adder.
//!
//! As in [`msb`](super::msb), `x = A + B` with `A` known to P0 and `B` to P1 and P2. The generate bits `A_j·B_j` are a
//! lopsided product; carries are a prefix in Sklansky's network (1960), and `x_j = A_j ⊕ B_j ⊕ carry_j`.

use algebra::Ring;

use super::carry::known_planes;
use super::planes::{Planes, Words, and, from_first, from_pair};
use super::{Seat, Share};
use crate::error::Result;
use crate::party::Party;

/// The lowest `width` bits of every element, in two's complement. 2 + ⌈log2(width-1)⌉ rounds.
/// Bytes for k = width = 64: 51, 51, 51.
pub async fn decompose<R: Ring>(party: &Party, x: &Share<R>, width: usize) -> Result<Planes> {
    let party = party.enter("decompose");
    let seat = Seat::of(&party)?;
    let lanes = x.len();
    if lanes == 0 || width == 0 {
        return Ok(Planes::empty(lanes));
    }
    let known = known_planes(&party, seat, x, width).await?;
    let a = from_first(&party, seat, (seat.role == 0).then(|| known.clone()), (lanes, width)).await?;
    let summand = |a: &Words| {
        let mut out = Words::zeros(lanes, 0);
        out.push(a.range(0..width - 1).iter().zip(known.range(0..width - 1)).map(|(a, b)| a & b));
        out
    };
    let summands = match seat.role {
        1 => Some(summand(&a.own)),
        2 => Some(summand(&a.next)),
        _ => None,
    };
    let g = from_pair(&party, seat, summands, (lanes, width - 1)).await?;
    let mut sum = a;
    match seat.role {
        1 => sum.next.xor_assign(&known),
        2 => sum.own.xor_assign(&known),
        _ => {}
    }
    let carries = prefix(&party, g, sum.pick(0..width - 1)).await?;
    let mut shifted = Planes { own: Words::zeros(lanes, 1), next: Words::zeros(lanes, 1) };
    shifted.take(&carries, 0..width - 1);
    Ok(sum.xor(&shifted))
}

/// The carry out of bits `0..=j`, for every j.
async fn prefix(party: &Party, mut g: Planes, mut p: Planes) -> Result<Planes> {
    let width = g.width();
    let mut span = 1;
    while span < width {
        // Positions in the upper half of each block of 2·span take in the lower half's last position.
        let targets: Vec<usize> = (0..width).filter(|j| j & span != 0).collect();
        let sources = |j: &usize| j / span * span - 1;
        // Where a block begins at bit 0, its propagate bit is never used.
        let inner: Vec<usize> = targets.iter().copied().filter(|j| j / (2 * span) > 0).collect();
        let mut x = p.pick(targets.iter().copied());
        let mut y = g.pick(targets.iter().map(sources));
        x.take_all(&p.pick(inner.iter().copied()));
        y.take_all(&p.pick(inner.iter().map(sources)));
        let z = and(party, &x, &y).await?;
        for (i, &j) in targets.iter().enumerate() {
            g.xor_plane(j, &z, i);
        }
        for (i, &j) in inner.iter().enumerate() {
            p.set_plane(j, &z, targets.len() + i);
        }
        span *= 2;
    }
    Ok(g)
}

/// For every plane, whether it or a higher one is set. ⌈log2(width)⌉ rounds, width/16 bytes in each.
pub async fn prefix_or(party: &Party, x: &Planes) -> Result<Planes> {
    let party = party.enter("prefix-or");
    let seat = Seat::of(&party)?;
    let width = x.width();
    // Of complements, conjunction; from the top plane down.
    let mut none = x.clone().not(seat.role);
    let mut span = 1;
    while span < width {
        let targets: Vec<usize> = (0..width).filter(|j| j & span != 0).collect();
        let from_top = |j: usize| width - 1 - j;
        let z = and(
            &party,
            &none.pick(targets.iter().map(|&j| from_top(j))),
            &none.pick(targets.iter().map(|&j| from_top(j / span * span - 1))),
        )
        .await?;
        for (i, &j) in targets.iter().enumerate() {
            none.set_plane(from_top(j), &z, i);
        }
        span *= 2;
    }
    Ok(none.not(seat.role))
}
