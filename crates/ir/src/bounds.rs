//! Bounds of what the members of a group contribute, which are checked on shares before anything is summed.
//!
//! A check is exact, in units of the last place: a number x of f fraction bits is the whole number x · 2^f there. Whoever
//! keeps a bound may have rounded each number up or down, so a limit has room for that, and for no more.

use std::fmt;

use crate::attrs::Attrs;

/// The most numbers that all members of a group together may contribute if they are checked: holders have all of them in
/// memory as shares.
pub const MOST_CHECKED: u64 = 1 << 22;

/// Bits of a whole number in a check, and of a sum of squares, without the sign: their differences stay within 64 bits.
pub const CHECKED_BITS: u32 = 62;

/// What each member's value is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Each of its numbers is at least `low` and at most `high`.
    Range {
        /// The least number.
        low: f64,
        /// The greatest number.
        high: f64,
    },
    /// The Euclidean norm of the whole value is at most this.
    Norm(f64),
    /// Of a value with a weight, which is contributed as each number times the weight, and the weight.
    Weighted {
        /// The least number, before it is weighted.
        low: f64,
        /// The greatest number, before it is weighted.
        high: f64,
        /// The least weight.
        lightest: f64,
        /// The greatest weight.
        heaviest: f64,
    },
}

/// What numbers in units of the last place are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Each number is at least `low` and at most `high`.
    Range {
        /// The least number.
        low: i64,
        /// The greatest number.
        high: i64,
    },
    /// No number is greater than `each` in size, and the sum of their squares is at most `squares`.
    Norm {
        /// The greatest number.
        each: i64,
        /// The greatest sum of squares.
        squares: i64,
    },
    /// Each number times 2^`fraction` is at least `low` and at most `high` times the weight, which follows the numbers, but for
    /// `slack`. It says so only of numbers and weights that keep limits of their own.
    Ratio {
        /// The least quotient, in units.
        low: i64,
        /// The greatest quotient, in units.
        high: i64,
        /// What rounding both may have made.
        slack: i64,
        /// Bits after the point.
        fraction: u8,
    },
}

/// A [`Bound`] in units of the last place. All of them have to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What the numbers are held to.
    pub numbers: Vec<Limit>,
    /// What the weight is held to.
    pub weight: Option<Limit>,
}

impl Bound {
    /// The bound that the attributes of a sum over a group say.
    pub fn of(attrs: &Attrs) -> Option<Bound> {
        let weights = attrs.real("lightest").zip(attrs.real("heaviest"));
        match (attrs.real("low"), attrs.real("high"), attrs.real("norm")) {
            (Some(low), Some(high), _) => Some(match weights {
                Some((lightest, heaviest)) => Bound::Weighted { low, high, lightest, heaviest },
                None => Bound::Range { low, high },
            }),
            (_, _, norm) => norm.map(Bound::Norm),
        }
    }

    /// The least and the greatest number of a value that keeps it, before it is weighted.
    pub fn range(self) -> (f64, f64) {
        match self {
            Bound::Range { low, high } | Bound::Weighted { low, high, .. } => (low, high),
            Bound::Norm(norm) => (-norm, norm),
        }
    }

    /// The least and the greatest weight, if it bounds weights.
    pub fn weights(self) -> Option<(f64, f64)> {
        match self {
            Bound::Weighted { lightest, heaviest, .. } => Some((lightest, heaviest)),
            Bound::Range { .. } | Bound::Norm(_) => None,
        }
    }

    /// The least and the greatest number as it is contributed: times the weight, if there is one.
    pub fn contributed(self) -> (f64, f64) {
        let (low, high) = self.range();
        let (lightest, heaviest) = self.weights().unwrap_or((1.0, 1.0));
        ((low * lightest).min(low * heaviest), (high * lightest).max(high * heaviest))
    }

    /// Whether numbers as they are contributed, with their weight if they have one, keep it, before they are rounded.
    pub fn holds(self, numbers: &[f64], weight: Option<f64>) -> bool {
        match self {
            Bound::Range { low, high } => numbers.iter().all(|x| (low..=high).contains(x)),
            // Relative to what a sum of floats may err by, far less than a unit.
            Bound::Norm(norm) => numbers.iter().map(|x| x * x).sum::<f64>() <= norm * norm * (1.0 + 1e-12),
            Bound::Weighted { low, high, lightest, heaviest } => weight.is_some_and(|weight| {
                (lightest..=heaviest).contains(&weight)
                    && numbers.iter().all(|x| (low * weight..=high * weight).contains(x))
            }),
        }
    }

