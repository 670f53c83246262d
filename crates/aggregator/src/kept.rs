//! What nobody publishes: an aggregator's part of a sum, or of each contribution, and where it puts it.

use net::Identity;
use secagg::Vector;
use secagg::committee;
use terms::{Encoding, Terms};
use zeroize::Zeroizing;

use crate::error::Error;

/// What one aggregator keeps of a round's sum, or of each of its contributions, and what the terms say of it.
pub struct Kept {
    /// What it is called.
    pub name: String,
    /// How many contributions there are, one after the other; `None` if they are summed.
    pub rows: Option<usize>,
    /// Bits after the point.
    pub fraction: u32,
    /// No value is greater in size.
    pub bound: f64,
    /// Who has to agree to what is released of it.
    pub owner: Identity,
    /// Who holds the parts, in the order of the terms.
    pub holders: Vec<Identity>,
    /// Which of them this one is.
    pub role: usize,
    /// The digest of the terms.
    pub terms: [u8; 32],
    /// The round.
    pub round: u64,
    /// The same for parts that belong together, and for no others.
    pub origin: [u8; 32],
    /// Its part.
    pub part: Part,
}

/// A part of what is kept.
///
/// Values are fixed point modulo 2^64. Of a sum they are one more than the terms' length: the last one is the number of
/// contributions. Of each contribution they are as many, in the order of the list.
#[derive(Clone)]
pub enum Part {
    /// Of a three-party replicated sharing.
    Shares {
        /// The component of this holder's own number.
        own: Zeroizing<Vec<u64>>,
        /// The component of the next number.
        next: Zeroizing<Vec<u64>>,
    },
    /// Everything in the clear, in the memory of a machine that proved itself.
    Whole(Zeroizing<Vec<u64>>),
}

impl Part {
    /// How many values it is of.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Shares { own: values, .. } | Self::Whole(values) => values.len(),
        }
    }

    /// Whether it is of nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where an aggregator keeps its parts: the store of its worker.
pub trait Keeper: Send + Sync {
    /// Keeps a part. Durable when it returns; safe to repeat.
    ///
    /// # Errors
    /// [`Error::Board`] for what may pass, any other if it cannot be kept.
    fn keep(&self, part: &Kept) -> Result<(), Error>;
}

impl Kept {
    pub(crate) fn new(terms: &Terms, round: u64, contributions: usize, kept: &committee::Kept) -> Result<Self, Error> {
        let (Encoding::Fixed(fixed), Some(owner)) = (terms.encoding(), terms.owner()?) else {
            return Err(Error::terms("these terms publish their sums"));
        };
        let each = terms.keeps_each();
        let count = (contributions as u64) << fixed.fraction();
        let with = |count: u64, values: &Vector| {
            let mut values = Zeroizing::new(values.elements());
            if !each {
                values.push(count);
            }
            values
        };
        // The number is known to all three: it is in component 0, and the others add nothing to it.
        let component = |number: usize, values| with(if number.is_multiple_of(3) { count } else { 0 }, values);
        let part = match &kept.part {
            committee::Part::Shares { own, next } => {
                Part::Shares { own: component(kept.role, own), next: component(kept.role + 1, next) }
            }
            committee::Part::Whole(whole) => Part::Whole(with(count, whole)),
        };
        Ok(Self {
            name: terms.kept_name(round),
            rows: each.then_some(contributions),
            fraction: fixed.fraction(),
            bound: fixed.bound(),
            owner,
            holders: terms.holders(),
            role: kept.role,
            terms: terms.digest(),
            round,
            origin: kept.origin,
            part,
        })
    }
}
