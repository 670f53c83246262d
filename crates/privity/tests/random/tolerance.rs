//! How far each operator may err: what its documents state, on the numbers that it was given.

use privity::Plain;
use privity::algebra::Tensor;
use privity::ir::{Attr, Attrs, DType, Op, RingBits, Type, domain};

use crate::judge::evaluate;
use crate::recipe::Step;

/// An operator with its operands in plaintext.
pub(crate) struct Given<'a> {
    pub(crate) step: &'a Step,
    pub(crate) args: &'a [Plain],
    pub(crate) types: &'a [Type],
    pub(crate) ty: &'a Type,
    /// Whether a public operand may have been rounded to the type.
    pub(crate) any_public: bool,
}

impl Given<'_> {
    /// Whether an operand has more bits than a double shows, so that equals and neighbours look alike.
    pub(crate) fn is_blurred(&self) -> bool {
        self.types.iter().zip(self.args).any(|(ty, x)| {
            let DType::Fixed { frac, .. } = ty.dtype else { return false };
            x.to_f64().data().iter().any(|v| v.abs() * 2f64.powi(i32::from(frac)) >= 2f64.powi(53))
        })
    }

    fn x(&self) -> Tensor<f64> {
        self.args[0].to_f64()
    }

    fn flag(&self, name: &str) -> bool {
        self.step.attrs.bool(name).unwrap_or(false)
    }

    /// The operator on the sizes of its operands: what rounding of doubles is in relation to.
    fn sizes(&self, expected: &Tensor<f64>) -> Tensor<f64> {
        let op = match self.step.op {
            Op::Sub => Op::Add,
            op => op,
        };
        let sums = matches!(
            op,
            Op::Add
                | Op::Sum
                | Op::CumSum
                | Op::Mul
                | Op::MatMul
                | Op::Dot
                | Op::Conv1d
                | Op::Conv2d
                | Op::Mean
                | Op::AvgPool2d
        ) || matches!(op, Op::GroupSum | Op::GroupMean | Op::SegmentSum | Op::Put);
        let rows = matches!(op, Op::GroupSum | Op::GroupMean | Op::SegmentSum | Op::Put);
        if !sums {
            return expected.map(|v| v.abs());
        }
        let size =
            |(i, x): (usize, &Plain)| if rows && i == 1 { x.clone() } else { Plain::F64(x.to_f64().map(|v| v.abs())) };
        let args: Vec<Plain> = self.args.iter().enumerate().map(size).collect();
        let step = Step { op, ..self.step.clone() };
        let operand = self.types.last().map_or(self.ty.dtype, |t| t.dtype);
        evaluate(&step, &args, self.ty, operand).map_or_else(|_| expected.map(|v| v.abs()), |v| v.to_f64())
    }
}

/// The largest error at each element.
///
/// Where plaintext has no number (what does not vary, over its deviation of nothing) any will do.
pub(crate) fn tolerance(given: &Given<'_>, expected: &Tensor<f64>) -> Vec<f64> {
    let DType::Fixed { ring, frac } = given.ty.dtype else { return vec![0.0; expected.len()] };
    let unit = 2f64.powi(-i32::from(frac));
    let doubles: Vec<f64> = given.sizes(expected).data().iter().map(|v| v.abs() * 2f64.powi(-49)).collect();
    let stated = stated(given, expected, unit, ring == RingBits::B64, frac);
    let public = if given.any_public { 0.5 * unit } else { 0.0 };
    stated.iter().zip(doubles).map(|(s, d)| s + d + public).collect()
}

fn stated(given: &Given<'_>, expected: &Tensor<f64>, u: f64, small: bool, frac: u8) -> Vec<f64> {
    let each = |f: &dyn Fn(usize, f64) -> f64| expected.data().iter().enumerate().map(|(i, v)| f(i, *v)).collect();
    let op = given.step.op;
    let coarse = if small { 2f64.powi(-48) } else { 2f64.powi(-33) };
    if let Some(d) = domain(op, given.flag("fast"), given.types.first().map_or(given.ty.dtype, |t| t.dtype)) {
        return each(&|_, v| d.error.at(v, u32::from(frac)) + 0.01 * u);
    }
    match op {
        Op::Mul | Op::Square | Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d => each(&|_, _| 2.0 * u),
        Op::Mean | Op::AvgPool2d => each(&|_, _| 2.0 * u),
        Op::Div => each(&|_, v| 2.0 * u + v.abs() * coarse),
        Op::Variance => variance(given, expected, u),
        Op::Std => {
            let by = variance(given, expected, u);
            each(&|i, v| root(v * v, by[i]) + 2.0 * u + v * coarse)
        }
        Op::Norm => {
            let n = given.x().len() as f64;
            each(&|_, v| if small { 2.0 * u } else { root(v * v, n * u) + 2.0 * u } + v * coarse)
        }
        Op::LayerNorm | Op::BatchNormTraining => normalised(given, expected, u, small, coarse),
        Op::BatchNormInference => given_moments(given, expected, u, coarse),
        Op::Pow => power(given, expected, u, coarse),
        Op::Power => {
            let y = given.args[1].to_f64().data().iter().fold(0.0f64, |m, y| m.max(y.abs()));
            each(&|_, v| 2.0 * u + (1.0 + y) * 2f64.powi(-43) * v)
        }
        Op::Softmax => each(&|_, _| 2.0 * u + given.x().len() as f64 * 2f64.powi(-56)),
        Op::LogSoftmax => each(&|_, _| 2.0 * u + 2f64.powi(-43)),
        Op::Quantile | Op::Median => each(&|_, _| 2.0 * u),
        Op::GroupMean => each(&|_, v| 2.0 * u + v.abs() * coarse),
        Op::Clip => each(&|_, _| 0.5 * u),
        Op::Cast | Op::Select if given.types[0].dtype.is_fixed() => each(&|_, _| u),
        Op::Const | Op::Fill => each(&|_, _| 0.5 * u),
        _ => each(&|_, _| 0.0),
    }
}

