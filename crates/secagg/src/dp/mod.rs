//! Differential privacy: exact discrete noise, added after aggregation or by the clients before it, and its accounting.
//!
//! *Central*: whoever holds the sum adds [`Noise`] before it publishes; clients trust it to. *Distributed*: every client
//! adds a part of the noise to its own contribution ([`Distributed`]), so that nobody ever holds the sum without noise.
//!
//! Losses are measured in zero-concentrated differential privacy ([`Zcdp`], Bun and Steinke 2016), which adds up over
//! rounds; a [`Ledger`] keeps what each data owner has spent.
//!
//! Sampling takes a time that depends on the sample. Do not let an adversary time it.

mod account;
mod sample;

pub use account::{Ledger, Zcdp};
pub use sample::{Rational, discrete_gaussian, discrete_laplace};

use rand_core::CryptoRng;

use crate::error::Error;
use crate::vector::Vector;

/// Noise on integers, sampled exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noise {
    /// The discrete Gaussian: Pr(x) ∝ exp(−x²/2σ²).
    Gaussian {
        /// σ².
        variance: Rational,
    },
    /// The discrete Laplace: Pr(x) ∝ exp(−|x|/b).
    Laplace {
        /// b.
        scale: Rational,
    },
}

impl Noise {
    /// Adds independent noise to every element. The ring must have room for it
    /// ([`Quantiser::noisy`](crate::quantise::Quantiser::noisy)).
    ///
    /// # Errors
    /// [`Error::Vector`] if a sample does not fit the ring (of which the probability is negligible, given the room).
    pub fn add<R: CryptoRng + ?Sized>(&self, to: &mut Vector, rng: &mut R) -> Result<(), Error> {
        let samples: Vec<i64> = (0..to.len())
            .map(|_| match self {
                Noise::Gaussian { variance } => discrete_gaussian(*variance, rng),
                Noise::Laplace { scale } => discrete_laplace(*scale, rng),
            })
            .collect();
        to.add(&Vector::from_signed(to.ring(), &samples)?)
    }

    /// The loss of publishing a sum with this noise, if one contribution changes it by at most `l1` and `l2` in these
    /// norms (in steps).
    ///
    /// Gaussian: ρ = Δ₂²/2σ² (Canonne, Kamath, Steinke 2020, theorem 4). Laplace: ε = Δ₁/b, hence ρ = ε²/2.
    #[must_use]
    pub fn loss(&self, l1: f64, l2: f64) -> Zcdp {
        match self {
            Noise::Gaussian { variance } => Zcdp::new(l2 * l2 / (2.0 * variance.to_f64())),
            Noise::Laplace { scale } => Zcdp::new((l1 / scale.to_f64()).powi(2) / 2.0),
        }
    }
}

/// Discrete Gaussian noise that the clients of a round add up together (Kairouz, Liu, Steinke 2021).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distributed {
    /// The variance of what each client adds.
    pub each: Rational,
    /// The fewest honest contributions in a published sum: the round's minimum less those who may lie about their
    /// noise. Only their noise is counted on.
    pub honest: u32,
}

impl Distributed {
    /// Such that the honest clients' noise together has at least this variance.
    ///
    /// # Errors
    /// [`Error::Parameter`] if a client's part would have a standard deviation under 1/2, for which the theorem does not
    /// hold; sum with finer steps then.
    pub fn new(total: Rational, honest: u32) -> Result<Self, Error> {
        if honest == 0 {
            return Err(Error::parameter("at least one honest contribution"));
        }
        let each = total.divided(honest)?;
        if each.to_f64() < 0.25 {
            return Err(Error::parameter("each client's noise has a standard deviation of at least 1/2 step"));
        }
        Ok(Self { each, honest })
    }

    /// A client's part, added to its contribution before masking.
    ///
    /// # Errors
    /// As [`Noise::add`].
    pub fn add<R: CryptoRng + ?Sized>(&self, to: &mut Vector, rng: &mut R) -> Result<(), Error> {
        Noise::Gaussian { variance: self.each }.add(to, rng)
    }

    /// The loss of publishing a sum of `len` elements, of which one contribution changes at most `l1` and `l2` in these
    /// norms: theorem 1 of the paper, which accounts for a sum of discrete Gaussians not being one.
    #[must_use]
    pub fn loss(&self, l1: f64, l2: f64, len: usize) -> Zcdp {
        let (variance, n, d) = (self.each.to_f64(), f64::from(self.honest), len as f64);
        let part = |k: f64| (-2.0 * std::f64::consts::PI.powi(2) * variance * k / (k + 1.0)).exp();
        let tau = 10.0 * (1..self.honest).map(|k| part(f64::from(k))).sum::<f64>();
        let deviation = (n * variance).sqrt();
        let square = (l2 / deviation).powi(2);
        let epsilon = (square + tau * d / 2.0)
            .sqrt()
            .min((square + 2.0 * l1 / deviation * tau + tau * tau * d).sqrt())
            .min(l2 / deviation + tau * d.sqrt());
        Zcdp::new(epsilon * epsilon / 2.0)
    }
}
