//! What an operator needs so that nothing is lost where nobody sees it: room for its result and for what arises on the
//! way, and operands in its domain.

use ir::{CHECKED_BITS, DType, Op, RingBits, Room, domain as stated};

use super::interval::Interval;
use super::transfer::Site;

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lack {
    /// A number may have more bits than there are.
    Room {
        /// What has them, in words.
        what: &'static str,
        /// How large it may be.
        size: Interval,
        /// Its fraction bits.
        frac: u32,
        /// The bits that are there.
        bits: u32,
    },
    /// An operand may be where the operator is not defined.
    Domain {
        /// Which operand.
        operand: usize,
        /// What it must not be, in words.
        not: &'static str,
        /// Where it may be.
        range: Interval,
    },
    /// A number may not fit the type that it is to become.
    Type {
        /// How large it may be.
        size: Interval,
        /// The type.
        to: DType,
    },
}

/// Whether numbers of a range, carried with `frac` fraction bits, are below 2^bits.
pub(super) fn fits(range: Interval, frac: u32, bits: u32) -> bool {
    range.magnitude() < 2f64.powi(bits as i32 - frac as i32)
}

fn room(what: &'static str, size: Interval, frac: u32, bits: u32) -> Option<Lack> {
    (!fits(size, frac, bits)).then_some(Lack::Room { what, size, frac, bits })
}

fn domain(operand: usize, not: &'static str, range: Interval, ok: bool) -> Option<Lack> {
    (!ok).then_some(Lack::Domain { operand, not, range })
}

/// What the operator at a site lacks first.
pub(super) fn lack(site: &Site<'_>) -> Option<Lack> {
    if !site.blind {
        return None;
    }
    if site.instr.op == Op::Cast {
        return cast(site);
    }
    let r = site.room?;
    let x = site.args.first().copied()?;
    let f = r.frac;
    if let Some(lack) = fast(site, r) {
        return Some(lack);
    }
    if let Some(public) = site.by_public() {
        return by_public(site, r, public);
    }
    match site.instr.op {
        Op::Add | Op::Sub | Op::Sum | Op::CumSum => room("the result", site.result(), f, r.value),
        // Fixed point has as much room below zero as above it.
        Op::Neg | Op::Abs if f > 0 => None,
        Op::Neg | Op::Abs => room("the result", site.result(), f, r.value),
        Op::Mul | Op::Square if f == 0 => room("the product", site.product(), 0, r.product),
        Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d if f == 0 => {
            room("the sum of products", site.product(), 0, r.product)
        }
        Op::Mul | Op::Square => room("the product", site.product(), 2 * f, r.product),
        Op::MatMul | Op::Dot | Op::Conv1d | Op::Conv2d => room("the sum of products", site.product(), 2 * f, r.product),
        Op::MaxPool2d => None,
        Op::Mean | Op::AvgPool2d => room("the sum", site.total(), f, r.counted),
        Op::Variance => spread(site, r),
        Op::Std => spread(site, r).or_else(|| room("the variance", site.variance(), f, r.radicand)),
        Op::Div => {
            let y = site.args.get(1).copied()?;
            room("the dividend", x, f, r.dividend).or_else(|| divided(site, r, 1, y))
        }
        Op::Reciprocal => divided(site, r, 0, x),
        Op::Sqrt => domain(0, "negative", x, x.lo >= 0.0).or_else(|| room("the operand", x, f, r.radicand)),
        Op::InverseSqrt => domain(0, "0 or negative", x, x.lo > 0.0)
            .or_else(|| room("the operand", x, f, r.radicand))
            .or_else(|| room("the result", site.result(), f, r.value)),
        Op::Exp => {
            let result = x.through(f64::exp);
            room("the operand", x, f, r.argument).or_else(|| room("the result", result, f, r.exponential))
        }
        Op::Log => domain(0, "0 or negative", x, x.lo > 0.0).or_else(|| room("the operand", x, f, r.argument)),
        Op::Sigmoid => room("the operand", x, f, r.argument),
        Op::Tanh => room("the operand", x, f, r.tangent),
        Op::Exp2 => {
            room("the operand", x, f, r.argument).or_else(|| room("the result", site.function(), f, r.exponential))
        }
        Op::Log2 => domain(0, "0 or negative", x, x.lo > 0.0).or_else(|| room("the operand", x, f, r.argument)),
        Op::Pow => power(site, r),
        Op::Power => domain(0, "0 or negative", x, x.lo > 0.0)
            .or_else(|| room("the operand", x, f, r.argument))
            .or_else(|| by_logarithm(site, r)),
        Op::Erf | Op::Gelu | Op::Softplus | Op::Softmax | Op::LogSoftmax => room("the operand", x, f, r.value - 1),
        Op::Norm => room("the sum of squares", site.sum_of_squares(), 2 * f, r.product)
            .or_else(|| room("the sum of squares", site.truncated_squares(), f, r.radicand)),
        Op::LayerNorm | Op::BatchNormTraining => spread(site, r)
            .or_else(|| room("the sum of squared distances", site.squares(), 2 * f, r.product))
            .or_else(|| room("the variance", site.variance(), f, r.radicand))
            .or_else(|| normalised(site, r)),
        Op::BatchNormInference => {
            let variance = site.args.get(2).copied()?;
            let epsilon = site.attrs().real("epsilon").unwrap_or(1e-5);
            domain(2, "negative, or 0 without an epsilon", variance, variance.lo >= 0.0 && variance.lo + epsilon > 0.0)
                .or_else(|| room("the variance", variance, f, r.radicand))
                .or_else(|| normalised(site, r))
        }
        Op::Put | Op::GroupSum | Op::SegmentSum => room("the sum", site.gathered(), f, r.value),
        Op::GroupMean => room("the sum", site.gathered(), f, r.counted.min(r.dividend))
            .or_else(|| room("the number of rows", site.rows(), f, r.divisor)),
        Op::Quantile | Op::Median => {
            let difference = x.minus(Interval::point(x.lo));
            // In Z_2^128 the way between them is a number of 30 bits.
            let wide = matches!(site.ty.dtype, DType::Fixed { ring: RingBits::B128, .. });
            let more = if wide { f.max(30) } else { f };
            room("the difference of neighbours", difference, f + more, r.product)
        }
        Op::FederatedSum => contributed(site, r),
        Op::FederatedMean => {
            contributed(site, r).or_else(|| room("the sum", site.contributed(), f, r.dividend)).or_else(|| {
                let (divisor, weighted) = (site.weights(), usize::from(site.args.len() > 1));
                let bits = if fits(divisor, f, 61) { r.quotient } else { r.far_quotient.min(r.quotient) };
                domain(weighted, "0 or negative", divisor, divisor.lo > 0.0)
                    .or_else(|| room("the sum of the weights", divisor, f, r.divisor))
                    .or_else(|| room("the mean", site.federated_mean(), f, bits))
            })
        }
        Op::Sort | Op::ArgSort | Op::SortBy | Op::Shuffle | Op::TopK | Op::Take => None,
        Op::Histogram | Op::GroupCount | Op::SegmentLast | Op::Module => None,
        // What these give is one of their operands, a limit, or small.
        Op::Relu | Op::Clip | Op::Assume | Op::Minimum | Op::Maximum | Op::Min | Op::Max | Op::Select => None,
        Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => None,
        Op::And | Op::Or | Op::Xor | Op::Not | Op::Any | Op::All | Op::ArgMin | Op::ArgMax | Op::Sign => None,
        // These compute nothing, or are looked at elsewhere: constants with their types, regions by walking them.
        Op::Input | Op::Load | Op::Save | Op::Const | Op::Fill | Op::Eye | Op::Size => None,
        Op::Move | Op::Cast | Op::Classify | Op::Release | Op::Output | Op::Repeat | Op::Fold | Op::Call => None,
        Op::Reshape | Op::Transpose | Op::Index | Op::Broadcast | Op::ExpandDims | Op::Squeeze => None,
        Op::Diagonal | Op::Concat | Op::Stack => None,
    }
}

