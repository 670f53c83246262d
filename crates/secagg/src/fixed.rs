//! From real numbers to fixed point modulo 2^64: what a computation on shares goes on with, as it is.
//!
//! A value x in [−c, c] becomes x · 2^f, rounded stochastically, so that the sum is unbiased; negative numbers are two's
//! complement. It takes 64 bits a value, where [`Quantiser`](crate::quantise::Quantiser) takes as few as the sum needs.

use rand_core::CryptoRng;

use crate::error::Error;
use crate::quantise::dice;
use crate::vector::{Lanes, Ring, Vector};

/// Bits of a sum in size: computations on shares need two of the ring's 64 for themselves.
const ROOM: i32 = 62;

/// How values of a round become fixed point. Part of the agreement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FixedPoint {
    clip: f64,
    fraction: u32,
    most: u32,
}

impl FixedPoint {
    /// For up to `most` contributions of values in [−`clip`, `clip`], with `fraction` bits after the point.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `clip` is positive and finite, `fraction` 1 to 48, and every sum, as an integer, below
    /// 2^62 in size.
    pub fn new(clip: f64, fraction: u32, most: u32) -> Result<Self, Error> {
        if !clip.is_finite() || clip <= 0.0 {
            return Err(Error::parameter("a clipping bound is positive and finite"));
        }
        if !(1..=48).contains(&fraction) || most == 0 {
            return Err(Error::parameter("1 to 48 bits of fraction, and at least one contribution"));
        }
        let new = Self { clip, fraction, most };
        if new.bound() * new.scale() >= 2f64.powi(ROOM) {
            let what =
                format!("sums of {most} values up to {clip} with {fraction} bits of fraction need more than 62 bits");
            return Err(Error::parameter(what));
        }
        Ok(new)
    }

    /// Bits after the point.
    #[must_use]
    pub fn fraction(&self) -> u32 {
        self.fraction
    }

    /// Neither a sum nor the number of contributions is greater in size.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.clip.max(1.0) * f64::from(self.most)
    }

    /// The ring that sums are taken in: of 64 bits.
    #[must_use]
    pub fn ring(&self) -> Ring {
        Ring::WIDEST
    }

    fn scale(&self) -> f64 {
        f64::from(self.fraction).exp2()
    }

    /// Values to a contribution, clipping each to the range. The same length.
    ///
    /// # Errors
    /// [`Error::Vector`] if a value is not a number or not finite.
    pub fn encode<T: Copy + Into<f64>, R: CryptoRng + ?Sized>(
        &self,
        values: &[T],
        rng: &mut R,
    ) -> Result<Vector, Error> {
        let dice = dice(values.len(), rng)?;
        let Lanes::Narrow(dice) = &dice.lanes else { return Err(Error::Misuse { what: "32-bit dice are narrow" }) };
        let most = (self.clip * self.scale()).floor();
        let mut numbers = zeroize::Zeroizing::new(Vec::with_capacity(values.len()));
        let mut finite = true;
        for (value, die) in values.iter().zip(dice) {
            let value: f64 = (*value).into();
            finite &= value.is_finite();
            let at = value.clamp(-self.clip, self.clip) * self.scale();
            let below = at.floor();
            let up = f64::from(*die) < (at - below) * 4_294_967_296.0;
            numbers.push((below + f64::from(u8::from(up))).clamp(-most, most) as i64);
        }
        if !finite {
            return Err(Error::Vector { what: "a value is not finite".into() });
        }
        Vector::from_signed(self.ring(), &numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn sums_are_fixed_point() {
        let mut rng = seeded(1);
        let fixed = FixedPoint::new(10.0, 16, 1000).unwrap();
        let mut sum = Vector::zeros(fixed.ring(), 4);
        for _ in 0..1000 {
            sum.add(&fixed.encode(&[1.1, -7.3, 50.0, 0.0], &mut rng).unwrap()).unwrap();
        }
        let sums: Vec<f64> = sum.signed().iter().map(|&x| x as f64 / 65536.0).collect();
        // Rounding is unbiased: a deviation of at most 16 half steps.
        for (sum, value) in sums.iter().zip([1100.0, -7300.0, 10_000.0, 0.0]) {
            assert!((sum - value).abs() < 100.0 / 65536.0, "{sum} is not {value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(FixedPoint::new(1.0, 48, 1 << 13).is_ok());
        for (clip, fraction, most) in [(1.0, 48, 1 << 14), (0.0, 16, 1), (f64::NAN, 16, 1), (1.0, 49, 1), (1.0, 16, 0)]
        {
            assert!(FixedPoint::new(clip, fraction, most).is_err(), "{clip} {fraction} {most}");
        }
        assert!(FixedPoint::new(1.0, 16, 1).unwrap().encode(&[f64::NAN], &mut seeded(1)).is_err());
    }
}
