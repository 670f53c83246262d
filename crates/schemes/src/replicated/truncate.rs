//! Truncation: division of a fixed-point number by a power of two, without large errors for any value in range.
//!
//! ABY3's local truncation errs by 2^(k-f) whenever the components wrap, once in 2^(k-ℓ) values: too often. Here one
//! bit of slack, |x| < 2^(k-2) (as in Dalskov, Escudero, Keller 2020, section 3.2), makes the wrap computable from two
//! sign bits (as in SIRNN, Rathee et al. 2021, section 3.1, and Cheetah, Huang et al. 2022, section 4.2).
//!
//! Let `x' = x + 2^(k-2)`, which lies in [0, 2^(k-1)), and `x' = u + v - w·2^k` with `u` known to P0 and `v` to P1 and
//! P2. Since the top bit of x' is zero, the sum wrapped if and only if the top bit of `u` or that of `v` is set:
//! `w = mu ∨ mv = mu + mv - mu·mv`. Then
//!
//! ```text
//! ⌈u / 2^f⌉ + ⌊v / 2^f⌋ - w·2^(k-f) - 2^(k-2-f)
//! ```
//!
//! differs from x / 2^f by less than one unit, by nothing if 2^f divides x, and by zero on average, since the low bits of
//! `u` are uniform. The product mu·mv is lopsided (see [`replicated`](super)), wanted mod 2^f only since it is
//! multiplied by 2^(k-f):
//!
//! 1. P0 sends P1 `q = ⌈u / 2^f⌉ - 2^(k-f)·mu - r` and `m = mu - m' mod 2^f`, where `r` and `m'` come from `K_02`.
//! 2. P1 sends P2 `d = q + ⌊v / 2^f⌋ - 2^(k-f)·(mv - m·mv) - x_1`, where `x_1` comes from `K_01`; P2 sends P1
//!    `t = m'·mv - s mod 2^f`, where `s` comes from `K_02`.
//! 3. The result is `x_0 = r + 2^(k-f)·s` (P0, P2), `x_1` (P0, P1), `x_2 = d + 2^(k-f)·t` (P1, P2).
//!
//! Nothing in this needs a power of two: a [product with a public real number](super::scale()) is the same protocol, with
//! `⌈u·c⌉`, `⌊v·c⌋` and `2^k·c` in place of the shifts. [`Rescale`] is what the two have in common.
//!
//! P1 sees q, m and t, masked by r, m' and s from K_02; P2 sees d, masked by x_1 from K_01; P0 sees nothing.
//! 2 rounds; k/8 + ⌈f/8⌉, k/8, ⌈f/8⌉ bytes.

use algebra::{Prg, Ring, Tensor};
use zeroize::Zeroizing;

use super::{Seat, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::wire::{Narrow, dense, narrow};

/// What every element is multiplied by, 2^-f for a truncation, as those do who know a part of it.
pub(super) trait Rescale<R: Ring>: Clone + Send + 'static {
    /// How many of its lowest bits matter of what is multiplied by [`wrap`](Self::wrap).
    fn bits(&self) -> u32;
    /// `⌈u·c⌉`, for element `i`.
    fn up(&self, i: usize, u: R) -> R;
    /// `⌊v·c⌋`.
    fn down(&self, i: usize, v: R) -> R;
    /// `w·2^k·c`.
    fn wrap(&self, i: usize, w: R) -> R;
    /// `2^(k-2)·c`.
    fn offset(&self, i: usize) -> R;
}

/// Division by 2^f.
#[derive(Clone, Copy)]
pub(super) struct Shift(pub(super) u32);

impl<R: Ring> Rescale<R> for Shift {
    fn bits(&self) -> u32 {
        self.0
    }

    #[inline(always)]
    fn up(&self, _: usize, u: R) -> R {
        // Without overflow: u - ⌊u / 2^f⌋·2^f are the low bits.
        let (floor, low) = (u.lshr(self.0), R::ONE.wshl(self.0).wsub(R::ONE));
        floor.wadd(u.wsub(floor.wshl(self.0)).wadd(low).lshr(self.0))
    }

    #[inline(always)]
    fn down(&self, _: usize, v: R) -> R {
        v.lshr(self.0)
    }

    #[inline(always)]
    fn wrap(&self, _: usize, w: R) -> R {
        w.wshl(R::BITS - self.0)
    }

    #[inline(always)]
    fn offset(&self, _: usize) -> R {
        R::ONE.wshl(R::BITS - 2 - self.0)
    }
}

/// `x / 2^by` for |x| < 2^(k-2) as integers; the error is below one unit, and zero if 2^by divides x.
pub async fn truncate<R: Ring>(party: &Party, x: &Share<R>, by: u32) -> Result<Share<R>> {
    if by == 0 {
        return Ok(x.clone());
    }
    check(by, R::BITS)?;
    rescale(&party.enter("truncate"), x, Shift(by)).await
}

