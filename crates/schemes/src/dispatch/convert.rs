//! Casts of shared values. What does not fit cannot be seen on shares: the range of the result must hold the values.

use algebra::{Ring, Tensor};
use ir::{DType, RingBits, Scheme};

use super::replicated::Call;
use super::unsupported;
use crate::error::Result;
use crate::replicated::{self, BitShare, Share};
use crate::value::Value;

/// The bits of a type's ring, and its fraction bits.
fn form(dtype: DType) -> Option<(RingBits, u32)> {
    match dtype {
        DType::I64 | DType::U64 => Some((RingBits::B64, 0)),
        DType::Fixed { ring, frac } => Some((ring, u32::from(frac))),
        _ => None,
    }
}

/// The same numbers in another type.
pub(super) async fn cast(call: &Call<'_>, x: &Value) -> Result<Value> {
    let (party, to) = (call.party, call.env.dtype);
    let refuse = || unsupported(call.op, &[x], Scheme::Replicated);
    match (x, form(call.dtype), form(to)) {
        (Value::RepBits(_), _, None) => Ok(x.clone()),
        (Value::RepBits(b), _, Some((RingBits::B64, frac))) => Ok(Value::Rep64(bits(call, b, frac).await?)),
        (Value::RepBits(b), _, Some((RingBits::B128, frac))) => Ok(Value::Rep128(bits(call, b, frac).await?)),
        (Value::Rep64(s), Some(_), None) if to == DType::Bool => {
            Ok(Value::RepBits(replicated::is_zero(party, s).await?.not(call.role)))
        }
        (Value::Rep128(s), Some(_), None) if to == DType::Bool => {
            Ok(Value::RepBits(replicated::is_zero(party, s).await?.not(call.role)))
        }
        (Value::Rep64(s), Some((_, from)), Some((RingBits::B64, frac))) => {
            Ok(Value::Rep64(scaled(call, s, from, frac).await?))
        }
        (Value::Rep64(s), Some((_, from)), Some((RingBits::B128, frac))) => {
            // First widened, so that a shift to the left has room.
            let wide = replicated::widen(party, s).await?;
            Ok(Value::Rep128(scaled(call, &wide, from, frac).await?))
        }
        (Value::Rep128(s), Some((_, from)), Some((RingBits::B128, frac))) => {
            Ok(Value::Rep128(scaled(call, s, from, frac).await?))
        }
        (Value::Rep128(s), Some((_, from)), Some((RingBits::B64, frac))) => {
            Ok(Value::Rep64(replicated::lower(&scaled(call, s, from, frac).await?)))
        }
        _ => Err(refuse()),
    }
}

async fn bits<R: Ring>(call: &Call<'_>, b: &BitShare, frac: u32) -> Result<Share<R>> {
    Ok(replicated::to_ring::<R>(call.party, b).await?.scale(R::ONE.wshl(frac)))
}

/// From one number of fraction bits to another. Fewer by rounding: to whole numbers exactly to the nearest (halves up),
/// otherwise within one unit.
async fn scaled<R: Ring>(call: &Call<'_>, x: &Share<R>, from: u32, to: u32) -> Result<Share<R>> {
    if to >= from {
        return Ok(x.scale(R::ONE.wshl(to - from)));
    }
    let by = from - to;
    if to == 0 {
        return nearest(call, x, by).await;
    }
    replicated::truncate(call.party, x, by).await
}

/// The whole number nearest to `x / 2^by`. A truncation may give either neighbour, so the rest decides: cost of a
/// truncation, a comparison of twice as many elements, and a conversion of bits.
async fn nearest<R: Ring>(call: &Call<'_>, x: &Share<R>, by: u32) -> Result<Share<R>> {
    let t = replicated::truncate(call.party, x, by).await?;
    let rest = x.sub(&t.scale(R::ONE.wshl(by)))?;
    let half = Tensor::full(x.shape(), R::ONE.wshl(by - 1));
    // One more if rest ≥ half, one less if rest < -half.
    let below = rest.add_public(call.role, &half.neg())?;
    let above = rest.add_public(call.role, &half)?;
    let both = Share::join(&[&below, &above], |parts| Tensor::stack(parts, 0))?;
    let signs = replicated::to_ring::<R>(call.party, &replicated::msb(call.party, &both).await?).await?;
    let row = |i| signs.try_map(|s| s.index(0, i));
    let one = Tensor::full(x.shape(), R::ONE);
    t.add_public(call.role, &one)?.sub(&row(0)?)?.sub(&row(1)?)
}
