//! Rows of shares: ordered, picked, counted, summed by group.

use algebra::{Ring, Tensor};
use ir::{DType, Op};

use super::form::{Element, Held};
use super::order::order_of;
use super::replicated::Call;
use super::unsupported;
use crate::error::{Error, Result};
use crate::functions;
use crate::plain::{neighbours, thresholds};
use crate::primitives::{Linear, Logic};
use crate::value::Value;

/// One operator on rows.
pub(super) async fn apply<S: Held>(call: &Call<'_>, args: &[&Value]) -> Result<Value> {
    let party = call.party;
    let [x, rest @ ..] = args else { return Err(unsupported(call.op, args, S::KIND)) };
    let small = S::as_small(x);
    match (call.op, small, rest) {
        (Op::SortBy, _, [key]) => match (u64::of::<S>(key), u128::of::<S>(key)) {
            (Some(key), _) => sorted_by::<S, u64>(call, x, key).await,
            (_, Some(key)) => sorted_by::<S, u128>(call, x, key).await,
            _ => Err(unsupported(call.op, args, S::KIND)),
        },
        (Op::SegmentLast, Some(key), _) => Ok(S::truth(functions::segment_last::<S>(party, key).await?)),
        (Op::GroupCount, Some(key), _) => {
            Ok(S::small(functions::group_count::<S, u64>(party, key, call.env.shape[0]).await?))
        }
        (_, Some(x), _) => numbers::<S, u64>(call, x, rest).await,
        _ => match (S::as_large(x), S::as_truth(x)) {
            (Some(x), _) => numbers::<S, u128>(call, x, rest).await,
            (_, Some(x)) => bits::<S>(call, x, rest).await,
            _ => Err(unsupported(call.op, args, S::KIND)),
        },
    }
}

/// Operators whose first operand is of truth values.
async fn bits<S: Held>(call: &Call<'_>, x: &S::Bit, rest: &[&Value]) -> Result<Value> {
    let party = call.party;
    if call.op == Op::Shuffle {
        return S::shuffled_bits(party, x).await.map(S::truth);
    }
    let index = rest.first().and_then(|v| S::as_small(v)).filter(|_| call.op == Op::Take);
    let index = index.ok_or_else(|| unsupported(call.op, rest, S::KIND))?;
    let rows = functions::take::<S, u64>(party, &S::to_ring::<u64>(party, x).await?, index).await?;
    let zero = S::Num::<u64>::public(party, &Tensor::scalar(0))?;
    S::equal::<u64>(party, &rows, &zero).await?.not(party).map(S::truth)
}

fn descending(call: &Call<'_>) -> bool {
    call.attrs.bool("descending").unwrap_or(false)
}

async fn sorted_by<S: Held, K: Ring>(call: &Call<'_>, x: &Value, key: &S::Num<K>) -> Result<Value> {
    let (party, order, descending) = (call.party, order_of(call.dtype), descending(call));
    if let Some(x) = S::as_small(x) {
        return S::sort_by::<K, u64>(party, x, key, order, descending).await.map(S::small);
    }
    if let Some(x) = S::as_large(x) {
        return S::sort_by::<K, u128>(party, x, key, order, descending).await.map(S::large);
    }
    let x = S::as_truth(x).ok_or_else(|| unsupported(call.op, &[x], S::KIND))?;
    S::sort_bits_by::<K>(party, x, key, order, descending).await.map(S::truth)
}

/// Operators whose first operand is of numbers.
async fn numbers<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>, rest: &[&Value]) -> Result<Value> {
    let (party, order) = (call.party, order_of(call.dtype));
    let share = match call.op {
        Op::Shuffle => S::shuffled::<R>(party, x).await?,
        Op::Sort => S::sort::<R>(party, x, order, descending(call)).await?,
        Op::ArgSort => return functions::argsort::<S, R>(party, x, order, descending(call)).await.map(S::small),
        Op::TopK => S::sort::<R>(party, x, order, true).await?.rows(0, call.env.shape[0])?,
        Op::Quantile | Op::Median => {
            let (at, part) = neighbours(x.shape()[0], call.attrs.real("q").unwrap_or(0.5))?;
            functions::quantile::<S, R>(party, x, at, part).await?
        }
        Op::Histogram => {
            let thresholds = thresholds(&call.attrs.edges(), call.frac().unwrap_or(0));
            let limits: Vec<R> = thresholds.into_iter().map(|t| within::<R>(call.dtype, t)).collect();
            return functions::histogram::<S, R>(party, x, &limits, order).await.map(S::small);
        }
        _ => return picked::<S, R>(call, x, rest).await,
    };
    Ok(R::held::<S>(share))
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
async fn picked<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>, rest: &[&Value]) -> Result<Value> {
    let (party, groups) = (call.party, call.env.shape.first().copied().unwrap_or(0));
    let refuse = || unsupported(call.op, rest, S::KIND);
    let key = rest.first().and_then(|v| S::as_small(v)).ok_or_else(refuse)?;
    let share = match (call.op, rest) {
        (Op::Take, _) => functions::take::<S, R>(party, x, key).await?,
        (Op::Put, [_, values]) => {
            let values = R::of::<S>(values).ok_or_else(refuse)?;
            functions::put::<S, R>(party, x, key, values).await?
        }
        (Op::GroupSum, _) => functions::group_sum::<S, R>(party, x, key, groups).await?,
        (Op::GroupMean, _) => {
            let DType::Fixed { frac, .. } = call.env.dtype else {
                return Err(Error::misuse("a mean of what is not fixed point"));
            };
            functions::group_mean::<S, R>(party, x, key, groups, u32::from(frac)).await?
        }
        (Op::SegmentSum, _) => functions::segment_sum::<S, R>(party, x, key).await?,
        _ => return Err(refuse()),
    };
    Ok(R::held::<S>(share))
}