    /// The greatest sum of squares of a value of `count` numbers that were rounded to `fraction` bits, in squared units; of a
    /// bound of each number, 0.
    pub fn squares(self, fraction: u8, count: f64) -> f64 {
        match self {
            Bound::Range { .. } | Bound::Weighted { .. } => 0.0,
            // Rounding moves each number by less than a unit, and so the norm by less than the root of their number.
            Bound::Norm(norm) => (norm * f64::from(fraction).exp2() + count.sqrt()).powi(2),
        }
    }

    /// The greatest of what a check of numbers of so many fraction bits beside their weight adds up, in squared units; of other
    /// bounds 0.
    pub fn beside_weight(self, fraction: u8) -> f64 {
        let Bound::Weighted { low, high, heaviest, .. } = self else { return 0.0 };
        let scale = f64::from(fraction).exp2();
        let (number, weight) = (low.abs().max(high.abs()) * scale + 1.0, heaviest * scale + 1.0);
        // A number that is rounded, the limit of it, and the slack of a number and a weight.
        2.0 * (number * weight + scale) + 2.0 * (number + scale)
    }

    /// The limits that hold `count` numbers of so many fraction bits, and their weight, to it; `None` if they need more than
    /// [`CHECKED_BITS`].
    pub fn limits(self, fraction: u8, count: usize) -> Option<Limits> {
        let room = f64::from(CHECKED_BITS).exp2();
        let scale = f64::from(fraction).exp2();
        let units = |(low, high): (f64, f64)| {
            let (low, high) = ((low * scale).floor(), (high * scale).ceil());
            (low > -room && high < room).then_some((low as i64, high as i64))
        };
        let (low, high) = units(self.contributed())?;
        let range = Limit::Range { low, high };
        match self {
            Bound::Range { .. } => Some(Limits { numbers: vec![range], weight: None }),
            Bound::Norm(_) => {
                // Squares of numbers that are each within theirs, and what is compared with them.
                let squares = self.squares(fraction, count as f64);
                let most = high as f64 * high as f64 * count as f64;
                let norm = Limit::Norm { each: high, squares: squares as i64 };
                (most < room && squares < room).then_some(Limits { numbers: vec![norm], weight: None })
            }
            Bound::Weighted { lightest, heaviest, .. } => {
                let ((low, high), (least, most)) = (units(self.range())?, units((lightest, heaviest))?);
                // Rounding moves a number by less than a unit, and what its weight allows by less than a number.
                let slack = low.abs().max(high.abs()).checked_add(1)?.checked_add(1 << fraction)?;
                let ratio = Limit::Ratio { low, high, slack, fraction };
                let weight = Some(Limit::Range { low: least, high: most });
                (self.beside_weight(fraction) < room).then_some(Limits { numbers: vec![range, ratio], weight })
            }
        }
    }
}

