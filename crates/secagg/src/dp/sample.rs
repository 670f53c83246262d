//! Exact samplers of discrete noise: Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy",
//! algorithms 1 to 3. Only integers are computed with, so that no rounding of floats can leak.

use rand_core::CryptoRng;

use crate::error::Error;

/// A positive fraction, exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rational {
    numerator: u64,
    denominator: u64,
}

impl Rational {
    /// The greatest numerator: the samplers square it within 128 bits, with room for a thousandfold.
    const MOST: u64 = 1 << 50;
    /// The greatest denominator.
    const FINEST: u64 = 1 << 24;

    /// # Errors
    /// [`Error::Parameter`] unless the numerator is 1 to 2^50 and the denominator 1 to 2^24.
    pub fn new(numerator: u64, denominator: u64) -> Result<Self, Error> {
        if !(1..=Self::MOST).contains(&numerator) || !(1..=Self::FINEST).contains(&denominator) {
            return Err(Error::parameter("a fraction with a numerator up to 2^50 and a denominator up to 2^24"));
        }
        Ok(Self { numerator, denominator })
    }

    /// The smallest multiple of 2^-16 (of 1 above 2^34) that is not below `value`: more noise, never less.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 < `value` ≤ 2^50.
    pub fn at_least(value: f64) -> Result<Self, Error> {
        if !(value > 0.0 && value <= Self::MOST as f64) {
            return Err(Error::parameter("a positive number up to 2^50"));
        }
        let denominator = if value < (1u64 << 34) as f64 { 1u64 << 16 } else { 1 };
        Self::new((value * denominator as f64).ceil() as u64, denominator)
    }

    /// Its value.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// An `n`-th of it, rounded up.
    pub(super) fn divided(self, n: u32) -> Result<Self, Error> {
        Self::at_least(self.to_f64() / f64::from(n) * (1.0 + 1e-12))
    }
}

/// A uniform number below `bound`.
fn below<R: CryptoRng + ?Sized>(bound: u128, rng: &mut R) -> u128 {
    let spare = bound.leading_zeros();
    loop {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let draw = u128::from_le_bytes(bytes).checked_shr(spare).unwrap_or(0);
        if draw < bound {
            return draw;
        }
    }
}

/// True with probability `numerator`/`denominator`, which is at most 1.
fn bernoulli<R: CryptoRng + ?Sized>(numerator: u128, denominator: u128, rng: &mut R) -> bool {
    below(denominator, rng) < numerator
}

/// True with probability exp(−`numerator`/`denominator`) (algorithm 1).
fn bernoulli_exp<R: CryptoRng + ?Sized>(numerator: u128, denominator: u128, rng: &mut R) -> bool {
    // exp(−γ) = exp(−1)^⌊γ⌋ · exp(−(γ − ⌊γ⌋)); the first failure ends it, so a great γ costs nothing.
    for _ in 0..numerator / denominator {
        if !bernoulli_exp_small(1, 1, rng) {
            return false;
        }
    }
    bernoulli_exp_small(numerator % denominator, denominator, rng)
}

/// The same for a fraction of at most 1: whether the first failure among Bernoulli(γ/1), Bernoulli(γ/2), ... is odd.
fn bernoulli_exp_small<R: CryptoRng + ?Sized>(numerator: u128, denominator: u128, rng: &mut R) -> bool {
    let mut k = 1;
    // Bernoulli(γ/k) in two independent factors, so that the denominator never overflows.
    while bernoulli(numerator, denominator, rng) && bernoulli(1, k, rng) {
        k += 1;
    }
    k % 2 == 1
}

/// A sample x with Pr(x) ∝ exp(−|x|/b) (algorithm 2), b being `scale`. Expected O(1) draws.
#[must_use]
pub fn discrete_laplace<R: CryptoRng + ?Sized>(scale: Rational, rng: &mut R) -> i64 {
    let (t, s) = (u128::from(scale.numerator), u128::from(scale.denominator));
    loop {
        let u = below(t, rng);
        if !bernoulli_exp_small(u, t, rng) {
            continue;
        }
        let mut v = 0u128;
        while bernoulli_exp_small(1, 1, rng) {
            v += 1;
        }
        let magnitude = ((u + t * v) / s) as i64;
        let negative = bernoulli(1, 2, rng);
        if !(negative && magnitude == 0) {
            return if negative { -magnitude } else { magnitude };
        }
    }
}

