//! Terms of the validated sum: what each contribution may be, and whole numbers as it takes them.

use secagg::validated::{Statistic, Validation};
use secagg::{Ring, Vector};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::draft::{AggregatorDraft, Draft};
use crate::error::Error;
use crate::keys;

/// Sums up to this are exact where results are given as doubles.
const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;

/// What the two aggregators check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatedDraft {
    /// What contributions are.
    pub kind: Kind,
    /// The greatest number, for sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greatest: Option<u64>,
    /// Who they are: the first one is the leader, to whom most of a contribution goes.
    pub aggregators: Vec<AggregatorDraft>,
}

/// What contributions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// 0 or 1.
    Count,
    /// A whole number from 0 to the greatest.
    Sum,
    /// Several of them.
    SumVector,
    /// A 1 in the place of what is chosen, and 0 elsewhere.
    Histogram,
}

impl ValidatedDraft {
    fn statistic(&self) -> Result<Statistic, Error> {
        match (self.kind, self.greatest) {
            (Kind::Count, None) => Ok(Statistic::Count),
            (Kind::Histogram, None) => Ok(Statistic::Histogram),
            (Kind::Sum, Some(greatest)) => Ok(Statistic::Sum { greatest }),
            (Kind::SumVector, Some(greatest)) => Ok(Statistic::SumVector { greatest }),
            (Kind::Count | Kind::Histogram, Some(_)) => {
                Err(Error::terms("[validated]: counts and histograms have no `greatest`"))
            }
            (Kind::Sum | Kind::SumVector, None) => {
                Err(Error::terms("[validated]: how great is the `greatest` number?"))
            }
        }
    }

    /// The two aggregators and what they check.
    pub(crate) fn validation(&self) -> Result<Validation, Error> {
        let [leader, helper] = self.aggregators.as_slice() else {
            return Err(Error::terms("[validated] needs two aggregators"));
        };
        let member = |of: &AggregatorDraft| keys::member(&of.key, &of.seal);
        Ok(Validation::new(member(leader)?, member(helper)?, self.statistic()?)?)
    }

    /// How values are summed.
    pub(crate) fn encoding(&self, draft: &Draft) -> Result<Whole, Error> {
        let settings = [
            (draft.clip != 0.0, "clip"),
            (draft.precision.is_some(), "precision"),
            (draft.weights.is_some(), "weights"),
            (draft.shares.is_some(), "[shares]"),
            (draft.noise.is_some(), "[noise]"),
        ];
        if let Some((_, setting)) = settings.iter().find(|(is_set, _)| *is_set) {
            return Err(Error::terms(format!(
                "[validated] sums whole numbers as they are: there is no {setting} with it"
            )));
        }
        let greatest = self.statistic()?.greatest();
        let sum = greatest.checked_mul(u64::from(draft.most)).filter(|sum| (1..=EXACT).contains(sum));
        let sum = sum.ok_or_else(|| Error::terms("[validated]: `greatest` times `most` is from 1 to 2^53"))?;
        Ok(Whole { greatest, ring: Ring::new(u64::BITS - sum.leading_zeros())? })
    }
}

/// Whole numbers from 0 to a greatest one.
#[derive(Clone, Copy)]
pub struct Whole {
    greatest: u64,
    ring: Ring,
}

impl Whole {
    /// The ring that sums are taken in: it holds the greatest one.
    #[must_use]
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// Values to a contribution, as they are.
    ///
    /// # Errors
    /// [`secagg::Error::Vector`] if one is no whole number from 0 to the greatest.
    pub fn encode(&self, values: &[f64]) -> Result<Vector, Error> {
        let in_range = |value: &f64| value.fract() == 0.0 && (0.0..=self.greatest as f64).contains(value);
        if !values.iter().all(in_range) {
            let what = format!("a value that is no whole number from 0 to {}", self.greatest);
            return Err(secagg::Error::Vector { what }.into());
        }
        let elements: Zeroizing<Vec<u64>> = Zeroizing::new(values.iter().map(|&value| value as u64).collect());
        Ok(Vector::from_elements(self.ring, &elements)?)
    }

    /// A sum as the numbers that it stands for.
    #[must_use]
    pub fn decode(&self, sum: &Vector) -> Vec<f64> {
        sum.elements().into_iter().map(|element| element as f64).collect()
    }
}
