//! From real numbers to ring elements and back: clipping, stochastic rounding, and a ring in which no sum can overflow.
//!
//! A value in [−c, c] becomes one of 2^p levels, 0 to 2^p − 1, a step of 2c/(2^p − 1) apart. It is rounded up with the
//! probability of its distance from the level below, so that the sum is unbiased. The ring is the smallest that holds
//! the greatest possible sum of all contributions, so that overflow is impossible as long as there are no more of them
//! than announced; more are refused. With noise, the ring also holds twelve standard deviations of it to both sides
//! (beyond which it would wrap, with probability under 2^-100).

use rand_core::CryptoRng;

use crate::error::Error;
use crate::mask::{Seed, Sign};
use crate::vector::{Lanes, Ring, Vector};

/// Standard deviations of noise that a ring has room for.
const ROOM: f64 = 12.0;
/// Bits of the random numbers that rounding uses: the bias of a rounding is below 2^-32 steps.
const ROUNDING_BITS: u32 = 32;

/// How values of a round are clipped, rounded and summed. Part of the agreement.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quantiser {
    clip: f64,
    precision: u32,
    most: u32,
    greatest_weight: u32,
    noise: u64,
    ring: Ring,
}

impl Quantiser {
    /// For up to `most` contributions of values in [−`clip`, `clip`], on 2^`precision` levels.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `clip` is positive and finite, `precision` is 1 to 32 and the ring at most 64 bits.
    pub fn new(clip: f64, precision: u32, most: u32) -> Result<Self, Error> {
        if !clip.is_finite() || clip <= 0.0 {
            return Err(Error::parameter("a clipping bound is positive and finite"));
        }
        if !(1..=32).contains(&precision) || most == 0 {
            return Err(Error::parameter("a precision of 1 to 32 bits, and at least one contribution"));
        }
        Self { clip, precision, most, greatest_weight: 1, noise: 0, ring: Ring::new(64)? }.sized()
    }

    /// With integer weights up to `greatest`, which stay as private as the values: the ring grows by their size, and
    /// vectors by one element.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the ring would have more than 64 bits.
    pub fn weighted(self, greatest: u32) -> Result<Self, Error> {
        if greatest == 0 {
            return Err(Error::parameter("a greatest weight of at least 1"));
        }
        Self { greatest_weight: greatest, ..self }.sized()
    }

    /// With noise whose total has this standard deviation, in steps.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the ring would have more than 64 bits.
    pub fn noisy(self, deviation: f64) -> Result<Self, Error> {
        if !(0.0..1e17).contains(&deviation) {
            return Err(Error::parameter("a standard deviation of noise from 0 to 1e17 steps"));
        }
        Self { noise: (ROOM * deviation).ceil() as u64, ..self }.sized()
    }

    /// With the ring that the greatest sum needs.
    fn sized(self) -> Result<Self, Error> {
        let span = self.greatest_sum() + 2 * u128::from(self.noise) + 1;
        let bits = span.next_power_of_two().trailing_zeros();
        if bits > 64 {
            return Err(Error::parameter(format!("sums need a ring of {bits} bits; 64 are possible")));
        }
        Ok(Self { ring: Ring::new(bits.max(1))?, ..self })
    }

    fn greatest_sum(&self) -> u128 {
        u128::from(self.top()) * u128::from(self.greatest_weight) * u128::from(self.most)
    }

    /// The greatest level.
    fn top(&self) -> u64 {
        (1 << self.precision) - 1
    }

    /// The ring that sums are taken in.
    #[must_use]
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// How far apart two levels are.
    #[must_use]
    pub fn step(&self) -> f64 {
        2.0 * self.clip / self.top() as f64
    }

    /// Values to a contribution, clipping each to the range. The same length.
    ///
    /// # Errors
    /// [`Error::Vector`] if a value is not a number or not finite; [`Error::Misuse`] of a weighted quantiser.
    pub fn encode<T: Copy + Into<f64>, R: CryptoRng + ?Sized>(
        &self,
        values: &[T],
        rng: &mut R,
    ) -> Result<Vector, Error> {
        if self.greatest_weight != 1 {
            return Err(Error::Misuse { what: "a weighted round takes weighted contributions" });
        }
        Vector::from_elements(self.ring, &self.levels(values, rng)?)
    }

    /// Values and their weight to a contribution that is one element longer: every level times the weight, and the
    /// weight.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and [`Error::Vector`] if the weight exceeds the greatest.
    pub fn encode_weighted<T: Copy + Into<f64>, R: CryptoRng + ?Sized>(
        &self,
        values: &[T],
        weight: u32,
        rng: &mut R,
    ) -> Result<Vector, Error> {
        if weight > self.greatest_weight {
            return Err(Error::Vector { what: format!("a weight above {}", self.greatest_weight) });
        }
        let mut elements = self.levels(values, rng)?;
        elements.iter_mut().for_each(|level| *level *= u64::from(weight));
        elements.push(u64::from(weight));
        Vector::from_elements(self.ring, &elements)
    }