/// How far a root is off whose operand is off by so much.
fn root(x: f64, by: f64) -> f64 {
    let x = x.max(0.0);
    ((x + by).sqrt() - x.sqrt()).max(x.sqrt() - (x - by).max(0.0).sqrt())
}

/// The greatest distance from a mean.
fn spread(x: &Tensor<f64>) -> f64 {
    let (low, high) = x.data().iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    (high - low).max(0.0)
}

/// A variance: the mean is off by two units, each square by one more, and the quotient by two.
fn variance(given: &Given<'_>, expected: &Tensor<f64>, u: f64) -> Vec<f64> {
    let x = given.x();
    let n = x.len() as f64 / expected.len().max(1) as f64;
    let divisor = n - given.step.attrs.int("ddof").unwrap_or(0) as f64;
    let square = 4.0 * u * spread(&x) + 4.0 * u * u + u;
    vec![n / divisor * square + 2.0 * u + spread(&x).powi(2) * 2f64.powi(-48); expected.len()]
}

fn normalised(given: &Given<'_>, expected: &Tensor<f64>, u: f64, small: bool, coarse: f64) -> Vec<f64> {
    let x = given.x();
    let axes = given.step.attrs.along(given.step.op, x.rank());
    let attrs = Attrs::new()
        .with("axis", Attr::Ints(axes.iter().map(|a| *a as i64).collect()))
        .with("keepdims", Attr::Bool(true));
    let step = Step { op: Op::Variance, args: Vec::new(), attrs };
    let shape = x.shape().iter().enumerate().map(|(a, n)| if axes.contains(&a) { 1 } else { *n as u64 });
    let ty = Type::new(given.ty.dtype, shape.map(privity::ir::Dim::constant).collect());
    let moments = evaluate(&step, &given.args[..1], &ty, given.ty.dtype).map(|v| v.to_f64());
    let variances = moments.ok().and_then(|v| v.broadcast_to(x.shape()).ok()).unwrap_or_else(|| x.clone());
    let epsilon = given.step.attrs.real("epsilon").unwrap_or(1e-5);
    let fine = if small { u * u } else { u };
    let far = spread(&x);
    let each = expected.data().iter().zip(variances.data()).map(|(z, v)| {
        // Of the variance: the mean's error, a unit of each square, two of the quotient, and what epsilon is rounded by.
        let by = 4.0 * u * far + 4.0 * u * u + 4.0 * fine;
        let least = (v + epsilon - by).max(fine);
        let distance = z.abs() * (v + epsilon).sqrt();
        let off = ((distance + 2.0 * u) / least.sqrt() - z.abs())
            .max(z.abs() - (distance - 2.0 * u).max(0.0) / (v + epsilon + by).sqrt());
        off + 2.0 * u + distance * u / 64.0 + z.abs() * coarse
    });
    each.collect()
}

/// A given variance plus epsilon is rounded to the type, and is at least one unit.
fn given_moments(given: &Given<'_>, expected: &Tensor<f64>, u: f64, coarse: f64) -> Vec<f64> {
    let epsilon = given.step.attrs.real("epsilon").unwrap_or(1e-5);
    let variances = given.args[2].to_f64().broadcast_to(expected.shape()).unwrap_or_else(|_| expected.clone());
    let each = expected.data().iter().zip(variances.data()).map(|(z, v)| {
        let exact = v + epsilon;
        let distance = if exact > 0.0 { z.abs() * exact.sqrt() } else { f64::INFINITY };
        let off = (distance / (exact - 0.5 * u).max(u).sqrt() - z.abs())
            .abs()
            .max((z.abs() - distance / (exact + u).sqrt()).abs());
        off + 2.0 * u + distance * u / 64.0 + z.abs() * coarse
    });
    each.collect()
}

/// A whole power: each product is off by a unit, and by what its factors are off.
fn power(given: &Given<'_>, expected: &Tensor<f64>, u: f64, coarse: f64) -> Vec<f64> {
    let p = given.step.attrs.real("exponent").unwrap_or(1.0);
    let x = given.x();
    let each = x.data().iter().zip(expected.data()).map(|(x, v)| {
        if p.fract() != 0.0 {
            return 2.0 * u + (1.0 + p.abs()) * 2f64.powi(-43) * v.abs() + v.abs() * coarse;
        }
        let (x, mut off) = if p < 0.0 { (1.0 / x, 2.0 * u + coarse / x.abs()) } else { (*x, 0.0) };
        let (base, mut r) = (off, x);
        for bit in (0..(p.abs() as u32).max(1).ilog2()).rev() {
            (r, off) = (r * r, 2.0 * r.abs() * off + off * off + u);
            if p.abs() as u32 >> bit & 1 == 1 {
                (r, off) = (r * x, r.abs() * base + x.abs() * off + off * base + u);
            }
        }
        off
    });
    each.collect()
}
