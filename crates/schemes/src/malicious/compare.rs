//! Comparison and decomposition, by circuits over the bits of the components.

use algebra::{Bits, Ring};

use super::circuits::{carries, carry_out, conjunction, prefix_or, two_of_three};
use super::log::Log;
use super::planes::{Planes, and};
use super::shares::{BitShare, Share};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Exponent, Linear, Logic};
use crate::replicated::{self, Order, Seat};

/// No bits, of a shape without elements.
fn none(shape: &[usize]) -> replicated::BitShare {
    replicated::BitShare::new(shape, Bits::zeros(0), Bits::zeros(0))
}

/// Whether `x < 0`, as a signed number: its top bit. Right for every element of the ring. 2 + ⌈log2(k-2)⌉ rounds and about
/// 4·k/8 bytes from each.
pub async fn msb<R: Ring>(party: &Party, x: &Share<R>) -> Result<BitShare> {
    let party = party.enter("msb");
    let (k, shape) = (R::BITS as usize, x.shape());
    if x.value.is_empty() {
        return Ok(BitShare::new(none(shape), x.past.clone()));
    }
    let mut log = Log::<R>::new([&x.past]);
    let (s, c) = two_of_three(&party, &mut log, &x.value, k).await?;
    // x = s + 2·c: nothing is carried out of bit 0, and the top bit has the carry out of those between.
    let (low, shifted) = (s.pick(1..k - 1), c.pick(0..k - 2));
    let p = low.clone().xor(&shifted);
    let g = and(&party, &mut log, low, shifted).await?;
    let carry = carry_out(&party, &mut log, g, p).await?;
    let top = s.pick([k - 1]).xor(&c.pick([k - 2])).xor(&carry);
    Ok(BitShare::new(top.bits(0, shape), log.close(&party).await?))
}

/// Whether `x < y`, broadcast. With slack, the cost of [`msb`]; otherwise thrice the bytes, and one round more.
pub async fn less<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<BitShare> {
    let party = party.enter("less");
    let difference = x.minus(y)?;
    if order == Order::Slack {
        return msb(&party, &difference).await;
    }
    let shape = difference.shape().to_vec();
    let (x, y) = (x.broadcast_to(&shape)?, y.broadcast_to(&shape)?);
    let signs = msb(&party, &Share::stack(&[&x, &y, &difference])?).await?;
    let sign = |i| signs.try_map(|t| t.index(0, i));
    let (sx, sy, sd) = (sign(0)?, sign(1)?, sign(2)?);
    // Signed: x < y if x alone is negative; unsigned: if y alone has its top bit set.
    let decides = if order == Order::Signed { &sx } else { &sy };
    let differ = sx.xor(&sy)?;
    and_bits(&party, &differ, &decides.xor(&sd)?).await?.xor(&sd)
}

/// Whether `x = y`, broadcast. 3 + log2(k) rounds and about 3·k/8 bytes from each.
///
/// `s + 2·c = 0` exactly if `s ⊕ 2c = 2·(s ∨ 2c)`.
pub async fn equal<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
    let party = party.enter("equal");
    let x = x.minus(y)?;
    let (k, shape, role) = (R::BITS as usize, x.shape(), Seat::of(&party)?.role);
    if x.value.is_empty() {
        return Ok(BitShare::new(none(shape), x.past.clone()));
    }
    let mut log = Log::<R>::new([&x.past]);
    let (s, c) = two_of_three(&party, &mut log, &x.value, k).await?;
    let double = Planes::zeros(x.value.len(), 1).chain(&c);
    let low = |p: &Planes| p.pick(0..k - 1).not(role);
    let either = and(&party, &mut log, low(&s), low(&double)).await?.not(role);
    let doubled = Planes::zeros(x.value.len(), 1).chain(&either);
    let same = s.xor(&double).xor(&doubled).not(role);
    let all = conjunction(&party, &mut log, same).await?;
    Ok(BitShare::new(all.bits(0, shape), log.close(&party).await?))
}

