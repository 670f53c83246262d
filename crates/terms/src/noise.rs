//! Noise that contributors add to a round together, and what each of them loses.
//!
//! Every contribution is scaled down to a norm, rounded, and has a part of the noise added before it is masked: nobody ever
//! holds a sum without noise (Kairouz, Liu, Steinke 2021; `secagg::dp`). What a contribution loses is what the sum tells of
//! whether it was made of its values or of zeros; how many contributed, and who, is known anyway.

use rand_core::CryptoRng;
use secagg::Vector;
use secagg::dp::{Distributed, Rational, Zcdp};
use secagg::quantise::{Quantiser, clip_norm};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::draft::Draft;
use crate::error::Error;

/// What terms say of noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseDraft {
    /// The least standard deviation of the noise in each published sum, in the unit of the values.
    pub deviation: f64,
    /// The Euclidean norm that a contribution is scaled down to, if its own is greater.
    pub norm: f64,
    /// How many contributors of a round may leave their part of the noise out.
    #[serde(default)]
    pub dishonest: u32,
    /// The δ for which ε is told.
    pub delta: f64,
    /// The most that all rounds together may cost a contributor; terms that cost more are none.
    pub epsilon: f64,
}

/// Noise that was checked against the rest of the terms.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    said: NoiseDraft,
    distributed: Distributed,
    step: f64,
    loss: Zcdp,
    most: u32,
    rounds: u64,
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
        let honest = draft.minimum.saturating_sub(said.dishonest);
        let step = quantiser.step();
        let distributed = Distributed::new(Rational::at_least((said.deviation / step).powi(2))?, honest)?;
        // Rounding moves a value by less than a step, and a zero, which is half a step from its neighbours, by a half.
        let length = f64::from(draft.length);
        let l2 = said.norm / step + 1.5 * length.sqrt();
        let loss = distributed.loss(length.sqrt() * l2, l2, draft.length as usize);
        let noise = Noise { said: *said, distributed, step, loss, most: draft.most, rounds: draft.rounds };
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
        Zcdp::new(self.loss.rho() * rounds as f64).epsilon(self.said.delta)
    }

    /// The standard deviation of the noise in the sum of so many contributions, in the unit of the values.
    #[must_use]
    pub fn deviation(&self, contributions: u32) -> f64 {
        self.steps(contributions) * self.step
    }

    fn steps(&self, contributions: u32) -> f64 {
        (self.distributed.each.to_f64() * f64::from(contributions)).sqrt()
    }

    /// A quantiser whose ring has room for it.
    pub(crate) fn room(&self, quantiser: Quantiser) -> Result<Quantiser, Error> {
        Ok(quantiser.noisy(self.steps(self.most))?)
    }

    /// A contribution: values scaled down to the norm, rounded, with a part of the noise.
    pub(crate) fn encode<R: CryptoRng>(
        &self,
        mut values: Zeroizing<Vec<f64>>,
        to: &Quantiser,
        rng: &mut R,
    ) -> Result<Vector, Error> {
        clip_norm(&mut values, self.said.norm)?;
        let mut vector = to.encode(&values, rng)?;
        self.distributed.add(&mut vector, rng)?;
        Ok(vector)
    }

    /// What it protects, in words.
    pub(crate) fn words(&self) -> String {
        let NoiseDraft { deviation, dishonest, delta, .. } = self.said;
        let so_long = match dishonest {
            0 => "while all contributors add their part".to_owned(),
            few => format!("while all but {few} of the contributors add their part"),
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
