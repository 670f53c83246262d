//! Division by powers of two, and the widening of Z_2^64 to Z_2^128: both need how often the components wrap.
//!
//! As in the [semi-honest form](crate::replicated::truncate()), `x' = x + 2^(k-2)` lies in [0, 2^(k-1)), P0 knows
//! `u = x'_0 + x_1 mod 2^k`, and P1 and P2 know `v = x_2`. With the carries `c_f` into bit f and `c_k` out of the top of the sum
//! `x'_0 + x_1`, the top bits mu and mv, and `w = mu + mv - mu·mv`,
//!
//! ```text
//! ⌊x'_0 / 2^f⌋ + ⌊x_1 / 2^f⌋ + c_f - 2^(k-f)·c_k + ⌈x_2 / 2^f⌉ - 2^(k-f)·w - 2^(k-2-f)
//! ```
//!
//! differs from x / 2^f by less than one unit, and by nothing if 2^f divides x. All but `c_f`, `c_k`, mu and `mu·mv` are
//! functions of single components, which two players know and none can change. P0 knows the carries. It *shares* all of
//! them as bits, and `c_f`, `c_k`, mu as elements, and every step of the addition is a claim:
//!
//! ```text
//! (x'_0,j ⊕ c_j)·(x_1,j ⊕ c_j) = c_{j+1} ⊕ c_j  for every bit j,     b·b = b  for b = c_f, c_k, mu.
//! ```
//!
//! The second holds for 0 and 1 only (b and b - 1 are not both even), and the lowest bit of an element is the sum of its
//! components' lowest bits, so that the three elements need not be shared as bits again: `c_f` and `c_k` are carries, and
//! mu is the top bit of the sum, `x'_0 ⊕ x_1 ⊕ c_{k-1}` there. The product `mu·mv` is an ordinary one. 2 rounds; 12·k/8 -
//! 3/8 bytes from P0 for k = 64, 8 from the others; claims of k bits, three squares and a product.

use algebra::{Ring, Tensor};

use super::circuits::{component, words};
use super::claims::Claim;
use super::deal;
use super::log::Log;
use super::multiply::{Product, product};
use super::planes::{self, Planes};
use super::shares::Share;
use crate::error::{Error, Result};
use crate::party::Party;
use crate::replicated::{self, Seat};

/// `x / 2^by` for |x| < 2^(k-2) as integers; the error is below one unit, and zero if 2^by divides x.
pub async fn truncate<R: Ring>(party: &Party, x: &Share<R>, by: u32) -> Result<Share<R>> {
    if by == 0 {
        return Ok(x.clone());
    }
    let party = party.enter("truncate");
    let mut log = Log::new([&x.past]);
    let value = truncated(&party, &mut log, &x.value, by).await?;
    Ok(Share::new(value, log.close(&party).await?))
}

/// The same number in Z_2^128, for |x| < 2^62.
pub async fn widen(party: &Party, x: &Share<u64>) -> Result<Share<u128>> {
    let party = party.enter("widen");
    let role = Seat::of(&party)?.role;
    let mut log = Log::new([&x.past]);
    let offset = x.value.add_public(role, &Tensor::full(x.shape(), 1 << 62))?;
    let Carries { wraps, .. } = carries(&party, &mut log, &offset, None).await?;
    let whole = deal::each_component(role, &offset, |_, x| u128::from(x));
    let wrapped = deal::each_component(role, &wraps, |_, w| u128::from(w) << 64);
    let value = whole.sub(&wrapped)?.add_public(role, &Tensor::full(x.shape(), (1u128 << 62).wneg()))?;
    Ok(Share::new(value, log.close(&party).await?))
}

/// As [`truncate()`], inside another kernel.
pub(super) async fn truncated<R: Ring>(
    party: &Party,
    log: &mut Log<R>,
    x: &replicated::Share<R>,
    by: u32,
) -> Result<replicated::Share<R>> {
    if by > R::BITS - 2 {
        return Err(Error::misuse("a truncation by more bits than the ring has"));
    }
    let role = Seat::of(party)?.role;
    let k = R::BITS;
    let public = |value: R| Tensor::full(x.shape(), value);
    let x = x.add_public(role, &public(R::ONE.wshl(k - 2)))?;
    let Carries { low, wraps } = carries(party, log, &x, Some(by)).await?;
    let ones = R::ONE.wshl(by).wsub(R::ONE);
    let parts = deal::each_component(role, &x, |i, x| {
        let floor = x.lshr(by);
        // ⌈x / 2^by⌉ without overflow.
        let rest = x.wsub(floor.wshl(by));
        if i == 2 { floor.wadd(rest.wadd(ones).lshr(by)) } else { floor }
    });
    let sum = if let Some(low) = low { parts.add(&low)? } else { parts };
    sum.sub(&wraps.scale(R::ONE.wshl(k - by)))?.add_public(role, &public(R::ONE.wshl(k - 2 - by).wneg()))
}

