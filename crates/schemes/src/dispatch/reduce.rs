//! Reductions of shares: which function of the language is which composite function.

use ir::Op;

use super::form::{Element, Held};
use super::order::order_of;
use super::replicated::Call;
use crate::error::{Error, Result};
use crate::functions::{self, Extreme};
use crate::plain::windows;
use crate::primitives::Linear;

/// Reductions over axes: least, greatest, mean, variance, standard deviation, norm.
pub(super) async fn reduce<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>) -> Result<S::Num<R>> {
    let (party, axes, keep) = (call.party, call.axes(x.shape().len()), call.keep_dims());
    if let Op::Min | Op::Max = call.op {
        let which = if call.op == Op::Min { Extreme::Least } else { Extreme::Greatest };
        return functions::extreme::<S, R>(party, x, &axes, keep, which, order_of(call.dtype)).await;
    }
    let frac = call.frac().ok_or_else(|| Error::misuse("a mean of what is not fixed point"))?;
    let ddof = call.attrs.int("ddof").and_then(|d| u64::try_from(d).ok()).unwrap_or(0);
    match call.op {
        Op::Mean => functions::mean::<S, R>(party, x, &axes, keep).await,
        Op::Variance => functions::variance::<S, R>(party, x, &axes, keep, ddof, frac).await,
        Op::Norm => functions::norm::<S, R>(party, x, &axes, keep, frac).await,
        _ => functions::std::<S, R>(party, x, &axes, keep, ddof, frac).await,
    }
}

/// The position of the first extreme along an axis.
pub(super) async fn position<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>) -> Result<S::Num<u64>> {
    let which = if call.op == Op::ArgMin { Extreme::Least } else { Extreme::Greatest };
    let axis = call.attrs.int("axis").unwrap_or(0) as usize;
    functions::argument::<S, R>(call.party, x, axis, which, order_of(call.dtype)).await
}

/// The sum over axes. Free.
pub(super) fn sum<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>) -> Result<S::Num<R>> {
    S::Num::<R>::join(&[x], |t| t[0].sum_axes(&call.axes(t[0].shape().len()), call.keep_dims()))
}

/// The running sum along an axis. Free.
pub(super) fn running<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>) -> Result<S::Num<R>> {
    let axis = call.attrs.int("axis").unwrap_or(0) as usize;
    S::Num::<R>::join(&[x], |t| crate::plain::running(t[0], axis, |_, a, b| Ok(a.wadd(b))))
}

/// The greatest or the mean of each window of images.
pub(super) async fn pool<S: Held, R: Element>(call: &Call<'_>, x: &S::Num<R>) -> Result<S::Num<R>> {
    let windows = S::Num::<R>::join(&[x], |t| windows(call.op, call.attrs, t[0]))?;
    if call.op == Op::AvgPool2d {
        return functions::mean::<S, R>(call.party, &windows, &[0], false).await;
    }
    let order = order_of(call.dtype);
    functions::extreme::<S, R>(call.party, &windows, &[0], false, Extreme::Greatest, order).await
}