/// What a round of aggregation sums, and the number of contributions, which is an element of the sum.
fn contributed(site: &Site<'_>, r: Room) -> Option<Lack> {
    let checked = site.bound().and_then(|bound| {
        let (low, high) = bound.contributed();
        room("the bound", Interval::new(low, high), r.frac, CHECKED_BITS)
            .or_else(|| room("numbers beside their weight", site.checked_beside(bound), 2 * r.frac, CHECKED_BITS))
            .or_else(|| room("the sum of squares", site.checked_squares(bound), 2 * r.frac, CHECKED_BITS))
    });
    checked
        .or_else(|| room("the sum over the group", site.contributed(), r.frac, r.value))
        .or_else(|| room("the sum of the weights", site.weights(), r.frac, r.value))
        .or_else(|| room("the number of members", site.members, r.frac, r.value))
}

/// A power by a public number: products for a whole one, else by way of logarithm and exponential.
fn power(site: &Site<'_>, r: Room) -> Option<Lack> {
    let (x, f) = (site.args[0], r.frac);
    let result = site.function();
    if !site.is_whole_power() {
        return domain(0, "0 or negative", x, x.lo > 0.0)
            .or_else(|| room("the operand", x, f, r.argument))
            .or_else(|| by_logarithm(site, r));
    }
    let inverse = if site.exponent() < 0.0 { divided(site, r, 0, x) } else { None };
    // The greatest product is the last one, of factors that are off.
    let power = site.base().magnitude().max(1.0).powf(site.exponent().abs());
    let power = Interval::within(power + site.power_error());
    inverse
        .or_else(|| room("a power on the way", power, 2 * f, r.product))
        .or_else(|| room("the result", result, f, r.value))
}

