//! Normalisation in the clear: softmax and its kin, along axes.

use algebra::Tensor;
use ir::{Attrs, Op};

use super::exact;
use crate::error::Result;

/// Softmax, its logarithm, and normalisation by mean and variance, in the shape of the first operand.
pub(super) fn apply(op: Op, attrs: &Attrs, args: &[Tensor<f64>]) -> Result<Tensor<f64>> {
    let x = &args[0];
    let epsilon = attrs.real("epsilon").unwrap_or(DEFAULT_EPSILON);
    if op == Op::BatchNormInference {
        let inverse = args[2].map(|v| 1.0 / (v + epsilon).sqrt());
        return Ok(x.sub(&args[1])?.mul(&inverse)?);
    }
    let axes = attrs.along(op, x.rank());
    let kept: Vec<usize> = (0..x.rank()).map(|a| if axes.contains(&a) { 1 } else { x.shape()[a] }).collect();
    let over = |t: &Tensor<f64>, f: &dyn Fn(&[f64]) -> f64| exact::reduce(t, &axes, &kept, |g| Some(f(g)));
    let sum = |g: &[f64]| g.iter().sum::<f64>();
    let mean = |g: &[f64]| g.iter().sum::<f64>() / g.len() as f64;
    if matches!(op, Op::Softmax | Op::LogSoftmax) {
        let below = x.sub(&over(x, &|g| g.iter().copied().fold(f64::NEG_INFINITY, f64::max))?)?;
        let powers = below.map(|v| v.exp());
        let total = over(&powers, &sum)?;
        return Ok(match op {
            Op::Softmax => powers.zip_with(&total, |e, s| e / s)?,
            _ => below.sub(&total.map(|s| s.ln()))?,
        });
    }
    let distance = x.sub(&over(x, &mean)?)?;
    let inverse = over(&distance.map(|d| d * d), &mean)?.map(|v| 1.0 / (v + epsilon).sqrt());
    Ok(distance.mul(&inverse)?)
}

/// What is added to a variance if nothing else is said.
pub(crate) const DEFAULT_EPSILON: f64 = 1e-5;
