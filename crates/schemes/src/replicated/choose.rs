//! A choice with a sign, divided by a power of two: what a function with a symmetry ends with.
//!
//! Bits are `b = β ⊕ b_2` with β known to P0 and b_2 to P1 and P2, numbers `d = δ + d_2` alike. With `g = 1 - 2·β_n` and
//! `h = β_i·g`, which P0 knows, the sign times the choice is
//!
//! ```text
//! (1 - 2·n)·(i·d + c) = (1 - 2·n_2)·(e·δ + e·d_2 + g·c),    e = g - h if i_2, else h:
//! ```
//!
//! for P1 and P2 linear in g, h, g·δ and h·δ. So two products with bits, one after the other, cost what P0 sends once,
//! and the sum lies between P1 and P2, where it is truncated as in [`truncate`](super::truncate()): with u at P1 and v at
//! P2, and the product of their top bits from a triple that P0 deals (Beaver 1991), of which it sends one part:
//!
//! 1. P0 sends P1 g, h, g·δ, h·δ, each less a mask from K_02, and `a·b - r` mod 2^f, where `a` comes from K_01, `b` and `r`
//!    from K_02.
//! 2. P1 sends P2 `mu - a`, P2 sends P1 `mv - b`, both mod 2^f.
//! 3. P1 and P2 share their summands of the result again.
//!
//! P1 sees what P0 sends under masks from K_02, and mv under b from K_02; P2 sees mu under a from K_01; the last messages
//! are masked by K_01 and K_02; P0 sees nothing. 3 rounds; 4·k/8 + ⌈f/8⌉, k/8 + ⌈f/8⌉, k/8 + ⌈f/8⌉ bytes.

use algebra::{Bits, Ring};

use super::convert::{elements, from_pair, known_bits};
use super::truncate::{Rescale, Shift, check, width};
use super::{BitShare, Seat, Share, sub_mask};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::wire::Narrow;

/// `(1 - 2·negative)·(inside·d + beyond) / 2^by`, all of one shape, for 0 < `by` and, as integers,
/// |inside·d + beyond| < 2^(k-2); where `inside` is false, d may be any element. The error is below one unit.
///
/// # Errors
/// If a message fails, or shapes differ.
pub async fn signed_choice<R: Ring>(
    party: &Party,
    (negative, inside): (&BitShare, &BitShare),
    d: &Share<R>,
    beyond: R,
    by: u32,
) -> Result<Share<R>> {
    check(by, R::BITS)?;
    if by == 0 || negative.shape() != d.shape() || inside.shape() != d.shape() {
        return Err(Error::misuse("a choice with a sign of other shapes, or without a truncation"));
    }
    let party = party.enter("signed-choice");
    let seat = Seat::of(&party)?;
    let known = Known { negative: known_bits(seat, negative), inside: known_bits(seat, inside), beyond };
    let summand = match seat.role {
        0 => {
            first(&party, seat, known, d, by).await?;
            None
        }
        1 => Some(second(&party, seat, known, d, by).await?),
        _ => Some(third(&party, seat, known, d, by).await?),
    };
    from_pair(&party, seat, summand, d.shape()).await
}

/// What we know of the bits, β at P0, b_2 at P1 and P2; and what is public.
struct Known<R> {
    negative: Bits,
    inside: Bits,
    beyond: R,
}

impl<R: Ring> Known<R> {
    /// Our summand of the number before it is divided, from ours of g, h, g·δ and h·δ, one after the other.
    fn summand(&self, mut parts: Vec<R>, d_2: &[R]) -> Vec<R> {
        let count = d_2.len();
        let (g, rest) = parts.split_at_mut(count);
        let (h, rest) = rest.split_at(count);
        let (g_delta, h_delta) = rest.split_at(count);
        let bits = elements::<R>(&self.negative).zip(elements::<R>(&self.inside));
        for (i, (negative, inside)) in bits.enumerate() {
            // e = h + i_2·(g - 2·h), without a branch.
            let chosen = |g: R, h: R| h.wadd(inside.wmul(g.wsub(h.wshl(1))));
            let sum = chosen(g_delta[i], h_delta[i]).wadd(chosen(g[i], h[i]).wmul(d_2[i])).wadd(g[i].wmul(self.beyond));
            g[i] = sum.wsub(negative.wmul(sum).wshl(1));
        }
        parts.truncate(count);
        parts
    }
}