    fn levels<T: Copy + Into<f64>, R: CryptoRng + ?Sized>(&self, values: &[T], rng: &mut R) -> Result<Vec<u64>, Error> {
        let (top, scale) = (self.top(), 1.0 / self.step());
        let dice = dice(values.len(), rng)?;
        let Lanes::Narrow(dice) = &dice.lanes else { return Err(Error::Misuse { what: "32-bit dice are narrow" }) };
        let mut levels = Vec::with_capacity(values.len());
        let mut finite = true;
        for (value, die) in values.iter().zip(dice) {
            let value: f64 = (*value).into();
            finite &= value.is_finite();
            let at = (value.clamp(-self.clip, self.clip) + self.clip) * scale;
            let below = at.floor();
            let up = f64::from(*die) < (at - below) * 4_294_967_296.0;
            levels.push((below as u64 + u64::from(up)).min(top));
        }
        if finite { Ok(levels) } else { Err(Error::Vector { what: "a value is not finite".into() }) }
    }

    /// The sum of the values of `contributions` contributions, noise included.
    ///
    /// # Errors
    /// [`Error::Vector`] if there are more contributions than announced, or the sum is of another ring or out of the
    /// range that contributions can reach.
    pub fn decode_sum(&self, sum: &Vector, contributions: usize) -> Result<Vec<f64>, Error> {
        let offset = contributions as f64 * self.clip;
        let totals = self.totals(sum, contributions)?;
        Ok(totals.into_iter().map(|total| total * self.step() - offset).collect())
    }

    /// The mean of the values of `contributions` contributions, noise included.
    ///
    /// # Errors
    /// As [`decode_sum`](Self::decode_sum), and [`Error::TooFew`] for none.
    pub fn decode_mean(&self, sum: &Vector, contributions: usize) -> Result<Vec<f64>, Error> {
        if contributions == 0 {
            return Err(Error::TooFew { what: "contributions", have: 0, need: 1 });
        }
        let count = contributions as f64;
        Ok(self.decode_sum(sum, contributions)?.into_iter().map(|sum| sum / count).collect())
    }

    /// The weighted mean of the values, and the total weight, which is the sum's last element.
    ///
    /// # Errors
    /// As [`decode_sum`](Self::decode_sum), and [`Error::TooFew`] if the weights add up to nothing.
    pub fn decode_weighted_mean(&self, sum: &Vector, contributions: usize) -> Result<(Vec<f64>, f64), Error> {
        let mut totals = self.totals(sum, contributions)?;
        let weight = totals.pop().filter(|&weight| weight > 0.0);
        let weight = weight.ok_or(Error::TooFew { what: "units of weight", have: 0, need: 1 })?;
        Ok((totals.into_iter().map(|total| total / weight * self.step() - self.clip).collect(), weight))
    }

    /// Elements as the signed numbers that they stand for: those too great for a sum are negative noise.
    fn totals(&self, sum: &Vector, contributions: usize) -> Result<Vec<f64>, Error> {
        if contributions > self.most as usize {
            let what = format!("{contributions} contributions, but the ring is made for {}", self.most);
            return Err(Error::Vector { what });
        }
        if sum.ring() != self.ring {
            return Err(Error::Vector { what: format!("a sum of {} bits", sum.ring().bits()) });
        }
        let greatest = u128::from(self.top()) * u128::from(self.greatest_weight) * contributions as u128;
        let limit = greatest + u128::from(self.noise);
        let size = 1i128 << self.ring.bits();
        let total = |element: u64| {
            let element = i128::from(element);
            if element as u128 <= limit {
                Ok(element as f64)
            } else if size - element <= i128::from(self.noise) {
                Ok((element - size) as f64)
            } else {
                Err(Error::Vector { what: "a sum that no honest contributions give".into() })
            }
        };
        sum.elements().into_iter().map(total).collect()
    }
}

/// One 32-bit random number for each value, from the fast key stream of a fresh seed.
pub(crate) fn dice<R: CryptoRng + ?Sized>(len: usize, rng: &mut R) -> Result<Vector, Error> {
    let mut dice = Vector::zeros(Ring::new(ROUNDING_BITS)?, len);
    Seed::random(rng).apply(&[0; 32], Sign::Plus, &mut dice);
    Ok(dice)
}

/// Scales values down to an L2 norm of at most `bound`, which bounds what one contribution can change.
///
/// # Errors
/// [`Error::Parameter`] for a bound that is not positive; [`Error::Vector`] if a value is not finite.
pub fn clip_norm(values: &mut [f64], bound: f64) -> Result<(), Error> {
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    clip(values, norm, bound)
}