/// Whether so many bits can be cut off.
pub(super) fn check(by: u32, bits: u32) -> Result<()> {
    if by > bits - 2 {
        return Err(Error::misuse("a truncation by more bits than the ring has"));
    }
    Ok(())
}

/// `x·c` for |x|, |x·c| < 2^(k-2) as integers.
pub(super) async fn rescale<R: Ring>(party: &Party, x: &Share<R>, c: impl Rescale<R>) -> Result<Share<R>> {
    let seat = Seat::of(party)?;
    let part = match seat.role {
        0 => {
            let mut u = x.own().add(x.next())?;
            offset(&mut u);
            u
        }
        1 => x.next().clone(),
        _ => x.own().clone(),
    };
    carry_and_scale(party, seat, part, c).await
}

/// Moves a value into the half of the ring in which the top bit is zero.
pub(super) fn offset<R: Ring>(u: &mut Tensor<R>) {
    let shift = R::ONE.wshl(R::BITS - 2);
    u.data_mut().iter_mut().for_each(|u| *u = u.wadd(shift));
}

/// The protocol above by 2^-f, from where P0 has u (offset) and P1 and P2 have v.
pub(super) async fn carry_and_shift<R: Ring>(party: &Party, seat: Seat, part: Tensor<R>, f: u32) -> Result<Share<R>> {
    carry_and_scale(party, seat, part, Shift(f)).await
}

async fn carry_and_scale<R: Ring>(party: &Party, seat: Seat, part: Tensor<R>, c: impl Rescale<R>) -> Result<Share<R>> {
    let (shape, part) = part.into_parts();
    let (own, next) = match seat.role {
        0 => first(party, seat, part, c).await?,
        1 => second(party, seat, part, c).await?,
        _ => third(party, seat, part, c).await?,
    };
    Ok(Share::new(Tensor::new(shape.clone(), own)?, Tensor::new(shape, next)?))
}

/// The masks m' and s, as many at a time as stay in the nearest cache. Of each, some lowest bits matter: halves of one
/// element if they fit into it, else of two.
struct CarryMasks<R: Ring> {
    stream: Prg,
    first: Zeroizing<Vec<R>>,
    second: Option<Zeroizing<Vec<R>>>,
}

/// Elements worked on at a time. Of whole blocks of a stream, so that all draw alike.
const AT_ONCE: usize = 1024;

impl<R: Ring> CarryMasks<R> {
    fn new(stream: Prg, bits: u32) -> Self {
        // On the heap: a kernel's future, in which this lies, is part of the futures of all that wait for it.
        let masks = || Zeroizing::new(vec![R::ZERO; AT_ONCE]);
        Self { stream, first: masks(), second: (bits > R::BITS / 2).then(masks) }
    }

    /// Draws for the next elements.
    fn draw(&mut self, count: usize) {
        self.stream.fill(&mut self.first[..count]);
        if let Some(second) = &mut self.second {
            self.stream.fill(&mut second[..count]);
        }
    }

    #[inline(always)]
    fn get(&self, i: usize) -> (R, R) {
        match &self.second {
            None => (self.first[i], self.first[i].lshr(R::BITS / 2)),
            Some(second) => (self.first[i], second[i]),
        }
    }
}

/// Bytes that hold so many bits.
pub(super) fn width(bits: u32) -> usize {
    bits.div_ceil(8) as usize
}

/// `x_i` and `x_{i+1}`.
type Components<R> = (Vec<R>, Vec<R>);

/// P0 knows u.
async fn first<R: Ring>(party: &Party, seat: Seat, u: Vec<R>, c: impl Rescale<R>) -> Result<Components<R>> {
    let (p1, p2) = (seat.next, seat.prev);
    let (count, width) = (u.len(), width(c.bits()));
    let mut r_stream = party.shared(p2, "r")?;
    let mut masks = CarryMasks::<R>::new(party.shared(p2, "carry")?, c.bits());
    let mut x_1_stream = party.shared(p1, "x_1")?;
    let work = move || {
        // x_0 takes the place of u, and what is sent is encoded at once.
        let mut x_0 = u;
        let mut payload = Vec::with_capacity((R::BYTES + width) * count);
        let mut carries = Vec::with_capacity(width * count + R::BYTES);
        let mut r = Zeroizing::new(vec![R::ZERO; AT_ONCE]);
        let (mut q, mut m) = (vec![R::ZERO; AT_ONCE], vec![R::ZERO; AT_ONCE]);
        for (at, x_0) in x_0.chunks_mut(AT_ONCE).enumerate() {
            let n = x_0.len();
            r_stream.fill(&mut r[..n]);
            masks.draw(n);
            for i in 0..n {
                let (at, u, r, (m_prime, s)) = (at * AT_ONCE + i, x_0[i], r[i], masks.get(i));
                let top = u.lshr(R::BITS - 1);
                m[i] = top.wsub(m_prime);
                q[i] = c.up(at, u).wsub(c.offset(at)).wsub(c.wrap(at, top)).wsub(r);
                x_0[i] = r.wadd(c.wrap(at, s));
            }
            R::write_le(&q[..n], &mut payload);
            R::write_low_le(&m[..n], width, &mut carries);
        }
        payload.append(&mut carries);
        (payload, x_0, x_1_stream.elements(count))
    };
    let (payload, x_0, x_1) = party.compute(WORK * count, work).await;
    party.post(p1, payload);
    Ok((x_0, x_1))
}

