//! Noise in published sums, and what each contributor loses.
//!
//! Every contribution is scaled down to a norm and rounded. *Contributors* add a part of the noise before it is masked: nobody ever
//! holds a sum without noise (Kairouz, Liu, Steinke 2021; `secagg::dp`). Or each *aggregator* adds all of it to its answer: one that is
//! honest is enough, and there is less of it. What a contribution loses is what the sum tells of whether it was made of its values or
//! of zeros; how many contributed, and who, is known anyway.

use rand_core::CryptoRng;
use secagg::Vector;
use secagg::dp::{self, Distributed, Rational, Zcdp};
use secagg::quantise::{Quantiser, clip_norm, clip_sizes};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::draft::Draft;
use crate::error::Error;

/// What terms say of noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseDraft {
    /// Who adds it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: NoiseBy,
    /// How it is distributed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shape: NoiseShape,
    /// The least standard deviation of the noise in each published sum, in the unit of the values.
    pub deviation: f64,
    /// The norm that a contribution is scaled down to, if its own is greater: the Euclidean one, or the sum of sizes with
    /// [`NoiseShape::Laplace`].
    pub norm: f64,
    /// How many contributors of a round may leave their part of the noise out. None where aggregators add it.
    #[serde(default)]
    pub dishonest: u32,
    /// The δ for which ε is told.
    pub delta: f64,
    /// The most that all rounds together may cost a contributor; terms that cost more are none.
    pub epsilon: f64,
}

/// Who adds noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseBy {
    /// The contributors together.
    #[default]
    Contributors,
    /// Each aggregator of a committee of which all have to answer.
    Aggregators,
}

/// How noise is distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseShape {
    /// As the discrete Gaussian.
    #[default]
    Gaussian,
    /// As the discrete Laplace, which aggregators add.
    Laplace,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Noise that was checked against the rest of the terms.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    said: NoiseDraft,
    parts: Parts,
    step: f64,
    loss: Zcdp,
    /// ε of one contribution, at a δ of 0, if it has one.
    pure: Option<f64>,
    most: u32,
    rounds: u64,
}

/// What each of those who add it adds.
#[derive(Clone, Copy, Debug)]
enum Parts {
    Contributors(Distributed),
    Aggregators { each: dp::Noise, count: usize },
}

impl Noise {
    /// That of a draft, if it has one, for sums of what `quantiser` gives.
    pub(crate) fn of(draft: &Draft, quantiser: &Quantiser) -> Result<Option<Noise>, Error> {
        let Some(said) = &draft.noise else { return Ok(None) };
        if draft.weights.is_some() {
            return Err(Error::terms(
                "[noise] has no weights: contribute values times weight, and the weight as one more",
            ));
        }
        let sound = said.delta > 0.0 && said.delta < 1.0 && said.deviation > 0.0 && said.norm > 0.0;
        if !sound {
            return Err(Error::terms("[noise] needs 0 < delta < 1, and a deviation and a norm above zero"));
        }
        let step = quantiser.step();
        let parts = Parts::of(draft, said, said.deviation / step)?;
        // Rounding moves a value by less than a step, and a zero, which is half a step from its neighbours, by a half.
        let (length, norm) = (f64::from(draft.length), said.norm / step);
        let (l1, l2) = match said.shape {
            NoiseShape::Gaussian => {
                let l2 = norm + 1.5 * length.sqrt();
                (length.sqrt() * l2, l2)
            }
            NoiseShape::Laplace => (norm + 1.5 * length, norm + 1.5 * length.sqrt()),
        };
        let loss = parts.loss(l1, l2, draft.length as usize);
        let pure = (said.shape == NoiseShape::Laplace).then(|| (2.0 * loss.rho()).sqrt());
        let noise = Noise { said: *said, parts, step, loss, pure, most: draft.most, rounds: draft.rounds };
        let all = noise.epsilon(draft.rounds);
        if all.is_nan() || all > said.epsilon {
            return Err(Error::terms(format!(
                "{} rounds cost a contributor ε = {all:.3}, and [noise] allows {}: agree on more noise, a smaller norm or \
                 fewer rounds",
                draft.rounds, said.epsilon
            )));
        }
        Ok(Some(noise))
    }

    /// What one contribution loses.
    #[must_use]
    pub fn loss(&self) -> Zcdp {
        self.loss
    }

    /// ε of contributions to so many rounds together, at the δ of the terms.
    #[must_use]
    pub fn epsilon(&self, rounds: u64) -> f64 {
        let epsilon = Zcdp::new(self.loss.rho() * rounds as f64).epsilon(self.said.delta);
        self.pure.map_or(epsilon, |pure| epsilon.min(pure * rounds as f64))
    }