/// Scales values down to an L1 norm of at most `bound`: the sum of their sizes.
///
/// # Errors
/// As [`clip_norm`].
pub fn clip_sizes(values: &mut [f64], bound: f64) -> Result<(), Error> {
    let norm = values.iter().map(|value| value.abs()).sum::<f64>();
    clip(values, norm, bound)
}

fn clip(values: &mut [f64], norm: f64, bound: f64) -> Result<(), Error> {
    if !bound.is_finite() || bound <= 0.0 {
        return Err(Error::parameter("a clipping bound is positive and finite"));
    }
    if !norm.is_finite() {
        return Err(Error::Vector { what: "a norm is not finite".into() });
    }
    if norm > bound {
        values.iter_mut().for_each(|value| *value *= bound / norm);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::seeded;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn sums_never_overflow_and_are_close(
            precision in 1u32..=20, clients in 1usize..20, seed: u64, clip in 0.01f64..100.0,
        ) {
            let mut rng = seeded(seed);
            let quantiser = Quantiser::new(clip, precision, clients as u32).unwrap();
            let extremes = [clip, -clip, 2.0 * clip, 0.0];
            let mut sum = Vector::zeros(quantiser.ring(), 4);
            for _ in 0..clients {
                sum.add(&quantiser.encode(&extremes, &mut rng).unwrap()).unwrap();
            }
            let count = clients as f64;
            let decoded = quantiser.decode_sum(&sum, clients).unwrap();
            for (got, value) in decoded.iter().zip([clip, -clip, clip, 0.0]) {
                prop_assert!((got - count * value).abs() <= count * quantiser.step() + 1e-9 * count * clip);
            }
        }
    }

    #[test]
    fn rounding_is_unbiased() {
        let mut rng = seeded(1);
        let quantiser = Quantiser::new(1.0, 2, 40_000).unwrap();
        let vector = quantiser.encode(&vec![0.1f32; 40_000], &mut rng).unwrap();
        let mean = vector.elements().iter().sum::<u64>() as f64 / 40_000.0 * quantiser.step() - 1.0;
        // A standard error of 0.0016.
        assert!((mean - 0.1).abs() < 0.01, "{mean}");
    }

    #[test]
    fn weighted_means_are_those_of_the_weights() {
        let mut rng = seeded(2);
        let quantiser = Quantiser::new(1.0, 16, 3).unwrap().weighted(1000).unwrap();
        let mut sum = Vector::zeros(quantiser.ring(), 2);
        for (value, weight) in [(0.5, 1000), (-0.25, 500), (1.0, 0)] {
            sum.add(&quantiser.encode_weighted(&[value], weight, &mut rng).unwrap()).unwrap();
        }
        let (mean, weight) = quantiser.decode_weighted_mean(&sum, 3).unwrap();
        assert_eq!(weight, 1500.0);
        assert!((mean[0] - 0.25).abs() < 1e-4);
        assert!(quantiser.encode_weighted(&[0.5], 1001, &mut rng).is_err());
        assert!(quantiser.encode(&[0.5], &mut rng).is_err());
        assert!(quantiser.decode_weighted_mean(&Vector::zeros(quantiser.ring(), 2), 3).is_err());
    }

    #[test]
    fn overflow_is_refused_and_noise_has_room() {
        assert!(Quantiser::new(1.0, 32, u32::MAX).unwrap().ring().bits() == 64);
        assert!(Quantiser::new(1.0, 32, u32::MAX).unwrap().weighted(2).is_err());
        let quantiser = Quantiser::new(1.0, 8, 10).unwrap();
        assert_eq!(quantiser.ring().bits(), 12, "2550 and 0 fit 12 bits");
        assert!(quantiser.decode_sum(&Vector::zeros(quantiser.ring(), 1), 11).is_err());
        let impossible = Vector::from_elements(quantiser.ring(), &[2551]).unwrap();
        assert!(quantiser.decode_sum(&impossible, 10).is_err(), "no contributions give this");
        let noisy = quantiser.noisy(10.0).unwrap();
        let negative = Vector::from_signed(noisy.ring(), &[-100]).unwrap();
        let decoded = noisy.decode_sum(&negative, 10).unwrap()[0];
        assert!((decoded - (-100.0 * noisy.step() - 10.0)).abs() < 1e-9);
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(quantiser.encode(&[bad], &mut seeded(3)).is_err());
            assert!(Quantiser::new(bad, 8, 10).is_err());
        }
    }

    #[test]
    fn norms_are_clipped() {
        let mut values = [3.0, 4.0];
        clip_norm(&mut values, 10.0).unwrap();
        assert_eq!(values, [3.0, 4.0]);
        clip_norm(&mut values, 1.0).unwrap();
        assert!((values[0] - 0.6).abs() < 1e-12 && (values[1] - 0.8).abs() < 1e-12);
        assert!(clip_norm(&mut [f64::NAN], 1.0).is_err());
    }
}