/// P1 knows v.
async fn second<R: Ring>(party: &Party, seat: Seat, v: Vec<R>, c: impl Rescale<R>) -> Result<Components<R>> {
    let (p0, p2) = (seat.prev, seat.next);
    let (count, width) = (v.len(), width(c.bits()));
    let mut x_1_stream = party.shared(p0, "x_1")?;
    let message = party.recv_bytes(p0, (R::BYTES + width) * count).await?;
    let own = c.clone();
    let work = move || {
        let (q, m) = message.split_at(R::BYTES * count);
        // d takes the place of v.
        let (mut d, mut x_1) = (v, vec![R::ZERO; count]);
        for (at, (d, x_1)) in d.chunks_mut(AT_ONCE).zip(x_1.chunks_mut(AT_ONCE)).enumerate() {
            let (at, n) = (at * AT_ONCE, d.len());
            let (q, m) = (dense::<R>(q, at, n), narrow::<R>(m, width, at, n));
            x_1_stream.fill(x_1);
            for i in 0..n {
                let (v, top) = (d[i], d[i].lshr(R::BITS - 1));
                // mv - m·mv, as mv is 0 or 1.
                let wrapped = top.wmul(R::ONE.wsub(m[i]));
                d[i] = q[i].wadd(own.down(at + i, v)).wsub(own.wrap(at + i, wrapped)).wsub(x_1[i]);
            }
        }
        (x_1, d)
    };
    let (x_1, mut d) = party.compute(WORK * count, work).await;
    party.send(p2, &d);
    let t = party.recv_bytes(p2, width * count).await?;
    for (at, d) in d.chunks_mut(AT_ONCE).enumerate() {
        let t = narrow::<R>(&t, width, at * AT_ONCE, d.len());
        d.iter_mut().zip(&t).enumerate().for_each(|(i, (d, t))| *d = d.wadd(c.wrap(at * AT_ONCE + i, *t)));
    }
    Ok((x_1, d))
}

/// P2 knows v.
async fn third<R: Ring>(party: &Party, seat: Seat, v: Vec<R>, c: impl Rescale<R>) -> Result<Components<R>> {
    let (p0, p1) = (seat.next, seat.prev);
    let (count, width) = (v.len(), width(c.bits()));
    let mut r_stream = party.shared(p0, "r")?;
    let mut masks = CarryMasks::<R>::new(party.shared(p0, "carry")?, c.bits());
    let own = c.clone();
    let work = move || {
        // t takes the place of v.
        let (mut t, mut x_0) = (v, vec![R::ZERO; count]);
        for (at, (t, x_0)) in t.chunks_mut(AT_ONCE).zip(x_0.chunks_mut(AT_ONCE)).enumerate() {
            r_stream.fill(x_0);
            masks.draw(t.len());
            for i in 0..t.len() {
                let (top, (m_prime, s)) = (t[i].lshr(R::BITS - 1), masks.get(i));
                t[i] = m_prime.wmul(top).wsub(s);
                x_0[i] = x_0[i].wadd(own.wrap(at * AT_ONCE + i, s));
            }
        }
        (t, x_0)
    };
    let (elements, x_0) = party.compute(WORK * count, work).await;
    let t = Narrow { width, elements };
    party.send(p1, &t);
    let message = party.recv_bytes(p1, R::BYTES * count).await?;
    // x_2 takes the place of t.
    let mut x_2 = t.elements;
    for (at, t) in x_2.chunks_mut(AT_ONCE).enumerate() {
        let d = dense::<R>(&message, at * AT_ONCE, t.len());
        t.iter_mut().zip(&d).enumerate().for_each(|(i, (t, d))| *t = d.wadd(c.wrap(at * AT_ONCE + i, *t)));
    }
    Ok((x_2, x_0))
}

/// Elementary operations per element, roughly.
const WORK: usize = 8;
