//! Functions of real numbers, in double precision.

use algebra::{ShapeError, Tensor};
use ir::{Attrs, Op};

/// Elementwise functions of one real number.
pub(super) fn unary(op: Op, attrs: &Attrs, x: &Tensor<f64>) -> Tensor<f64> {
    let limit = |name, default| attrs.real(name).unwrap_or(default);
    x.map(|&x| match op {
        Op::Reciprocal => 1.0 / x,
        Op::Sqrt => x.sqrt(),
        Op::InverseSqrt => 1.0 / x.sqrt(),
        Op::Exp => x.exp(),
        Op::Log => x.ln(),
        // Either form overflows for one sign; both are exact where they are used.
        Op::Sigmoid if x < 0.0 => x.exp() / (1.0 + x.exp()),
        Op::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Op::Tanh => x.tanh(),
        Op::Exp2 => x.exp2(),
        Op::Log2 => x.log2(),
        Op::Pow => x.powf(limit("exponent", 1.0)),
        Op::Erf => libm::erf(x),
        Op::Gelu if attrs.bool("approximate").unwrap_or(false) => {
            let inner = std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        // By the complementary function, which is exact in the left tail.
        Op::Gelu => 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
        Op::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Op::Clip => x.max(limit("low", f64::NEG_INFINITY)).min(limit("high", f64::INFINITY)),
        _ => x,
    })
}

/// The quotient.
pub(super) fn div(x: &Tensor<f64>, y: &Tensor<f64>) -> Result<Tensor<f64>, ShapeError> {
    x.zip_with(y, |x, y| x / y)
}

/// The norm, mean, variance or standard deviation of a group. The variance is found in two passes.
pub(super) fn moment(op: Op, attrs: &Attrs, group: &[f64]) -> Option<f64> {
    let n = group.len() as f64;
    if op == Op::Norm {
        return Some(group.iter().map(|x| x * x).sum::<f64>().sqrt());
    }
    let mean = group.iter().sum::<f64>() / n;
    if op == Op::Mean {
        return Some(mean);
    }
    let squares: f64 = group.iter().map(|x| (x - mean) * (x - mean)).sum();
    let variance = squares / (n - attrs.int("ddof").unwrap_or(0) as f64);
    Some(if op == Op::Std { variance.sqrt() } else { variance })
}
