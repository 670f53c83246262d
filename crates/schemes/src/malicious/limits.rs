//! That what a player shared lies between limits, tested on the shares.
//!
//! An owner that deviates may share any element of the ring, also one for which what is computed from it has no room. Let
//! `y = x - low` and `span = high - low`: x lies between the limits exactly if `y ≤ span` as a number without sign, which two signs
//! tell, of `y` and `span - y` where `span < 2^(k-1)`, else of `y - span - 1` and `2^k - span - 2 - (y - span - 1)`. Where `span` is
//! 2^(k-1) - 1, as for fixed point without a range of its own, the sign of `y` tells alone.
//!
//! The bits "this number is outside" are verified and then opened *to be zero*, by digests: each player knows two
//! components, so also what the third must be if all bits are zero, and its two holders tell its digest. That opens what is
//! so in every run in which the owner keeps to its range, and so tells nothing; in others it ends the run.
//!
//! What is computed meanwhile tells nothing either: claims say what kernels did with components, and hold for every element of
//! the ring. So the test is a part of the value's [past](Past): nothing that depends on the value is revealed or kept
//! before it is over.
//!
//! [`msb`] of two numbers for each element (one where one sign tells), its check, and 1 round of 64 bytes from each player.

use algebra::{Ring, Tensor};
use net::PlayerId;

use super::coin::{DIGEST_WORDS, Digest, contradiction, digest};
use super::compare::{and_bits, msb};
use super::past::Past;
use super::shares::{BitShare, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Logic};
use crate::replicated::Seat;

/// Elements tested together: what is not verified yet must not fill the memory.
pub const PIECE: usize = 1 << 18;

/// Between which elements of the ring numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits<R> {
    low: R,
    /// The greatest less the least.
    span: R,
}

impl<R: Ring> Limits<R> {
    /// From the least to the greatest; `None` if that is every element.
    #[must_use]
    pub fn new(low: i128, high: i128) -> Option<Self> {
        let (low, high) = (R::from_i128(low), R::from_i128(high));
        let span = high.wsub(low);
        (span != R::ONE.wneg()).then_some(Self { low, span })
    }

    /// For each element whether it is outside.
    async fn outside(self, party: &Party, x: &Share<R>) -> Result<BitShare> {
        let minus = |a: R, x: &Share<R>| x.times(R::ONE.wneg())?.plus_public(party, a);
        let y = x.plus_public(party, self.low.wneg())?;
        if self.span == R::ONE.wneg().lshr(1) {
            return msb(party, &y).await;
        }
        if !self.span.bit(R::BITS - 1) {
            return msb(party, &Share::stack(&[&y, &minus(self.span, &y)?])?).await;
        }
        let beyond = y.plus_public(party, self.span.wneg().wsub(R::ONE))?;
        let rest = minus(self.span.wneg().wsub(R::from_u64(2)), &beyond)?;
        let signs = msb(party, &Share::stack(&[&beyond, &rest])?).await?;
        let sign = |i| signs.try_map(|t| t.index(0, i));
        and_bits(party, &sign(0)?.not(party)?, &sign(1)?.not(party)?).await
    }
}

/// What to say of a player that shared something else.
#[derive(Clone, Debug)]
pub struct Promise {
    /// Who shares it.
    pub owner: PlayerId,
    /// What it is called in the program.
    pub value: String,
    /// Its range, in words.
    pub range: String,
}

/// The same value, with a past that says that it is between the limits, as its owner promised.
pub fn within<R: Ring>(party: &Party, x: Share<R>, limits: Limits<R>, promise: Promise) -> Share<R> {
    let tested = Past::limits(party, x.clone(), limits, promise);
    Share::new(x.value, x.past.and(&tested))
}

/// Tests it.
pub(super) async fn hold<R: Ring>(party: &Party, x: &Share<R>, limits: Limits<R>, promise: &Promise) -> Result<()> {
    let count = x.value.len();
    let flat = x.try_map(|t| t.reshape([count]))?;
    for start in (0..count).step_by(PIECE) {
        let piece = flat.try_map(|t: &Tensor<R>| t.slice(0, start, count.min(start + PIECE), 1))?;
        let outside = limits.outside(party, &piece).await?;
        if !is_zero(party, &outside).await? {
            let Promise { owner, value, range } = promise.clone();
            return Err(Error::OutOfRange { player: party.player(owner), value, range });
        }
    }
    Ok(())
}

/// Whether no bit is set. Opens all of them if one is, so that nobody may have an interest in these staying secret.
async fn is_zero(party: &Party, bits: &BitShare) -> Result<bool> {
    let party = party.enter("zero-bits");
    bits.past.settle(&party).await?;
    let (seat, own, next) = (Seat::of(&party)?, bits.value.own(), bits.value.next());
    party.send(seat.next, &digest(own));
    party.send(seat.prev, &digest(next));
    let theirs: Digest = party.recv(seat.prev, DIGEST_WORDS).await?;
    let same: Digest = party.recv(seat.next, DIGEST_WORDS).await?;
    if theirs != same {
        return Err(contradiction(&party, &[seat.prev, seat.next], "they sent different digests of one component"));
    }
    Ok(theirs == digest(&own.xor(next)))
}
