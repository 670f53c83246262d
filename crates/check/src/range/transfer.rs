//! What range an operator's result has, from those of its operands: one arm for every operator of the table.

use ir::{Attrs, Bound, DType, Dim, Instr, Op, RingBits, Room, Shape, Type};

use super::interval::Interval;
use super::lengths::Lengths;

/// An operator with what is known of its operands.
pub(super) struct Site<'a> {
    pub(super) instr: &'a Instr,
    pub(super) args: &'a [Interval],
    /// How far from zero the operands are at least, where their ranges do not tell.
    pub(super) apart: &'a [f64],
    /// Which operands shares are computed with in the clear.
    pub(super) clear: &'a [bool],
    /// Whether the scheme verifies what it computes.
    pub(super) verified: bool,
    /// The operands' types.
    pub(super) types: &'a [&'a Type],
    /// The result's type.
    pub(super) ty: &'a Type,
    /// The room of the placement for the operands' type; `None` where kernels notice what does not fit.
    pub(super) room: Option<Room>,
    /// Whether nobody sees what happens here.
    pub(super) blind: bool,
    pub(super) lengths: &'a Lengths<'a>,
    /// Whether the divisor is a sum of which the dividend is a part.
    pub(super) share_of_whole: bool,
    /// How many members a sum over a group may be of.
    pub(super) members: Interval,
}

/// What a type can hold, outwards.
pub(super) fn capacity(dtype: DType) -> Interval {
    match dtype {
        DType::Bool => Interval::BIT,
        DType::I64 => Interval::within(2f64.powi(63)),
        DType::U64 => Interval::new(0.0, 2f64.powi(64)),
        DType::F32 | DType::F64 | DType::Bytes => Interval::ALL,
        DType::Fixed { ring, frac } => Interval::within(2f64.powi(ring.bits() as i32 - 2 - i32::from(frac))),
    }
}

/// The distance of two numbers of a type.
fn unit(dtype: DType) -> f64 {
    match dtype {
        DType::Fixed { frac, .. } => 2f64.powi(-i32::from(frac)),
        _ => 1.0,
    }
}

/// Units in the last place that a real function may err by, and its error in relation to the result; each states less.
const UNITS: f64 = 4.0;
const RELATIVE: f64 = 1.0 / (1u64 << 30) as f64;

