//! Rows in the clear: ordered, picked, counted, summed by group.

use std::cmp::Ordering;

use algebra::Tensor;
use ir::{Attrs, DType, Op};

use super::number::Number;
use super::{Plain, cast};
use crate::error::{Error, Result};
use crate::value::Env;

/// One operator on rows. A random order is the order that there is: in the clear nobody could keep it secret.
pub(super) fn apply(op: Op, attrs: &Attrs, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let x = args[0];
    let descending = attrs.bool("descending").unwrap_or(false);
    Ok(match op {
        Op::Shuffle => x.clone(),
        Op::Sort => picked(x, &some(order(x, descending)), env.shape)?,
        Op::SortBy => picked(x, &some(order(args[1], descending)), env.shape)?,
        Op::ArgSort => {
            let places = order(x, descending).into_iter().map(|i| i as i64).collect();
            Plain::I64(Tensor::new(env.shape, places)?)
        }
        Op::TopK => {
            let mut first = order(x, true);
            first.truncate(env.shape[0]);
            picked(x, &some(first), env.shape)?
        }
        Op::Take => picked(x, &positions(args[1], x.shape()[0]), env.shape)?,
        Op::Quantile | Op::Median => return quantile(x, attrs, env),
        Op::Histogram => histogram(x, &attrs.edges(), env)?,
        Op::SegmentLast => {
            let keys = cast::scaled(x);
            let last = |i| keys.data().get(i + 1) != Some(&keys.data()[i]);
            Plain::Bool(Tensor::from_fn(env.shape, last))
        }
        _ => return sums(op, args, env),
    })
}

/// Sums, exactly where the elements are whole numbers or carried by them, else in double precision.
fn sums(op: Op, args: &[&Plain], env: &Env<'_>) -> Result<Plain> {
    let exact = !env.dtype.is_float() && op != Op::GroupMean;
    if !exact {
        let values: Vec<Tensor<f64>> = [args[0], args[args.len() - 1]].iter().map(|a| a.to_f64()).collect();
        return cast(&Plain::F64(grouped(op, &values, args, env)?), env.dtype);
    }
    let values: Vec<Tensor<i128>> = [args[0], args[args.len() - 1]].iter().map(|a| cast::scaled(a)).collect();
    let sums = grouped(op, &values, args, env)?;
    let modular = sums.map(|v| if env.dtype == DType::U64 { v.rem_euclid(1 << 64) } else { *v });
    cast::from_exact(&modular, env.dtype)
}

fn grouped<T: Number>(op: Op, values: &[Tensor<T>], args: &[&Plain], env: &Env<'_>) -> Result<Tensor<T>> {
    let n = env.shape.first().copied().unwrap_or(0);
    match op {
        Op::Put => put(&values[0], &positions(args[1], n), &values[1]),
        Op::GroupCount => {
            let ones = args[0].to_f64().map(|_| T::ONE);
            add_rows(&Tensor::new(env.shape, vec![T::default(); n])?, &positions(args[0], n), &ones)
        }
        Op::GroupSum | Op::GroupMean => {
            let keys = positions(args[1], n);
            let zeros = Tensor::new(env.shape, vec![T::default(); env.shape.iter().product()])?;
            let totals = add_rows(&zeros, &keys, &values[0])?;
            if op == Op::GroupSum {
                return Ok(totals);
            }
            let run = totals.len().checked_div(n).unwrap_or(0).max(1);
            let count = |group: usize| keys.iter().filter(|k| **k == Some(group)).count().max(1);
            let mut i = 0..;
            totals.try_map(|t| {
                let group = i.next().unwrap_or(0) / run;
                t.per(count(group)).ok_or_else(|| Error::misuse("a mean of whole numbers"))
            })
        }
        _ => segments(&values[0], &cast::scaled(args[1])),
    }
}

/// Every row's sum of its run up to it.
fn segments<T: Number>(x: &Tensor<T>, key: &Tensor<i128>) -> Result<Tensor<T>> {
    let run = x.shape()[1..].iter().product::<usize>();
    let mut data = x.data().to_vec();
    for i in run..data.len() {
        let row = i / run;
        if key.data()[row] == key.data()[row - 1] {
            data[i] = data[i].plus(data[i - run]).ok_or_else(too_large(i))?;
        }
    }
    Ok(Tensor::new(x.shape(), data)?)
}

fn too_large(index: usize) -> impl Fn() -> Error {
    move || Error::Range { index, dtype: "an integer".into(), why: "the result is too large" }
}

/// The rows of values added to those of x at these places.
fn add_rows<T: Number>(x: &Tensor<T>, at: &[Option<usize>], values: &Tensor<T>) -> Result<Tensor<T>> {
    let run: usize = x.shape()[1..].iter().product();
    let mut data = x.data().to_vec();
    for (row, place) in at.iter().enumerate() {
        let Some(place) = place else { continue };
        for column in 0..run {
            let slot = &mut data[place * run + column];
            *slot = slot.plus(values.data()[row * run + column]).ok_or_else(too_large(row))?;
        }
    }
    Ok(Tensor::new(x.shape(), data)?)
}

