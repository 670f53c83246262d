//! Order: less-than, equality, the lesser and greater of two.

use algebra::Ring;

use super::{BitShare, Seat, Share, and_bits, is_zero, msb, mul_bit, select};
use crate::error::Result;
use crate::party::Party;

/// How elements of the ring are ordered, and what is known of their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As signed numbers with a bit of slack, |x| < 2^(k-2), as fixed point has: a difference cannot wrap.
    Slack,
    /// As signed numbers of the whole ring.
    Signed,
    /// As unsigned numbers of the whole ring.
    Unsigned,
}

/// Whether `x < y`, broadcast.
///
/// With slack, the sign of `x - y`: cost of [`msb`]. Otherwise also the signs of x and y are needed: where they differ
/// they decide, since only then can the difference wrap: thrice the bytes of [`msb`], and one round more.
pub async fn less<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<BitShare> {
    let party = party.enter("less");
    let difference = x.sub(y)?;
    if order == Order::Slack {
        return msb(&party, &difference).await;
    }
    let shape = difference.shape().to_vec();
    let whole = |s: &Share<R>| s.try_map(|t| t.broadcast_to(&shape));
    let (x, y) = (whole(x)?, whole(y)?);
    let signs = msb(&party, &Share::join(&[&x, &y, &difference], |t| algebra::Tensor::stack(t, 0))?).await?;
    let sign = |i| signs.try_map(|t| t.index(0, i));
    let (sx, sy, sd) = (sign(0)?, sign(1)?, sign(2)?);
    // Signed: x < y if x alone is negative; unsigned: if y alone has its top bit set.
    let decides = if order == Order::Signed { &sx } else { &sy };
    let differ = sx.xor(&sy)?;
    and_bits(&party, &differ, &decides.xor(&sd)?).await?.xor(&sd)
}

/// Whether `x = y`, broadcast. Cost of [`is_zero`].
pub async fn equal<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
    is_zero(party, &x.sub(y)?).await
}

/// The lesser of two, broadcast. Cost of [`less`] and [`select`].
pub async fn minimum<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<Share<R>> {
    let party = party.enter("minimum");
    let first = less(&party, x, y, order).await?;
    select(&party, &first, x, y).await
}

/// The greater of two, broadcast. Cost of [`less`] and [`select`].
pub async fn maximum<R: Ring>(party: &Party, x: &Share<R>, y: &Share<R>, order: Order) -> Result<Share<R>> {
    let party = party.enter("maximum");
    let first = less(&party, x, y, order).await?;
    select(&party, &first, y, x).await
}

/// The greater of `x` and 0, for signed numbers. Cost of [`msb`] and [`mul_bit`]: 9 rounds and 35, 23, 23 bytes for
/// k = 64.
pub async fn relu<R: Ring>(party: &Party, x: &Share<R>) -> Result<Share<R>> {
    let party = party.enter("relu");
    let role = Seat::of(&party)?.role;
    let positive = msb(&party, x).await?.not(role);
    mul_bit(&party, &positive, x).await
}
