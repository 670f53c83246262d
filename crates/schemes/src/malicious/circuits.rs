//! Circuits over shared planes: adding three numbers, carries, disjunctions.
//!
//! `x = x_0 + x_1 + x_2`, and each component is known to two players: its bits are shared already, with zeros for the
//! other components, and neither of the two can change them unseen. A layer of full adders makes two numbers of three (ABY3,
//! Mohassel and Rindal 2018, section 5.3), and a tree or prefix network adds those.

use algebra::{Ring, decompose};

use super::log::Log;
use super::planes::{Planes, and};
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{Seat, Share};

/// The lowest `width` bits of elements, as words.
pub(super) fn words<R: Ring>(elements: &[R], width: usize) -> Vec<u64> {
    decompose(elements, width).planes().iter().flat_map(|p| p.words()).copied().collect()
}

/// The bits of one component, shared.
pub(super) fn component<R: Ring>(seat: Seat, x: &Share<R>, component: usize, width: usize) -> Planes {
    Planes::of_component(seat.role, component, x.len(), width, || {
        words(if component == seat.role { x.own() } else { x.next() }.data(), width)
    })
}

/// Two numbers `s` and `c` with `x = s + 2·c`; of `c` one bit less. 1 round.
pub(super) async fn two_of_three<R: Ring>(
    party: &Party,
    log: &mut Log<R>,
    x: &Share<R>,
    width: usize,
) -> Result<(Planes, Planes)> {
    let seat = Seat::of(party)?;
    let [a, b, c] = [0, 1, 2].map(|i| component(seat, x, i, width));
    let sum = a.clone().xor(&b).xor(&c);
    let low = |p: &Planes| p.pick(0..width - 1);
    // The majority: (a ⊕ c)·(b ⊕ c) ⊕ c.
    let (a, b, c) = (low(&a), low(&b), low(&c));
    let majority = and(party, log, a.xor(&c), b.xor(&c)).await?.xor(&c);
    Ok((sum, majority))
}

/// The carry out of all positions, from their generate and propagate bits, lowest first (Brent and Kung 1982).
/// ⌈log2(width)⌉ rounds.
pub(super) async fn carry_out<R: Ring>(
    party: &Party,
    log: &mut Log<R>,
    mut g: Planes,
    mut p: Planes,
) -> Result<Planes> {
    while g.width() > 1 {
        let width = g.width();
        let joined = width / 2;
        let (low, high) = ((0..joined).map(|i| 2 * i), (0..joined).map(|i| 2 * i + 1));
        // Of the lowest pair the propagate bit is not needed.
        let x = p.pick(high.clone()).chain(&p.pick(high.clone().skip(1)));
        let y = g.pick(low.clone()).chain(&p.pick(low.skip(1)));
        let z = and(party, log, x, y).await?;
        let next_g = z.pick(0..joined).xor(&g.pick(high.clone()));
        let next_p = p.pick(0..1).chain(&z.pick(joined..2 * joined - 1));
        let rest = 2 * joined..width;
        (g, p) = (next_g.chain(&g.pick(rest.clone())), next_p.chain(&p.pick(rest)));
    }
    Ok(g)
}

/// The carry out of positions `0..=j`, for every j (Sklansky 1960). ⌈log2(width)⌉ rounds.
pub(super) async fn carries<R: Ring>(party: &Party, log: &mut Log<R>, mut g: Planes, mut p: Planes) -> Result<Planes> {
    let width = g.width();
    let mut span = 1;
    while span < width {
        // Positions in the upper half of each block of 2·span take in the lower half's last position.
        let targets: Vec<usize> = (0..width).filter(|j| j & span != 0).collect();
        let sources = |j: &usize| j / span * span - 1;
        // Where a block begins at position 0, its propagate bit is never used.
        let inner: Vec<usize> = targets.iter().copied().filter(|j| j / (2 * span) > 0).collect();
        let x = p.pick(targets.iter().copied()).chain(&p.pick(inner.iter().copied()));
        let y = g.pick(targets.iter().map(sources)).chain(&p.pick(inner.iter().map(sources)));
        let z = and(party, log, x, y).await?;
        let sums = g.pick(targets.iter().copied()).xor(&z.pick(0..targets.len()));
        targets.iter().enumerate().for_each(|(i, &j)| g.set(j, &sums, i));
        inner.iter().enumerate().for_each(|(i, &j)| p.set(j, &z, targets.len() + i));
        span *= 2;
    }
    Ok(g)
}

/// The conjunction of all planes. ⌈log2(width)⌉ rounds.
pub(super) async fn conjunction<R: Ring>(party: &Party, log: &mut Log<R>, mut all: Planes) -> Result<Planes> {
    while all.width() > 1 {
        let half = all.width() / 2;
        let joined = and(party, log, all.pick(0..half), all.pick(half..2 * half)).await?;
        all = joined.chain(&all.pick(2 * half..all.width()));
    }
    Ok(all)
}

/// For every plane, whether it or a higher one is set. ⌈log2(width)⌉ rounds.
pub(super) async fn prefix_or<R: Ring>(party: &Party, log: &mut Log<R>, x: &Planes) -> Result<Planes> {
    let role = Seat::of(party)?.role;
    let width = x.width();
    // Of complements, conjunction; from the top plane down.
    let mut none = x.clone().not(role);
    let mut span = 1;
    while span < width {
        let targets: Vec<usize> = (0..width).filter(|j| j & span != 0).collect();
        let from_top = |j: usize| width - 1 - j;
        let x = none.pick(targets.iter().map(|&j| from_top(j)));
        let y = none.pick(targets.iter().map(|&j| from_top(j / span * span - 1)));
        let z = and(party, log, x, y).await?;
        targets.iter().enumerate().for_each(|(i, &j)| none.set(from_top(j), &z, i));
        span *= 2;
    }
    Ok(none.not(role))
}
