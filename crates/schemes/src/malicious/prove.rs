//! The heart of the check: that a shared element is the inner product of two shared vectors.
//!
//! Source: Goyal and Song 2020, "Malicious security comes free in honest-majority MPC", section 4, after the distributed
//! proofs of Boneh, Boyle, Corrigan-Gibbs, Gilboa, Ishai 2019 and Boyle, Gilboa, Ishai, Nof 2019 (rings); here over an
//! [extension](super::extension) and with several variables at once.
//!
//! The vectors are cut into 2^t parts, the values at the corners {0,1}^t of polynomials A and B that are linear in each
//! variable. H = ⟨A, B⟩ has degree 2 in each, and is known from its values at {0, 1, ∞}^t (∞: the leading coefficient).
//! The players compute those by semi-honest inner products, all but one, which follows from the claim: so a wrong claim
//! makes a wrong H whatever is added to the others, and at a random point ζ a wrong H differs from ⟨A(ζ), B(ζ)⟩ but with
//! probability 2t/2^48. That point is the next, shorter claim. The last one, `a·b = c`, is opened under random lines:
//! `A = a + ζ·r`, `B = b + ζ·s`, `H = c + ζ·(a·s + b·r) + ζ²·r·s`. As ζ is a unit, A and B are uniform, and so nothing is
//! learned but whether `A·B = H`, which depends on what the cheater added and not on any secret.

use algebra::{Element, Ring};
use zeroize::Zeroize;

use super::coin::{coin, contradiction, missing};
use super::extension::Extension;
use crate::error::Result;
use crate::party::Party;
use crate::replicated::Seat;

/// Two neighbouring components of shared elements, as units. Wiped when dropped.
#[derive(Clone)]
pub(super) struct Two<U: Zeroize> {
    pub(super) own: Vec<U>,
    pub(super) next: Vec<U>,
}

impl<U: Zeroize> Drop for Two<U> {
    fn drop(&mut self) {
        self.own.zeroize();
        self.next.zeroize();
    }
}

impl<U: Ring> Two<U> {
    /// A function that is linear, of both components.
    pub(super) fn map(&self, f: impl Fn(&[U]) -> Vec<U>) -> Self {
        Self { own: f(&self.own), next: f(&self.next) }
    }

    fn join(&self, other: &Self, f: impl Fn(&[U], &[U]) -> Vec<U>) -> Self {
        Self { own: f(&self.own, &other.own), next: f(&self.next, &other.next) }
    }

    /// Elements `range` of a vector.
    fn range(&self, units: std::ops::Range<usize>) -> Self {
        self.map(|x| x[units.clone()].to_vec())
    }
}

/// The claim `⟨a, b⟩ = c`.
pub(super) struct Inner<E: Extension> {
    pub(super) a: Two<E::Unit>,
    pub(super) b: Two<E::Unit>,
    pub(super) c: Two<E::Unit>,
}

impl<E: Extension> Inner<E> {
    /// Both claims as one: of random multiples, one that is wrong makes the sum wrong.
    pub(super) fn and(self, other: &Self) -> Self {
        let concat = |x: &[E::Unit], y: &[E::Unit]| [x, y].concat();
        Self { a: self.a.join(&other.a, concat), b: self.b.join(&other.b, concat), c: self.c.join(&other.c, E::sum) }
    }
}

/// The points {0, 1, ∞}^t, in base 3; where no digit is ∞, the corner in base 2.
pub(super) fn corner(point: usize, t: u32) -> Option<usize> {
    (0..t).rev().try_fold(0, |corner, i| match point / 3usize.pow(i) % 3 {
        2 => None,
        digit => Some(2 * corner + digit),
    })
}

/// From the values at the corners {0,1}^t, one row for each, those at {0, 1, ∞}^t.
pub(super) fn extended<U: Ring>(corners: &[U], t: u32, minus: impl Fn(U, U) -> U) -> Vec<U> {
    let mut blocks = corners.to_vec();
    let mut half = corners.len() / 2;
    for _ in 0..t {
        let mut out = Vec::with_capacity(blocks.len() / 2 * 3);
        for block in blocks.chunks(2 * half) {
            let (low, high) = block.split_at(half);
            out.extend_from_slice(block);
            out.extend(high.iter().zip(low).map(|(h, l)| minus(*h, *l)));
        }
        blocks.zeroize();
        (blocks, half) = (out, half / 2);
    }
    blocks
}

/// What the values at the corners, and those at {0, 1, ∞}^t, weigh at a random point.
pub(super) struct Weights<U> {
    pub(super) corners: Vec<U>,
    pub(super) points: Vec<U>,
}

impl<U: Ring> Weights<U> {
    pub(super) fn draw<E: Extension<Unit = U>>(prg: &mut algebra::Prg, t: u32) -> Self {
        let (mut corners, mut points) = (E::one(), E::one());
        let spread = |old: &[U], factors: &[&Vec<U>]| -> Vec<U> {
            old.chunks(E::WIDTH).flat_map(|w| factors.iter().flat_map(|f| E::times(w, f)).collect::<Vec<_>>()).collect()
        };
        for _ in 0..t {
            let zeta = E::challenge(prg);
            let (rest, square) = (E::difference(&E::one(), &zeta), E::times(&zeta, &zeta));
            corners = spread(&corners, &[&rest, &zeta]);
            points = spread(&points, &[&rest, &zeta, &E::difference(&square, &zeta)]);
        }
        Self { corners, points }
    }
}

