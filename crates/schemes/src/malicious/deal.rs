//! Values that the first player knows and shares: hints, whose truth is claimed and verified.
//!
//! Whatever it shares is a sharing: `x_1` comes from K_01, `x_2 = 0`, and `x_0 = x - x_1` is what it sends to P2. So it can
//! lie about the value, which the claims find, and about nothing else.

use algebra::{Ring, Tensor};

use super::planes::Planes;
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{BitShare, Seat, Share, sub_mask};

/// Components `x_i` and `x_{i+1}`.
type Components<R> = (Vec<R>, Vec<R>);

async fn deal<R: Ring>(
    party: &Party,
    value: Option<Vec<R>>,
    count: usize,
    mask: impl Fn(&mut Vec<R>, &mut algebra::Prg),
) -> Result<Components<R>> {
    let party = party.enter("deal");
    let seat = Seat::of(&party)?;
    let zeros = || vec![R::ZERO; count];
    Ok(match (seat.role, value) {
        (0, Some(mut value)) => {
            mask(&mut value, &mut party.shared(seat.next, "mask")?);
            party.send(seat.prev, &value);
            // The same stream again would be a second use; what is left of zero is minus the mask.
            (value, zeros())
        }
        (1, _) => (party.shared(seat.prev, "mask")?.elements(count), zeros()),
        _ => (zeros(), party.recv(seat.next, count).await?),
    })
}

/// Shares elements that P0 knows. 1 round, k/8 bytes an element from P0.
pub(super) async fn elements<R: Ring>(party: &Party, value: Option<Vec<R>>, shape: &[usize]) -> Result<Share<R>> {
    let count = algebra::tensor::element_count(shape)?;
    let known = value.clone();
    let (own, mut next) = deal(party, value, count, |x, prg| sub_mask(x, prg)).await?;
    if let Some(known) = known {
        next = algebra::slices::sub(&known, &own);
    }
    Ok(Share::new(Tensor::new(shape, own)?, Tensor::new(shape, next)?))
}

/// Shares words that P0 knows. 1 round, 8 bytes a word from P0.
pub(super) async fn words(party: &Party, value: Option<Vec<u64>>, lanes: usize, width: usize) -> Result<Planes> {
    let count = lanes.div_ceil(64) * width;
    let known = value.clone();
    let flip = |x: &mut Vec<u64>, prg: &mut algebra::Prg| {
        x.iter_mut().zip(prg.elements::<u64>(count)).for_each(|(x, m)| *x ^= m);
    };
    let (own, mut next) = deal(party, value, count, flip).await?;
    if let Some(known) = known {
        next = known.iter().zip(&own).map(|(k, o)| k ^ o).collect();
    }
    Ok(Planes::new(lanes, own, next))
}

/// A number of which each component is a function of that of another sharing: `f(i, x_i)`. Free.
pub(super) fn each_component<R: Ring, T: Ring>(role: usize, x: &Share<R>, f: impl Fn(usize, R) -> T) -> Share<T> {
    Share::new(x.own().map(|x| f(role, *x)), x.next().map(|x| f((role + 1) % 3, *x)))
}

/// A number of which one component is that of another sharing, under a function, and the others are zero. Free.
pub(super) fn one_component<R: Ring>(role: usize, x: &Share<R>, component: usize, f: impl Fn(R) -> R) -> Share<R> {
    each_component(role, x, |i, x| if i == component { f(x) } else { R::ZERO })
}

/// One component of shared bits as elements 0 and 1, the others zero. Free.
pub(super) fn bit_component<R: Ring>(role: usize, b: &BitShare, component: usize) -> Share<R> {
    let elements = |bits: &algebra::Bits, i: usize| {
        let bit = |j: usize| R::from_u64(bits.words()[j / 64] >> (j % 64) & u64::from(i % 3 == component));
        Tensor::from_fn(b.shape(), bit)
    };
    Share::new(elements(b.own(), role), elements(b.next(), role + 1))
}
