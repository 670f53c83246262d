//! The sign of a shared number, by a carry tree on bit planes.
//!
//! `x = A + B` with `A = x_0 + x_1` known to P0 and `B = x_2` known to P1 and P2, so its top bit is that of `A`, that of
//! `B` and the carry between them, added without carry. The carry over `k-1` bits needs no full adder, only a tree over
//! (generate, propagate) pairs, `(g, p)∘(g', p') = (g ⊕ p·g', p·p')` (Brent and Kung 1982).
//!
//! The leaves of the tree and its first level are one lopsided product: over two neighbouring bits `l` and `h`,
//!
//! ```text
//! G = A_h·B_h ⊕ A_h·A_l·B_l ⊕ A_l·B_h·B_l        P = A_h·A_l ⊕ A_h·B_l ⊕ A_l·B_h ⊕ B_h·B_l
//! ```
//!
//! are linear in what P0 knows (`A_l`, `A_h`, `A_h·A_l`) with coefficients that P1 and P2 know, so that P0's bits,
//! masked by K_02, reach P1, and one exchange between P1 and P2 shares G and P. That saves one round, and half of what
//! the leaves of the usual tree (ABY3, section 5.3) cost.
//!
//! Rounds: 2 + log2(k/2), 7 for k = 64 and 8 for k = 128. Bytes for k = 64: 19, 15, 15.

use algebra::{Bits, Ring, decompose};

use super::planes::{Chosen, Planes, Words, and, and_chosen, from_first, from_pair};
use super::{BitShare, Seat, Share};
use crate::error::Result;
use crate::party::Party;

/// Whether `x < 0`, as a signed number: its top bit. Right for every element of the ring.
pub async fn msb<R: Ring>(party: &Party, x: &Share<R>) -> Result<BitShare> {
    let party = party.enter("msb");
    let seat = Seat::of(&party)?;
    let shape = x.shape().to_vec();
    if x.is_empty() {
        return Ok(BitShare::new(shape, Bits::zeros(0), Bits::zeros(0)));
    }
    let top = R::BITS as usize - 1;
    let known = known_planes(&party, seat, x, top + 1).await?;
    let (carry, first) = carry_out(&party, seat, &known, top, x.len()).await?;
    // The top bit: A's as (ρ, A ⊕ ρ, 0) from the sharing of P0's bits, B's as (0, 0, B).
    let mut sign = first.pick([first.width() - 1]);
    match seat.role {
        1 => sign.next.xor_assign(&Words::from_plane(&known, top)),
        2 => sign.own.xor_assign(&Words::from_plane(&known, top)),
        _ => {}
    }
    Ok(sign.xor(&carry).plane(0, &shape))
}

/// The bits that we know: of A at P0, of B at P1 and P2.
pub(super) async fn known_planes<R: Ring>(party: &Party, seat: Seat, x: &Share<R>, width: usize) -> Result<Words> {
    let x = x.clone();
    let work = move || {
        let planes = match seat.role {
            0 => decompose(x.own().add(x.next())?.data(), width),
            1 => decompose(x.next().data(), width),
            _ => decompose(x.own().data(), width),
        };
        Ok(Words::of(&planes))
    };
    party.compute(16 * width, work).await
}

/// The carry out of the lowest `bits` bits of A + B, and the sharing of P0's bits, of which the last plane is plane
/// `bits` of A.
async fn carry_out(party: &Party, seat: Seat, known: &Words, bits: usize, lanes: usize) -> Result<(Planes, Planes)> {
    // An odd number of bits has a leaf of one bit at the bottom.
    let (single, pairs) = (bits % 2, bits / 2);
    let monomials = (seat.role == 0).then(|| {
        let mut m = Words::zeros(lanes, 0);
        if single == 1 {
            m.push(known.plane(0).iter().copied());
        }
        for i in 0..pairs {
            let (l, h) = (known.plane(single + 2 * i), known.plane(single + 2 * i + 1));
            m.push(l.iter().copied());
            m.push(h.iter().copied());
            m.push(l.iter().zip(h).map(|(l, h)| l & h));
        }
        m.push(known.plane(bits).iter().copied());
        m
    });
    let first = from_first(party, seat, monomials, (lanes, single + 3 * pairs + 1)).await?;
    // Of the lowest leaf the propagate bit is not needed.
    let leaves = single + pairs;
    let summands = match seat.role {
        1 => Some(leaf_summands(&first.own, known, single, pairs, true)),
        2 => Some(leaf_summands(&first.next, known, single, pairs, false)),
        _ => None,
    };
    let shared = from_pair(party, seat, summands, (lanes, 2 * leaves - 1)).await?;
    Ok((carry_tree(party, shared, leaves).await?, first))
}