/// Elementary operations per element, roughly.
const WORK: usize = 16;

/// P0 deals what P1 and P2 need.
async fn first<R: Ring>(party: &Party, seat: Seat, known: Known<R>, d: &Share<R>, by: u32) -> Result<()> {
    let (p1, p2, count, d) = (seat.next, seat.prev, d.len(), d.clone());
    let mut rho = party.shared(p2, "rho")?;
    let (mut a, mut b, mut r) = (party.shared(p1, "a")?, party.shared(p2, "b")?, party.shared(p2, "r")?);
    let work = move || {
        let mut parts = vec![R::ZERO; 4 * count];
        let (factors, products) = parts.split_at_mut(2 * count);
        let bits = elements::<R>(&known.negative).zip(elements::<R>(&known.inside));
        for (i, (negative, inside)) in bits.enumerate() {
            let delta = d.own().data()[i].wadd(d.next().data()[i]);
            let g = R::ONE.wsub(negative.wshl(1));
            let h = inside.wmul(g);
            (factors[i], factors[count + i]) = (g, h);
            (products[i], products[count + i]) = (g.wmul(delta), h.wmul(delta));
        }
        sub_mask(&mut parts, &mut rho);
        let mut triple: Vec<R> = a.elements(count);
        triple.iter_mut().zip(b.elements::<R>(count)).for_each(|(a, b)| *a = a.wmul(b));
        sub_mask(&mut triple, &mut r);
        (parts, triple)
    };
    let (parts, elements) = party.compute(WORK * count, work).await;
    party.send(p1, &(parts, Narrow { width: width(by), elements }));
    Ok(())
}

/// P1's summand of the result.
async fn second<R: Ring>(party: &Party, seat: Seat, known: Known<R>, d: &Share<R>, by: u32) -> Result<Vec<R>> {
    let (p0, p2, count, d, width) = (seat.prev, seat.next, d.len(), d.clone(), width(by));
    let a: Vec<R> = party.shared(p0, "a")?.elements(count);
    let (parts, triple): (Vec<R>, Narrow<R>) = party.recv(p0, (4 * count, (width, count))).await?;
    let mut u = party.compute(WORK * count, move || known.summand(parts, d.next().data())).await;
    let shift = R::ONE.wshl(R::BITS - 2);
    u.iter_mut().for_each(|u| *u = u.wadd(shift));
    let elements: Vec<R> = u.iter().zip(&a).map(|(u, a)| u.lshr(R::BITS - 1).wsub(*a)).collect();
    let ours = Narrow { width, elements };
    party.send(p2, &ours);
    let theirs: Narrow<R> = party.recv(p2, (width, count)).await?;
    let c = Shift(by);
    for (i, u) in u.iter_mut().enumerate() {
        let (e, f) = (ours.elements[i], theirs.elements[i]);
        let both = a[i].wadd(e).wmul(f).wadd(triple.elements[i]);
        let wrapped = u.lshr(R::BITS - 1).wsub(both);
        *u = c.up(i, *u).wsub(Rescale::<R>::offset(&c, i)).wsub(c.wrap(i, wrapped));
    }
    Ok(u)
}

/// P2's summand of the result.
async fn third<R: Ring>(party: &Party, seat: Seat, known: Known<R>, d: &Share<R>, by: u32) -> Result<Vec<R>> {
    let (p0, p1, count, d, width) = (seat.next, seat.prev, d.len(), d.clone(), width(by));
    let mut rho = party.shared(p0, "rho")?;
    let (b, r): (Vec<R>, Vec<R>) = (party.shared(p0, "b")?.elements(count), party.shared(p0, "r")?.elements(count));
    let work = move || {
        let parts = rho.elements(4 * count);
        known.summand(parts, d.own().data())
    };
    let mut v = party.compute(WORK * count, work).await;
    let elements = v.iter().zip(&b).map(|(v, b)| v.lshr(R::BITS - 1).wsub(*b)).collect();
    party.send(p1, &Narrow { width, elements });
    let theirs: Narrow<R> = party.recv(p1, (width, count)).await?;
    let c = Shift(by);
    for (i, v) in v.iter_mut().enumerate() {
        let both = theirs.elements[i].wmul(b[i]).wadd(r[i]);
        let wrapped = v.lshr(R::BITS - 1).wsub(both);
        *v = c.down(i, *v).wsub(c.wrap(i, wrapped));
    }
    Ok(v)
}
