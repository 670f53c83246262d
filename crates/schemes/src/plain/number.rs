//! The two kinds of numbers that kernels compute with: exact whole numbers and doubles.

/// A number whose operations say when they overflow.
pub(super) trait Number: Copy + PartialOrd + Default {
    const ONE: Self;
    fn plus(self, other: Self) -> Option<Self>;
    fn minus(self, other: Self) -> Option<Self>;
    fn times(self, other: Self) -> Option<Self>;
    /// Divided by a count, if the quotient is such a number too.
    fn per(self, count: usize) -> Option<Self>;
}

impl Number for f64 {
    const ONE: f64 = 1.0;

    fn plus(self, other: f64) -> Option<f64> {
        Some(self + other)
    }

    fn minus(self, other: f64) -> Option<f64> {
        Some(self - other)
    }

    fn times(self, other: f64) -> Option<f64> {
        Some(self * other)
    }

    fn per(self, count: usize) -> Option<f64> {
        Some(self / count as f64)
    }
}

impl Number for i128 {
    const ONE: i128 = 1;

    fn plus(self, other: i128) -> Option<i128> {
        self.checked_add(other)
    }

    fn minus(self, other: i128) -> Option<i128> {
        self.checked_sub(other)
    }

    fn times(self, other: i128) -> Option<i128> {
        self.checked_mul(other)
    }

    fn per(self, count: usize) -> Option<i128> {
        let count = i128::try_from(count).ok().filter(|n| *n > 0)?;
        (self % count == 0).then(|| self / count)
    }
}