fn put<T: Number>(x: &Tensor<T>, at: &[Option<usize>], values: &Tensor<T>) -> Result<Tensor<T>> {
    let run: usize = x.shape()[1..].iter().product();
    let mut emptied = x.clone();
    for place in at.iter().flatten() {
        emptied.data_mut()[place * run..(place + 1) * run].fill(T::default());
    }
    add_rows(&emptied, at, values)
}

fn some(rows: Vec<usize>) -> Vec<Option<usize>> {
    rows.into_iter().map(Some).collect()
}

/// Positions among `n`; none for those that do not exist.
fn positions(index: &Plain, n: usize) -> Vec<Option<usize>> {
    cast::scaled(index).data().iter().map(|i| usize::try_from(*i).ok().filter(|i| *i < n)).collect()
}

/// The positions that sort a vector; of equals the first stays first.
fn order(key: &Plain, descending: bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..key.len()).collect();
    let direction = |o: Ordering| if descending { o.reverse() } else { o };
    if key.dtype().is_float() {
        let key = key.to_f64();
        rows.sort_by(|a, b| direction(key.data()[*a].total_cmp(&key.data()[*b])));
    } else {
        let key = cast::scaled(key);
        rows.sort_by(|a, b| direction(key.data()[*a].cmp(&key.data()[*b])));
    }
    rows
}

/// Rows of x, with zeros for none.
fn picked(x: &Plain, rows: &[Option<usize>], shape: &[usize]) -> Result<Plain> {
    Ok(match x {
        Plain::Bool(t) => Plain::Bool(taken(t, rows, shape)?),
        Plain::I64(t) => Plain::I64(taken(t, rows, shape)?),
        Plain::U64(t) => Plain::U64(taken(t, rows, shape)?),
        Plain::F32(t) => Plain::F32(taken(t, rows, shape)?),
        Plain::F64(t) => Plain::F64(taken(t, rows, shape)?),
        Plain::Fixed64(t, frac) => Plain::Fixed64(taken(t, rows, shape)?, *frac),
        Plain::Fixed128(t, frac) => Plain::Fixed128(taken(t, rows, shape)?, *frac),
    })
}

fn taken<T: Copy + Default>(x: &Tensor<T>, rows: &[Option<usize>], shape: &[usize]) -> Result<Tensor<T>> {
    let run: usize = x.shape()[1..].iter().product();
    let mut data = Vec::with_capacity(rows.len() * run);
    for row in rows {
        match row {
            Some(row) => data.extend_from_slice(&x.data()[row * run..(row + 1) * run]),
            None => data.resize(data.len() + run, T::default()),
        }
    }
    Ok(Tensor::new(shape, data)?)
}

/// Between the two neighbours of the place (n - 1)·q.
fn quantile(x: &Plain, attrs: &Attrs, env: &Env<'_>) -> Result<Plain> {
    let (rows, values) = (order(x, false), x.to_f64());
    let (at, part) = neighbours(rows.len(), attrs.real("q").unwrap_or(0.5))?;
    let value = |i: usize| values.data()[rows[i.min(rows.len() - 1)]];
    let between = value(at) + (value(at + 1) - value(at)) * part;
    cast(&Plain::F64(Tensor::scalar(between)), env.dtype)
}

/// Where a quantile of n numbers lies: the position below it, and how far it is to the next.
pub(crate) fn neighbours(n: usize, q: f64) -> Result<(usize, f64)> {
    if n == 0 {
        return Err(Error::misuse("a quantile of no numbers"));
    }
    let place = (n - 1) as f64 * q;
    Ok((place.floor() as usize, place - place.floor()))
}

fn histogram(x: &Plain, edges: &[f64], env: &Env<'_>) -> Result<Plain> {
    let below = |least: i128, values: &Tensor<i128>| values.data().iter().filter(|v| **v < least).count() as i64;
    let counts: Vec<i64> = if x.dtype().is_float() {
        let values = x.to_f64();
        let top = edges.len() - 1;
        let below = |i: usize| {
            let is_below = |v: &&f64| if i == top { **v <= edges[i] } else { **v < edges[i] };
            values.data().iter().filter(is_below).count() as i64
        };
        (0..edges.len()).map(below).collect()
    } else {
        let frac = if let DType::Fixed { frac, .. } = x.dtype() { u32::from(frac) } else { 0 };
        thresholds(edges, frac).into_iter().map(|t| below(t, &cast::scaled(x))).collect()
    };
    Ok(Plain::I64(Tensor::new(env.shape, counts.windows(2).map(|c| c[1] - c[0]).collect())?))
}

/// For each edge the least whole number, scaled by 2^frac, that is not below it; for the last that is above it.
pub(crate) fn thresholds(edges: &[f64], frac: u32) -> Vec<i128> {
    let scaled = edges.iter().map(|e| e * f64::from(frac).exp2());
    let last = edges.len().saturating_sub(1);
    scaled.enumerate().map(|(i, e)| if i == last { e.floor() as i128 + 1 } else { e.ceil() as i128 }).collect()
}
