//! Rows of shares: ordered, picked, counted, summed by group.

use algebra::Ring;
use ir::{DType, Op, Scheme};

use super::order::order_of;
use super::replicated::{Call, Carried};
use super::unsupported;
use crate::error::{Error, Result};
use crate::functions;
use crate::plain::{neighbours, thresholds};
use crate::replicated::{self, Replicated, Share};
use crate::value::Value;

/// One operator on rows.
pub(super) async fn apply(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let party = call.party;
    match (call.op, args) {
        (Op::Shuffle, [Value::RepBits(x)]) => {
            Ok(Value::RepBits(functions::shuffle_bits::<Replicated>(party, x).await?))
        }
        (Op::SortBy, [x, key]) => {
            let places = match key {
                Value::Rep64(key) => places(call, key).await?,
                Value::Rep128(key) => places(call, key).await?,
                _ => return Err(unsupported(call.op, args, Scheme::Replicated)),
            };
            arranged(call, &places, x).await
        }
        (Op::SegmentLast, [Value::Rep64(key)]) => {
            Ok(Value::RepBits(functions::segment_last::<Replicated>(party, key).await?))
        }
        (Op::GroupCount, [Value::Rep64(key)]) => {
            let groups = call.env.shape[0];
            Ok(Value::Rep64(functions::group_count::<Replicated, u64>(party, key, groups).await?))
        }
        (Op::Take, [Value::RepBits(x), index]) => {
            let x = replicated::to_ring::<u64>(party, x).await?;
            let Value::Rep64(rows) = picked(call, &x, &[index]).await? else {
                return Err(unsupported(call.op, args, Scheme::Replicated));
            };
            Ok(Value::RepBits(replicated::is_zero(party, &rows).await?.not(call.role)))
        }
        (_, [Value::Rep64(x), rest @ ..]) => numbers(call, x, rest).await,
        (_, [Value::Rep128(x), rest @ ..]) => numbers(call, x, rest).await,
        _ => Err(unsupported(call.op, args, Scheme::Replicated)),
    }
}

fn descending(call: &Call<'_>) -> bool {
    call.attrs.bool("descending").unwrap_or(false)
}

async fn places<R: Carried>(call: &Call<'_>, key: &Share<R>) -> Result<Share<u64>> {
    functions::places::<Replicated, R>(call.party, key, order_of(call.dtype), descending(call)).await
}

async fn arranged(call: &Call<'_>, places: &Share<u64>, x: &Value) -> Result<Value> {
    let party = call.party;
    Ok(match x {
        Value::Rep64(x) => Value::Rep64(functions::arranged::<Replicated, u64>(party, places, x).await?),
        Value::Rep128(x) => Value::Rep128(functions::arranged::<Replicated, u128>(party, places, x).await?),
        Value::RepBits(x) => Value::RepBits(functions::arranged_bits::<Replicated>(party, places, x).await?),
        other => return Err(unsupported(call.op, &[other], Scheme::Replicated)),
    })
}

/// Operators whose first operand is of numbers.
async fn numbers<R: Carried>(call: &Call<'_>, x: &Share<R>, rest: &[&Value]) -> Result<Value> {
    let (party, order) = (call.party, order_of(call.dtype));
    let share = match call.op {
        Op::Shuffle => functions::shuffle::<Replicated, R>(party, x).await?,
        Op::Sort => functions::sort::<Replicated, R>(party, x, order, descending(call)).await?,
        Op::ArgSort => {
            return Ok(Value::Rep64(functions::argsort::<Replicated, R>(party, x, order, descending(call)).await?));
        }
        Op::TopK => {
            let sorted = functions::sort::<Replicated, R>(party, x, order, true).await?;
            sorted.try_map(|t| t.rows(0, call.env.shape[0]))?
        }
        Op::Quantile | Op::Median => {
            let (at, part) = neighbours(x.len(), call.attrs.real("q").unwrap_or(0.5))?;
            functions::quantile::<Replicated, R>(party, x, at, part).await?
        }
        Op::Histogram => {
            let thresholds = thresholds(&call.attrs.edges(), call.frac().unwrap_or(0));
            let limits: Vec<R> = thresholds.into_iter().map(|t| within::<R>(call.dtype, t)).collect();
            return Ok(Value::Rep64(functions::histogram::<Replicated, R>(party, x, &limits, order).await?));
        }
        _ => return picked(call, x, rest).await,
    };
    Ok(R::value(share))
}

/// A threshold that no element of the type is beyond.
fn within<R: Ring>(dtype: DType, threshold: i128) -> R {
    let (low, high) = match dtype {
        DType::I64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        DType::U64 => (0, i128::from(u64::MAX)),
        _ => (-(1 << (R::BITS - 2)), 1 << (R::BITS - 2)),
    };
    R::from_i128(threshold.clamp(low, high))
}

/// Rows at secret positions, and of secret groups.
async fn picked<R: Carried>(call: &Call<'_>, x: &Share<R>, rest: &[&Value]) -> Result<Value> {
    let (party, groups) = (call.party, call.env.shape.first().copied().unwrap_or(0));
    let Some(Value::Rep64(key)) = rest.first() else {
        return Err(unsupported(call.op, rest, Scheme::Replicated));
    };
    let share = match (call.op, rest) {
        (Op::Take, _) => functions::take::<Replicated, R>(party, x, key).await?,
        (Op::Put, [_, values]) => {
            let values = R::share(values).ok_or_else(|| unsupported(call.op, rest, Scheme::Replicated))?;
            functions::put::<Replicated, R>(party, x, key, values).await?
        }
        (Op::GroupSum, _) => functions::group_sum::<Replicated, R>(party, x, key, groups).await?,
        (Op::GroupMean, _) => {
            let DType::Fixed { frac, .. } = call.env.dtype else {
                return Err(Error::misuse("a mean of what is not fixed point"));
            };
            functions::group_mean::<Replicated, R>(party, x, key, groups, u32::from(frac)).await?
        }
        (Op::SegmentSum, _) => functions::segment_sum::<Replicated, R>(party, x, key).await?,
        _ => return Err(unsupported(call.op, rest, Scheme::Replicated)),
    };
    Ok(R::value(share))
}