/// Masks our summands of products and shares them: as in Araki et al. 2016. 1 round, if there are any.
pub(super) async fn reshare<E: Extension>(party: &Party, summands: Vec<E::Unit>) -> Result<Two<E::Unit>> {
    if summands.is_empty() {
        return Ok(Two { own: Vec::new(), next: Vec::new() });
    }
    let party = party.enter("reshare");
    let seat = Seat::of(&party)?;
    let count = summands.len();
    let plus = party.shared(seat.next, "zero")?.elements(count);
    let minus = party.shared(seat.prev, "zero")?.elements(count);
    let own = E::difference(&E::sum(&summands, &plus), &minus);
    party.send(seat.prev, &own);
    let next = party.recv(seat.next, count).await?;
    Ok(Two { own, next })
}

/// Our summand of the inner product of shared vectors.
pub(super) fn summand<E: Extension>(a: &Two<E::Unit>, b: &Two<E::Unit>) -> Vec<E::Unit> {
    E::inner(&a.own, &E::sum(&b.own, &b.next), &a.next, &b.own)
}

/// How many halvings at once, for vectors of this length: more rounds cost time, more points cost bytes.
fn variables(len: usize) -> u32 {
    let halvings = len.next_power_of_two().ilog2();
    if len > 1 << 11 { 2 } else { halvings.min(3) }
}

/// Verifies a claim. Some 2·log2(len)/3 + 3 rounds.
pub(super) async fn prove<E: Extension>(party: &Party, claim: Inner<E>) -> Result<()> {
    let party = party.enter("prove");
    let mut claim = claim;
    while claim.a.own.len() > E::WIDTH {
        claim = shorter(&party, claim).await?;
    }
    if claim.a.own.is_empty() {
        return Ok(());
    }
    last(&party, claim).await
}

/// A claim about vectors that are 2^t times as short.
async fn shorter<E: Extension>(party: &Party, claim: Inner<E>) -> Result<Inner<E>> {
    let len = claim.a.own.len() / E::WIDTH;
    let t = variables(len);
    let part = len.div_ceil(1 << t) * E::WIDTH;
    let padded = |x: Two<E::Unit>| {
        x.map(|x| {
            let mut x = x.to_vec();
            x.resize(part << t, E::Unit::ZERO);
            x
        })
    };
    let (a, b, c) = (padded(claim.a.clone()), padded(claim.b.clone()), claim.c.clone());
    let (left, right) = (a.clone(), b.clone());
    let summands = party.compute(len * E::WIDTH * E::WIDTH * 4, move || {
        let left = left.map(|x| extended(x, t, E::minus));
        let right = right.map(|x| extended(x, t, E::minus));
        let at = |p: usize| p * part..(p + 1) * part;
        (1..3usize.pow(t)).flat_map(|p| summand::<E>(&left.range(at(p)), &right.range(at(p)))).collect::<Vec<_>>()
    });
    let rest = reshare::<E>(party, summands.await).await?;
    // The value at the first corner is what the claim leaves for it.
    let values = c.join(&rest, |c, rest| {
        let corners = (1..3usize.pow(t)).filter(|p| corner(*p, t).is_some());
        let first = corners.fold(c.to_vec(), |c, p| E::difference(&c, &rest[(p - 1) * E::WIDTH..p * E::WIDTH]));
        [&first, rest].concat()
    });
    let weights = Weights::draw::<E>(&mut coin(party).await?, t);
    let joined = party.compute(len * E::WIDTH * E::WIDTH * 4, move || {
        let combine = |x: &[E::Unit]| E::combine(x, &weights.corners);
        let c = values.map(|v| E::combine(v, &weights.points));
        Inner { a: a.map(combine), b: b.map(combine), c }
    });
    Ok(joined.await)
}

/// `a·b = c` for single elements, opened under random lines.
async fn last<E: Extension>(party: &Party, claim: Inner<E>) -> Result<()> {
    let party = party.enter("last");
    let seat = Seat::of(&party)?;
    let Inner { ref a, ref b, ref c } = claim;
    // A random sharing for free: each pair draws the component that both hold.
    let random = |own: &'static str| -> Result<Two<E::Unit>> {
        Ok(Two {
            own: party.shared(seat.prev, own)?.elements(E::WIDTH),
            next: party.shared(seat.next, own)?.elements(E::WIDTH),
        })
    };
    let (r, s) = (random("line-a")?, random("line-b")?);
    let cross = E::sum(&summand::<E>(a, &s), &summand::<E>(&r, b));
    let products = reshare::<E>(&party, [cross, summand::<E>(&r, &s)].concat()).await?;
    let zeta = E::challenge(&mut coin(&party).await?);
    let line = |x: &Two<E::Unit>, y: &Two<E::Unit>| x.join(y, |x, y| E::sum(x, &E::times(&zeta, y)));
    let square = products.range(E::WIDTH..2 * E::WIDTH).map(|p| E::times(&zeta, p));
    let h = line(c, &products.range(0..E::WIDTH).join(&square, E::sum));
    let (a, b) = (line(a, &r), line(b, &s));
    let own = [&a.own[..], &b.own, &h.own].concat();
    let next = [&a.next[..], &b.next, &h.next].concat();
    let lacking = missing(&party, &own, &next, own.len()).await?;
    let opened = E::sum(&E::sum(&own, &next), &lacking);
    let (a, rest) = opened.split_at(E::WIDTH);
    let (b, h) = rest.split_at(E::WIDTH);
    if E::times(a, b) == h {
        return Ok(());
    }
    let roles = party.roles().to_vec();
    Err(contradiction(&party, &roles, "the check of what was computed on shares failed"))
}
