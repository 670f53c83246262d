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
}

/// A [`Bound`] of numbers in units of the last place.
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
}

impl Bound {
    /// The bound that the attributes of a sum over a group say.
    pub fn of(attrs: &Attrs) -> Option<Bound> {
        match (attrs.real("low"), attrs.real("high"), attrs.real("norm")) {
            (Some(low), Some(high), _) => Some(Bound::Range { low, high }),
            (_, _, norm) => norm.map(Bound::Norm),
        }
    }

    /// The least and the greatest number of a value that keeps it.
    pub fn range(self) -> (f64, f64) {
        match self {
            Bound::Range { low, high } => (low, high),
            Bound::Norm(norm) => (-norm, norm),
        }
    }

    /// Whether a value keeps it, before it is rounded.
    pub fn holds(self, numbers: &[f64]) -> bool {
        match self {
            Bound::Range { low, high } => numbers.iter().all(|x| (low..=high).contains(x)),
            // Relative to what a sum of floats may err by, far less than a unit.
            Bound::Norm(norm) => numbers.iter().map(|x| x * x).sum::<f64>() <= norm * norm * (1.0 + 1e-12),
        }
    }

    /// The greatest sum of squares of a value of `count` numbers that were rounded to `fraction` bits, in squared units; of a
    /// bound of each number, 0.
    pub fn squares(self, fraction: u8, count: f64) -> f64 {
        match self {
            Bound::Range { .. } => 0.0,
            // Rounding moves each number by less than a unit, and so the norm by less than the root of their number.
            Bound::Norm(norm) => (norm * f64::from(fraction).exp2() + count.sqrt()).powi(2),
        }
    }

    /// The limit that holds `count` numbers of so many fraction bits to it; `None` if it needs more than
    /// [`CHECKED_BITS`].
    pub fn limit(self, fraction: u8, count: usize) -> Option<Limit> {
        let room = f64::from(CHECKED_BITS).exp2();
        let scale = f64::from(fraction).exp2();
        let (low, high) = self.range();
        let (low, high) = ((low * scale).floor(), (high * scale).ceil());
        if !(low > -room && high < room) {
            return None;
        }
        let (low, high) = (low as i64, high as i64);
        if let Bound::Range { .. } = self {
            return Some(Limit::Range { low, high });
        }
        // Squares of numbers that are each within theirs, and what is compared with them.
        let squares = self.squares(fraction, count as f64);
        let most = high as f64 * high as f64 * count as f64;
        (most < room && squares < room).then_some(Limit::Norm { each: high, squares: squares as i64 })
    }
}

impl Limit {
    /// Whether a value keeps it.
    pub fn holds(&self, numbers: &[i64]) -> bool {
        match *self {
            Limit::Range { low, high } => numbers.iter().all(|x| (low..=high).contains(x)),
            Limit::Norm { each, squares } => {
                let small = numbers.iter().all(|x| (-each..=each).contains(x));
                let sum = || numbers.iter().map(|x| i128::from(*x) * i128::from(*x)).sum::<i128>();
                small && sum() <= i128::from(squares)
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Range { low, high } => f.write_str(&crate::show_range(*low, *high)),
            Bound::Norm(norm) => write!(f, "a norm of {norm}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_bound_keeps_it_however_it_is_rounded() {
        let limit = Bound::Range { low: 0.1, high: 0.3 }.limit(4, 2).unwrap();
        assert_eq!(limit, Limit::Range { low: 1, high: 5 });
        assert!(limit.holds(&[1, 5]) && !limit.holds(&[0, 2]) && !limit.holds(&[2, 6]));
        // 1.5 and 2 have a norm of 2.5: 24 and 32 units, or with each rounded up by almost one, 25 and 33.
        let limit = Bound::Norm(2.5).limit(4, 2).unwrap();
        assert!(limit.holds(&[24, 32]) && limit.holds(&[24, 33]) && limit.holds(&[-40, 0]));
        assert!(!limit.holds(&[26, 34]) && !limit.holds(&[41, 0]) && !limit.holds(&[i64::MIN, i64::MIN]));
    }

    #[test]
    fn what_needs_more_than_there_is_room_has_no_limit() {
        assert!(Bound::Range { low: 0.0, high: 2f64.powi(45) }.limit(16, 1).is_some());
        assert!(Bound::Range { low: 0.0, high: 2f64.powi(46) }.limit(16, 1).is_none());
        assert!(Bound::Norm(2f64.powi(14)).limit(16, 1).is_some());
        assert!(Bound::Norm(2f64.powi(15)).limit(16, 1).is_none());
        assert!(Bound::Norm(2f64.powi(14)).limit(16, 4).is_none());
    }
}
