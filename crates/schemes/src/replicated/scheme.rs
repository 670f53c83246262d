//! Replicated sharing behind the primitive traits.

use algebra::{Ring, ShapeError, Tensor};

use super::{BitShare, Order, Planes, Seat, Share};
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Exponent, Linear, Logic, Rearrange, Scheme};

/// Replicated sharing among three players.
pub struct Replicated;

impl<R: Ring> Linear<R> for Share<R> {
    fn shape(&self) -> &[usize] {
        Share::shape(self)
    }

    fn public(party: &Party, value: &Tensor<R>) -> Result<Self> {
        Ok(Share::public(Seat::of(party)?.role, value))
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<R>]) -> Result<Tensor<R>, ShapeError>) -> Result<Self> {
        Ok(Share::join(parts, f)?)
    }
}

impl Logic for BitShare {
    fn shape(&self) -> &[usize] {
        BitShare::shape(self)
    }

    fn xor(&self, other: &Self) -> Result<Self> {
        BitShare::xor(self, other)
    }

    fn not(&self, party: &Party) -> Result<Self> {
        Ok(BitShare::not(self, Seat::of(party)?.role))
    }

    fn parts(&self) -> Result<Vec<Self>> {
        Ok(BitShare::parts(self))
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<bool>]) -> Result<Tensor<bool>, ShapeError>) -> Result<Self> {
        Ok(BitShare::join(parts, f)?)
    }
}

impl Scheme for Replicated {
    type Num<R: Ring> = Share<R>;
    type Bit = BitShare;

    async fn mul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
        super::mul(party, x, y).await
    }

    async fn matmul<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
        super::matmul(party, x, y).await
    }

    async fn mul_fixed<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, frac: u32) -> Result<Share<R>> {
        super::mul_fixed(party, x, y, frac).await
    }

    async fn truncate<R: Ring>(party: &Party, x: &Share<R>, by: u32) -> Result<Share<R>> {
        super::truncate(party, x, by).await
    }

    async fn less<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<BitShare> {
        super::less(party, x, y, order).await
    }

    async fn equal<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
        super::equal(party, x, y).await
    }

    async fn and(party: &Party, x: &BitShare, y: &BitShare) -> Result<BitShare> {
        super::and_bits(party, x, y).await
    }

    async fn mul_bit<R: Ring>(party: &Party, b: &BitShare, x: &Share<R>) -> Result<Share<R>> {
        super::mul_bit(party, b, x).await
    }

    async fn signed_choice<R: Ring>(
        party: &Party,
        bits: (&BitShare, &BitShare),
        x: &Share<R>,
        beyond: R,
        by: u32,
    ) -> Result<Share<R>> {
        super::signed_choice(party, bits, x, beyond, by).await
    }

    async fn to_ring<R: Ring>(party: &Party, b: &BitShare) -> Result<Share<R>> {
        super::to_ring(party, b).await
    }

    async fn bits<R: Ring>(party: &Party, x: &Share<R>, width: usize) -> Result<Vec<BitShare>> {
        let planes = super::decompose(party, x, width).await?;
        Ok((0..width).map(|j| plane(&planes, j, x.shape())).collect())
    }

    async fn exponent(party: &Party, x: &Share<u64>) -> Result<Exponent<BitShare>> {
        exponent(party, x).await
    }

    async fn widen(party: &Party, x: &Share<u64>) -> Result<Share<u128>> {
        super::widen(party, x).await
    }

    fn lower(x: &Share<u128>) -> Share<u64> {
        super::lower(x)
    }
}

impl Rearrange for Replicated {
    type Permutation = super::Permutation;

    fn permutation(party: &Party, rows: usize) -> Result<super::Permutation> {
        super::permutation(party, rows)
    }

    async fn shuffle<R: Ring>(party: &Party, order: &super::Permutation, x: &Share<R>, back: bool) -> Result<Share<R>> {
        super::shuffle(party, order, x, back).await
    }

    async fn shuffle_bits(party: &Party, order: &super::Permutation, x: &BitShare, back: bool) -> Result<BitShare> {
        super::shuffle_bits(party, order, x, back).await
    }

    async fn open<R: Ring>(party: &Party, x: &Share<R>) -> Result<Tensor<R>> {
        let value = super::reveal(party, Some(x), party.roles(), x.shape()).await?;
        value.ok_or_else(|| crate::error::Error::misuse("all three read what is opened to all"))
    }
}

fn plane(planes: &Planes, j: usize, shape: &[usize]) -> BitShare {
    if planes.lanes() == 0 {
        return BitShare::new(shape, algebra::Bits::zeros(0), algebra::Bits::zeros(0));
    }
    planes.plane(j, shape)
}

/// The position of the leading one: all bits, folded to a magnitude by the sign, a prefix disjunction from the top, and
/// its steps. 8 + 6 rounds.
async fn exponent(party: &Party, x: &Share<u64>) -> Result<Exponent<BitShare>> {
    const TOP: usize = 61;
    let party = party.enter("exponent");
    let (role, shape) = (Seat::of(&party)?.role, x.shape());
    if x.is_empty() {
        let none = || BitShare::new(shape, algebra::Bits::zeros(0), algebra::Bits::zeros(0));
        return Ok(Exponent { sign: none(), d: (0..6).map(|_| none()).collect() });
    }
    let bits = super::decompose(&party, x, 64).await?;
    let sign = bits.plane(63, shape);
    // One's complement of negative numbers; bit 0 counts as set, so that there always is a leading one.
    let magnitude = bits.pick(1..=TOP).xor(&bits.pick((1..=TOP).map(|_| 63)));
    let ors = super::prefix_or(&party, &magnitude).await?;
    // Plane j-1 of `ors` says that the leading one is at j or above. Where it is at exactly j, `at` is set.
    let higher = |j: usize| if j < TOP { Some(ors.pick([j])) } else { None };
    let at = |j: usize| match (j, higher(j)) {
        (0, _) => ors.pick([0]).not(role),
        (_, Some(higher)) => ors.pick([j - 1]).xor(&higher),
        (_, None) => ors.pick([j - 1]),
    };
    let steps: Vec<Planes> = (0..=TOP).map(at).collect();
    let d = (0..6).map(|i| {
        let set = (0..=TOP).filter(|j| (TOP - j) >> i & 1 == 1);
        let sum = set.map(|j| steps[j].clone()).reduce(|a, b| a.xor(&b));
        sum.map_or_else(|| sign.clone(), |s| s.plane(0, shape))
    });
    Ok(Exponent { sign: sign.clone(), d: d.collect() })
}