/// Our summand of G for every leaf, lowest first, then of P for every leaf but the lowest; `a` is our part of P0's
/// bits, `b` the bits of B. Terms of B alone are added by one of the two.
fn leaf_summands(a: &Words, b: &Words, single: usize, pairs: usize, with_constant: bool) -> Words {
    let mut out = Words::zeros(b.lanes(), 0);
    if single == 1 {
        out.push(a.plane(0).iter().zip(b.plane(0)).map(|(a, b)| a & b));
    }
    let constant = if with_constant { u64::MAX } else { 0 };
    let planes = |i: usize| {
        let (at, bit) = (single + 3 * i, single + 2 * i);
        (a.plane(at), a.plane(at + 1), a.plane(at + 2), b.plane(bit), b.plane(bit + 1))
    };
    for i in 0..pairs {
        let (al, ah, alh, bl, bh) = planes(i);
        out.push((0..al.len()).map(|w| ah[w] & bh[w] ^ alh[w] & bl[w] ^ al[w] & bh[w] & bl[w]));
    }
    for i in usize::from(single == 0)..pairs {
        let (al, ah, alh, bl, bh) = planes(i);
        out.push((0..al.len()).map(|w| alh[w] ^ ah[w] & bl[w] ^ al[w] & bh[w] ^ constant & bh[w] & bl[w]));
    }
    out
}

/// The carry out of all leaves, of which there are the generate bits, lowest first, then the propagate bits of all but the
/// lowest.
async fn carry_tree(party: &Party, bits: Planes, leaves: usize) -> Result<Planes> {
    let lanes = bits.lanes();
    let mut levels = vec![bits];
    // Where the bits of the nodes still to be joined are: level and plane. The propagate bit of node j is p[j - 1].
    let mut g: Vec<(usize, usize)> = (0..leaves).map(|i| (0, i)).collect();
    let mut p: Vec<(usize, usize)> = (leaves..2 * leaves - 1).map(|i| (0, i)).collect();
    while let (true, Some(&last_g), Some(&last_p)) = (g.len() > 1, g.last(), p.last()) {
        let (level, joined) = (levels.len(), g.len() / 2);
        let at = |(level, plane): (usize, usize)| (&levels[level], plane);
        // Node 2i+1 takes in node 2i.
        let mut pairs: Vec<(Chosen<'_>, Chosen<'_>)> = (0..joined).map(|i| (at(p[2 * i]), at(g[2 * i]))).collect();
        pairs.extend((1..joined).map(|i| (at(p[2 * i]), at(p[2 * i - 1]))));
        let mut z = and_chosen(party, lanes, &pairs).await?;
        for i in 0..joined {
            let (of, plane) = g[2 * i + 1];
            z.xor_plane(i, &levels[of], plane);
        }
        levels.push(z);
        let odd = g.len() % 2 == 1;
        (g, p) = ((0..joined).map(|i| (level, i)).collect(), (joined..2 * joined - 1).map(|i| (level, i)).collect());
        if odd {
            g.push(last_g);
            p.push(last_p);
        }
    }
    let (level, plane) = g[0];
    Ok(levels[level].pick([plane]))
}

/// Whether `x = 0`, for every element of the ring: `A + B = 0` exactly if every bit of A equals that of -B. The leaves
/// and the first level of the conjunction are one lopsided product, as above. Rounds: 2 + log2(k/2).
/// Bytes for k = 64: 16, 8, 8.
pub async fn is_zero<R: Ring>(party: &Party, x: &Share<R>) -> Result<BitShare> {
    let party = party.enter("is-zero");
    let seat = Seat::of(&party)?;
    let shape = x.shape().to_vec();
    if x.is_empty() {
        return Ok(BitShare::new(shape, Bits::zeros(0), Bits::zeros(0)));
    }
    // x_2 is held as the first component of P2 and the second of P1.
    let turned = if seat.role == 0 { x.clone() } else { x.neg() };
    let known = known_planes(&party, seat, &turned, R::BITS as usize).await?;
    let (lanes, pairs) = (x.len(), R::BITS as usize / 2);
    let monomials = (seat.role == 0).then(|| {
        let mut m = Words::zeros(lanes, 0);
        for i in 0..pairs {
            // Complements: every bit of ¬A ⊕ (-B) must be one.
            let (l, h) = (known.plane(2 * i), known.plane(2 * i + 1));
            m.push(l.iter().map(|l| !l));
            m.push(h.iter().map(|h| !h));
            m.push(l.iter().zip(h).map(|(l, h)| !l & !h));
        }
        m
    });
    let first = from_first(&party, seat, monomials, (lanes, 3 * pairs)).await?;
    let summands = |a: &Words, constant: u64| {
        let mut out = Words::zeros(lanes, 0);
        for i in 0..pairs {
            let (al, ah, alh) = (a.plane(3 * i), a.plane(3 * i + 1), a.plane(3 * i + 2));
            let (bl, bh) = (known.plane(2 * i), known.plane(2 * i + 1));
            out.push((0..al.len()).map(|w| alh[w] ^ ah[w] & bl[w] ^ al[w] & bh[w] ^ constant & bh[w] & bl[w]));
        }
        out
    };
    let parts = match seat.role {
        1 => Some(summands(&first.own, u64::MAX)),
        2 => Some(summands(&first.next, 0)),
        _ => None,
    };
    let mut all = from_pair(&party, seat, parts, (lanes, pairs)).await?;
    while all.width() > 1 {
        let half = all.width() / 2;
        let joined = and(&party, &all.pick(0..half), &all.pick(half..2 * half)).await?;
        let mut rest = all.pick(2 * half..all.width());
        rest.take(&joined, 0..half);
        all = rest;
    }
    Ok(all.plane(0, &shape))
}