    /// What each aggregator adds to its answer, if aggregators do.
    #[must_use]
    pub fn of_aggregators(&self) -> Option<&dp::Noise> {
        match &self.parts {
            Parts::Aggregators { each, .. } => Some(each),
            Parts::Contributors(_) => None,
        }
    }

    /// The standard deviation of the noise in the sum of so many contributions, in the unit of the values.
    #[must_use]
    pub fn deviation(&self, contributions: u32) -> f64 {
        self.steps(contributions) * self.step
    }

    fn steps(&self, contributions: u32) -> f64 {
        match &self.parts {
            Parts::Contributors(distributed) => (distributed.each.to_f64() * f64::from(contributions)).sqrt(),
            Parts::Aggregators { each, count } => (variance(each) * *count as f64).sqrt(),
        }
    }

    /// A quantiser whose ring has room for it. Laplace noise is far out more often.
    pub(crate) fn room(&self, quantiser: Quantiser) -> Result<Quantiser, Error> {
        let tails = if self.said.shape == NoiseShape::Laplace { 4.0 } else { 1.0 };
        Ok(quantiser.noisy(tails * self.steps(self.most))?)
    }

    /// A contribution: values scaled down to the norm, rounded, with a part of the noise if contributors add it.
    pub(crate) fn encode<R: CryptoRng>(
        &self,
        mut values: Zeroizing<Vec<f64>>,
        to: &Quantiser,
        rng: &mut R,
    ) -> Result<Vector, Error> {
        match self.said.shape {
            NoiseShape::Gaussian => clip_norm(&mut values, self.said.norm)?,
            NoiseShape::Laplace => clip_sizes(&mut values, self.said.norm)?,
        }
        let mut vector = to.encode(&values, rng)?;
        if let Parts::Contributors(distributed) = &self.parts {
            distributed.add(&mut vector, rng)?;
        }
        Ok(vector)
    }

    /// What it protects, in words.
    pub(crate) fn words(&self) -> String {
        let NoiseDraft { deviation, dishonest, delta, .. } = self.said;
        let so_long = match (&self.parts, dishonest) {
            (Parts::Aggregators { count: 1, .. }, _) => "which the aggregator adds".to_owned(),
            (Parts::Aggregators { .. }, _) => "while one of the aggregators adds its part".to_owned(),
            (Parts::Contributors(_), 0) => "while all contributors add their part".to_owned(),
            (Parts::Contributors(_), few) => format!("while all but {few} of the contributors add their part"),
        };
        format!(
            "; sums carry noise of a standard deviation of {deviation} or more, {so_long}: a contribution to one round loses \
             ε = {:.3} at δ = {delta}, to all {} rounds ε = {:.3}",
            self.epsilon(1),
            self.rounds,
            self.epsilon(self.rounds)
        )
    }
}

impl Parts {
    /// Such that honest ones have a deviation of so many steps.
    fn of(draft: &Draft, said: &NoiseDraft, steps: f64) -> Result<Parts, Error> {
        if said.by == NoiseBy::Contributors {
            if said.shape == NoiseShape::Laplace {
                return Err(Error::terms("Laplace [noise] is for aggregators to add (`by = \"aggregators\"`)"));
            }
            let honest = draft.minimum.saturating_sub(said.dishonest);
            return Ok(Parts::Contributors(Distributed::new(Rational::at_least(steps.powi(2))?, honest)?));
        }
        let unanimous = draft.committee.as_ref().filter(|c| c.threshold == c.aggregators.len());
        let Some(committee) = unanimous else {
            return Err(Error::terms("aggregators add [noise] in a [committee] of which all have to answer"));
        };
        if said.dishonest > 0 {
            return Err(Error::terms("`dishonest` counts contributors, and aggregators add this [noise]"));
        }
        let each = match said.shape {
            NoiseShape::Gaussian => dp::Noise::Gaussian { variance: Rational::at_least(steps.powi(2))? },
            // The variance of Laplace noise is twice the square of its scale, or a little less for small ones of integers.
            NoiseShape::Laplace => {
                dp::Noise::Laplace { scale: Rational::at_least((steps.powi(2) / 2.0 + 1.0 / 12.0).sqrt())? }
            }
        };
        Ok(Parts::Aggregators { each, count: committee.aggregators.len() })
    }

    fn loss(&self, l1: f64, l2: f64, length: usize) -> Zcdp {
        match self {
            Parts::Contributors(distributed) => distributed.loss(l1, l2, length),
            Parts::Aggregators { each, .. } => each.loss(l1, l2),
        }
    }
}

/// Of noise on integers, in squared steps.
fn variance(noise: &dp::Noise) -> f64 {
    match noise {
        dp::Noise::Gaussian { variance } => variance.to_f64(),
        dp::Noise::Laplace { scale } => 0.5 / (0.5 / scale.to_f64()).sinh().powi(2),
    }
}