/// `x ∧ y`, broadcast. 1 round, 8 bytes for 64 bits.
pub async fn and_bits(party: &Party, x: &BitShare, y: &BitShare) -> Result<BitShare> {
    let party = party.enter("and-bits");
    let shape = algebra::broadcast_shapes(x.shape(), y.shape())?;
    let (x, y) = (x.broadcast_to(&shape)?, y.broadcast_to(&shape)?);
    let mut log = Log::<u64>::new([&x.past, &y.past]);
    let z = and(&party, &mut log, Planes::stack(&[&x.value]), Planes::stack(&[&y.value])).await?;
    Ok(BitShare::new(z.bits(0, &shape), log.close(&party).await?))
}

/// The lowest `width` bits as planes. 1 + ⌈log2(width)⌉ + 1 rounds.
async fn decomposed<R: Ring>(party: &Party, log: &mut Log<R>, x: &Share<R>, width: usize) -> Result<Planes> {
    let (s, c) = two_of_three(party, log, &x.value, width).await?;
    let double = Planes::zeros(x.value.len(), 1).chain(&c);
    let sum = s.clone().xor(&double);
    if width < 3 {
        return Ok(sum);
    }
    // Nothing is carried out of bit 0.
    let g = and(party, log, s.pick(1..width - 1), double.pick(1..width - 1)).await?;
    let carry = carries(party, log, g, sum.pick(1..width - 1)).await?;
    Ok(sum.xor(&Planes::zeros(x.value.len(), 2).chain(&carry)))
}

/// The lowest `width` bits of x, in two's complement, lowest first.
pub async fn bits<R: Ring>(party: &Party, x: &Share<R>, width: usize) -> Result<Vec<BitShare>> {
    let party = party.enter("bits");
    if x.value.is_empty() || width == 0 {
        return Ok((0..width).map(|_| BitShare::new(none(x.shape()), x.past.clone())).collect());
    }
    let mut log = Log::new([&x.past]);
    let planes = decomposed(&party, &mut log, x, width).await?;
    let past = log.close(&party).await?;
    Ok((0..width).map(|j| BitShare::new(planes.bits(j, x.shape()), past.clone())).collect())
}

/// Sign and exponent, for |x| < 2^62: all bits, folded to a magnitude by the sign, a prefix disjunction from the top, and
/// its steps. 8 + 6 rounds.
pub async fn exponent(party: &Party, x: &Share<u64>) -> Result<Exponent<BitShare>> {
    const TOP: usize = 61;
    let party = party.enter("exponent");
    let (role, shape) = (Seat::of(&party)?.role, x.shape());
    if x.value.is_empty() {
        let none = || BitShare::new(none(shape), x.past.clone());
        return Ok(Exponent { sign: none(), d: (0..6).map(|_| none()).collect() });
    }
    let mut log = Log::new([&x.past]);
    let bits = decomposed(&party, &mut log, x, 64).await?;
    // One's complement of negative numbers; bit 0 counts as set, so that there always is a leading one.
    let magnitude = bits.pick(1..=TOP).xor(&bits.pick((1..=TOP).map(|_| 63)));
    let ors = prefix_or(&party, &mut log, &magnitude).await?;
    // Plane j-1 of `ors` says that the leading one is at j or above. Where it is at exactly j, `at` is set.
    let at = |j: usize| match j {
        0 => ors.pick([0]).not(role),
        TOP => ors.pick([j - 1]),
        _ => ors.pick([j - 1]).xor(&ors.pick([j])),
    };
    let steps: Vec<Planes> = (0..=TOP).map(at).collect();
    let digit = |i: usize| {
        let set = (0..=TOP).filter(|j| (TOP - j) >> i & 1 == 1);
        set.fold(Planes::zeros(x.value.len(), 1), |sum, j| sum.xor(&steps[j]))
    };
    let digits: Vec<Planes> = (0..6).map(digit).collect();
    let past = log.close(&party).await?;
    let share = |p: &Planes, j: usize| BitShare::new(p.bits(j, shape), past.clone());
    Ok(Exponent { sign: share(&bits, 63), d: digits.iter().map(|p| share(p, 0)).collect() })
}
