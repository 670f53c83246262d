//! Intervals of real numbers, rounded outwards wherever a double cannot hold a bound.

/// All numbers from `lo` to `hi`, either of which may be infinite; never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    /// The least number.
    pub(super) lo: f64,
    /// The greatest number.
    pub(super) hi: f64,
}

/// `a + b` and what rounding left out (Knuth's TwoSum), so that exact results stay exact.
fn sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    let bb = s - a;
    (s, (a - (s - bb)) + (b - bb))
}

/// `a·b` and what rounding left out. Nothing times anything is nothing, even times infinity: bounds are of numbers.
fn product(a: f64, b: f64) -> (f64, f64) {
    if a == 0.0 || b == 0.0 {
        return (0.0, 0.0);
    }
    let p = a * b;
    (p, if p.is_finite() { a.mul_add(b, -p) } else { 0.0 })
}

/// `a / b`, and by its sign what rounding left out.
fn quotient(a: f64, b: f64) -> (f64, f64) {
    if a == 0.0 {
        return (0.0, 0.0);
    }
    let q = a / b;
    if q.is_nan() {
        return (0.0, 0.0);
    }
    (q, if q.is_finite() && a.is_finite() && b.is_finite() { -q.mul_add(b, -a) / b } else { 0.0 })
}

/// A lower bound of a result and its error.
fn down((x, error): (f64, f64)) -> f64 {
    if error < 0.0 || !error.is_finite() { x.next_down() } else { x }
}

/// An upper bound of a result and its error.
fn up((x, error): (f64, f64)) -> f64 {
    if error > 0.0 || !error.is_finite() { x.next_up() } else { x }
}

impl Interval {
    /// Any number.
    pub(super) const ALL: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    /// A truth value as 0 or 1.
    pub(super) const BIT: Interval = Interval { lo: 0.0, hi: 1.0 };

    /// From one number to another, in either order. NaN stands for any number.
    pub(super) fn new(a: f64, b: f64) -> Interval {
        if a.is_nan() || b.is_nan() {
            return Interval::ALL;
        }
        Interval { lo: a.min(b), hi: a.max(b) }
    }

    /// One number.
    pub(super) fn point(x: f64) -> Interval {
        Interval::new(x, x)
    }

    /// From `-x` to `x`.
    pub(super) fn within(x: f64) -> Interval {
        Interval::new(-x, x)
    }

    /// The greatest distance from zero.
    pub(super) fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// Whether a number lies in it.
    pub(super) fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether all of it lies in another.
    pub(super) fn is_in(self, other: Interval) -> bool {
        other.lo <= self.lo && self.hi <= other.hi
    }

    /// The least interval that holds both.
    pub(super) fn hull(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What lies in both; where nothing does, the nearest end of `other`.
    pub(super) fn meet(self, other: Interval) -> Interval {
        Interval { lo: self.lo.clamp(other.lo, other.hi), hi: self.hi.clamp(other.lo, other.hi) }
    }

    /// All sums.
    pub(super) fn plus(self, other: Interval) -> Interval {
        Interval { lo: down(sum(self.lo, other.lo)), hi: up(sum(self.hi, other.hi)) }.sound()
    }

    /// All differences.
    pub(super) fn minus(self, other: Interval) -> Interval {
        self.plus(other.negated())
    }

    /// All negatives.
    pub(super) fn negated(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo }
    }

    /// All products.
    pub(super) fn times(self, other: Interval) -> Interval {
        let all = [(self.lo, other.lo), (self.lo, other.hi), (self.hi, other.lo), (self.hi, other.hi)];
        let all = all.map(|(a, b)| product(a, b));
        let lo = all.map(down).into_iter().fold(f64::INFINITY, f64::min);
        Interval { lo, hi: all.map(up).into_iter().fold(f64::NEG_INFINITY, f64::max) }.sound()
    }

    /// All squares.
    pub(super) fn squared(self) -> Interval {
        let a = self.absolute();
        Interval { lo: down(product(a.lo, a.lo)).max(0.0), hi: up(product(a.hi, a.hi)) }
    }

    /// All distances from zero.
    pub(super) fn absolute(self) -> Interval {
        let lo = if self.contains(0.0) { 0.0 } else { self.lo.abs().min(self.hi.abs()) };
        Interval { lo, hi: self.magnitude() }
    }

