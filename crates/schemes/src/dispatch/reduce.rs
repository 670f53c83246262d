//! Reductions of shares: which function of the language is which composite function.

use ir::Op;

use super::order::order_of;
use super::replicated::{Call, Carried};
use crate::error::{Error, Result};
use crate::functions::{self, Extreme};
use crate::plain::windows;
use crate::replicated::{Replicated, Share};

/// The least or greatest over axes.
pub(super) async fn extreme<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let which = if call.op == Op::Min { Extreme::Least } else { Extreme::Greatest };
    let axes = call.axes(x.shape().len());
    functions::extreme::<Replicated, R>(call.party, x, &axes, call.keep_dims(), which, order_of(call.dtype)).await
}

/// The position of the first extreme along an axis.
pub(super) async fn position<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<u64>> {
    let which = if call.op == Op::ArgMin { Extreme::Least } else { Extreme::Greatest };
    let axis = call.attrs.int("axis").unwrap_or(0) as usize;
    functions::argument::<Replicated, R>(call.party, x, axis, which, order_of(call.dtype)).await
}

/// Mean, variance, standard deviation, norm.
pub(super) async fn moment<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let frac = call.frac().ok_or_else(|| Error::misuse("a mean of what is not fixed point"))?;
    let (party, axes, keep) = (call.party, call.axes(x.shape().len()), call.keep_dims());
    let ddof = call.attrs.int("ddof").and_then(|d| u64::try_from(d).ok()).unwrap_or(0);
    match call.op {
        Op::Mean => functions::mean::<Replicated, R>(party, x, &axes, keep).await,
        Op::Variance => functions::variance::<Replicated, R>(party, x, &axes, keep, ddof, frac).await,
        Op::Norm => functions::norm::<Replicated, R>(party, x, &axes, keep, frac).await,
        _ => functions::std::<Replicated, R>(party, x, &axes, keep, ddof, frac).await,
    }
}

/// The running sum along an axis. Free.
pub(super) fn running<R: Carried>(x: &Share<R>, axis: usize) -> Result<Share<R>> {
    x.try_map(|t| crate::plain::running(t, axis, |a, b| Some(a.wadd(b))))
}

/// The greatest or the mean of each window of images.
pub(super) async fn pool<R: Carried>(call: &Call<'_>, x: &Share<R>) -> Result<Share<R>> {
    let windows = x.try_map(|t| windows(call.op, call.attrs, t))?;
    if call.op == Op::AvgPool2d {
        return functions::mean::<Replicated, R>(call.party, &windows, &[0], false).await;
    }
    let order = order_of(call.dtype);
    functions::extreme::<Replicated, R>(call.party, &windows, &[0], false, Extreme::Greatest, order).await
}
