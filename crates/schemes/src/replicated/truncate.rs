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
//! P1 sees q, m and t, masked by r, m' and s from K_02; P2 sees d, masked by x_1 from K_01; P0 sees nothing.
//! 2 rounds; k/8 + ⌈f/8⌉, k/8, ⌈f/8⌉ bytes.

use algebra::{Prg, Ring, Tensor};

use super::{Seat, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::wire::Narrow;

/// `x / 2^by` for |x| < 2^(k-2) as integers; the error is below one unit, and zero if 2^by divides x.
pub async fn truncate<R: Ring>(party: &Party, x: &Share<R>, by: u32) -> Result<Share<R>> {
    if by == 0 {
        return Ok(x.clone());
    }
    if by > R::BITS - 2 {
        return Err(Error::misuse("a truncation by more bits than the ring has"));
    }
    let party = party.enter("truncate");
    let seat = Seat::of(&party)?;
    let part = match seat.role {
        0 => {
            let mut u = x.own().add(x.next())?;
            offset(&mut u);
            u
        }
        1 => x.next().clone(),
        _ => x.own().clone(),
    };
    carry_and_shift(&party, seat, part, by).await
}

/// Moves a value into the half of the ring in which the top bit is zero.
pub(super) fn offset<R: Ring>(u: &mut Tensor<R>) {
    let shift = R::ONE.wshl(R::BITS - 2);
    u.data_mut().iter_mut().for_each(|u| *u = u.wadd(shift));
}

/// The protocol above, from where P0 has u (offset) and P1 and P2 have v.
pub(super) async fn carry_and_shift<R: Ring>(party: &Party, seat: Seat, part: Tensor<R>, f: u32) -> Result<Share<R>> {
    let (shape, part) = part.into_parts();
    let (own, next) = match seat.role {
        0 => first(party, seat, part, f).await?,
        1 => second(party, seat, part, f).await?,
        _ => third(party, seat, part, f).await?,
    };
    Ok(Share::new(Tensor::new(shape.clone(), own)?, Tensor::new(shape, next)?))
}

/// The masks m' and s, of which f bits each matter: halves of one element if they fit into it, else of two.
struct CarryMasks<R>(Vec<R>, Option<Vec<R>>);

impl<R: Ring> CarryMasks<R> {
    fn draw(prg: &mut Prg, count: usize, f: u32) -> Self {
        let first = prg.elements(count);
        Self(first, (f > R::BITS / 2).then(|| prg.elements(count)))
    }

    fn get(&self, i: usize) -> (R, R) {
        match &self.1 {
            None => (self.0[i], self.0[i].lshr(R::BITS / 2)),
            Some(second) => (self.0[i], second[i]),
        }
    }
}

/// Bytes that hold f bits.
fn width(f: u32) -> usize {
    f.div_ceil(8) as usize
}

/// `x_i` and `x_{i+1}`.
type Components<R> = (Vec<R>, Vec<R>);

/// P0 knows u.
async fn first<R: Ring>(party: &Party, seat: Seat, u: Vec<R>, f: u32) -> Result<Components<R>> {
    let (p1, p2) = (seat.next, seat.prev);
    let count = u.len();
    let mut r_stream = party.shared(p2, "r")?;
    let mut carry_stream = party.shared(p2, "carry")?;
    let mut x_1_stream = party.shared(p1, "x_1")?;
    let work = move || {
        let k = R::BITS;
        let low = R::ONE.wshl(f).wsub(R::ONE);
        let offset = R::ONE.wshl(k - 2 - f);
        let masks = CarryMasks::<R>::draw(&mut carry_stream, count, f);
        let (mut q, mut m, mut x_0) = (u, Vec::with_capacity(count), r_stream.elements::<R>(count));
        for (i, (q, x_0)) in q.iter_mut().zip(&mut x_0).enumerate() {
            let (u, r, (m_prime, s)) = (*q, *x_0, masks.get(i));
            let top = u.lshr(k - 1);
            // ⌈u / 2^f⌉ without overflow: u - ⌊u / 2^f⌋·2^f are the low bits.
            let floor = u.lshr(f);
            let ceiling = floor.wadd(u.wsub(floor.wshl(f)).wadd(low).lshr(f));
            m.push(top.wsub(m_prime));
            *q = ceiling.wsub(offset).wsub(top.wshl(k - f)).wsub(r);
            *x_0 = r.wadd(s.wshl(k - f));
        }
        (q, m, x_0, x_1_stream.elements(count))
    };
    let (q, elements, x_0, x_1) = party.compute(WORK * count, work).await;
    party.send(p1, &(q, Narrow { width: width(f), elements }));
    Ok((x_0, x_1))
}

/// P1 knows v.
async fn second<R: Ring>(party: &Party, seat: Seat, v: Vec<R>, f: u32) -> Result<Components<R>> {
    let (p0, p2) = (seat.prev, seat.next);
    let count = v.len();
    let mut x_1_stream = party.shared(p0, "x_1")?;
    let (q, m): (Vec<R>, Narrow<R>) = party.recv(p0, (count, (width(f), count))).await?;
    let work = move || {
        let k = R::BITS;
        let x_1 = x_1_stream.elements::<R>(count);
        let mut d = q;
        for (((d, &v), &m), &x_1) in d.iter_mut().zip(&v).zip(&m.elements).zip(&x_1) {
            let top = v.lshr(k - 1);
            // mv - m·mv, as mv is 0 or 1.
            let wrapped = top.wmul(R::ONE.wsub(m));
            *d = d.wadd(v.lshr(f)).wsub(wrapped.wshl(k - f)).wsub(x_1);
        }
        (x_1, d)
    };
    let (x_1, d) = party.compute(WORK * count, work).await;
    party.send(p2, &d);
    let t: Narrow<R> = party.recv(p2, (width(f), count)).await?;
    Ok((x_1, add_carry(d, &t, f)))
}

/// P2 knows v.
async fn third<R: Ring>(party: &Party, seat: Seat, v: Vec<R>, f: u32) -> Result<Components<R>> {
    let (p0, p1) = (seat.next, seat.prev);
    let count = v.len();
    let mut r_stream = party.shared(p0, "r")?;
    let mut carry_stream = party.shared(p0, "carry")?;
    let work = move || {
        let k = R::BITS;
        let masks = CarryMasks::<R>::draw(&mut carry_stream, count, f);
        let (mut t, mut x_0) = (v, r_stream.elements::<R>(count));
        for (i, (t, x_0)) in t.iter_mut().zip(&mut x_0).enumerate() {
            let (top, (m_prime, s)) = (t.lshr(k - 1), masks.get(i));
            *t = m_prime.wmul(top).wsub(s);
            *x_0 = x_0.wadd(s.wshl(k - f));
        }
        (t, x_0)
    };
    let (elements, x_0) = party.compute(WORK * count, work).await;
    let t = Narrow { width: width(f), elements };
    party.send(p1, &t);
    let d: Vec<R> = party.recv(p1, count).await?;
    Ok((add_carry(d, &t, f), x_0))
}

/// Elementary operations per element, roughly.
const WORK: usize = 8;

/// x_2 = d + 2^(k-f)·t.
fn add_carry<R: Ring>(mut d: Vec<R>, t: &Narrow<R>, f: u32) -> Vec<R> {
    d.iter_mut().zip(&t.elements).for_each(|(d, t)| *d = d.wadd(t.wshl(R::BITS - f)));
    d
}