/// Carries of the sum of the components of a number below 2^(k-1).
struct Carries<R: Ring> {
    /// Of the first two components, the carry into bit f.
    low: Option<replicated::Share<R>>,
    /// How often the sum of all three wraps.
    wraps: replicated::Share<R>,
}

async fn carries<R: Ring>(
    party: &Party,
    log: &mut Log<R>,
    x: &replicated::Share<R>,
    f: Option<u32>,
) -> Result<Carries<R>> {
    let seat = Seat::of(party)?;
    let (k, lanes) = (R::BITS as usize, x.len());
    let f = f.map(|f| f as usize);
    let hints = (seat.role == 0).then(|| Hints::of(x, f));
    let shape = [&[if f.is_some() { 3 } else { 2 }], x.shape()].concat();
    let (elements, planes) = hints.map(|h| (h.elements, h.planes)).unzip();
    let dealt = deal::elements::<R>(party, elements, &shape).await?;
    // Carries into bits 1..k-1 but f; that into k-1 follows from mu.
    let inner = (1..k - 1).filter(|j| Some(*j) != f).count();
    let dealt_planes = deal::words(party, planes, lanes, inner).await?;
    log.claim(Claim::Elementwise { x: dealt.clone(), y: dealt.clone(), z: dealt.clone() });
    let row = |i: usize| dealt.try_map(|t| t.index(0, i));
    let (top, mu) = (row(0)?, row(1)?);
    let low = f.map(|_| row(2)).transpose()?;
    claim_addition(log, seat, x, &[&top, &mu], low.as_ref().zip(f), &dealt_planes);
    let mv = deal::one_component(seat.role, x, 2, |x| x.lshr(R::BITS - 1));
    let both = product(party, log, &mu, &mv, Product::Elementwise).await?;
    Ok(Carries { low, wraps: top.add(&mu)?.add(&mv)?.sub(&both)? })
}

/// What P0 tells.
struct Hints<R> {
    /// `c_k`, mu and, if asked for, `c_f`.
    elements: Vec<R>,
    /// Carries into the other bits.
    planes: Vec<u64>,
}

impl<R: Ring> Hints<R> {
    fn of(x: &replicated::Share<R>, f: Option<usize>) -> Self {
        let (k, lanes) = (R::BITS as usize, x.len());
        let (a, b) = (x.own().data(), x.next().data());
        let sum = algebra::slices::add(a, b);
        let [a, b, sum] = [a, b, &sum].map(|x| words(x, k));
        let carry: Vec<u64> = a.iter().zip(&b).zip(&sum).map(|((a, b), s)| a ^ b ^ s).collect();
        let stride = lanes.div_ceil(64);
        let at = |j: usize| j * stride..(j + 1) * stride;
        let top = at(k - 1);
        let out = (a[top.clone()].iter().zip(&b[top.clone()]).zip(&carry[top.clone()]))
            .map(|((a, b), c)| (a ^ c) & (b ^ c) ^ c)
            .collect::<Vec<u64>>();
        let mut elements = Vec::with_capacity(3 * lanes);
        let mut push = |plane: &[u64]| elements.extend((0..lanes).map(|i| R::from_u64(plane[i / 64] >> (i % 64) & 1)));
        push(&out);
        push(&sum[top]);
        if let Some(f) = f {
            push(&carry[at(f)]);
        }
        let inner = (1..k - 1).filter(|j| Some(*j) != f);
        Self { elements, planes: inner.flat_map(|j| &carry[at(j)]).copied().collect() }
    }
}

/// The lowest bits of shared elements, shared. Free: the lowest bit of a sum is the sum of the lowest bits.
fn lowest<R: Ring>(x: &replicated::Share<R>) -> Planes {
    Planes::new(x.len(), words(x.own().data(), 1), words(x.next().data(), 1))
}

/// Claims that the carries are those of the sum of the first two components.
fn claim_addition<R: Ring>(
    log: &mut Log<R>,
    seat: Seat,
    x: &replicated::Share<R>,
    top: &[&replicated::Share<R>; 2],
    low: Option<(&replicated::Share<R>, usize)>,
    inner: &Planes,
) {
    let (k, lanes) = (R::BITS as usize, x.len());
    let (a, b) = (component(seat, x, 0, k), component(seat, x, 1, k));
    let mut carry = Planes::zeros(lanes, k + 1);
    let mut rest = 0;
    for j in 1..k - 1 {
        if let Some((low, _)) = low.filter(|(_, f)| *f == j) {
            carry.set(j, &lowest(low), 0);
        } else {
            carry.set(j, inner, rest);
            rest += 1;
        }
    }
    let mu = lowest(top[1]);
    carry.set(k - 1, &mu.xor(&a.pick([k - 1])).xor(&b.pick([k - 1])), 0);
    carry.set(k, &lowest(top[0]), 0);
    let (into, out) = (carry.pick(0..k), carry.pick(1..k + 1));
    planes::claim(log, a.xor(&into), b.xor(&into), out.xor(&into));
}