    /// All quotients; any number if the divisor may be zero.
    pub(super) fn over(self, other: Interval) -> Interval {
        if other.contains(0.0) {
            return Interval::ALL;
        }
        let all = [(self.lo, other.lo), (self.lo, other.hi), (self.hi, other.lo), (self.hi, other.hi)];
        let all = all.map(|(a, b)| quotient(a, b));
        let lo = all.map(down).into_iter().fold(f64::INFINITY, f64::min);
        Interval { lo, hi: all.map(up).into_iter().fold(f64::NEG_INFINITY, f64::max) }.sound()
    }

    /// All quotients by divisors that are at least `apart` from zero, which may be on both sides of it.
    pub(super) fn over_apart(self, other: Interval, apart: f64) -> Interval {
        if apart <= 0.0 || !other.contains(0.0) {
            return self.over(other);
        }
        let below = Interval { lo: other.lo, hi: -apart };
        let above = Interval { lo: apart, hi: other.hi };
        let sides = [below, above].into_iter().filter(|side| side.lo <= side.hi);
        sides.map(|side| self.over(side)).reduce(Interval::hull).unwrap_or(Interval::ALL)
    }

    /// An increasing function of it, whose values in doubles are right to about 2^-50.
    pub(super) fn through(self, f: impl Fn(f64) -> f64) -> Interval {
        Interval::new(f(self.lo), f(self.hi)).widened(0.0, 2f64.powi(-45))
    }

    /// By so much further at both ends, absolutely and in relation to the bound.
    pub(super) fn widened(self, by: f64, relative: f64) -> Interval {
        let further = |x: f64| if x.is_finite() { by + x.abs() * relative } else { 0.0 };
        Interval { lo: self.lo - further(self.lo), hi: self.hi + further(self.hi) }
    }

    /// Out to the next multiples of `unit`, a power of two.
    pub(super) fn on_grid(self, unit: f64) -> Interval {
        let to = |x: f64, f: fn(f64) -> f64| if (x / unit).abs() < 2f64.powi(52) { f(x / unit) * unit } else { x };
        Interval { lo: to(self.lo, f64::floor), hi: to(self.hi, f64::ceil) }
    }

    /// Any number where a bound is none.
    fn sound(self) -> Interval {
        if self.lo.is_nan() || self.hi.is_nan() { Interval::ALL } else { self }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exact_bounds_stay_exact() {
        let percent = Interval::new(0.0, 100.0);
        assert_eq!(percent.plus(percent), Interval::new(0.0, 200.0));
        assert_eq!(percent.times(percent), Interval::new(0.0, 10_000.0));
        assert_eq!(percent.over(Interval::new(1.0, 4.0)), Interval::new(0.0, 100.0));
        assert_eq!(Interval::within(3.0).squared(), Interval::new(0.0, 9.0));
        let third = Interval::point(1.0).over(Interval::point(3.0));
        assert!(third.lo < third.hi && third.contains(1.0 / 3.0));
    }

    #[test]
    fn infinity_times_nothing_is_nothing() {
        assert_eq!(Interval::ALL.times(Interval::point(0.0)), Interval::point(0.0));
        assert_eq!(Interval::point(1.0).over(Interval::within(1.0)), Interval::ALL);
    }

    proptest! {
        #[test]
        fn results_of_members_are_members(
            a in -1e9..1e9f64, b in -1e9..1e9f64, c in -1e9..1e9f64, d in -1e9..1e9f64, s in 0.0..1.0f64, t in 0.0..1.0f64,
        ) {
            let (x, y) = (Interval::new(a, b), Interval::new(c, d));
            let within = |i: Interval, part: f64| (i.lo + (i.hi - i.lo) * part).clamp(i.lo, i.hi);
            let (p, q) = (within(x, s), within(y, t));
            prop_assert!(x.plus(y).contains(p + q));
            prop_assert!(x.minus(y).contains(p - q));
            prop_assert!(x.times(y).contains(p * q));
            prop_assert!(x.squared().contains(p * p));
            prop_assert!(x.absolute().contains(p.abs()));
            prop_assert!(q == 0.0 || x.over(y).contains(p / q));
            prop_assert!(q == 0.0 || x.over_apart(y, q.abs()).contains(p / q));
            prop_assert!(x.hull(y).contains(p) && x.hull(y).contains(q));
        }
    }
}
