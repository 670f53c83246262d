//! Values to what is summed.

use rand_core::CryptoRng;
use secagg::Vector;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::terms::{Encoding, Terms};

/// What a client contributes.
pub struct Input<'a> {
    /// Its values, as many as the terms say; each is clipped to the terms' range.
    pub values: &'a [f64],
    /// Its weight, where the terms have weights.
    pub weight: Option<u32>,
}

impl Terms {
    /// Clips and rounds values, with the noise of the terms if they have any: what is masked next.
    ///
    /// # Errors
    /// [`Error::Protocol`] for another number of values, one that is not finite, or too great a weight; [`Error::Terms`]
    /// for a weight that the terms do not have, or lack.
    pub fn encode<R: CryptoRng>(&self, input: &Input<'_>, rng: &mut R) -> Result<Vector, Error> {
        let draft = self.draft();
        if input.values.len() != draft.length as usize {
            let what = format!("{} values, but the terms say {}", input.values.len(), draft.length);
            return Err(secagg::Error::Vector { what }.into());
        }
        let values = Zeroizing::new(input.values.to_vec());
        if let (Encoding::Levels(to), Some(noise), None) = (self.encoding(), self.noise(), input.weight) {
            return noise.encode(values, to, rng);
        }
        match (self.encoding(), draft.weights, input.weight) {
            (Encoding::Levels(to), Some(_), Some(weight)) => Ok(to.encode_weighted(&values, weight, rng)?),
            (Encoding::Levels(to), None, None) => Ok(to.encode(&values, rng)?),
            (Encoding::Fixed(to), None, None) => Ok(to.encode(&values, rng)?),
            (Encoding::Whole(to), None, None) => to.encode(&values),
            (_, Some(_), None) => Err(Error::terms("these terms want a weight with the values")),
            (_, None, Some(_)) | (Encoding::Fixed(_) | Encoding::Whole(_), Some(_), _) => {
                Err(Error::terms("these terms have no weights"))
            }
        }
    }
}