impl Site<'_> {
    fn x(&self) -> Interval {
        self.args.first().copied().unwrap_or(Interval::ALL)
    }

    fn y(&self) -> Interval {
        self.args.get(1).copied().unwrap_or(Interval::ALL)
    }

    pub(super) fn attrs(&self) -> &Attrs {
        &self.instr.attrs
    }

    /// Whether both operands are the same value, so that their product is a square.
    fn is_square(&self) -> bool {
        matches!(self.instr.args[..], [a, b] if a == b)
    }

    /// The operand that is public, of a product or quotient of fixed point with such a one, elementwise: its kernel needs no
    /// more bits than its operand and its result.
    pub(super) fn by_public(&self) -> Option<usize> {
        if !self.ty.dtype.is_fixed() {
            return None;
        }
        match (self.instr.op, self.clear) {
            (Op::Mul, [true, false]) => Some(0),
            (Op::Mul | Op::Div, [false, true]) => Some(1),
            _ => None,
        }
    }

    /// Whether the result is held in the clear: a constant, or made of such by what is exact in floating point.
    pub(super) fn stays_clear(&self) -> bool {
        let exact = matches!(self.instr.op, Op::Const | Op::Fill | Op::Eye | Op::Size | Op::Cast | Op::Neg)
            || matches!(self.instr.op, Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Square | Op::Sqrt);
        exact && self.clear.iter().all(|c| *c)
    }

    /// A product or quotient with a public number: right to a unit, and of its sign, but for factors so small that their
    /// own last place is below that of the ring, which may err by two.
    fn scaled(&self, found: Interval, public: usize) -> Interval {
        let (unit, c) = (unit(self.ty.dtype), self.args[public]);
        let (whole, small) = (c.lo == c.hi && c.lo.fract() == 0.0, self.apart[public] < 2f64.powi(-10));
        if self.instr.op == Op::Mul && whole {
            return found.on_grid(unit);
        }
        if small || (self.instr.op == Op::Div && c.magnitude() >= 2f64.powi(10)) {
            return found.widened(2.0 * unit, 0.0).on_grid(unit);
        }
        // What is verified is multiplied by a factor of 62 bits.
        let off = if self.verified { unit } else { 0.0 };
        self.same_sign(found.widened(off, 0.0).on_grid(unit), found)
    }

    /// The limits of a clip as the kernel has them: of the type, and none beyond its numbers.
    fn limits(&self, given: Interval) -> Interval {
        if self.ty.dtype.is_integer() {
            return Interval { lo: given.lo.ceil(), hi: given.hi.floor() }.meet(capacity(self.ty.dtype));
        }
        self.coarse(given)
    }

    /// How many elements a reduction joins to one.
    pub(super) fn joined(&self) -> Interval {
        let Some(ty) = self.types.first() else { return Interval::point(1.0) };
        let dims: Vec<&Dim> = self.attrs().axes(ty.rank()).iter().filter_map(|a| ty.shape.get(*a)).collect();
        self.lengths.product(dims.into_iter())
    }

    /// How many products a matrix product or inner product adds up.
    fn inner(&self) -> Interval {
        let last = |shape: &Shape| shape.last().cloned();
        self.types.first().and_then(|t| last(&t.shape)).map_or(Interval::point(1.0), |d| self.lengths.of(&d))
    }

    /// The length of the one axis that an attribute names.
    fn along(&self) -> Interval {
        let axis = self.attrs().int("axis").unwrap_or(0) as usize;
        self.types.first().and_then(|t| t.shape.get(axis)).map_or(Interval::point(1.0), |d| self.lengths.of(d))
    }

    /// The product, or the sum of products, before it is rounded.
    pub(super) fn product(&self) -> Interval {
        let one = match self.instr.op {
            Op::Square => self.x().squared(),
            // Of other products each element meets others of its own.
            Op::Mul | Op::Dot if self.is_square() => self.x().squared(),
            _ => self.x().times(self.y()),
        };
        match self.instr.op {
            Op::MatMul | Op::Dot => one.times(self.inner()),
            // A position sums over one output channel's part of the kernel, or less at the padded border.
            Op::Conv1d | Op::Conv2d => {
                let weights = self.types.get(1).map_or(&[][..], |t| t.shape.get(1..).unwrap_or(&[]));
                one.hull(Interval::point(0.0)).times(self.lengths.product(weights.iter()))
            }
            _ => one,
        }
    }

    /// The sum before a mean divides it.
    pub(super) fn total(&self) -> Interval {
        if self.instr.op == Op::AvgPool2d {
            let size = self.attrs().ints("size").unwrap_or(&[1]);
            let window = if let [one] = size { one.saturating_mul(*one) } else { size.iter().product() };
            return self.x().times(Interval::point(window.max(1) as f64));
        }
        self.x().times(self.joined())
    }

    /// The sum of squared distances from the mean, at most n·(hi - lo)²/4 (Popoviciu).
    pub(super) fn squares(&self) -> Interval {
        let spread = self.x().minus(Interval::point(self.x().lo));
        let most = spread.squared().times(self.joined()).times(Interval::point(0.25));
        Interval { lo: 0.0, hi: most.hi }
    }

    pub(super) fn variance(&self) -> Interval {
        let ddof = self.attrs().int("ddof").unwrap_or(0) as f64;
        let count = self.joined();
        let divisor = Interval::new((count.lo - ddof).max(1.0), (count.hi - ddof).max(1.0));
        Interval { lo: 0.0, hi: self.squares().over(divisor).hi }
    }

    /// Whether an operand may be zero.
    pub(super) fn may_be_zero(&self, operand: usize) -> bool {
        self.args[operand].contains(0.0) && self.apart[operand] <= 0.0
    }

    /// One over an operand.
    pub(super) fn inverse(&self, operand: usize) -> Interval {
        Interval::point(1.0).over_apart(self.args[operand], self.apart[operand])
    }

    /// The variance, as far as it may be off.
    fn spread(&self) -> Interval {
        if self.ty.dtype.is_fixed() { self.variance().widened(self.variance_error(), 0.0) } else { self.variance() }
    }

    /// The quotient, before it is rounded; any number if the divisor may be zero.
    pub(super) fn quotient(&self) -> Interval {
        let all = match self.instr.op {
            Op::Reciprocal => self.inverse(0),
            _ => self.x().over_apart(self.y(), self.apart[1]),
        };
        if self.share_of_whole { all.meet(Interval::BIT) } else { all }
    }

    /// The range of the result.
    pub(super) fn result(&self) -> Interval {
        let (x, y) = (self.x(), self.y());
        let literal = || {
            let numbers = self.attrs().literal("value").map(|l| l.values.iter().map(|n| n.to_f64()));
            let each = numbers.into_iter().flatten().map(Interval::point);
            each.reduce(Interval::hull).unwrap_or(Interval::ALL)
        };
        let limits = self.attrs().range().map_or(Interval::ALL, |(low, high)| Interval::new(low, high));
        let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
        let found = match self.instr.op {
            Op::Input | Op::Load => limits,
            Op::Const | Op::Fill => self.coarse(literal()),
            Op::Eye => Interval::BIT,
            Op::Size => {
                let dim = self.attrs().str("dim").map(Dim::named);
                dim.map_or(Interval::ALL, |d| self.lengths.of(&d))
            }
            Op::Move | Op::Cast => return self.converted(x),
            Op::Classify | Op::Release | Op::Output | Op::Save => x,
            // Their regions say it; see `walk`.
            Op::Repeat | Op::Fold | Op::Call => Interval::ALL,
            Op::Add => self.float(x.plus(y)),
            Op::Sub => self.float(x.minus(y)),
            Op::Mul | Op::Div if self.by_public().is_some() => {
                let exact = if self.instr.op == Op::Mul { self.product() } else { self.quotient() };
                self.by_public().map_or(exact, |public| self.scaled(exact, public))
            }
            Op::Mul | Op::Square | Op::MatMul | Op::Dot => self.coarse(self.float(self.product())),
            Op::Conv1d | Op::Conv2d => self.coarse(self.float(self.product())),
            Op::MaxPool2d => x,
            Op::AvgPool2d => self.same_sign(self.rough(x), x),
            Op::Neg => x.negated(),
            Op::Abs => x.absolute(),
            Op::Sign => Interval::new(sign(x.lo), sign(x.hi)),
            Op::Div | Op::Reciprocal => self.rough(self.quotient()),
            Op::Sqrt => self.rough(x.through(|x| x.max(0.0).sqrt())),
            Op::InverseSqrt => self.rough(Interval::point(1.0).over(x.through(|x| x.max(0.0).sqrt()))),
            Op::Exp => self.rough(x.through(f64::exp)),
            Op::Log => self.rough(x.through(|x| x.max(0.0).ln())),
            Op::Sigmoid => self.rough(x.through(|x| 1.0 / (1.0 + (-x).exp())).meet(Interval::BIT)),
            Op::Tanh => self.rough(x.through(f64::tanh).meet(Interval::within(1.0))),
            Op::Relu => Interval { lo: x.lo.max(0.0), hi: x.hi.max(0.0) },
            Op::Clip => x.meet(self.limits(limits)),
            Op::Assume => x.meet(limits),
            Op::Minimum => Interval { lo: x.lo.min(y.lo), hi: x.hi.min(y.hi) },
            Op::Maximum => Interval { lo: x.lo.max(y.lo), hi: x.hi.max(y.hi) },
            Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => Interval::BIT,
            Op::And | Op::Or | Op::Xor | Op::Not | Op::Any | Op::All => Interval::BIT,
            Op::Select => y.hull(self.args.get(2).copied().unwrap_or(Interval::ALL)),
            Op::Sum => self.float(self.total()),
            // What is divided is a sum of numbers, so that a mean of numbers ≥ 0 is, and the same for variances.
            Op::Mean => self.same_sign(self.rough(x), x),
            Op::Variance => self.same_sign(self.rough(self.spread()), Interval::new(0.0, f64::INFINITY)),
            Op::Std => self.rough(self.spread().through(|x| x.max(0.0).sqrt())),
            Op::Min | Op::Max => x,
            Op::ArgMin | Op::ArgMax => Interval { lo: 0.0, hi: (self.along().hi - 1.0).max(0.0) },
            Op::Reshape | Op::Transpose | Op::Index | Op::Broadcast | Op::ExpandDims | Op::Squeeze => x,
            Op::Diagonal => x,
            Op::Concat | Op::Stack => self.args.iter().copied().reduce(Interval::hull).unwrap_or(x),
            Op::CumSum => self.float(x.hull(x.times(self.along()))),
            Op::Pow | Op::Power if !self.is_whole_power() => self.rough(self.by_logarithm(self.function())),
            Op::Pow if self.ty.dtype.is_fixed() => self.rough(self.function().widened(self.power_error(), 0.0)),
            Op::Exp2 | Op::Log2 | Op::Pow | Op::Power | Op::Erf | Op::Gelu | Op::Softplus => {
                self.rough(self.function())
            }
            Op::Norm => self.rough(self.truncated_squares().through(f64::sqrt)),
            Op::Softmax => self.rough(Interval::BIT),
            Op::LogSoftmax => {
                let spread = x.minus(Interval::point(x.hi));
                self.rough(Interval { lo: spread.lo - self.elements().hi.ln().max(0.0), hi: 0.0 })
            }
            // No number is further from the mean of n than √n standard deviations.
            Op::LayerNorm | Op::BatchNormTraining => self.rough(Interval::within(self.elements().hi.sqrt())),
            Op::BatchNormInference => self.rough(self.normalised()),
            Op::Sort | Op::SortBy | Op::Shuffle | Op::TopK => x,
            Op::Quantile | Op::Median => self.rough(x),
            Op::ArgSort => Interval { lo: 0.0, hi: (self.rows().hi - 1.0).max(0.0) },
            Op::Histogram | Op::GroupCount => Interval { lo: 0.0, hi: self.rows().hi },
            Op::Take => x.hull(Interval::point(0.0)),
            Op::Put | Op::GroupSum | Op::SegmentSum => self.float(self.gathered()),
            Op::GroupMean => self.rough(x.hull(Interval::point(0.0))),
            Op::SegmentLast => Interval::BIT,
            Op::Module => Interval::ALL,
            Op::FederatedSum => self.contributed(),
            Op::FederatedMean => self.rough(self.federated_mean()),
        };
        self.held(found)
    }

    /// The sum of what members contribute: each rounds its own to the type, up or down.
    pub(super) fn contributed(&self) -> Interval {
        let each = if self.args.len() > 1 { self.summed().times(self.weight()) } else { self.summed() };
        each.on_grid(unit(self.ty.dtype)).times(self.members)
    }

    /// What a sum over a group holds each member to, if it does.
    pub(super) fn bound(&self) -> Option<Bound> {
        Bound::of(self.attrs()).filter(|_| self.instr.op.is_federated())
    }

    /// Each member's numbers: where they are held to a bound that is what counts, whatever a member's own client says.
    fn summed(&self) -> Interval {
        let range = |bound: Bound| Interval::new(bound.range().0, bound.range().1);
        self.bound().map_or(self.x(), range)
    }

    /// Each member's weight, in the same way.
    fn weight(&self) -> Interval {
        let range = |(lightest, heaviest)| Interval::new(lightest, heaviest);
        self.bound().and_then(Bound::weights).map_or(self.args.get(1).copied().unwrap_or(Interval::point(1.0)), range)
    }

    /// What the check of numbers beside their weight adds up at most.
    pub(super) fn checked_beside(&self, bound: Bound) -> Interval {
        let DType::Fixed { frac, .. } = self.ty.dtype else { return Interval::point(0.0) };
        let unit = unit(self.ty.dtype);
        Interval::new(0.0, bound.beside_weight(frac) * unit * unit)
    }

    /// The greatest sum of squares in the check of a norm.
    pub(super) fn checked_squares(&self, bound: Bound) -> Interval {
        let DType::Fixed { frac, .. } = self.ty.dtype else { return Interval::point(0.0) };
        let (unit, count) = (unit(self.ty.dtype), self.elements().hi);
        let each = match bound {
            Bound::Range { .. } | Bound::Weighted { .. } => 0.0,
            Bound::Norm(norm) => (norm + unit).powi(2) * count,
        };
        Interval::new(0.0, each.max(bound.squares(frac, count) * unit * unit))
    }

    /// What a mean over a group divides by: the number of members, or the sum of their weights.
    pub(super) fn weights(&self) -> Interval {
        match self.args.len() {
            0 | 1 => self.members,
            _ => self.weight().on_grid(unit(self.ty.dtype)).times(self.members),
        }
    }

    /// A mean lies where the numbers do, but for the rounding of numbers and weights, which is greatest beside the least weight.
    pub(super) fn federated_mean(&self) -> Interval {
        let unit = unit(self.ty.dtype);
        let least = if self.args.len() > 1 { self.weight().on_grid(unit).lo } else { 1.0 };
        if least <= 0.0 {
            return Interval::ALL;
        }
        let x = self.summed();
        x.widened(unit * (1.0 + x.magnitude()) / least, 0.0)
    }

    /// How far from zero the result is at least, where that follows from the operands: of constants, and what moves or
    /// multiplies them. 0 if nothing is known.
    pub(super) fn result_apart(&self) -> f64 {
        let least = || self.apart.iter().copied().fold(f64::INFINITY, f64::min);
        let found = match self.instr.op {
            Op::Const | Op::Fill => {
                let numbers = self.attrs().literal("value").map(|l| l.values.iter().map(|n| n.to_f64().abs()));
                numbers.into_iter().flatten().fold(f64::INFINITY, f64::min)
            }
            Op::Neg | Op::Abs | Op::Classify | Op::Release | Op::Assume => least(),
            Op::Reshape | Op::Transpose | Op::Index | Op::Broadcast | Op::ExpandDims | Op::Squeeze => least(),
            Op::Diagonal | Op::Concat | Op::Stack => least(),
            Op::Select => self.apart[1].min(self.apart[2]),
            Op::Mul => self.apart[0] * self.apart[1] * (1.0 - RELATIVE),
            _ => 0.0,
        };
        // What rounding to the type may take off.
        let coarse = if self.ty.dtype.is_fixed() { unit(self.ty.dtype) } else { 0.0 };
        let kept = if matches!(self.instr.op, Op::Const | Op::Fill | Op::Mul) { found - coarse } else { found };
        if kept.is_finite() && found >= coarse { kept.max(coarse.min(found)) } else { 0.0 }
    }

    /// The sum of the squares.
    pub(super) fn sum_of_squares(&self) -> Interval {
        self.x().squared().times(self.joined())
    }

    /// The sum of the squares as a norm takes the root of it: in Z_2^128 each was truncated to the type first.
    pub(super) fn truncated_squares(&self) -> Interval {
        let sum = self.sum_of_squares();
        let wide = matches!(self.ty.dtype, DType::Fixed { ring: RingBits::B128, .. });
        let off = if wide { self.joined().hi * unit(self.ty.dtype) } else { 0.0 };
        let sum = sum.widened(off, 0.0);
        Interval { lo: sum.lo.max(0.0), hi: sum.hi }
    }

    /// The number of elements of the first operand.
    fn elements(&self) -> Interval {
        self.types.first().map_or(Interval::point(1.0), |t| self.lengths.product(t.shape.iter()))
    }

    /// The number of rows of the first operand.
    pub(super) fn rows(&self) -> Interval {
        self.types.first().and_then(|t| t.shape.first()).map_or(Interval::point(1.0), |d| self.lengths.of(d))
    }

    /// The sum of any rows: of x, or where rows are put into x, of those as well.
    pub(super) fn gathered(&self) -> Interval {
        let none = Interval::point(0.0);
        if self.instr.op == Op::Put {
            let rows = self.types.get(2).and_then(|t| t.shape.first()).map_or(none, |d| self.lengths.of(d));
            let values = self.args.get(2).copied().unwrap_or(Interval::ALL);
            return self.x().hull(none).hull(values.hull(none).times(rows));
        }
        let x = self.x().hull(none);
        x.hull(x.times(self.rows()))
    }

    /// The exponent of a power by a public number.
    pub(super) fn exponent(&self) -> f64 {
        self.attrs().real("exponent").unwrap_or(1.0)
    }

    /// Whether a power is found by products: of a public whole number, up to 64 in size.
    pub(super) fn is_whole_power(&self) -> bool {
        self.instr.op == Op::Pow && self.exponent().fract() == 0.0 && self.exponent().abs() <= 64.0
    }

    /// What a whole power multiplies: x, or its inverse.
    pub(super) fn base(&self) -> Interval {
        if self.exponent() < 0.0 { self.inverse(0) } else { self.x() }
    }

    /// How far a whole power is off at most: each product by a unit, and by what its factors are off.
    pub(super) fn power_error(&self) -> f64 {
        let (unit, p, x) = (unit(self.ty.dtype), self.exponent().abs() as u32, self.base().magnitude());
        if !self.is_whole_power() || p == 0 {
            return 0.0;
        }
        let base = if self.exponent() < 0.0 { UNITS * unit + RELATIVE * x } else { 0.0 };
        let (mut r, mut off) = (x, base);
        for bit in (0..p.ilog2()).rev() {
            (r, off) = (r * r, 2.0 * r * off + off * off + unit);
            if p >> bit & 1 == 1 {
                (r, off) = (r * x, r * base + x * off + off * base + unit);
            }
        }
        off
    }

    /// The exponent of two that a power goes by: the logarithm, which may be off a little, times the exponent.
    pub(super) fn scaled_log(&self) -> Interval {
        let y = if self.instr.op == Op::Pow { Interval::point(self.exponent()) } else { self.y() };
        self.x().through(|x| x.max(0.0).log2()).widened(2f64.powi(-40), 0.0).times(y)
    }

    /// A power by way of the logarithm errs the more the greater the exponent is.
    fn by_logarithm(&self, power: Interval) -> Interval {
        let y = if self.instr.op == Op::Pow { self.exponent().abs() } else { self.y().magnitude() };
        if self.ty.dtype.is_fixed() { power.widened(0.0, (1.0 + y.min(1e30)) * 2f64.powi(-44)) } else { power }
    }

    /// How far a variance is off at most: the mean by two units, each square by one more, the quotient by two.
    fn variance_error(&self) -> f64 {
        let (unit, count) = (unit(self.ty.dtype), self.joined());
        let ddof = self.attrs().int("ddof").unwrap_or(0) as f64;
        let distance = self.x().hi - self.x().lo;
        let square = 4.0 * unit * distance + 4.0 * unit * unit + unit;
        square * count.hi / (count.lo - ddof).max(1.0) + UNITS * unit
    }

    /// `(x - mean) / √(variance + epsilon)`, where epsilon is rounded to the type, and the sum is at least one unit.
    pub(super) fn normalised(&self) -> Interval {
        let variance = self.args.get(2).copied().unwrap_or(Interval::ALL);
        let unit = if self.ty.dtype.is_fixed() { unit(self.ty.dtype) } else { 0.0 };
        let epsilon = (self.attrs().real("epsilon").unwrap_or(1e-5) - unit / 2.0).max(0.0);
        let under = variance.through(|v| (v.max(0.0) + epsilon).max(unit).sqrt());
        self.x().minus(self.y()).over(under)
    }

    /// Elementwise functions of the library, before their error.
    pub(super) fn function(&self) -> Interval {
        let (x, y) = (self.x(), self.y());
        match self.instr.op {
            Op::Exp2 => x.through(f64::exp2),
            Op::Log2 => x.through(|x| x.max(0.0).log2()),
            Op::Pow => {
                let e = self.exponent();
                match (x.lo > 0.0, self.is_whole_power()) {
                    (true, _) => Interval::new(x.lo.powf(e), x.hi.powf(e)).widened(0.0, 1e-12),
                    // Of a whole number, even or odd.
                    (false, true) => Interval::within(self.base().magnitude().powf(e.abs()).max(1.0)),
                    (false, false) => Interval::ALL,
                }
            }
            Op::Power if x.lo > 0.0 => {
                let corners = [(x.lo, y.lo), (x.lo, y.hi), (x.hi, y.lo), (x.hi, y.hi)].map(|(x, y)| x.powf(y));
                let all = corners.map(Interval::point);
                all.into_iter().reduce(Interval::hull).unwrap_or(Interval::ALL).widened(0.0, 1e-12)
            }
            Op::Erf => Interval::within(1.0),
            // Its least value is above -0.2.
            Op::Gelu => Interval { lo: if x.lo < 0.0 { -0.2 } else { 0.0 }, hi: x.hi.max(0.0) },
            Op::Softplus => x.through(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            _ => Interval::ALL,
        }
    }

    /// On the grid of a fixed-point type, to which one truncation rounds up or down.
    fn coarse(&self, found: Interval) -> Interval {
        if self.ty.dtype.is_fixed() { found.on_grid(unit(self.ty.dtype)) } else { found }
    }

    /// With the error of an approximated function.
    fn rough(&self, found: Interval) -> Interval {
        match self.ty.dtype.is_fixed() {
            // What is fast errs more.
            true if self.attrs().bool("fast") == Some(true) => found.widened(0.01 + UNITS * unit(self.ty.dtype), 0.01),
            true => found.widened(UNITS * unit(self.ty.dtype), RELATIVE),
            false => self.float(found),
        }
    }

    fn same_sign(&self, found: Interval, of: Interval) -> Interval {
        let lo = if of.lo >= 0.0 { found.lo.max(0.0) } else { found.lo };
        Interval { lo, hi: if of.hi <= 0.0 { found.hi.min(0.0) } else { found.hi } }
    }

    /// With the rounding of floating point, of all steps of an operator.
    fn float(&self, found: Interval) -> Interval {
        match self.ty.dtype {
            DType::F64 => found.widened(0.0, 2f64.powi(-40)),
            DType::F32 => found.widened(0.0, 2f64.powi(-12)),
            _ => found,
        }
    }

    /// The same numbers in the result's type, rounded to it; what does not fit in the clear is an error there.
    fn converted(&self, x: Interval) -> Interval {
        let (from, to) = (self.types.first().map_or(self.ty.dtype, |t| t.dtype), self.ty.dtype);
        let rounded = match to {
            DType::Bool if from != DType::Bool => Interval::BIT,
            DType::I64 | DType::U64 if !from.is_integer() && from != DType::Bool => {
                Interval { lo: x.lo.round(), hi: x.hi.round() }.widened(0.5, 0.0).on_grid(1.0)
            }
            DType::Fixed { .. } if from.is_fixed() => x.widened(unit(to), 0.0).on_grid(unit(to)),
            DType::Fixed { .. } => x.on_grid(unit(to)),
            DType::F32 => x.widened(0.0, 2f64.powi(-20)),
            _ => x,
        };
        rounded.meet(capacity(to))
    }

    /// What is left once the kernel has refused what does not fit: in the clear, all that does; on shares `u64` wraps.
    fn held(&self, found: Interval) -> Interval {
        let all = capacity(self.ty.dtype);
        match (self.ty.dtype, found.is_in(all)) {
            (_, true) => found,
            (DType::U64, false) => all,
            _ if self.blind => found,
            _ => found.meet(all),
        }
    }
}