impl Limit {
    /// Whether numbers keep it, of which this is the weight, if they have one.
    pub fn holds(&self, numbers: &[i64], weight: Option<i64>) -> bool {
        match *self {
            Limit::Range { low, high } => numbers.iter().all(|x| (low..=high).contains(x)),
            Limit::Norm { each, squares } => {
                let small = numbers.iter().all(|x| (-each..=each).contains(x));
                let sum = || numbers.iter().map(|x| i128::from(*x) * i128::from(*x)).sum::<i128>();
                small && sum() <= i128::from(squares)
            }
            Limit::Ratio { low, high, slack, fraction } => weight.is_some_and(|weight| {
                let times = |x: i64, y: i64| i128::from(x) * i128::from(y);
                let (low, high, slack) = (times(low, weight), times(high, weight), i128::from(slack));
                let within = low - slack..=high + slack;
                numbers.iter().all(|x| within.contains(&(i128::from(*x) << fraction)))
            }),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Range { low, high } => f.write_str(&crate::show_range(*low, *high)),
            Bound::Norm(norm) => write!(f, "a norm of {norm}"),
            Bound::Weighted { low, high, lightest, heaviest } => {
                write!(f, "{}, weighted by {}", crate::show_range(*low, *high), crate::show_range(*lightest, *heaviest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_bound_keeps_it_however_it_is_rounded() {
        let limit = only(Bound::Range { low: 0.1, high: 0.3 });
        assert_eq!(limit, Limit::Range { low: 1, high: 5 });
        let keeps = |numbers: &[i64]| limit.holds(numbers, None);
        assert!(keeps(&[1, 5]) && !keeps(&[0, 2]) && !keeps(&[2, 6]));
        // 1.5 and 2 have a norm of 2.5: 24 and 32 units, or with each rounded up by almost one, 25 and 33.
        let limit = only(Bound::Norm(2.5));
        let keeps = |numbers: &[i64]| limit.holds(numbers, None);
        assert!(keeps(&[24, 32]) && keeps(&[24, 33]) && keeps(&[-40, 0]));
        assert!(!keeps(&[26, 34]) && !keeps(&[41, 0]) && !keeps(&[i64::MIN, i64::MIN]));
    }

    /// The limit of two numbers of four fraction bits.
    fn only(bound: Bound) -> Limit {
        let Limits { numbers, weight } = bound.limits(4, 2).unwrap();
        assert!(numbers.len() == 1 && weight.is_none());
        numbers[0]
    }

    /// Whether a number and its weight, in units of 2^-8, keep all limits.
    fn keeps(bound: Bound, number: i64, weight: i64) -> bool {
        let limits = bound.limits(8, 1).unwrap();
        limits.numbers.iter().all(|limit| limit.holds(&[number], Some(weight)))
            && limits.weight.unwrap().holds(&[weight], None)
    }

    #[test]
    fn a_weighted_number_keeps_its_bound_however_it_and_its_weight_are_rounded() {
        for (low, high) in [(-1.5, 2.25), (0.0, 0.3), (-3.0, -1.0 / 3.0), (1.1, 1.1)] {
            let bound = Bound::Weighted { low, high, lightest: 0.3, heaviest: 5.7 };
            for (step, value) in (0..=40).flat_map(|i| [(i, low), (i, high), (i, low + (high - low) * 0.6)]) {
                let weight = 0.3 + (5.7 - 0.3) * f64::from(step) / 40.0;
                let (number, weight) = (value * weight * 256.0, weight * 256.0);
                for (x, w) in
                    [(number.floor(), weight.floor()), (number.ceil(), weight.floor()), (number.floor(), weight.ceil())]
                {
                    assert!(keeps(bound, x as i64, w as i64), "{value} weighted by {weight} units");
                }
            }
            // Beyond what rounding both may make: a unit, and one for each unit of the greatest number.
            let slack = low.abs().max(high.abs()) + 3.0;
            let (weight, most) = (512, (2.0 * high * 256.0 + slack).ceil() as i64);
            assert!(!keeps(bound, most, weight) && keeps(bound, most - slack.ceil() as i64 - 1, weight));
            assert!(!keeps(bound, (low * 75.0) as i64, 75) && !keeps(bound, (low * 1461.0) as i64, 1461));
            assert!(!keeps(bound, i64::MIN, weight) && !keeps(bound, i64::MAX, weight));
        }
    }

    #[test]
    fn what_needs_more_than_there_is_room_has_no_limit() {
        let has_room = |bound: Bound, count| bound.limits(16, count).is_some();
        assert!(has_room(Bound::Range { low: 0.0, high: 2f64.powi(45) }, 1));
        assert!(!has_room(Bound::Range { low: 0.0, high: 2f64.powi(46) }, 1));
        assert!(has_room(Bound::Norm(2f64.powi(14)), 1));
        assert!(!has_room(Bound::Norm(2f64.powi(15)), 1));
        assert!(!has_room(Bound::Norm(2f64.powi(14)), 4));
        let weighted = |heaviest| Bound::Weighted { low: -1024.0, high: 0.0, lightest: 1.0, heaviest };
        assert!(has_room(weighted(2f64.powi(18)), 1) && !has_room(weighted(2f64.powi(19)), 1));
    }
}