/// A sample x with Pr(x) ∝ exp(−x²/2σ²) (algorithm 3), σ² being `variance`. Expected O(1) draws.
#[must_use]
pub fn discrete_gaussian<R: CryptoRng + ?Sized>(variance: Rational, rng: &mut R) -> i64 {
    let (numerator, denominator) = (u128::from(variance.numerator), u128::from(variance.denominator));
    // t = ⌊σ⌋ + 1
    let t = (numerator / denominator).isqrt() + 1;
    let laplace = Rational { numerator: t as u64, denominator: 1 };
    loop {
        let y = discrete_laplace(laplace, rng);
        // (|y| − σ²/t)²/2σ², with all denominators multiplied out.
        let distance = (u128::from(y.unsigned_abs()) * t * denominator).abs_diff(numerator);
        let (Some(square), Some(divisor)) =
            (distance.checked_mul(distance), (2 * numerator * denominator).checked_mul(t * t))
        else {
            // Beyond 10^4 standard deviations: exp(−10^8) is not distinguishable from a rejection.
            continue;
        };
        if bernoulli_exp(square, divisor, rng) {
            return y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    /// Pearson's statistic of samples against weights, over the cells with an expectation of at least 20.
    fn chi_square(samples: &[i64], weight: impl Fn(i64) -> f64) -> (f64, usize) {
        let total: f64 = (-2000..=2000).map(&weight).sum();
        let mut statistic = 0.0;
        let mut cells = 0;
        for x in -200..=200 {
            let expected = weight(x) / total * samples.len() as f64;
            if expected >= 20.0 {
                let seen = samples.iter().filter(|&&sample| sample == x).count() as f64;
                statistic += (seen - expected).powi(2) / expected;
                cells += 1;
            }
        }
        (statistic, cells)
    }

    #[test]
    fn samples_follow_their_distributions() {
        let mut rng = seeded(1);
        for (numerator, denominator) in [(1, 3), (1, 1), (7, 2), (100, 1)] {
            let parameter = Rational::new(numerator, denominator).unwrap();
            let value = parameter.to_f64();
            let gauss: Vec<i64> = (0..20_000).map(|_| discrete_gaussian(parameter, &mut rng)).collect();
            let laplace: Vec<i64> = (0..20_000).map(|_| discrete_laplace(parameter, &mut rng)).collect();
            for (samples, weight) in [
                (gauss, Box::new(move |x: i64| (-((x * x) as f64) / (2.0 * value)).exp()) as Box<dyn Fn(i64) -> f64>),
                (laplace, Box::new(move |x: i64| (-(x.abs() as f64) / value).exp())),
            ] {
                let (statistic, cells) = chi_square(&samples, weight);
                // Mean `cells`, deviation √(2·cells): six deviations are beyond chance.
                let limit = cells as f64 + 6.0 * (2.0 * cells as f64).sqrt();
                assert!(statistic < limit && cells >= 3, "{numerator}/{denominator}: {statistic} over {cells} cells");
            }
        }
    }

    #[test]
    fn great_variances_are_sampled_too() {
        let mut rng = seeded(2);
        let variance = Rational::new(1 << 50, 1).unwrap();
        let samples: Vec<f64> = (0..2000).map(|_| discrete_gaussian(variance, &mut rng) as f64).collect();
        let measured = samples.iter().map(|x| x * x).sum::<f64>() / 2000.0;
        assert!((measured / variance.to_f64() - 1.0).abs() < 0.2);
        assert!(Rational::new(0, 1).is_err() && Rational::at_least(f64::NAN).is_err());
        assert!(Rational::at_least(0.1).unwrap().to_f64() >= 0.1);
    }
}