/// A power by way of the logarithm: its product with the exponent has 55 more fraction bits.
fn by_logarithm(site: &Site<'_>, r: Room) -> Option<Lack> {
    room("the logarithm times the exponent", site.scaled_log(), r.frac + 55, 126)
        .or_else(|| room("the result", site.function(), r.frac, r.exponential))
}

/// A product or quotient with a public number: operand and result only.
fn by_public(site: &Site<'_>, r: Room, public: usize) -> Option<Lack> {
    let c = site.args[public];
    if site.instr.op == Op::Mul {
        return room("the result", site.product(), r.frac, r.counted);
    }
    domain(public, "0", c, !site.may_be_zero(public))
        .or_else(|| room("the quotient", site.quotient(), r.frac, r.counted))
}

/// The fast form of a function has less room than the precise one, as it states.
fn fast(site: &Site<'_>, r: Room) -> Option<Lack> {
    let (op, x, f) = (site.instr.op, site.args[0], r.frac);
    let limits = stated(op, true, site.types[0].dtype).filter(|_| site.attrs().bool("fast") == Some(true))?;
    match op {
        Op::Exp => {
            let greatest = (limits.greatest.exp().log2() + f64::from(f)).floor().max(0.0) as u32;
            room("the result of the fast form", x.through(f64::exp), f, greatest)
        }
        Op::Reciprocal => {
            let greatest = (limits.greatest.log2() + f64::from(f)).round().max(0.0) as u32;
            let near = site.may_be_zero(0) || (x.absolute().lo.max(site.apart[0]) < limits.least);
            domain(0, "too near to 0 for the fast form", x, !near)
                .or_else(|| room("the divisor of the fast form", x, f, greatest))
        }
        _ => None,
    }
}

/// A variance: the mean's sum, each squared distance from it, and their sum.
fn spread(site: &Site<'_>, r: Room) -> Option<Lack> {
    let x = site.args[0];
    let distance = Interval { lo: 0.0, hi: x.minus(Interval::point(x.lo)).hi };
    // A distance may be off by the mean's error.
    let squared = distance.widened(4.0 * 2f64.powi(-(r.frac as i32)), 0.0).squared();
    room("the sum", site.total(), r.frac, r.counted)
        .or_else(|| room("the squared distance from the mean", squared, 2 * r.frac, r.product))
        .or_else(|| room("the sum of squared distances", site.squares(), r.frac, r.counted))
}

/// A distance times an inverse root, which has more fraction bits than the result: 6 more, or what the ring leaves.
fn normalised(site: &Site<'_>, r: Room) -> Option<Lack> {
    let result = if site.instr.op == Op::BatchNormInference { site.normalised() } else { site.result() };
    let more = (r.frac + 6).min((r.value - 6).saturating_sub(r.frac));
    room("the result before it is rounded", result, r.frac + more, r.product)
}

fn divided(site: &Site<'_>, r: Room, operand: usize, divisor: Interval) -> Option<Lack> {
    let far = !fits(divisor, r.frac, 61);
    let bits = if far { r.far_quotient.min(r.quotient) } else { r.quotient };
    let quotient = if site.instr.op == Op::Pow { site.inverse(operand) } else { site.quotient() };
    domain(operand, "0", divisor, !site.may_be_zero(operand))
        .or_else(|| room("the divisor", divisor, r.frac, r.divisor))
        .or_else(|| room("the quotient", quotient, r.frac, bits))
}

/// A cast: the number in the new type, and in the old one the half that rounding adds.
fn cast(site: &Site<'_>) -> Option<Lack> {
    let (x, from, to) = (site.args[0], site.types[0].dtype, site.ty.dtype);
    if from == to || from == DType::Bool || to == DType::Bool {
        return None;
    }
    let fits_type = match to {
        DType::I64 => fits(x, 0, 63),
        DType::U64 => x.lo >= 0.0 && fits(x, 0, 64),
        DType::Fixed { ring, frac } => {
            // Whole numbers come by way of 62 bits.
            let wide = !from.is_integer() || fits(x, 0, 62);
            wide && fits(x.widened(2f64.powi(-i32::from(frac)), 0.0), u32::from(frac), ring.bits() - 2)
        }
        _ => true,
    };
    if !fits_type {
        return Some(Lack::Type { size: x, to });
    }
    let (DType::Fixed { ring, frac }, less) = (from, frac_of(to)) else { return None };
    let half = if less < frac { 2f64.powi(-i32::from(less) - 1) } else { 0.0 };
    room("the operand, rounded", x.widened(half, 0.0), u32::from(frac), ring.bits() - 2)
}

fn frac_of(dtype: DType) -> u8 {
    if let DType::Fixed { frac, .. } = dtype { frac } else { 0 }
}
