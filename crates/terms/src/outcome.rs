//! A published sum as the numbers that it stands for.

use identity::Identity;
use secagg::Vector;

use crate::error::Error;
use crate::terms::{Encoding, Terms};

/// A published sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// How many contributions are in it.
    pub contributions: u32,
    /// The packed sum.
    pub sum: Vec<u8>,
}

/// What a round published.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The round.
    pub round: u64,
    /// How many contributions are in it.
    pub contributions: u32,
    /// The sum of their values; with weights, of each value times its weight.
    pub sum: Vec<f64>,
    /// The mean; with weights, the weighted mean.
    pub mean: Vec<f64>,
    /// The sum of the weights, where the terms have weights.
    pub weight: Option<f64>,
    /// The standard deviation of the noise in each element of the sum, if all who add a part of it did.
    pub noise: Option<f64>,
    /// Who contributed and is not in it, because an aggregator could not use the contribution: it was not in its range, or
    /// made up.
    pub left_out: Vec<Identity>,
}

impl Aggregate {
    /// What [`Published::encode`] gave. It does not tell who was left out.
    ///
    /// # Errors
    /// [`Error::Answer`] for another form; [`Error::Protocol`] for a sum that no contributions give.
    pub fn decode(terms: &Terms, round: u64, bytes: &[u8]) -> Result<Self, Error> {
        let Published { contributions, sum } =
            Published::decode(bytes).ok_or_else(|| Error::answer("too short a result"))?;
        if contributions < terms.draft().minimum {
            return Err(Error::answer("a result of fewer contributions than the minimum"));
        }
        let task = terms.task(round);
        let vector = Vector::unpack(task.ring, task.len as usize, &sum)?;
        let quantiser = match terms.encoding() {
            Encoding::Levels(quantiser) => quantiser,
            Encoding::Whole(whole) => {
                let sum = whole.decode(&vector);
                let mean = sum.iter().map(|sum| sum / f64::from(contributions)).collect();
                return Ok(Self { round, contributions, sum, mean, weight: None, noise: None, left_out: vec![] });
            }
            Encoding::Fixed(_) => return Err(Error::Kept { name: terms.kept_name(round) }),
        };
        let count = contributions as usize;
        if terms.draft().weights.is_some() {
            let (mean, weight) = quantiser.decode_weighted_mean(&vector, count)?;
            let sum = mean.iter().map(|mean| mean * weight).collect();
            return Ok(Self { round, contributions, sum, mean, weight: Some(weight), noise: None, left_out: vec![] });
        }
        let (sum, mean) = (quantiser.decode_sum(&vector, count)?, quantiser.decode_mean(&vector, count)?);
        let noise = terms.noise().map(|noise| noise.deviation(contributions));
        Ok(Self { round, contributions, sum, mean, weight: None, noise, left_out: vec![] })
    }
}

impl Published {
    /// Its bytes: the number of contributions (32 bits, little-endian) and the packed sum.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.contributions.to_le_bytes()[..], &self.sum].concat()
    }

    /// What [`encode`](Self::encode) gave; `None` if it is too short.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (contributions, sum) = bytes.split_at_checked(4)?;
        Some(Self { contributions: u32::from_le_bytes(contributions.try_into().ok()?), sum: sum.to_vec() })
    }
}
