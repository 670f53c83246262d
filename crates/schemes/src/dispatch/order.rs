//! Order and choice on shares: comparisons, extremes of two, absolute value, sign, limits.

use algebra::{Ring, Tensor};
use ir::{DType, Op};

use super::replicated::{Call, Carried};
use crate::error::Result;
use crate::replicated::{self, BitShare, Order, Share};

/// How elements of a type are ordered.
pub(super) fn order_of(dtype: DType) -> Order {
    match dtype {
        DType::I64 => Order::Signed,
        DType::U64 => Order::Unsigned,
        // Fixed point keeps a bit of slack.
        _ => Order::Slack,
    }
}

/// One of the six comparisons.
pub(super) async fn compare<R: Carried>(call: &Call<'_>, x: &Share<R>, y: &Share<R>) -> Result<BitShare> {
    let (party, order) = (call.party, order_of(call.dtype));
    Ok(match call.op {
        Op::Equal => replicated::equal(party, x, y).await?,
        Op::NotEqual => replicated::equal(party, x, y).await?.not(call.role),
        Op::Less => replicated::less(party, x, y, order).await?,
        Op::Greater => replicated::less(party, y, x, order).await?,
        Op::LessEqual => replicated::less(party, y, x, order).await?.not(call.role),
        _ => replicated::less(party, x, y, order).await?.not(call.role),
    })
}

/// The lesser (`least`) or greater of two.
pub(super) async fn extreme<R: Carried>(call: &Call<'_>, least: bool, x: &Share<R>, y: &Share<R>) -> Result<Share<R>> {
    match least {
        true => replicated::minimum(call.party, x, y, order_of(call.dtype)).await,
        false => replicated::maximum(call.party, x, y, order_of(call.dtype)).await,
    }
}

/// Absolute value, sign, ReLU, limits.
pub(super) async fn unary<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let party = call.party;
    match call.op {
        Op::Relu if call.dtype == DType::U64 => Ok(x.clone()),
        Op::Relu => replicated::relu(party, x).await,
        Op::Abs => {
            let negative = replicated::msb(party, x).await?;
            replicated::select(party, &negative, &x.neg(), x).await
        }
        Op::Sign => sign(call, x).await,
        _ => clip(call, x).await,
    }
}

/// -1, 0 or 1: whether 0 < x, less whether x < 0. The least integer is its own negative, so a negative number is
/// never counted as positive.
async fn sign<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let (above, below) = (call.party.narrow("above"), call.party.narrow("below"));
    let negated = x.neg();
    let (positive, negative) = futures::try_join!(replicated::msb(&above, &negated), replicated::msb(&below, x))?;
    // Fixed point keeps a bit of slack, so that its numbers all have a negative.
    let positive = match call.dtype {
        DType::I64 => replicated::and_bits(&above, &positive, &negative.not(call.role)).await?,
        _ => positive,
    };
    let positive = replicated::to_ring::<R>(&above, &positive);
    let negative = replicated::to_ring::<R>(&below, &negative);
    let (positive, negative) = futures::try_join!(positive, negative)?;
    Ok(positive.sub(&negative)?.scale(R::ONE.wshl(call.frac().unwrap_or(0))))
}

/// x limited to a public range.
async fn clip<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let limit =
        |name: &str| -> Result<Share<R>> { Ok(Share::public(call.role, &Tensor::scalar(limit::<R>(call, name)?))) };
    let raised = extreme(call, false, x, &limit("low")?).await?;
    extreme(call, true, &raised, &limit("high")?).await
}

/// A limit of a range, encoded as the operand is; one that no number of its type is beyond where it does not fit.
pub(super) fn limit<R: Ring>(call: &Call<'_>, name: &str) -> Result<R> {
    let bound = call.attrs.real(name).unwrap_or(0.0);
    if let Some(frac) = call.frac() {
        let most = ((f64::from(R::BITS) - 2.0).exp2().next_down()) * (-f64::from(frac)).exp2();
        return Ok(algebra::fixed::encode::<R>(bound.clamp(-most, most), frac)?);
    }
    // An integer is at least 2.5 if and only if it is at least 3.
    let whole = if name == "low" { bound.ceil() } else { bound.floor() } as i128;
    let (least, greatest) = match call.dtype {
        DType::U64 => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    Ok(R::from_i128(whole.clamp(least, greatest)))
}
